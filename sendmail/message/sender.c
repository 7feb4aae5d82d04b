/*
 * Many smarthosts take one sender only. The name of the real one stays, because
 * it tells a reader which program or person wrote; the address stays in a field
 * that no server looks at, and where answers belong somewhere else, in Reply-To.
 */
#include "message/sender.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/address.h"
#include "message/ascii.h"
#include "message/header.h"
#include "message/outgoing.h"
#include "message/phrase.h"

enum {
	NAME_TEXT_MAX = 1024,
	ORIGINAL_MAX = 900, /* bytes of X-Original-From: one line with its name */
	REPLY_MAX = 8192, /* bytes of a list of authors that Reply-To repeats; else the first alone */
	COMPLETE_MAX = 2 * ADDRESS_MAX,
};

/* True when the rule does not mind this address. */
static bool
is_allowed(const struct sender_rule *rule, const char *address)
{
	if (rule == NULL || rule->forced == NULL || same_text(address, strlen(address), rule->forced))
		return true;
	for (size_t i = 0; i < rule->keep_count; i++)
		if (matches(rule->keep[i], address))
			return true;
	return false;
}

const char *
sender_allowed(const struct sender_rule *rule, const char *sender)
{
	return *sender == '\0' || is_allowed(rule, sender) ? sender : rule->forced;
}

/* The first mailbox of a list, with its complete address; the address is empty when there is none that is good. */
static enum address_result
first_mailbox(const struct sender_rule *rule, const struct field *field, struct address *a, char address[COMPLETE_MAX])
{
	struct address_list list;
	enum address_result result;

	address[0] = '\0';
	address_list_init(&list, field->value, field->value_length);
	do
		result = address_next(&list, a);
	while (result == ADDRESS_NULL);
	if (result == ADDRESS_FOUND)
		snprintf(address, COMPLETE_MAX, "%s%s%s", a->text, a->bare ? "@" : "", a->bare ? rule->domain : "");
	return result;
}

bool
sender_drops(const struct sender_rule *rule, const struct field *sender)
{
	struct address a;
	char address[COMPLETE_MAX];

	first_mailbox(rule, sender, &a, address);
	return !is_allowed(rule, address);
}

/* On one line, cut at ORIGINAL_MAX. */
static void
add_original(struct buffer *out, const struct field *from)
{
	const char *p = from->value, *end = p + from->value_length;
	struct buffer text;

	buffer_init(&text, ORIGINAL_MAX);
	for (; p < end; p++)
		if (*p != '\n')
			buffer_add_char(&text, is_control(*p) ? ' ' : *p);
	buffer_add_string(out, "X-Original-From:");
	buffer_add(out, text.data, text.length);
	buffer_add_char(out, '\n');
	buffer_free(&text);
}

/* An encoded name stays as it is: it would be too long for a new one. */
static void
add_from(struct buffer *out, const struct sender_rule *rule, const struct address *a, struct buffer *name)
{
	const char *text = buffer_string(name);

	buffer_add_string(out, "From: ");
	if (strstr(text, "=?") != NULL && a->phrase_length > 0 && a->phrase_length < ORIGINAL_MAX) {
		size_t length = a->phrase_length;

		while (length > 0 && (is_blank(a->start[length - 1]) || a->start[length - 1] == '\n'))
			length--;
		buffer_add(out, a->start, length);
		buffer_format(out, " <%s>", rule->forced);
	} else
		mailbox_add(out, *text != '\0' || rule->name == NULL ? text : rule->name, rule->forced);
	buffer_add_char(out, '\n');
}

static bool
is_ours(const struct sender_rule *rule, const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL || (rule->domain != NULL && same_text(at + 1, strlen(at + 1), rule->domain));
}

bool
sender_replaces(const struct sender_rule *rule, const struct field *from, struct buffer *out, struct buffer *reply)
{
	struct address a;
	char address[COMPLETE_MAX];
	enum address_result result = first_mailbox(rule, from, &a, address);
	struct buffer name;

	if (is_allowed(rule, address))
		return false;
	buffer_init(&name, NAME_TEXT_MAX);
	if (result != ADDRESS_END) {
		address_name(&a, &name);
		if (name.length == 0)
			address_comment(&a, &name);
	}
	add_from(out, rule, &a, &name);
	add_original(out, from);
	buffer_free(&name);
	if (result == ADDRESS_FOUND && !is_ours(rule, address) && reply->length == 0) {
		buffer_add_string(reply, "Reply-To:");
		if (from->value_length <= REPLY_MAX)
			buffer_add(reply, from->value, from->value_length);
		else
			buffer_format(reply, " %s", address);
		buffer_add_char(reply, '\n');
	}
	return true;
}

/*
 * Callers say who they are in many ways and smarthosts accept few. A bare name
 * becomes an address; a comment becomes a display name, because large providers
 * refuse `root (Cron Daemon)`. What a smarthost demands beyond that is the
 * business of sender.c, because only the one that takes the message counts.
 */
#include "message/origin.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/address.h"
#include "message/compose.h"
#include "message/header.h"
#include "message/phrase.h"

enum { NAME_TEXT_MAX = 1024 };

static const char quoted_null[] = "\"<>\""; /* as cronie 1.7.1 gives it, to no shell */

/* name@domain. */
static int
complete(char out[ADDRESS_MAX + 1], const char *name, const struct identity *identity, struct reason *reason)
{
	if (snprintf(out, ADDRESS_MAX + 1, "%s@%s", name, identity->domain) > ADDRESS_MAX)
		return reason_set(reason, "sender %s: address is too long", name);
	return 0;
}

/* Nobody said who sends: the configured address or the login. */
static int
default_sender(const struct identity *identity, char sender[ADDRESS_MAX + 1], struct reason *reason)
{
	if (identity->from != NULL) {
		snprintf(sender, ADDRESS_MAX + 1, "%s", identity->from);
		return 0;
	}
	if (!address_join(sender, identity->login, identity->domain))
		return reason_set(reason, "the login name cannot be a sender; use -f or [identity] from");
	return 0;
}

int
origin_sender(const struct identity *identity, const struct submission *submission, char sender[ADDRESS_MAX + 1],
    struct reason *reason)
{
	struct address_list list;
	struct address a;
	char text[ADDRESS_MAX];

	if (submission->sender == NULL)
		return default_sender(identity, sender, reason);
	sender[0] = '\0';
	if (strcmp(submission->sender, quoted_null) == 0)
		return 0;
	address_list_init(&list, submission->sender, strlen(submission->sender));
	switch (address_next(&list, &a)) {
	case ADDRESS_BAD:
		printable(text, sizeof(text), submission->sender, strlen(submission->sender));
		return reason_set(reason, "-f %s: %s", text, a.reason);
	case ADDRESS_FOUND:
		if (a.bare && identity->from != NULL)
			return default_sender(identity, sender, reason);
		if (a.bare)
			return complete(sender, a.text, identity, reason);
		memcpy(sender, a.text, strlen(a.text) + 1);
		return 0;
	case ADDRESS_NULL:
	case ADDRESS_END:
		break;
	}
	return 0;
}

/* An address that the configuration chose gets the configured name when it has none. */
static void
add_mailbox(const struct identity *identity, const char *name, const char *address, struct buffer *out)
{
	bool ours = identity->from != NULL && strcmp(address, identity->from) == 0;

	mailbox_add(out, ours && *name == '\0' && identity->from_name != NULL ? identity->from_name : name, address);
}

/* The full name of the passwd entry: up to the first comma, '&' is the login with a capital (finger's rule). */
static void
add_gecos(const struct identity *identity, struct buffer *name)
{
	for (const char *c = identity->gecos; *c != '\0' && *c != ','; c++) {
		size_t at = name->length;

		if (*c != '&') {
			buffer_add_char(name, *c);
			continue;
		}
		buffer_add_string(name, identity->login);
		if (at < name->length && name->data[at] >= 'a' && name->data[at] <= 'z')
			name->data[at] = (char)(name->data[at] - 'a' + 'A');
	}
}

/* calendar(1) says -F '"Reminder Service"'. */
static void
add_without_quotes(struct buffer *name, const char *text)
{
	size_t length = strlen(text);
	size_t quote = length >= 2 && text[0] == '"' && text[length - 1] == '"' ? 1 : 0;

	buffer_add(name, text + quote, length - 2 * quote);
}

void
origin_add(const struct identity *identity, const struct submission *submission, const char *sender, struct buffer *out)
{
	char daemon[ADDRESS_MAX + 1];
	struct buffer name;

	buffer_init(&name, NAME_TEXT_MAX);
	if (submission->full_name != NULL)
		add_without_quotes(&name, submission->full_name);
	else if (submission->sender != NULL)
		buffer_clear(&name);
	else if (identity->name != NULL)
		buffer_add_string(&name, identity->name);
	else if (identity->gecos != NULL && *identity->gecos != '\0')
		add_gecos(identity, &name);
	else if (identity->from_name != NULL)
		buffer_add_string(&name, identity->from_name);
	if (*sender == '\0' && address_join(daemon, "MAILER-DAEMON", identity->domain))
		sender = daemon;
	add_mailbox(identity, buffer_string(&name), sender, out);
	buffer_free(&name);
}

/* A mailbox of a From field and what it says. */
struct author {
	char address[2 * ADDRESS_MAX]; /* complete; empty when it is bad */
	struct buffer name; /* owned */
	bool ours; /* the address is that of [identity] from */
	bool commented; /* the name stands in a comment */
};

static void
author_init(struct author *author, const struct identity *identity, const struct address *a)
{
	*author = (struct author){ .ours = a->reason == NULL && a->bare && identity->from != NULL };
	if (author->ours)
		snprintf(author->address, sizeof(author->address), "%s", identity->from);
	else if (a->reason == NULL)
		snprintf(author->address, sizeof(author->address), "%s%s%s", a->text, a->bare ? "@" : "",
		    a->bare ? identity->domain : "");
	buffer_init(&author->name, NAME_TEXT_MAX);
	address_name(a, &author->name);
	if (author->name.length == 0) {
		address_comment(a, &author->name);
		author->commented = author->name.length > 0;
	}
}

/* Writes a good mailbox, if it has to change, and the field before it; *written is how far the field is done. */
static void
rewrite_mailbox(const struct identity *identity, struct author *author, const struct address *a, const char **written,
    struct buffer *out)
{
	if (author->ours || author->commented) {
		buffer_add(out, *written, (size_t)(a->start - *written));
		add_mailbox(identity, buffer_string(&author->name), author->address, out);
		*written = a->start + a->length;
	} else if (a->bare) {
		buffer_add(out, *written, (size_t)(a->spec - *written));
		buffer_add_string(out, author->address);
		*written = a->spec + a->spec_length;
	}
}

void
origin_rewrite(const struct identity *identity, const struct field *field, struct buffer *out)
{
	const char *written = field->value, *end = field->value + field->value_length;
	struct address_list list;
	enum address_result result;
	struct address a;

	address_list_init(&list, field->value, field->value_length);
	while ((result = address_next(&list, &a)) != ADDRESS_END) {
		struct author author;

		if (result != ADDRESS_FOUND)
			continue;
		author_init(&author, identity, &a);
		rewrite_mailbox(identity, &author, &a, &written, out);
		buffer_free(&author.name);
	}
	buffer_add(out, written, (size_t)(end - written));
}

/*
 * What a message must become for this server: which of its extensions a
 * transaction uses, and what has to be encoded because one is missing. A missing
 * extension is no reason to refuse a message, but for addresses that only
 * SMTPUTF8 (RFC 6531) can carry.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "message/address.h"
#include "message/utf8.h"
#include "message/words.h"
#include "smtp/engine.h"

enum { WISHES_ADDRESS_MAX = 200 /* a longer or unusual address does without ORCPT */ };

const char *
form_sender(const struct smtp *s, const struct envelope *envelope)
{
	return sender_allowed(s->options->senders, envelope->sender);
}

/* Anything else would end the address early, and what follows would be read as a parameter. */
bool
form_sendable(const char *address, bool utf8)
{
	bool quoted = false;

	if (address_needs_utf8(address) && !(utf8 && utf8_is_valid(address, strlen(address))))
		return false;
	for (const char *c = address; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f || (!quoted && strchr("<> ", *c) != NULL))
			return false;
		if (*c == '"')
			quoted = !quoted;
		else if (*c == '\\' && quoted && c[1] != '\0')
			c++;
	}
	return !quoted;
}

static void
refuse(struct recipient *recipient, const char *address)
{
	char text[REPLY_TEXT_MAX];

	snprintf(text, sizeof(text), "the address %s needs SMTPUTF8, which this smarthost does not offer", address);
	recipient->verdict = FAILED;
	reply_set(&recipient->reply, 553, "5.6.7", text);
}

void
form_refuse(const struct smtp *s, struct envelope *envelope)
{
	const char *sender = form_sender(s, envelope);

	if ((s->server.bits & CAN_SMTPUTF8) != 0)
		return;
	for (size_t i = 0; i < envelope->count; i++) {
		struct recipient *recipient = &envelope->recipients[i];

		if (recipient->verdict != DEFERRED)
			continue;
		if (address_needs_utf8(sender))
			refuse(recipient, sender);
		else if (address_needs_utf8(recipient->address))
			refuse(recipient, recipient->address);
	}
}

void
form_decide(struct smtp *s)
{
	struct transaction *t = &s->mail;
	const struct facts *facts = &t->envelope->facts;
	const char *fields = s->options->fields;

	t->utf8 = address_needs_utf8(form_sender(s, t->envelope));
	for (size_t i = 0; i < t->envelope->count && !t->utf8; i++)
		t->utf8 = t->fates[i] == OPEN && address_needs_utf8(t->envelope->recipients[i].address);
	t->form = (struct outgoing_options){
		.stuff_dots = (s->server.bits & CAN_CHUNKING) == 0,
		.utf8 = !facts->not_utf8,
		.senders = s->options->senders,
		.fields = fields,
	};
	if (facts->longest_line > TEXT_LINE_MAX)
		t->form.convert |= CONVERT_LINES;
	if (facts->eight_bit && (s->server.bits & CAN_8BITMIME) == 0)
		t->form.convert |= CONVERT_EIGHT_BIT;
	if (!t->utf8 && (facts->eight_bit || (fields != NULL && has_eight_bit(fields, strlen(fields)))))
		t->form.convert |= CONVERT_HEADER;
}

bool
form_passes_wishes(const struct smtp *s)
{
	return (s->server.bits & CAN_DSN) != 0;
}

/* What reports about the whole message should be like (RFC 3461 4.3, 4.4). */
static void
add_report_form(struct smtp *s)
{
	const struct envelope *envelope = s->mail.envelope;

	if (!form_passes_wishes(s))
		return;
	if (envelope->ret != 0)
		buffer_format(&s->line, " RET=%s", envelope->ret == 'F' ? "FULL" : "HDRS");
	if (envelope->envid != NULL) {
		buffer_add_string(&s->line, " ENVID=");
		xtext_encode(&s->line, envelope->envid, strlen(envelope->envid));
	}
}

/* Which reports the sender wants of this recipient (RFC 3461 4.1, 4.2). */
void
form_wishes(struct smtp *s, const char *address)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	unsigned notify = s->mail.envelope->notify;
	const char *separator = " NOTIFY=";

	if (!form_passes_wishes(s) || notify == 0)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & 1U << i) == 0)
			continue;
		buffer_format(&s->line, "%s%s", separator, words[i]);
		separator = ",";
	}
	if (strlen(address) > WISHES_ADDRESS_MAX || address_needs_utf8(address))
		return;
	buffer_add_string(&s->line, " ORCPT=rfc822;");
	xtext_encode(&s->line, address, strlen(address));
}

void
form_parameters(struct smtp *s)
{
	const struct transaction *t = &s->mail;
	const struct facts *facts = &t->envelope->facts;
	uint64_t size = facts->size + (s->options->fields != NULL ? strlen(s->options->fields) : 0);

	/* RFC 1870 section 5: an estimate. Of text that will be encoded there is none. */
	if ((s->server.bits & CAN_SIZE) != 0 && (t->form.convert & (CONVERT_LINES | CONVERT_EIGHT_BIT)) == 0)
		buffer_format(&s->line, " SIZE=%llu", (unsigned long long)size);
	if ((s->server.bits & CAN_8BITMIME) != 0 && facts->eight_bit)
		buffer_add_string(&s->line, " BODY=8BITMIME");
	if (t->utf8)
		buffer_add_string(&s->line, " SMTPUTF8");
	add_report_form(s);
}

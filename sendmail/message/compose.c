/*
 * Two walks over the header. The first finds out what is there; then sender and
 * recipients are decided; the second writes the new header: Received, the
 * caller's fields through the row of their name, and what was missing.
 */
#include "message/compose.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "message/address.h"
#include "message/date.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/origin.h"
#include "message/phrase.h"
#include "message/reader.h"
#include "message/recipients.h"
#include "message/utf8.h"
#include "message/words.h"

enum { MESSAGE_ID_MAX = 512 };

struct composition {
	const struct submission *submission;
	const struct identity *identity;
	const struct stamp *stamp;
	const char *header, *header_end; /* the caller's */
	struct envelope *envelope;
	struct buffer *out;
	unsigned seen; /* traits of the fields that are there and say something */
	bool utf8; /* UTF-8 may stay: the envelope needs SMTPUTF8 anyway */
	struct buffer value; /* of the field being written */
};

/* What a field is: bits, so that a few of them can be asked for at once. */
enum trait {
	ADDRESSES = 1 << 0, /* holds an address list; left out when it is empty, as RFC 5322 has no such field */
	DROPPED = 1 << 1, /* never sent on */
	TO = 1 << 2, /* -t finds recipients here */
	RESENT_TO = 1 << 3, /* and here before all others */
	FROM = 1 << 4,
	DATE = 1 << 5,
	MESSAGE_ID = 1 << 6,
	RESENT = 1 << 7, /* the message is passed on by somebody */
	RESENT_DATE = 1 << 8,
	RESENT_MESSAGE_ID = 1 << 9,
	STAMP = DATE | MESSAGE_ID | RESENT_DATE | RESENT_MESSAGE_ID, /* left out when it is blank, and made anew */
};

static void make_addresses(struct composition *, const struct field *);
static void make_from(struct composition *, const struct field *);

static const struct rule {
	const char *name;
	unsigned traits;
	void (*make)(struct composition *, const struct field *); /* the value; NULL: as it is */
} rules[] = {
	{ "From", ADDRESSES | FROM, make_from },
	{ "Sender", ADDRESSES, make_addresses },
	{ "Reply-To", ADDRESSES, make_addresses },
	{ "To", ADDRESSES | TO, make_addresses },
	{ "Cc", ADDRESSES | TO, make_addresses },
	{ "Bcc", ADDRESSES | TO | DROPPED, NULL },
	{ "Date", DATE, NULL },
	{ "Message-ID", MESSAGE_ID, NULL },
	{ "Resent-From", ADDRESSES | RESENT, make_addresses },
	{ "Resent-Sender", ADDRESSES | RESENT, make_addresses },
	{ "Resent-To", ADDRESSES | RESENT | RESENT_TO, make_addresses },
	{ "Resent-Cc", ADDRESSES | RESENT | RESENT_TO, make_addresses },
	{ "Resent-Bcc", ADDRESSES | RESENT | RESENT_TO | DROPPED, NULL },
	{ "Resent-Date", RESENT | RESENT_DATE, NULL },
	{ "Resent-Message-ID", RESENT | RESENT_MESSAGE_ID, NULL },
	{ "Return-Path", DROPPED, NULL },
	{ "Content-Length", DROPPED, NULL },
	{ NULL, 0, NULL },
};

/* The row of a field; the last one for a field without rules. */
static const struct rule *
rule_of(const struct field *field)
{
	const struct rule *rule = rules;

	while (rule->name != NULL && !field_is(field, rule->name))
		rule++;
	return rule;
}

/* A group counts even when it is empty: "undisclosed-recipients:;". */
static bool
holds_addresses(const struct field *field)
{
	struct address_list list;
	enum address_result result;
	struct address a;

	address_list_init(&list, field->value, field->value_length);
	do
		result = address_next(&list, &a);
	while (result == ADDRESS_NULL);
	return result != ADDRESS_END || list.group;
}

static bool
is_missing(const struct rule *rule, const struct field *field)
{
	if ((rule->traits & ADDRESSES) != 0)
		return !holds_addresses(field);
	return (rule->traits & STAMP) != 0 && field_is_blank(field);
}

/* For the log: on one line, without the blank behind the colon. */
static char *
copy_id(const struct field *field)
{
	char id[MESSAGE_ID_MAX];

	printable(id, sizeof(id), field->value, field->value_length);
	return copy_string(id[0] == ' ' ? id + 1 : id);
}

/*
 * The traits that count for the message. Who passes it on again puts another
 * block of Resent fields before the older ones (RFC 5322 3.6.6): only the first
 * one is his and may miss something. It ends at a name it has already, or at any
 * other field.
 */
static unsigned
traits_of(const struct rule *rule, unsigned *block, bool *over)
{
	unsigned bit = 1u << (rule - rules);

	if ((rule->traits & RESENT) == 0) {
		*over = *over || *block != 0;
		return rule->traits;
	}
	*over = *over || (*block & bit) != 0;
	*block |= bit;
	return *over ? rule->traits & ~(unsigned)(RESENT_DATE | RESENT_MESSAGE_ID) : rule->traits;
}

static void
survey(struct composition *c)
{
	const char *at = c->header;
	unsigned block = 0; /* bits of the rules that the first block of Resent fields has met */
	bool over = false; /* that block */
	struct field field;

	while (field_next(&at, c->header_end, &field)) {
		const struct rule *rule = rule_of(&field);

		if (is_missing(rule, &field))
			continue;
		if ((rule->traits & MESSAGE_ID) != 0 && c->envelope->message_id == NULL)
			c->envelope->message_id = copy_id(&field);
		c->seen |= traits_of(rule, &block, &over);
	}
}

static enum compose_result
find_recipients(struct composition *c, struct reason *reason)
{
	const char *at = c->header;
	unsigned wanted = (c->seen & RESENT_TO) != 0 ? RESENT_TO : TO;
	struct recipients recipients;
	struct field field;

	recipients_init(&recipients, c->identity, c->envelope);
	for (size_t i = 0; i < c->submission->recipient_count; i++)
		recipients_add(&recipients, c->submission->recipients[i], strlen(c->submission->recipients[i]));
	while (c->submission->from_header && field_next(&at, c->header_end, &field))
		if ((rule_of(&field)->traits & wanted) != 0)
			recipients_add(&recipients, field.value, field.value_length);
	recipients_free(&recipients);
	if (recipients.full) {
		reason_set(reason, "more than %d recipients; send the message in several parts", RECIPIENTS_MAX);
		return COMPOSE_BAD_DATA;
	}
	if (c->envelope->count == 0) {
		reason_set(reason, "no recipients: name them as arguments, or use -t and a To, Cc or Bcc field");
		return COMPOSE_NO_RECIPIENTS;
	}
	return COMPOSE_OK;
}

/* Copies a list, with the bare names in it completed. */
static void
make_addresses(struct composition *c, const struct field *field)
{
	const char *written = field->value;
	struct address_list list;
	enum address_result result;
	struct address a;

	address_list_init(&list, field->value, field->value_length);
	while ((result = address_next(&list, &a)) != ADDRESS_END) {
		if (result != ADDRESS_FOUND || !a.bare)
			continue;
		buffer_add(&c->value, written, (size_t)(a.spec - written));
		buffer_format(&c->value, "%s@%s", a.text, c->identity->domain);
		written = a.spec + a.spec_length;
	}
	buffer_add(&c->value, written, (size_t)(field->value + field->value_length - written));
}

static void
make_from(struct composition *c, const struct field *field)
{
	origin_rewrite(c->identity, field, &c->value);
}

static void
write_date(struct composition *c, const char *name)
{
	buffer_add_string(c->out, name);
	date_add(c->out, c->stamp->now, c->stamp->zone);
	buffer_add_char(c->out, '\n');
}

static void
write_received(struct composition *c)
{
	char host[ADDRESS_MAX];

	printable(host, sizeof(host), c->identity->host, strlen(c->identity->host));
	buffer_format(c->out, "Received: by %s (sendmail-submit, from userid %lu)\n", host, c->identity->uid);
	buffer_format(c->out, "\tid %s; ", c->stamp->id);
	write_date(c, "");
}

/* One set of Resent fields stands together, at the top (RFC 5322 3.6.6). */
static void
write_missing_resent(struct composition *c)
{
	if ((c->seen & RESENT) == 0)
		return;
	if ((c->seen & RESENT_DATE) == 0)
		write_date(c, "Resent-Date: ");
	if ((c->seen & RESENT_MESSAGE_ID) == 0)
		buffer_format(c->out, "Resent-Message-ID: <%s.resent@%s>\n", c->stamp->id, c->identity->domain);
}

static void
write_field(struct composition *c, const struct field *field, const char *value, size_t length)
{
	bool encode = has_eight_bit(value, length) && !(c->utf8 && utf8_is_valid(value, length));

	field_add(c->out, field->name, field->name_length, value, length, encode, true);
}

static void
write_fields(struct composition *c)
{
	const char *at = c->header;
	struct field field;

	while (field_next(&at, c->header_end, &field)) {
		const struct rule *rule = rule_of(&field);

		if ((rule->traits & DROPPED) != 0 || is_missing(rule, &field))
			continue;
		if (rule->make == NULL) {
			write_field(c, &field, field.value, field.value_length);
			continue;
		}
		buffer_clear(&c->value);
		rule->make(c, &field);
		c->out->overflow = c->out->overflow || c->value.overflow;
		write_field(c, &field, c->value.data, c->value.length);
	}
}

static void
write_missing(struct composition *c, const char *sender)
{
	if ((c->seen & FROM) == 0) {
		buffer_add_string(c->out, "From: ");
		origin_add(c->identity, c->submission, sender, c->out);
		buffer_add_char(c->out, '\n');
	}
	if ((c->seen & DATE) == 0)
		write_date(c, "Date: ");
	if ((c->seen & MESSAGE_ID) == 0) {
		char id[MESSAGE_ID_MAX];

		snprintf(id, sizeof(id), "<%s@%s>", c->stamp->id, c->identity->domain);
		c->envelope->message_id = copy_string(id);
		buffer_format(c->out, "Message-ID: %s\n", id);
	}
}

static bool
needs_utf8(const struct envelope *envelope)
{
	bool needed = address_needs_utf8(envelope->sender);

	for (size_t i = 0; i < envelope->count && !needed; i++)
		needed =
		    envelope->recipients[i].verdict != FAILED && address_needs_utf8(envelope->recipients[i].address);
	return needed;
}

enum compose_result
compose(const struct buffer *header, const struct submission *submission, const struct identity *identity,
    const struct stamp *stamp, struct envelope *envelope, struct buffer *out, struct reason *reason)
{
	struct composition c = {
		.submission = submission,
		.identity = identity,
		.stamp = stamp,
		.envelope = envelope,
		.out = out,
	};
	char sender[ADDRESS_MAX + 1];
	enum compose_result result;

	if (header->overflow) {
		reason_set(reason, "the header is larger than %d bytes", HEADER_MAX);
		return COMPOSE_BAD_DATA;
	}
	if (out->limit > COMPOSED_MAX)
		out->limit = COMPOSED_MAX;
	if (origin_sender(identity, submission, sender, reason) != 0)
		return COMPOSE_BAD_DATA;
	c.header = header->length > 0 ? header->data : "";
	c.header_end = c.header + header->length;
	envelope->sender = copy_string(sender);
	survey(&c);
	result = find_recipients(&c, reason);
	if (result != COMPOSE_OK)
		return result;
	c.utf8 = needs_utf8(envelope);
	buffer_init(&c.value, COMPOSED_MAX);
	write_received(&c);
	write_missing_resent(&c);
	write_fields(&c);
	write_missing(&c, sender);
	buffer_free(&c.value);
	buffer_add_char(out, '\n');
	if (out->overflow) {
		reason_set(reason, "the completed header is larger than %d bytes", COMPOSED_MAX);
		return COMPOSE_BAD_DATA;
	}
	return COMPOSE_OK;
}

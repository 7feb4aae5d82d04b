/*
 * The whole layer: the input is options (one byte of flags, then lines for
 * -f, -F, NAME, an argument and an alias target), and after an empty line what
 * stdin says. Whatever it is, the result is a legal header without Bcc, and
 * every recipient that is not FAILED is an address that SMTP can carry.
 */
#include "message/compose.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "message/address.h"
#include "message/header.h"
#include "message/reader.h"
#include "message/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { OPTIONS = 5 };

enum flag { FROM_HEADER = 1, FROM = 2, ALIASES = 8, DOT_ENDS = 16, SENDER = 32, NAME = 64, GECOS = 128 };

static void
must(bool good)
{
	if (!good)
		abort();
}

/* Addresses that leave hold no byte that could end a command. */
static void
check_address(const char *address)
{
	struct address_list list;
	struct address a;

	for (const char *c = address; *c != '\0'; c++)
		must((unsigned char)*c >= ' ' && *c != 0x7f);
	must(utf8_is_valid(address, strlen(address)));
	address_list_init(&list, address, strlen(address));
	must(address_next(&list, &a) == ADDRESS_FOUND && !a.bare && strcmp(a.text, address) == 0);
}

static bool
starts_with(const struct buffer *b, const char *text)
{
	return b->length >= strlen(text) && memcmp(b->data, text, strlen(text)) == 0;
}

static bool
is_ascii(const struct field *field)
{
	for (size_t i = 0; i < field->value_length; i++)
		if ((unsigned char)field->value[i] > 0x7f)
			return false;
	return true;
}

static bool
needs_utf8(const struct envelope *e)
{
	bool needed = address_needs_utf8(e->sender);

	for (size_t i = 0; i < e->count; i++)
		needed = needed || address_needs_utf8(e->recipients[i].address);
	return needed;
}

static void
check_header(const struct buffer *out, bool utf8)
{
	const char *at = out->data, *end = out->data + out->length - 1;
	unsigned from = 0, date = 0, id = 0;
	struct facts facts = { 0 };
	struct field field;

	must(starts_with(out, "Received: by box (sendmail-submit, from userid 7)\n\tid ID; ") && *end == '\n');
	while (field_next(&at, end, &field)) {
		must(field.name_length > 0 && field.value > field.name && field.value[-1] == ':');
		must(!field_is(&field, "Bcc") && !field_is(&field, "Resent-Bcc") && !field_is(&field, "Return-Path"));
		must(memchr(field.value, '\r', field.value_length) == NULL);
		must(utf8 ? utf8_is_valid(field.value, field.value_length) : is_ascii(&field));
		from += field_is(&field, "From");
		date += field_is(&field, "Date");
		id += field_is(&field, "Message-ID");
	}
	facts_add(&facts, out->data, out->length);
	must(facts.longest_line <= 998);
	must(at == end && from > 0 && date > 0 && id > 0);
}

static void
check_envelope(const struct envelope *e)
{
	must(e->count > 0 && e->count <= RECIPIENTS_MAX && e->message_id != NULL);
	if (e->sender[0] != '\0')
		check_address(e->sender);
	for (size_t i = 0; i < e->count; i++) {
		if (e->recipients[i].verdict == DEFERRED)
			check_address(e->recipients[i].address);
		else
			must(e->recipients[i].verdict == FAILED && e->recipients[i].reply.code == 553);
	}
}

/* Cuts the option lines off; returns where stdin starts. */
static const char *
cut_options(const char *text, const char *end, char *options[OPTIONS])
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		stop = stop != NULL ? stop : end;
		options[i] = copy_bytes(text, (size_t)(stop - text));
		/* Other bytes than LF may stand for it, so that lines can hold one. */
		for (char *c = options[i]; *c != '\0'; c++)
			*c = *c == '\x1e' ? '\n' : *c;
		text = stop < end ? stop + 1 : end;
	}
	return text;
}

static void
try_compose(unsigned flags, char *options[OPTIONS], const char *text, size_t n)
{
	const char *const recipients[] = { options[3] }, *const targets[] = { options[4], "ops@x.example, root" };
	const struct alias_row aliases[] = { { "root", targets, 2 }, { "*", targets + 1, 1 } };
	const struct submission submission = { recipients, 1, flags & FROM_HEADER, flags & SENDER ? options[0] : NULL,
		flags & NAME ? options[1] : NULL };
	const struct identity identity = { "alice", flags & GECOS ? options[2] : NULL,
		flags & GECOS ? NULL : options[2], "example.test", "box", flags & FROM ? "app@shop.example" : NULL,
		"The Shop", aliases, flags & ALIASES ? 2 : 0, 7 };
	const struct stamp stamp = { 1795463280, 60, "ID" };
	struct buffer header, body, out;
	struct envelope envelope;
	struct reason reason;
	struct reader reader;

	buffer_init(&header, HEADER_MAX);
	buffer_init(&body, HEADER_MAX);
	buffer_init(&out, SIZE_MAX);
	envelope_init(&envelope);
	reader_init(&reader, flags & DOT_ENDS);
	reader_input(&reader, text, n, &header, &body);
	reader_end(&reader, &header, &body);
	if (compose(&header, &submission, &identity, &stamp, &envelope, &out, &reason) == COMPOSE_OK) {
		check_header(&out, needs_utf8(&envelope));
		check_envelope(&envelope);
	} else
		must(strchr(reason.text, '\n') == NULL && reason.text[0] != '\0');
	envelope_free(&envelope);
	buffer_free(&header);
	buffer_free(&body);
	buffer_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = (const char *)data + size, *text;
	char *options[OPTIONS];

	if (size == 0)
		return 0;
	text = cut_options((const char *)data + 1, end, options);
	try_compose(data[0], options, text, (size_t)(end - text));
	for (size_t i = 0; i < OPTIONS; i++)
		free(options[i]);
	return 0;
}

/*
 * The structure parser (mime.h) says what everything is, this decides what
 * becomes of it, and a last stage (body.h) makes line ends and dots. A message
 * that needs nothing of all that goes through the last stage alone.
 *
 * What is decided for a part is decided from its header: with a convert bit set
 * every part that is not encoded is encoded, whether it needs it or not, because
 * what it holds is known only when its header has long been sent.
 */
#include "message/outgoing.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"
#include "message/body.h"
#include "message/fields.h"
#include "message/mime.h"
#include "message/quoted.h"
#include "message/sender.h"
#include "message/words.h"

enum {
	CONVERT_TEXT = CONVERT_LINES | CONVERT_EIGHT_BIT,
	TEXT_BLOCK = 4096, /* encoded at a time */
	FIELD_LIMIT = 16 * MIME_FIELD_MAX, /* of what becomes of one field */
	ENCODING_FIELD_MAX = 512, /* of the value of Content-Transfer-Encoding, when it stays */
	FROM_MAX = 16384, /* of the fields that the sender rule writes */
};

static const char encoding_field[] = "Content-Transfer-Encoding";

struct outgoing {
	const struct outgoing_options *options;
	bool plain; /* the last stage is all there is to do */
	bool begun;
	struct body_filter wire;
	struct buffer *out; /* of this call */
	struct mime mime;
	struct quoted quoted; /* text of the current part */
	struct buffer text; /* what is being made */
	struct buffer encoding; /* value of Content-Transfer-Encoding of the current part, as it came */
	struct buffer reply; /* Reply-To that the sender rule wants */
	enum field_kind kind; /* of the last field, for its rest */
	bool dropping; /* the last field was left out, and so is its rest */
	bool has_reply_to;
};

/* What is done with the text of a part, and what its header then says; by mime_encoding. */
static const struct {
	enum quoted_form form;
	const char *name; /* NULL: what it said before */
} encodings[] = {
	[ENCODING_NONE] = { QUOTED_ENCODE, "quoted-printable" },
	[ENCODING_8BIT] = { QUOTED_ENCODE, "quoted-printable" },
	[ENCODING_BINARY] = { QUOTED_ENCODE, "quoted-printable" },
	[ENCODING_QUOTED_PRINTABLE] = { QUOTED_BREAK, NULL },
	[ENCODING_BASE64] = { QUOTED_BASE64, NULL },
	[ENCODING_UUENCODE] = { QUOTED_LEGAL, NULL },
	[ENCODING_UNKNOWN] = { QUOTED_ENCODE, "quoted-printable" },
};

static bool
converts(const struct outgoing *o, unsigned bits)
{
	return (o->options->convert & bits) != 0;
}

static void
put(struct outgoing *o, const char *bytes, size_t n)
{
	body_filter(&o->wire, bytes, n, o->out);
}

/* Sends what was made. */
static void
put_text(struct outgoing *o)
{
	put(o, o->text.data, o->text.length);
	buffer_clear(&o->text);
}

/* The sender rule and encoded words make lines longer, so that any may need a fold. */
static void
put_field(struct outgoing *o, const struct field *field)
{
	field_add_kind(&o->text, o->kind, field->name, field->name_length, field->value, field->value_length,
	    converts(o, CONVERT_HEADER), true);
	put_text(o);
}

/* The same for fields that we wrote ourselves. */
static void
put_fields(struct outgoing *o, const struct buffer *fields)
{
	const char *at = fields->data, *end = at + fields->length;
	struct field field;

	while (field_next(&at, end, &field)) {
		o->kind = field_kind_of(field.name, field.name_length);
		put_field(o, &field);
	}
}

/* A field of the message's own header under a sender rule; true when it is done with. */
static bool
apply_rule(struct outgoing *o, const struct field *field)
{
	const struct sender_rule *rule = o->options->senders;
	struct buffer fields;
	bool replaced;

	if (field_is(field, "Reply-To"))
		o->has_reply_to = true;
	if (field_is(field, "Sender"))
		return sender_drops(rule, field);
	if (!field_is(field, "From"))
		return false;
	buffer_init(&fields, FROM_MAX);
	replaced = sender_replaces(rule, field, &fields, &o->reply);
	if (replaced)
		put_fields(o, &fields);
	buffer_free(&fields);
	return replaced;
}

/* The encoding is written when the whole header is known; it is dropped here. */
static bool
takes_encoding(struct outgoing *o, const struct field *field)
{
	size_t gap = 0;

	if (!converts(o, CONVERT_TEXT) || !field_is(field, encoding_field))
		return false;
	/* Of one that has to be cut the word is what counts. */
	if (field->value_length > ENCODING_FIELD_MAX)
		while (gap + 1 < field->value_length && is_gap(field->value[gap + 1]))
			gap++;
	if (o->encoding.length == 0)
		buffer_add(&o->encoding, field->value + gap, field->value_length - gap);
	return true;
}

static void
on_field(void *context, const struct field *field, bool continued)
{
	struct outgoing *o = context;

	if (!continued) {
		o->dropping =
		    takes_encoding(o, field) || (o->mime.top && o->options->senders != NULL && apply_rule(o, field));
		o->kind = field_kind_of(field->name, field->name_length);
	}
	if (!o->dropping)
		put_field(o, field);
}

/* How the text of the current part leaves. */
static enum quoted_form
form_of(const struct outgoing *o)
{
	const struct mime_part *part = &o->mime.part;

	if (!converts(o, CONVERT_TEXT) || part->kind == MIME_SIGNED)
		return QUOTED_AS_IS;
	return part->kind == MIME_TEXT ? encodings[part->encoding].form : QUOTED_LEGAL;
}

static void
begin_text(struct outgoing *o)
{
	o->quoted = (struct quoted){
		.form = form_of(o), .lines = converts(o, CONVERT_LINES), .eight_bit = converts(o, CONVERT_EIGHT_BIT)
	};
}

/* What Content-Transfer-Encoding has to say; NULL: what it said before, if anything. */
static const char *
encoding_name(const struct outgoing *o)
{
	const struct mime_part *part = &o->mime.part;

	if (part->kind == MIME_TEXT)
		return encodings[part->encoding].name;
	if (part->kind == MIME_SIGNED || (part->encoding != ENCODING_8BIT && part->encoding != ENCODING_BINARY))
		return NULL;
	return converts(o, CONVERT_EIGHT_BIT) ? "7bit" : "8bit";
}

/* The fields that a converted part must have; one without text needs none. */
static void
add_mime_fields(struct outgoing *o, bool empty)
{
	const struct mime_part *part = &o->mime.part;
	const char *name = empty ? NULL : encoding_name(o);

	if (name != NULL && part->is_message && !part->has_version)
		buffer_add_string(&o->text, "MIME-Version: 1.0\n");
	if (name != NULL && part->is_message && !part->has_type)
		buffer_format(
		    &o->text, "Content-Type: text/plain; charset=%s\n", o->options->utf8 ? "utf-8" : "unknown-8bit");
	if (name != NULL)
		buffer_format(&o->text, "%s: %s\n", encoding_field, name);
	else if (part->has_encoding)
		field_add(&o->text, encoding_field, strlen(encoding_field), o->encoding.data, o->encoding.length,
		    converts(o, CONVERT_HEADER), true);
	buffer_clear(&o->encoding);
}

static void
on_header_end(void *context, bool ended)
{
	struct outgoing *o = context;
	bool top = o->mime.top;

	if (top && o->reply.length > 0 && !o->has_reply_to)
		put_fields(o, &o->reply);
	if (converts(o, CONVERT_TEXT))
		add_mime_fields(o, !ended);
	if (ended)
		buffer_add_char(&o->text, '\n');
	put_text(o);
	begin_text(o);
	o->plain = o->options->convert == 0;
	if (o->plain)
		o->mime.part.kind = MIME_TEXT; /* its parts do not matter */
}

static void
on_text(void *context, const char *bytes, size_t n)
{
	struct outgoing *o = context;

	if (o->quoted.form == QUOTED_AS_IS) {
		put(o, bytes, n);
		return;
	}
	for (size_t block; n > 0; bytes += block, n -= block) {
		block = n < TEXT_BLOCK ? n : TEXT_BLOCK;
		quoted_add(&o->quoted, bytes, block, &o->text);
		put_text(o);
	}
}

/* The same bytes become '?' here as in the boundary parameter. No boundary is longer than a line may be. */
static void
on_boundary(void *context, const char *line, size_t n)
{
	struct outgoing *o = context;
	bool ascii = converts(o, CONVERT_EIGHT_BIT | CONVERT_HEADER);

	for (size_t i = 0; i < n; i++)
		buffer_add_char(&o->text, ascii && is_eight_bit(line[i]) ? '?' : line[i]);
	put_text(o);
	begin_text(o);
}

static const struct mime_handler handler = { on_field, on_header_end, on_text, on_boundary };

struct outgoing *
outgoing_new(const struct outgoing_options *options)
{
	struct outgoing *o = allocate(1, sizeof(*o));

	o->options = options;
	o->wire.stuff_dots = options->stuff_dots;
	o->plain = options->convert == 0 && options->fields == NULL &&
		   (options->senders == NULL || options->senders->forced == NULL);
	buffer_init(&o->text, FIELD_LIMIT);
	buffer_init(&o->encoding, ENCODING_FIELD_MAX);
	buffer_init(&o->reply, FROM_MAX);
	mime_init(&o->mime, &handler, o, converts(o, CONVERT_EIGHT_BIT));
	return o;
}

void
outgoing_free(struct outgoing *o)
{
	if (o == NULL)
		return;
	mime_free(&o->mime);
	buffer_free(&o->text);
	buffer_free(&o->encoding);
	buffer_free(&o->reply);
	free(o);
}

void
outgoing_add(struct outgoing *o, const char *bytes, size_t n, struct buffer *out)
{
	o->out = out;
	if (!o->begun && o->options->fields != NULL)
		mime_add(&o->mime, o->options->fields, strlen(o->options->fields));
	o->begun = true;
	if (o->plain)
		put(o, bytes, n);
	else
		mime_add(&o->mime, bytes, n);
}

void
outgoing_end(struct outgoing *o, struct buffer *out)
{
	outgoing_add(o, "", 0, out);
	if (!o->plain)
		mime_end(&o->mime);
	if (o->wire.in_line)
		put(o, "\n", 1);
}

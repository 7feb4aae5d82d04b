/*
 * Two machines: one tells the lines of a header from text and boundaries, with
 * no more of a line held back than could still be a boundary or the name of a
 * field; the other keeps the stack of multiparts that are open.
 */
#include "message/mime.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "message/ascii.h"
#include "message/parameters.h"

enum { BOUNDARY_MAX = 990, TYPE_MAX = 128 };

enum line {
	UNDECIDED, /* what there is of it is held */
	FIELD,
	TEXT,
};

/* Media types with a structure, or with rules of their own; the first row that fits. */
static const struct {
	const char *type; /* a pattern of matches() */
	enum mime_kind kind;
} types[] = {
	{ "multipart/signed", MIME_SIGNED },
	{ "multipart/*", MIME_MULTIPART },
	{ "message/rfc822", MIME_MESSAGE },
	{ "message/global", MIME_MESSAGE },
	{ "message/news", MIME_MESSAGE },
	{ "message/partial", MIME_FIXED },
	{ "message/external-body", MIME_FIXED },
	{ "message/delivery-status", MIME_FIXED },
	{ "message/disposition-notification", MIME_FIXED },
	{ "message/feedback-report", MIME_FIXED },
};

static const struct {
	const char *name;
	enum mime_encoding encoding;
} encodings[] = {
	{ "7bit", ENCODING_NONE },
	{ "8bit", ENCODING_8BIT },
	{ "binary", ENCODING_BINARY },
	{ "quoted-printable", ENCODING_QUOTED_PRINTABLE },
	{ "base64", ENCODING_BASE64 },
	{ "x-uuencode", ENCODING_UUENCODE },
	{ "uuencode", ENCODING_UUENCODE },
	{ "x-uue", ENCODING_UUENCODE },
	{ "uue", ENCODING_UUENCODE },
};

static void
begin_header(struct mime *m, bool is_message, bool digest)
{
	m->in_header = true;
	m->part = (struct mime_part){ .kind = digest ? MIME_MESSAGE : MIME_TEXT, .is_message = is_message };
	free(m->boundary);
	m->boundary = NULL;
	m->digest = false;
}

void
mime_init(struct mime *m, const struct mime_handler *handler, void *context, bool enter_signed)
{
	*m = (struct mime){ .handler = handler, .context = context, .enter_signed = enter_signed, .top = true };
	buffer_init(&m->held, MIME_LINE_MAX + 1);
	buffer_init(&m->field, MIME_FIELD_MAX + 1);
	begin_header(m, true, false);
}

void
mime_free(struct mime *m)
{
	while (m->depth > 0)
		free(m->levels[--m->depth].boundary);
	free(m->boundary);
	buffer_free(&m->held);
	buffer_free(&m->field);
}

/* A type has one slash; with none or two it is none, and readers take the part for text. */
static bool
has_one_slash(const struct field *field)
{
	const char *end = parameters_start(field->value, field->value + field->value_length);
	size_t slashes = 0;

	for (const char *p = field->value; p < end; p++)
		slashes += *p == '/';
	return slashes == 1;
}

/* Copies the first word of a value, which may be followed by a comment or a parameter. */
static void
copy_word(char out[TYPE_MAX], const char *p, const char *end)
{
	size_t length = 0;

	while (p < end && (is_blank(*p) || *p == '\n'))
		p++;
	while (p < end && length < TYPE_MAX - 1 && *p > ' ' && *p != ';' && *p != '(')
		out[length++] = *p++;
	out[length] = '\0';
}

static void
read_type(struct mime *m, const struct field *field)
{
	struct buffer boundary;
	char type[TYPE_MAX];

	m->part.has_type = true;
	m->part.kind = MIME_TEXT;
	copy_word(type, field->value, field->value + field->value_length);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && has_one_slash(field); i++) {
		if (!matches(types[i].type, type))
			continue;
		m->part.kind = types[i].kind;
		break;
	}
	m->digest = strcasecmp(type, "multipart/digest") == 0;
	buffer_init(&boundary, BOUNDARY_MAX);
	parameters_find(field->value, field->value_length, "boundary", &boundary);
	while (boundary.length > 0 && is_blank(boundary.data[boundary.length - 1]))
		boundary.length--;
	if (boundary.length > 0 && !boundary.overflow) {
		m->boundary = copy_bytes(boundary.data, boundary.length);
		m->boundary_length = boundary.length;
	}
	buffer_free(&boundary);
}

static void
read_encoding(struct mime *m, const struct field *field)
{
	char word[TYPE_MAX];

	copy_word(word, field->value, field->value + field->value_length);
	m->part.encoding = word[0] != '\0' ? ENCODING_UNKNOWN : ENCODING_NONE;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (strcasecmp(word, encodings[i].name) == 0)
			m->part.encoding = encodings[i].encoding;
	m->part.has_encoding = true;
}

/* Hands the collected field over. */
static void
end_field(struct mime *m)
{
	bool collecting = m->collecting;
	const char *at = m->field.data;
	struct field field;

	m->collecting = false;
	if (!collecting || m->field.length == 0)
		return;
	if (m->continued)
		field = (struct field){ .name = at, .value = at, .value_length = m->field.length - 1 };
	else
		field_next(&at, at + m->field.length, &field);
	if (!m->continued && !m->part.has_type && field_is(&field, "Content-Type"))
		read_type(m, &field);
	else if (!m->continued && !m->part.has_encoding && field_is(&field, "Content-Transfer-Encoding"))
		read_encoding(m, &field);
	m->part.has_version = m->part.has_version || (!m->continued && field_is(&field, "MIME-Version"));
	m->handler->field(m->context, &field, m->continued);
	buffer_clear(&m->field);
}

/* The field is too long to be held: what there is of it goes, whole lines if it has any. */
static void
cut_field(struct mime *m)
{
	char rest[MIME_FIELD_MAX];
	size_t cut = m->field.length, length;

	while (cut > 0 && m->field.data[cut - 1] != '\n')
		cut--;
	length = m->field.length - cut;
	if (cut > 0) {
		memcpy(rest, m->field.data + cut, length);
		m->field.length = cut;
	} else {
		buffer_add_char(&m->field, '\n');
		rest[0] = ' ';
		length = 1;
	}
	end_field(m);
	buffer_add(&m->field, rest, length);
	m->collecting = true;
	m->continued = true;
}

static void
collect(struct mime *m, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t room = MIME_FIELD_MAX - m->field.length, take = n < room ? n : room;

		buffer_add(&m->field, bytes, take);
		bytes += take;
		n -= take;
		if (m->field.length == MIME_FIELD_MAX && m->field.data[m->field.length - 1] != '\n')
			cut_field(m);
		else if (m->field.length == MIME_FIELD_MAX) {
			end_field(m);
			m->collecting = true;
			m->continued = true;
		}
	}
}

static void
push_level(struct mime *m)
{
	m->levels[m->depth].boundary = m->boundary;
	m->levels[m->depth].length = m->boundary_length;
	m->levels[m->depth].digest = m->digest;
	m->boundary = NULL;
	m->depth++;
}

/* All fields of a header are known: what kind of part is it, in the end? */
static void
settle_kind(struct mime *m)
{
	struct mime_part *part = &m->part;
	bool multipart = part->kind == MIME_MULTIPART || part->kind == MIME_SIGNED;
	bool encoded = part->encoding == ENCODING_QUOTED_PRINTABLE || part->encoding == ENCODING_BASE64 ||
		       part->encoding == ENCODING_UUENCODE;

	if (part->kind == MIME_SIGNED && m->enter_signed)
		part->kind = MIME_MULTIPART;
	if ((multipart && m->boundary == NULL) || (part->kind == MIME_MESSAGE && encoded))
		part->kind = MIME_TEXT;
	else if (part->kind == MIME_MULTIPART && m->depth == MIME_DEPTH_MAX)
		part->kind = MIME_FIXED;
}

static void
end_header(struct mime *m, bool ended)
{
	end_field(m);
	settle_kind(m);
	m->in_header = false;
	m->handler->header_end(m->context, ended);
	m->top = false;
}

/* Behind a header: into the parts, into the message, or just on. */
static void
enter_part(struct mime *m)
{
	if (m->part.kind == MIME_MULTIPART) {
		push_level(m);
		m->part = (struct mime_part){ .kind = MIME_BETWEEN };
	} else if (m->part.kind == MIME_MESSAGE)
		begin_header(m, true, false);
}

/* How many levels stay open when the held line is a boundary of one of them; SIZE_MAX: it is none. */
static size_t
find_boundary(const struct mime *m, bool *closes)
{
	const char *line = m->held.data + strlen("--"), *end = m->held.data + m->held.length - 1;

	while (end > line && is_blank(end[-1]))
		end--;
	for (size_t i = m->depth; i > 0; i--) {
		size_t length = m->levels[i - 1].length, left = (size_t)(end - line);

		if (left < length || memcmp(line, m->levels[i - 1].boundary, length) != 0)
			continue;
		*closes = left == length + 2 && memcmp(line + length, "--", 2) == 0;
		if (left == length || *closes)
			return i;
	}
	return SIZE_MAX;
}

/* The held line, if it is a boundary: ends the current part, and those within the boundary's level. */
static bool
take_boundary(struct mime *m)
{
	bool closes = false;
	size_t level = find_boundary(m, &closes);

	if (level == SIZE_MAX)
		return false;
	if (m->in_header)
		end_header(m, false);
	while (m->depth > level - closes)
		free(m->levels[--m->depth].boundary);
	if (closes)
		m->part = (struct mime_part){ .kind = MIME_BETWEEN };
	else
		begin_header(m, false, m->levels[level - 1].digest);
	m->handler->boundary(m->context, m->held.data, m->held.length);
	buffer_clear(&m->held);
	return true;
}

static bool
ends_line(const struct buffer *line)
{
	return line->length > 0 && line->data[line->length - 1] == '\n';
}

/* True when the held bytes begin like a boundary line. */
static bool
has_dashes(const struct mime *m)
{
	return m->depth > 0 && m->held.data[0] == '-' && (m->held.length < 2 || m->held.data[1] == '-');
}

/* The held bytes are part of a field, or of text. */
static void
release(struct mime *m, enum line line)
{
	m->line = ends_line(&m->held) ? UNDECIDED : line;
	if (line == FIELD)
		collect(m, m->held.data, m->held.length);
	else
		m->handler->text(m->context, m->held.data, m->held.length);
	buffer_clear(&m->held);
}

static void
release_field(struct mime *m, bool continued)
{
	if (!continued || !m->collecting) {
		end_field(m);
		m->collecting = true;
		m->continued = continued;
	}
	release(m, FIELD);
}

/* Bytes at the start of the held line that could be the name of a field. */
static size_t
name_length(const struct buffer *line)
{
	size_t n = 0;

	while (n < line->length && line->data[n] > ' ' && line->data[n] < 0x7f && line->data[n] != ':')
		n++;
	return n;
}

/* Decides what the held line of a header is, if that can be told. True: it belongs to what is behind the header. */
static bool
decide_header(struct mime *m)
{
	const struct buffer *held = &m->held;
	bool complete = ends_line(held) || held->length == MIME_LINE_MAX;
	size_t name;

	if (held->data[0] == '\n') {
		buffer_clear(&m->held);
		end_header(m, true);
		enter_part(m);
		return false;
	}
	if (is_blank(held->data[0])) {
		release_field(m, true);
		return false;
	}
	if (has_dashes(m) && (!complete || (ends_line(held) && take_boundary(m))))
		return false;
	name = name_length(held);
	if (name == held->length && !complete)
		return false;
	if (name < held->length && held->data[name] == ':') {
		release_field(m, false);
		return false;
	}
	if (name == strlen("From") && memcmp(held->data, "From ", strlen("From ")) == 0) {
		end_field(m);
		release_field(m, true);
		return false;
	}
	end_header(m, true);
	enter_part(m);
	return true;
}

static void
decide_text(struct mime *m)
{
	bool open = has_dashes(m) && m->held.length < MIME_LINE_MAX;

	if (!open || (ends_line(&m->held) && !take_boundary(m)))
		release(m, TEXT);
}

/* Holds the next byte of a line that is not decided. */
static void
hold(struct mime *m, char c)
{
	buffer_add_char(&m->held, c);
	while (m->in_header && m->held.length > 0)
		if (!decide_header(m))
			return;
	if (m->held.length > 0)
		decide_text(m);
}

/* How many of the bytes belong to a line that is decided, or to text in which no line matters. */
static size_t
pass(struct mime *m, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	size_t length = end != NULL ? (size_t)(end - bytes) + 1 : n;

	if (m->line == FIELD)
		collect(m, bytes, length);
	else
		m->handler->text(m->context, bytes, length);
	m->line = end != NULL ? UNDECIDED : m->line;
	return length;
}

void
mime_add(struct mime *m, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t used = 1;

		if (!m->in_header && m->depth == 0 && m->held.length == 0) {
			m->handler->text(m->context, bytes, n);
			m->line = bytes[n - 1] == '\n' ? UNDECIDED : TEXT;
			return;
		}
		if (m->line == UNDECIDED && !m->in_header && m->held.length == 0 && *bytes != '-')
			m->line = TEXT;
		if (m->line == UNDECIDED)
			hold(m, *bytes);
		else
			used = pass(m, bytes, n);
		bytes += used;
		n -= used;
	}
}

void
mime_end(struct mime *m)
{
	if (m->line != UNDECIDED || m->held.length > 0)
		mime_add(m, "\n", 1);
	if (m->in_header)
		end_header(m, false);
}

/*
 * Quotes protect semicolons; nothing else does, so this agrees with what most
 * readers do with fields that are not quite right.
 */
#include "message/parameters.h"

#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/ascii.h"
#include "message/utf8.h"
#include "message/words.h"

enum {
	NAME_LIMIT = 40, /* of a parameter that is encoded */
	VALUE_LIMIT = 4096, /* the same; more than any name of a file */
	SECTION_MAX = 60, /* bytes of a section's encoded value */
	ESCAPED = 3, /* "%XX" */
};

/* The next ';' outside of quotes, or end. */
static const char *
find_semicolon(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end && (quoted || *p != ';'); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && quoted && p + 1 < end)
			p++;
	}
	return p;
}

const char *
parameters_start(const char *value, const char *end)
{
	return find_semicolon(value, end);
}

static void
trim(const char **start, const char **end)
{
	while (*start < *end && is_gap(**start))
		(*start)++;
	while (*end > *start && is_gap((*end)[-1]))
		(*end)--;
}

bool
parameters_next(const char **at, const char *end, struct parameter *parameter)
{
	const char *start, *stop, *equals, *name_end;

	if (*at == end)
		return false;
	start = *at + 1;
	stop = find_semicolon(start, end);
	*at = stop;
	equals = memchr(start, '=', (size_t)(stop - start));
	name_end = equals != NULL ? equals : start;
	if (equals != NULL)
		equals++;
	else
		equals = start;
	trim(&start, &name_end);
	trim(&equals, &stop);
	*parameter = (struct parameter){ start, (size_t)(name_end - start), equals, (size_t)(stop - equals) };
	return true;
}

void
parameter_value(const struct parameter *parameter, struct buffer *out)
{
	const char *p = parameter->value, *end = p + parameter->value_length;
	bool quoted = parameter->value_length >= 2 && p[0] == '"' && end[-1] == '"';

	for (p += quoted, end -= quoted; p < end; p++) {
		if (*p == '\\' && quoted && p + 1 < end)
			p++;
		if (*p != '\n')
			buffer_add_char(out, *p);
	}
}

/* "name*0", "name*1*" and so on are pieces of it. */
static bool
is_piece_of(const struct parameter *parameter, const char *name)
{
	size_t length = strlen(name);

	return parameter->name_length > length && parameter->name[length] == '*' &&
	       same_text(parameter->name, length, name);
}

bool
parameters_find(const char *value, size_t n, const char *name, struct buffer *out)
{
	const char *end = value + n, *at = parameters_start(value, end);
	struct parameter parameter;
	bool pieces = false;

	while (parameters_next(&at, end, &parameter)) {
		bool whole = same_text(parameter.name, parameter.name_length, name);

		if (whole && !pieces) {
			parameter_value(&parameter, out);
			return true;
		}
		if (!is_piece_of(&parameter, name))
			continue;
		pieces = true;
		parameter_value(&parameter, out);
	}
	return pieces;
}

static size_t
escape(char out[ESCAPED + 1], char c)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_letter_or_digit(c) || (c != '\0' && strchr("-._~!#$&+^`{|}", c) != NULL)) {
		out[0] = c;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[(unsigned char)c >> 4];
	out[2] = digits[(unsigned char)c & 15];
	return ESCAPED;
}

/* Bytes of the value in its escaped form. */
static size_t
escaped_length(const struct buffer *value)
{
	char form[ESCAPED + 1];
	size_t length = 0;

	for (size_t i = 0; i < value->length; i++)
		length += escape(form, value->data[i]);
	return length;
}

/* One line, or a line for each section. */
static void
add_encoded(struct buffer *out, const struct parameter *parameter, const struct buffer *value)
{
	const char *charset = charset_of(value->data, value->length);
	bool sections = escaped_length(value) > SECTION_MAX;
	size_t used = 0, section = 0;

	buffer_add_string(out, ";\n\t");
	buffer_add(out, parameter->name, parameter->name_length);
	buffer_format(out, "%s%s''", sections ? "*0*=" : "*=", charset);
	for (size_t i = 0; i < value->length; i++) {
		char form[ESCAPED + 1];
		size_t length = escape(form, value->data[i]);

		if (sections && used + length > SECTION_MAX) {
			buffer_add_string(out, ";\n\t");
			buffer_add(out, parameter->name, parameter->name_length);
			buffer_format(out, "*%zu*=", ++section);
			used = 0;
		}
		buffer_add(out, form, length);
		used += length;
	}
}

/* A value that is said to be encoded, and holds raw bytes still. */
static void
add_escaped(struct buffer *out, const char *text, size_t n)
{
	char form[ESCAPED + 1];

	for (size_t i = 0; i < n; i++) {
		if (is_eight_bit(text[i]))
			buffer_add(out, form, escape(form, text[i]));
		else
			buffer_add_char(out, text[i]);
	}
}

static void
encode_parameter(struct buffer *out, const struct parameter *parameter, const char *raw, size_t length)
{
	bool extended = parameter->name_length > 0 && parameter->name[parameter->name_length - 1] == '*';
	bool section = memchr(parameter->name, '*', parameter->name_length) != NULL;
	struct buffer value;

	buffer_init(&value, VALUE_LIMIT);
	if (has_eight_bit(parameter->value, parameter->value_length))
		parameter_value(parameter, &value);
	if (extended)
		add_escaped(out, raw, length);
	else if (value.length == 0 || value.overflow || section || parameter->name_length == 0 ||
		 parameter->name_length > NAME_LIMIT || has_eight_bit(parameter->name, parameter->name_length) ||
		 same_text(parameter->name, parameter->name_length, "boundary"))
		buffer_add(out, raw, length);
	else
		add_encoded(out, parameter, &value);
	buffer_free(&value);
}

void
parameters_encode(struct buffer *out, const char *value, size_t n)
{
	const char *end = value + n, *at = parameters_start(value, end), *start = at;
	struct parameter parameter;

	buffer_add(out, value, (size_t)(at - value));
	while (parameters_next(&at, end, &parameter)) {
		encode_parameter(out, &parameter, start, (size_t)(at - start));
		start = at;
	}
}

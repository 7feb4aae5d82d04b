/*
 * Walks over the fields of a header. A line without a colon, which the reader
 * never lets in, is a name without a value.
 */
#include "message/header.h"

#include <string.h>

#include "base/encode.h"
#include "message/ascii.h"

/* The line end that closes the field at p: the first one without a blank behind it. */
static const char *
field_end(const char *p, const char *end)
{
	for (; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		if (p + 1 == end || !is_blank(p[1]))
			return p;
	return end;
}

bool
field_next(const char **at, const char *end, struct field *field)
{
	const char *start = *at, *stop, *colon, *name_end;

	if (start == end)
		return false;
	stop = field_end(start, end);
	colon = memchr(start, ':', (size_t)(stop - start));
	name_end = colon != NULL ? colon : stop;
	field->value = colon != NULL ? colon + 1 : stop;
	field->value_length = (size_t)(stop - field->value);
	while (name_end > start && is_blank(name_end[-1]))
		name_end--;
	field->name = start;
	field->name_length = (size_t)(name_end - start);
	*at = stop < end ? stop + 1 : end;
	return true;
}

bool
field_is(const struct field *field, const char *name)
{
	return same_text(field->name, field->name_length, name);
}

bool
field_is_blank(const struct field *field)
{
	for (size_t i = 0; i < field->value_length; i++)
		if (!is_blank(field->value[i]) && field->value[i] != '\n')
			return false;
	return true;
}

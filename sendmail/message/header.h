/*
 * The fields of a header whose lines end with LF (what reader.h collects).
 */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* All borrowed from the header. */
struct field {
	const char *name;
	size_t name_length; /* without blanks before the colon */
	const char *value; /* all between the colon and the last line end, folding included */
	size_t value_length;
};

/* Takes the field at *at and moves *at behind it and its continuation lines; false at the end. */
bool field_next(const char **at, const char *end, struct field *);
/* Case of the name does not matter. */
bool field_is(const struct field *, const char *name);
/* True when the value holds nothing but blanks. */
bool field_is_blank(const struct field *);

#endif

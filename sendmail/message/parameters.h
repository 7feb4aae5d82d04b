/*
 * Fields made of a value and parameters (RFC 2045 5.1, RFC 2183, RFC 2231):
 * "text/plain; charset=utf-8". All pointers lead into the text that was parsed;
 * folding may stand between any two tokens.
 */
#ifndef MESSAGE_PARAMETERS_H
#define MESSAGE_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct parameter {
	const char *name;
	size_t name_length;
	const char *value; /* as it stands there, quotes included, without blanks around it */
	size_t value_length;
};

/* Where the first parameter's ';' stands, or end. */
const char *parameters_start(const char *value, const char *end);
/* Takes the parameter behind the ';' at *at and moves *at to the next one; false at the end. One may be nameless. */
bool parameters_next(const char **at, const char *end, struct parameter *);
/* Appends the value without quotes and folding. */
void parameter_value(const struct parameter *, struct buffer *);
/* Appends the value of this name (also when it comes in pieces, RFC 2231 section 3); false when there is none. */
bool parameters_find(const char *value, size_t n, const char *name, struct buffer *);

/*
 * Appends the field's value with 8-bit parameters in the form of RFC 2231
 * section 4. What cannot be said so (8-bit outside of values, the boundary, whose
 * lines must stay the same) is left as it is.
 */
void parameters_encode(struct buffer *, const char *value, size_t n);

#endif

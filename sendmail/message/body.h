/*
 * Second pass: the stored form (LF line ends) becomes the wire form of this
 * session. Any cut of the input into blocks gives the same result.
 */
#ifndef MESSAGE_BODY_H
#define MESSAGE_BODY_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct body_filter {
	bool stuff_dots; /* DATA: a dot that starts a line is doubled (RFC 5321 4.5.2); not for BDAT */
	bool in_line; /* the next byte does not start a line */
};

/* Appends the wire form of n stored bytes; out needs room for 2 * n. */
void body_filter(struct body_filter *, const char *, size_t n, struct buffer *out);

#endif

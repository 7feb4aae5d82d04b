/*
 * UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above
 * U+10FFFF. ASCII is UTF-8.
 */
#ifndef MESSAGE_UTF8_H
#define MESSAGE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* A walk over text that comes in blocks. All zero at the start. */
struct utf8 {
	unsigned char need; /* bytes missing of the character begun */
	unsigned char low, high; /* the next one must lie between these */
	bool broken; /* something was no UTF-8; final */
};

void utf8_add(struct utf8 *, const char *, size_t n);
bool utf8_is_valid(const char *, size_t n);
/* Bytes of the character at p (before end); 0: it is none. */
size_t utf8_length(const char *p, const char *end);

#endif

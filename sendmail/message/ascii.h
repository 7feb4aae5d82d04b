/*
 * Classes of characters as RFC 5322 has them: no locale, no table, any char.
 */
#ifndef MESSAGE_ASCII_H
#define MESSAGE_ASCII_H

#include <stdbool.h>
#include <string.h>

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A blank, or a line end within a stored field: together they are folding. */
static inline bool
is_gap(char c)
{
	return is_blank(c) || c == '\n';
}

static inline bool
is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static inline bool
is_eight_bit(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

static inline bool
is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What an atom is made of (RFC 5322 3.2.3). */
static inline bool
is_atom(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

#endif

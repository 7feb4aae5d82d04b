/*
 * Text forms of bytes: base64 (RFC 4648 section 4), xtext (RFC 3461 section 4),
 * and the printable form in which remote text reaches logs and terminals.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* Append the base64 form of n bytes, without line breaks. */
void base64_encode(struct buffer *, const void *, size_t n);
/* Append what the n characters stand for; false when they are not base64. */
bool base64_decode(struct buffer *, const char *, size_t n);

/* Append n bytes as xtext: 0x21-0x7e without '+' and '=', all else as +XX. */
void xtext_encode(struct buffer *, const char *, size_t n);
/* Append what the n characters stand for; false when they are not xtext. */
bool xtext_decode(struct buffer *, const char *, size_t n);

/*
 * Copies text as printable ASCII: every other byte becomes '?', runs of line
 * ends and blanks one blank. Always terminated, cut at size - 1.
 */
void printable(char *out, size_t size, const char *text, size_t length);

/* Equal without regard to the case of ASCII letters; b is terminated. */
bool same_text(const char *a, size_t length, const char *b);
/* True when text matches a pattern with '*' for any run; ASCII case ignored. */
bool matches(const char *pattern, const char *text);

#endif

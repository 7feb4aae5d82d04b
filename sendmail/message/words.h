/*
 * Encoded words (RFC 2047): text that is not ASCII, made fit for a header.
 */
#ifndef MESSAGE_WORDS_H
#define MESSAGE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* The charset that text is said to have: utf-8, or unknown-8bit (RFC 1428) when it is no UTF-8. */
const char *charset_of(const char *text, size_t n);
bool has_eight_bit(const char *text, size_t n);

/*
 * Appends text as encoded words, each of at most 75 bytes and, but for the
 * first, on a line of its own; no character is cut in two. Line ends in the text
 * are left out. Fit for unstructured fields, phrases and comments; the caller
 * sees to the blanks around them.
 */
void words_add(struct buffer *, const char *text, size_t n);

/*
 * Appends unstructured text: its words that are not ASCII become encoded words,
 * with the blanks between them; everything else stays as it is.
 */
void words_add_text(struct buffer *, const char *text, size_t n);

/* Bytes of the last line of the buffer so far. */
size_t last_line_length(const struct buffer *);

#endif

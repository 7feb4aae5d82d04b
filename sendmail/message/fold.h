/*
 * Header lines that are too long for SMTP.
 */
#ifndef MESSAGE_FOLD_H
#define MESSAGE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* True when a line of the text (LF ends) is longer than TEXT_LINE_MAX. */
bool has_long_line(const char *text, size_t n);
/*
 * Appends header fields (whole lines, LF ends) with every line at most
 * TEXT_LINE_MAX bytes: folded before a blank, else behind a comma or semicolon,
 * else anywhere, where a blank is then added. Nothing is left out but blanks at
 * the end of a line, and those of a line that holds nothing else.
 */
void fold_add(struct buffer *, const char *text, size_t n);

#endif

/*
 * A fold before a blank changes nothing for the reader (RFC 5322 2.2.3). Where
 * there is no blank one is added: better than a line that servers cut.
 */
#include "message/fold.h"

#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"
#include "message/outgoing.h"

bool
has_long_line(const char *text, size_t n)
{
	while (n > TEXT_LINE_MAX) {
		const char *end = memchr(text, '\n', n);
		size_t length = end != NULL ? (size_t)(end - text) : n;

		if (length > TEXT_LINE_MAX)
			return true;
		text += length + 1;
		n -= length + 1;
	}
	return false;
}

static size_t
count_blanks(const char *line, size_t n)
{
	size_t blanks = 0;

	while (blanks < n && is_blank(line[blanks]))
		blanks++;
	return blanks;
}

/* Where the last blank of the first `most` bytes is, with something before it that may stand alone; 0: nowhere. */
static size_t
find_blank(const char *line, size_t most)
{
	size_t text = count_blanks(line, most);

	for (size_t i = most; i > text + 1; i--)
		if (is_blank(line[i]) && !is_blank(line[i - 1]) && line[i - 1] != ':')
			return i;
	return 0;
}

static size_t
find_separator(const char *line, size_t most)
{
	for (size_t i = most; i > 1; i--)
		if (line[i - 1] == ',' || line[i - 1] == ';')
			return i;
	return 0;
}

/* Anywhere, but not within a character. */
static size_t
find_character(const char *line, size_t most)
{
	size_t i = most;

	while (i > most - 4 && ((unsigned char)line[i] & 0xc0) == 0x80)
		i--;
	return i;
}

static void
fold_line(struct buffer *out, const char *line, size_t n)
{
	size_t most = TEXT_LINE_MAX, cut;

	while (n > 0 && is_blank(line[n - 1]))
		n--;
	while (n > most) {
		cut = find_blank(line, most);
		if (cut > 0) {
			buffer_add(out, line, cut);
			buffer_add_char(out, '\n');
			most = TEXT_LINE_MAX;
		} else if (count_blanks(line, n) >= most) {
			cut = count_blanks(line, n) - 1; /* a line of blanks would look like the end of the header */
		} else {
			cut = find_separator(line, most);
			cut = cut > 0 ? cut : find_character(line, most);
			buffer_add(out, line, cut);
			buffer_add_string(out, "\n ");
			most = TEXT_LINE_MAX - 1;
		}
		line += cut;
		n -= cut;
	}
	buffer_add(out, line, n);
	buffer_add_char(out, '\n');
}

void
fold_add(struct buffer *out, const char *text, size_t n)
{
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t length = end != NULL ? (size_t)(end - text) : n, taken = length + (end != NULL);

		if (length > TEXT_LINE_MAX)
			fold_line(out, text, length);
		else
			buffer_add(out, text, taken);
		text += taken;
		n -= taken;
	}
}

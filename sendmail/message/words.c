/*
 * The "Q" form alone is written: what is Latin stays readable, and one form is
 * enough for any bytes. Blanks between two encoded words vanish for the reader,
 * so those that matter stand inside a word.
 */
#include "message/words.h"

#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"
#include "message/utf8.h"

enum {
	WORD_MAX = 75, /* RFC 2047 section 2 */
	WORDS_LINE_MAX = 76, /* of a line with an encoded word */
	WORD_SMALLEST = 34, /* with less room than this on the line it is no use to begin one */
	CHARACTER_MAX = 4,
};

bool
has_eight_bit(const char *text, size_t n)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= (unsigned char)text[i];
	return (seen & 0x80) != 0;
}

const char *
charset_of(const char *text, size_t n)
{
	return utf8_is_valid(text, n) ? "utf-8" : "unknown-8bit";
}

size_t
last_line_length(const struct buffer *out)
{
	size_t start = out->length;

	while (start > 0 && out->data[start - 1] != '\n')
		start--;
	return out->length - start;
}

/* The "Q" form of one byte that is safe everywhere (RFC 2047 section 5, rule 3). */
static void
add_q_byte(struct buffer *word, char c)
{
	if (c == ' ')
		buffer_add_char(word, '_');
	else if (is_letter_or_digit(c) || (c != '\0' && strchr("!*+-/", c) != NULL))
		buffer_add_char(word, c);
	else
		buffer_format(word, "=%02X", (unsigned char)c);
}

/* The next character, or byte of text without characters, in its "Q" form. */
static size_t
add_character(struct buffer *form, const char *p, const char *end, bool utf8)
{
	size_t length = utf8 ? utf8_length(p, end) : 1;

	buffer_clear(form);
	for (size_t i = 0; i < length; i++)
		if (p[i] != '\n')
			add_q_byte(form, p[i]);
	return length;
}

void
words_add(struct buffer *out, const char *text, size_t n)
{
	const char *end = text + n, *charset = charset_of(text, n);
	bool utf8 = utf8_is_valid(text, n);
	size_t column = last_line_length(out), used = 0;
	size_t most = column + WORD_SMALLEST > WORDS_LINE_MAX || column < 2 ? WORD_MAX : WORDS_LINE_MAX - column;
	struct buffer form;

	buffer_init(&form, sizeof("=00") * CHARACTER_MAX);
	for (size_t length; text < end; text += length) {
		length = add_character(&form, text, end, utf8);
		if (used == 0 || used + form.length + strlen("?=") > most) {
			if (used > 0) {
				buffer_add_string(out, "?=\n ");
				most = WORD_MAX;
			}
			buffer_format(out, "=?%s?Q?", charset);
			used = strlen(charset) + strlen("=??Q?");
		}
		buffer_add(out, form.data, form.length);
		used += form.length;
	}
	if (used > 0)
		buffer_add_string(out, "?=");
	buffer_free(&form);
}

static const char *
skip_gap(const char *p, const char *end)
{
	while (p < end && is_gap(*p))
		p++;
	return p;
}

static const char *
skip_word(const char *p, const char *end)
{
	while (p < end && !is_gap(*p))
		p++;
	return p;
}

static bool
is_encoded_word(const char *p, const char *end)
{
	return end - p > 6 && p[0] == '=' && p[1] == '?' && end[-2] == '?' && end[-1] == '=';
}

/* Behind the last word of a run that begins at p: words with 8-bit bytes and what is between them. */
static const char *
run_end(const char *p, const char *end)
{
	const char *stop = skip_word(p, end);

	for (;;) {
		const char *next = skip_gap(stop, end), *next_end = skip_word(next, end);

		if (next == next_end || !has_eight_bit(next, (size_t)(next_end - next)))
			return stop;
		stop = next_end;
	}
}

/* Before an encoded word: the gap as it was, or on a new line when there is little room. */
static void
add_gap(struct buffer *out, const char *gap, const char *end, bool at_start)
{
	bool folded = gap < end && memchr(gap, '\n', (size_t)(end - gap)) != NULL;

	if (!folded && !at_start && last_line_length(out) + WORD_SMALLEST > WORDS_LINE_MAX)
		buffer_add_char(out, '\n');
	if (gap == end)
		buffer_add_char(out, ' ');
	buffer_add(out, gap, (size_t)(end - gap));
}

void
words_add_text(struct buffer *out, const char *text, size_t n)
{
	const char *p = text, *end = text + n;
	bool after_encoded = false;

	while (p < end) {
		const char *gap = p, *word = skip_gap(p, end), *stop = skip_word(word, end), *next;
		bool first = gap == text;

		if (!has_eight_bit(word, (size_t)(stop - word))) {
			buffer_add(out, gap, (size_t)(stop - gap));
			after_encoded = is_encoded_word(word, stop);
			p = stop;
			continue;
		}
		stop = run_end(word, end);
		next = skip_gap(stop, end);
		p = stop;
		if (is_encoded_word(next, skip_word(next, end)))
			stop = next; /* the blank before it would vanish */
		if (after_encoded) {
			add_gap(out, gap, gap, first);
			words_add(out, gap, (size_t)(stop - gap));
		} else {
			add_gap(out, gap, word, first);
			words_add(out, word, (size_t)(stop - word));
		}
		if (stop == next && next > p) {
			buffer_add_char(out, ' ');
			p = next;
		}
		after_encoded = true;
	}
}

/*
 * The list is walked with the parser that also finds recipients. What stands
 * between two addresses is separators and the names of groups.
 */
#include "message/mailboxes.h"

#include <string.h>

#include "base/buffer.h"
#include "message/address.h"
#include "message/ascii.h"
#include "message/words.h"

enum {
	TEXT_LIMIT = 1 << 20, /* a field is no longer */
	FOLD_FROM = 42, /* column behind which a new line is begun */
};

/* A blank before an encoded word; a fold when the line is long already. */
static void
separate(struct buffer *out)
{
	bool blank = out->length > 0 && is_blank(out->data[out->length - 1]);
	size_t column = last_line_length(out);

	if (column > FOLD_FROM) {
		out->length -= blank;
		buffer_add_string(out, "\n ");
	} else if (!blank)
		buffer_add_char(out, ' ');
}

/* "(text)", its text encoded. */
static void
add_comment(struct buffer *out, const char *p, const char *end)
{
	struct buffer text;

	buffer_init(&text, TEXT_LIMIT);
	for (p++, end--; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		buffer_add_char(&text, *p);
	}
	separate(out);
	buffer_add_char(out, '(');
	words_add(out, text.data, text.length);
	buffer_add_char(out, ')');
	buffer_free(&text);
}

/* The end of the words that begin at p: a comment, or the end. */
static const char *
words_end(const char *p, const char *end, unsigned *unclosed)
{
	while (p < end && *p != '(') {
		const char *next = *p == '"' ? address_skip(p, end, unclosed) : NULL;

		p = next != NULL && next > p ? next : p + 1;
	}
	return p;
}

/* Words without the quotes around them. */
static void
add_words(struct buffer *out, const char *p, const char *end)
{
	struct buffer text;

	buffer_init(&text, TEXT_LIMIT);
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			continue;
		buffer_add_char(&text, *p);
	}
	separate(out);
	words_add(out, text.data, text.length);
	buffer_free(&text);
}

/* Names and comments: each of them that is not ASCII becomes encoded words. */
static void
add_mixed(struct buffer *out, const char *p, const char *end)
{
	unsigned unclosed = 0;

	while (p < end) {
		const char *stop = *p == '(' ? address_skip(p, end, &unclosed) : NULL, *last;
		bool comment = stop != NULL && stop > p;

		if (is_gap(*p)) {
			buffer_add_char(out, *p++);
			continue;
		}
		if (!comment)
			stop = words_end(p + 1, end, &unclosed);
		for (last = stop; !comment && is_gap(last[-1]); last--)
			continue;
		if (!has_eight_bit(p, (size_t)(last - p)))
			buffer_add(out, p, (size_t)(last - p));
		else if (comment)
			add_comment(out, p, last);
		else
			add_words(out, p, last);
		p = last;
	}
}

/* A mailbox that cannot be written in ASCII: `name address :;`, or a comment where a group may not stand. */
static void
add_downgraded(struct buffer *out, const struct address *a, bool in_group)
{
	struct buffer text;

	buffer_init(&text, TEXT_LIMIT);
	if (a->phrase_length > 0)
		address_name(a, &text);
	if (text.length > 0)
		buffer_add_char(&text, ' ');
	buffer_add(&text, a->spec, a->spec_length);
	separate(out);
	buffer_add_string(out, in_group ? "(" : "");
	words_add(out, text.data, text.length);
	buffer_add_string(out, in_group ? ")" : " :;");
	buffer_free(&text);
}

static void
add_element(struct buffer *out, const struct address *a, enum address_result result, bool in_group)
{
	const char *end = a->start + a->length, *bracket = a->start + a->phrase_length, *close = NULL;
	unsigned unclosed = 0;

	if (result == ADDRESS_FOUND && has_eight_bit(a->spec, a->spec_length)) {
		add_downgraded(out, a, in_group);
		return;
	}
	if (bracket < end && *bracket == '<')
		close = address_skip(bracket, end, &unclosed);
	close = close != NULL ? close : bracket;
	add_mixed(out, a->start, bracket);
	if (close > bracket) {
		if (has_eight_bit(a->start, a->phrase_length))
			separate(out);
		buffer_add(out, bracket, (size_t)(close - bracket));
	}
	add_mixed(out, close, end);
}

/* Separators, and names of groups with their colon; keeps track of whether a group is open. */
static void
add_between(struct buffer *out, const char *p, const char *end, bool *in_group)
{
	unsigned unclosed = 0;

	while (p < end) {
		const char *stop = p;

		if (*p == ',' || *p == ';' || *p == ':' || is_gap(*p)) {
			*in_group = *p == ':' || (*in_group && *p != ';');
			buffer_add_char(out, *p++);
			continue;
		}
		while (stop < end && *stop != ':' && *stop != ';') {
			const char *next = address_skip(stop, end, &unclosed);

			stop = next != NULL && next > stop ? next : stop + 1;
		}
		add_mixed(out, p, stop);
		p = stop;
	}
}

void
mailboxes_encode(struct buffer *out, const char *text, size_t n)
{
	const char *written = text, *end = text + n;
	struct address_list list;
	enum address_result result;
	struct address a;
	bool in_group = false;

	address_list_init(&list, text, n);
	while ((result = address_next(&list, &a)) != ADDRESS_END) {
		add_between(out, written, a.start, &in_group);
		written = a.start + a.length;
		if (has_eight_bit(a.start, a.length))
			add_element(out, &a, result, in_group);
		else
			buffer_add(out, a.start, a.length);
	}
	add_between(out, written, end, &in_group);
}

/*
 * Where a line is broken, what comes next begins a line: it must not look like
 * a boundary ('-') or, for old readers, an mbox line or a dot. So what begins a
 * line of ours is written as "=XX", and base64 is not broken before a '-'.
 */
#include "message/quoted.h"

#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"
#include "message/outgoing.h"

enum {
	ENCODED_LINE_MAX = 76, /* RFC 2045 6.7 (5), 6.8 */
	BREAK_FROM = 900, /* column of a line that may be broken where it is safe */
	BREAK_AT = 990, /* column where it must be */
	ESCAPED = 3, /* "=XX" */
};

static void
escape(char out[ESCAPED], char c)
{
	static const char digits[] = "0123456789ABCDEF";

	out[0] = '=';
	out[1] = digits[(unsigned char)c >> 4];
	out[2] = digits[(unsigned char)c & 15];
}

static void
put(struct quoted *q, const char *bytes, size_t n, struct buffer *out)
{
	buffer_add(out, bytes, n);
	q->column += n;
}

static void
put_escaped(struct quoted *q, char c, struct buffer *out)
{
	char form[ESCAPED];

	escape(form, c);
	put(q, form, sizeof(form), out);
}

static void
end_line(struct quoted *q, struct buffer *out)
{
	buffer_add_char(out, '\n');
	q->column = 0;
	q->broken = false;
	q->from = 0;
}

/* A line end that is none. */
static void
break_line(struct quoted *q, struct buffer *out)
{
	buffer_add_char(out, '=');
	end_line(q, out);
	q->broken = true;
}

/* One byte, literally if it may be. */
static void
encode_byte(struct quoted *q, char c, bool literal, struct buffer *out)
{
	if (q->column + (literal ? 1 : ESCAPED) > ENCODED_LINE_MAX - 1)
		break_line(q, out);
	if (q->column == 0 && (c == '.' || (c == '-' && q->broken)))
		literal = false;
	if (is_blank(c) && q->from == strlen("From"))
		literal = false;
	q->from = q->from == q->column && q->from < 4 && c == "From"[q->from] ? q->from + 1 : 0;
	if (literal)
		put(q, &c, 1, out);
	else
		put_escaped(q, c, out);
}

static void
encode(struct quoted *q, char c, struct buffer *out)
{
	if (q->blank != '\0')
		encode_byte(q, q->blank, c != '\n', out);
	q->blank = '\0';
	if (c == '\n')
		end_line(q, out);
	else if (is_blank(c))
		q->blank = c;
	else
		encode_byte(q, c, c != '=' && !is_control(c) && !is_eight_bit(c), out);
}

static void
break_quoted(struct quoted *q, char c, struct buffer *out)
{
	/* A run of '=' is no encoding, and no place in it is better than another one; before "=XX" a break is always
	 * safe. */
	bool safe = (q->escape == 0 && (!is_blank(q->before) || c == '=')) || q->column >= BREAK_AT;

	if (c == '\n') {
		q->escape = 0;
		end_line(q, out);
		return;
	}
	if (q->column >= BREAK_FROM && safe)
		break_line(q, out);
	if (is_eight_bit(c) && q->eight_bit && q->escape == ESCAPED - 1)
		put(q, "3D", 2, out); /* the '=' before it is none of the encoding */
	if (q->escape > 0)
		q->escape--;
	if (c == '=')
		q->escape = ESCAPED - 1;
	if ((is_eight_bit(c) && q->eight_bit) || (q->broken && q->column == 0 && (c == '-' || c == '.')))
		put_escaped(q, c, out);
	else
		put(q, &c, 1, out);
}

static void
break_base64(struct quoted *q, char c, struct buffer *out)
{
	if (c == '\n') {
		end_line(q, out);
		return;
	}
	if (q->column >= ENCODED_LINE_MAX && c != '-')
		end_line(q, out);
	if (q->column >= BREAK_AT)
		return; /* nothing but dashes, which mean nothing in base64 */
	if (is_eight_bit(c) && q->eight_bit)
		c = '?';
	put(q, &c, 1, out);
}

static void
keep_legal(struct quoted *q, char c, struct buffer *out)
{
	bool escapes = is_eight_bit(c) && q->eight_bit;

	if (c == '\n') {
		end_line(q, out);
		return;
	}
	if (q->lines && q->column + (escapes ? ESCAPED : 1) > TEXT_LINE_MAX) {
		end_line(q, out);
		put(q, " ", 1, out);
	}
	if (escapes)
		put_escaped(q, c, out);
	else
		put(q, &c, 1, out);
}

static void (*const forms[])(struct quoted *, char, struct buffer *) = {
	[QUOTED_LEGAL] = keep_legal,
	[QUOTED_ENCODE] = encode,
	[QUOTED_BREAK] = break_quoted,
	[QUOTED_BASE64] = break_base64,
};

void
quoted_add(struct quoted *q, const char *bytes, size_t n, struct buffer *out)
{
	if (q->form == QUOTED_AS_IS) {
		buffer_add(out, bytes, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		forms[q->form](q, bytes[i], out);
		q->before = bytes[i];
	}
}

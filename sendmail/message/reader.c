/*
 * The first pass over stdin: one small machine cleans line ends, NUL and dots, a
 * second one tells header from body. Of a header line only the name is held
 * back, so a line of any length streams through.
 */
#include "message/reader.h"

#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"

/* More CRs in a row than this are blanks at once, or a file full of them would be held back. */
enum { CARRIAGE_RETURNS_MAX = 64 };

enum line {
	FRESH, /* no byte of it yet, but held back dots */
	UNDECIDED, /* in the header; its name is being collected in start */
	FIELD,
	TEXT,
	DROPPED, /* an mbox "From " line */
};

struct output {
	struct buffer *header, *body;
};

static bool
is_name(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

void
reader_init(struct reader *r, bool dot_ends)
{
	*r = (struct reader){ .dot_ends = dot_ends, .in_header = true, .line = FRESH };
}

/* Now it is known what this line is: what was held back of it goes out. */
static void
settle_line(struct reader *r, enum line line, const struct output *out)
{
	r->line = line;
	if (line == FIELD)
		r->fields = true;
	if (line == TEXT)
		r->in_header = false;
	if (line != DROPPED)
		buffer_add(line == FIELD ? out->header : out->body, r->start, r->start_length);
	r->start_length = 0;
}

/* "From " of an mbox file, perhaps with '>' before it, before any field. */
static bool
is_mbox_line(const struct reader *r)
{
	static const char from[] = "From ";
	size_t quotes = 0, length = sizeof(from) - 1;

	while (quotes < r->start_length && r->start[quotes] == '>')
		quotes++;
	return !r->fields && r->start_length - quotes >= length && memcmp(r->start + quotes, from, length) == 0;
}

static void
settle_without_colon(struct reader *r, const struct output *out)
{
	settle_line(r, is_mbox_line(r) ? DROPPED : TEXT, out);
}

static bool
names_field(const struct reader *r)
{
	bool dashes = r->start_length >= 2 && r->start[0] == '-' && r->start[1] == '-';

	return r->start_length > 0 && r->start_length < FIELD_NAME_MAX && !dashes;
}

static void add_content(struct reader *, char, const struct output *);

/* A byte of a header line before its colon: name, then blanks. */
static void
add_to_name(struct reader *r, char c, const struct output *out)
{
	bool complete = r->start_length > 0 && is_blank(r->start[r->start_length - 1]);

	if (c == ':' && names_field(r))
		settle_line(r, FIELD, out);
	else if (r->start_length == FIELD_NAME_MAX || !(is_blank(c) || (is_name(c) && !complete)))
		settle_without_colon(r, out);
	else {
		r->start[r->start_length++] = c;
		return;
	}
	add_content(r, c, out);
}

/* A byte of a line, its dots decided. */
static void
add_content(struct reader *r, char c, const struct output *out)
{
	if (r->line == FRESH) {
		if (!r->in_header)
			r->line = TEXT;
		else if (is_blank(c))
			settle_line(r, r->fields ? FIELD : TEXT, out);
		else
			r->line = UNDECIDED;
	}
	if (r->line == UNDECIDED)
		add_to_name(r, c, out);
	else if (r->line != DROPPED)
		buffer_add_char(r->line == FIELD ? out->header : out->body, c);
}

/* A byte that is no part of a line end. */
static void
add_byte(struct reader *r, char c, const struct output *out)
{
	if (r->dot_ends && c == '.' && r->line == FRESH && r->dots < 2) {
		r->dots++;
		return;
	}
	for (; r->dots > 0; r->dots--)
		add_content(r, '.', out);
	add_content(r, c, out);
}

static void
end_line(struct reader *r, const struct output *out)
{
	r->carriage_returns = 0;
	if (r->dots == 1) {
		r->ended = true;
		r->in_header = false;
		return;
	}
	if (r->dots == 2)
		add_content(r, '.', out);
	r->dots = 0;
	if (r->line == UNDECIDED)
		settle_without_colon(r, out);
	if (r->line == FRESH && r->in_header)
		r->in_header = false;
	else if (r->line != DROPPED)
		buffer_add_char(r->line == FIELD ? out->header : out->body, '\n');
	r->line = FRESH;
}

static void
input_byte(struct reader *r, char c, const struct output *out)
{
	if (c == '\n') {
		end_line(r, out);
		return;
	}
	if (c == '\0')
		return;
	if (c == '\r' && r->carriage_returns < CARRIAGE_RETURNS_MAX) {
		r->carriage_returns++;
		return;
	}
	if (c == '\r') {
		add_byte(r, ' ', out);
		return;
	}
	for (; r->carriage_returns > 0; r->carriage_returns--)
		add_byte(r, ' ', out);
	add_byte(r, c, out);
}

/* How many of the next bytes belong to a line whose kind is known, as they are. */
static size_t
plain_run(const struct reader *r, const char *bytes, size_t n)
{
	size_t run = 0;

	if (r->carriage_returns > 0 || (r->line != FIELD && r->line != TEXT))
		return 0;
	while (run < n && bytes[run] != '\n' && bytes[run] != '\r' && bytes[run] != '\0')
		run++;
	return run;
}

void
reader_input(struct reader *r, const char *bytes, size_t n, struct buffer *header, struct buffer *body)
{
	struct output out = { header, body };

	while (n > 0 && !r->ended) {
		size_t run = plain_run(r, bytes, n);

		if (run > 0)
			buffer_add(r->line == FIELD ? header : body, bytes, run);
		else {
			input_byte(r, *bytes, &out);
			run = 1;
		}
		bytes += run;
		n -= run;
	}
}

void
reader_end(struct reader *r, struct buffer *header, struct buffer *body)
{
	struct output out = { header, body };

	if (!r->ended && (r->line != FRESH || r->dots > 0 || r->carriage_returns > 0))
		end_line(r, &out);
	r->in_header = false;
}

/*
 * reader.c: what becomes header and what body. Every row is read at once, byte
 * by byte and in blocks of three.
 */
#include "message/reader.h"

#include <string.h>

#include "base/buffer.h"

#include "tap.h"

#define INPUT(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *input;
	size_t length;
	bool dot_ends;
	const char *header, *body;
	bool ended;
} rows[] = {
	{ "header and body", INPUT("A: b\n\ntext\n"), true, "A: b\n", "text\n", false },
	{ "continuation lines", INPUT("A: b\n c\n\td\n \nB:\n\n"), true, "A: b\n c\n\td\n \nB:\n", "", false },
	{ "a blank first: body", INPUT(" A: b\n"), true, "", " A: b\n", false },
	{ "a tab first: body", INPUT("\tA: b\n"), true, "", "\tA: b\n", false },
	{ "no colon: body", INPUT("A: b\nword\nC: d\n"), true, "A: b\n", "word\nC: d\n", false },
	{ "blank inside a name: body", INPUT("A: b\nC d: e\n"), true, "A: b\n", "C d: e\n", false },
	{ "blanks before the colon", INPUT("A \t : b\n\n"), true, "A \t : b\n", "", false },
	{ "empty name: body", INPUT(": b\n"), true, "", ": b\n", false },
	{ "two dashes: body", INPUT("--: b\n"), true, "", "--: b\n", false },
	{ "one dash: a field", INPUT("-: b\n-a: c\n"), true, "-: b\n-a: c\n", "", false },
	{ "8-bit name: body", INPUT("A\xc3: b\n"), true, "", "A\xc3: b\n", false },
	{ "control in a name: body", INPUT("A\x01: b\n"), true, "", "A\x01: b\n", false },
	{ "dots in a name", INPUT(".a.: b\n..c: d\n"), true, ".a.: b\n..c: d\n", "", false },
	{ "mbox lines", INPUT("From a\n>From b\n>>From c\nA: b\n\n"), true, "A: b\n", "", false },
	{ "mbox line only", INPUT("From a"), true, "", "", false },
	{ "mbox line, then body", INPUT("From a\nword\n"), true, "", "word\n", false },
	{ "mbox line with a colon", INPUT("From a Mon 19:48:00\nA: b\n"), true, "A: b\n", "", false },
	{ "mbox line, then a continuation: body", INPUT("From a\n b\n"), true, "", " b\n", false },
	{ "From with a tab is no mbox line", INPUT("From\ta\n"), true, "", "From\ta\n", false },
	{ "> alone is no mbox line", INPUT(">\n"), true, "", ">\n", false },
	{ "CRLF", INPUT("A: b\r\n\r\ntext\r\n"), true, "A: b\n", "text\n", false },
	{ "CR CR LF", INPUT("A: b\r\r\n\r\r\ntext\r\r\n"), true, "A: b\n", "text\n", false },
	{ "bare CR", INPUT("A: b\rc\n\n\rtext\r\rtext\n"), true, "A: b c\n", " text  text\n", false },
	{ "CR at the end", INPUT("\ntext\r"), true, "", "text\n", false },
	{ "CR in a name", INPUT("A\r: b\n"), true, "A : b\n", "", false },
	{ "NUL", INPUT("\0A\0: b\n\0\nte\0xt\r\0\n"), true, "A: b\n", "text\n", false },
	{ "dot", INPUT("\na\n.\nb\n"), true, "", "a\n", true },
	{ "dot with CRLF", INPUT("\na\n.\r\nb\n"), true, "", "a\n", true },
	{ "dot at the end", INPUT("\na\n."), true, "", "a\n", true },
	{ "dot in the header", INPUT("A: b\n.\nB: c\n"), true, "A: b\n", "", true },
	{ "dot first", INPUT(".\nA: b\n"), true, "", "", true },
	{ "dot and blank", INPUT("\n. \n.\r \n"), true, "", ". \n.  \n", false },
	{ "two dots", INPUT("\n..\n..\r\n...\n..a\n"), true, "", ".\n.\n...\n..a\n", false },
	{ "two dots in the header: body", INPUT("A: b\n..\n"), true, "A: b\n", ".\n", false },
	{ "two dots at the end", INPUT("\n.."), true, "", ".\n", false },
	{ "-i: dots stay", INPUT("\n.\n..\n.\r\na\n"), false, "", ".\n..\n.\na\n", false },
	{ "-i: dot in the header: body", INPUT("A: b\n.\n"), false, "A: b\n", ".\n", false },
	{ "missing last line end", INPUT("A: b\n\ntext"), true, "A: b\n", "text\n", false },
	{ "missing line end in a field", INPUT("A: b"), true, "A: b\n", "", false },
	{ "missing line end in a name", INPUT("A"), true, "", "A\n", false },
	{ "nothing", INPUT(""), true, "", "", false },
	{ "one line end", INPUT("\n"), true, "", "", false },
	{ "empty lines in the body", INPUT("\n\n\n"), true, "", "\n\n", false },
};

static bool
same(const struct buffer *got, const char *want)
{
	return got->length == strlen(want) && (got->length == 0 || memcmp(got->data, want, got->length) == 0);
}

static void
check_row(size_t row, size_t step)
{
	struct buffer header, body;
	struct reader r;

	buffer_init(&header, HEADER_MAX);
	buffer_init(&body, HEADER_MAX);
	reader_init(&r, rows[row].dot_ends);
	for (size_t i = 0; i < rows[row].length; i += step) {
		size_t left = rows[row].length - i;

		reader_input(&r, rows[row].input + i, left < step ? left : step, &header, &body);
	}
	reader_end(&r, &header, &body);
	ok(same(&header, rows[row].header) && same(&body, rows[row].body) && r.ended == rows[row].ended && !r.in_header,
	    "%s, %zu at a time", rows[row].name, step);
	buffer_free(&header);
	buffer_free(&body);
}

/* Feeds count times a byte; returns the most that was ever held in header and body, which are emptied each time. */
static size_t
flood(struct reader *r, char byte, size_t count)
{
	struct buffer header, body;
	char block[4096];
	size_t most = 0;

	memset(block, byte, sizeof(block));
	buffer_init(&header, 2 * sizeof(block));
	buffer_init(&body, 2 * sizeof(block));
	for (size_t i = 0; i < count; i += sizeof(block)) {
		reader_input(r, block, sizeof(block), &header, &body);
		if (header.length + body.length > most)
			most = header.length + body.length;
		buffer_clear(&header);
		buffer_clear(&body);
	}
	buffer_free(&header);
	buffer_free(&body);
	return most;
}

/* One line of 25 MiB, of any byte, is passed on as it comes. */
static void
check_floods(void)
{
	static const char bytes[] = "x.:> \r\n";

	for (size_t i = 0; i < sizeof(bytes); i++) {
		struct reader r;
		size_t most, rest;

		reader_init(&r, true);
		most = flood(&r, bytes[i], 25 << 20);
		rest = flood(&r, 'x', 1);
		ok(most <= 4096 + FIELD_NAME_MAX && rest <= 4096 + FIELD_NAME_MAX,
		    "25 MiB of 0x%02x: %zu bytes at once, %zu held back", bytes[i], most, rest);
	}
}

/* The longest name that is a field, and the shortest that is none. */
static void
check_name_limit(void)
{
	for (size_t length = FIELD_NAME_MAX - 2; length <= FIELD_NAME_MAX + 1; length++) {
		struct buffer header, body;
		struct reader r;

		buffer_init(&header, HEADER_MAX);
		buffer_init(&body, HEADER_MAX);
		reader_init(&r, true);
		for (size_t i = 0; i < length; i++)
			reader_input(&r, "n", 1, &header, &body);
		reader_input(&r, ": v", 3, &header, &body);
		reader_end(&r, &header, &body);
		ok((length < FIELD_NAME_MAX ? header : body).length == length + 4, "a name of %zu bytes", length);
		buffer_free(&header);
		buffer_free(&body);
	}
}

static void
check_header_limit(void)
{
	struct buffer header, body;
	struct reader r;

	buffer_init(&header, 10);
	buffer_init(&body, 100);
	reader_init(&r, true);
	reader_input(&r, "A: 0123456789\n\ntext\n", 20, &header, &body);
	reader_end(&r, &header, &body);
	ok(header.overflow && header.length == 10 && same(&body, "text\n"), "a header over its limit is marked");
	buffer_free(&header);
	buffer_free(&body);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(i, HEADER_MAX);
		check_row(i, 1);
		check_row(i, 3);
	}
	check_floods();
	check_name_limit();
	check_header_limit();
	return tap_done();
}

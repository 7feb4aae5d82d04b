/* Stored form to wire form, at every cut of the input. */
#include "message/body.h"

#include <string.h>

#include "base/buffer.h"
#include "tap.h"

static const struct {
	const char *name, *stored, *data, *chunk;
} rows[] = {
	{ "nothing", "", "", "" },
	{ "LF becomes CRLF", "a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n" },
	{ "empty lines", "\n\n", "\r\n\r\n", "\r\n\r\n" },
	{ "a lone dot", ".\n", "..\r\n", ".\r\n" },
	{ "two dots", "..\n", "...\r\n", "..\r\n" },
	{ "a dot that starts a line", "a\n.b\n", "a\r\n..b\r\n", "a\r\n.b\r\n" },
	{ "a dot elsewhere", "a.\nb.c\n", "a.\r\nb.c\r\n", "a.\r\nb.c\r\n" },
	{ "dots in every line", ".\n.\n.\n", "..\r\n..\r\n..\r\n", ".\r\n.\r\n.\r\n" },
	{ "no last line end", "a", "a", "a" },
	{ "8-bit", "\xff\n", "\xff\r\n", "\xff\r\n" },
	{ "what looks like the end", "a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n",
	    "a\r\n.\r\nMAIL FROM:<x>\r\n" },
};

static bool
gives(const char *stored, size_t cut, bool stuff_dots, const char *want)
{
	struct body_filter filter = { .stuff_dots = stuff_dots };
	struct buffer out;
	bool same;

	buffer_init(&out, 1000);
	body_filter(&filter, stored, cut, &out);
	body_filter(&filter, stored + cut, strlen(stored) - cut, &out);
	same = out.length == strlen(want) && strcmp(buffer_string(&out), want) == 0;
	buffer_free(&out);
	return same;
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool data = true, chunk = true;

		for (size_t cut = 0; cut <= strlen(rows[i].stored); cut++) {
			data &= gives(rows[i].stored, cut, true, rows[i].data);
			chunk &= gives(rows[i].stored, cut, false, rows[i].chunk);
		}
		ok(data, "DATA: %s", rows[i].name);
		ok(chunk, "BDAT: %s", rows[i].name);
	}
	return tap_done();
}

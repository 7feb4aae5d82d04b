/* Strings of JSON, by the book. */
#include "base/json.h"

#include <string.h>

#include "base/buffer.h"
#include "unit/tap.h"

static const struct {
	const char *name, *text, *want;
} rows[] = {
	{ "empty", "", "\"\"" },
	{ "plain", "a@b.test", "\"a@b.test\"" },
	{ "blank and slash", "a /b", "\"a /b\"" },
	{ "quote", "say \"no\"", "\"say \\\"no\\\"\"" },
	{ "backslash", "a\\n", "\"a\\\\n\"" },
	{ "line end and tab", "a\n\tb", "\"a\\u000a\\u0009b\"" },
	{ "terminal escape", "\033[31m", "\"\\u001b[31m\"" },
	{ "delete", "\x7f", "\"\\u007f\"" },
	{ "a byte that is no ASCII", "p\xe4", "\"p\\ufffd\"" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer out;

		buffer_init(&out, 100);
		json_string(&out, rows[i].text);
		if (!ok(strcmp(buffer_string(&out), rows[i].want) == 0, "%s", rows[i].name))
			note("got %s", buffer_string(&out));
		buffer_free(&out);
	}
	return tap_done();
}

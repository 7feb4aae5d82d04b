/*
 * header.c: fields as name=value, one row a header.
 */
#include "message/header.h"

#include <string.h>

#include "base/buffer.h"

#include "tap.h"

static const struct {
	const char *name;
	const char *header;
	const char *want; /* [name|value] for every field */
} rows[] = {
	{ "nothing", "", "" },
	{ "one field", "A: b\n", "[A| b]" },
	{ "no blank, no value", "A:b\nB:\n", "[A|b][B|]" },
	{ "blanks before the colon", "A \t: b\n", "[A| b]" },
	{ "folding belongs to the value", "A: b\n c\n\td\nB: e\n", "[A| b\n c\n\td][B| e]" },
	{ "a blank line that continues", "A: b\n \nB: c\n", "[A| b\n ][B| c]" },
	{ "more colons", "A: b: c\n", "[A| b: c]" },
	{ "no last line end", "A: b\nB: c", "[A| b][B| c]" },
	{ "no colon", "word\nA: b\n", "[word|][A| b]" },
	{ "colon in the second line only", "word\n: x\n", "[word|][| x]" },
};

static void
check_row(size_t row)
{
	const char *at = rows[row].header, *end = at + strlen(at);
	struct buffer got;
	struct field field;

	buffer_init(&got, 1000);
	while (field_next(&at, end, &field))
		buffer_format(
		    &got, "[%.*s|%.*s]", (int)field.name_length, field.name, (int)field.value_length, field.value);
	if (!ok(strcmp(buffer_string(&got), rows[row].want) == 0 && at == end, "%s", rows[row].name))
		note("want %s, got %s", rows[row].want, buffer_string(&got));
	buffer_free(&got);
}

int
main(void)
{
	static const char text[] = "subJECT : \n\t \nTo: x\n";
	const char *at = text;
	struct field field;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
	ok(field_next(&at, text + sizeof(text) - 1, &field) && field_is(&field, "Subject"),
	    "case of a name does not matter");
	ok(!field_is(&field, "Subjec") && !field_is(&field, "Subjects"), "length of a name does");
	ok(field_is_blank(&field), "blanks and line ends are blank");
	ok(field_next(&at, text + sizeof(text) - 1, &field) && !field_is_blank(&field), "a letter is not");
	return tap_done();
}

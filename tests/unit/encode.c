/* Base64, xtext, printable text, comparison and patterns. */
#include "base/encode.h"

#include <string.h>

#include "base/buffer.h"
#include "unit/tap.h"

/* Bytes given with their length: NUL is a byte like any other. */
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *plain;
	size_t length;
	const char *encoded;
} base64_pairs[] = {
	/* RFC 4648 section 10 */
	{ BYTES(""), "" },
	{ BYTES("f"), "Zg==" },
	{ BYTES("fo"), "Zm8=" },
	{ BYTES("foo"), "Zm9v" },
	{ BYTES("foob"), "Zm9vYg==" },
	{ BYTES("fooba"), "Zm9vYmE=" },
	{ BYTES("foobar"), "Zm9vYmFy" },
	{ BYTES("\0user\0secret"), "AHVzZXIAc2VjcmV0" },
	{ BYTES("\xff\xfe\xfd"), "//79" },
	{ BYTES("\xfb\xef\xbe"), "++++" },
	{ BYTES("p\xc3\xa4ss"), "cMOkc3M=" },
};

static const struct {
	const char *name, *text;
} base64_bad[] = {
	{ "not a multiple of four", "Zg=" },
	{ "one character", "Z" },
	{ "padding alone", "====" },
	{ "three times padding", "Z===" },
	{ "padding before the end", "Zg==Zg==" },
	{ "padding within the group", "Z=g=" },
	{ "letter after padding", "Zm=v" },
	{ "a blank", "Zm 9" },
	{ "a line end", "Zm9\n" },
	{ "the alphabet for URLs", "-_-_" },
	{ "a byte above 0x7f", "Zm9\xc3" },
};

static const struct {
	const char *plain;
	size_t length;
	const char *encoded;
} xtext_pairs[] = {
	{ BYTES(""), "" },
	{ BYTES("a@b.test"), "a@b.test" },
	{ BYTES("a+b=c"), "a+2Bb+3Dc" },
	{ BYTES("a b\tc"), "a+20b+09c" },
	{ BYTES("\0\r\n\x7f"), "+00+0D+0A+7F" },
	{ BYTES("\xc3\xa4"), "+C3+A4" },
	{ BYTES("!~"), "!~" },
};

static const struct {
	const char *name, *text;
} xtext_bad[] = {
	{ "a blank", "a b" },
	{ "an equals sign", "a=b" },
	{ "a byte above 0x7e", "a\x7f" },
	{ "small hex digits", "+2b" },
	{ "cut after one digit", "a+2" },
	{ "cut after the sign", "a+" },
	{ "no digits", "+zz" },
};

static const struct {
	const char *name, *text;
	size_t length, size;
	const char *want;
} printable_rows[] = {
	{ "plain", BYTES("250 ok"), 100, "250 ok" },
	{ "empty", BYTES(""), 100, "" },
	{ "line ends and tabs", BYTES("a\r\nb\t c"), 100, "a b c" },
	{ "blanks at the end", BYTES("a \r\n"), 100, "a" },
	{ "only blanks", BYTES(" \r\n "), 100, "" },
	{ "terminal escapes", BYTES("\033[2Jx"), 100, "?[2Jx" },
	{ "NUL, DEL and 8 bit", BYTES("a\0b\x7f\xc3\xa4"), 100, "a?b???" },
	{ "cut", BYTES("abcdef"), 4, "abc" },
	{ "cut at a blank", BYTES("ab cdef"), 4, "ab" },
	{ "room for the end only", BYTES("abc"), 1, "" },
};

static const struct {
	const char *pattern, *text;
	bool want;
} pattern_rows[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "anything", true },
	{ "a", "", false },
	{ "Abc", "aBC", true },
	{ "abc", "abcd", false },
	{ "abcd", "abc", false },
	{ "*@shop.example", "app@Shop.Example", true },
	{ "*@shop.example", "app@shop.example.org", false },
	{ "app@*", "app@", true },
	{ "*a*b", "xaxbxb", true },
	{ "*a*b", "xaxbxc", false },
	{ "a*b*c", "abbbcbc", true },
	{ "**a**", "a", true },
	{ "a.c", "abc", false },
	{ "*aaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false },
};

static bool
holds(const struct buffer *b, const char *bytes, size_t length)
{
	return b->length == length && (length == 0 || memcmp(b->data, bytes, length) == 0);
}

static void
test_base64(struct buffer *out)
{
	for (size_t i = 0; i < sizeof(base64_pairs) / sizeof(base64_pairs[0]); i++) {
		const char *encoded = base64_pairs[i].encoded;

		buffer_clear(out);
		base64_encode(out, base64_pairs[i].plain, base64_pairs[i].length);
		ok(holds(out, encoded, strlen(encoded)), "base64: to \"%s\"", encoded);
		buffer_clear(out);
		ok(base64_decode(out, encoded, strlen(encoded)) &&
			holds(out, base64_pairs[i].plain, base64_pairs[i].length),
		    "base64: from \"%s\"", encoded);
	}
	for (size_t i = 0; i < sizeof(base64_bad) / sizeof(base64_bad[0]); i++)
		ok(!base64_decode(out, base64_bad[i].text, strlen(base64_bad[i].text)), "base64: refuses %s",
		    base64_bad[i].name);
}

static void
test_xtext(struct buffer *out)
{
	for (size_t i = 0; i < sizeof(xtext_pairs) / sizeof(xtext_pairs[0]); i++) {
		const char *encoded = xtext_pairs[i].encoded;

		buffer_clear(out);
		xtext_encode(out, xtext_pairs[i].plain, xtext_pairs[i].length);
		ok(holds(out, encoded, strlen(encoded)), "xtext: to \"%s\"", encoded);
		buffer_clear(out);
		ok(xtext_decode(out, encoded, strlen(encoded)) &&
			holds(out, xtext_pairs[i].plain, xtext_pairs[i].length),
		    "xtext: from \"%s\"", encoded);
	}
	for (size_t i = 0; i < sizeof(xtext_bad) / sizeof(xtext_bad[0]); i++)
		ok(!xtext_decode(out, xtext_bad[i].text, strlen(xtext_bad[i].text)), "xtext: refuses %s",
		    xtext_bad[i].name);
}

static void
test_printable(void)
{
	for (size_t i = 0; i < sizeof(printable_rows) / sizeof(printable_rows[0]); i++) {
		char out[100];

		memset(out, 'x', sizeof(out));
		printable(out, printable_rows[i].size, printable_rows[i].text, printable_rows[i].length);
		if (!ok(strcmp(out, printable_rows[i].want) == 0, "printable: %s", printable_rows[i].name))
			note("got \"%.90s\"", out);
	}
}

int
main(void)
{
	struct buffer out;

	buffer_init(&out, 1000);
	test_base64(&out);
	test_xtext(&out);
	buffer_free(&out);
	test_printable();
	for (size_t i = 0; i < sizeof(pattern_rows) / sizeof(pattern_rows[0]); i++)
		ok(matches(pattern_rows[i].pattern, pattern_rows[i].text) == pattern_rows[i].want, "\"%s\" %s \"%s\"",
		    pattern_rows[i].pattern, pattern_rows[i].want ? "matches" : "does not match", pattern_rows[i].text);
	ok(same_text("Bcc: x", 3, "bCC"), "same text without regard to case");
	ok(!same_text("Bcc", 3, "Bc") && !same_text("Bc", 2, "Bcc"), "a beginning is not the same text");
	ok(same_text("", 0, ""), "nothing is the same as nothing");
	return tap_done();
}

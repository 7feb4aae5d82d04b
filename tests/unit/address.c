/*
 * address.c: each list as the parser sees it, written as one line:
 *
 *	address             found; a bare name has no '@'
 *	<>                  the null address
 *	!start of reason    bad
 *	{name}(comment)     behind an address, when there are any
 */
#include "message/address.h"

#include <string.h>

#include "base/buffer.h"

#include "tap.h"

enum { LINE_MAX_BYTES = 4096 };

static const struct {
	const char *list;
	const char *want; /* elements with one blank between them */
} rows[] = {
	/* lists */
	{ "", "" },
	{ " , ;,\n ", "" },
	{ "a@x", "a@x" },
	{ "a@x,b@y", "a@x b@y" },
	{ " a@x , b@y , ", "a@x b@y" },
	{ "a@x;b@y;", "a@x b@y" },
	{ ",,a@x,,", "a@x" },
	{ "a@x,\n\tb@y\r\n", "a@x b@y" },
	{ "(nobody), a@x", "a@x" },
	/* groups */
	{ "G:;", "" },
	{ "undisclosed recipients: ;", "" },
	{ "G: a@x, \"Q\" <b@x>;, c@x", "a@x b@x{Q} c@x" },
	{ "G: a@x, H: b@x;, c@x;", "a@x b@x c@x" },
	{ "\"G, H\" (c): a@x;", "a@x" },
	{ "G: a@x", "a@x" },
	{ "G:a;b", "a b" },
	/* names and comments */
	{ "Joe <a@x>", "a@x{Joe}" },
	{ "Joe  Q.\n Public <a@x>", "a@x{Joe Q. Public}" },
	{ "\"Public, Joe \\\"Q\\\\\" <a@x>", "a@x{Public, Joe \"Q\\}" },
	{ "\"Joe\" Q \"Public\"<a@x>", "a@x{Joe Q Public}" },
	{ "\"fold\n ed\ttab\" <a@x>", "a@x{fold ed tab}" },
	{ "a@x (Joe)", "a@x(Joe)" },
	{ "a@x (Joe (the one) \\) there)", "a@x(Joe (the one) ) there)" },
	{ "(A) a@x (B)", "a@x(A B)" },
	{ "Joe (c) <a@x> (d)", "a@x{Joe}(c d)" },
	{ "a@x <a@x>", "a@x{a@x}" },
	{ "J\xc3\xb6rg <a@x>", "a@x{J\xc3\xb6rg}" },
	{ "root (Cron Daemon)", "root(Cron Daemon)" },
	{ "two (c) @x", "two@x(c)" },
	{ "two@ (c) x . (d) y", "two@x.y(c d)" },
	/* addresses */
	{ "<a@x>", "a@x" },
	{ "< (c) a@x >", "a@x(c)" },
	{ "<@r,@s:a@x>", "a@x" },
	{ "<@r:a@x>", "a@x" },
	{ "a . b @ x . y", "a.b@x.y" },
	{ "\"a b\"@x", "\"a b\"@x" },
	{ "\"a.b\"@x", "a.b@x" },
	{ "\"a\\b\\\"\"@x", "\"ab\\\"\"@x" },
	{ "\"a\".b@x", "a.b@x" },
	{ "\"\".a@x", "\".a\"@x" },
	{ "a..b@x", "\"a..b\"@x" },
	{ "a.@x", "\"a.\"@x" },
	{ "\"@\"@x", "\"@\"@x" },
	{ "a@[192.0.2.1]", "a@[192.0.2.1]" },
	{ "a@ [IPv6:2001:db8::1] ", "a@[IPv6:2001:db8::1]" },
	{ "-a+b=c!d@x-y_z", "-a+b=c!d@x-y_z" },
	{ "user|prog@x", "user|prog@x" },
	{ "\\a@x", "a@x" },
	/* bare names */
	{ "root", "root" },
	{ "<root>", "root" },
	{ "\\root", "root" },
	{ "host!user", "host!user" },
	{ "\"John Smith\"", "\"John Smith\"" },
	/* null */
	{ "<>", "<>" },
	{ "Nobody < >", "<>" },
	/* bad ones, and their neighbours */
	{ "a b@x", "!blank" },
	{ "a@x y", "!blank" },
	{ "\"a\" b@x", "!blank" },
	{ "a@", "!nothing after" },
	{ "@x", "!nothing before" },
	{ "a@@x", "!nothing after" },
	{ "a@b@c", "!more than one" },
	{ "a@x..y", "!bad domain" },
	{ "a@.x", "!bad domain" },
	{ "a@x.", "!bad domain" },
	{ "a@x!y", "!bad domain" },
	{ "a@[1", "!bad domain literal" },
	{ "a@[1\\2]", "!bad domain literal" },
	{ "a@[1]x", "!character" },
	{ "<a@x", "!quote, comment or" },
	{ "a@x>", "!character" },
	{ "<a@x> b", "!text after" },
	{ "<a@x><b@y>", "!text after" },
	{ "J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
	  "cher.example>",
	    "j\xc3\xb6rg@b\xc3\xbc"
	    "cher.example{J\xc3\xb6rg}" },
	{ "\"j \xc3\xb6\"@x", "\"j \xc3\xb6\"@x" },
	{ "j\xc2\x85@x", "!address is neither ASCII" },
	{ "\xc0\xaf@x", "!address is neither ASCII" },
	{ "<a@x\xc3>", "!address is neither ASCII" },
	{ "\xc3@x", "!address is neither ASCII" },
	{ "\"\xc3\"@x", "!address is neither ASCII" },
	{ "a\x01@x", "!control" },
	{ "\"a\nb\"@x", "!control" },
	{ "a\x7f@x", "!control" },
	{ "\\", "!character" },
	{ "a\\b", "!character" },
	{ "|prog", "!files" },
	{ "\"|prog x\"", "!files" },
	{ "\\|prog", "!files" },
	{ "/file", "!files" },
	{ ":include:/x", "!character" },
	{ "\":include:/x\"", "!files" },
	{ "a@x, b c, d@y", "a@x !blank d@y" },
	{ "a@x, \"open, b@y", "a@x !quote b@y" },
	{ "a@x, (open, b@y (fine), c@z", "a@x !quote b@y(fine) c@z" },
	{ "a@x, <open, b@y, C <c@z>", "a@x !quote b@y c@z{C}" },
	{ "a@x, <open \"x, b@y", "a@x !quote b@y" },
	{ "a@x:b, c@y", "!character c@y" },
};

static void
describe(const struct address *a, enum address_result result, struct buffer *out)
{
	struct buffer text;

	if (out->length > 0)
		buffer_add_char(out, ' ');
	if (result != ADDRESS_FOUND) {
		buffer_format(out, result == ADDRESS_NULL ? "<>" : "!%s", a->reason);
		return;
	}
	buffer_init(&text, LINE_MAX_BYTES);
	buffer_add_string(out, a->text);
	address_name(a, &text);
	if (text.length > 0)
		buffer_format(out, "{%s}", buffer_string(&text));
	buffer_clear(&text);
	address_comment(a, &text);
	if (text.length > 0)
		buffer_format(out, "(%s)", buffer_string(&text));
	buffer_free(&text);
}

/* Compares word by word: a word of want that starts with '!' is the start of a reason, up to the end of got's reason.
 */
static bool
as_wanted(const char *list, size_t length, const char *want)
{
	struct address_list addresses;
	enum address_result result;
	struct address a;
	bool good = true;

	address_list_init(&addresses, list, length);
	while ((result = address_next(&addresses, &a)) != ADDRESS_END) {
		struct buffer got;
		size_t common = 0;

		buffer_init(&got, LINE_MAX_BYTES);
		describe(&a, result, &got);
		buffer_string(&got);
		while (common < got.length && want[common] == got.data[common])
			common++;
		if (result == ADDRESS_BAD ? common < 3
					  : common < got.length || (want[common] != '\0' && want[common] != ' ')) {
			note("got %s, want %s", buffer_string(&got), want);
			good = false;
		}
		want += common + (want[common] == ' ');
		good &= result == ADDRESS_NULL || result == ADDRESS_BAD ||
			a.bare == (memchr(a.spec, '@', a.spec_length) == NULL);
		buffer_free(&got);
	}
	if (*want != '\0')
		note("missing: %s", want);
	return good && *want == '\0';
}

/* Where the parts of an element stand in the list. */
static void
check_places(void)
{
	static const char list[] = "x@y, \"Q\" (c) < a . b (d) @ x > (e) ,z";
	struct address_list addresses;
	struct address a;

	address_list_init(&addresses, list, sizeof(list) - 1);
	address_next(&addresses, &a);
	ok(address_next(&addresses, &a) == ADDRESS_FOUND, "second element");
	ok(a.start == list + 5 && a.length == strlen("\"Q\" (c) < a . b (d) @ x > (e)"), "the whole of it");
	ok(a.spec == strchr(list, 'a') && a.spec_length == strlen("a . b (d) @ x"), "the address in it");
	ok(a.phrase_length == strlen("\"Q\" (c) "), "the name in it");
	ok(strcmp(a.text, "a.b@x") == 0 && a.local_length == 3 && !a.bare, "its wire form");
}

static void
check_lengths(void)
{
	char list[ADDRESS_MAX + 16];

	memset(list, 'a', sizeof(list));
	list[ADDRESS_MAX - 2] = '@';
	list[ADDRESS_MAX] = '\0';
	ok(as_wanted(list, ADDRESS_MAX, list), "an address of %d bytes", ADDRESS_MAX);
	ok(as_wanted("aaaa", 3, "aaa"), "the length given counts");
	list[ADDRESS_MAX] = 'a';
	ok(as_wanted(list, ADDRESS_MAX + 1, "!address is too long"), "one of %d bytes is too long", ADDRESS_MAX + 1);
}

/* Ends that never come must not cost quadratic time: a test by its run time. */
static void
check_hostile(const char *element)
{
	struct address_list addresses;
	struct address a;
	struct buffer list;
	size_t count = 0;

	buffer_init(&list, 1 << 20);
	while (!list.overflow)
		buffer_add_string(&list, element);
	address_list_init(&addresses, list.data, list.length);
	while (address_next(&addresses, &a) != ADDRESS_END)
		count++;
	ok(count > 0, "1 MiB of %s: %zu elements", element, count);
	buffer_free(&list);
}

static void
check_join(void)
{
	static const struct {
		const char *local, *want;
	} joins[] = {
		{ "alice", "alice@x" },
		{ "DOM\\alice", "\"DOM\\\\alice\"@x" },
		{ "a b", "\"a b\"@x" },
		{ ".a", "\".a\"@x" },
		{ "", NULL },
		{ "a\n", NULL },
		{ "\xc3", NULL },
	};
	char address[ADDRESS_MAX + 1];

	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
		bool joined = address_join(address, joins[i].local, "x");

		ok(joined == (joins[i].want != NULL) && (!joined || strcmp(address, joins[i].want) == 0), "join: %zu",
		    i);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(as_wanted(rows[i].list, strlen(rows[i].list), rows[i].want), "row %zu: %s", i, rows[i].want);
	check_places();
	check_lengths();
	check_join();
	check_hostile("(,");
	check_hostile("\"a,\"\"");
	check_hostile("<,");
	check_hostile("<\"(");
	check_hostile("((a)");
	check_hostile("a@x(,");
	check_hostile(":,");
	check_hostile("a,");
	return tap_done();
}

/* Duplicates, verdicts, the facts of a message. */
#include "message/envelope.h"

#include <string.h>

#include "base/buffer.h"
#include "tap.h"

static const struct {
	const char *name, *first, *second;
	bool same;
} pairs[] = {
	{ "the same twice", "a@x.test", "a@x.test", true },
	{ "case of the domain", "a@x.test", "a@X.Test", true },
	{ "case of the local part", "a@x.test", "A@x.test", false },
	{ "other domain", "a@x.test", "a@y.test", false },
	{ "domain is a prefix", "a@x.test", "a@x.tes", false },
	{ "'@' in a quoted local part", "\"A@B\"@x", "\"a@b\"@x", false },
	{ "bare names", "a", "a", true },
	{ "bare names differ in case", "a", "A", false },
	{ "bare name and address", "a", "a@x", false },
};

static void
test_duplicates(void)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct envelope e;
		struct recipient *second;

		envelope_init(&e);
		envelope_add(&e, pairs[i].first);
		second = envelope_add(&e, pairs[i].second);
		ok((second == &e.recipients[0]) == pairs[i].same && e.count == (pairs[i].same ? 1 : 2), "duplicate: %s",
		    pairs[i].name);
		envelope_free(&e);
	}
}

static void
test_limit(void)
{
	struct envelope e;
	char address[32];
	bool all = true;

	envelope_init(&e);
	for (int i = 0; i < RECIPIENTS_MAX; i++) {
		snprintf(address, sizeof(address), "%d@x", i);
		all &= envelope_add(&e, address) != NULL;
	}
	ok(all && e.count == RECIPIENTS_MAX, "as many recipients as the limit allows");
	ok(envelope_add(&e, "one-more@x") == NULL, "not one more");
	ok(envelope_add(&e, "4711@X") == &e.recipients[4711], "but a duplicate is still found");
	envelope_free(&e);
	ok(e.count == 0 && e.recipients == NULL, "free leaves an empty envelope");
}

static void
test_verdicts(void)
{
	struct envelope e;
	struct reply later, no;

	envelope_init(&e);
	envelope_add(&e, "a@x");
	envelope_add(&e, "b@x");
	envelope_add(&e, "c@x")->verdict = DELIVERED;
	reply_set(&later, 0, "", "not yet");
	reply_set(&no, 550, "5.1.1", "no\r\nsuch\x1buser");
	envelope_settle(&e, DEFERRED, &later);
	ok(envelope_tally(&e, DEFERRED) == 2 && strcmp(e.recipients[1].reply.text, "not yet") == 0,
	    "deferred again, with a reason");
	ok(e.recipients[2].reply.text[0] == '\0', "who is decided is left alone");
	envelope_settle(&e, FAILED, &no);
	ok(envelope_tally(&e, FAILED) == 2 && envelope_tally(&e, DELIVERED) == 1, "failed for good");
	ok(strcmp(e.recipients[0].reply.text, "no such?user") == 0, "reply made printable");
	ok(e.recipients[0].reply.code == 550 && strcmp(e.recipients[0].reply.enhanced, "5.1.1") == 0, "codes kept");
	envelope_free(&e);
}

static const struct {
	const char *name, *text;
	uint64_t size, lines;
	size_t longest;
	bool eight_bit;
} messages[] = {
	{ "nothing", "", 0, 0, 0, false },
	{ "one line", "abc\n", 5, 1, 3, false },
	{ "empty lines", "\n\n", 4, 2, 0, false },
	{ "no last line end", "a\nbcd", 6, 1, 3, false },
	{ "the longest is not the last", "a\nlonger\nb\n", 14, 3, 6, false },
	{ "dots are not doubled", ".\n", 3, 1, 1, false },
	{ "8-bit", "\xc3\xbc\n", 4, 1, 2, true },
	{ "0x7f is 7-bit", "\x7f\n", 3, 1, 1, false },
};

static bool
facts_match(const struct facts *f, size_t i)
{
	return f->size == messages[i].size && f->lines == messages[i].lines && f->longest_line == messages[i].longest &&
	       f->eight_bit == messages[i].eight_bit;
}

static void
test_facts(void)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct facts whole = { 0 }, pieces = { 0 };
		size_t n = strlen(messages[i].text);

		facts_add(&whole, messages[i].text, n);
		for (size_t k = 0; k < n; k++)
			facts_add(&pieces, messages[i].text + k, 1);
		ok(facts_match(&whole, i), "facts: %s", messages[i].name);
		ok(facts_match(&pieces, i), "facts: %s, byte by byte", messages[i].name);
	}
}

int
main(void)
{
	test_duplicates();
	test_limit();
	test_verdicts();
	test_facts();
	return tap_done();
}

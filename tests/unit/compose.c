/*
 * compose.c and its helpers where rows of exact bytes are not the right form:
 * dates, names, limits, sizes and time. The rules themselves are in tests/rows.
 */
#include "message/compose.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "message/date.h"
#include "message/envelope.h"
#include "message/phrase.h"
#include "message/reader.h"

#include "tap.h"

static const struct {
	int64_t seconds;
	int zone;
	const char *want;
} dates[] = {
	{ 0, 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ -1, 0, "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ 1795463280, 0, "Mon, 23 Nov 2026 19:48:00 +0000" },
	{ 1795463280, 330, "Tue, 24 Nov 2026 01:18:00 +0530" },
	{ 1795463280, -720, "Mon, 23 Nov 2026 07:48:00 -1200" },
	{ 951782400, 0, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 951868800, 0, "Wed, 1 Mar 2000 00:00:00 +0000" },
	{ 4107542399, 0, "Sun, 28 Feb 2100 23:59:59 +0000" },
	{ 4107542400, 0, "Mon, 1 Mar 2100 00:00:00 +0000" },
	{ 2147483648, 0, "Tue, 19 Jan 2038 03:14:08 +0000" },
	{ 253402300799, 0, "Fri, 31 Dec 9999 23:59:59 +0000" },
};

static const struct {
	const char *name, *want;
} names[] = {
	{ "", "a@x" },
	{ "   ", "a@x" },
	{ "Joe", "Joe <a@x>" },
	{ "Joe Public", "\"Joe Public\" <a@x>" },
	{ "  Joe \t\n Public ", "\"Joe Public\" <a@x>" },
	{ "J.", "\"J.\" <a@x>" },
	{ "\"\\", "\"\\\"\\\\\" <a@x>" },
	{ "=?utf-8?Q?J?= P", "=?utf-8?Q?J?= P <a@x>" },
	{ "=?utf-8?Q?J?= (P)", "\"=?utf-8?Q?J?= (P)\" <a@x>" },
	{ "J\xc3\xb6rg", "=?utf-8?Q?J=C3=B6rg?= <a@x>" },
	{ "\xf0\x9f\x98\x80 =_?", "=?utf-8?Q?=F0=9F=98=80_=3D=5F=3F?= <a@x>" },
	{ "\xc3", "=?unknown-8bit?Q?=C3?= <a@x>" },
	{ "\xc0\x80", "=?unknown-8bit?Q?=C0=80?= <a@x>" },
	{ "\xe2\x98", "=?unknown-8bit?Q?=E2=98?= <a@x>" },
	{ "\xf5\x80\x80\x80", "=?unknown-8bit?Q?=F5=80=80=80?= <a@x>" },
};

static bool
same(struct buffer *got, const char *want)
{
	bool good = strcmp(buffer_string(got), want) == 0;

	if (!good)
		note("want %s, got %s", want, buffer_string(got));
	return good;
}

static void
check_dates_and_names(void)
{
	struct buffer out;

	buffer_init(&out, 4096);
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		buffer_clear(&out);
		date_add(&out, dates[i].seconds, dates[i].zone);
		ok(same(&out, dates[i].want), "date: %s", dates[i].want);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buffer_clear(&out);
		mailbox_add(&out, names[i].name, "a@x");
		ok(same(&out, names[i].want), "name: %s", names[i].want);
	}
	buffer_free(&out);
}

/* A name of any bytes gives lines that every server takes. */
static void
check_longest_name(void)
{
	char name[NAME_MAX_BYTES + 2] = { 0 };
	struct facts facts = { 0 };
	struct buffer out;

	buffer_init(&out, 4096);
	memset(name, '\xff', NAME_MAX_BYTES);
	mailbox_add(&out, name, "a@x");
	facts_add(&facts, out.data, out.length);
	ok(out.length > NAME_MAX_BYTES && facts.longest_line < 80, "the longest name");
	name[NAME_MAX_BYTES] = 'x';
	buffer_clear(&out);
	mailbox_add(&out, name, "a@x");
	ok(same(&out, "a@x"), "one that is too long");
	buffer_free(&out);
}

/* A run of compose over a header of any size. */
struct trial {
	struct buffer header, out;
	struct envelope envelope;
	struct reason reason;
	enum compose_result result;
	double seconds;
};

static void
trial_init(struct trial *t)
{
	buffer_init(&t->header, HEADER_MAX);
	buffer_init(&t->out, SIZE_MAX);
	envelope_init(&t->envelope);
}

static void
trial_run(struct trial *t, const char *const *recipients, size_t count, const char *domain)
{
	const struct submission submission = {
		.recipients = recipients, .recipient_count = count, .from_header = true
	};
	const struct identity identity = { .login = "alice", .domain = domain, .host = "box" };
	const struct stamp stamp = { .now = 0, .id = "ID" };
	clock_t start = clock();

	t->result = compose(&t->header, &submission, &identity, &stamp, &t->envelope, &t->out, &t->reason);
	t->seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void
trial_free(struct trial *t)
{
	buffer_free(&t->header);
	buffer_free(&t->out);
	envelope_free(&t->envelope);
}

static void
check_recipient_limit(size_t count, enum compose_result want)
{
	struct trial t;

	trial_init(&t);
	buffer_add_string(&t.header, "To: first@x.example");
	for (size_t i = 1; i < count; i++)
		buffer_format(&t.header, ",\n %zu@x.example", i);
	buffer_add_char(&t.header, '\n');
	trial_run(&t, NULL, 0, "example.test");
	ok(t.result == want, "%zu recipients in a header", count);
	ok(want != COMPOSE_OK || t.envelope.count == count, "all of them in the envelope");
	ok(t.seconds < 2, "in less than 2 s (%.3f)", t.seconds);
	trial_free(&t);
}

/* A header of the largest size made of one text again and again. */
static void
check_large(const char *name, const char *start, const char *again, enum compose_result want)
{
	const char *const recipient = "a@x.example";
	struct trial t;

	trial_init(&t);
	buffer_add_string(&t.header, start);
	while (t.header.length + strlen(again) < HEADER_MAX)
		buffer_add_string(&t.header, again);
	buffer_add_char(&t.header, '\n');
	trial_run(&t, &recipient, 1, "a-rather-long-domain.example.test");
	ok(t.result == want, "a full header: %s", name);
	ok(t.out.capacity <= 2 * COMPOSED_MAX && t.seconds < 2, "  in bounded memory and time (%.3f s)", t.seconds);
	trial_free(&t);
}

static void
check_overflow(void)
{
	struct trial t;

	trial_init(&t);
	t.header.limit = 8;
	buffer_add_string(&t.header, "To: a@x.example\n");
	trial_run(&t, NULL, 0, "example.test");
	ok(t.result == COMPOSE_BAD_DATA && strstr(t.reason.text, "1048576") != NULL,
	    "a header over its limit is bad data");
	trial_free(&t);
}

int
main(void)
{
	check_dates_and_names();
	check_longest_name();
	check_recipient_limit(5000, COMPOSE_OK);
	check_recipient_limit(RECIPIENTS_MAX, COMPOSE_OK);
	check_recipient_limit(RECIPIENTS_MAX + 1, COMPOSE_BAD_DATA);
	check_large("one folded field", "Subject: hi", "\n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", COMPOSE_OK);
	check_large("many fields", "X-First: hi", "\nX-More: hi", COMPOSE_OK);
	check_large("bare names grow", "Reply-To: hi", ", a", COMPOSE_BAD_DATA);
	check_large("bare authors grow", "From: a@x", ",\n root (x)", COMPOSE_BAD_DATA);
	check_large("comments without end", "Reply-To: hi", ",\n (((", COMPOSE_OK);
	check_large("quotes", "Cc: a@x.example", ", \"a", COMPOSE_OK);
	check_large("an endless name", "From: \"", "x", COMPOSE_OK);
	check_large("an endless comment", "From: root (", "x", COMPOSE_OK);
	check_large("8-bit names, encoded", "Cc: a@x.example", ", \xc3", COMPOSE_BAD_DATA);
	check_large("8-bit text, encoded", "Subject: hi", " \xc3\xa9 x", COMPOSE_BAD_DATA);
	check_large("8-bit parameters", "Content-Type: text/plain", "; name=\xc3\xa9", COMPOSE_BAD_DATA);
	check_large("a line without blanks", "X-Odd: ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", COMPOSE_OK);
	check_large("a line of blanks", "X-Odd: ", "                                 ", COMPOSE_OK);
	check_overflow();
	return tap_done();
}

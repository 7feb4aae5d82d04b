/*
 * Reports byte for byte (golden files), and what holds for every one of them:
 * legal lines, plain ASCII around what is returned, one boundary.
 * To renew a golden file: build/unit/report NAME >tests/unit/golden/report-NAME.eml
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/report.h"
#include "unit/tap.h"

enum {
	RECIPIENTS = 4,
	GOLDEN_MAX = 1 << 16,
	FIVE_DAYS = 432000,
	NOON = 1795435200 /* Mon, 23 Nov 2026 12:00:00 +0000 */
};

#define HEADER "From: Ann <ann@shop.example>\nTo: bob@x.test\nSubject: hi\n"

/* A message and what became of it. */
static const struct row {
	const char *name;
	enum report_kind kind;
	struct {
		const char *address;
		enum verdict verdict;
		int code;
		const char *enhanced, *text;
	} recipients[RECIPIENTS];
	const char *from, *smarthost, *message_id, *envid;
	const char *header, *body;
	int zone;
} golden[] = {
	{ .name = "failed",
	    .recipients = { { "bob@x.test", FAILED, 550, "5.1.1", "no such user" } },
	    .smarthost = "mail.example:465",
	    .message_id = "<1@shop.example>",
	    .header = HEADER,
	    .zone = 60 },
	{ .name = "failed-some",
	    .recipients = { { "bob@x.test", FAILED, 554, "5.7.1",
				"message refused: see https://postmaster.example/why?code=0123456789abcdef0123456789 "
				"for the long list of reasons that a provider may have" },
		{ "carol@x.test", DELIVERED, 250, "2.0.0", "ok" },
		{ "dave@x.test", FAILED, 554, "5.7.1",
		    "message refused: see https://postmaster.example/why?code=0123456789abcdef0123456789 "
		    "for the long list of reasons that a provider may have" },
		{ "e@@x.test", FAILED, 553, "5.1.3", "two at signs" } },
	    .from = "app@shop.example",
	    .smarthost = "mail.example:587",
	    .message_id = "no id at all",
	    .envid = "a+3Db",
	    .header = "Subject: gr\303\274\303\237 dich = 1\t\n trailing \nFrom: ann@shop.example\n" },
	{ .name = "delayed",
	    .kind = REPORT_DELAYED,
	    .recipients = { { "bob@x.test", DEFERRED, 450, "4.2.0", "greylisted" },
		{ "carol@x.test", DEFERRED, 0, "",
		    "mail.example:465 connect: connection refused; check host and port" } },
	    .smarthost = "mail.example:465",
	    .message_id = "<1@shop.example>",
	    .envid = "=not xtext",
	    .header = HEADER },
	{ .name = "delivered-full",
	    .kind = REPORT_DELIVERED,
	    .recipients = { { "bob@x.test", DELIVERED, 250, "", "ok" } },
	    .smarthost = "unix:/run/smtp.sock",
	    .message_id = "<1@shop.example>",
	    .header = HEADER,
	    .body = "gr\303\274\303\237 dich\n--=_6AFE9E80CAFE0123AB.0\nbye" },
};

static void
explain(const struct reply *reply, const char **meaning, const char **cure)
{
	*meaning = reply->code == 0 ? "nobody was asked" : "the server said so";
	*cure = "do something about it";
}

static const char *
meant(const char *address)
{
	return strcmp(address, "dave@x.test") == 0 ? "y.test" : NULL;
}

/* The report about a row, into out. */
static void
build(const struct row *row, int64_t now, struct buffer *out)
{
	struct envelope e;
	struct report report = {
		.kind = row->kind,
		.id = "6AFE9E80CAFE0123AB",
		.host = "box.shop.example",
		.domain = "shop.example",
		.from = row->from,
		.to = "ann@shop.example",
		.smarthost = row->smarthost,
		.now = now,
		.until = NOON + FIVE_DAYS,
		.zone = row->zone,
		.envelope = &e,
		.explain = explain,
		.meant = meant,
		.header = row->header,
		.header_length = strlen(row->header),
		.body = row->body,
		.body_length = row->body != NULL ? strlen(row->body) : 0,
	};

	envelope_init(&e);
	snprintf(e.id, sizeof(e.id), "6AFE9000DEADBEEF01");
	e.birth = NOON;
	e.message_id = row->message_id != NULL ? copy_string(row->message_id) : NULL;
	e.envid = row->envid != NULL ? copy_string(row->envid) : NULL;
	for (size_t i = 0; i < RECIPIENTS && row->recipients[i].address != NULL; i++) {
		struct recipient *r = envelope_add(&e, row->recipients[i].address);

		r->verdict = row->recipients[i].verdict;
		reply_set(&r->reply, row->recipients[i].code, row->recipients[i].enhanced, row->recipients[i].text);
	}
	report_write(&report, out);
	free(e.envid);
	e.envid = NULL;
	envelope_free(&e);
}

static bool
holds(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* Lines as mail wants them; before the returned part nothing but printable ASCII, and no line of three parts missing.
 */
static bool
is_legal(struct buffer *text)
{
	const char *returned = strstr(buffer_string(text), "Content-Type: text/rfc822-headers");
	size_t ascii = returned != NULL ? (size_t)(returned - text->data) : 0;
	struct facts facts = { 0 };

	facts_add(&facts, text->data, text->length);
	for (size_t i = 0; i < ascii; i++) {
		char c = text->data[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			return false;
	}
	return !text->overflow && strlen(text->data) == text->length && strchr(text->data, '\r') == NULL &&
	       facts.longest_line <= 998 && (returned == NULL || !facts.eight_bit);
}

static void
check_golden(const struct row *row)
{
	char path[128], *want = allocate(GOLDEN_MAX, 1);
	struct buffer got;
	FILE *file;

	snprintf(path, sizeof(path), "tests/unit/golden/report-%s.eml", row->name);
	file = fopen(path, "r");
	if (file != NULL) {
		want[fread(want, 1, GOLDEN_MAX - 1, file)] = '\0';
		fclose(file);
	}
	buffer_init(&got, REPORT_MAX);
	build(row, NOON + 3600, &got);
	if (!ok(strcmp(buffer_string(&got), want) == 0, "%s: as in %s", row->name, path))
		note("%s", got.data);
	ok(is_legal(&got), "%s: legal", row->name);
	buffer_free(&got);
	free(want);
}

/* What a report of one recipient holds. */
static void
check_lines(void)
{
	static const struct {
		const char *name;
		enum report_kind kind;
		enum verdict verdict;
		int code;
		const char *enhanced, *smarthost;
		int64_t after; /* seconds */
		const char *want, *not_wanted;
	} rows[] = {
		{ "a refusal without enhanced code", REPORT_FAILED, FAILED, 550, "", "h:25", 0, "\nStatus: 5.0.0\n",
		    "last answer" },
		{ "the enhanced code of a refusal", REPORT_FAILED, FAILED, 550, "5.2.1", "h:25", 0, "\nStatus: 5.2.1\n",
		    "last answer" },
		{ "given up", REPORT_FAILED, FAILED, 450, "", "h:25", FIVE_DAYS, "\nStatus: 4.4.7\n", "5.0.0" },
		{ "given up, enhanced code", REPORT_FAILED, FAILED, 450, "4.2.2", "h:25", FIVE_DAYS,
		    "\nStatus: 4.2.2\n", "4.4.7" },
		{ "given up says so", REPORT_FAILED, FAILED, 450, "4.2.2", "h:25", FIVE_DAYS,
		    "\nThis was the last answer; the time to try is over.\n", "4.4.7" },
		{ "refused late", REPORT_FAILED, FAILED, 550, "", "h:25", FIVE_DAYS, "\nStatus: 5.0.0\n",
		    "last answer" },
		{ "failed in doubt", REPORT_FAILED, FAILED, 0, "", "h:25", 0, "\nDiagnostic-Code: x-local; text\n",
		    "Remote-MTA" },
		{ "a limit that is temporary", REPORT_DELAYED, DEFERRED, 552, "5.5.3", "h:25", 0, "\nStatus: 4.0.0\n",
		    "5.5.3\nStatus" },
		{ "held", REPORT_HELD, DEFERRED, 0, "", "h:25", 0, "sendmailctl queue release", "Will-Retry-Until" },
		{ "held is delayed", REPORT_HELD, DEFERRED, 0, "", "h:25", 0, "\nAction: delayed\nStatus: 4.0.0\n",
		    "tried again until" },
		{ "accepted", REPORT_DELIVERED, DELIVERED, 250, "2.1.5", "h:25", 0, "\nStatus: 2.1.5\n", "What" },
		{ "relayed", REPORT_DELIVERED, DELIVERED, 250, "", "h:25", 0, "\nAction: relayed\n", "Until" },
		{ "smarthost", REPORT_FAILED, FAILED, 550, "", "h.example:25", 0, "\nRemote-MTA: dns; h.example\n",
		    "What it means: ." },
		{ "smarthost by address", REPORT_FAILED, FAILED, 550, "", "::1:25", 0, "\nRemote-MTA: dns; ::1\n",
		    "Will" },
		{ "smarthost not known", REPORT_FAILED, FAILED, 550, "", NULL, 0, "\nThe smarthost answered:\n",
		    "Remote-MTA" },
		{ "Maildir", REPORT_FAILED, FAILED, 550, "", "/var/x:y", 0, "\nThe smarthost /var/x:y answered:\n",
		    "Remote-MTA" },
		{ "nobody was asked", REPORT_FAILED, FAILED, 553, "5.1.3", "h:25", 0, "\nThe reason:\n", "Remote-MTA" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row row = { .kind = rows[i].kind,
			.recipients = { { "b@x", rows[i].verdict, rows[i].code, rows[i].enhanced, "text" } },
			.smarthost = rows[i].smarthost,
			.header = HEADER };
		struct buffer got;

		buffer_init(&got, REPORT_MAX);
		build(&row, NOON + rows[i].after, &got);
		if (!ok(holds(buffer_string(&got), rows[i].want) && !holds(got.data, rows[i].not_wanted) &&
			    is_legal(&got),
			"%s", rows[i].name))
			note("%s", got.data);
		buffer_free(&got);
	}
}

/* Whatever a message or a server holds, the report stays a report. */
static void
check_hostile(void)
{
	char *line = allocate(2000, 1), *word = allocate(ADDRESS_MAX + 1, 1);
	const struct {
		const char *name, *header, *body, *text, *want;
	} rows[] = {
		{ "control characters in the header", "A: \033[31m\n", NULL, "x", "\nA: =1B[31m\n" },
		{ "a long line in the header", line, NULL, "x", "Content-Transfer-Encoding: quoted-printable" },
		{ "a long line in the body", HEADER, line, "x", "text/rfc822-headers" },
		{ "a carriage return in the body", HEADER, "a\rb\n", "x", "text/rfc822-headers" },
		{ "no header", "", NULL, "x", "text/rfc822-headers" },
		{ "no body", HEADER, "", "x", "message/rfc822" },
		{ "7-bit body", HEADER, "a\n", "x", "message/rfc822\n\n" HEADER "\na\n" },
		{ "the boundary in the header", "A: b\n--=_6AFE9E80CAFE0123AB.0--\n", NULL, "x",
		    "boundary=\"=_6AFE9E80CAFE0123AB.1\"" },
		{ "two boundaries in the body", HEADER, "--=_6AFE9E80CAFE0123AB.0\n--=_6AFE9E80CAFE0123AB.1", "x",
		    "boundary=\"=_6AFE9E80CAFE0123AB.2\"" },
		{ "half a boundary", HEADER, "--=_6AFE9E80CAFE0123AB", "x", "boundary=\"=_6AFE9E80CAFE0123AB.0\"" },
		{ "a reply that looks like fields", HEADER, NULL,
		    "x\nAction: delivered\r\n\r\n--=_6AFE9E80CAFE0123AB.0",
		    "Diagnostic-Code: smtp; 550 x Action: delivered --=_6AFE9E80CAFE0123AB.0\n" },
		{ "a long word in a reply", HEADER, NULL, word, "550\n    wwwww" },
	};

	memset(line, 'l', 1999);
	line[1] = ':';
	memset(word, 'w', ADDRESS_MAX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row row = { .recipients = { { "b@x", FAILED, 550, "", rows[i].text } },
			.smarthost = "h:1",
			.header = rows[i].header,
			.body = rows[i].body };
		struct buffer got;

		buffer_init(&got, REPORT_MAX);
		build(&row, NOON, &got);
		if (!ok(holds(buffer_string(&got), rows[i].want) && is_legal(&got), "%s", rows[i].name))
			note("%s", got.data);
		buffer_free(&got);
	}
	free(line);
	free(word);
}

/* Ten thousand recipients, each with the longest of everything, and a header as large as it may be. */
static void
check_bounds(void)
{
	struct envelope e;
	struct report report = { .id = "6AFE9E80CAFE0123AB",
		.host = "box",
		.domain = "x",
		.to = "a@x",
		.now = NOON,
		.until = NOON + 1,
		.envelope = &e,
		.explain = explain,
		.meant = meant,
		.smarthost = "h:1",
		.header_length = RETURNED_HEADER_MAX };
	char *header = allocate(RETURNED_HEADER_MAX, 1), address[ADDRESS_MAX + 1], text[REPLY_TEXT_MAX];
	struct buffer got;

	memset(header, '\377', RETURNED_HEADER_MAX);
	memset(text, 't', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	report.header = header;
	envelope_init(&e);
	for (int i = 0; i < RECIPIENTS_MAX; i++) {
		struct recipient *r;

		memset(address, 'a', ADDRESS_MAX);
		snprintf(address + ADDRESS_MAX - 10, 11, "@%09d", i);
		r = envelope_add(&e, address);
		r->verdict = FAILED;
		reply_set(&r->reply, 550, "5.123.123", text);
		r->reply.text[0] = (char)('a' + i % 2);
	}
	buffer_init(&got, REPORT_MAX);
	report_write(&report, &got);
	ok(is_legal(&got), "10000 recipients: %zu bytes, legal", got.length);
	ok(holds(got.data, "and 9999 others") && holds(got.data, "\nAnd 9000 more recipients, not named here.\n"),
	    "10000 recipients: the others are counted");
	ok(holds(got.data, "@000000999\n") && !holds(got.data, "@000001000\n"), "10000 recipients: 1000 are named");
	buffer_free(&got);
	envelope_free(&e);
	free(header);
}

int
main(int argc, char **argv)
{
	struct buffer text;

	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		if (argc < 2) {
			check_golden(&golden[i]);
		} else if (strcmp(argv[1], golden[i].name) == 0) {
			buffer_init(&text, REPORT_MAX);
			build(&golden[i], NOON + 3600, &text);
			fwrite(text.data, 1, text.length, stdout);
			buffer_free(&text);
		}
	}
	if (argc > 1)
		return 0;
	check_lines();
	check_hostile();
	check_bounds();
	return tap_done();
}

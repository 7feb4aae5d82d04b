/* Replies, whole and at every cut; what is no reply; the lines of EHLO. */
#include "smtp/reply.h"

#include <string.h>

#include "smtp/capability.h"
#include "smtp/smtp.h"
#include "tap.h"

static const struct {
	const char *name, *bytes;
	int code; /* of the first reply; 0: broken */
	const char *enhanced, *text; /* or the fault */
} rows[] = {
	{ "one line", "250 ok\r\n", 250, "", "ok" },
	{ "LF alone", "250 ok\n", 250, "", "ok" },
	{ "code alone", "250\r\n", 250, "", "" },
	{ "code and blank", "250 \r\n", 250, "", "" },
	{ "code alone ends a long one", "250-a\r\n250\r\n", 250, "", "a" },
	{ "two lines", "250-a\r\n250 b\r\n", 250, "", "a b" },
	{ "empty lines within", "250-\r\n250-b\r\n250 \r\n", 250, "", "b" },
	{ "blanks", "250   a \t b  \r\n", 250, "", "a b" },
	{ "enhanced code", "550 5.1.1 no\r\n", 550, "5.1.1", "no" },
	{ "enhanced code alone", "550 5.1.1\r\n", 550, "5.1.1", "" },
	{ "enhanced code of three digits", "550 5.123.456 no\r\n", 550, "5.123.456", "no" },
	{ "enhanced code in every line", "550-5.1.1 no\r\n550 5.1.1 such\r\n", 550, "5.1.1", "no such" },
	{ "enhanced codes that differ", "550-5.1.1 no\r\n550 5.7.1 such\r\n", 550, "5.1.1", "no such" },
	{ "enhanced code only later", "550-no\r\n550 5.7.1 such\r\n", 550, "5.7.1", "no such" },
	{ "enhanced code of another class", "550 4.1.1 no\r\n", 550, "", "4.1.1 no" },
	{ "four digits are none", "550 5.1234.1 no\r\n", 550, "", "5.1234.1 no" },
	{ "a number glued to text is none", "550 5.1.1no\r\n", 550, "", "5.1.1no" },
	{ "two numbers are none", "550 5.1 no\r\n", 550, "", "5.1 no" },
	{ "an address is none", "550 5.6.7.8 listed\r\n", 550, "", "5.6.7.8 listed" },
	{ "control bytes", "550 a\x01\x1b[1m\x7f\xff\r\n", 550, "", "a??[1m??" },
	{ "CR within", "550 a\rb\r\n", 550, "", "a b" },
	{ "codes out of range are the engine's business", "999 x\r\n", 999, "", "x" },
	{ "no code", "hello\r\n", 0, "", "a line without a reply code" },
	{ "two digits", "25 x\r\n", 0, "", "a line without a reply code" },
	{ "four digits", "2500 x\r\n", 0, "", "a line without a reply code" },
	{ "nothing", "\r\n", 0, "", "a line without a reply code" },
	{ "blank first", " 250 x\r\n", 0, "", "a line without a reply code" },
	{ "code and tab", "250\tx\r\n", 0, "", "a line without a reply code" },
	{ "another code", "250-a\r\n550 b\r\n", 0, "", "a reply that changes its code" },
	{ "no code in the second line", "250-a\r\nb\r\n", 0, "", "a line without a reply code" },
};

/* Until a reply or a fault. */
static enum reply_event
parse(struct reply_parser *p, const char *bytes, size_t n)
{
	enum reply_event event = REPLY_NOTHING;

	while (n > 0 && event != REPLY_END && event != REPLY_BROKEN)
		event = reply_input(p, &bytes, &n);
	return event;
}

static bool
good(size_t i, size_t cut)
{
	struct reply_parser p;
	enum reply_event event;
	bool result;

	reply_init(&p);
	event = parse(&p, rows[i].bytes, cut);
	if (event != REPLY_END && event != REPLY_BROKEN)
		event = parse(&p, rows[i].bytes + cut, strlen(rows[i].bytes) - cut);
	if (event == REPLY_BROKEN)
		result = rows[i].code == 0 && strcmp(p.fault, rows[i].text) == 0;
	else
		result = event == REPLY_END && p.reply.code == rows[i].code &&
			 strcmp(p.reply.enhanced, rows[i].enhanced) == 0 && strcmp(p.reply.text, rows[i].text) == 0;
	reply_free(&p);
	return result;
}

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool all = true;

		for (size_t cut = 0; cut <= strlen(rows[i].bytes); cut++)
			all &= good(i, cut);
		ok(all, "reply: %s", rows[i].name);
	}
}

static void
test_limits(void)
{
	static char line[REPLY_LINE_MAX + 3];
	struct reply_parser p;

	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	memcpy(line + REPLY_LINE_MAX, "\r\n", 2);
	reply_init(&p);
	ok(parse(&p, line, REPLY_LINE_MAX + 2) == REPLY_END, "the longest line");
	ok(strlen(p.reply.text) == REPLY_TEXT_MAX - 1, "its text is cut");
	memcpy(line + REPLY_LINE_MAX, "x\r\n", 3);
	ok(parse(&p, line, REPLY_LINE_MAX + 3) == REPLY_BROKEN, "one byte more");
	ok(parse(&p, "250 ok\r\n", 8) == REPLY_BROKEN, "nothing is parsed after a fault");
	reply_free(&p);

	reply_init(&p);
	for (unsigned i = 1; i < REPLY_LINES_MAX; i++)
		parse(&p, "250-x\r\n", 7);
	ok(parse(&p, "250 x\r\n", 7) == REPLY_END, "the most lines");
	ok(parse(&p, "250 x\r\n", 7) == REPLY_END && p.lines == 1, "and the count begins anew");
	for (unsigned i = 1; i <= REPLY_LINES_MAX; i++)
		parse(&p, "250-x\r\n", 7);
	ok(parse(&p, "250 x\r\n", 7) == REPLY_BROKEN, "one line more");
	reply_free(&p);
}

static const struct {
	const char *line;
	unsigned bits;
	uint64_t size;
	unsigned mechanisms;
} capabilities[] = {
	{ "8BITMIME", CAN_8BITMIME, 0, 0 },
	{ "pipelining", CAN_PIPELINING, 0, 0 },
	{ "PIPELININGS", 0, 0, 0 },
	{ "PIPE", 0, 0, 0 },
	{ "Chunking ", CAN_CHUNKING, 0, 0 },
	{ "SMTPUTF8", CAN_SMTPUTF8, 0, 0 },
	{ "DSN", CAN_DSN, 0, 0 },
	{ "ENHANCEDSTATUSCODES", CAN_ENHANCED_CODES, 0, 0 },
	{ "STARTTLS", CAN_STARTTLS, 0, 0 },
	{ "SIZE", CAN_SIZE, 0, 0 },
	{ "SIZE 0", CAN_SIZE, 0, 0 },
	{ "SIZE 10240000", CAN_SIZE, 10240000, 0 },
	{ "SIZE 18446744073709551615", CAN_SIZE, UINT64_MAX, 0 },
	{ "SIZE 18446744073709551616", CAN_SIZE, 0, 0 },
	{ "SIZE -1", CAN_SIZE, 0, 0 },
	{ "SIZE 10M", CAN_SIZE, 0, 0 },
	{ "AUTH PLAIN LOGIN", CAN_AUTH, 0, SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN },
	{ "AUTH=LOGIN", CAN_AUTH, 0, SMTP_AUTH_LOGIN },
	{ "AUTH=PLAIN LOGIN", CAN_AUTH, 0, SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN },
	{ "AUTH  plain\tlogin ", CAN_AUTH, 0, SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN },
	{ "AUTH XPLAIN PLAINX PLAIN-CLIENTTOKEN", CAN_AUTH, 0, 0 },
	{ "AUTH", CAN_AUTH, 0, 0 },
	{ "", 0, 0, 0 },
};

static const struct {
	const char *line;
	uint64_t recipients, mails;
} limits[] = {
	{ "LIMITS RCPTMAX=20 MAILMAX=5", 20, 5 },
	{ "limits  mailmax=999999\trcptmax=1 ", 1, 999999 },
	{ "LIMITS RCPTDOMAINMAX=1 RCPTMAX=3", 3, 0 },
	{ "LIMITS RCPTMAX=0 MAILMAX=", 0, 0 },
	{ "LIMITS RCPTMAX=-1 MAILMAX=2x", 0, 0 },
	{ "LIMITS RCPTMAX MAILMAX 3", 0, 0 },
	{ "LIMITS XRCPTMAX=1 MAILMAXX=1 =1", 0, 0 },
	{ "LIMITS", 0, 0 },
};

static void
test_capabilities(void)
{
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		struct capabilities have = { 0 };

		capability_add(&have, capabilities[i].line);
		ok(have.bits == capabilities[i].bits && have.size == capabilities[i].size &&
			have.mechanisms == capabilities[i].mechanisms,
		    "capability: '%s'", capabilities[i].line);
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct capabilities have = { 0 };

		capability_add(&have, limits[i].line);
		ok(have.bits == 0 && have.recipients == limits[i].recipients && have.mails == limits[i].mails,
		    "capability: '%s'", limits[i].line);
	}
}

int
main(void)
{
	test_rows();
	test_limits();
	test_capabilities();
	return tap_done();
}

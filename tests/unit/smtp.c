/* What the dialogues cannot say about the engine: bytes left behind, deadlines, misuse, flights of any size. */
#include "smtp/smtp.h"

#include <string.h>

#include "base/buffer.h"
#include "tap.h"

static const struct smtp_options options = {
	.helo = "box.test",
	.tls = SMTP_TLS_NONE,
	.mechanisms = SMTP_AUTH_AUTO,
	.timeout = 300,
	.final_timeout = 600,
};

static void
server(struct smtp *s, const char *text)
{
	smtp_input(s, text, strlen(text));
}

/* Takes all the engine says; returns how much it was. */
static size_t
listen(struct smtp *s)
{
	size_t n, all = 0;

	while (smtp_want(s) & SMTP_WRITE) {
		smtp_output(s, &n);
		smtp_sent(s, n);
		all += n;
	}
	return all;
}

static struct smtp *
greeted(const char *ehlo)
{
	struct smtp *s = smtp_new(&options);

	server(s, "220 m\r\n");
	listen(s);
	server(s, ehlo);
	return s;
}

static void
make_envelope(struct envelope *e, size_t recipients, uint64_t size)
{
	envelope_init(e);
	e->sender = copy_string("s@y");
	e->facts.size = size;
	for (size_t i = 0; i < recipients; i++) {
		char address[ADDRESS_MAX];

		snprintf(address, sizeof(address), "recipient-with-a-long-name-%zu@some.where.test", i);
		envelope_add(e, address);
	}
}

static void
test_steps(void)
{
	struct smtp *s = smtp_new(&options);
	unsigned long step = smtp_step(s);

	server(s, "220-m\r\n220-");
	ok(smtp_step(s) == step, "half a reply is no step: a deadline cannot be stretched by it");
	server(s, "x\r\n220 m\r\n");
	ok(smtp_step(s) != step, "a reply is a step");
	step = smtp_step(s);
	smtp_sent(s, 0);
	ok(smtp_step(s) == step, "writing nothing is no step");
	smtp_sent(s, 1);
	ok(smtp_step(s) != step, "progress in writing is a step");
	smtp_free(s);
}

static void
test_wiped(void)
{
	struct smtp_options login = options;
	struct smtp *s;
	const char *out;
	size_t n;

	login.user = "u";
	login.password = "secret";
	s = smtp_new(&login);
	server(s, "220 m\r\n");
	listen(s);
	server(s, "250-m\r\n250 AUTH PLAIN\r\n");
	out = smtp_output(s, &n);
	ok(n == strlen("AUTH PLAIN AHUAc2VjcmV0\r\n") && memcmp(out, "AUTH PLAIN AHUAc2VjcmV0", n - 2) == 0,
	    "the login");
	smtp_sent(s, n);
	ok(memchr(out, 'A', n) == NULL, "what was sent is wiped");
	smtp_free(s);
}

/* A flight of more recipients than fit comes in pieces, none larger than the output may be. */
static void
test_large_flight(void)
{
	struct smtp *s = greeted("250-m\r\n250 PIPELINING\r\n");
	struct envelope e;
	size_t n = 0, most = 0, all = 0;

	make_envelope(&e, RECIPIENTS_MAX, 100);
	smtp_mail(s, &e);
	while (smtp_want(s) & SMTP_WRITE) {
		smtp_output(s, &n);
		smtp_sent(s, n);
		all += n;
		most = n > most ? n : most;
	}
	ok(all > RECIPIENTS_MAX * strlen("RCPT TO:<recipient-with-a-long-name-0@some.where.test>"),
	    "ten thousand recipients are all named before the first answer");
	ok(most < 66 * 1024, "by flights of 64 KiB");
	server(s, "250 ok\r\n");
	for (int i = 0; i < RECIPIENTS_MAX; i++)
		server(s, i % 2 == 0 ? "250 ok\r\n" : "550 no\r\n");
	server(s, "354 go\r\n");
	smtp_body(s, "x\n", 2, true);
	listen(s);
	server(s, "250 ok\r\n");
	ok(envelope_tally(&e, DELIVERED) == RECIPIENTS_MAX / 2 && envelope_tally(&e, FAILED) == RECIPIENTS_MAX / 2,
	    "each has the verdict of its own answer");
	smtp_free(s);
	envelope_free(&e);
}

/* How many lines of what is said begin so. */
static int
said(const char *out, size_t n, const char *start)
{
	int found = 0;

	for (const char *line = out; line < out + n; line = strchr(line, '\n') + 1)
		found += strncmp(line, start, strlen(start)) == 0;
	return found;
}

/* Answers one flight as a server would that takes so many recipients at once; returns how many were named in it. */
static int
answer_flight(struct smtp *s, int takes)
{
	size_t n;
	const char *out = smtp_output(s, &n);
	int mail = said(out, n, "MAIL"), named = said(out, n, "RCPT"), last = said(out, n, "BDAT");

	smtp_sent(s, n);
	for (int i = 0; i < mail + named + last; i++)
		server(s, i > takes && i <= named ? "452 4.5.3 no more\r\n" : "250 ok\r\n");
	return named;
}

static void
test_many_transactions(void)
{
	static const struct {
		const char *name, *ehlo;
		unsigned ours;
		int flights, named;
	} rows[] = {
		{ "our limit", "250-m\r\n250-PIPELINING\r\n250 CHUNKING\r\n", 30, 34, 1000 },
		{ "RCPTMAX", "250-m\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 LIMITS RCPTMAX=40\r\n", 0, 25, 1000 },
		{ "found out", "250-m\r\n250-PIPELINING\r\n250 CHUNKING\r\n", 0, 20, 1950 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_options limited = options;
		struct envelope e;
		struct smtp *s;
		int flights = 0, named = 0;

		limited.recipients_per_message = rows[i].ours;
		s = smtp_new(&limited);
		server(s, "220 m\r\n");
		listen(s);
		server(s, rows[i].ehlo);
		make_envelope(&e, 1000, 100);
		smtp_mail(s, &e);
		for (; (smtp_want(s) & SMTP_IDLE) == 0 && flights < 1000; flights++) {
			if (smtp_want(s) & SMTP_BODY)
				smtp_body(s, "x\n", 2, true);
			named += answer_flight(s, 50);
		}
		ok(flights == rows[i].flights && named == rows[i].named && envelope_tally(&e, DELIVERED) == 1000,
		    "a thousand recipients, %s: %d flights, %d named", rows[i].name, flights, named);
		smtp_free(s);
		envelope_free(&e);
	}
}

static void
test_block_of_newlines(void)
{
	struct smtp *s = greeted("250-m\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	static char block[SMTP_BLOCK];
	struct envelope e;
	size_t n;

	memset(block, '\n', sizeof(block) - 1);
	block[sizeof(block) - 1] = 'x';
	make_envelope(&e, 1, 100);
	smtp_mail(s, &e);
	listen(s);
	smtp_body(s, block, sizeof(block), true);
	n = listen(s);
	ok(n == strlen("BDAT 32769 LAST\r\n") + 32769, "a block may double, and gets its last line end");
	smtp_free(s);
	envelope_free(&e);
}

static void
test_misuse(void)
{
	static char block[SMTP_BLOCK + 1];
	struct smtp *s = greeted("250-m\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	struct envelope e, other;

	make_envelope(&e, 1, 100);
	make_envelope(&other, 1, 100);
	smtp_body(s, "x\n", 2, true);
	smtp_secured(s);
	ok(smtp_want(s) == (SMTP_READ | SMTP_IDLE), "body and TLS out of turn are ignored");
	smtp_mail(s, &e);
	listen(s);
	smtp_mail(s, &other);
	ok((smtp_want(s) & SMTP_WRITE) == 0, "so is a second message");
	smtp_body(s, block, sizeof(block), true);
	ok(smtp_want(s) == SMTP_DONE && smtp_failure(s)->trouble == SMTP_CONNECTION,
	    "too large a block ends the session, before anything is cut");
	ok(e.recipients[0].verdict == DEFERRED && !e.maybe_sent, "and the message is kept");
	smtp_lost(s, "again");
	smtp_quit(s);
	server(s, "220 m\r\n");
	ok(smtp_want(s) == SMTP_DONE && strstr(smtp_failure(s)->reply.text, "again") == NULL,
	    "after the end nothing changes");
	ok(strcmp(smtp_step_name(s), "QUIT") == 0, "a session that is over has a name, too");
	smtp_free(s);
	smtp_free(NULL);
	envelope_free(&e);
	envelope_free(&other);
}

static void
test_decided_recipients(void)
{
	struct smtp *s = greeted("250 m\r\n");
	struct envelope e;

	make_envelope(&e, 2, 100);
	e.recipients[0].verdict = DELIVERED;
	smtp_mail(s, &e);
	listen(s);
	server(s, "250 ok\r\n");
	listen(s);
	server(s, "550 no\r\n");
	ok(e.recipients[0].verdict == DELIVERED && e.recipients[1].verdict == FAILED,
	    "who was decided before is neither named nor touched");
	ok((smtp_want(s) & SMTP_IDLE) != 0, "and the next message may come");
	smtp_free(s);
	envelope_free(&e);
}

int
main(void)
{
	test_steps();
	test_wiped();
	test_large_flight();
	test_many_transactions();
	test_block_of_newlines();
	test_misuse();
	test_decided_recipients();
	return tap_done();
}

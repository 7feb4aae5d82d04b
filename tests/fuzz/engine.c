/*
 * The engine against a server that says anything. The input is
 *
 *	byte 0	options, see enum
 *	byte 1	recipients (low half) and messages (high half)
 *	byte 2	size of the body in KiB
 *	rest	what the server says; bytes 1 to 6 are acts of our side instead
 *
 * Aborts when the engine breaks a promise: success without a 2xx after the
 * whole message had left, a secret or mail in clear, bare line ends, a state
 * that wants nothing, "may arrive twice" of a message that never left, more
 * recipients or messages than the limits, a verdict taken back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "smtp/smtp.h"

enum {
	WITH_STARTTLS = 1,
	WITH_USER = 2,
	WITH_SEGMENTS = 4, /* all lines up to the next act come at once */
	WITH_QUIT = 8,
	WITH_EIGHT_BIT = 16,
	WITH_BAD_ADDRESS = 32,
	WITHOUT_PLAIN = 64,
	WITH_LIMITS = 128,
	LIMIT = 2, /* of recipients and of messages */
	RECIPIENTS = 16,
	ACT_WRITE = 1,
	ACT_WRITE_ONE,
	ACT_QUIT,
	ACT_LOSE,
	ACT_HOLD, /* from here on only the acts write */
	ACT_FLOW,
	TURNS_MAX = 2000000,
	TRACED_MAX = 2048, /* where the engine cuts a line of the trace */
};

static const char secret[] = "AHVzZXIAc2VjcmV0";
static const char secret_login[] = "c2VjcmV0";
static const char password[] = "secret";

struct world {
	struct smtp *smtp;
	unsigned flags;
	struct envelope envelope;
	unsigned char decided[RECIPIENTS]; /* verdicts of the envelope so far */
	size_t recipients, messages, body;
	bool ended; /* its last block, too */
	uint64_t end; /* what must have been written then; QUIT may follow it */
	uint64_t written;
	bool hold, secured;
	char clear[4096]; /* what went before TLS */
	size_t clear_length;
	char last; /* byte written */
	char command[4]; /* how the line being written starts */
	size_t command_length, mails, named; /* MAIL commands, RCPT commands of the last one */
	char start[3]; /* of the server's line */
	size_t start_length;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

static bool
is_word(char c)
{
	return strchr("?-_", c) == NULL && c > '/' && strchr(":;<=>@[\\]^`{|}~", c) == NULL;
}

/* What was cut may end in the midst of another word. */
static bool
shows_password(const char *text, size_t cut)
{
	const size_t n = strlen(password);

	if (strlen(text) + 1 >= cut)
		return false;
	for (const char *c = strstr(text, password); c != NULL; c = strstr(c + 1, password))
		if ((c == text || !is_word(c[-1])) && !is_word(c[n]))
			return true;
	return false;
}

static void
trace(void *context, bool from_server, const char *line)
{
	const struct world *w = context;

	if (w->smtp != NULL && strcmp(smtp_step_name(w->smtp), "AUTH") == 0)
		demand(!shows_password(line, TRACED_MAX));
	demand(from_server || (strstr(line, secret) == NULL && strstr(line, secret_login) == NULL));
	demand(strpbrk(line, "\r\n") == NULL);
}

/* Before TLS only these may be said. */
static void
check_clear(struct world *w)
{
	static const char *const allowed[] = { "EHLO box.test\r\n", "STARTTLS\r\n", "QUIT\r\n" };
	const char *c = w->clear;

	w->clear[w->clear_length] = '\0';
	while (*c != '\0') {
		size_t i = 0, n = strcspn(c, "\n") + (strchr(c, '\n') != NULL);

		while (i < 3 && strncmp(c, allowed[i], n) != 0)
			i++;
		demand(i < 3);
		c += n;
	}
}

/* Counts what is named; no line of the body looks like these commands. */
static void
check_limits(struct world *w, char c)
{
	if (c == '\n') {
		w->command_length = 0;
		return;
	}
	if (w->command_length == sizeof(w->command))
		return;
	w->command[w->command_length++] = c;
	if (w->command_length < sizeof(w->command))
		return;
	if (memcmp(w->command, "MAIL", 4) == 0) {
		w->mails++;
		w->named = 0;
	}
	w->named += memcmp(w->command, "RCPT", 4) == 0;
	demand(!(w->flags & WITH_LIMITS) || w->named <= LIMIT);
}

static void
write_out(struct world *w, size_t most)
{
	size_t n;
	const char *out = smtp_output(w->smtp, &n);

	n = n < most ? n : most;
	for (size_t i = 0; i < n; i++) {
		demand((out[i] == '\n') == (w->last == '\r'));
		w->last = out[i];
		check_limits(w, out[i]);
	}
	if ((w->flags & WITH_STARTTLS) && !w->secured) {
		demand(w->clear_length + n < sizeof(w->clear));
		memcpy(w->clear + w->clear_length, out, n);
		w->clear_length += n;
		check_clear(w);
	}
	smtp_sent(w->smtp, n);
	w->written += n;
}

static bool
has_left(const struct world *w)
{
	return w->ended && w->written + strlen("QUIT\r\n") >= w->end;
}

static void
feed_body(struct world *w)
{
	static const char text[] = "..line of the body\n.\n\n";
	char block[SMTP_BLOCK];
	size_t offset = smtp_body_offset(w->smtp), pending;
	size_t n = w->body - offset < sizeof(block) ? w->body - offset : sizeof(block);

	for (size_t i = 0; i < n; i++)
		block[i] = text[(offset + i) % (sizeof(text) - 1)];
	offset += n;
	smtp_body(w->smtp, block, n, offset == w->body);
	smtp_output(w->smtp, &pending);
	w->ended = offset == w->body;
	w->end = w->written + pending;
}

static void
hand_in(struct world *w)
{
	demand(!(w->flags & WITH_LIMITS) || w->mails < LIMIT);
	envelope_free(&w->envelope);
	memset(w->decided, DEFERRED, sizeof(w->decided));
	w->envelope.sender = copy_string(w->flags & WITH_BAD_ADDRESS && w->messages % 2 ? "s\r\nDATA" : "s@y");
	w->envelope.facts.size = w->body;
	w->envelope.facts.eight_bit = (w->flags & WITH_EIGHT_BIT) != 0;
	for (size_t i = 0; i < w->recipients; i++) {
		char address[32];

		snprintf(
		    address, sizeof(address), "%zu%s", i, w->flags & WITH_BAD_ADDRESS && i % 3 == 1 ? ">\n" : "@x");
		envelope_add(&w->envelope, address);
	}
	w->messages--;
	w->ended = false;
	smtp_mail(w->smtp, &w->envelope);
	if ((w->flags & WITH_QUIT) && w->messages == 0)
		smtp_quit(w->smtp);
}

/* All our side can do without the server; must come to an end. */
static void
pump(struct world *w)
{
	for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
		unsigned want = smtp_want(w->smtp);

		demand(want & (SMTP_READ | SMTP_WRITE | SMTP_SECURE | SMTP_DONE));
		demand(smtp_step_name(w->smtp) != NULL && smtp_timeout(w->smtp) > 0);
		if (!(want & (SMTP_IDLE | SMTP_DONE)) && smtp_body_offset(w->smtp) < w->body)
			w->ended = false; /* the next transaction began */
		if (want & SMTP_SECURE) {
			w->secured = true;
			smtp_secured(w->smtp);
		} else if ((want & SMTP_IDLE) && w->messages > 0)
			hand_in(w);
		else if (want & SMTP_BODY)
			feed_body(w);
		else if ((want & SMTP_WRITE) && !w->hold)
			write_out(w, SIZE_MAX);
		else
			return;
	}
	abort();
}

/* True when one of these bytes ends a line that begins with 2xx. Acts may have cut the line. */
static bool
holds_success(struct world *w, const char *bytes, size_t n)
{
	bool success = false;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			success |= w->start_length >= 3 && w->start[0] == '2';
			w->start_length = 0;
		} else if (w->start_length < sizeof(w->start))
			w->start[w->start_length++] = bytes[i];
	}
	return success;
}

static void
check_verdicts(struct world *w)
{
	const struct smtp_failure *failure = smtp_failure(w->smtp);

	for (size_t i = 0; i < w->envelope.count; i++) {
		demand(w->decided[i] == DEFERRED || w->decided[i] == w->envelope.recipients[i].verdict);
		w->decided[i] = (unsigned char)w->envelope.recipients[i].verdict;
	}
	if (failure->step != NULL && strcmp(failure->step, "AUTH") == 0)
		demand(!shows_password(failure->reply.text, REPLY_TEXT_MAX));
	if ((smtp_want(w->smtp) & (SMTP_DONE | SMTP_IDLE)) == 0)
		return;
	for (size_t i = 0; i < w->envelope.count; i++) {
		const struct recipient *r = &w->envelope.recipients[i];

		demand(r->verdict != DELIVERED || (r->reply.code >= 200 && r->reply.code < 300));
		demand(r->verdict != FAILED || r->reply.code >= 500);
		demand(r->verdict != DEFERRED || r->reply.code >= 400 || r->reply.text[0] != '\0');
	}
	demand(failure->trouble == SMTP_OK || failure->step != NULL);
}

static void
serve(struct world *w, const char *bytes, size_t n)
{
	size_t before = envelope_tally(&w->envelope, DELIVERED);
	bool may_succeed = holds_success(w, bytes, n), left = has_left(w);

	smtp_input(w->smtp, bytes, n);
	if (envelope_tally(&w->envelope, DELIVERED) > before)
		demand(may_succeed && left);
	demand(!w->envelope.maybe_sent || has_left(w));
	check_verdicts(w);
	pump(w);
}

static void
act(struct world *w, uint8_t what)
{
	switch (what) {
	case ACT_WRITE:
		write_out(w, SIZE_MAX);
		break;
	case ACT_WRITE_ONE:
		write_out(w, 1);
		break;
	case ACT_QUIT:
		smtp_quit(w->smtp);
		break;
	case ACT_LOSE:
		smtp_lost(w->smtp, "lost");
		break;
	default:
		w->hold = what == ACT_HOLD;
	}
	pump(w);
}

static void
play(struct world *w, const uint8_t *data, size_t size)
{
	char line[4096];
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		bool is_act = data[i] >= ACT_WRITE && data[i] <= ACT_FLOW;

		if (!is_act)
			line[n++] = (char)data[i];
		if (n == sizeof(line) || is_act || (data[i] == '\n' && !(w->flags & WITH_SEGMENTS))) {
			serve(w, line, n);
			n = 0;
		}
		if (is_act)
			act(w, data[i]);
	}
	serve(w, line, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .flags = size > 0 ? data[0] : 0 };
	struct smtp_options options = { .helo = "box.test", .timeout = 300, .final_timeout = 600 };

	if (size < 3)
		return 0;
	options.tls = w.flags & WITH_STARTTLS ? SMTP_TLS_STARTTLS : SMTP_TLS_IMPLICIT;
	options.user = w.flags & WITH_USER ? "user" : NULL;
	options.password = password;
	options.trace = trace;
	options.trace_context = &w;
	options.recipients_per_message = options.messages_per_connection = w.flags & WITH_LIMITS ? LIMIT : 0;
	options.mechanisms = w.flags & WITHOUT_PLAIN ? SMTP_AUTH_LOGIN : SMTP_AUTH_AUTO;
	w.recipients = data[1] % RECIPIENTS;
	w.messages = data[1] / 16 % 4;
	w.body = (size_t)data[2] * 1023;
	w.smtp = smtp_new(&options);
	play(&w, data + 3, size - 3);
	smtp_lost(w.smtp, "over");
	demand(smtp_want(w.smtp) == SMTP_DONE);
	demand(!w.envelope.maybe_sent || has_left(&w));
	check_verdicts(&w);
	smtp_free(w.smtp);
	envelope_free(&w.envelope);
	return 0;
}

/*
 * The session. Its phases, and what is said in each:
 *
 *	LOGIN    greeting, EHLO (or HELO), STARTTLS ----> SECURE: TLS handshake
 *	         EHLO again, AUTH            <---------------- smtp_secured()
 *	READY    any number of transactions (transaction.c)
 *	OVER     QUIT was put out, or the session failed
 *
 * Every command goes into a FIFO when it is put out and leaves it with its
 * answer; the verb's table row says how long that may take and what the answer
 * means. An answer nobody asked for is never taken for another one.
 */
#include "smtp/smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "smtp/engine.h"

enum {
	LOGIN_LINE_MAX = 12288, /* RFC 4954 section 4 */
	TRACE_MAX = 2048,
	FIRST_ROOM = 16,
	SECRETS_MAX = 1024,
};

static void answer_greeting(struct smtp *, const struct command *, const struct reply *);
static void answer_ehlo(struct smtp *, const struct command *, const struct reply *);
static void answer_helo(struct smtp *, const struct command *, const struct reply *);
static void answer_starttls(struct smtp *, const struct command *, const struct reply *);

static const struct {
	const char *name;
	const char *classes; /* first digits an answer may have */
	bool ends_message; /* the answer may take longer, and decides */
	void (*answer)(struct smtp *, const struct command *, const struct reply *);
} verbs[] = {
	[VERB_GREETING] = { "greeting", "245", false, answer_greeting },
	[VERB_EHLO] = { "EHLO", "245", false, answer_ehlo },
	[VERB_HELO] = { "HELO", "245", false, answer_helo },
	[VERB_STARTTLS] = { "STARTTLS", "245", false, answer_starttls },
	[VERB_AUTH] = { "AUTH", "2345", false, answer_auth },
	[VERB_RSET] = { "RSET", "245", false, answer_reset },
	[VERB_MAIL] = { "MAIL FROM", "245", false, answer_mail },
	[VERB_RCPT] = { "RCPT TO", "245", false, answer_recipient },
	[VERB_DATA] = { "DATA", "345", false, answer_data },
	[VERB_END] = { "end of message", "245", true, answer_end },
	[VERB_CHUNK] = { "BDAT", "245", false, answer_chunk },
	[VERB_LAST_CHUNK] = { "end of message", "245", true, answer_end },
};

struct smtp *
smtp_new(const struct smtp_options *options)
{
	struct smtp *s = allocate(1, sizeof(*s));

	s->options = options;
	reply_init(&s->parser);
	buffer_init(&s->line, LOGIN_LINE_MAX);
	buffer_init(&s->secrets, SECRETS_MAX);
	login_init(&s->login, options);
	buffer_init(&s->chunk, CHUNK_MAX);
	buffer_init(&s->output, OUTPUT_MAX);
	smtp_expect(s, VERB_GREETING, 0);
	return s;
}

void
smtp_free(struct smtp *s)
{
	if (s == NULL)
		return;
	mail_end(s);
	free(s->pending.ring);
	reply_free(&s->parser);
	buffer_free(&s->line);
	buffer_free(&s->secrets);
	login_free(&s->login);
	buffer_free(&s->chunk);
	buffer_free(&s->output);
	free(s);
}

/* The oldest unanswered command; NULL without one. */
static const struct command *
oldest(const struct smtp *s)
{
	return s->pending.count > 0 ? &s->pending.ring[s->pending.head] : NULL;
}

static bool
waits_for(const struct smtp *s, enum verb verb)
{
	return s->pending.count > 0 && oldest(s)->verb == verb;
}

static void
grow(struct fifo *f)
{
	size_t room = f->room > 0 ? 2 * f->room : FIRST_ROOM;
	struct command *ring = allocate(room, sizeof(*ring));

	for (size_t i = 0; i < f->count; i++)
		ring[i] = f->ring[(f->head + i) % f->room];
	free(f->ring);
	*f = (struct fifo){ .ring = ring, .count = f->count, .room = room };
}

void
smtp_expect(struct smtp *s, enum verb verb, size_t recipient)
{
	struct fifo *f = &s->pending;

	if (f->count == f->room)
		grow(f);
	f->ring[(f->head + f->count++) % f->room] = (struct command){
		.verb = verb,
		.transaction = &s->mail,
		.recipient = recipient,
		.end = s->written + (s->output.length - s->sent),
	};
}

static void
drop_oldest(struct fifo *f)
{
	f->head = (f->head + 1) % f->room;
	f->count--;
}

/* Ends the session without another word to the server. */
static void
hang_up(struct smtp *s)
{
	s->phase = PHASE_OVER;
	s->pending.count = 0;
	s->sent = 0;
	buffer_free(&s->output);
}

void
smtp_fail(struct smtp *s, enum smtp_trouble trouble, const struct reply *reply)
{
	s->failure = (struct smtp_failure){ trouble, smtp_step_name(s), *reply };
	mail_abandon(s, trouble, reply);
	hang_up(s);
}

void
smtp_fail_with(struct smtp *s, enum smtp_trouble trouble, const char *text)
{
	struct reply reply;

	reply_set(&reply, 0, "", text);
	smtp_fail(s, trouble, &reply);
}

void
smtp_protocol(struct smtp *s, const char *what, const struct reply *reply)
{
	char text[REPLY_TEXT_MAX + 80];

	snprintf(text, sizeof(text), "the server sent %s: %d %s", what, reply->code, reply->text);
	smtp_fail_with(s, SMTP_PROTOCOL, text);
}

void
smtp_trace(const struct smtp *s, bool from_server, const char *line)
{
	char text[TRACE_MAX];

	if (s->options->trace == NULL)
		return;
	printable(text, sizeof(text), line, strlen(line));
	s->options->trace(s->options->trace_context, from_server, text);
}

/*
 * The only way a line gets out: refuses what would be more than one line, or
 * too long a one. shown: for the trace in place of a line that holds a secret.
 */
static bool
put_line(struct smtp *s, size_t limit, const char *shown)
{
	const char *line = buffer_string(&s->line);
	size_t length = s->line.length;

	if (s->line.overflow || length > limit || strcspn(line, "\r\n") != length)
		return false;
	smtp_trace(s, false, shown != NULL ? shown : line);
	buffer_add(&s->output, line, length);
	buffer_add(&s->output, "\r\n", 2);
	return true;
}

bool
smtp_command(struct smtp *s, enum verb verb, size_t recipient)
{
	bool sent = put_line(s, COMMAND_MAX, NULL);

	if (sent)
		smtp_expect(s, verb, recipient);
	buffer_clear(&s->line);
	return sent;
}

bool
smtp_secret(struct smtp *s, size_t limit, const char *shown)
{
	bool sent = put_line(s, limit, shown);

	if (sent)
		smtp_expect(s, VERB_AUTH, 0);
	buffer_free(&s->line);
	return sent;
}

void
smtp_say_quit(struct smtp *s)
{
	if (s->quit_sent)
		return;
	buffer_add_string(&s->line, "QUIT");
	put_line(s, COMMAND_MAX, NULL);
	buffer_clear(&s->line);
	s->quit_sent = true;
}

static void
say_hello(struct smtp *s, enum verb verb)
{
	s->server = (struct capabilities){ .bits = 0 };
	buffer_format(&s->line, "%s %s", verbs[verb].name, s->options->helo);
	if (!smtp_command(s, verb, 0))
		smtp_fail_with(s, SMTP_PROTOCOL, "our own name (helo) is none that can be sent");
}

static void
answer_greeting(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (reply->code == 220)
		say_hello(s, VERB_EHLO);
	else
		smtp_fail(s, SMTP_REFUSED, reply);
}

/* The server has introduced itself: what is missing before mail may flow? */
static void
prepare(struct smtp *s)
{
	if (s->options->tls == SMTP_TLS_STARTTLS && !s->secure) {
		buffer_add_string(&s->line, "STARTTLS");
		smtp_command(s, VERB_STARTTLS, 0);
	} else if (login_wanted(s->options)) {
		auth_begin(s);
	} else
		s->phase = PHASE_READY;
}

static bool
needs_extensions(const struct smtp *s)
{
	return login_wanted(s->options) || (s->options->tls == SMTP_TLS_STARTTLS && !s->secure);
}

static void
answer_ehlo(struct smtp *s, const struct command *c, const struct reply *reply)
{
	bool unknown = reply->code == 500 || reply->code == 502 || reply->code == 504;

	(void)c;
	if (s->options->tls == SMTP_TLS_STARTTLS && !s->secure && (s->server.bits & CAN_STARTTLS) == 0 &&
	    (reply->code < 400 || unknown))
		smtp_fail_with(s, SMTP_NO_TLS, "the server does not offer STARTTLS");
	else if (reply->code < 400)
		prepare(s);
	else if (unknown && !needs_extensions(s))
		say_hello(s, VERB_HELO);
	else if (unknown)
		smtp_fail_with(s, SMTP_NO_LOGIN, "the server knows no EHLO and so offers no login");
	else
		smtp_fail(s, SMTP_REFUSED, reply);
}

static void
answer_helo(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (reply->code < 400)
		prepare(s);
	else
		smtp_fail(s, SMTP_REFUSED, reply);
}

static void
answer_starttls(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (reply->code == 220)
		s->phase = PHASE_SECURE;
	else
		smtp_fail(s, SMTP_NO_TLS, reply);
}

/*
 * True for a refusal while the message, or its end, is still to be sent. It is
 * the answer to the message; but what the server takes the rest for is unknown.
 */
static bool
refuses_early(const struct smtp *s, const struct reply *reply)
{
	bool early = s->pending.count == 0 ? s->mail.stage == STAGE_BODY
					   : oldest(s)->verb == VERB_END && s->written < oldest(s)->end;

	return early && reply->code >= 400;
}

/*
 * A complete reply. The order of the questions matters: 421 may come at any
 * time, and nothing positive counts before the command has left.
 */
static void
take_reply(struct smtp *s, const struct reply *reply)
{
	struct command c;

	if (reply->code == 421) {
		smtp_fail(s, SMTP_REFUSED, reply);
		return;
	}
	if (refuses_early(s, reply)) {
		mail_refuse(s, reply);
		hang_up(s);
		return;
	}
	if (s->pending.count == 0) {
		smtp_protocol(s, "an answer to nothing", reply);
		return;
	}
	c = *oldest(s);
	if (strchr(verbs[c.verb].classes, '0' + reply->code / 100) == NULL) {
		smtp_protocol(s, "an answer that does not fit", reply);
	} else if (reply->code < 400 && s->written < c.end) {
		smtp_protocol(s, "an answer before it was asked", reply);
	} else {
		verbs[c.verb].answer(s, &c, reply);
		s->step++;
	}
	if (s->phase == PHASE_OVER)
		return;
	drop_oldest(&s->pending);
	mail_advance(s);
}

/* One line, of which more may follow. */
static void
take_line(struct smtp *s)
{
	const struct reply_parser *p = &s->parser;
	const char *text = reply_line_text(&s->parser);

	if (waits_for(s, VERB_AUTH) && (p->reply.code == 334 || auth_mask(s))) {
		char shown[8];

		snprintf(shown, sizeof(shown), "%03d ***", p->reply.code);
		smtp_trace(s, true, shown);
	} else
		smtp_trace(s, true, buffer_string(&s->parser.line));
	if (waits_for(s, VERB_EHLO) && p->reply.code / 100 == 2 && p->lines > 1)
		capability_add(&s->server, text);
}

/* Not quoted during a login: a line that echoes ours would be a secret. */
static void
take_garbage(struct smtp *s)
{
	char text[REPLY_TEXT_MAX];

	snprintf(text, sizeof(text), "the server sent %s: %s", s->parser.fault,
	    waits_for(s, VERB_AUTH) ? "(not shown)" : buffer_string(&s->parser.line));
	smtp_fail_with(s, SMTP_PROTOCOL, text);
}

void
smtp_input(struct smtp *s, const char *bytes, size_t n)
{
	while (n > 0 && s->phase != PHASE_OVER) {
		enum reply_event event;

		if (s->phase == PHASE_SECURE) {
			smtp_fail_with(
			    s, SMTP_INJECTED, "the server sent plain text where the TLS handshake must begin");
			return;
		}
		event = reply_input(&s->parser, &bytes, &n);
		if (event == REPLY_BROKEN)
			take_garbage(s);
		if (event == REPLY_LINE || event == REPLY_END)
			take_line(s);
		if (event == REPLY_END)
			take_reply(s, &s->parser.reply);
	}
}

const char *
smtp_output(struct smtp *s, size_t *n)
{
	*n = s->output.length - s->sent;
	return buffer_string(&s->output) + s->sent;
}

void
smtp_sent(struct smtp *s, size_t n)
{
	if (n == 0)
		return;
	explicit_bzero(s->output.data + s->sent, n);
	s->sent += n;
	s->written += n;
	s->step++;
	if (s->sent < s->output.length)
		return;
	s->sent = 0;
	buffer_clear(&s->output);
	mail_advance(s);
}

unsigned
smtp_want(const struct smtp *s)
{
	unsigned want = s->output.length > 0 ? SMTP_WRITE : 0;

	if (s->phase == PHASE_OVER)
		return want != 0 ? want : SMTP_DONE;
	if (s->phase == PHASE_SECURE)
		return want != 0 ? want : SMTP_SECURE;
	want |= SMTP_READ;
	if (s->phase == PHASE_READY && s->mail.stage == STAGE_NONE)
		want |= SMTP_IDLE;
	if (s->mail.stage == STAGE_BODY && smtp_may_send(s))
		want |= SMTP_BODY;
	return want;
}

void
smtp_secured(struct smtp *s)
{
	if (s->phase != PHASE_SECURE)
		return;
	s->phase = PHASE_LOGIN;
	s->secure = true;
	s->step++;
	say_hello(s, VERB_EHLO);
}

void
smtp_quit(struct smtp *s)
{
	s->quitting = true;
	mail_advance(s);
}

void
smtp_lost(struct smtp *s, const char *why)
{
	if (s->phase == PHASE_OVER)
		hang_up(s);
	else
		smtp_fail_with(s, SMTP_CONNECTION, why);
}

unsigned
smtp_timeout(const struct smtp *s)
{
	bool final = s->pending.count > 0 && verbs[oldest(s)->verb].ends_message;

	return final ? s->options->final_timeout : s->options->timeout;
}

unsigned long
smtp_step(const struct smtp *s)
{
	return s->step;
}

const char *
smtp_step_name(const struct smtp *s)
{
	if (s->pending.count > 0)
		return verbs[oldest(s)->verb].name;
	if (s->phase == PHASE_SECURE)
		return "STARTTLS";
	if (s->phase == PHASE_OVER)
		return "QUIT";
	return s->mail.stage == STAGE_BODY ? "message" : "idle";
}

const struct smtp_failure *
smtp_failure(const struct smtp *s)
{
	return &s->failure;
}

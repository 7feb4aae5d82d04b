/*
 * The transaction: MAIL, RCPT, DATA or BDAT, and the verdicts. Sending is a
 * walk through stages, each putting out one command when smtp_may_send() lets
 * it; so a server with PIPELINING gets them all in one flight and any other one
 * at a time, without a second path. With CHUNKING even the body of a small
 * message goes before the first answer.
 *
 * A recipient is OPEN until the server has answered for him, then ACCEPTED or
 * CLOSED; only those ACCEPTED share the answer to the end of the message. Those
 * that are too many for one transaction are WAITING for the next one, which
 * begins when nobody is left in this one. Each of them closes at least one
 * recipient, so there is an end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/engine.h"
#include "smtp/explain.h"

enum { MEGABYTE = 1000000 };

static const double ATTACHED = 1.37; /* bytes that base64 and its line ends make of one */

static void
set_fate(struct transaction *t, size_t i, enum fate fate)
{
	t->tally[t->fates[i]]--;
	t->tally[fate]++;
	t->fates[i] = (unsigned char)fate;
}

static void
close_recipient(struct transaction *t, size_t i, enum verdict verdict, const struct reply *reply)
{
	set_fate(t, i, CLOSED);
	t->envelope->recipients[i].verdict = verdict;
	t->envelope->recipients[i].reply = *reply;
}

/* What a refusal of the step that is answered now means. */
static const struct refusal *
explain(const struct smtp *s, const struct reply *reply)
{
	return explain_reply(s->options->provider, step_named(smtp_step_name(s)), reply);
}

static enum verdict
verdict_of(const struct smtp *s, const struct reply *reply)
{
	return refusal_verdict(explain(s, reply), reply);
}

/*
 * A refusal that is not about this message: we are not, or no longer, logged in
 * (RFC 4954 section 6), or the account may not send now. Ends the session.
 */
static bool
is_about_us(struct smtp *s, const struct reply *reply)
{
	const struct refusal *refusal = explain(s, reply);

	if (reply->code < 400 || refusal->action != ACTION_PAUSE)
		return false;
	smtp_fail(s, refusal->class == REFUSAL_LOGIN ? SMTP_LOGIN : SMTP_ACCOUNT, reply);
	return true;
}

/* RFC 5321 4.5.3.1.10: 552 may stand for 452; words or an enhanced code tell whether this is meant. */
static bool
too_many(const struct smtp *s, const struct reply *reply)
{
	return reply->code >= 400 && explain(s, reply)->action == ACTION_SPLIT;
}

static bool
nobody_left(const struct transaction *t)
{
	return t->tally[OPEN] == 0 && t->tally[ACCEPTED] == 0;
}

/*
 * What was said of the message. It holds for those it was said for; but when
 * the message is only deferred there is no use in sending it again for others.
 */
static void
close_all(struct transaction *t, enum verdict verdict, const struct reply *reply)
{
	bool everybody = verdict == DEFERRED;

	if (nobody_left(t))
		return;
	for (size_t i = 0; i < t->envelope->count; i++) {
		if (t->fates[i] != CLOSED && (t->fates[i] != WAITING || everybody))
			close_recipient(t, i, verdict, reply);
	}
}

/* The turn of those who wait will not come. */
static void
close_waiting(struct transaction *t, const char *why)
{
	char text[REPLY_TEXT_MAX];
	struct reply reply;

	snprintf(text, sizeof(text), "not tried, because the session ended before: %s", why);
	reply_set(&reply, 0, "", text);
	for (size_t i = 0; i < t->envelope->count; i++) {
		if (t->fates[i] == WAITING)
			close_recipient(t, i, DEFERRED, &reply);
	}
}

void
mail_end(struct smtp *s)
{
	free(s->mail.fates);
	outgoing_free(s->mail.outgoing);
	s->mail = (struct transaction){ .stage = STAGE_NONE };
}

/* True when the server may have taken the message without telling us. */
static bool
may_have_arrived(const struct smtp *s)
{
	const struct fifo *f = &s->pending;

	for (size_t i = 0; i < f->count; i++) {
		const struct command *c = &f->ring[(f->head + i) % f->room];

		if ((c->verb == VERB_END || c->verb == VERB_LAST_CHUNK) && s->written >= c->end)
			return !nobody_left(c->transaction);
	}
	return false;
}

void
mail_abandon(struct smtp *s, enum smtp_trouble trouble, const struct reply *why)
{
	struct reply reply = *why;

	if (s->mail.stage == STAGE_NONE)
		return;
	/* Only silence leaves a doubt: who refuses, be it by 421 (RFC 5321 3.8), gives up what he has not answered. */
	if ((trouble == SMTP_CONNECTION || trouble == SMTP_PROTOCOL) && may_have_arrived(s)) {
		s->mail.envelope->maybe_sent = true;
		snprintf(reply.text, sizeof(reply.text),
		    "%.*s (the whole message was sent, its answer is missing: it may arrive twice)",
		    REPLY_TEXT_MAX - 100, why->text);
	}
	close_waiting(&s->mail, why->text);
	close_all(&s->mail, DEFERRED, &reply);
	mail_end(s);
}

void
mail_refuse(struct smtp *s, const struct reply *reply)
{
	if (is_about_us(s, reply))
		return;
	close_waiting(&s->mail, reply->text);
	close_all(&s->mail, verdict_of(s, reply), reply);
	mail_end(s);
}

/* The stricter one of two limits; 0 is none. */
static uint64_t
stricter(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Starts the next transaction with as many as it may have of those who wait. */
static void
begin_transaction(struct smtp *s)
{
	struct transaction *t = &s->mail;
	uint64_t limit = stricter(s->options->recipients_per_message, s->server.recipients);

	for (size_t i = 0; i < t->envelope->count && (limit == 0 || t->tally[OPEN] < limit); i++) {
		if (t->fates[i] == WAITING)
			set_fate(t, i, OPEN);
	}
	form_decide(s);
	t->next = 0;
	t->offset = 0;
	t->stage = STAGE_RESET;
}

/* The server lets nobody begin another transaction. */
static bool
is_used_up(const struct smtp *s)
{
	return s->server.mails != 0 && s->mails >= s->server.mails;
}

static bool
is_last_message(const struct smtp *s)
{
	unsigned limit = s->options->messages_per_connection;

	return s->quitting || is_used_up(s) || (limit != 0 && s->mails >= limit);
}

/* True unless somebody waits or may yet have to: that takes one who was accepted and one after him. */
static bool
is_last_transaction(const struct transaction *t)
{
	return t->tally[WAITING] == 0 && (t->tally[OPEN] == 0 || t->tally[OPEN] + t->tally[ACCEPTED] == 1);
}

bool
smtp_may_send(const struct smtp *s)
{
	return s->phase == PHASE_READY && s->output.length < FLIGHT_MAX &&
	       (s->pending.count == 0 || (s->server.bits & CAN_PIPELINING) != 0);
}

static bool
next_is_idle(struct smtp *s)
{
	if (is_last_message(s)) {
		smtp_say_quit(s);
		s->phase = PHASE_OVER;
	}
	return false;
}

static bool
next_is_reset(struct smtp *s)
{
	if (s->unclean) {
		buffer_add_string(&s->line, "RSET");
		smtp_command(s, VERB_RSET, 0);
	}
	s->unclean = false;
	s->mail.stage = STAGE_SENDER;
	return true;
}

static bool
next_is_sender(struct smtp *s)
{
	struct transaction *t = &s->mail;
	const char *sender = form_sender(s, t->envelope);
	struct reply refused;

	buffer_format(&s->line, "MAIL FROM:<%s>", sender);
	form_parameters(s);
	t->stage = STAGE_RECIPIENTS;
	if (form_sendable(sender, t->utf8) && smtp_command(s, VERB_MAIL, 0)) {
		s->mails++;
		return true;
	}
	buffer_clear(&s->line);
	reply_set(&refused, 553, "5.1.7", "the sender's address cannot be written in SMTP");
	close_all(t, FAILED, &refused);
	return true;
}

static bool
next_is_recipient(struct smtp *s)
{
	struct transaction *t = &s->mail;
	struct reply refused;

	while (t->next < t->envelope->count) {
		size_t i = t->next++;
		const char *address = t->envelope->recipients[i].address;

		if (t->fates[i] != OPEN)
			continue;
		buffer_format(&s->line, "RCPT TO:<%s>", address);
		form_wishes(s, address);
		if (form_sendable(address, t->utf8) && smtp_command(s, VERB_RCPT, i))
			return true;
		buffer_clear(&s->line);
		reply_set(&refused, 553, "5.1.3", "the recipient's address cannot be written in SMTP");
		close_recipient(t, i, FAILED, &refused);
	}
	t->stage = STAGE_DATA;
	return true;
}

static bool
next_is_data(struct smtp *s)
{
	struct transaction *t = &s->mail;
	bool chunks = !t->form.stuff_dots;

	if (nobody_left(t)) {
		t->stage = STAGE_SENT;
		return true;
	}
	if (chunks && t->tally[OPEN] > 0 && t->envelope->facts.size > EAGER_MAX)
		return false;
	outgoing_free(t->outgoing);
	t->outgoing = outgoing_new(&t->form);
	t->stage = chunks ? STAGE_BODY : STAGE_GO_AHEAD;
	if (!chunks) {
		buffer_add_string(&s->line, "DATA");
		smtp_command(s, VERB_DATA, 0);
	}
	return true;
}

static bool
next_is_answer(struct smtp *s)
{
	(void)s;
	return false;
}

/* A body nobody will get is not sent to its end. */
static bool
next_is_body(struct smtp *s)
{
	if (!nobody_left(&s->mail))
		return false;
	s->unclean = true;
	s->mail.stage = STAGE_SENT;
	return true;
}

static bool
next_is_end(struct smtp *s)
{
	struct transaction *t = &s->mail;

	if (s->pending.count > 0) {
		if (is_last_message(s) && is_last_transaction(t))
			smtp_say_quit(s);
		return false;
	}
	if (t->tally[WAITING] > 0 && !is_used_up(s)) {
		begin_transaction(s);
		return true;
	}
	close_waiting(t, "the smarthost takes no more messages on one connection");
	mail_end(s);
	return true;
}

/* What a stage sends next; true when it should be asked, or the next stage, again. */
static bool (*const stages[])(struct smtp *) = {
	[STAGE_NONE] = next_is_idle,
	[STAGE_RESET] = next_is_reset,
	[STAGE_SENDER] = next_is_sender,
	[STAGE_RECIPIENTS] = next_is_recipient,
	[STAGE_DATA] = next_is_data,
	[STAGE_GO_AHEAD] = next_is_answer,
	[STAGE_BODY] = next_is_body,
	[STAGE_SENT] = next_is_end,
};

void
mail_advance(struct smtp *s)
{
	while (smtp_may_send(s) && stages[s->mail.stage](s))
		continue;
}

static bool
fits(const struct smtp *s, struct envelope *envelope)
{
	uint64_t size = envelope->facts.size, limit = stricter(s->options->max_size, s->server.size);
	char text[REPLY_TEXT_MAX];
	struct reply refused;

	if (limit == 0 || size <= limit)
		return true;
	if (limit < MEGABYTE)
		snprintf(text, sizeof(text),
		    "message of %llu bytes is larger than the %llu bytes the smarthost accepts",
		    (unsigned long long)size, (unsigned long long)limit);
	else
		snprintf(text, sizeof(text),
		    "%.1f MB encoded > %.1f MB that the smarthost accepts: about %.0f MB of files fit",
		    (double)size / MEGABYTE, (double)limit / MEGABYTE, (double)limit / MEGABYTE / ATTACHED);
	reply_set(&refused, 552, "5.3.4", text);
	envelope_settle(envelope, FAILED, &refused);
	return false;
}

void
smtp_mail(struct smtp *s, struct envelope *envelope)
{
	struct transaction *t = &s->mail;

	if ((smtp_want(s) & SMTP_IDLE) == 0 || !fits(s, envelope))
		return;
	form_refuse(s, envelope);
	envelope->wishes_passed = form_passes_wishes(s);
	*t = (struct transaction){ .envelope = envelope, .tally[CLOSED] = envelope->count };
	t->fates = allocate(envelope->count, 1);
	for (size_t i = 0; i < envelope->count; i++) {
		if (envelope->recipients[i].verdict == DEFERRED)
			set_fate(t, i, WAITING);
	}
	if (t->tally[WAITING] > 0)
		begin_transaction(s);
	else
		mail_end(s);
	mail_advance(s);
}

/* The end of the message is out; QUIT, when it is the last one, goes along. */
static void
finish(struct smtp *s, enum verb verb)
{
	smtp_expect(s, verb, 0);
	s->mail.stage = STAGE_SENT;
	mail_advance(s);
}

static void
put_dot(struct smtp *s)
{
	smtp_trace(s, false, ".");
	buffer_add_string(&s->output, ".\r\n");
	finish(s, VERB_END);
}

static void
put_chunk(struct smtp *s, bool last)
{
	char line[40];

	snprintf(line, sizeof(line), "BDAT %zu%s", s->chunk.length, last ? " LAST" : "");
	smtp_trace(s, false, line);
	buffer_format(&s->output, "%s\r\n", line);
	buffer_add(&s->output, s->chunk.data, s->chunk.length);
	buffer_clear(&s->chunk);
	if (last)
		finish(s, VERB_LAST_CHUNK);
	else
		smtp_expect(s, VERB_CHUNK, 0);
}

void
smtp_body(struct smtp *s, const char *bytes, size_t n, bool last)
{
	struct transaction *t = &s->mail;
	bool chunks = !t->form.stuff_dots;
	struct buffer *out = chunks ? &s->chunk : &s->output;

	if (t->stage != STAGE_BODY)
		return;
	if (n > SMTP_BLOCK || (smtp_want(s) & SMTP_BODY) == 0) {
		smtp_lost(s, "the message came in larger blocks than the engine takes");
		return;
	}
	t->offset += n;
	outgoing_add(t->outgoing, bytes, n, out);
	if (last)
		outgoing_end(t->outgoing, out);
	/* The limits forbid it; but a message that was cut must never get its end. */
	if (out->overflow) {
		smtp_lost(s, "the message grew beyond what the engine holds");
		return;
	}
	if (chunks && (last || out->length > 0))
		put_chunk(s, last);
	else if (last && !chunks)
		put_dot(s);
}

uint64_t
smtp_body_offset(const struct smtp *s)
{
	return s->mail.offset;
}

void
answer_reset(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (reply->code >= 400)
		smtp_fail(s, SMTP_REFUSED, reply);
}

void
answer_mail(struct smtp *s, const struct command *c, const struct reply *reply)
{
	if (is_about_us(s, reply))
		return;
	if (reply->code < 400)
		s->unclean = true;
	else
		close_all(c->transaction, verdict_of(s, reply), reply);
}

/* The server takes no more of them at once, and is asked for no more from now on. */
static void
put_off(struct smtp *s, struct transaction *t, size_t i, const struct reply *reply)
{
	close_recipient(t, i, DEFERRED, reply);
	if (t->tally[ACCEPTED] == 0)
		return;
	set_fate(t, i, WAITING);
	s->server.recipients = stricter(s->server.recipients, t->tally[ACCEPTED]);
}

void
answer_recipient(struct smtp *s, const struct command *c, const struct reply *reply)
{
	struct transaction *t = c->transaction;

	if (t->fates[c->recipient] == CLOSED || is_about_us(s, reply))
		return;
	if (reply->code < 400) {
		set_fate(t, c->recipient, ACCEPTED);
	} else if (too_many(s, reply)) {
		put_off(s, t, c->recipient, reply);
	} else
		close_recipient(t, c->recipient, verdict_of(s, reply), reply);
}

/* RFC 2920 3.1: a go-ahead nobody needs any more is answered by an empty message. */
void
answer_data(struct smtp *s, const struct command *c, const struct reply *reply)
{
	struct transaction *t = c->transaction;

	if (is_about_us(s, reply))
		return;
	if (reply->code >= 400) {
		close_all(t, verdict_of(s, reply), reply);
		t->stage = STAGE_SENT;
	} else if (reply->code != 354) {
		smtp_protocol(s, "an answer that does not fit", reply);
	} else if (nobody_left(t)) {
		put_dot(s);
	} else
		t->stage = STAGE_BODY;
}

void
answer_end(struct smtp *s, const struct command *c, const struct reply *reply)
{
	if (is_about_us(s, reply))
		return;
	close_all(c->transaction, verdict_of(s, reply), reply);
	/* The dot always ends a transaction, a refused chunk never (RFC 3030 section 2). */
	s->unclean = c->verb == VERB_LAST_CHUNK && reply->code >= 400;
}

void
answer_chunk(struct smtp *s, const struct command *c, const struct reply *reply)
{
	if (reply->code >= 400 && !is_about_us(s, reply))
		close_all(c->transaction, verdict_of(s, reply), reply);
}

/*
 * The engine says what it wants, the connection moves bytes, and this loop is
 * all there is between them. The patience of the caller (see connection.h) may
 * end in any wait: then the session is over here, because it lives on elsewhere.
 */
#include "delivery/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "config/preset.h"
#include "config/secret.h"
#include "message/outgoing.h"
#include "smtp/explain.h"

enum {
	READ_SIZE = 16384,
	OUTPUT_ENOUGH = 4 * SMTP_BLOCK, /* unsent bytes above which the body waits */
	DIAGNOSIS_SECONDS = 10, /* for the second look at a refused certificate */
	GOODBYE_SECONDS = 1, /* for QUIT to leave */
	FINAL_SECONDS = 600, /* for the answer to a whole message, at least (RFC 5321 4.5.3.2.6) */
	MESSAGE_SECONDS = 3600, /* no message holds a session longer, plus a second for ... */
	SLOWEST_RATE = 1024, /* ... this many bytes */
	NONCE_BYTES = 18,
	NONCE_MAX = NONCE_BYTES * 4 / 3 + 1,
	FIELDS_MAX = OUTGOING_FIELDS_MAX,
};

struct session {
	const struct smarthost *smarthost;
	const struct session_hooks *hooks;
	char nonce[NONCE_MAX];
	struct buffer fields; /* owned; those that this smarthost wants in each message */
	struct connection_options route;
	struct smtp_options dialogue;
	struct connection *connection;
	struct smtp *smtp;
	struct entry *entry; /* being sent */
	unsigned long step; /* of the engine, when the deadline was set */
	int64_t deadline; /* of this step */
	int64_t limit; /* of everything up to here */
	struct trouble trouble;
};

/* What each trouble of the dialogue means for us, and its cure; the first row that fits. */
static const struct {
	enum smtp_trouble trouble;
	const char *plain_step; /* only in this step and only before TLS; NULL: always */
	enum trouble_kind kind;
	bool everybody; /* also in the middle of a message */
	const char *cure;
} troubles[] = {
	{ SMTP_CONNECTION, "greeting", TROUBLE_SERVICE, false,
	    "if this port speaks TLS from the first byte set tls = implicit" },
	{ SMTP_CONNECTION, NULL, TROUBLE_SERVICE, false, "a later try may succeed" },
	{ SMTP_REFUSED, NULL, TROUBLE_SERVICE, true, "a later try may succeed; if it lasts ask the provider" },
	{ SMTP_NO_TLS, NULL, TROUBLE_SERVICE, true,
	    "nothing was sent in clear; use tls = implicit with port = 465, or another port" },
	{ SMTP_INJECTED, NULL, TROUBLE_SERVICE, true,
	    "somebody may be tampering with the connection; use tls = implicit with port = 465" },
	{ SMTP_NO_LOGIN, NULL, TROUBLE_LOGIN, true,
	    "check port and tls: providers offer logins on 465 and 587; or set auth = none" },
	{ SMTP_ACCOUNT, NULL, TROUBLE_SERVICE, true,
	    "the account's limit is reached: wait, or ask the provider for more" },
	{ SMTP_LOGIN, NULL, TROUBLE_LOGIN, true, "check user and password or password_file" },
	{ SMTP_PROTOCOL, NULL, TROUBLE_PROTOCOL, false, "is this an SMTP server? check host and port" },
};

/* A deadline so many seconds from now. */
static int64_t
in_seconds(int64_t seconds)
{
	return clock_milliseconds() + seconds * 1000;
}

static void
set_trouble(struct session *s, enum trouble_kind kind, const char *text)
{
	if (s->trouble.kind != TROUBLE_NONE)
		return;
	s->trouble.kind = kind;
	reason_set(&s->trouble.reason, "%s", text);
}

/* What a server said is explained by its words, what happened without a word by the table. */
static void
tell_failure(struct session *s, const struct smtp_failure *failure, const char *cure)
{
	char said[REPLY_TEXT_MAX + 32], text[REASON_MAX];

	reply_format(&failure->reply, said, sizeof(said));
	if (failure->reply.code >= 400) {
		const struct refusal *row =
		    explain_reply(s->dialogue.provider, step_named(failure->step), &failure->reply);

		s->trouble.least_pause = row->pause;
		s->trouble.secret_refused =
		    row->class == REFUSAL_LOGIN && failure->reply.code >= 500 && step_named(failure->step) == STEP_AUTH;
		snprintf(text, sizeof(text), "%s:%s %s: %s (%s); %s", s->route.host, s->route.port, failure->step, said,
		    row->meaning, row->cure);
	} else {
		/* The connection knew better; what a server wrote may hold any sign. */
		bool cured = failure->trouble == SMTP_CONNECTION && strstr(said, "; ") != NULL;

		snprintf(text, sizeof(text), "%s:%s %s: %s%s%s", s->route.host, s->route.port, failure->step, said,
		    cured ? "" : "; ", cured ? "" : cure);
	}
	reason_set(&s->trouble.reason, "%s", text);
}

/* The engine gave up: keeps its reason in our words. */
static void
note_failure(struct session *s)
{
	const struct smtp_failure *failure = smtp_failure(s->smtp);

	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		if (troubles[i].trouble != failure->trouble ||
		    (troubles[i].plain_step != NULL &&
			(s->dialogue.tls == SMTP_TLS_IMPLICIT || strcmp(troubles[i].plain_step, failure->step) != 0)))
			continue;
		if (s->trouble.kind == TROUBLE_NONE) {
			s->trouble.kind = troubles[i].kind;
			tell_failure(s, failure, troubles[i].cure);
		}
		/* Before the answer to MAIL nothing was said of this message: the next one would fare no better. */
		s->trouble.everybody = troubles[i].everybody || strcmp(failure->step, "MAIL FROM") == 0;
		return;
	}
}

/* The connection is of no use any more. */
static void
lose(struct session *s, const char *why)
{
	smtp_lost(s->smtp, why);
}

static void
restart_deadline(struct session *s)
{
	s->step = smtp_step(s->smtp);
	s->deadline = in_seconds(smtp_timeout(s->smtp));
}

static bool
left(const struct session *s)
{
	return s->hooks->patience != NULL && s->hooks->patience->left;
}

static void
feed_body(struct session *s)
{
	char block[SMTP_BLOCK];
	uint64_t offset = smtp_body_offset(s->smtp);
	ssize_t n = entry_read(s->entry, block, sizeof(block), (off_t)offset);
	uint64_t end = offset + (n > 0 ? (uint64_t)n : 0), size = facts_stored(&s->entry->envelope.facts);

	/* A disk may give less than there is: only the size that was counted tells where the message ends. */
	if (n < 0 || (n == 0 && end < size)) {
		set_trouble(s, TROUBLE_SYSTEM, "the stored message cannot be read; check the disk");
		lose(s, "the stored message cannot be read");
		return;
	}
	smtp_body(s->smtp, block, (size_t)n, end >= size);
}

/* One exchange with the network. */
static void
move(struct session *s, bool reading)
{
	char in[READ_SIZE];
	size_t got = 0, sent = 0, length;
	const char *out = smtp_output(s->smtp, &length);
	struct reason reason;
	int64_t deadline;
	int moved;

	if (s->step != smtp_step(s->smtp))
		restart_deadline(s);
	deadline = s->deadline < s->limit ? s->deadline : s->limit;
	moved = connection_move(s->connection, reading, in, sizeof(in), &got, out, length, &sent, deadline, &reason);
	smtp_sent(s->smtp, sent);
	if (got > 0)
		smtp_input(s->smtp, in, got);
	if (moved < 0) {
		lose(s, reason.text);
	} else if (moved == 0 && clock_milliseconds() >= deadline) {
		reason_set(&reason, "no answer within %u seconds", smtp_timeout(s->smtp));
		lose(s, reason.text);
	} else if (sent > 0)
		s->deadline = in_seconds(smtp_timeout(s->smtp));
}

static void secure(struct session *s);

/* Works until the engine wants one of the bits in goal or is done, or the caller's patience is over. */
static void
pump(struct session *s, unsigned goal)
{
	unsigned want;
	size_t unsent;

	while (!((want = smtp_want(s->smtp)) & (goal | SMTP_DONE)) && !left(s)) {
		smtp_output(s->smtp, &unsent);
		if (want & SMTP_SECURE)
			secure(s);
		else if ((want & SMTP_BODY) && unsent < OUTPUT_ENOUGH)
			feed_body(s);
		else
			move(s, (want & SMTP_READ) != 0);
	}
	if (smtp_failure(s->smtp)->trouble != SMTP_OK)
		note_failure(s);
}

/*
 * A certificate was refused: looks at it once more on a connection of its own,
 * without verification and without a single byte of login or mail, to be able
 * to say what was wrong with it.
 */
static void
describe_certificate(const struct session *refused, struct buffer *text)
{
	struct session s = *refused;
	enum connection_trouble trouble;
	struct reason reason;

	s.dialogue.user = NULL;
	s.dialogue.trace = NULL;
	s.trouble.kind = TROUBLE_NONE;
	s.limit = in_seconds(DIAGNOSIS_SECONDS);
	s.connection = connection_open(&s.route, &trouble, &reason);
	if (s.connection == NULL)
		return;
	s.smtp = smtp_new(&s.dialogue);
	if (s.dialogue.tls == SMTP_TLS_STARTTLS)
		pump(&s, SMTP_SECURE);
	if (s.dialogue.tls == SMTP_TLS_IMPLICIT || (smtp_want(s.smtp) & SMTP_SECURE))
		connection_describe(s.connection, s.limit, text);
	smtp_free(s.smtp);
	connection_close(s.connection);
}

/* The TLS handshake, of either kind. */
static bool
shake_hands(struct session *s)
{
	struct reason reason;
	struct buffer text, seen;
	int64_t deadline = in_seconds(s->smarthost->timeout);

	if (connection_secure(s->connection, deadline, &reason) == 0)
		return true;
	if (left(s))
		return false;
	buffer_init(&text, REASON_MAX);
	buffer_format(&text, "%s:%s TLS: %s", s->route.host, s->route.port, reason.text);
	buffer_init(&seen, REASON_MAX);
	if (connection_distrusted(s->connection))
		describe_certificate(s, &seen);
	if (seen.length > 0)
		buffer_format(&text, " (%s)", buffer_string(&seen));
	buffer_free(&seen);
	set_trouble(s, TROUBLE_SERVICE, buffer_string(&text));
	buffer_free(&text);
	return false;
}

static void
secure(struct session *s)
{
	if (shake_hands(s))
		smtp_secured(s->smtp);
	else
		lose(s, s->trouble.reason.text);
}

static bool
connect_to_smarthost(struct session *s)
{
	static const enum trouble_kind kinds[] = {
		[CONNECTION_UNKNOWN_HOST] = TROUBLE_HOST,
		[CONNECTION_UNREACHABLE] = TROUBLE_SERVICE,
		[CONNECTION_TLS] = TROUBLE_SERVICE,
		[CONNECTION_LOST] = TROUBLE_SERVICE,
		[CONNECTION_SYSTEM] = TROUBLE_SYSTEM,
	};
	enum connection_trouble trouble = CONNECTION_OK;
	struct reason reason;

	s->connection = connection_open(&s->route, &trouble, &reason);
	if (s->connection != NULL)
		return s->dialogue.tls != SMTP_TLS_IMPLICIT || shake_hands(s);
	if (!left(s))
		set_trouble(s, kinds[trouble], reason.text);
	s->trouble.unreachable = trouble == CONNECTION_UNREACHABLE;
	return false;
}

/* Nobody must foresee it; without entropy there is no TLS either. */
static void
make_nonce(char nonce[NONCE_MAX])
{
	unsigned char random[NONCE_BYTES] = { 0 };
	struct buffer text;

	if (getentropy(random, sizeof(random)) != 0)
		return;
	buffer_init(&text, NONCE_MAX);
	base64_encode(&text, random, sizeof(random));
	snprintf(nonce, NONCE_MAX, "%s", buffer_string(&text));
	buffer_free(&text);
}

static void
set_route(struct session *s, const struct session_options *options)
{
	const struct smarthost *smarthost = options->smarthost;

	s->route = (struct connection_options){
		.host = smarthost->host,
		.port = options->port,
		.ca_file = smarthost->ca_file,
		.ca_path = smarthost->ca_path,
		.tls_name = smarthost->tls_name,
		.tls_min = smarthost->tls_min,
		.pins = (const char *const *)smarthost->pins.items,
		.pin_count = smarthost->pins.count,
		.client_cert = smarthost->client_cert,
		.client_key = smarthost->client_key,
		.source_address = smarthost->source_address,
		.family = smarthost->family,
		.address_timeout = (options->connect_timeout + 1) / 2,
		.connect_timeout = options->connect_timeout,
		.patience = options->hooks->patience,
	};
}

static void
set_dialogue(struct session *s, const struct session_options *options)
{
	const struct smarthost *smarthost = options->smarthost;
	bool token = secret_is_token(smarthost);
	unsigned timeout = (unsigned)smarthost->timeout;

	for (size_t i = 0; i < smarthost->add_header.count; i++)
		buffer_format(&s->fields, "%s\n", smarthost->add_header.items[i]);
	make_nonce(s->nonce);
	s->dialogue = (struct smtp_options){
		.helo = smarthost->helo,
		.tls = smarthost_tls(smarthost, options->port),
		.user = smarthost->auth != 0 ? secret_user(smarthost, options->secret) : NULL,
		.password = token ? NULL : options->secret,
		.token = token ? options->secret : NULL,
		.certificate = smarthost->client_cert != NULL,
		.nonce = s->nonce,
		.host = smarthost->host,
		.port = options->port,
		.mechanisms = smarthost->auth,
		.provider = preset_name(smarthost),
		.max_size = (uint64_t)smarthost->max_size,
		.senders = options->senders,
		.fields = s->fields.length > 0 ? buffer_string(&s->fields) : NULL,
		.recipients_per_message = smarthost->recipients_per_message,
		.messages_per_connection = smarthost->messages_per_connection,
		.timeout = timeout,
		.final_timeout = 2 * timeout > FINAL_SECONDS ? 2 * timeout : FINAL_SECONDS,
		.trace = options->hooks->trace,
		.trace_context = options->hooks->trace_context,
	};
}

struct session *
session_open(const struct session_options *options)
{
	struct session *s = allocate(1, sizeof(*s));

	s->smarthost = options->smarthost;
	s->hooks = options->hooks;
	buffer_init(&s->fields, FIELDS_MAX);
	set_route(s, options);
	set_dialogue(s, options);
	s->limit = in_seconds(MESSAGE_SECONDS);
	if (!connect_to_smarthost(s))
		return s;
	s->smtp = smtp_new(&s->dialogue);
	restart_deadline(s);
	pump(s, SMTP_IDLE);
	return s;
}

bool
session_usable(const struct session *s)
{
	return s->smtp != NULL && !left(s) && (smtp_want(s->smtp) & SMTP_IDLE) != 0;
}

void
session_send(struct session *s, struct entry *entry, bool last)
{
	s->entry = entry;
	s->limit = in_seconds(MESSAGE_SECONDS + (int64_t)(entry->envelope.facts.size / SLOWEST_RATE));
	smtp_mail(s->smtp, &entry->envelope);
	if (last)
		smtp_quit(s->smtp);
	pump(s, SMTP_IDLE);
	s->entry = NULL;
}

const struct trouble *
session_trouble(const struct session *s)
{
	return &s->trouble;
}

void
session_close(struct session *s)
{
	if (s == NULL)
		return;
	if (session_usable(s)) {
		smtp_quit(s->smtp);
		s->limit = in_seconds(GOODBYE_SECONDS);
		pump(s, 0);
	}
	smtp_free(s->smtp);
	connection_close(s->connection);
	buffer_free(&s->fields);
	free(s);
}

/*
 * The login as a dialogue (RFC 4954): AUTH, challenges, the answer. What a
 * mechanism says stands in login.c. No secret gets into the trace or into a
 * reply, whatever the server makes of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "smtp/engine.h"
#include "smtp/explain.h"

enum {
	RESPONSE_MAX = 12288, /* RFC 4954 section 4 */
	INITIAL_MAX = 510, /* AUTH with its initial response is a command like any other */
	TELLING = 8, /* characters of a secret that are enough to recognize it */
};

/* Adds to s->secrets how a secret begins: a byte for the length, then at most TELLING. */
static void
remember(struct smtp *s, const char *secret, size_t length)
{
	size_t n = length < TELLING ? length : TELLING;

	if (n == 0)
		return;
	buffer_add_char(&s->secrets, (char)n);
	buffer_add(&s->secrets, secret, n);
}

/* As it is and in base64. */
static void
remember_both(struct smtp *s, const char *secret)
{
	struct buffer encoded;

	if (secret == NULL)
		return;
	buffer_init(&encoded, RESPONSE_MAX);
	base64_encode(&encoded, secret, strlen(secret));
	remember(s, secret, strlen(secret));
	remember(s, encoded.data, encoded.length);
	buffer_free(&encoded);
}

/* Puts s->line out, in which a secret may stand. */
static void
put_response(struct smtp *s, size_t limit, const char *shown)
{
	if (!smtp_secret(s, limit, shown))
		smtp_fail_with(s, SMTP_LOGIN, "user, password or token is too long to be sent");
}

/* Appends the response in base64 to s->line. */
static void
add_response(struct smtp *s, const struct buffer *response)
{
	size_t start = s->line.length;

	base64_encode(&s->line, response->data, response->length);
	s->line.overflow |= response->overflow;
	remember(s, buffer_string(&s->line) + start, s->line.length - start);
}

static void
begin(struct smtp *s)
{
	struct buffer response;
	char shown[64];
	bool first, now;

	buffer_init(&response, RESPONSE_MAX);
	buffer_format(&s->line, "AUTH %s", login_name(&s->login));
	first = login_first(&s->login, &response);
	now = first && s->line.length + 1 + (response.length + 2) / 3 * 4 <= INITIAL_MAX;
	s->response_owed = first && !now;
	snprintf(shown, sizeof(shown), "AUTH %s%s", login_name(&s->login), now ? " ***" : "");
	if (now) {
		buffer_add_string(&s->line, response.length == 0 ? " =" : " ");
		add_response(s, &response);
	}
	buffer_free(&response);
	put_response(s, INITIAL_MAX, shown);
}

static bool
choose(struct smtp *s)
{
	return login_choose(&s->login, s->server.mechanisms);
}

/* Nothing fits: says what the server has, and what we lack. */
static void
fail_without_login(struct smtp *s)
{
	const char *name, *lacks = login_lacks(&s->login, s->server.mechanisms, &name);
	const char *logins = s->server.logins[0] != '\0' ? s->server.logins : "none at all";
	char text[REPLY_TEXT_MAX];

	if (lacks != NULL)
		snprintf(text, sizeof(text), "the server's login %s needs %s (it offers %s)", name, lacks, logins);
	else if (s->options->mechanisms != SMTP_AUTH_AUTO)
		snprintf(text, sizeof(text), "the server offers no login that auth allows (it offers %s)", logins);
	else
		snprintf(
		    text, sizeof(text), "the server offers no login that we know and may use (it offers %s)", logins);
	smtp_fail_with(s, SMTP_NO_LOGIN, text);
}

void
auth_begin(struct smtp *s)
{
	remember_both(s, s->options->password);
	remember_both(s, s->options->token);
	if (choose(s))
		begin(s);
	else
		fail_without_login(s);
}

static bool quotes_secret(const struct smtp *, const char *text, size_t length);

/* What the mechanism notes may come from the server, which may quote us. */
static const char *
noted(const struct smtp *s)
{
	return quotes_secret(s, s->login.note, strlen(s->login.note)) ? "not shown: it quotes the login"
								      : s->login.note;
}

/* Decodes the challenge in the latest line and appends what the mechanism answers. */
static bool
meet_challenge(struct smtp *s, struct buffer *response)
{
	const char *text = reply_line_text(&s->parser);
	struct buffer challenge;
	bool known = true;

	buffer_init(&challenge, RESPONSE_MAX);
	if (s->response_owed)
		login_first(&s->login, response);
	else if (base64_decode(&challenge, text, strcspn(text, " \t")))
		known = login_next(&s->login, buffer_string(&challenge), challenge.length, response);
	else
		known = login_cancel(&s->login, "the server sent a challenge that is no base64");
	s->response_owed = false;
	buffer_free(&challenge);
	return known;
}

static void
answer_challenge(struct smtp *s)
{
	struct buffer response;

	buffer_init(&response, RESPONSE_MAX);
	s->cancelled = !meet_challenge(s, &response);
	if (s->cancelled)
		buffer_add_char(&s->line, '*');
	else
		add_response(s, &response);
	buffer_free(&response);
	put_response(s, RESPONSE_MAX, s->cancelled ? "*" : "***");
}

/*
 * The server offers a mechanism that it does not take after all, because it
 * does not know it (504) or finds it too weak (534): another one may do. Each
 * is tried once. Where 534 comes with words that we know it is the password or
 * the account that will not do, and that would be a refused login repeated.
 */
static bool
fall_back(struct smtp *s, const struct reply *reply)
{
	const char *name = login_name(&s->login);

	if (reply->code != 504 &&
	    (reply->code != 534 || explain_reply(s->options->provider, STEP_AUTH, reply)->text != NULL))
		return false;
	s->server.mechanisms &= ~login_bit(name, strlen(name));
	if (!choose(s))
		return false;
	begin(s);
	return true;
}

/* With what the server said of it in its challenges. */
static void
fail_refused(struct smtp *s, struct reply reply)
{
	char text[REPLY_TEXT_MAX];

	if (s->login.note[0] != '\0') {
		snprintf(text, sizeof(text), "%.*s (%s)", REPLY_TEXT_MAX - LOGIN_NOTE_MAX - 4, reply.text, noted(s));
		reply_set(&reply, reply.code, reply.enhanced, text);
	}
	smtp_fail(s, SMTP_LOGIN, &reply);
}

static void
take_success(struct smtp *s)
{
	if (!login_done(&s->login, reply_line_text(&s->parser))) {
		smtp_fail_with(s, SMTP_PROTOCOL, noted(s));
		return;
	}
	login_free(&s->login);
	buffer_free(&s->secrets);
	s->phase = PHASE_READY;
}

void
answer_auth(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (s->cancelled)
		smtp_fail_with(s, SMTP_PROTOCOL, noted(s));
	else if (reply->code == 235)
		take_success(s);
	else if (reply->code == 334)
		answer_challenge(s);
	else if (reply->code < 400)
		smtp_protocol(s, "an answer that does not fit", reply);
	else if (!fall_back(s, reply))
		fail_refused(s, *reply);
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* True when a word of the text is the secret or, because lines are cut, begins like it. */
static bool
quotes(const char *text, size_t length, const char *secret, size_t n)
{
	for (size_t i = 0; i + n <= length; i++) {
		const char *found = text + i;

		if (memcmp(found, secret, n) == 0 && (i == 0 || !is_word(found[-1])) &&
		    (n == TELLING || i + n == length || !is_word(found[n])))
			return true;
	}
	return false;
}

static bool
quotes_secret(const struct smtp *s, const char *text, size_t length)
{
	const struct buffer *all = &s->secrets;

	for (size_t i = 0; i < all->length; i += 1 + (size_t)all->data[i]) {
		if (quotes(text, length, all->data + i + 1, (size_t)all->data[i]))
			return true;
	}
	return false;
}

bool
auth_mask(struct smtp *s)
{
	const struct buffer *line = &s->parser.line;

	if (!quotes_secret(s, line->data, line->length))
		return false;
	snprintf(s->parser.reply.text, REPLY_TEXT_MAX, "(not shown: it quotes the login)");
	return true;
}

/*
 * The login as a dialogue (RFC 4954): AUTH, challenges, the answer. What a
 * mechanism says stands in login.c. No secret gets into the trace or into a
 * reply, whatever the server makes of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "smtp/engine.h"

enum {
	RESPONSE_MAX = 12288, /* RFC 4954 section 4 */
	INITIAL_MAX = 510, /* AUTH with its initial response is a command like any other */
	TELLING = 8, /* characters of a secret that are enough to recognize it */
};

/* Puts s->line out, in which s->secret may stand. */
static void
put_response(struct smtp *s, size_t limit, const char *shown)
{
	if (!smtp_secret(s, limit, shown))
		smtp_fail_with(s, SMTP_LOGIN, "user or password is too long to be sent");
}

static void
begin(struct smtp *s)
{
	const char *name = login_name(&s->login);
	struct buffer response;
	char shown[64];

	buffer_init(&response, RESPONSE_MAX);
	login_first(&s->login, &response);
	buffer_clear(&s->secret);
	base64_encode(&s->secret, response.data, response.length);
	buffer_free(&response);
	buffer_format(&s->line, "AUTH %s", name);
	s->response_owed = s->line.length + 1 + s->secret.length > INITIAL_MAX;
	if (!s->response_owed)
		buffer_format(&s->line, " %s", buffer_string(&s->secret));
	snprintf(shown, sizeof(shown), "AUTH %s%s", name, s->response_owed ? "" : " ***");
	put_response(s, INITIAL_MAX, shown);
}

void
auth_begin(struct smtp *s)
{
	char text[REPLY_TEXT_MAX];

	s->login = (struct login){ .user = s->options->user, .password = s->options->password };
	if (login_choose(&s->login, s->server.mechanisms & s->options->mechanisms)) {
		begin(s);
		return;
	}
	snprintf(text, sizeof(text), "the server offers no login that we know and may use (it offers %s)",
	    s->server.logins[0] != '\0' ? s->server.logins : "none at all");
	smtp_fail_with(s, SMTP_NO_LOGIN, text);
}

/* Decodes the challenge in the latest line and appends what the mechanism answers. */
static bool
meet_challenge(struct smtp *s, struct buffer *response)
{
	const char *text = reply_line_text(&s->parser);
	struct buffer challenge;
	bool known;

	buffer_init(&challenge, RESPONSE_MAX);
	known = base64_decode(&challenge, text, strcspn(text, " \t")) &&
		login_next(&s->login, buffer_string(&challenge), challenge.length, response);
	buffer_free(&challenge);
	return known;
}

static void
answer_challenge(struct smtp *s)
{
	struct buffer response;
	bool known = true;

	buffer_init(&response, RESPONSE_MAX);
	if (s->response_owed)
		login_first(&s->login, &response);
	else
		known = meet_challenge(s, &response);
	s->response_owed = false;
	if (known) {
		buffer_clear(&s->secret);
		base64_encode(&s->secret, response.data, response.length);
		buffer_add(&s->line, s->secret.data, s->secret.length);
		s->line.overflow |= s->secret.overflow;
		put_response(s, RESPONSE_MAX, "***");
	} else
		smtp_fail_with(s, SMTP_PROTOCOL, "the server asks something this login mechanism has no answer to");
	buffer_free(&response);
}

/*
 * The server offers a mechanism that it does not take after all, because it
 * does not know it (504) or finds it too weak (534): another one may do. Each
 * is tried once.
 */
static bool
fall_back(struct smtp *s, const struct reply *reply)
{
	const char *name = login_name(&s->login);

	if (reply->code != 504 && reply->code != 534)
		return false;
	s->server.mechanisms &= ~login_bit(name, strlen(name));
	if (!login_choose(&s->login, s->server.mechanisms & s->options->mechanisms))
		return false;
	begin(s);
	return true;
}

void
answer_auth(struct smtp *s, const struct command *c, const struct reply *reply)
{
	(void)c;
	if (reply->code == 235) {
		buffer_free(&s->secret);
		s->phase = PHASE_READY;
	} else if (reply->code == 334) {
		answer_challenge(s);
	} else if (reply->code < 400) {
		smtp_protocol(s, "an answer that does not fit", reply);
	} else if (!fall_back(s, reply))
		smtp_fail(s, SMTP_LOGIN, reply);
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* True when a word of the line is the secret or, because lines are cut, begins like it. */
static bool
quotes(const struct buffer *line, const char *secret, size_t length)
{
	size_t n = length < TELLING ? length : TELLING;

	for (size_t i = 0; n > 0 && i + n <= line->length; i++) {
		const char *found = line->data + i;

		if (memcmp(found, secret, n) == 0 && (i == 0 || !is_word(found[-1])) &&
		    (n == TELLING || i + n == line->length || !is_word(found[n])))
			return true;
	}
	return false;
}

bool
auth_mask(struct smtp *s)
{
	const struct buffer *line = &s->parser.line;
	const char *password = s->options->password;

	if (!quotes(line, s->secret.data, s->secret.length) && !quotes(line, password, strlen(password)))
		return false;
	snprintf(s->parser.reply.text, REPLY_TEXT_MAX, "(not shown: it quotes the login)");
	return true;
}

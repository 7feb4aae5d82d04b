/*
 * The table of mechanisms, best first, with those that need no file of their
 * own: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), CRAM-MD5 (RFC
 * 2195) and EXTERNAL (RFC 4422 appendix A).
 *
 * PLAIN stands before SCRAM: inside verified TLS the server is the right one,
 * it learns nothing that it does not know, and PLAIN is done after one round
 * trip where SCRAM takes three. Without TLS whatever reveals the secret is last.
 */
#include "smtp/login.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "smtp/mechanism.h"

enum { CRAM_CHALLENGE_MAX = 1024, PROOF_MAX = 128 };

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

static const char *
lacks_password(const struct smtp_options *o)
{
	return o->user != NULL && o->password != NULL ? NULL : "a password";
}

static const char *
lacks_text(const struct smtp_options *o)
{
	if (lacks_password(o) != NULL)
		return lacks_password(o);
	if (has_control(o->user) || has_control(o->password))
		return "user and password without control characters";
	return o->nonce != NULL ? NULL : "a nonce";
}

static const char *
lacks_token(const struct smtp_options *o)
{
	if (o->user == NULL || o->token == NULL)
		return "a token";
	return has_control(o->user) || has_control(o->token) ? "user and token without control characters" : NULL;
}

static const char *
lacks_certificate(const struct smtp_options *o)
{
	return o->certificate ? NULL : "a client certificate";
}

static void
plain_first(struct login *login, struct buffer *response)
{
	buffer_add_char(response, '\0');
	buffer_add_string(response, login->options->user);
	buffer_add_char(response, '\0');
	buffer_add_string(response, login->options->password);
}

/* Of LOGIN; and of EXTERNAL, where no user means the one that the certificate names. */
static void
user_first(struct login *login, struct buffer *response)
{
	if (login->options->user != NULL)
		buffer_add_string(response, login->options->user);
}

/* A server that ignored the initial response asks for the user again; all others ask for the password. */
static bool
login_login_next(struct login *login, const char *challenge, struct buffer *response)
{
	static const char user[] = "user";
	bool again = strlen(challenge) >= strlen(user) && same_text(challenge, strlen(user), user);

	buffer_add_string(response, again ? login->options->user : login->options->password);
	return true;
}

/* An empty challenge would have us sign what everybody has a table of. */
static bool
cram_next(struct login *login, const char *challenge, struct buffer *response)
{
	const char *password = login->options->password;
	size_t length = strlen(challenge);
	unsigned char mac[DIGEST_MAX];

	if (length == 0 || length > CRAM_CHALLENGE_MAX)
		return login_cancel(login, "the server sent a CRAM-MD5 challenge of %zu bytes", length);
	if (!digest_hmac(DIGEST_MD5, password, strlen(password), challenge, length, mac))
		return login_cancel(login, "libcrypto refuses MD5 on this machine");
	buffer_format(response, "%s ", login->options->user);
	hex_encode(response, mac, digest_length(DIGEST_MD5));
	explicit_bzero(mac, sizeof(mac));
	return true;
}

static const struct mechanism mechanisms[] = {
	{ "OAUTHBEARER", SMTP_AUTH_OAUTHBEARER, true, 1, lacks_token, oauthbearer_first, oauthbearer_next, false, 0 },
	{ "XOAUTH2", SMTP_AUTH_XOAUTH2, true, 1, lacks_token, xoauth2_first, xoauth2_next, false, 0 },
	{ "PLAIN", SMTP_AUTH_PLAIN, true, 0, lacks_password, plain_first, NULL, false, 0 },
	{ "SCRAM-SHA-256", SMTP_AUTH_SCRAM_SHA_256, false, 2, lacks_text, scram_first, scram_next, true,
	    DIGEST_SHA256 },
	{ "SCRAM-SHA-1", SMTP_AUTH_SCRAM_SHA_1, false, 2, lacks_text, scram_first, scram_next, true, DIGEST_SHA1 },
	{ "LOGIN", SMTP_AUTH_LOGIN, true, 2, lacks_password, user_first, login_login_next, false, 0 },
	{ "CRAM-MD5", SMTP_AUTH_CRAM_MD5, false, 1, lacks_password, NULL, cram_next, false, 0 },
	{ "DIGEST-MD5", SMTP_AUTH_DIGEST_MD5, false, 2, lacks_text, NULL, digest_next, true, 0 },
	{ "EXTERNAL", SMTP_AUTH_EXTERNAL, false, 0, lacks_certificate, user_first, NULL, false, 0 },
};
enum { COUNT = sizeof(mechanisms) / sizeof(mechanisms[0]) };

unsigned
login_bit(const char *name, size_t length)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (same_text(name, length, mechanisms[i].name))
			return mechanisms[i].bit;
	}
	return 0;
}

const char *
login_row(size_t index, unsigned *bit)
{
	if (index >= COUNT)
		return NULL;
	*bit = mechanisms[index].bit;
	return mechanisms[index].name;
}

bool
login_wanted(const struct smtp_options *options)
{
	return options->user != NULL || (options->certificate && options->mechanisms != 0);
}

void
login_init(struct login *login, const struct smtp_options *options)
{
	*login = (struct login){ .options = options };
	buffer_init(&login->proof, PROOF_MAX);
}

void
login_free(struct login *login)
{
	buffer_free(&login->proof);
	explicit_bzero(login->note, sizeof(login->note));
}

/* The best row among these bits that lacks nothing, or the best that lacks something. */
static const struct mechanism *
best(const struct login *login, unsigned offered, bool lacking)
{
	const struct smtp_options *options = login->options;
	const struct mechanism *found = NULL;

	for (size_t i = 0; i < COUNT; i++) {
		const struct mechanism *row = &mechanisms[i];

		if ((row->bit & offered & options->mechanisms) == 0 || (row->lacks(options) != NULL) != lacking)
			continue;
		if (options->tls != SMTP_TLS_NONE || !row->reveals)
			return row;
		if (found == NULL)
			found = row;
	}
	return found;
}

bool
login_choose(struct login *login, unsigned offered)
{
	login->mechanism = best(login, offered, false);
	login->round = 0;
	login->proven = false;
	login->note[0] = '\0';
	buffer_free(&login->proof);
	return login->mechanism != NULL;
}

const char *
login_lacks(const struct login *login, unsigned offered, const char **name)
{
	const struct mechanism *row = best(login, offered, true);

	if (row == NULL)
		return NULL;
	*name = row->name;
	return row->lacks(login->options);
}

const char *
login_name(const struct login *login)
{
	return login->mechanism->name;
}

bool
login_first(struct login *login, struct buffer *response)
{
	if (login->mechanism->first == NULL)
		return false;
	login->mechanism->first(login, response);
	return true;
}

bool
login_cancel(struct login *login, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(login->note, sizeof(login->note), format, args);
	va_end(args);
	return false;
}

bool
login_next(struct login *login, const char *challenge, size_t length, struct buffer *response)
{
	if (login->round++ >= login->mechanism->rounds)
		return login_cancel(login, "the server asks something this login mechanism has no answer to");
	if (strlen(challenge) != length)
		return login_cancel(login, "the server sent a challenge that is no text");
	return login->mechanism->next(login, challenge, response);
}

bool
login_prove(struct login *login, const char *said)
{
	const struct buffer *proof = &login->proof;
	size_t length = strcspn(said, ",");

	login->proven = proof->length > 0 && length == proof->length && same_secret(said, proof->data, length);
	return login->proven || login_cancel(login, "the server could not prove that it knows the password");
}

/* RFC 4954 has the proof in a last challenge; some servers put it into the text of the success instead. */
bool
login_done(struct login *login, const char *text)
{
	struct buffer word;

	buffer_init(&word, PROOF_MAX);
	while (login->mechanism->mutual && !login->proven && *text != '\0') {
		size_t length = strcspn(text, " \t");

		buffer_clear(&word);
		if (base64_decode(&word, text, length))
			login_prove(login, buffer_string(&word));
		text += length;
		text += strspn(text, " \t");
	}
	buffer_free(&word);
	return !login->mechanism->mutual || login->proven ||
	       login_cancel(login, "the server could not prove that it knows the password");
}

void
add_saslname(struct buffer *out, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',' || *name == '=')
			buffer_add_string(out, *name == ',' ? "=2C" : "=3D");
		else
			buffer_add_char(out, *name);
	}
}

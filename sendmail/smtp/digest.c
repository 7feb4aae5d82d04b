/*
 * DIGEST-MD5 (RFC 2831, historic since RFC 6331): only for servers that have
 * nothing better. No security layer (qop=auth), one login a nonce (nc=1), and
 * the server's rspauth must be right.
 */
#include <string.h>

#include "base/encode.h"
#include "smtp/mechanism.h"

static const char blanks[] = " \t\r\n";

struct challenge {
	char realm[NONCE_MAX + 1]; /* the first, or the one of our own domain */
	char nonce[NONCE_MAX + 1];
	const char *domain; /* of the user, "" without one */
	bool realm_seen, nonce_seen, auth_refused, sess_seen, utf8;
};

static void
take_realm(struct challenge *c, const char *value)
{
	if (!c->realm_seen || (*c->domain != '\0' && same_text(value, strlen(value), c->domain)))
		memcpy(c->realm, value, strlen(value) + 1);
	c->realm_seen = true;
}

/* Twice is an error: the empty nonce is refused. */
static void
take_nonce(struct challenge *c, const char *value)
{
	memcpy(c->nonce, c->nonce_seen ? "" : value, c->nonce_seen ? 1 : strlen(value) + 1);
	c->nonce_seen = true;
}

static void
take_qop(struct challenge *c, const char *value)
{
	static const char separators[] = ", \t";

	c->auth_refused = true;
	for (; *value != '\0'; value += strspn(value, separators)) {
		size_t length = strcspn(value, separators);

		c->auth_refused &= !same_text(value, length, "auth");
		value += length;
	}
}

static void
take_charset(struct challenge *c, const char *value)
{
	c->utf8 = same_text(value, strlen(value), "utf-8");
}

static void
take_algorithm(struct challenge *c, const char *value)
{
	c->sess_seen = same_text(value, strlen(value), "md5-sess");
}

static const struct {
	const char *name;
	void (*take)(struct challenge *, const char *value);
} directives[] = {
	{ "realm", take_realm },
	{ "nonce", take_nonce },
	{ "qop", take_qop },
	{ "charset", take_charset },
	{ "algorithm", take_algorithm },
};

/* Copies a value, quoted or not, and moves behind it; false when it does not end or does not fit. */
static bool
read_value(const char **text, char value[NONCE_MAX + 1])
{
	bool quoted = **text == '"';
	const char *c = *text + quoted;
	size_t n = 0;

	while (quoted ? *c != '"' : *c != ',' && *c != '\0' && strchr(blanks, *c) == NULL) {
		c += quoted && *c == '\\';
		if (*c == '\0' || n == NONCE_MAX)
			return false;
		value[n++] = *c++;
	}
	value[n] = '\0';
	*text = c + quoted;
	return true;
}

/* NAME=VALUE, NAME="VALUE", ... What is not known is skipped (2.1.1). */
static bool
read_challenge(struct challenge *c, const char *text)
{
	char value[NONCE_MAX + 1];

	for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, ", \t\r\n")) {
		const char *name = text;
		size_t length = strcspn(text, "= \t\r\n,");

		text += length;
		text += strspn(text, blanks);
		if (length == 0 || *text++ != '=')
			return false;
		text += strspn(text, blanks);
		if (!read_value(&text, value) || (*text != '\0' && *text != ',' && strchr(blanks, *text) == NULL))
			return false;
		for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
			if (same_text(name, length, directives[i].name))
				directives[i].take(c, value);
		}
	}
	return c->nonce[0] != '\0' && c->sess_seen;
}

static bool
hash(struct buffer *material, unsigned char out[DIGEST_MAX])
{
	bool done = !material->overflow && digest_of(DIGEST_MD5, material->data, material->length, out);

	buffer_free(material);
	return done;
}

/* HEX(KD(HEX(H(A1)), nonce:nc:cnonce:qop:HEX(H(A2)))) of 2.1.2.1 */
bool
digest_value(struct buffer *out, const struct digest_login *d, const char *prefix)
{
	size_t n = digest_length(DIGEST_MD5);
	unsigned char md[DIGEST_MAX], a2[DIGEST_MAX];
	struct buffer material;
	bool done;

	buffer_init(&material, MATERIAL_MAX);
	buffer_format(&material, "%s:%s:%s", d->user, d->realm, d->password);
	done = hash(&material, md);
	buffer_add(&material, md, n);
	buffer_format(&material, ":%s:%s", d->nonce, d->cnonce);
	done = done && hash(&material, md);
	buffer_clear(&material);
	buffer_format(&material, "%s:%s", prefix, d->uri);
	done = done && hash(&material, a2);
	buffer_clear(&material);
	hex_encode(&material, md, n);
	buffer_format(&material, ":%s:00000001:%s:auth:", d->nonce, d->cnonce);
	hex_encode(&material, a2, n);
	done = done && hash(&material, md);
	buffer_free(&material);
	hex_encode(out, md, n);
	explicit_bzero(md, sizeof(md));
	return done;
}

static void
add_quoted(struct buffer *out, const char *name, const char *value)
{
	buffer_format(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buffer_add_char(out, '\\');
		buffer_add_char(out, *value);
	}
	buffer_add_string(out, "\",");
}

static bool
add_response(struct login *login, const struct challenge *c, const struct digest_login *d, struct buffer *out)
{
	bool done;

	add_quoted(out, "username", d->user);
	if (c->realm_seen)
		add_quoted(out, "realm", d->realm);
	add_quoted(out, "nonce", d->nonce);
	add_quoted(out, "cnonce", d->cnonce);
	add_quoted(out, "digest-uri", d->uri);
	buffer_format(out, "nc=00000001,qop=auth,%sresponse=", c->utf8 ? "charset=utf-8," : "");
	done = digest_value(out, d, "AUTHENTICATE");
	buffer_add_string(&login->proof, "rspauth=");
	return done && digest_value(&login->proof, d, "");
}

bool
digest_next(struct login *login, const char *challenge, struct buffer *response)
{
	const struct smtp_options *options = login->options;
	const char *at = strrchr(options->user, '@');
	struct challenge c = { .domain = at != NULL ? at + 1 : "" };
	struct digest_login d = { options->user, options->password, c.realm, c.nonce, options->nonce, NULL };
	struct buffer uri;
	bool done;

	if (login->round > 1)
		return login_prove(login, challenge);
	if (strlen(challenge) > DIGEST_CHALLENGE_MAX || !read_challenge(&c, challenge))
		return login_cancel(login, "the server sent a DIGEST-MD5 challenge that is none");
	if (c.auth_refused)
		return login_cancel(login, "the server wants more of DIGEST-MD5 than a login (qop without auth)");
	buffer_init(&uri, NONCE_MAX);
	buffer_format(&uri, "smtp/%s", options->host != NULL ? options->host : "localhost");
	d.uri = buffer_string(&uri);
	done = add_response(login, &c, &d, response);
	buffer_free(&uri);
	return done || login_cancel(login, "libcrypto refuses MD5 on this machine");
}

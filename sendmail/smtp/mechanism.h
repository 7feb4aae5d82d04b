/*
 * What the files of the mechanisms share with login.c, and nobody else needs.
 *
 * User, password and token are bytes, taken as they are: UTF-8 if the owner
 * typed UTF-8. SASLprep (RFC 4013) would only matter for characters that have
 * several forms; all that is done of it is to refuse control characters where
 * the mechanism's own syntax is text.
 */
#ifndef SMTP_MECHANISM_H
#define SMTP_MECHANISM_H

#include "base/crypto.h"
#include "smtp/login.h"
#include "smtp/smtp.h"

enum {
	NONCE_MAX = 512, /* ours and the server's together */
	SALT_MAX = 512,
	ITERATIONS_MAX = 1000000, /* of PBKDF2: about a second */
	DIGEST_CHALLENGE_MAX = 2047, /* RFC 2831 2.1.1 */
	MATERIAL_MAX = 16384, /* of what is hashed */
};

struct mechanism {
	const char *name;
	unsigned bit;
	bool reveals; /* says the secret itself: not before the others without TLS */
	unsigned rounds; /* challenges that it can answer */
	const char *(*lacks)(const struct smtp_options *); /* what is missing for it; NULL: nothing */
	void (*first)(struct login *, struct buffer *response); /* NULL: the server speaks first */
	bool (*next)(struct login *, const char *challenge, struct buffer *response);
	bool mutual; /* the server must prove that it knows the password, too */
	enum digest digest; /* of SCRAM */
};

/* Compares with login->proof what the server says up to a comma; without any the login is cancelled. */
bool login_prove(struct login *, const char *said);
/* Appends a name with ',' as =2C and '=' as =3D (saslname of RFC 5801). */
void add_saslname(struct buffer *, const char *name);

void scram_first(struct login *, struct buffer *response);
bool scram_next(struct login *, const char *challenge, struct buffer *response);

/* All that a digest of RFC 2831 is made of; borrowed. */
struct digest_login {
	const char *user, *password, *realm, *nonce, *cnonce, *uri;
};
/* Appends the response-value (prefix "AUTHENTICATE") or that of rspauth (prefix ""); false when MD5 is refused. */
bool digest_value(struct buffer *, const struct digest_login *, const char *prefix);
bool digest_next(struct login *, const char *challenge, struct buffer *response);

void oauthbearer_first(struct login *, struct buffer *response);
bool oauthbearer_next(struct login *, const char *challenge, struct buffer *response);
void xoauth2_first(struct login *, struct buffer *response);
bool xoauth2_next(struct login *, const char *challenge, struct buffer *response);

#endif

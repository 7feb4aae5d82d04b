/*
 * Logins (RFC 4954): a mechanism is a table row with what it says first and
 * what it answers to a challenge. All here is plain bytes; the engine adds and
 * removes base64.
 */
#ifndef SMTP_LOGIN_H
#define SMTP_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct mechanism;

/* One login under way. user and password are borrowed. */
struct login {
	const struct mechanism *mechanism; /* NULL: none chosen */
	const char *user;
	const char *password;
	unsigned round; /* challenges answered */
};

/* SMTP_AUTH_ bit of a mechanism's name, 0 for one that is not known. */
unsigned login_bit(const char *name, size_t length);
/* Begins with the best mechanism among these bits; false without one. */
bool login_choose(struct login *, unsigned mechanisms);
const char *login_name(const struct login *);
/* Appends the initial response. */
void login_first(struct login *, struct buffer *response);
/* Appends the answer to a challenge; false when the mechanism knows none. */
bool login_next(struct login *, const char *challenge, size_t length, struct buffer *response);

#endif

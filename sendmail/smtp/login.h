/*
 * Logins (RFC 4954): a mechanism is a table row with what it says first and
 * what it answers to a challenge. All here is plain bytes; the engine adds and
 * removes base64.
 */
#ifndef SMTP_LOGIN_H
#define SMTP_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct mechanism;
struct smtp_options;

enum { LOGIN_NOTE_MAX = 240 };

/* One login under way. */
struct login {
	const struct smtp_options *options; /* borrowed */
	const struct mechanism *mechanism; /* NULL: none chosen */
	unsigned round; /* challenges answered */
	bool proven; /* the server has shown that it knows the password */
	struct buffer proof; /* what it must say for that; empty before it can know */
	/* Why we cancel, or what the server told within its challenges of its refusal. May quote anything. */
	char note[LOGIN_NOTE_MAX];
};

/* SMTP_AUTH_ bit of a mechanism's name in any case, 0 for one that is not known. */
unsigned login_bit(const char *name, size_t length);
/* The rows, best first: name (upper case, static) and bit of the mechanism with this index; NULL behind the last. */
const char *login_row(size_t index, unsigned *bit);

/* Whether the options ask for a login at all. */
bool login_wanted(const struct smtp_options *);
void login_init(struct login *, const struct smtp_options *);
void login_free(struct login *); /* wipes */

/*
 * Begins, or begins anew, with the best mechanism among these bits that the
 * options allow and have all for; false without one.
 */
bool login_choose(struct login *, unsigned offered);
/* After a false login_choose(): what the best mechanism lacks ("a token") and its name; NULL when none is allowed. */
const char *login_lacks(const struct login *, unsigned offered, const char **name);
const char *login_name(const struct login *);
/* Appends the initial response; false when the server must speak first. */
bool login_first(struct login *, struct buffer *response);
/* Appends the answer to a challenge (terminated); false when the login must be cancelled, see note. */
bool login_next(struct login *, const char *challenge, size_t length, struct buffer *response);
/* Sets the note, cut to its limit; returns false, for `return login_cancel(...)`. */
bool login_cancel(struct login *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * The server says that the login succeeded (text: behind the code). False when
 * it had to prove that it knows the password, and has not; see note.
 */
bool login_done(struct login *, const char *text);

#endif

/*
 * Secrets: who may read the files that hold them, and getting them when a
 * login needs one.
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct config_world;
struct reason;
struct smarthost;

enum {
	SECRET_MAX = 4096,
	SECRET_SECONDS = 30, /* for a command to print it */
};

/*
 * A file with a secret belongs to root or uid and is closed to others, with
 * private also to its group. 0, or -1 with a reason that names the cure.
 */
int secret_check(const char *path, const struct stat *, uid_t uid, bool private, struct reason *);
/*
 * The content of the file without one trailing newline; any byte but NUL. Owned
 * by the caller (free_secret). NULL with a reason that begins with the path.
 */
char *secret_read(const char *path, uid_t uid, struct reason *);
/* The same; a name without '/' is a file in the directory that CREDENTIALS_DIRECTORY names (systemd.exec(5)). */
char *secret_read_named(const char *path, const struct config_world *, struct reason *);

/* How many secrets there are to try: none without a login by user, else 1, or 2 with two password files. */
unsigned secret_count(const struct smarthost *);
/* Whether they are OAuth access tokens instead of passwords. */
bool secret_is_token(const struct smarthost *);
/*
 * Gets secret number which, from 0 on: a token file is read, a command run
 * anew (refused in a privileged process: its caller could read along), the SMTP
 * password of Amazon SES made of a secret key. 0 with the secret owned by the
 * caller (free_secret), or -1 with a reason that begins with the key's name.
 */
int secret_obtain(const struct smarthost *, unsigned which, char **secret, struct reason *);
/* Who logs in with it: the user, or for providers whose token is the user name too the secret. Borrowed. */
const char *secret_user(const struct smarthost *, const char *secret);

#endif

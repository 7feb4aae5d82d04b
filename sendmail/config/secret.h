/*
 * Files that hold secrets: who may read them, and reading the password itself.
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct reason;

enum { SECRET_MAX = 4096 };

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

struct smarthost;
unsigned secret_count(const struct smarthost *);
int secret_obtain(const struct smarthost *, unsigned which, char **secret, struct reason *);

#endif

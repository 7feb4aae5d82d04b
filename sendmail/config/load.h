/*
 * The state of one loading, shared by the readers of the sources (config.c),
 * the settings (load.c), the environment's URL (url.c) and the checks over
 * several keys (smarthost.c, complete.c). Private to this folder.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/source.h"

/* One section of the file, or one that the file leaves out (line 0). */
struct part {
	enum section section;
	int line;
	void *base; /* struct smarthost or struct config */
	int key_lines[KEYS_MAX]; /* where each key of the table stands; 0: not given */
};

enum { SMARTHOST_NAME_MAX = 32 };
enum { PARTS_MAX = SMARTHOSTS_MAX + SECTION_COUNT };

struct load {
	struct config *config;
	const struct config_world *world;
	struct reason *reason;
	const char *name; /* what messages begin with */
	bool from_url; /* messages have no line and name variables, not keys */
	const struct stat *status; /* of the file; NULL: the text came from elsewhere */
	bool at_home; /* the user's own file: a password in it closes it to its group too */
	bool failed;
	struct source source;
	struct part parts[PARTS_MAX];
	size_t part_count;
};

/* Sets the reason to "NAME:LINE: ..." ("NAME: ..." for line 0 and URLs), fails the load, returns -1. */
int load_error(struct load *, int line, const char *, ...) __attribute__((format(printf, 3, 4)));
/* Adds the same kind of line to config->warnings; what is beyond LIST_MAX is dropped. */
void load_warn(struct load *, int line, const char *, ...) __attribute__((format(printf, 3, 4)));
/* Reads an ini text; 0, or -1 with the first error. */
int load_text(struct load *, const char *text, size_t length);
/* Opens a part; title is what the brackets hold. NULL with an error. */
struct part *load_open(struct load *, const char *title, int line);
/* Sets one key of the part; 0 or -1 with an error. */
int load_set(struct load *, struct part *, const char *name, const char *value, int line);
/* Line of a key in the part; 0: not given. */
int load_line(const struct part *, const char *name);

/* Reads the URL of SENDMAIL_SMARTHOST and the two variables that go with it. */
int load_url(struct load *, const char *url);

/*
 * One smarthost when its section was read: the provider's facts for the keys
 * that the file leaves out, before the defaults; then, with them, contradictions,
 * TLS, login, password. 0 or -1 with an error.
 */
int smarthost_fill(struct load *, struct part *);
int smarthost_complete(struct load *, struct part *);

/* Defaults, checks over several keys, the password, domain and helo. 0 or -1 with an error. */
int load_complete(struct load *);
/*
 * Where the queue is when the configuration does not say: the system's, or that
 * of the user (of root only with his own file at home). NULL: none. Owned by the caller.
 */
char *default_queue(const struct config_world *, bool personal, bool at_home);

#endif

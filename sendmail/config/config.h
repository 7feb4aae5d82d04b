/*
 * The configuration: exactly one source, read once, never merged. The only
 * user of ini.h. One key table drives parsing, `sendmailctl config` and the
 * test that the man page names every key. Specified in sendmail.ini.5.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "smtp/smtp.h"

enum { SMARTHOSTS_MAX = 16, ALIASES_MAX = 500, LIST_MAX = 64 };

/* A list of owned strings; at most LIST_MAX. */
struct list {
	char **items;
	size_t count;
};

struct alias {
	char *name; /* "root", "*" */
	struct list targets;
};

enum { PINS_MAX = 4, PASSWORD_FILES_MAX = 2 };

struct smarthost {
	char *name; /* of [smarthost NAME]; "" for the plain section */
	char *provider; /* name of a row of config/preset.h, or NULL */
	char *region; /* of the provider, or NULL */
	char *stream; /* of the provider, or NULL */
	char *host; /* a name, an address or the absolute path of a unix socket */
	struct list ports; /* in the order to try, at least one; the next one on connect failure only */
	char *port; /* the first of them, not owned */
	enum smtp_tls tls; /* of the first port; see smarthost_tls() */
	bool tls_given; /* for all ports; else each port has its own */
	int tls_min; /* lowest version: 12 or 13 */
	char *tls_name; /* name the certificate must carry instead of host, or NULL */
	struct list pins; /* "sha256:" and 64 hex digits, of certificate or public key; at most PINS_MAX */
	char *client_cert, *client_key; /* absolute paths, both or none */
	char *ca_file, *ca_path;
	char *user; /* NULL: no login but with client_cert, or user_is_secret */
	bool user_is_secret; /* of the provider: the token is the user name too; see secret_user() */
	char *password; /* as written or from the first file; NULL when there is none, or when a command prints it */
	char *other_password; /* from the second file, or NULL */
	struct list password_files; /* the second one is tried once when the first is refused */
	char *password_command; /* a command line without shell: words, and quotes around words with blanks */
	char *token_file, *token_command; /* OAuth access token; not both */
	unsigned auth; /* SMTP_AUTH_ bits; 0 is `auth = none` */
	bool auth_given;
	bool insecure;
	char *helo; /* never NULL after loading */
	char *from; /* forced envelope and header From, or NULL */
	int64_t connect_timeout; /* seconds for all addresses; one of them has half of it */
	int64_t timeout; /* seconds for one answer */
	unsigned connections; /* at a time, of all submitters together; the runner has as many of its own */
	unsigned messages_per_connection;
	unsigned recipients_per_message; /* of one transaction; 0: as the server says */
	int64_t max_size; /* bytes of a message on the wire; 0: as the server says */
	char *source_address; /* numeric; or NULL */
	int family; /* 0: any, 4 or 6 */
	struct list add_header; /* whole fields, "Name: value", without line ends */
	struct list only_from; /* sender patterns that go through this smarthost; empty: all */
	char *maildir; /* deliver into this Maildir instead, or NULL */
};

enum queue_delivery { DELIVERY_NOW, DELIVERY_QUEUE };

struct config {
	struct smarthost smarthosts[SMARTHOSTS_MAX]; /* in the order of the file; at least one */
	size_t smarthost_count;
	struct {
		char *domain; /* never NULL after loading */
		char *from, *from_name;
		struct list keep_from;
	} identity;
	struct alias *aliases; /* owned; at most ALIASES_MAX; the rows of the ini before those of aliases_file */
	size_t alias_count;
	size_t own_alias_count; /* rows of the ini */
	char *aliases_file; /* of sendmail's form; NULL: none was read */
	struct list warnings; /* lines about what is in force but hardly meant; at most LIST_MAX */
	struct {
		char *directory; /* absolute path, or NULL for `none` */
		enum queue_delivery delivery;
		int64_t wait; /* seconds */
		int64_t retry_first, retry_longest; /* pauses in seconds; one key sets both */
		int64_t lifetime; /* seconds */
		char *bounce_to; /* who gets reports instead of the envelope sender, or NULL */
		int64_t max_message; /* bytes */
		int64_t min_free; /* bytes; 0: no reserve */
		int unsent_status; /* exit status of mail that was neither sent nor stored: 69 or 75 */
	} queue;
	struct {
		char *target; /* "syslog", "stderr" or an absolute path */
		char *format; /* "text" or "json" */
	} log;
	char *source; /* where it came from: a path, or "environment variable NAME" */
	bool personal; /* the user's own file or environment, not the system's */
};

/* What the world outside looks like; everything is an argument so that tests can make one up. */
struct config_world {
	const char *(*environment)(const char *name); /* getenv, or one that always answers NULL when privileged */
	const char *home; /* of the calling user, from passwd; NULL when there is none */
	const char *system_path; /* /etc/sendmail.ini */
	const char *system_queue; /* /var/spool/sendmail-submit */
	const char *mailname_path; /* /etc/mailname; may be NULL */
	const char *aliases_path; /* /etc/aliases; may be NULL */
	const char *host_name; /* gethostname() */
	uid_t uid; /* effective */
};

enum config_result {
	CONFIG_OK,
	CONFIG_NONE, /* no source at all; the reason names the paths looked at */
	CONFIG_BROKEN, /* "file:line: what is wrong, what to write instead" */
};

/*
 * Finds and reads the one source: SENDMAIL_INI, SENDMAIL_CONFIG,
 * SENDMAIL_SMARTHOST (with SENDMAIL_PASSWORD_FILE, SENDMAIL_FROM), the user's
 * ~/.config/sendmail.ini, the system file; an empty variable is not set. The
 * result is complete (defaults, domain, helo, password read). Of a broken one
 * only source, personal, the default queue.directory and the other defaults of
 * [queue] and [log] are left, so that the message can be kept; of none, nothing. Always to be freed with config_free().
 */
enum config_result config_load(struct config *, const struct config_world *, struct reason *);
/* The same for one text; name stands in messages. For SENDMAIL_CONFIG, tests and fuzzing. */
enum config_result config_parse(
    struct config *, const struct config_world *, const char *name, const char *text, size_t length, struct reason *);
void config_free(struct config *);

/* TLS of one of the smarthost's ports. */
enum smtp_tls smarthost_tls(const struct smarthost *, const char *port);

/* Appends the configuration in force as an ini text, secrets as `***`, the source as its first comment line. */
void config_print(const struct config *, struct buffer *);
/*
 * The same as text that config_parse() reads back, secrets included, for
 * `sendmailctl config --write`; a password that came from a file stays there.
 * False when a value does not fit into a line (a password of the URL with
 * control characters or blanks at its ends): nothing to write to a file then.
 */
bool config_write(const struct config *, struct buffer *);

#endif

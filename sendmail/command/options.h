/*
 * sendmail's command line: one row an option, a closed list. Nothing in argv
 * ever names a file to read or write, a command or a host. Specified in sendmail.8.
 */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum mode {
	MODE_SUBMIT,
	MODE_SERVE, /* -bs */
	MODE_VERIFY, /* -bv */
	MODE_LIST, /* -bp */
	MODE_RUN, /* -q */
	MODE_ALIASES, /* -bi */
	MODE_NOTHING, /* -bh, -bH: exit 0 */
	MODE_REFUSED, /* unsupported: exit 64 with options.refusal */
	MODE_HELP,
	MODE_VERSION,
};

enum delivery_wish {
	WISH_NONE, /* as configured */
	WISH_FOREGROUND, /* -odi: wait for the smarthost */
	WISH_BACKGROUND, /* -odb: return once stored */
	WISH_QUEUE, /* -odq, -odd: only store */
};

enum { LETTERS_MAX = 32 };

/* Values are borrowed from argv. */
struct options {
	enum mode mode;
	bool from_header; /* -t */
	bool ignore_dots; /* -i, -oi */
	bool verbose; /* -v */
	const char *sender; /* -f, -r; the last one; NULL: none */
	const char *full_name; /* -F; NULL: none */
	const char *run; /* -q: its value, "" without one */
	enum delivery_wish delivery;
	unsigned notify; /* -N: NOTIFY_ bits; 0: not said */
	char ret; /* -R: 'F' full, 'H' headers; 0: not said */
	const char *envid; /* -V; NULL: none */
	char error_mode; /* -e, -oe: 'p' print (unless said), 'm' mail back, 'e' mail back and status 0, 'q' quiet */
	const char *refusal; /* why the mode is refused */
	const char *const *recipients;
	size_t recipient_count;
	char ignored[LETTERS_MAX]; /* unknown option letters, terminated, for a log line */
	char misused[LETTERS_MAX]; /* known ones whose value means nothing, likewise */
};

/* What follows an option's letter. */
enum option_value { VALUE_NONE, VALUE_NEEDED, VALUE_ATTACHED, VALUE_TIME };

/* One letter. take is called with its value ("" when there is none); NULL: accepted and ignored. */
struct option_row {
	char letter;
	enum option_value value;
	void (*take)(struct options *, const char *value);
};

/* The table, for the parser and for the test that the page names every row. */
extern const struct option_row option_rows[];
extern const size_t option_row_count;

/*
 * Reads argv[1]...: clusters, attached and separate values; stops at the first
 * word that is no option, or behind "--". 0, or -1 with a reason when a value is missing at the end.
 */
int options_parse(struct options *, int argc, char **argv, struct reason *);

#endif

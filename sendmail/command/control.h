/*
 * sendmailctl: everything that sendmail's own options have no room for, as
 * subcommands (sendmailctl.8).
 */
#ifndef COMMAND_CONTROL_H
#define COMMAND_CONTROL_H

#include "base/buffer.h"
#include "command/caller.h"

/*
 * One subcommand. run gets the words behind its name; returns the exit status
 * with a reason when not 0. EX_USAGE without a reason gets the synopsis.
 */
struct control_row {
	const char *name; /* one word or two */
	int (*run)(struct caller *, int argc, char **argv, struct reason *);
	const char *synopsis; /* what follows the name */
};

/* For the dispatcher and the test that the page names every row. */
extern const struct control_row control_rows[];
extern const size_t control_row_count;

/* argv[0] is sendmailctl. Drops any privilege before it looks at argv. */
int control(struct caller *, int argc, char **argv, struct reason *);

#endif

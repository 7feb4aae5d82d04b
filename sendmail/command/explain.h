/*
 * sendmailctl explain (sendmailctl.8): the entry for a reply somebody saw,
 * without sending anything. A subcommand: see struct control_row.
 */
#ifndef COMMAND_EXPLAIN_H
#define COMMAND_EXPLAIN_H

#include "base/buffer.h"
#include "command/caller.h"

int explain_run(struct caller *, int argc, char **argv, struct reason *);

#endif

/*
 * sendmailctl queue list and show, and what all look at messages with.
 */
#ifndef COMMAND_SPOOL_H
#define COMMAND_SPOOL_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "command/caller.h"
#include "queue/queue.h"

/* Subcommands: see struct control_row. */
int spool_list(struct caller *, int argc, char **argv, struct reason *);
int spool_show(struct caller *, int argc, char **argv, struct reason *);

/* Reads the configuration and opens its queue: EX_OK, or the exit status with a reason. */
int spool_open(struct caller *, struct queue **, struct reason *);

/* What can be seen of a message. */
enum sight {
	SIGHT_OPEN, /* the entry is open (to be closed) */
	SIGHT_BUSY, /* the same; another process is delivering it */
	SIGHT_CLOSED, /* another user's: only its file */
	SIGHT_NONE, /* gone, or no message of ours */
};
/* Opens an item for looking; file is set for SIGHT_CLOSED. directory: the queue's. */
enum sight spool_look(struct entry *, struct queue *, const char *directory, enum queue_part, const struct queue_item *,
    struct stat *file);
/* The sender as people see it, printable. */
void spool_sender(const struct envelope *, char *out, size_t size);

#endif

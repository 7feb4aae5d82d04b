/*
 * What entry.c (writing), open.c and move.c share. Not for other layers.
 */
#ifndef QUEUE_ENTRY_H
#define QUEUE_ENTRY_H

#include <stdbool.h>
#include <sys/types.h>

#include "queue/queue.h"

enum { FILE_LIMIT = 1 << 30 }; /* bytes of one queue file */

/* Of a name in a folder, closed, with an empty envelope. */
void init_entry(struct entry *, struct queue *, char folder, const char *name);
/* Closes and unlocks the file; the envelope stays. */
void close_file(struct entry *);
/* The file must hold exactly the message that was counted, and not be absurdly large. */
bool is_whole(const struct entry *, off_t size);
/* A person has looked: sets crashes and doubts to none, on disk too. */
int entry_forgive(struct entry *, struct reason *);
/* Sets a reason from errno: what cannot be done in the entry's place. -1. */
int entry_failed(const struct entry *, const char *what, struct reason *);

#endif

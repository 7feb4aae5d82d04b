/*
 * mailq: the queue in Postfix's shape, which monitoring programs read (mailq.1).
 */
#ifndef COMMAND_MAILQ_H
#define COMMAND_MAILQ_H

#include "base/buffer.h"
#include "command/caller.h"

/* Prints the list on stdout. Returns the exit status with a reason when it is not 0. */
int mailq(const struct caller *, struct reason *);

#endif

/*
 * Submission: a message on stdin, from the first byte to the exit status.
 */
#ifndef COMMAND_SUBMIT_H
#define COMMAND_SUBMIT_H

#include <sys/types.h>

#include "command/caller.h"
#include "command/options.h"

/*
 * Reads stdin to its end, stores, delivers. Returns the exit status (sendmail.8)
 * with a reason when it is not 0; with 0 the reason may hold a hint for a
 * terminal, or is empty.
 */
int submit(struct caller *, const struct options *, struct reason *);
/* read(2) of stdin that waits also where the caller left it non-blocking, and through signals. */
ssize_t read_stdin(char *, size_t);
/* Reads stdin to its end, so that the caller sees our reason and not a broken pipe. */
void drain_stdin(void);

#endif

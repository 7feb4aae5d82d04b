/*
 * From a stored submission to its exit status: the first try, what the caller
 * is told, and what goes on when he does not wait.
 */
#ifndef COMMAND_OUTCOME_H
#define COMMAND_OUTCOME_H

#include "command/caller.h"
#include "command/options.h"
#include "queue/queue.h"

/*
 * The entry is committed and locked; queue NULL: it has no queue. Returns the
 * exit status, with a reason when it is not 0; with 0 the reason may hold a
 * hint for a terminal. After a fork both processes return: the caller's with 0,
 * the child's when all is done.
 */
int deliver_submission(struct caller *, const struct options *, struct queue *, struct entry *, struct reason *);

#endif

/*
 * Queue runs: sendmail -q and sendmailctl run.
 */
#ifndef COMMAND_RUN_H
#define COMMAND_RUN_H

#include "command/caller.h"
#include "command/options.h"
#include "queue/queue.h"

/* One run of an open queue. EX_OK, or EX_UNAVAILABLE with a reason while a smarthost is in trouble or paused. */
int run_queue(struct caller *, struct queue *, struct reason *);
/* Reads the configuration, opens its queue, runs it once: as above, or EX_CONFIG. */
int run_once(struct caller *, struct reason *);
/* -q with its value: "" one run; a time: runs in the foreground, one each so often; I, R, S and text: a limited run. */
int run_mode(struct caller *, const struct options *, struct reason *);

#endif

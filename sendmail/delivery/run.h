/*
 * A queue run: every message that is due is tried once, oldest first, by a few
 * worker processes with a session each. One run at a time for a queue.
 */
#ifndef DELIVERY_RUN_H
#define DELIVERY_RUN_H

#include "delivery/deliver.h"

/* Which messages; a limited run takes them whether due or not. NULL: no limit. Matched as a part of the text. */
struct run_filter {
	const char *id;
	const char *recipient;
	const char *sender;
};

/*
 * Runs until nothing is due that was not tried. options: queue set, settle left
 * to the run. Returns TROUBLE_NONE (also when somebody else is running), or the kind of
 * trouble that a smarthost is in or is paused for; the reason says which.
 * progress: a line on stderr that counts.
 */
enum trouble_kind queue_run(const struct delivery_options *, const struct run_filter *, bool progress, struct reason *);

#endif

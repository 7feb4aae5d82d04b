/*
 * From stored submissions to what the caller is told: the first try of each,
 * over one session with the smarthost, and what goes on when he does not wait.
 */
#ifndef COMMAND_OUTCOME_H
#define COMMAND_OUTCOME_H

#include "command/caller.h"
#include "command/options.h"
#include "delivery/deliver.h"
#include "queue/queue.h"

/* One or more messages of a caller. Everything borrowed. */
struct outcome {
	struct caller *caller;
	const struct options *options;
	struct queue *queue; /* NULL: none */
	struct delivery delivery;
	struct patience patience;
	struct entry *entry; /* the message in hand */
	bool sent; /* a message went out: a smarthost works */
	bool background; /* this is a child now, without the caller's pipes: it only has to end */
};

/* The outcome must stay where it is until its end. queue NULL: none. */
void outcome_begin(struct outcome *, struct caller *, const struct options *, struct queue *);
/*
 * The entry is committed and locked (of this queue; NULL: of none), and the
 * owner's to close. last: no message follows. Returns the exit status, with a reason
 * when it is not 0; with 0 the reason may hold a hint for a terminal. After a fork both
 * processes return: the caller's with 0, the child, with background, when all is done.
 */
int outcome_of(struct outcome *, struct entry *, bool last, struct reason *);
/* Says good-bye to the smarthost; the next message opens another session. */
void outcome_pause(struct outcome *);
/*
 * The same for good, and runs the queue when others left messages in
 * it: maybe in a child, which returns with background.
 */
void outcome_end(struct outcome *);

#endif

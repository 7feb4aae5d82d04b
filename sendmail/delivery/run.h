/*
 * A queue run: every due message is tried once.
 */
#ifndef DELIVERY_RUN_H
#define DELIVERY_RUN_H

#include "config/config.h"
#include "delivery/session.h"
#include "queue/queue.h"

/*
 * Tries what is due, oldest first, over one session. Returns TROUBLE_NONE, or
 * the kind of trouble that ended the run early (reason says which; what was not
 * tried stays as it is).
 */
enum trouble_kind queue_run(struct queue *, const struct config *, const struct session_hooks *, struct reason *);

/*
 * After a try whose outcome nobody waits for: removes what is delivered, records
 * what is deferred, and moves what was refused for good to .Failed/.
 */
void entry_settle(struct entry *);

#endif

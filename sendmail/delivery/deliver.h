/*
 * Delivery of messages: which smarthost, one session for many messages, a log
 * line per recipient. A submission is a delivery of one message.
 */
#ifndef DELIVERY_DELIVER_H
#define DELIVERY_DELIVER_H

#include <stdbool.h>

#include "config/config.h"
#include "delivery/session.h"
#include "queue/queue.h"

struct delivery {
	const struct config *config; /* borrowed */
	struct session_hooks hooks;
	/* Makes the verdicts durable; called at once behind the answer, before anything else is done. */
	void (*settle)(void *context, struct entry *);
	void *settle_context;
	struct session *session; /* open, or NULL */
	const struct smarthost *smarthost; /* the one in use, or tried last */
	struct trouble trouble; /* why no smarthost could be used */
};

void delivery_init(struct delivery *, const struct config *, const struct session_hooks *);
/*
 * Tries the message once with the first smarthost that can be used. Verdicts
 * and replies stand in entry->envelope, are settled and then logged, a line for
 * each recipient. last: no message follows. False when no smarthost was usable
 * (see trouble) or the caller's patience is over (then nothing was settled).
 */
bool delivery_try(struct delivery *, struct entry *, bool last);
void delivery_end(struct delivery *);

#endif

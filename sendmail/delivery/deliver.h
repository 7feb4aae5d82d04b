/*
 * Delivery of messages: which smarthost, one session for many messages, pauses
 * and slots respected, a log line per recipient. A submission is a delivery of
 * one message.
 */
#ifndef DELIVERY_DELIVER_H
#define DELIVERY_DELIVER_H

#include <stdbool.h>

#include "config/config.h"
#include "delivery/session.h"
#include "message/outgoing.h"
#include "queue/queue.h"

/* What a delivery is for. All borrowed; set once by the caller of delivery_init(). */
struct delivery_options {
	const struct config *config;
	struct session_hooks hooks;
	struct queue *queue; /* NULL: none; then there are no pauses, slots or reports either */
	const char *host; /* of this machine, for reports */
	int zone; /* minutes east of UTC */
	bool submitter; /* shares the slots; a runner has sessions of its own */
	/* Makes the verdicts durable; called at once behind the answer, before anything else is done. */
	void (*settle)(void *context, struct entry *);
	void *settle_context;
	void (*opened)(void *context); /* a smarthost has taken a session; NULL: nobody cares */
	void *opened_context;
};

/* How this delivery stands with one smarthost. */
struct way {
	struct session *session; /* open, or NULL */
	int slot; /* descriptor of the one taken, or -1 */
	char *secret; /* owned, wiped; NULL: none */
	unsigned which; /* of the smarthost's secrets this is */
	const char *port; /* of the session */
};

struct delivery {
	struct delivery_options options;
	struct schedule schedule; /* of the configuration */
	struct way ways[SMARTHOSTS_MAX]; /* in the order of the configuration */
	struct sender_rule rules[SMARTHOSTS_MAX];
	const struct smarthost *smarthost; /* the one in use, or tried last */
	struct trouble trouble; /* why no smarthost could be used */
};

enum attempt {
	ATTEMPT_MADE, /* a smarthost was asked: verdicts and replies stand in the envelope, settled and logged */
	ATTEMPT_TROUBLE, /* none could be asked (see trouble): DEFERRED with that as reply, nothing settled */
	ATTEMPT_PAUSED, /* the same, without even trying */
	ATTEMPT_BUSY, /* all slots are taken: nothing was done */
	ATTEMPT_LEFT, /* the caller's patience is over: a child goes on */
};

/* When messages of this configuration are due. */
struct schedule schedule_of(const struct config *);

void delivery_init(struct delivery *, const struct delivery_options *);
/* Tries the message once with the first smarthost of its route that can be used. last: no message follows. */
enum attempt delivery_try(struct delivery *, struct entry *, bool last);
/* What the smarthost in use demands of senders. */
const struct sender_rule *delivery_rule(const struct delivery *);
/* Says good-bye to the smarthosts and gives the slots back. */
void delivery_end(struct delivery *);

#endif

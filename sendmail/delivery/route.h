/*
 * Which smarthosts may take a message, and by which door: the port that answers
 * and the secret that is accepted are remembered beside the queue, so that a
 * firewalled port or a replaced key costs one detour and not one a message.
 */
#ifndef DELIVERY_ROUTE_H
#define DELIVERY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "queue/queue.h"

/*
 * The smarthosts for mail of this envelope sender ("" is the null sender), in the
 * order to try them: first those whose only_from names him, then those that take
 * mail of everybody, each in the order of the file. How many.
 */
size_t route_order(const struct config *, const char *sender, const struct smarthost *order[SMARTHOSTS_MAX]);
/* True when the sender decides which smarthost it is: trouble of one is then not trouble of all. */
bool route_by_sender(const struct config *);

/* Indexes into the smarthost's ports and secrets. */
struct door {
	unsigned port, secret;
};

/* The door that was open last; that of the configuration, {0, 0}, when none is known or it was long ago. */
struct door door_recall(struct queue *, const struct smarthost *, int64_t now);
/* Remembers it; queue may be NULL. */
void door_remember(struct queue *, const struct smarthost *, const struct door *, int64_t now);

#endif

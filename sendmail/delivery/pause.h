/*
 * Pauses: a smarthost in trouble (connection, TLS, login, account) is left
 * alone for a growing time. One state file a smarthost in the queue's directory:
 * `pause-KEY`, a line `until=SECONDS steps=N kind=WORD text=...`.
 */
#ifndef DELIVERY_PAUSE_H
#define DELIVERY_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "delivery/session.h"
#include "queue/queue.h"

enum { PAUSE_TEXT_MAX = 512, SMARTHOST_KEY_MAX = 400 };

struct pause {
	int64_t until; /* seconds since 1970 */
	unsigned steps; /* failed attempts in a row */
	char text[PAUSE_TEXT_MAX]; /* what went wrong and what to do, printable */
};

/* Host, port and section of a smarthost as part of a file name: two accounts on one host are two smarthosts. */
void smarthost_key(char key[SMARTHOST_KEY_MAX], const struct smarthost *);
/* False when the smarthost has no pause, not even one that is over. */
bool pause_read(struct queue *, const struct smarthost *, struct pause *);
/* True while the pause lasts; one that reaches beyond the longest possible comes from a clock that was wrong. */
bool pause_stands(const struct pause *, const struct schedule *, int64_t now);
/* After a failed attempt: the first pause, or twice as long as the one before, up to the longest. */
void
pause_begin(struct queue *, const struct smarthost *, const struct schedule *, const struct trouble *, int64_t now);
void pause_lift(struct queue *, const struct smarthost *);

#endif

/*
 * What becomes of a message after a try: removed, kept, given up, held,
 * reported. All that must not depend on anybody waiting for it.
 */
#ifndef DELIVERY_SETTLE_H
#define DELIVERY_SETTLE_H

#include "delivery/bounce.h"
#include "delivery/deliver.h"
#include "queue/queue.h"

/*
 * Right behind the answer: unlinks what is delivered, records the rest, both
 * durably. A failure is logged (the message is then tried again).
 */
void settle_verdicts(struct entry *);
/*
 * The duties that remain, each logged: gives up what is too old (expired: as
 * queue_expired() said before the try); reports refused recipients to the
 * sender, or moves the message to .Failed/ when nobody can be told; tells once
 * that it takes long; holds a message whose outcome stayed unknown twice.
 * Nothing is left to do when all were delivered.
 */
void settle_duties(const struct delivery *, struct entry *, bool expired);
/* Puts a message aside that killed whoever tried it, and tells its sender. */
void settle_poison(const struct delivery *, struct entry *);
/* True when a message is to be held and not sent: its outcome stayed unknown too often. */
bool settle_is_doubtful(const struct entry *);
/* Refused recipients whose refusal was told ask for nothing more: they count as DELIVERED from now on. */
void settle_told(struct entry *);
/*
 * Reports the refused recipients of a message. When the report is safe on disk,
 * or unwanted, they count as settled (DELIVERED) from then on.
 */
enum report_result settle_refused(const struct delivery *, struct entry *);

#endif

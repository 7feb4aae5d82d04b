/*
 * Whose message it is: the envelope sender and the From field. Internal to the
 * message layer.
 */
#ifndef MESSAGE_ORIGIN_H
#define MESSAGE_ORIGIN_H

#include "message/envelope.h"

struct buffer;
struct field;
struct identity;
struct reason;
struct submission;

/* The sender as -f or the configuration give it; "" is the null sender. 0, or -1 with a reason. */
int origin_sender(const struct identity *, const struct submission *, char sender[ADDRESS_MAX + 1], struct reason *);
/* Appends the value of a From field for a message that has none. */
void origin_add(const struct identity *, const struct submission *, const char *sender, struct buffer *);
/* Appends the value of the caller's From field. */
void origin_rewrite(const struct identity *, const struct field *, struct buffer *);

#endif

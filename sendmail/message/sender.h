/*
 * The sender rule of a smarthost (struct sender_rule in outgoing.h) as it meets
 * the fields of a header.
 */
#ifndef MESSAGE_SENDER_H
#define MESSAGE_SENDER_H

#include <stdbool.h>

struct buffer;
struct field;
struct sender_rule;

/* True when the rule leaves no room for this Sender field. */
bool sender_drops(const struct sender_rule *, const struct field *sender);
/*
 * Appends what stands in place of a From field, From and X-Original-From, as
 * text that may still need encoding and folding; false when the field may stay,
 * then nothing is appended. reply: gets a Reply-To field where one is called for.
 */
bool sender_replaces(const struct sender_rule *, const struct field *from, struct buffer *out, struct buffer *reply);

#endif

/*
 * Recipients on their way into the envelope: lists are parsed, aliases
 * expanded, bare names completed. Internal to the message layer.
 */
#ifndef MESSAGE_RECIPIENTS_H
#define MESSAGE_RECIPIENTS_H

#include <stdbool.h>
#include <stddef.h>

struct envelope;
struct identity;

struct recipients {
	const struct identity *identity;
	struct envelope *envelope;
	unsigned char *alias_states; /* owned; one an alias */
	bool full; /* RECIPIENTS_MAX was reached */
};

void recipients_init(struct recipients *, const struct identity *, struct envelope *);
void recipients_free(struct recipients *);
/* Adds every address of a list; one that is bad is added as FAILED. */
void recipients_add(struct recipients *, const char *list, size_t);

#endif

/*
 * The envelope block at the start of a queue file. Layout and reasons stand at
 * the top of format.c. Not for other layers.
 */
#ifndef QUEUE_FORMAT_H
#define QUEUE_FORMAT_H

#include <sys/types.h>

#include "base/buffer.h"
#include "message/envelope.h"

enum {
	ID_LENGTH = 18,
	FACTS_OFFSET = 17, /* in the file: behind "X-Queue: 1 00001 " */
	FACTS_WIDTH = 70, /* size, lines, longest line: 20 digits each; eight-bit flag, doubts, crashes, delay told */
	CRASHES_OFFSET = FACTS_OFFSET + FACTS_WIDTH - 3, /* one digit */
	LINE_MAX_LENGTH = 4096, /* and what is read at once: mostly the whole block */
};

/* Appends the lines above the recipients, facts included; -1 with a reason when a value passes its limit. */
int format_head(struct buffer *, const struct envelope *, struct reason *);
/* Appends one recipient's line. Its length depends on the address alone: a later form fits in the place of an earlier.
 */
int format_recipient(struct buffer *, const struct recipient *, struct reason *);
/* The fields at FACTS_OFFSET. Not terminated. */
void format_facts(char facts[FACTS_WIDTH], const struct envelope *);
/* A number up to 9 as the one digit it has there; more is 9. */
char format_digit(unsigned);

/*
 * Reads a block from the start of the file into an initialised envelope; any
 * bytes at all are safe. *message: where the message begins. *marks: allocated
 * (also on failure), where each recipient's line begins. -1 with a reason.
 */
int format_read(int fd, struct envelope *, off_t *message, off_t **marks, struct reason *);

#endif

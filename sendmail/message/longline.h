/*
 * A message with lines over TEXT_LINE_MAX can be sent, because outgoing.h
 * encodes them; but not where a signature covers them.
 */
#ifndef MESSAGE_LONGLINE_H
#define MESSAGE_LONGLINE_H

#include <stddef.h>

#include "message/mime.h"

/* A push parser over the stored form (LF line ends). */
struct longline {
	size_t found; /* bytes of the first line over TEXT_LINE_MAX in a signed part, at least; 0: there is none */
	/* private */
	struct mime mime;
	bool signed_whole; /* there is a DKIM-Signature: all of the body is signed */
	size_t length; /* of the current line */
};

void longline_init(struct longline *);
void longline_free(struct longline *);
void longline_add(struct longline *, const char *, size_t n);
/* The message is over; found is final. */
void longline_end(struct longline *);

#endif

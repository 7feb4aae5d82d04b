/*
 * First pass over stdin: lines cleaned and split into header and body. Push
 * parser: any cut of the input into blocks gives the same result.
 *
 * Rules (sendmail.8, "Message"): CR before LF is dropped, any other CR becomes
 * a blank, NUL is dropped, a missing last LF is added; leading mbox "From "
 * lines are dropped; the header ends at an empty line or at the first line that
 * cannot be a field (RFC 5322 2.2), which then belongs to the body. With
 * dot_ends (no -i) a line "." ends the message and a line ".." becomes ".".
 */
#ifndef MESSAGE_READER_H
#define MESSAGE_READER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

enum { FIELD_NAME_MAX = 256, HEADER_MAX = 1 << 20 };

struct reader {
	bool dot_ends;
	bool in_header; /* the header is still open */
	bool ended; /* a lone dot was seen: what follows is ignored */
	/* private */
	int line; /* what the current line is known to be */
	unsigned carriage_returns; /* held back until the next byte tells what they are */
	size_t dots; /* held back at the start of a line */
	bool fields; /* a field was seen */
	char start[FIELD_NAME_MAX]; /* start of a header line that is not decided yet */
	size_t start_length;
};

void reader_init(struct reader *, bool dot_ends);
/*
 * Takes n bytes; appends header lines to header and body lines to body, with LF
 * ends. header may overflow its limit (the caller's business).
 */
void reader_input(struct reader *, const char *bytes, size_t n, struct buffer *header, struct buffer *body);
/* The input is over. */
void reader_end(struct reader *, struct buffer *header, struct buffer *body);

#endif

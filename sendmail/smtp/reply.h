/*
 * Push parser for server replies (RFC 5321 4.2): any bytes in, one event a
 * line out. Whatever a server sends, memory is bounded and nothing is trusted.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "message/envelope.h"

enum {
	REPLY_LINE_MAX = 12288, /* without its line end: the longest challenge of RFC 4954 section 4 */
	REPLY_LINES_MAX = 10000, /* of one reply */
};

enum reply_event {
	REPLY_NOTHING, /* all bytes taken, no line complete */
	REPLY_LINE, /* a line; more of the same reply follow */
	REPLY_END, /* the last line: `reply` is complete */
	REPLY_BROKEN, /* no SMTP; `fault` says why. Nothing more can be parsed */
};

struct reply_parser {
	struct buffer line; /* the latest one, without its line end */
	unsigned lines; /* of the current reply, the latest included */
	struct reply reply; /* of all its lines, joined and cut */
	const char *fault;
	bool ended; /* the line is complete: the next byte begins another */
	bool complete; /* so is the reply */
};

void reply_init(struct reply_parser *);
void reply_free(struct reply_parser *);
/* Takes bytes up to and including one line end, moving *bytes and *n past them. */
enum reply_event reply_input(struct reply_parser *, const char **bytes, size_t *n);
/* The latest line behind its code; terminated. */
const char *reply_line_text(struct reply_parser *);

#endif

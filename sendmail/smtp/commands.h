/*
 * Inside of the SMTP server: what its parser (server.c) and its commands
 * (commands.c) share. Nobody else includes this.
 */
#ifndef SMTP_COMMANDS_H
#define SMTP_COMMANDS_H

#include "base/buffer.h"
#include "smtp/server.h"

/* What the next byte belongs to. */
enum server_phase {
	SERVING_COMMANDS,
	SERVING_DATA,
	SERVING_CHUNK,
	SERVING_ANSWER, /* nothing: the owner has the word */
	SERVING_OVER,
};

/* Where in a line of DATA. */
enum server_place { LINE_START, LINE_DOT, LINE_DOT_CR, LINE_TEXT, LINE_CR };

struct server {
	const struct server_options *options;
	enum server_phase phase;
	struct buffer line; /* the command line so far */
	size_t line_length; /* of all of it, also what was not kept */
	bool lf_only; /* the latest command line ended in LF alone */
	unsigned garbage; /* commands in a row that were none */
	struct buffer output, body;
	struct server_order order;
	bool mail; /* MAIL was accepted */
	bool chunked; /* BDAT was */
	bool failed; /* a chunk was refused: only the end of the transaction helps (RFC 3030 section 2) */
	bool begun; /* SERVER_BEGIN was told, but not yet END or DROPPED */
	bool begin, drop; /* to be told next */
	uint64_t size; /* of the message so far */
	enum server_place place;
	uint64_t chunk; /* bytes of it to come */
	bool last; /* it is the last one */
	bool wanted; /* it is kept, and answered with 250 */
	struct reply answer; /* otherwise */
};

/* Runs one command line (terminated, no line end) and puts its reply, if it has one at once, into the output. */
void server_command(struct server *, char *line);
/* Appends "CODE ENHANCED TEXT"; an empty enhanced code is left out. */
void server_reply(struct server *, int code, const char *enhanced, const char *text);
/* Forgets the transaction; a message that has begun is dropped. */
void server_reset(struct server *);
/* Reply to the end of a chunk that is not the last one, or was refused. */
void server_end_chunk(struct server *);

#endif

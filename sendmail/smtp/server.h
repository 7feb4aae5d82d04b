/*
 * The SMTP server side (RFC 5321, in the manner of RFC 6409): bytes in, replies
 * and events out. Pure: it holds no descriptor; whoever owns it moves the bytes,
 * keeps the message and answers for it.
 *
 * The client is the caller of this program and trusted with nothing but his own
 * mail. Lines end in CRLF or LF; HELO, EHLO or neither comes before MAIL; he may
 * speak before the greeting and send any number of commands without waiting.
 *
 * What ends DATA is decided by the line that said DATA: after "DATA\r\n" only
 * CRLF "." CRLF, so that no line of a message with LF or CR around its dots ends
 * it early; after "DATA\n" a line "." that ends in LF or CRLF. Dots are taken off
 * where these lines begin; everything else goes on as it came.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/envelope.h"

enum {
	SERVER_LINE_MAX = 12288, /* of a command, without its line end */
	SERVER_GARBAGE_MAX = 20, /* commands in a row that are none; the last one ends the session */
	SERVER_ENDLESS = 1 << 20, /* bytes of one command line, swallowed, after which the session ends */
	SERVER_FLIGHT_MAX = 65536, /* bytes of replies after which no further command is taken */
};

/* Everything is borrowed and must outlive the server. */
struct server_options {
	const char *host; /* what this machine is called */
	uint64_t max_message; /* bytes */
};

enum server_event {
	SERVER_NOTHING, /* all bytes were taken */
	SERVER_FLUSH, /* write the replies out first */
	SERVER_BEGIN, /* a message begins: server_order() */
	SERVER_BODY, /* bytes of it: server_body() */
	SERVER_END, /* it is complete: server_accept() or server_refuse(), until then nothing else is taken */
	SERVER_DROPPED, /* what began will not end: too large, or given up by the client */
	SERVER_QUIT, /* the session is over once the replies are written */
};

/* What MAIL and RCPT said. Valid from SERVER_BEGIN until SERVER_END is answered, or SERVER_DROPPED. */
struct server_order {
	char *sender; /* wire form, maybe a bare name; "" is the null sender */
	char **recipients; /* wire form or bare names, in the order of RCPT */
	size_t count, room;
	unsigned notify; /* NOTIFY_ bits: of all recipients alike; 0: not said */
	char ret; /* 'F', 'H'; 0: not said */
	char *envid; /* decoded; NULL: none */
	bool utf8; /* SMTPUTF8 (RFC 6531) */
};

struct server;

/* The greeting is in the output at once; refusal, when not NULL, is one (421) and ends the session. */
struct server *server_new(const struct server_options *, const struct reply *refusal);
void server_free(struct server *); /* NULL is fine */

/* Takes bytes up to the next event, moving *bytes and *n past them. Any bytes at all are safe. */
enum server_event server_input(struct server *, const char **bytes, size_t *n);
const struct server_order *server_order(const struct server *);
/* The bytes of SERVER_BODY, dots taken off, line ends as they came; valid until the next server_input(). */
const char *server_body(const struct server *, size_t *n);

/* Answers SERVER_END: it is safe, under this id. */
void server_accept(struct server *, const char *id);
/* The same: it is not. code 4xx or 5xx, enhanced code and text set. */
void server_refuse(struct server *, const struct reply *);

/* The replies to write; server_sent() when they went. */
const char *server_output(const struct server *, size_t *n);
void server_sent(struct server *, size_t n);

#endif

/*
 * The inside of the client engine, shared by smtp.c (the session), auth.c (the
 * login) and transaction.c (the mail); nobody else includes it.
 */
#ifndef SMTP_ENGINE_H
#define SMTP_ENGINE_H

#include "base/buffer.h"
#include "message/outgoing.h"
#include "smtp/capability.h"
#include "smtp/login.h"
#include "smtp/reply.h"
#include "smtp/smtp.h"

enum {
	COMMAND_MAX = 998, /* of a command line without CRLF; longer arguments are refused */
	FLIGHT_MAX = 4 * SMTP_BLOCK, /* unsent bytes above which nothing is added */
	CHUNK_MAX = 2 * (OUTGOING_GROWTH * SMTP_BLOCK + OUTGOING_HELD), /* the last block, and the end */
	OUTPUT_MAX = FLIGHT_MAX + CHUNK_MAX + SMTP_BLOCK,
	EAGER_MAX = 65536, /* a larger message waits for the answers to RCPT before its first chunk */
};

enum verb {
	VERB_GREETING, /* what the server says unasked counts as an answer, too */
	VERB_EHLO,
	VERB_HELO,
	VERB_STARTTLS,
	VERB_AUTH,
	VERB_RSET,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_END, /* the dot */
	VERB_CHUNK,
	VERB_LAST_CHUNK,
};

/* What is sent next for a message. */
enum stage {
	STAGE_NONE, /* there is no message */
	STAGE_RESET,
	STAGE_SENDER,
	STAGE_RECIPIENTS,
	STAGE_DATA,
	STAGE_GO_AHEAD, /* nothing: the answer to DATA is due */
	STAGE_BODY,
	STAGE_SENT, /* nothing: answers are due */
};

/* Of a recipient within its transaction. */
enum fate {
	CLOSED,
	WAITING, /* for one of the next transactions */
	OPEN,
	ACCEPTED,
	FATES,
};

struct transaction {
	struct envelope *envelope; /* borrowed */
	unsigned char *fates; /* owned; one enum fate a recipient */
	size_t tally[FATES]; /* how many have this fate */
	size_t next; /* recipient to be named next */
	uint64_t offset; /* of the next block of the message */
	enum stage stage;
	bool utf8; /* it uses SMTPUTF8 */
	struct outgoing_options form; /* of the message on this wire */
	struct outgoing *outgoing; /* owned; NULL until the message begins */
};

/* A command sent, or about to be, and not yet answered. */
struct command {
	enum verb verb;
	struct transaction *transaction;
	size_t recipient; /* of RCPT */
	uint64_t end; /* where it ends among all bytes ever put out */
};

struct fifo {
	struct command *ring; /* owned */
	size_t head, count, room;
};

enum phase {
	PHASE_LOGIN, /* greeting to AUTH: one command at a time */
	PHASE_SECURE, /* TLS handshake wanted */
	PHASE_READY, /* transactions */
	PHASE_OVER, /* finished or failed; QUIT may be left to write */
};

struct smtp {
	const struct smtp_options *options;
	enum phase phase;
	bool secure; /* STARTTLS was done */
	bool quitting; /* no further message */
	bool quit_sent;
	bool unclean; /* the server holds a transaction that needs RSET */
	bool response_owed; /* AUTH went without its initial response */
	struct fifo pending;
	struct reply_parser parser;
	struct capabilities server;
	struct login login;
	bool cancelled; /* '*' was said */
	struct buffer secrets; /* how all begins that no reply may quote; see auth.c */
	struct transaction mail;
	uint64_t mails; /* MAIL commands sent */
	struct buffer line; /* the command being formatted */
	struct buffer chunk; /* the BDAT chunk being made */
	struct buffer output;
	size_t sent; /* bytes of output that went */
	uint64_t written; /* bytes that ever went */
	unsigned long step;
	struct smtp_failure failure;
};

/* Puts s->line out as a command to be answered; false when it cannot be sent. */
bool smtp_command(struct smtp *, enum verb, size_t recipient);
/* The same for a line that holds a secret, traced as shown, answered like AUTH. The line is wiped. */
bool smtp_secret(struct smtp *, size_t limit, const char *shown);
/* Puts n bytes out; smtp_expect() then says which answer they are due. */
void smtp_expect(struct smtp *, enum verb, size_t recipient);
void smtp_trace(const struct smtp *, bool from_server, const char *line);
/* True while another command may be put out: this is all there is to pipelining. */
bool smtp_may_send(const struct smtp *);
void smtp_say_quit(struct smtp *);
/* Ends the session. */
void smtp_fail(struct smtp *, enum smtp_trouble, const struct reply *);
/* The same in our own words. */
void smtp_fail_with(struct smtp *, enum smtp_trouble, const char *text);
/* The same: "the server sent WHAT: what it said". */
void smtp_protocol(struct smtp *, const char *what, const struct reply *);

/* The sender's address on this wire. */
const char *form_sender(const struct smtp *, const struct envelope *);
/* True when an address can be written in a command; utf8: of a transaction with SMTPUTF8. */
bool form_sendable(const char *address, bool utf8);
/* Refuses the recipients that only SMTPUTF8 could serve when the server does not offer it. */
void form_refuse(const struct smtp *, struct envelope *);
/* Decides what becomes of the message in the transaction that begins; its OPEN recipients stand. */
void form_decide(struct smtp *);
/* True when the server takes what the sender wants of reports (RFC 3461). */
bool form_passes_wishes(const struct smtp *);
/* Appends the parameters of RCPT to the line. */
void form_wishes(struct smtp *, const char *address);
/* Appends the parameters of MAIL to the line. */
void form_parameters(struct smtp *);

/* Begins the best login that is offered and allowed. */
void auth_begin(struct smtp *);
/* Makes a secret that the server quotes in the latest line unreadable, in the reply, too; true when it did. */
bool auth_mask(struct smtp *);

/* Puts out whatever may be sent now. */
void mail_advance(struct smtp *);
/* The session failed: everybody undecided stays deferred with this reply. */
void mail_abandon(struct smtp *, enum smtp_trouble, const struct reply *);
/* The server refused the message before it had all of it. */
void mail_refuse(struct smtp *, const struct reply *);
void mail_end(struct smtp *);

/* What the answers mean: one function a verb. */
void answer_auth(struct smtp *, const struct command *, const struct reply *);
void answer_reset(struct smtp *, const struct command *, const struct reply *);
void answer_mail(struct smtp *, const struct command *, const struct reply *);
void answer_recipient(struct smtp *, const struct command *, const struct reply *);
void answer_data(struct smtp *, const struct command *, const struct reply *);
void answer_end(struct smtp *, const struct command *, const struct reply *);
void answer_chunk(struct smtp *, const struct command *, const struct reply *);

#endif

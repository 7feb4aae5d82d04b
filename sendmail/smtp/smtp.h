/*
 * The SMTP client engine (RFC 5321, 6409): bytes in, bytes out. Pure: it holds
 * no descriptor and knows no clock; whoever owns the connection moves the bytes
 * and does what smtp_want() asks.
 *
 * Its heart is a FIFO of commands sent and not yet answered. Several envelopes
 * may be handed in one after another on the same session; verdicts are written
 * into them as answers arrive.
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/envelope.h"

enum smtp_tls {
	SMTP_TLS_IMPLICIT, /* TLS stands before the engine is made: its owner's business */
	SMTP_TLS_STARTTLS, /* required: nothing but EHLO and STARTTLS goes in clear */
	SMTP_TLS_NONE,
};

/* Bits of smtp_options.mechanisms; SMTP_AUTH_AUTO allows all, the engine picks the best offered. */
enum {
	SMTP_AUTH_PLAIN = 1,
	SMTP_AUTH_LOGIN = 2,
	SMTP_AUTH_CRAM_MD5 = 4,
	SMTP_AUTH_DIGEST_MD5 = 8,
	SMTP_AUTH_SCRAM_SHA_1 = 16,
	SMTP_AUTH_SCRAM_SHA_256 = 32,
	SMTP_AUTH_EXTERNAL = 64,
	SMTP_AUTH_XOAUTH2 = 128,
	SMTP_AUTH_OAUTHBEARER = 256,
	SMTP_AUTH_AUTO = 0xffff,
};

/* Everything is borrowed and must outlive the engine. */
struct smtp_options {
	const char *helo; /* argument of EHLO */
	enum smtp_tls tls;
	const char *user; /* NULL: no login, or none but EXTERNAL */
	const char *password; /* with user; NULL: none */
	const char *token; /* OAuth access token, with user; NULL: none */
	bool certificate; /* a client certificate is shown: EXTERNAL is possible */
	/*
	 * For SCRAM and DIGEST-MD5, which are not possible without (NULL): 16 to 64
	 * printable characters, no comma, no quote, unforeseeable, new for each session.
	 */
	const char *nonce;
	const char *host, *port; /* told in OAUTHBEARER, host also in DIGEST-MD5; NULL: left out, or localhost */
	unsigned mechanisms;
	const char *provider; /* of the preset, for explain.h; NULL: not known */
	uint64_t max_size; /* bytes of a message that the smarthost takes, whatever it says; 0: what it says */
	const struct sender_rule *senders; /* NULL: every sender may stay */
	const char *fields; /* put before each message's own header, LF ends; NULL: none */
	unsigned recipients_per_message; /* more are named in further transactions; 0: as many as the server takes */
	unsigned messages_per_connection; /* transactions after which no further message is taken; 0: no limit */
	unsigned timeout; /* seconds for an answer (RFC 5321 4.5.3.2 gives 300) */
	unsigned final_timeout; /* seconds for the answer to the end of the message (600) */
	/* May be NULL. One line of the dialogue without CRLF, secrets already replaced; from_server or ours. */
	void (*trace)(void *context, bool from_server, const char *line);
	void *trace_context;
};

/* What the engine needs now; bits. */
enum {
	SMTP_READ = 1, /* bytes from the server: smtp_input() */
	SMTP_WRITE = 2, /* smtp_output() has bytes */
	SMTP_SECURE = 4, /* do the TLS handshake now, then smtp_secured() */
	SMTP_IDLE = 8, /* ready for smtp_mail(); no more once the limit of messages is reached */
	SMTP_BODY = 16, /* smtp_body() wanted for the current envelope */
	SMTP_DONE = 32, /* nothing more to do: close. smtp_failure() tells whether the smarthost is in trouble */
};

/* Why a session ended early. These are the smarthost's trouble, not the message's. */
enum smtp_trouble {
	SMTP_OK,
	SMTP_CONNECTION, /* lost, timed out: set through smtp_lost() */
	SMTP_REFUSED, /* greeting or EHLO refused, 421 */
	SMTP_NO_TLS, /* STARTTLS not offered or refused */
	SMTP_INJECTED, /* bytes behind the answer to STARTTLS (CVE-2011-0411) */
	SMTP_NO_LOGIN, /* no common mechanism, or AUTH not offered */
	SMTP_LOGIN, /* login refused; also 530 to MAIL */
	SMTP_ACCOUNT, /* the account may send no more for now */
	SMTP_PROTOCOL, /* answers that are no SMTP */
};

struct smtp_failure {
	enum smtp_trouble trouble;
	const char *step; /* "greeting", "EHLO", "AUTH", "MAIL FROM", "RCPT TO", "DATA", "end of message", ... */
	struct reply reply; /* what was said, or code 0 and our own words */
};

struct smtp;

struct smtp *smtp_new(const struct smtp_options *);
void smtp_free(struct smtp *); /* NULL is fine; wipes secrets */

/* Hands over bytes that came from the server. Any bytes at all are safe. */
void smtp_input(struct smtp *, const char *bytes, size_t n);
/* What to write; valid until the next call. */
const char *smtp_output(struct smtp *, size_t *n);
/* How much of it went; to be told before the smtp_input() or smtp_lost() that followed it. */
void smtp_sent(struct smtp *, size_t n);
unsigned smtp_want(const struct smtp *);
/* TLS stands and the certificate was verified. */
void smtp_secured(struct smtp *);

/*
 * Begins a transaction (only when SMTP_IDLE). The envelope is borrowed until
 * every recipient that was DEFERRED has its verdict or the session is over.
 * Recipients that are not DEFERRED are left out. SIZE (RFC 1870) and 8BITMIME
 * (RFC 6152) are judged from envelope->facts.
 *
 * More recipients than one transaction may have, by our limit, by the server's
 * (RFC 9422) or by its answers (RFC 5321 4.5.3.1.10), are named in further ones:
 * then the message is wanted anew from its start, see smtp_body_offset().
 */
void smtp_mail(struct smtp *, struct envelope *);
/*
 * The message in stored form (LF line ends), in blocks of at most SMTP_BLOCK
 * bytes, only while smtp_want() has SMTP_BODY; last with the final block, which
 * may be empty. Becomes BDAT chunks (RFC 3030) or DATA with dots doubled. Every
 * message must end in LF.
 */
enum { SMTP_BLOCK = 16384 };
void smtp_body(struct smtp *, const char *bytes, size_t n, bool last);
/* Where in the message the block that is wanted begins. */
uint64_t smtp_body_offset(const struct smtp *);
/* No further message will come: QUIT travels with the last flight. */
void smtp_quit(struct smtp *);

/* The connection is gone (or must go); why is our own text. Ends the session. */
void smtp_lost(struct smtp *, const char *why);

/* Seconds the server has for the answer that is waited for; counts anew when smtp_step() changes. */
unsigned smtp_timeout(const struct smtp *);
/* Changes whenever another answer is waited for. */
unsigned long smtp_step(const struct smtp *);
/* Name of the step being waited for, for "no answer to STEP". */
const char *smtp_step_name(const struct smtp *);
/* What went wrong with the session; trouble SMTP_OK while nothing did. */
const struct smtp_failure *smtp_failure(const struct smtp *);

#endif

/*
 * A session with one smarthost: the pump that moves bytes between engine and
 * connection, feeds the message, watches the deadlines, and puts into words
 * what went wrong.
 */
#ifndef DELIVERY_SESSION_H
#define DELIVERY_SESSION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "config/config.h"
#include "network/connection.h"
#include "queue/queue.h"

/* The smarthost's trouble, not the message's: decides the exit status without a queue. */
enum trouble_kind {
	TROUBLE_NONE,
	TROUBLE_HOST, /* unknown */
	TROUBLE_SERVICE, /* unreachable, lost, refuses everybody, TLS */
	TROUBLE_LOGIN,
	TROUBLE_PROTOCOL,
	TROUBLE_SYSTEM, /* ours: no descriptor, no CA store */
};

struct trouble {
	enum trouble_kind kind;
	bool everybody; /* the next message would fare no better: login, account, refusal of service */
	bool unreachable; /* nothing answered at this port: another one may */
	bool secret_refused; /* the smarthost was shown this secret and said no: another one may do */
	int64_t least_pause; /* seconds for which another try is known to be useless */
	struct reason reason; /* "host:port step: what was said; what to do" */
};

/* Everything borrowed, for as long as the session lives. */
struct session_hooks {
	void (*trace)(void *context, bool from_server, const char *line); /* NULL: silent */
	void *trace_context;
	struct patience *patience; /* NULL: endless */
};

/* Everything borrowed, for as long as the session lives. */
struct session_options {
	const struct smarthost *smarthost;
	const char *port; /* one of the smarthost's */
	const char *secret; /* password or token; NULL: none */
	unsigned connect_timeout; /* seconds for all addresses of this port */
	const struct sender_rule *senders; /* of message/outgoing.h */
	const struct session_hooks *hooks;
};

struct session;

/* Connects, secures, logs in. Never NULL; session_usable() tells whether a message can be handed in. */
struct session *session_open(const struct session_options *);
bool session_usable(const struct session *);
/*
 * Sends one message: when it returns, verdicts and replies stand in
 * entry->envelope; whoever is undecided is DEFERRED with the reason as its
 * reply. last: no other message follows, QUIT travels with its end.
 */
void session_send(struct session *, struct entry *, bool last);
/* TROUBLE_NONE while all is well. */
const struct trouble *session_trouble(const struct session *);
/* Says QUIT if the session still stands, closes. NULL is fine. */
void session_close(struct session *);

#endif

/*
 * Reports to the sender (RFC 3464): failed, delayed, delivered. A report is a
 * message of the queue like any other, with the null sender.
 */
#ifndef DELIVERY_BOUNCE_H
#define DELIVERY_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "queue/queue.h"

enum report_kind { REPORT_FAILED, REPORT_DELAYED, REPORT_DELIVERED };

/* What a report needs to know beside the message. Everything borrowed. */
struct reporter {
	struct queue *queue;
	const char *host;      /* Reporting-MTA */
	const char *domain;    /* of MAILER-DAEMON's address and the Message-ID */
	const char *from;      /* address that From must have (forced), or NULL */
	const char *bounce_to; /* who gets reports whose sender is null or says so; NULL: the envelope sender */
	const char *smarthost; /* "host:port", as named to people */
	int64_t now;           /* seconds since 1970 */
	int zone;              /* minutes east of UTC */
	int64_t lifetime;      /* seconds: until when a delayed message is tried */
};

enum report_result {
	REPORT_STORED, /* durable in the queue */
	REPORT_UNWANTED, /* NOTIFY or -oe says that nobody wants it: fine */
	REPORT_IMPOSSIBLE, /* a report about a report, or no address: keep the message in .Failed/ */
	REPORT_ERROR, /* could not be stored; reason says why */
};

/*
 * Stores a report about the recipients of the entry's envelope whose verdict is
 * FAILED (DEFERRED, DELIVERED for the other kinds). The human part says what
 * happened, to whom, what the server said and what to do; then message/delivery-status;
 * then the returned headers (or the whole message with RET=FULL, at most 1 MiB of it).
 */
enum report_result report_store(const struct reporter *, const struct entry *, enum report_kind, struct reason *);

#endif

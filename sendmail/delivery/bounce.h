/*
 * Reports to the sender (RFC 3464): failed, delayed, held, delivered. A report
 * is a message of the queue like any other, with the null sender.
 */
#ifndef DELIVERY_BOUNCE_H
#define DELIVERY_BOUNCE_H

#include <stdint.h>

#include "base/buffer.h"
#include "message/report.h"
#include "queue/queue.h"

/* What a report needs to know beside the message. Everything borrowed. */
struct reporter {
	struct queue *queue;
	const char *host; /* Reporting-MTA */
	const char *domain; /* of MAILER-DAEMON's address and the Message-ID */
	const char *from; /* address that From must have (forced), or NULL */
	const char *bounce_to; /* who gets all reports in place of the envelope sender; NULL: the sender */
	const char *smarthost; /* "host:port", as named to people; NULL: not known */
	int64_t now; /* seconds since 1970 */
	int zone; /* minutes east of UTC */
	int64_t lifetime; /* seconds: until when a delayed message is tried */
};

enum report_result {
	REPORT_STORED, /* durable in the queue */
	REPORT_UNWANTED, /* NOTIFY says that nobody wants it: fine */
	REPORT_IMPOSSIBLE, /* the message has no sender: it is a report itself; keep it in .Failed/ */
	REPORT_ERROR, /* could not be stored; reason says why */
};

/*
 * Stores a report about the recipients whose verdict is that of the kind; at
 * least one has it, and the caller remembers who was told of already. The
 * entry's file is read, so this comes before entry_remove() and entry_fail().
 */
enum report_result report_store(const struct reporter *, const struct entry *, enum report_kind, struct reason *);

#endif

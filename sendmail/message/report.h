/*
 * The text of a report to a sender (RFC 3464, RFC 6522): for people first, then
 * for programs, then the message it is about. Whatever came from outside is
 * made printable here, and no line is longer than SMTP allows. Pure.
 */
#ifndef MESSAGE_REPORT_H
#define MESSAGE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "message/envelope.h"

struct buffer;

/* Each is about the recipients with one verdict. */
enum report_kind {
	REPORT_FAILED, /* FAILED */
	REPORT_DELAYED, /* DEFERRED */
	REPORT_HELD, /* DEFERRED; it may have arrived, and is not tried again before a person decides */
	REPORT_DELIVERED, /* DELIVERED */
};

enum {
	REPORT_MAX = (4 << 20) - 1, /* bytes of a report; more than the following can give */
	REPORT_RECIPIENTS_MAX = 1000, /* so many are listed, the others counted */
	RETURNED_HEADER_MAX = 1 << 18, /* bytes */
	RETURNED_BODY_MAX = 1 << 19,
};

/* Everything borrowed. */
struct report {
	enum report_kind kind;
	const char *id; /* of this report: letters and digits that nobody could foresee */
	const char *host; /* which machine reports */
	const char *domain; /* of the Message-ID, and of MAILER-DAEMON when from is NULL */
	const char *from;
	const char *to;
	const char *smarthost; /* "host:port"; NULL: not known any more */
	int64_t now, until; /* seconds since 1970; until: when a delayed message is given up */
	int zone; /* minutes east of UTC */
	const struct envelope *envelope; /* of the message; at least one recipient has the verdict of the kind */
	/* The meaning of a reply, and what to do about it: clauses without a full stop. */
	void (*explain)(const struct reply *, const char **meaning, const char **cure);
	/* The domain that a mistyped address was meant to have, NULL when there is no guess. */
	const char *(*meant)(const char *address);
	/* The message, with LF ends. A body NULL, or one that mail cannot carry as it is: only the header is returned.
	 */
	const char *header, *body;
	size_t header_length, body_length; /* at most RETURNED_HEADER_MAX, RETURNED_BODY_MAX */
};

/* Appends the report, header and body, with LF ends. */
void report_write(const struct report *, struct buffer *out);

#endif

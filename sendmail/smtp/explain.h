/*
 * What a refusal means, in words for people, and what they can do about it.
 */
#ifndef SMTP_EXPLAIN_H
#define SMTP_EXPLAIN_H

#include <stdbool.h>

#include "message/envelope.h"

/* Whom or what a refusal is about. */
enum refusal_class {
	REFUSAL_OTHER,
	REFUSAL_MAILBOX, /* there is no such recipient */
	REFUSAL_FULL, /* there is, but it takes no mail now */
	REFUSAL_SENDER,
	REFUSAL_SIZE,
	REFUSAL_POLICY,
};

/* Which replies, and their meaning. The texts are clauses: no capital, no full stop. */
struct refusal {
	const char *enhanced; /* of RFC 3463; all below it when it ends with '.'; "": no enhanced code */
	int code; /* one digit: all codes that begin with it; 0: any */
	enum refusal_class class;
	const char *meaning;
	const char *cure;
};

/* The row for a reply: never NULL, constant. */
const struct refusal *explain_reply(const struct reply *);

/*
 * True when a refusal speaks of what our account may send, whatever its code:
 * it then holds for every message, and none is to blame.
 */
bool reply_is_account_limit(const struct reply *);

#endif

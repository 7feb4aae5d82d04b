/*
 * What a refusal means, in words for people, what they can do about it, and
 * what the program does. The class of a code is only a rule of thumb: providers
 * answer 550 to a limit of the day, 535 to too many connections, 451 to a bill
 * that was not paid. So the words count first, then the provider, the enhanced
 * code, the code; only then its class.
 */
#ifndef SMTP_EXPLAIN_H
#define SMTP_EXPLAIN_H

#include <stddef.h>

#include "message/envelope.h"

/* Where in the session a reply came. */
enum smtp_step {
	STEP_ANY, /* not known: a reply that was stored */
	STEP_GREETING,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_END,
};

/* Whom or what a refusal is about. */
enum refusal_class {
	REFUSAL_OTHER,
	REFUSAL_MAILBOX, /* there is no such recipient */
	REFUSAL_FULL, /* there is, but it takes no mail now */
	REFUSAL_SENDER,
	REFUSAL_SIZE,
	REFUSAL_POLICY,
	REFUSAL_LOGIN, /* who we are: no, a wrong or a lost login */
	REFUSAL_ACCOUNT, /* what the account may do: limits, verification, standing */
};

/* What becomes of the mail once MAIL was said; a refusal before that always is the smarthost's trouble. */
enum refusal_action {
	ACTION_BY_CODE, /* 4xx: kept and tried again; 5xx: refused for good */
	ACTION_RETRY, /* kept, whatever the code */
	ACTION_PAUSE, /* no message is to blame: all wait until the smarthost is asked again */
	ACTION_SPLIT, /* the recipient is named again in the next transaction */
};

/*
 * Which replies, and their meaning. The texts are clauses: no capital, no full
 * stop. text: what the reply must hold, with '*' for anything between, '|'
 * between alternatives. A row for some providers, or for some steps after the
 * login, that has a text also holds where provider or step are not known: the
 * words tell.
 */
struct refusal {
	const char *provider; /* part of a preset's name, '|' between several; NULL: any */
	unsigned steps; /* AT_ bits; 0: any */
	int code; /* one digit: all codes that begin with it; 0: any */
	const char *enhanced; /* of RFC 3463; all below it when it ends with '.'; NULL: any; "": must have none */
	const char *text; /* NULL: any */
	enum refusal_class class;
	enum refusal_action action;
	unsigned pause; /* seconds before which asking again is of no use; 0: not known */
	const char *meaning;
	const char *cure; /* what to do: a configuration key, a page of the provider */
};

enum {
	AT_GREETING = 1 << STEP_GREETING,
	AT_EHLO = 1 << STEP_EHLO,
	AT_STARTTLS = 1 << STEP_STARTTLS,
	AT_AUTH = 1 << STEP_AUTH,
	AT_MAIL = 1 << STEP_MAIL,
	AT_RCPT = 1 << STEP_RCPT,
	AT_DATA = 1 << STEP_DATA,
	AT_END = 1 << STEP_END,
	AT_OPENING = AT_GREETING | AT_EHLO | AT_STARTTLS,
	AT_MESSAGE = AT_MAIL | AT_RCPT | AT_DATA | AT_END,
	AT_CONTENT = AT_DATA | AT_END,
};

enum { REFUSAL_TEXT_MAX = 64 }; /* of one alternative of a row's text */

/* The rows in the order in which they are asked; the first that fits counts. Each list ends with a meaning of NULL. */
extern const struct refusal refusals_by_provider[]; /* explain_provider.c: what only one provider says */
extern const struct refusal refusals_by_text[]; /* explain_text.c: what anybody says */
extern const struct refusal refusals_by_code[]; /* explain_code.c */

/*
 * The row for a reply: never NULL, constant. provider: of the smarthost's
 * preset, NULL when it has none or is not known.
 */
const struct refusal *explain_reply(const char *provider, enum smtp_step, const struct reply *);
/* The verdict for whom the reply is about: FAILED only when nothing hints at a later success. */
enum verdict refusal_verdict(const struct refusal *, const struct reply *);
/* What the program does after such a reply, a clause. */
const char *refusal_outcome(const struct refusal *, enum smtp_step, const struct reply *);

/*
 * The step that is called so by people or by the engine ("mail", "MAIL FROM",
 * "end of message"), ASCII case ignored; STEP_ANY for any other name.
 */
enum smtp_step step_named(const char *name);

#endif

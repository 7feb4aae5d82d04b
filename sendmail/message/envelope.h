/*
 * The envelope: who sends, who receives, what became of each recipient, and
 * the facts of the stored message that SMTP must know before MAIL.
 */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/utf8.h"

enum {
	RECIPIENTS_MAX = 10000,
	ADDRESS_MAX = 320, /* local part, '@' and domain: RFC 5321 4.5.3.1 with room for long local parts */
	REPLY_TEXT_MAX = 400,
	ID_MAX = 24,
};

/* Of one recipient. Zero is DEFERRED, so that forgetting to decide is safe. */
enum verdict { DEFERRED, DELIVERED, FAILED };

/* What a server (or we, with code 0) said. Text is one printable line. */
struct reply {
	int code; /* RFC 5321 4.2; 0: no reply, text says what happened instead */
	char enhanced[12]; /* RFC 3463, "5.1.1"; empty when there was none */
	char text[REPLY_TEXT_MAX];
};

struct recipient {
	char *address; /* owned; wire form without brackets */
	uint32_t hash; /* of the address, for finding duplicates */
	enum verdict verdict;
	struct reply reply;
};

/* Of header and body together, in the form they will have on the wire. */
struct facts {
	uint64_t size; /* bytes with CRLF line ends, without dot stuffing (RFC 1870) */
	uint64_t lines; /* complete lines seen */
	size_t longest_line; /* bytes without its line end */
	bool eight_bit; /* a byte above 0x7f was seen */
	bool not_utf8; /* and not all of them so far are UTF-8 */
	size_t line_length; /* of the line being counted */
	struct utf8 utf8; /* the character being counted */
};

/* What the sender wants to be told (RFC 3461 4.1); bits, none: failure and delay. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
/* "never" alone, or a list of the other words with commas, in any case; 0 when one of them is wrong. */
unsigned notify_bits(const char *words);

struct envelope {
	char id[ID_MAX];
	int64_t birth; /* seconds since 1970 */
	unsigned long uid; /* who submitted it */
	char *sender; /* owned; wire form, "" is the null sender */
	char *message_id; /* owned; with its angle brackets, for the log; may be "" */
	struct recipient *recipients; /* owned */
	size_t count;
	size_t room;
	struct facts facts;
	/* The connection broke between final dot and answer: a retry may deliver twice. */
	bool maybe_sent; /* in this try */
	unsigned doubts; /* tries before this one that ended so; 0 to 9 */
	unsigned crashes; /* tries that never came to their end: the process died; 0 to 9 */
	bool delay_told; /* the sender was told once that it takes long */
	unsigned notify; /* NOTIFY_ bits */
	char ret; /* 'F' full, 'H' headers: how much of the message a report returns; 0: not said */
	char *envid; /* owned; as the caller gave it, for reports; NULL: none */
	bool wishes_passed; /* the smarthost took notify, ret and envid over in this try: it reports success, not we */
};

void envelope_init(struct envelope *);
void envelope_free(struct envelope *);
/*
 * Adds a recipient (address copied). A duplicate (same local part, same domain
 * but for case) is left out. Returns the recipient (the old one for a
 * duplicate), valid until the next add; NULL when RECIPIENTS_MAX is reached.
 */
struct recipient *envelope_add(struct envelope *, const char *address);
/* How many recipients have this verdict. */
size_t envelope_tally(const struct envelope *, enum verdict);
/* Sets verdict and reply of every recipient that is still DEFERRED. */
void envelope_settle(struct envelope *, enum verdict, const struct reply *);

/* How many bytes the message has in stored form. */
uint64_t facts_stored(const struct facts *);
/* Counts bytes in stored form (LF line ends). */
void facts_add(struct facts *, const char *bytes, size_t n);

/* "550 5.1.1 text", or the text alone when no server said it; cut at size. */
void reply_format(const struct reply *, char *out, size_t size);
/* Fills a reply of our own: code 0 or an SMTP code, text made printable and cut. */
void reply_set(struct reply *, int code, const char *enhanced, const char *text);

#endif

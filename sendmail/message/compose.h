/*
 * From what the caller gave to what is stored: finds the recipients, decides
 * the sender, repairs and completes the header. Pure: clock, id, host and
 * configuration are arguments. The rules are those of sendmail.8, "Message".
 */
#ifndef MESSAGE_COMPOSE_H
#define MESSAGE_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "message/envelope.h"

/* What the command line said. Everything borrowed. */
struct submission {
	const char *const *recipients; /* arguments: each an RFC 5322 address list or a bare name */
	size_t recipient_count;
	bool from_header; /* -t */
	const char *sender; /* -f or -r; NULL: not given; "" and "<>": the null sender */
	const char *full_name; /* -F; NULL: not given; "": no name */
};

/* One alias: a bare name (or "*") and its targets, addresses or bare names. */
struct alias_row {
	const char *name;
	const char *const *targets;
	size_t target_count;
};

/* Who is calling and what the configuration says about names. Everything borrowed. */
struct identity {
	const char *login; /* of the caller; never empty */
	const char *gecos; /* passwd entry, raw; NULL: none */
	const char *name; /* NAME of the environment; NULL: none */
	const char *domain; /* completes bare names */
	const char *host; /* of this machine: Received, Message-ID, and name@host is a bare name */
	const char *from; /* [identity] from: sender of callers that give none, or a bare name; NULL */
	const char *from_name; /* display name of a From that has none; NULL */
	const struct alias_row *aliases;
	size_t alias_count;
	unsigned long uid;
};

/* The moment. */
struct stamp {
	int64_t now; /* seconds since 1970 */
	int zone; /* minutes east of UTC */
	const char *id; /* queue id: Received and Message-ID */
};

enum compose_result {
	COMPOSE_OK,
	COMPOSE_NO_RECIPIENTS, /* exit 64 */
	COMPOSE_BAD_DATA, /* exit 65 */
};

enum { COMPOSED_MAX = (2 << 20) - 1 }; /* bytes of a completed header; with its terminator a power of two */

/*
 * header: the lines that reader.h collected (LF ends, no empty line). Fills
 * envelope (sender, recipients, message_id; an address that cannot be used is a
 * recipient whose verdict is FAILED with code 553) and appends the new header
 * with its closing empty line to out, whose limit is lowered to COMPOSED_MAX. It
 * is ASCII unless an address of the envelope is not: then text that is UTF-8
 * stays. No line of it is longer than TEXT_LINE_MAX.
 * All recipients FAILED is still COMPOSE_OK.
 */
enum compose_result compose(const struct buffer *header, const struct submission *, const struct identity *,
    const struct stamp *, struct envelope *, struct buffer *out, struct reason *);

#endif

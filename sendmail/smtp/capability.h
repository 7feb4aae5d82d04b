/*
 * What a server says it can do: the lines of its answer to EHLO (RFC 5321
 * 4.1.1.1). A keyword is a table row.
 */
#ifndef SMTP_CAPABILITY_H
#define SMTP_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

enum {
	CAN_SIZE = 1, /* RFC 1870 */
	CAN_8BITMIME = 2, /* RFC 6152 */
	CAN_PIPELINING = 4, /* RFC 2920 */
	CAN_SMTPUTF8 = 8, /* RFC 6531 */
	CAN_DSN = 16, /* RFC 3461 */
	CAN_ENHANCED_CODES = 32, /* RFC 2034 */
	CAN_CHUNKING = 64, /* RFC 3030 */
	CAN_STARTTLS = 128, /* RFC 3207 */
	CAN_AUTH = 256, /* RFC 4954 */
};

struct capabilities {
	unsigned bits;
	uint64_t size; /* largest message in bytes; 0: not limited, here and below */
	/* RFC 9422. RCPTDOMAINMAX is not honoured: 452 in good time does what it wants. */
	uint64_t recipients; /* RCPT commands of a transaction; also lowered by what the server answers */
	uint64_t mails; /* MAIL commands of a session */
	unsigned mechanisms; /* SMTP_AUTH_ bits */
	char logins[100]; /* names of all mechanisms offered, for messages */
};

/* Takes one line behind its code; the first line, which names the server, is none. */
void capability_add(struct capabilities *, const char *line);

#endif

/*
 * From error numbers and the TLS library's words to a cause and a cure in ours.
 * Pure tables, so that the words of libraries not present can be tested too.
 */
#ifndef NETWORK_EXPLAIN_H
#define NETWORK_EXPLAIN_H

#include <stdbool.h>

enum { CAUSE_MAX = 256 };

struct explanation {
	char cause[CAUSE_MAX]; /* printable */
	const char *cure; /* constant */
	bool certificate; /* the server's certificate was refused */
};

/* From our own words; the formatted cause is made printable. */
struct explanation explain(const char *cure, const char *cause, ...) __attribute__((format(printf, 2, 3)));
/* Why connect() failed. */
struct explanation explain_connect(int error, bool unix_socket);
/* Why TLS failed; text as libtls gave it, NULL allowed. starttls: the server has spoken in plain text before. */
struct explanation explain_tls(const char *text, bool starttls);
/* How an established connection broke; 0 is an end of file. The cure is empty: SMTP knows what it means. */
struct explanation explain_lost(int error);

#endif

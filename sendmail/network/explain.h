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
/* What else is known when TLS fails; the library's words alone can mean several things. */
enum tls_situation {
	TLS_AFTER_PLAIN = 1, /* the server has spoken in plain text before: this is STARTTLS */
	TLS_ANSWERED = 2, /* the server took up the handshake: it sent more than an alert */
	TLS_SHOWED = 4, /* we have a client certificate to show */
	TLS_ONLY_13 = 8, /* tls_min = 1.3 */
};

/* Why TLS failed; text as libtls gave it, NULL allowed; situation: sum of tls_situation. */
struct explanation explain_tls(const char *text, unsigned situation);
/* How an established connection broke; 0 is an end of file. The cure is empty: SMTP knows what it means. */
struct explanation explain_lost(int error);

#endif

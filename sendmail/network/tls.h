/*
 * TLS on a connected, non-blocking descriptor. For connection.c alone; tls.c is
 * the only user of libtls.
 */
#ifndef NETWORK_TLS_H
#define NETWORK_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "network/explain.h"

struct buffer;
struct connection_options;
struct tls_session;

/*
 * Prepares a session on fd, which stays the caller's. verify: chain and name, or
 * the pins instead, are checked in the handshake; without it only
 * tls_session_describe() may follow the handshake. NULL with the reason when
 * the CAs or the client certificate cannot be used. The options are borrowed.
 */
struct tls_session *tls_session_new(int fd, const struct connection_options *, bool verify, struct explanation *);
/* Sends close_notify if that goes at once and politely was asked for. NULL is fine. */
void tls_session_free(struct tls_session *, bool politely);

/*
 * One step each. They add to *events what poll() must wait for when nothing
 * could be done; a read may need POLLOUT and a write POLLIN.
 */
/* 1: done, 0: wait, -1: failed. */
int tls_session_handshake(struct tls_session *, bool after_plain, short *events, struct explanation *);
/* 0: *got or *sent bytes, or wait when that is 0; -1: the connection is lost. */
int tls_session_read(struct tls_session *, char *in, size_t size, size_t *got, short *events, struct explanation *);
int tls_session_write(
    struct tls_session *, const char *out, size_t length, size_t *sent, short *events, struct explanation *);

/* Appends one printable line about the server's certificate. */
void tls_session_describe(struct tls_session *, struct buffer *);

#endif

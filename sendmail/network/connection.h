/*
 * A connection to the smarthost: socket, deadline, TLS. The only user of tls.h.
 *
 * Everything is non-blocking inside; calls that wait take a deadline in
 * milliseconds of clock_milliseconds(). Name and chain of the certificate are
 * always verified before connection_secure() succeeds.
 */
#ifndef NETWORK_CONNECTION_H
#define NETWORK_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Everything is borrowed and must outlive the connection. */
struct connection_options {
	const char *host; /* name, address, or an absolute path of a unix socket */
	const char *port; /* number in text */
	const char *ca_file; /* NULL: none */
	const char *ca_path; /* hashed directory; NULL: none. Both NULL: the system's */
	unsigned address_timeout; /* seconds for one address */
	unsigned connect_timeout; /* seconds for all of them */
};

enum connection_trouble {
	CONNECTION_OK,
	CONNECTION_UNKNOWN_HOST, /* the name does not resolve */
	CONNECTION_UNREACHABLE, /* refused, timed out, no route: every address named in the reason */
	CONNECTION_TLS, /* handshake or certificate */
	CONNECTION_LOST, /* end, reset, error while reading or writing */
	CONNECTION_SYSTEM, /* CA store unreadable, no descriptor */
};

struct connection;

/* Milliseconds of the monotonic clock. */
int64_t clock_milliseconds(void);

/* Tries all addresses in turn. Returns NULL with trouble and reason; in plain text until connection_secure(). */
struct connection *connection_open(const struct connection_options *, enum connection_trouble *, struct reason *);
/* Closes without waiting for the peer. NULL is fine. */
void connection_close(struct connection *);

/*
 * TLS handshake on the open connection with full verification for options.host.
 * 0, or -1 with a reason that names cause and cure in the words of the
 * configuration (tls = starttls, ca_file, ...).
 */
int connection_secure(struct connection *, int64_t deadline, struct reason *);
/*
 * For the explanation after a failed verification only, on a new connection,
 * never followed by anything but connection_close(): a handshake without
 * verification that appends subject, issuer, names and dates of the server's
 * certificate as one printable line. 0, or -1 when even that failed.
 */
int connection_describe(struct connection *, int64_t deadline, struct buffer *);

/*
 * Moves what can be moved now: at most one read into in (size bytes) and writes
 * of out, then waits until the deadline if nothing moved. Returns 1 when bytes
 * moved, 0 when the deadline passed or a signal came, -1 with a reason when the
 * connection is lost. *got and *sent count the bytes. want_read may be false.
 */
int connection_move(struct connection *, bool want_read, char *in, size_t size, size_t *got, const char *out,
    size_t length, size_t *sent, int64_t deadline, struct reason *);

/* The numeric address in use, "192.0.2.1" or "/run/x.sock"; lives as long as the connection. */
const char *connection_address(const struct connection *);

#endif

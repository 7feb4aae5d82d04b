/*
 * A connection to the smarthost: socket, deadline, TLS (through network/tls.h,
 * whose source is the only user of libtls).
 *
 * Everything is non-blocking inside; calls that wait take a deadline in
 * milliseconds of clock_milliseconds(). Name and chain of the certificate, or its
 * pin, are always verified before connection_secure() succeeds.
 */
#ifndef NETWORK_CONNECTION_H
#define NETWORK_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * How long the caller can be kept waiting. When end has passed in any wait here,
 * over() is asked, once: false, and the wait goes on (in a child process, say);
 * true, and all is over for this process: left is set, what waits and whatever
 * is called later fails at once, and connection_close() sends nothing.
 */
struct patience {
	int64_t end; /* of clock_milliseconds() */
	bool (*over)(void *context);
	void *context;
	bool asked;
	bool left;
};

/* Everything is borrowed and must outlive the connection. */
struct connection_options {
	const char *host; /* name, address, or an absolute path of a unix socket */
	const char *port; /* number in text */
	const char *ca_file; /* NULL: none */
	const char *ca_path; /* hashed directory; NULL: none. Both NULL: the system's */
	const char *tls_name; /* name the certificate must carry and SNI; NULL: host */
	int tls_min; /* lowest TLS version: 12 (also 0) or 13 */
	/*
	 * "sha256:" and 64 hex digits in any case, of the DER form of the certificate or
	 * of its public key (SubjectPublicKeyInfo). With pins, one of them must match,
	 * and neither chain nor name count any more.
	 */
	const char *const *pins;
	size_t pin_count;
	const char *client_cert, *client_key; /* PEM files; NULL: none is shown */
	const char *source_address; /* numeric, to connect from; NULL: any */
	int family; /* 0: any, 4 or 6 */
	unsigned address_timeout; /* seconds for one address */
	unsigned connect_timeout; /* seconds for all of them */
	struct patience *patience; /* NULL: endless */
};

enum connection_trouble {
	CONNECTION_OK,
	CONNECTION_UNKNOWN_HOST, /* the name does not resolve */
	CONNECTION_UNREACHABLE, /* refused, timed out, no route: every address named in the reason */
	CONNECTION_TLS, /* handshake or certificate */
	CONNECTION_LOST, /* end, reset, error while reading or writing */
	CONNECTION_SYSTEM, /* no descriptor, source_address is not of this machine */
};

struct connection;

/* Milliseconds of the monotonic clock. */
int64_t clock_milliseconds(void);

/*
 * Tries the addresses, IPv6 and IPv4 in turn, each a quarter of a second after
 * the one before (RFC 8305). NULL with trouble and a reason "host:port: cause
 * (address), ...; cure". In plain text until connection_secure().
 */
struct connection *connection_open(const struct connection_options *, enum connection_trouble *, struct reason *);
/* Closes without waiting for the peer, telling it so if that goes at once. NULL is fine. */
void connection_close(struct connection *);

/*
 * TLS handshake on the open connection with full verification for tls_name or host.
 * 0, or -1 with a reason "cause (address); cure" in the words of the
 * configuration (tls = starttls, ca_file, ...); then nothing moves any more.
 */
int connection_secure(struct connection *, int64_t deadline, struct reason *);
/* True when connection_secure() failed because of the certificate, so that describing it helps. */
bool connection_distrusted(const struct connection *);
/*
 * For the explanation after a failed verification only, on a new connection,
 * never followed by anything but connection_close(): a handshake without
 * verification that appends subject, issuer, names and dates of the server's
 * certificate as one printable line. 0, or -1 when even that failed.
 */
int connection_describe(struct connection *, int64_t deadline, struct buffer *);

/*
 * Moves what can be moved now: writes of out and at most one read into in (size
 * bytes); waits until the deadline if nothing moved. Returns 1 when bytes moved,
 * 0 when the deadline passed or a signal came, -1 with a short reason ("closed
 * by the server") when the connection is lost, but never before all that the
 * server said was read. *got and *sent count the bytes; what was not sent must
 * be offered again. want_read may be false.
 */
int connection_move(struct connection *, bool want_read, char *in, size_t size, size_t *got, const char *out,
    size_t length, size_t *sent, int64_t deadline, struct reason *);

#endif

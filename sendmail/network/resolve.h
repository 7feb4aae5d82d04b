/*
 * From host and port to addresses to connect to, in the order to try them.
 */
#ifndef NETWORK_RESOLVE_H
#define NETWORK_RESOLVE_H

#include <stddef.h>
#include <sys/socket.h>

#include "network/connection.h"

enum { ENDPOINTS_MAX = 16, ENDPOINT_TEXT = 128, LOOKUP_SECONDS = 9 };

/* A socket address and its printable form, "192.0.2.1" or "/run/x.sock". */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
	char text[ENDPOINT_TEXT];
};

/* Addresses beyond ENDPOINTS_MAX are left out: nobody waits for so many. */
struct endpoints {
	size_t count;
	struct endpoint list[ENDPOINTS_MAX];
};

/*
 * Finds the endpoints of options.host (a name, a numeric address, which never
 * asks DNS, or a socket path) and options.port, of options.family and that of
 * options.source_address; IPv6 and IPv4 alternate, in the resolver's order.
 * CONNECTION_OK with at least one, or the trouble with its reason. Ends by the
 * deadline (of clock_milliseconds()), within LOOKUP_SECONDS whatever the name
 * servers do, and with the caller's patience.
 */
enum connection_trouble
resolve(const struct connection_options *, int64_t deadline, struct endpoints *, struct reason *);

#endif

/*
 * From host and port to addresses to connect to, in the order to try them.
 */
#ifndef NETWORK_RESOLVE_H
#define NETWORK_RESOLVE_H

#include <stddef.h>
#include <sys/socket.h>

#include "network/connection.h"

enum { ENDPOINTS_MAX = 16, ENDPOINT_TEXT = 128 };

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
 * Finds the endpoints of a name, a numeric address (never asks DNS) or a socket
 * path. CONNECTION_OK with at least one, or the trouble with its reason. Dead
 * name servers cost a few seconds, not the resolver's usual 20 and more.
 */
enum connection_trouble resolve(const char *host, const char *port, struct endpoints *, struct reason *);

#endif

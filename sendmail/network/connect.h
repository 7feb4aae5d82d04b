/*
 * From several addresses to one connected socket. For connection.c alone.
 */
#ifndef NETWORK_CONNECT_H
#define NETWORK_CONNECT_H

#include <stdint.h>

#include "network/connection.h"
#include "network/resolve.h"

/*
 * Starts with the first address, and the next one STAGGER milliseconds after it
 * or as soon as it failed; the first that connects wins (RFC 8305, 5). Ends by
 * end (of clock_milliseconds()) and with the caller's patience. A non-blocking
 * descriptor with the winner, or -1 with CONNECTION_UNREACHABLE or
 * CONNECTION_SYSTEM and the reason, "host:port: cause (address), ...; cure".
 */
int connect_to_any(const struct connection_options *, const struct endpoints *, int64_t end,
    const struct endpoint **winner, enum connection_trouble *, struct reason *);

#endif

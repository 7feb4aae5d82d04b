/*
 * The one place of the layer where a process waits.
 */
#ifndef NETWORK_WAIT_H
#define NETWORK_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct patience;

/*
 * Waits for any of the descriptors until the deadline (of clock_milliseconds()).
 * 1: at least one is ready, -1: a signal came, 0: the deadline passed, or the
 * caller's patience (NULL: endless) and he left.
 */
int wait_for(struct pollfd *, nfds_t, int64_t deadline, struct patience *);
/* True when the caller was told that it is over. */
bool has_left(const struct patience *);

#endif

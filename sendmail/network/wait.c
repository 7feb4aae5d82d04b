/*
 * poll() with a deadline of the monotonic clock, and with the patience of the
 * caller, who may be told in the middle of a wait that he need not stay.
 */
#include "network/wait.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <time.h>

#include "network/connection.h"

int64_t
clock_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
has_left(const struct patience *patience)
{
	return patience != NULL && patience->left;
}

/* The end of the next wait: the deadline, or the end of the caller's patience. */
static int64_t
nearest(const struct patience *patience, int64_t deadline)
{
	return patience != NULL && !patience->asked && patience->end < deadline ? patience->end : deadline;
}

int
wait_for(struct pollfd *polled, nfds_t count, int64_t deadline, struct patience *patience)
{
	for (;;) {
		int64_t left = nearest(patience, deadline) - clock_milliseconds();
		int ready = poll(polled, count, left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX);

		if (ready > 0)
			return 1;
		if (ready < 0)
			return errno == EINTR ? -1 : 0;
		if (patience != NULL && !patience->asked && clock_milliseconds() >= patience->end) {
			patience->asked = true;
			patience->left = patience->over(patience->context);
			if (patience->left)
				return 0;
		}
		if (clock_milliseconds() >= deadline)
			return 0;
	}
}

/*
 * A machine often has an IPv6 address and no way out with it, and nobody
 * answers to say so. Waiting out the timeout of each address in turn would cost
 * every message that time; asking all of them at once would be rude to the
 * server. So they start one after the other, a quarter of a second apart.
 */
#include "network/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "network/explain.h"
#include "network/wait.h"

enum { STAGGER = 250, FAILURES_LISTED = 6 };

/* Slot i of each array belongs to endpoint i. */
struct race {
	const struct connection_options *options;
	const struct endpoints *runners;
	size_t started;
	struct pollfd polled[ENDPOINTS_MAX]; /* fd -1: failed */
	int64_t deadlines[ENDPOINTS_MAX];
	int errors[ENDPOINTS_MAX];
	size_t running;
	int64_t end, next_start;
	int winner; /* -1: none yet */
	bool stuck; /* what failed would fail for every address */
	int unbound; /* source_address cannot be used: the error number */
};

static bool
is_local(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
fail(struct race *race, size_t i, int error)
{
	if (race->polled[i].fd >= 0) {
		close(race->polled[i].fd);
		race->running--;
	}
	race->polled[i].fd = -1;
	race->errors[i] = error;
	race->next_start = 0;
	race->stuck = race->stuck || is_local(error);
}

/* 0, or the error number. */
static int
bind_to(int fd, const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE }, *found;
	int error;

	if (getaddrinfo(address, NULL, &hints, &found) != 0)
		return EINVAL;
	error = bind(fd, found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
	freeaddrinfo(found);
	return error;
}

/* A new socket, bound if that was asked for; -1 with errno. */
static int
open_socket(struct race *race, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 || family == AF_UNIX)
		return fd;
	/* A flight is one write; it must not wait for the acknowledgement of the one before. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (race->options->source_address != NULL)
		race->unbound = bind_to(fd, race->options->source_address);
	if (race->unbound == 0)
		return fd;
	race->stuck = true;
	close(fd);
	errno = race->unbound;
	return -1;
}

static void
start_next(struct race *race)
{
	size_t i = race->started++;
	const struct endpoint *peer = &race->runners->list[i];
	int64_t now = clock_milliseconds(), deadline = now + (int64_t)race->options->address_timeout * 1000;

	race->deadlines[i] = deadline < race->end ? deadline : race->end;
	race->polled[i] = (struct pollfd){ .fd = open_socket(race, peer->address.ss_family), .events = POLLOUT };
	if (race->polled[i].fd < 0) {
		fail(race, i, errno);
		return;
	}
	race->running++;
	race->next_start = now + STAGGER;
	if (connect(race->polled[i].fd, (const struct sockaddr *)&peer->address, peer->length) == 0)
		race->winner = (int)i;
	else if (errno != EINPROGRESS && errno != EINTR)
		fail(race, i, errno);
}

/* When there is something to do even if no socket moves. */
static int64_t
next_event(const struct race *race)
{
	int64_t next = race->end;

	if (race->started < race->runners->count && race->next_start < next)
		next = race->next_start;
	for (size_t i = 0; i < race->started; i++)
		if (race->polled[i].fd >= 0 && race->deadlines[i] < next)
			next = race->deadlines[i];
	return next;
}

/* Looks at the sockets that moved and at those whose time is over. */
static void
collect(struct race *race)
{
	int64_t now = clock_milliseconds();

	for (size_t i = 0; i < race->started && race->winner < 0; i++) {
		int error = 0;
		socklen_t size = sizeof(error);

		if (race->polled[i].fd < 0)
			continue;
		if (race->polled[i].revents == 0) {
			if (now >= race->deadlines[i])
				fail(race, i, ETIMEDOUT);
			continue;
		}
		if (getsockopt(race->polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			error = errno;
		if (error == 0)
			race->winner = (int)i;
		else
			fail(race, i, error);
	}
}

static void
run(struct race *race)
{
	while (race->winner < 0 && !race->stuck && !has_left(race->options->patience)) {
		int64_t now = clock_milliseconds();
		bool more = race->started == 0 || (race->started < race->runners->count && now < race->end);

		if (race->running == 0 && !more)
			return;
		if (more && (race->running == 0 || now >= race->next_start)) {
			start_next(race);
			continue;
		}
		/* A signal is no reason to give up: the next turn waits again. */
		if (wait_for(race->polled, race->started, next_event(race), race->options->patience) >= 0)
			collect(race);
	}
}

/* The descriptor of the winner or -1; all others are closed. */
static int
finish(struct race *race)
{
	int fd = -1;

	for (size_t i = 0; i < race->started; i++) {
		if ((int)i == race->winner)
			fd = race->polled[i].fd;
		else if (race->polled[i].fd >= 0)
			fail(race, i, ETIMEDOUT);
	}
	return fd;
}

/* "host:port", with brackets around an IPv6 address; a socket has no port. */
static void
add_target(struct buffer *out, const struct connection_options *options)
{
	if (options->host[0] == '/')
		buffer_add_string(out, options->host);
	else if (strchr(options->host, ':') != NULL)
		buffer_format(out, "[%s]:%s", options->host, options->port);
	else
		buffer_format(out, "%s:%s", options->host, options->port);
}

/* "cause (address), ..."; the address only when it says more than the host. */
static void
add_failures(struct buffer *out, const struct race *race)
{
	size_t left = race->runners->count - race->started;

	for (size_t i = 0; i < race->started && i < FAILURES_LISTED; i++) {
		const struct endpoint *peer = &race->runners->list[i];

		buffer_format(out, "%s%s", i > 0 ? ", " : "",
		    explain_connect(race->errors[i], peer->address.ss_family == AF_UNIX).cause);
		if (strcmp(peer->text, race->options->host) != 0)
			buffer_format(out, " (%s)", peer->text);
	}
	if (race->started > FAILURES_LISTED)
		buffer_format(out, ", and %zu more", race->started - FAILURES_LISTED);
	if (left > 0)
		buffer_format(out, "%sno time for %zu more", race->started > 0 ? ", " : "", left);
}

/* The cure is that of the first address: the resolver puts the likeliest there. */
static enum connection_trouble
tell_failures(const struct race *race, struct reason *reason)
{
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	add_target(&text, race->options);
	if (race->unbound != 0) {
		reason_set(reason, "%s: source_address %s: %s; set it to an address of this machine",
		    buffer_string(&text), race->options->source_address, strerror(race->unbound));
	} else {
		buffer_add_string(&text, ": ");
		add_failures(&text, race);
		reason_set(reason, "%s; %s", buffer_string(&text),
		    explain_connect(race->errors[0], race->runners->list[0].address.ss_family == AF_UNIX).cure);
	}
	buffer_free(&text);
	return race->stuck ? CONNECTION_SYSTEM : CONNECTION_UNREACHABLE;
}

int
connect_to_any(const struct connection_options *options, const struct endpoints *found, int64_t end,
    const struct endpoint **winner, enum connection_trouble *trouble, struct reason *reason)
{
	struct race race = { .options = options, .runners = found, .errors = { ETIMEDOUT }, .end = end, .winner = -1 };
	int fd;

	run(&race);
	fd = finish(&race);
	if (fd < 0)
		*trouble = tell_failures(&race, reason);
	else
		*winner = &found->list[race.winner];
	return fd;
}

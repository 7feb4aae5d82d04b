/*
 * One socket, non-blocking from birth to end; every wait is a poll() with a
 * deadline of the monotonic clock, in one function. Nothing is buffered here:
 * before STARTTLS that would turn an attacker's plain text into text that seems
 * to have come through TLS.
 */
#include "network/connection.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "network/explain.h"
#include "network/resolve.h"
#include "network/tls.h"

enum { FAILURES_LISTED = 6, FAILURES_LENGTH = 640 };

struct connection {
	const struct connection_options *options;
	struct endpoint peer;
	int fd;
	struct tls_session *tls; /* NULL: plain text */
	bool heard; /* the server spoke in plain text: what follows is STARTTLS */
	bool spent; /* no byte may move any more: a handshake failed, or did not verify */
	bool distrusted;
	bool lost;
	struct explanation end; /* when lost: why */
};

int64_t
clock_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
has_left(const struct connection_options *options)
{
	return options->patience != NULL && options->patience->left;
}

/* The end of the next wait: the deadline, or the end of the caller's patience. */
static int64_t
nearest(const struct patience *patience, int64_t deadline)
{
	return patience != NULL && !patience->asked && patience->end < deadline ? patience->end : deadline;
}

/*
 * 1: the descriptor is ready, -1: a signal came, 0: the deadline passed, or the
 * caller's patience and he left.
 */
static int
wait_for(int fd, short events, int64_t deadline, struct patience *patience)
{
	struct pollfd polled = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = nearest(patience, deadline) - clock_milliseconds();
		int ready = poll(&polled, 1, left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX);

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

/* The outcome of a connect() under way, as an error number. */
static int
finish_connect(int fd, int64_t deadline, struct patience *patience)
{
	int error = 0, ready;
	socklen_t size = sizeof(error);

	do
		ready = wait_for(fd, POLLOUT, deadline, patience);
	while (ready < 0);
	if (ready == 0)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/* A connected descriptor, or -1 with errno. */
static int
connect_to(const struct endpoint *peer, int64_t deadline, struct patience *patience)
{
	int fd = socket(peer->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0, on = 1;

	if (fd < 0)
		return -1;
	/* A flight is one write; it must not wait for the acknowledgement of the one before. */
	if (peer->address.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&peer->address, peer->length) != 0)
		error = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline, patience) : errno;
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
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

/* ", cause (address)"; the address only when it says more than the host. */
static void
add_failure(struct buffer *out, const char *cause, const struct endpoint *peer, const char *host)
{
	if (out->length > 0)
		buffer_add_string(out, ", ");
	buffer_add_string(out, cause);
	if (strcmp(peer->text, host) != 0)
		buffer_format(out, " (%s)", peer->text);
}

/* What was tried so far. */
struct attempts {
	struct buffer failures; /* "cause (address), ..." */
	size_t count;
	int error; /* of the last one */
	const char *cure; /* of the first one: the resolver puts the likeliest address first */
};

static struct connection *
attempt(const struct connection_options *options, const struct endpoint *peer, int64_t end, struct attempts *attempts)
{
	int64_t deadline = clock_milliseconds() + (int64_t)options->address_timeout * 1000;
	int fd = connect_to(peer, deadline < end ? deadline : end, options->patience);
	struct connection *c;
	struct explanation why;

	if (fd < 0) {
		attempts->error = errno;
		why = explain_connect(errno, peer->address.ss_family == AF_UNIX);
		if (attempts->count == 0)
			attempts->cure = why.cure;
		if (attempts->count++ < FAILURES_LISTED)
			add_failure(&attempts->failures, why.cause, peer, options->host);
		return NULL;
	}
	c = allocate(1, sizeof(*c));
	c->options = options;
	c->peer = *peer;
	c->fd = fd;
	return c;
}

static bool
is_local(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static enum connection_trouble
tell_failures(const struct connection_options *options, struct attempts *attempts, size_t found, struct reason *reason)
{
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	add_target(&text, options);
	buffer_format(&text, ": %s", buffer_string(&attempts->failures));
	if (attempts->count > FAILURES_LISTED)
		buffer_format(&text, ", and %zu more", attempts->count - FAILURES_LISTED);
	if (attempts->count < found)
		buffer_format(&text, ", no time for %zu more", found - attempts->count);
	reason_set(reason, "%s; %s", buffer_string(&text), attempts->cure);
	buffer_free(&text);
	return is_local(attempts->error) ? CONNECTION_SYSTEM : CONNECTION_UNREACHABLE;
}

struct connection *
connection_open(const struct connection_options *options, enum connection_trouble *trouble, struct reason *reason)
{
	int64_t end = clock_milliseconds() + (int64_t)options->connect_timeout * 1000;
	struct attempts attempts = { .count = 0 };
	struct connection *c = NULL;
	struct endpoints found;

	*trouble = resolve(options->host, options->port, &found, reason);
	if (*trouble != CONNECTION_OK)
		return NULL;
	buffer_init(&attempts.failures, FAILURES_LENGTH);
	do
		c = attempt(options, &found.list[attempts.count], end, &attempts);
	while (c == NULL && attempts.count < found.count && clock_milliseconds() < end && !is_local(attempts.error) &&
	       !has_left(options));
	if (c == NULL)
		*trouble = tell_failures(options, &attempts, found.count, reason);
	buffer_free(&attempts.failures);
	return c;
}

void
connection_close(struct connection *c)
{
	if (c == NULL)
		return;
	tls_session_free(c->tls, !c->spent && !c->lost && !has_left(c->options));
	close(c->fd);
	free(c);
}

static int
shake_hands(struct connection *c, bool verify, int64_t deadline, struct explanation *why)
{
	int64_t start = clock_milliseconds();

	c->tls = tls_session_new(c->fd, c->options, verify, why);
	if (c->tls == NULL)
		return -1;
	for (;;) {
		short events = 0;
		int done = tls_session_handshake(c->tls, c->heard, &events, why);

		if (done != 0)
			return done > 0 ? 0 : -1;
		if (has_left(c->options) || wait_for(c->fd, events, deadline, c->options->patience) == 0) {
			*why = explain("is this port meant for TLS?", "no answer to the TLS handshake for %.1f s",
			    (double)(clock_milliseconds() - start) / 1000);
			return -1;
		}
	}
}

int
connection_secure(struct connection *c, int64_t deadline, struct reason *reason)
{
	struct explanation why;

	if (shake_hands(c, true, deadline, &why) == 0)
		return 0;
	c->spent = true;
	c->distrusted = why.certificate;
	return reason_set(reason, "%s (%s); %s", why.cause, c->peer.text, why.cure);
}

bool
connection_distrusted(const struct connection *c)
{
	return c->distrusted;
}

int
connection_describe(struct connection *c, int64_t deadline, struct buffer *out)
{
	struct explanation why;

	c->spent = true;
	if (shake_hands(c, false, deadline, &why) != 0)
		return -1;
	tls_session_describe(c->tls, out);
	return 0;
}

/* The steps of plain text, in the shape of those of TLS. */
static int
plain_read(struct connection *c, char *in, size_t size, size_t *got, short *events, struct explanation *why)
{
	ssize_t n = recv(c->fd, in, size, 0);

	if (n > 0) {
		*got = (size_t)n;
		c->heard = true;
		return 0;
	}
	*events |= POLLIN;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	*why = explain_lost(n == 0 ? 0 : errno);
	return -1;
}

static int
plain_write(
    const struct connection *c, const char *out, size_t length, size_t *sent, short *events, struct explanation *why)
{
	ssize_t n = send(c->fd, out, length, MSG_NOSIGNAL);

	if (n >= 0) {
		*sent = (size_t)n;
		return 0;
	}
	*events |= POLLOUT;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	*why = explain_lost(errno);
	return -1;
}

static int
read_once(struct connection *c, char *in, size_t size, size_t *got, short *events, struct explanation *why)
{
	return c->tls != NULL ? tls_session_read(c->tls, in, size, got, events, why)
			      : plain_read(c, in, size, got, events, why);
}

/* Writes until nothing is left or it would block. */
static int
write_all(struct connection *c, const char *out, size_t length, size_t *sent, short *events, struct explanation *why)
{
	while (*sent < length && *events == 0) {
		const char *rest = out + *sent;
		size_t n = 0;

		if ((c->tls != NULL ? tls_session_write(c->tls, rest, length - *sent, &n, events, why)
				    : plain_write(c, rest, length - *sent, &n, events, why)) != 0)
			return -1;
		*sent += n;
	}
	return 0;
}

/* The first failure tells most, except that a TLS alert read later comes with a cure. */
static void
lose(struct connection *c, const struct explanation *why)
{
	if (!c->lost || why->cure[0] != '\0')
		c->end = *why;
	c->lost = true;
}

int
connection_move(struct connection *c, bool want_read, char *in, size_t size, size_t *got, const char *out,
    size_t length, size_t *sent, int64_t deadline, struct reason *reason)
{
	struct explanation why;

	*got = *sent = 0;
	if (c->spent || has_left(c->options))
		return reason_set(reason, "the connection is not usable any more");
	for (;;) {
		short events = 0;

		if (write_all(c, out, length, sent, &events, &why) != 0)
			lose(c, &why);
		/* No answer can be here yet to what went out just now; but a server that hung up has said why. */
		if (want_read && (*sent < length || length == 0) && read_once(c, in, size, got, &events, &why) != 0)
			lose(c, &why);
		if (*got > 0 || *sent > 0)
			return 1;
		if (c->lost)
			return reason_set(
			    reason, c->end.cure[0] != '\0' ? "%s; %s" : "%s%s", c->end.cause, c->end.cure);
		if (events == 0 || wait_for(c->fd, events, deadline, c->options->patience) != 1)
			return 0;
	}
}

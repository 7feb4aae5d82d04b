/*
 * One socket, non-blocking from birth to end. Nothing is buffered here: before
 * STARTTLS that would turn an attacker's plain text into text that seems to have
 * come through TLS.
 */
#include "network/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/connect.h"
#include "network/explain.h"
#include "network/resolve.h"
#include "network/tls.h"
#include "network/wait.h"

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

struct connection *
connection_open(const struct connection_options *options, enum connection_trouble *trouble, struct reason *reason)
{
	int64_t end = clock_milliseconds() + (int64_t)options->connect_timeout * 1000;
	const struct endpoint *peer;
	struct endpoints found;
	struct connection *c;
	int fd;

	*trouble = resolve(options, end, &found, reason);
	if (*trouble != CONNECTION_OK)
		return NULL;
	fd = connect_to_any(options, &found, end, &peer, trouble, reason);
	if (fd < 0)
		return NULL;
	c = allocate(1, sizeof(*c));
	c->options = options;
	c->peer = *peer;
	c->fd = fd;
	return c;
}

void
connection_close(struct connection *c)
{
	if (c == NULL)
		return;
	tls_session_free(c->tls, !c->spent && !c->lost && !has_left(c->options->patience));
	close(c->fd);
	free(c);
}

static int
wait_on(const struct connection *c, short events, int64_t deadline)
{
	struct pollfd polled = { .fd = c->fd, .events = events };

	return wait_for(&polled, 1, deadline, c->options->patience);
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
		if (has_left(c->options->patience) || wait_on(c, events, deadline) == 0) {
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

/* An alert, or a handshake message: a server that speaks TLS first and met our plain text, or our silence. */
static bool
is_tls_record(const char *bytes, size_t length)
{
	return length >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 0x03;
}

/* The steps of plain text, in the shape of those of TLS. */
static int
plain_read(struct connection *c, char *in, size_t size, size_t *got, short *events, struct explanation *why)
{
	ssize_t n = recv(c->fd, in, size, 0);

	if (n > 0 && !c->heard && is_tls_record(in, (size_t)n)) {
		*why = explain_lost(EPROTO);
		return -1;
	}
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
	if (c->spent || has_left(c->options->patience))
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
		if (events == 0 || wait_on(c, events, deadline) != 1)
			return 0;
	}
}

/*
 * One session: bytes in and out, flights counted, TLS, and answers as scripted.
 *
 * Replies gather until the client is silent, so that what it sent together is
 * answered together; each such answer is one round trip the client waited for.
 */
#include <sys/socket.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "smarthost.h"

enum { INPUT_LIMIT = 1 << 20, MESSAGE_LIMIT = 256 << 20, BLOCK = 65536 };
/* Milliseconds of silence in the middle of a command before replies that are due go out. */
enum { MIDDLE = 100 };

static struct tls *context;

static void
nap(int milliseconds)
{
	poll(NULL, 0, milliseconds);
}

static bool
readable(const struct session *s, int milliseconds)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	return poll(&p, 1, milliseconds) > 0;
}

/* Reads without waiting, also for libtls. In a handshake what comes after we wrote is a round trip. */
static ssize_t
raw_read(struct tls *tls, void *bytes, size_t n, void *session)
{
	struct session *s = session;
	ssize_t got = recv(s->fd, bytes, n, MSG_DONTWAIT);

	(void)tls;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? TLS_WANT_POLLIN : -1;
	if (got > 0 && s->handshake && s->wrote) {
		s->waits++;
		s->wrote = false;
	}
	return got;
}

static ssize_t
raw_write(struct tls *tls, const void *bytes, size_t n, void *session)
{
	struct session *s = session;

	(void)tls;
	if (s->handshake && !s->wrote)
		nap(options.delay);
	s->wrote = true;
	return send(s->fd, bytes, n, MSG_NOSIGNAL);
}

/* Sends the replies gathered so far: one flight that the client waits for. */
void
flush(struct session *s)
{
	size_t sent = 0;

	if (s->out.length == 0)
		return;
	s->waits++;
	if (s->answered)
		s->flights = s->waits;
	s->answered = false;
	record_session(s);
	while (sent < s->out.length) {
		ssize_t n = s->tls != NULL ? tls_write(s->tls, s->out.data + sent, s->out.length - sent)
					   : raw_write(NULL, s->out.data + sent, s->out.length - sent, s);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	buffer_clear(&s->out);
}

/*
 * Nothing can be read now: replies that are due go out, unless the client
 * speaks without waiting for them; then waits until it does.
 */
static void
wait_for_client(struct session *s, bool middle)
{
	int patience = middle && options.delay < MIDDLE ? MIDDLE : options.delay;

	if (s->out.length > 0 && readable(s, patience))
		return;
	flush(s);
	readable(s, -1);
}

/* Gets more input; false when the client is gone. */
bool
fill(struct session *s, bool middle)
{
	static char block[BLOCK];
	ssize_t n;

	for (;;) {
		n = s->tls != NULL ? tls_read(s->tls, block, sizeof(block)) : raw_read(NULL, block, sizeof(block), s);
		if (n != TLS_WANT_POLLIN)
			break;
		wait_for_client(s, middle);
	}
	if (n <= 0) {
		s->ending = n == 0 ? END_LEFT : END_LOST;
		return false;
	}
	s->bytes += (size_t)n;
	buffer_add(&s->in, block, (size_t)n);
	return true;
}

/* One line without its CRLF, valid until the next; NULL when the session is over. */
const char *
read_line(struct session *s)
{
	const char *end;
	size_t length;

	while (s->in.length == 0 || (end = memmem(s->in.data, s->in.length, "\r\n", 2)) == NULL) {
		if (s->in.length >= LINE_LIMIT)
			s->ending = END_LOST;
		if (s->in.length >= LINE_LIMIT || !fill(s, s->in.length > 0))
			return NULL;
	}
	length = (size_t)(end - s->in.data);
	buffer_clear(&s->line);
	buffer_add(&s->line, s->in.data, length);
	buffer_add(&s->commands, s->in.data, length + 2);
	buffer_consume(&s->in, length + 2);
	return buffer_string(&s->line);
}

/* Appends text and CRLF; \n becomes a line end, \r a CR, \xHH a byte. */
static void
add_escaped(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text != '\\' || text[1] == '\0') {
			buffer_add_char(out, *text);
		} else if (*++text == 'n') {
			buffer_add_string(out, "\r\n");
		} else if (*text == 'x' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
			buffer_add_char(out, (char)strtol((char[]){ text[1], text[2], '\0' }, NULL, 16));
			text += 2;
		} else
			buffer_add_char(out, *text == 'r' ? '\r' : *text);
	}
}

int
reply(struct session *s, const char *text)
{
	int code = atoi(text);

	add_escaped(&s->out, text);
	buffer_add_string(&s->out, "\r\n");
	if (code == 421)
		s->ending = END_CLOSED;
	return code;
}

static int
act_drop(struct session *s, const char *argument, const char *normal)
{
	(void)argument;
	s->ending = END_DROPPED;
	return normal == NULL ? 0 : -1;
}

static int
act_accept_drop(struct session *s, const char *argument, const char *normal)
{
	act_drop(s, argument, normal);
	return atoi(normal);
}

static int
act_reset(struct session *s, const char *argument, const char *normal)
{
	act_drop(s, argument, normal);
	s->ending = END_RESET;
	return -1;
}

static int
act_hang(struct session *s, const char *argument, const char *normal)
{
	act_drop(s, argument, normal);
	s->ending = END_HUNG;
	return -1;
}

static int
act_garbage(struct session *s, const char *argument, const char *normal)
{
	(void)argument;
	(void)normal;
	reply(s, "\\x01\\x7f\\xff not an SMTP reply");
	return -1;
}

static int
act_slow(struct session *s, const char *argument, const char *normal)
{
	flush(s);
	nap(atoi(argument));
	return reply(s, normal);
}

static int
act_inject(struct session *s, const char *argument, const char *normal)
{
	int code = reply(s, normal);

	add_escaped(&s->out, argument);
	return code;
}

static const struct {
	const char *name;
	int (*act)(struct session *, const char *argument, const char *normal);
} actions[] = {
	{ "drop", act_drop },
	{ "rst", act_reset },
	{ "hang", act_hang },
	{ "garbage", act_garbage },
	{ "slow:", act_slow },
	{ "inject:", act_inject },
	{ "accept-drop", act_accept_drop },
};

/* Answers as scripted, else normally. Returns the reply's code, -1 when it is none. */
int
answer(struct session *s, const char *stage, const char *address, const char *normal)
{
	const char *what = scripted(stage, address);

	for (size_t i = 0; what != NULL && i < sizeof(actions) / sizeof(actions[0]); i++) {
		size_t length = strlen(actions[i].name);

		if (strncmp(what, actions[i].name, length) == 0)
			return actions[i].act(s, what + length, normal);
	}
	return reply(s, what != NULL ? what : normal);
}

/* What differs from libtls's own choice. */
static bool
choose_tls(struct tls_config *config)
{
	uint32_t protocols = TLS_PROTOCOLS_DEFAULT;

	if (options.client_ca != NULL && options.client_optional)
		tls_config_verify_client_optional(config);
	else if (options.client_ca != NULL)
		tls_config_verify_client(config);
	return (options.protocols == NULL || tls_config_parse_protocols(&protocols, options.protocols) == 0) &&
	       tls_config_set_protocols(config, protocols) == 0 &&
	       (options.ciphers == NULL || tls_config_set_ciphers(config, options.ciphers) == 0) &&
	       (options.client_ca == NULL || tls_config_set_ca_file(config, options.client_ca) == 0) &&
	       (options.staple == NULL || tls_config_set_ocsp_staple_file(config, options.staple) == 0);
}

void
prepare_tls(void)
{
	struct tls_config *config = tls_config_new();

	if (options.cert == NULL || options.key == NULL)
		errx(2, "smarthost: TLS needs --cert and --key");
	context = tls_server();
	if (tls_config_set_keypair_file(config, options.cert, options.key) != 0 || !choose_tls(config))
		errx(2, "smarthost: %s", tls_config_error(config));
	if (tls_configure(context, config) != 0)
		errx(2, "smarthost: %s", tls_error(context));
	tls_config_free(config);
}

bool
secure_session(struct session *s)
{
	const char *what = scripted("tls", NULL);
	int result = -1;

	if (what != NULL) {
		s->ending = strcmp(what, "rst") == 0 ? END_RESET : strcmp(what, "hang") == 0 ? END_HUNG : END_DROPPED;
		return false;
	}
	buffer_clear(&s->in);
	s->handshake = true;
	s->wrote = false;
	if (tls_accept_cbs(context, &s->tls, raw_read, raw_write, s) != 0)
		errx(1, "smarthost: %s", tls_error(context));
	while ((result = tls_handshake(s->tls)) == TLS_WANT_POLLIN)
		readable(s, -1);
	s->handshake = false;
	if (result != 0) {
		printable(s->tls_error, sizeof(s->tls_error), tls_error(s->tls), strlen(tls_error(s->tls)));
		s->ending = END_TLS;
		return false;
	}
	s->version = tls_conn_version(s->tls);
	if (tls_peer_cert_subject(s->tls) != NULL)
		s->client = tls_peer_cert_subject(s->tls);
	/* TLS 1.2 has one more round trip: the greeting or EHLO follows the server's Finished. */
	if (s->listener == LISTEN_STARTTLS && strcmp(s->version, "TLSv1.2") == 0)
		s->waits++;
	return true;
}

/* After END_RESET the peer gets a reset; otherwise a clean end after the last replies, kept open until it leaves. */
static void
end_session(struct session *s)
{
	char rest[4096];

	if (s->ending == END_RESET) {
		record_session(s);
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
		return;
	}
	flush(s);
	record_session(s);
	if (s->tls != NULL && (s->ending == END_QUIT || s->ending == END_CLOSED))
		tls_close(s->tls);
	if (s->ending != END_HUNG)
		shutdown(s->fd, SHUT_WR);
	while (recv(s->fd, rest, sizeof(rest), 0) > 0)
		continue;
}

void
serve(int fd, enum listener listener)
{
	struct session s = { .fd = fd, .listener = listener, .waits = 1, .version = "", .client = "" };
	const char *line;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	buffer_init(&s.in, INPUT_LIMIT);
	buffer_init(&s.out, INPUT_LIMIT);
	buffer_init(&s.line, LINE_LIMIT);
	buffer_init(&s.commands, INPUT_LIMIT);
	buffer_init(&s.verbs, INPUT_LIMIT);
	buffer_init(&s.envelope, INPUT_LIMIT);
	buffer_init(&s.wire, 256 << 20);
	record_start(&s);
	if (listener != LISTEN_IMPLICIT || secure_session(&s))
		answer(&s, "banner", NULL, "220 smarthost.test ESMTP");
	while (s.ending == END_NOT && (line = read_line(&s)) != NULL) {
		s.pipelined += s.out.length > 0;
		run_command(&s, line);
	}
	end_session(&s);
}

/*
 * Connections through TLS: handshakes that fail before a certificate counts, and
 * that bytes, ends and waits behave as they do in plain text.
 */
#include "connection_tls_server.h"

/* More than the system buffers for a socket. */
enum { ONE_WAY = 16 * MEBIBYTE };

/* Takes everything before it says a word. */
static void
swallow(int fd, const void *argument)
{
	struct tls *tls = accept_tls(fd, argument);
	char bytes[3000];
	ssize_t n;
	size_t total = 0;

	while (tls != NULL && total < ONE_WAY && (n = tls_read(tls, bytes, sizeof(bytes))) > 0)
		total += (size_t)n;
	if (tls != NULL && tls_write(tls, "250 ok\r\n", 8) == 8)
		read_to_end(fd);
}

/* Speaks plain text where TLS is expected. */
static void
greet(int fd, const void *argument)
{
	send_all(fd, argument);
	read_to_end(fd);
}

static void
hang_up(int fd, const void *argument)
{
	char byte[512];

	(void)argument;
	if (read(fd, byte, sizeof(byte)) > 0)
		close(fd);
}

static void
say_nothing_and_reset(int fd, const void *argument)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	char byte;

	(void)argument;
	if (read(fd, &byte, 1) == 1)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Seven bytes, with a NUL among them. */
static void
alert(int fd, const void *bytes)
{
	if (write(fd, bytes, 7) == 7)
		read_to_end(fd);
}

static void
stay_silent(int fd, const void *argument)
{
	(void)argument;
	read_to_end(fd);
}

/* Handshakes that never come to a certificate. */
static void
test_handshakes(void)
{
	static const struct style old = { .certificate = "good",
		.protocols = TLS_PROTOCOL_TLSv1_0 | TLS_PROTOCOL_TLSv1_1 },
				  weak = { .certificate = "good",
					  .protocols = TLS_PROTOCOL_TLSv1_2,
					  .ciphers = "ECDHE-ECDSA-AES256-SHA" },
				  middle = { .certificate = "good", .protocols = TLS_PROTOCOL_TLSv1_2 };
	static const struct {
		const char *name;
		behaviour *play;
		const void *argument;
		int milliseconds;
		const char *want;
		int tls_min;
	} rows[] = {
		{ "plain text", greet, "220 mail.example ESMTP ready\r\n", 10000,
		    "this port speaks plain text first (127.0.0.1); set tls = starttls", 0 },
		{ "old TLS", secure_echo, &old, 10000, "the server has only TLS 1.0 or 1.1, which are not safe", 0 },
		{ "alert of an old server", alert, "\x15\x03\x01\x00\x02\x02\x46", 10000,
		    "the server has only TLS 1.0 or 1.1, which are not safe", 0 },
		{ "TLS 1.2 and tls_min = 1.3", secure_echo, &middle, 10000,
		    "the server does not speak TLS 1.3 (127.0.0.1); set tls_min = 1.2, or use another host", 13 },
		{ "weak ciphers", secure_echo, &weak, 10000, "no common cipher", 0 },
		{ "silence", stay_silent, NULL, 100, "no answer to the TLS handshake for 0.1 s", 0 },
		{ "hang-up", hang_up, NULL, 10000,
		    "closed by the server during the TLS handshake (127.0.0.1); is this port meant for TLS", 0 },
		{ "reset", say_nothing_and_reset, NULL, 10000, "reset by the server during the TLS handshake", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server = server_start(rows[i].play, rows[i].argument);
		struct connection_options options = options_for("localhost", server.port);
		struct connection *c;
		struct reason reason = { "" };
		int64_t start = clock_milliseconds();

		options.tls_min = rows[i].tls_min;
		c = open_to(&options);
		ok(connection_secure(c, in_milliseconds(rows[i].milliseconds), &reason) == -1 &&
			strncmp(reason.text, rows[i].want, strlen(rows[i].want)) == 0 && !connection_distrusted(c) &&
			clock_milliseconds() - start < 5000,
		    "%s", rows[i].name);
		note("%s", reason.text);
		connection_close(c);
		server_end(&server);
	}
}

static void
test_starttls(void)
{
	struct style style = { .certificate = "good", .starttls = true };
	struct server server = server_start(secure_echo, &style);
	struct connection_options options = options_for("localhost", server.port);
	struct connection *c;
	struct reason reason = { "" };
	size_t got, sent;
	char line[11];

	options.ca_file = path_of("ca.pem");
	c = open_to(&options);
	ok(hears(c, "220 hello\r\n", &reason) &&
		connection_move(c, false, NULL, 0, &got, "STARTTLS\r\n", 10, &sent, in_milliseconds(10000), &reason) ==
		    1 &&
		hears(c, "220 go on\r\n", &reason) && connection_secure(c, in_milliseconds(10000), &reason) == 0 &&
		echoes(c, MEBIBYTE, &reason),
	    "STARTTLS, then 1 MiB each way at once");
	note("%s", reason.text);
	connection_close(c);
	server_end(&server);

	server = server_start(greet, "220 go on\r\n250 injected\r\n");
	options = options_for("localhost", server.port);
	c = open_to(&options);
	/* Only the first line is taken; the rest must not pass for TLS, nor for text that came through it. */
	ok(connection_move(c, true, line, sizeof(line), &got, NULL, 0, &sent, in_milliseconds(10000), &reason) == 1 &&
		got == sizeof(line) && connection_secure(c, in_milliseconds(10000), &reason) == -1 &&
		strstr(reason.text, "plain text after STARTTLS") != NULL,
	    "plain text after STARTTLS");
	note("%s", reason.text);
	connection_close(c);
	server_end(&server);
}

static void
test_endings(void)
{
	static const struct {
		const char *name;
		struct style style;
		const char *says, *want;
	} rows[] = {
		{ "end with close_notify", { .certificate = "good" }, ".", "closed by the server" },
		{ "end without close_notify", { .certificate = "good", .no_close_notify = true }, ".",
		    "closed by the server" },
		{ "client certificate wanted", { .certificate = "good", .client_certificate = true }, "hello",
		    "the server wants a client certificate; set client_cert and client_key" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server = server_start(secure_echo, &rows[i].style);
		struct connection_options options = options_for("localhost", server.port);
		struct connection *c;
		struct reason reason = { "" };
		size_t left = strlen(rows[i].says), got = 0, sent;
		char in[64];
		int result;

		options.ca_file = path_of("ca.pem");
		c = open_to(&options);
		ok(connection_secure(c, in_milliseconds(10000), &reason) == 0, "secured");
		while ((result = connection_move(c, true, in, sizeof(in), &got, rows[i].says, left, &sent,
			    in_milliseconds(10000), &reason)) > 0)
			left -= sent;
		ok(result == -1 && got == 0 && strncmp(reason.text, rows[i].want, strlen(rows[i].want)) == 0, "%s",
		    rows[i].name);
		note("%s", reason.text);
		connection_close(c);
		server_end(&server);
	}
}

static void
test_waiting(void)
{
	struct style style = { .certificate = "good" };
	struct server server = server_start(secure_echo, &style);
	struct connection_options options = options_for("localhost", server.port);
	struct connection *c;
	struct reason reason = { "" };
	size_t got, sent;
	char in[8];
	int64_t start;

	options.ca_file = path_of("ca.pem");
	c = open_to(&options);
	connection_secure(c, in_milliseconds(10000), &reason);
	start = clock_milliseconds();
	ok(connection_move(c, true, in, sizeof(in), &got, NULL, 0, &sent, in_milliseconds(50), &reason) == 0 &&
		clock_milliseconds() - start >= 50,
	    "silence ends at the deadline");
	ok(echoes(c, MEBIBYTE, &reason), "1 MiB each way at once");
	connection_close(c);
	server_end(&server);
}

static void
test_one_way(void)
{
	struct style style = { .certificate = "good" };
	struct server server = server_start(swallow, &style);
	struct connection_options options = options_for("localhost", server.port);
	struct connection *c;
	struct reason reason = { "" };
	size_t got, sent, left = ONE_WAY;
	char *zeros = calloc(1, ONE_WAY), in[1];
	bool good;

	options.ca_file = path_of("ca.pem");
	c = open_to(&options);
	good = connection_secure(c, in_milliseconds(10000), &reason) == 0;
	while (good && left > 0) {
		good = connection_move(
			   c, true, in, sizeof(in), &got, zeros, left, &sent, in_milliseconds(10000), &reason) == 1;
		left -= sent;
	}
	ok(good && hears(c, "250 ok\r\n", &reason), "16 MiB to a server that only listens");
	connection_close(c);
	server_end(&server);
	free(zeros);
}

int
main(void)
{
	char folder[] = "/tmp/connection.XXXXXX";
	int before = open_descriptors();

	signal(SIGPIPE, SIG_DFL);
	if (!ok(make_certificates(folder), "certificates"))
		return tap_done();
	test_handshakes();
	test_starttls();
	test_endings();
	test_waiting();
	test_one_way();
	ok(open_descriptors() == before, "no descriptor is left open");
	remove_certificates(folder);
	return tap_done();
}

/*
 * Connections through TLS: what is accepted, what is refused and in which words,
 * and that bytes, ends and waits behave as they do in plain text.
 */
#include <errno.h>
#include <fcntl.h>
#include <tls.h>

#include "base/certificate.h"
#include "connection_server.h"
#include "network/connection.h"
#include "tap.h"

static char certificates[64] = "build/certificates";

/* How the TLS server of a test differs from a good one. */
struct style {
	const char *certificate;
	uint32_t protocols;
	const char *ciphers;
	bool starttls;
	bool client_certificate;
	bool no_close_notify;
};

static const char *
path_of(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", certificates, name);
	return path;
}

static struct tls *
accept_tls(int fd, const struct style *style)
{
	struct tls_config *config = tls_config_new();
	struct tls *server = tls_server(), *client = NULL;
	char pem[64], key[64];

	snprintf(pem, sizeof(pem), "%s.pem", style->certificate);
	snprintf(key, sizeof(key), "%s.key", style->certificate);
	if (tls_config_set_keypair_file(config, path_of(pem), path_of(key)) != 0 ||
	    (style->protocols != 0 && tls_config_set_protocols(config, style->protocols) != 0) ||
	    (style->ciphers != NULL && tls_config_set_ciphers(config, style->ciphers) != 0) ||
	    tls_config_set_ca_file(config, path_of("ca.pem")) != 0)
		_exit(1);
	if (style->client_certificate)
		tls_config_verify_client(config);
	if (tls_configure(server, config) != 0 || tls_accept_socket(server, &client, fd) != 0)
		_exit(1);
	return tls_handshake(client) == 0 ? client : NULL;
}

static void
send_all(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(1);
}

/* Echoes until the end, or until a lone "." comes: then it leaves. */
static void
secure_echo(int fd, const void *argument)
{
	const struct style *style = argument;
	struct tls *tls;
	char bytes[3000];
	ssize_t n;

	if (style->starttls) {
		send_all(fd, "220 hello\r\n");
		if (read(fd, bytes, sizeof(bytes)) <= 0)
			return;
		send_all(fd, "220 go on\r\n");
	}
	tls = accept_tls(fd, style);
	if (tls == NULL)
		return;
	while ((n = tls_read(tls, bytes, sizeof(bytes))) > 0 && !(n == 1 && bytes[0] == '.'))
		for (ssize_t done = 0, step; done < n; done += step)
			if ((step = tls_write(tls, bytes + done, (size_t)(n - done))) < 0)
				return;
	if (!style->no_close_notify)
		tls_close(tls);
}

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

static void
stay_silent(int fd, const void *argument)
{
	(void)argument;
	read_to_end(fd);
}

static struct connection *
open_to(const struct connection_options *options)
{
	enum connection_trouble trouble;
	struct reason reason = { "" };
	struct connection *c = connection_open(options, &trouble, &reason);

	if (c == NULL)
		note("%s", reason.text);
	return c;
}

static void
test_verification(void)
{
	static const struct {
		const char *certificate, *host, *ca_file, *ca_path;
		const char *want; /* NULL: accepted; else the whole reason */
		bool distrusted;
	} rows[] = {
		{ "good", "localhost", "ca.pem", NULL, NULL, false },
		{ "good", "localhost", NULL, "ca-path", NULL, false },
		{ "good", "127.0.0.1", "ca.pem", NULL, NULL, false },
		{ "self-signed", "localhost", "self-signed.pem", NULL, NULL, false },
		{ "unknown-ca", "localhost", "other-ca.pem", NULL, NULL, false },
		{ "wrong-name", "localhost", "ca.pem", NULL,
		    "the certificate is for other names (127.0.0.1); set host to a name the certificate has", true },
		{ "wrong-name", "127.0.0.1", NULL, "ca-path",
		    "the certificate is for other names (127.0.0.1); set host to a name the certificate has", true },
		{ "expired", "localhost", "ca.pem", NULL,
		    "the certificate has expired (127.0.0.1); the server's operator must renew it; also check this "
		    "machine's clock",
		    true },
		{ "not-yet-valid", "localhost", NULL, "ca-path",
		    "the certificate is not yet valid (127.0.0.1); check this machine's clock", true },
		{ "self-signed", "localhost", "ca.pem", NULL,
		    "the certificate is self-signed (127.0.0.1); if it is the server's own, set ca_file to a copy of "
		    "it",
		    true },
		{ "unknown-ca", "localhost", "ca.pem", NULL,
		    "the certificate is signed by an unknown CA (127.0.0.1); set ca_file to the CA's certificate, or "
		    "install ca-certificates",
		    true },
		{ "unknown-ca", "localhost", NULL, "ca-path",
		    "the certificate is signed by an unknown CA (127.0.0.1); set ca_file to the CA's certificate, or "
		    "install ca-certificates",
		    true },
		{ "good", "localhost", "other-ca.pem", NULL,
		    "the certificate is signed by an unknown CA (127.0.0.1); set ca_file to the CA's certificate, or "
		    "install ca-certificates",
		    true },
		{ "good", "localhost", NULL, NULL,
		    "the certificate is signed by an unknown CA (127.0.0.1); set ca_file to the CA's certificate, or "
		    "install ca-certificates",
		    true },
		{ "good", "localhost", "good.key", NULL,
		    "no usable certificate in the CA file (127.0.0.1); it must hold CA certificates in PEM form",
		    false },
		{ "good", "localhost", NULL, ".", NULL, false },
		{ "good", "localhost", "missing.pem", NULL, NULL, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct style style = { .certificate = rows[i].certificate };
		struct server server = server_start(secure_echo, &style);
		struct connection_options options = options_for(rows[i].host, server.port);
		struct connection *c;
		struct reason reason = { "" };
		bool secured, refused_early = i + 2 >= sizeof(rows) / sizeof(rows[0]);
		char in[1];
		size_t got, sent;

		options.ca_file = rows[i].ca_file != NULL ? path_of(rows[i].ca_file) : NULL;
		options.ca_path = rows[i].ca_path != NULL ? path_of(rows[i].ca_path) : NULL;
		c = open_to(&options);
		secured = c != NULL && connection_secure(c, in_milliseconds(10000), &reason) == 0;
		if (!refused_early && rows[i].want == NULL)
			ok(secured && echoes(c, 100, &reason), "%s accepted for %s by %s", rows[i].certificate,
			    rows[i].host, rows[i].ca_file != NULL ? rows[i].ca_file : rows[i].ca_path);
		else
			ok(!secured && (rows[i].want == NULL || strcmp(reason.text, rows[i].want) == 0) &&
				connection_distrusted(c) == rows[i].distrusted &&
				connection_move(c, true, in, 1, &got, "x", 1, &sent, in_milliseconds(100),
				    &(struct reason){ "" }) == -1,
			    "%s refused for %s", rows[i].certificate, rows[i].host);
		note("%s", reason.text);
		connection_close(c);
		server_end(&server);
	}
}

static void
test_description(void)
{
	struct style style = { .certificate = "wrong-name" };
	struct server server = server_start(secure_echo, &style);
	struct connection_options options = options_for("localhost", server.port);
	struct connection *c = open_to(&options);
	static const char want[] = "certificate of CN=server wrong-name, issued by CN=sendmail test CA, "
				   "for names other.test, 192.0.2.1, valid 2020-01-01 to 2049-12-31, clock here 20";
	struct reason reason;
	struct buffer text;
	size_t got, sent;
	char in[1];

	buffer_init(&text, REASON_MAX);
	ok(connection_describe(c, in_milliseconds(10000), &text) == 0 &&
		strncmp(buffer_string(&text), want, strlen(want)) == 0,
	    "a certificate is described");
	note("%s", buffer_string(&text));
	ok(connection_move(c, true, in, 1, &got, "x", 1, &sent, in_milliseconds(100), &reason) == -1 && sent == 0,
	    "and nothing moves after that");
	connection_close(c);
	server_end(&server);
	buffer_clear(&text);
	certificate_names(&text, "no certificate", 14);
	ok(text.length == 0, "no names in what is no certificate");
	buffer_free(&text);
}

/* Handshakes that never come to a certificate. */
static void
test_handshakes(void)
{
	static const struct style old = { .certificate = "good",
		.protocols = TLS_PROTOCOL_TLSv1_0 | TLS_PROTOCOL_TLSv1_1 },
				  weak = { .certificate = "good",
					  .protocols = TLS_PROTOCOL_TLSv1_2,
					  .ciphers = "ECDHE-ECDSA-AES256-SHA" };
	static const struct {
		const char *name;
		behaviour *play;
		const void *argument;
		int milliseconds;
		const char *want;
	} rows[] = {
		{ "plain text", greet, "220 mail.example ESMTP ready\r\n", 10000,
		    "the server spoke plain text (127.0.0.1); this port wants tls = starttls" },
		{ "old TLS", secure_echo, &old, 10000, "the server has only TLS 1.0 or 1.1, which are not safe" },
		{ "weak ciphers", secure_echo, &weak, 10000, "no common cipher" },
		{ "silence", stay_silent, NULL, 100, "no answer to the TLS handshake for 0.1 s" },
		{ "hang-up", hang_up, NULL, 10000,
		    "closed by the server during the TLS handshake (127.0.0.1); is this port meant for TLS" },
		{ "reset", say_nothing_and_reset, NULL, 10000, "reset by the server during the TLS handshake" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server = server_start(rows[i].play, rows[i].argument);
		struct connection_options options = options_for("localhost", server.port);
		struct connection *c = open_to(&options);
		struct reason reason = { "" };
		int64_t start = clock_milliseconds();

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
		    "the server wants a client certificate; logins by certificate" },
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

/* Uses the certificates of the build, or makes its own in a temporary folder. */
static bool
make_certificates(char *folder)
{
	char command[128];

	if (access(path_of("good.pem"), R_OK) == 0)
		return true;
	if (mkdtemp(folder) == NULL)
		return false;
	snprintf(certificates, sizeof(certificates), "%s/made", folder);
	snprintf(command, sizeof(command), "tests/certificates %s", certificates);
	return system(command) == 0;
}

int
main(void)
{
	char folder[] = "/tmp/connection.XXXXXX", command[64];
	int before = open_descriptors();

	signal(SIGPIPE, SIG_DFL);
	if (!ok(make_certificates(folder), "certificates"))
		return tap_done();
	test_verification();
	test_description();
	test_handshakes();
	test_starttls();
	test_endings();
	test_waiting();
	test_one_way();
	ok(open_descriptors() == before, "no descriptor is left open");
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (strchr(folder, 'X') == NULL && system(command) != 0)
		note("%s is left", folder);
	return tap_done();
}

/*
 * Connections in plain text: every way a connect can fail, deadlines, the
 * caller's patience, signals, cut writes, and the ends a server can put to it.
 */
#include "network/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include "connection_server.h"
#include "tap.h"

static void
echo(int fd, const void *argument)
{
	char bytes[3000];
	ssize_t n;

	(void)argument;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t done = 0, step; done < n; done += step)
			if ((step = write(fd, bytes + done, (size_t)(n - done))) < 0)
				return;
}

static void
stay_silent(int fd, const void *argument)
{
	(void)argument;
	read_to_end(fd);
}

/* Says the argument and leaves, with what the client sent unread. */
static void
say_and_leave(int fd, const void *argument)
{
	if (write(fd, argument, strlen(argument)) < 0)
		return;
	shutdown(fd, SHUT_WR);
}

static void
reset(int fd, const void *argument)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	char byte;

	(void)argument;
	if (read(fd, &byte, 1) == 1)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void
test_refused(void)
{
	static const struct {
		const char *name, *host, *port, *want;
		enum connection_trouble trouble;
	} rows[] = {
		{ "refused", "127.0.0.1", NULL,
		    "127.0.0.1:%s: connection refused; is the port right and the server running?",
		    CONNECTION_UNREACHABLE },
		{ "no socket", "/nonexistent/x.sock", "0",
		    "/nonexistent/x.sock: no such socket; is the service behind this socket running, and may this "
		    "user use it?",
		    CONNECTION_UNREACHABLE },
		{ "long path",
		    "/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
		    "8"
		    "901234567890",
		    "0",
		    "/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
		    "8"
		    "901234567890: a socket path can have at most 107 bytes",
		    CONNECTION_UNKNOWN_HOST },
	};
	char port[16], want[REASON_MAX];

	close(listen_on_port(port));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct connection_options options =
		    options_for(rows[i].host, rows[i].port != NULL ? rows[i].port : port);
		enum connection_trouble trouble = CONNECTION_OK;
		struct reason reason = { "" };
		struct connection *c = connection_open(&options, &trouble, &reason);

		snprintf(want, sizeof(want), "%s", rows[i].want);
		if (rows[i].port == NULL)
			snprintf(want, sizeof(want), "127.0.0.1:%s%s", port, strchr(rows[i].want, 's') + 1);
		if (!ok(c == NULL && trouble == rows[i].trouble && strcmp(reason.text, want) == 0, "%s", rows[i].name))
			note("%d %s\n# not %s", (int)trouble, reason.text, want);
		connection_close(c);
	}
}

/* "localhost" is in /etc/hosts; whether it has one address or two, 127.0.0.1 is told. */
static void
test_all_addresses_told(void)
{
	char port[16];
	struct connection_options options = options_for("localhost", port);
	enum connection_trouble trouble;
	struct reason reason = { "" };

	close(listen_on_port(port));
	ok(connection_open(&options, &trouble, &reason) == NULL && trouble == CONNECTION_UNREACHABLE &&
		strstr(reason.text, "connection refused (127.0.0.1)") != NULL,
	    "the addresses of a name are told");
	note("%s", reason.text);
}

static void
test_unknown_host(void)
{
	struct connection_options options = options_for("no-such-host.invalid", "465");
	enum connection_trouble trouble;
	struct reason reason = { "" };
	int64_t start = clock_milliseconds();

	ok(connection_open(&options, &trouble, &reason) == NULL && trouble == CONNECTION_UNKNOWN_HOST, "unknown host");
	note("%s", reason.text);
	ok(clock_milliseconds() - start < 11000, "an unknown host costs at most 11 seconds");
}

/* A listener whose queue is full: further connects get no answer. */
static int
fill_listener(char port[16], int fillers[4])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = listen_on_port(port);

	address.sin_port = htons((in_port_t)strtol(port, NULL, 10));
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fillers[i], (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS)
			perror("connect");
	}
	return listener;
}

static bool
stop_waiting(void *count)
{
	++*(int *)count;
	return true;
}

static bool
wait_on(void *count)
{
	++*(int *)count;
	return false;
}

static void
test_no_answer(void)
{
	int fillers[4], asked = 0;
	char port[16];
	int listener = fill_listener(port, fillers);
	struct patience patience = { .end = in_milliseconds(50), .over = wait_on, .context = &asked };
	struct connection_options options = options_for("127.0.0.1", port);
	enum connection_trouble trouble;
	struct reason reason = { "" };
	int64_t start = clock_milliseconds();

	options.address_timeout = 1;
	options.patience = &patience;
	ok(connection_open(&options, &trouble, &reason) == NULL && trouble == CONNECTION_UNREACHABLE &&
		strstr(reason.text, ": no answer; is the port right, and does no firewall") != NULL,
	    "a black hole");
	note("%s", reason.text);
	ok(clock_milliseconds() - start >= 1000 && clock_milliseconds() - start < 3000, "ends at its deadline");
	ok(asked == 1 && !patience.left, "patience over is asked once, and the wait went on");

	patience = (struct patience){ .end = in_milliseconds(50), .over = stop_waiting, .context = &asked };
	start = clock_milliseconds();
	ok(connection_open(&options, &trouble, &reason) == NULL && patience.left && asked == 2 &&
		clock_milliseconds() - start < 900,
	    "patience over ends a connect");
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	close(listener);
}

static void
test_echo(void)
{
	struct server server = server_start(echo, NULL);
	struct connection_options options = options_for("127.0.0.1", server.port);
	enum connection_trouble trouble;
	struct reason reason = { "" };
	struct connection *c = connection_open(&options, &trouble, &reason);

	if (ok(c != NULL && trouble == CONNECTION_OK, "connects")) {
		ok(echoes(c, MEBIBYTE, &reason), "1 MiB each way at once");
	}
	note("%s", reason.text);
	connection_close(c);
	server_end(&server);
}

static void
test_unix_socket(void)
{
	char folder[] = "/tmp/connection.XXXXXX", path[64];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct connection_options options = options_for(path, "0");
	enum connection_trouble trouble;
	struct reason reason = { "" };
	struct server server;
	struct connection *c;

	if (mkdtemp(folder) == NULL)
		return;
	snprintf(path, sizeof(path), "%s/socket", folder);
	memcpy(address.sun_path, path, strlen(path) + 1);
	server.pid = serve(listen_on((struct sockaddr *)&address, sizeof(address)), echo, NULL);
	c = connection_open(&options, &trouble, &reason);
	ok(c != NULL && echoes(c, MEBIBYTE, &reason), "unix socket");
	ok(connection_secure(c, in_milliseconds(1000), &reason) != 0 &&
		strstr(reason.text, "a local socket has no name to verify") != NULL &&
		strstr(reason.text, "tls = none") != NULL,
	    "no TLS on it");
	connection_close(c);
	server_end(&server);
	unlink(path);
	rmdir(folder);
}

static void
interrupt(int signal_number)
{
	(void)signal_number;
}

static void
test_waiting(void)
{
	struct server server = server_start(stay_silent, NULL);
	int asked = 0;
	struct patience patience = { .end = in_milliseconds(60000), .over = stop_waiting, .context = &asked };
	struct connection_options options = options_for("127.0.0.1", server.port);
	struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
	struct sigaction action = { .sa_handler = interrupt };
	enum connection_trouble trouble;
	struct reason reason;
	struct connection *c;
	size_t got, sent;
	char in[10];
	int64_t start;

	options.patience = &patience;
	c = connection_open(&options, &trouble, &reason);
	start = clock_milliseconds();
	ok(connection_move(c, true, in, sizeof(in), &got, NULL, 0, &sent, in_milliseconds(50), &reason) == 0 &&
		clock_milliseconds() - start >= 50,
	    "a silent server ends at the deadline");
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	start = clock_milliseconds();
	ok(connection_move(c, true, in, sizeof(in), &got, NULL, 0, &sent, in_milliseconds(30000), &reason) == 0 &&
		clock_milliseconds() - start < 10000,
	    "a signal ends a wait");
	patience.end = in_milliseconds(20);
	ok(connection_move(c, true, in, sizeof(in), &got, NULL, 0, &sent, in_milliseconds(30000), &reason) == 0 &&
		patience.left,
	    "patience over ends a wait");
	ok(connection_move(c, true, in, sizeof(in), &got, "x", 1, &sent, in_milliseconds(30000), &reason) == -1 &&
		sent == 0 && asked == 1,
	    "nothing moves after that");
	connection_close(c);
	server_end(&server);
}

static void
test_endings(void)
{
	static const struct {
		const char *name;
		behaviour *play;
		const char *says, *want;
	} rows[] = {
		{ "closed", say_and_leave, "220 hello\r\n", "closed by the server" },
		{ "last words before a broken pipe", say_and_leave, "552 too big\r\n", NULL },
		{ "reset", reset, "", "reset by the server" },
	};
	char *much = calloc(1, MEBIBYTE);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server = server_start(rows[i].play, rows[i].says);
		struct connection_options options = options_for("127.0.0.1", server.port);
		enum connection_trouble trouble;
		struct reason reason = { "" };
		struct connection *c = connection_open(&options, &trouble, &reason);
		size_t writing = i > 0 ? MEBIBYTE : 0, got = 0, sent, heard = 0;
		char in[64];
		int result;

		while ((result = connection_move(c, true, in + heard, sizeof(in) - heard, &got, much, writing, &sent,
			    in_milliseconds(10000), &reason)) > 0)
			heard += got;
		if (!ok(result == -1 && heard == strlen(rows[i].says) && memcmp(in, rows[i].says, heard) == 0 &&
			    (rows[i].want == NULL || strcmp(reason.text, rows[i].want) == 0),
			"%s", rows[i].name))
			note("%d %zu %s", result, heard, reason.text);
		connection_close(c);
		server_end(&server);
	}
	free(much);
}

int
main(void)
{
	int before = open_descriptors();

	signal(SIGPIPE, SIG_DFL);
	test_refused();
	test_all_addresses_told();
	test_unknown_host();
	test_no_answer();
	test_echo();
	test_unix_socket();
	test_waiting();
	test_endings();
	connection_close(NULL);
	ok(open_descriptors() == before, "no descriptor is left open");
	return tap_done();
}

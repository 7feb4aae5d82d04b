/*
 * Which addresses are tried, when and from where: in a network of its own, with
 * its own /etc/hosts and name servers, so that both families are there and
 * nobody else answers.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "connection_server.h"
#include "network/connection.h"
#include "tap.h"

enum { FILLERS = 4, NAME_SERVERS = 3 };

static const char hosts[] = "::1 dual.test six.test\n127.0.0.1 dual.test four.test\n"
			    "127.0.0.1 many.test\n127.0.0.2 many.test\n::1 many.test\n";
static const char resolvers[] = "nameserver 127.0.0.11\nnameserver 127.0.0.12\nnameserver 127.0.0.13\n"
				"search a.test b.test c.test\n";

/* The file of this process, and of it alone, at the place of the machine's. */
static bool
replace_file(const char *path, const char *text)
{
	char name[] = "/tmp/connection.XXXXXX";
	int fd = mkstemp(name);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		    mount(name, path, NULL, MS_BIND, NULL) == 0;

	close(fd);
	unlink(name);
	return good;
}

static bool
make_own_network(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &loopback) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	close(fd);
	return replace_file("/etc/hosts", hosts) && replace_file("/etc/resolv.conf", resolvers) &&
	       replace_file("/etc/nsswitch.conf", "hosts: files dns\n");
}

/* Listens on ::1 at a port of 127.0.0.1 that is known already. */
static int
listen_on_six(const char *port)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons((in_port_t)atoi(port))
	};

	return listen_on((struct sockaddr *)&address, sizeof(address));
}

/* From now on the listener, whose queue is full, gives no answer: like an address whose packets are lost. */
static void
fill(int listener, int fillers[FILLERS])
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	getsockname(listener, (struct sockaddr *)&address, &length);
	for (int i = 0; i < FILLERS; i++) {
		fillers[i] = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fillers[i], (struct sockaddr *)&address, length) != 0 && errno != EINPROGRESS)
			perror("connect");
	}
}

static void
empty(int listener, const int fillers[FILLERS])
{
	for (int i = 0; i < FILLERS; i++)
		close(fillers[i]);
	close(listener);
}

/* Says from where the client came. */
static void
say_peer(int fd, const void *argument)
{
	struct sockaddr_in6 peer;
	socklen_t length = sizeof(peer);
	char text[INET6_ADDRSTRLEN + 2];

	(void)argument;
	getpeername(fd, (struct sockaddr *)&peer, &length);
	inet_ntop(peer.sin6_family,
	    peer.sin6_family == AF_INET6 ? (void *)&peer.sin6_addr : (void *)&((struct sockaddr_in *)&peer)->sin_addr,
	    text, INET6_ADDRSTRLEN);
	strcat(text, "\r\n");
	if (write(fd, text, strlen(text)) > 0)
		read_to_end(fd);
}

enum six { SIX_REFUSES, SIX_DEAD, SIX_LIVES };

/* 127.0.0.1 lives in every row; ::1 at the same port does as said. */
static const struct choice {
	const char *name, *host;
	enum six six;
	int family;
	const char *source;
	const char *want; /* who the server says we are, or how the reason begins after "HOST:PORT" or "HOST" */
	int least, most; /* milliseconds */
} choices[] = {
	{ "dead IPv6, live IPv4", "dual.test", SIX_DEAD, 0, NULL, "127.0.0.1", 250, 300 },
	{ "IPv6 refused: IPv4 at once", "dual.test", SIX_REFUSES, 0, NULL, "127.0.0.1", 0, 200 },
	{ "both live: IPv6", "dual.test", SIX_LIVES, 0, NULL, "::1", 0, 200 },
	{ "family = 4", "dual.test", SIX_DEAD, 4, NULL, "127.0.0.1", 0, 200 },
	{ "family = 6", "dual.test", SIX_LIVES, 6, NULL, "::1", 0, 200 },
	{ "family = 6, refused", "dual.test", SIX_REFUSES, 6, NULL,
	    ": connection refused (::1); is the port right and the server running?", 0, 200 },
	{ "family = 6, none", "127.0.0.1", SIX_LIVES, 6, NULL, ": no IPv6 address, which family asks for;", 0, 200 },
	{ "source_address", "four.test", SIX_DEAD, 0, "127.0.0.9", "127.0.0.9", 0, 200 },
	{ "source_address decides the family", "dual.test", SIX_DEAD, 0, "127.0.0.9", "127.0.0.9", 0, 200 },
	{ "source_address of IPv6", "dual.test", SIX_LIVES, 0, "::1", "::1", 0, 200 },
	{ "source_address without a target", "127.0.0.1", SIX_LIVES, 0, "::1",
	    ": no IPv6 address, which source_address asks for;", 0, 200 },
	{ "source_address of another machine", "dual.test", SIX_LIVES, 0, "192.0.2.9",
	    ": source_address 192.0.2.9: Cannot assign requested address; set it to an address of this machine", 0,
	    200 },
	{ "source_address that is none", "dual.test", SIX_LIVES, 0, "eth0", ": source_address eth0: Invalid argument;",
	    0, 200 },
};

static void
end(struct server *server)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	server_end(server);
}

static bool
choose(const struct choice *row, int *took, struct reason *reason)
{
	struct server four = server_start(say_peer, NULL), six = { .pid = -1 };
	struct connection_options options = options_for(row->host, four.port);
	enum connection_trouble trouble;
	struct connection *c;
	int listener = row->six != SIX_REFUSES ? listen_on_six(four.port) : -1, fillers[FILLERS];
	int64_t start;
	char line[64];
	bool good;

	if (row->six == SIX_DEAD)
		fill(listener, fillers);
	else if (row->six == SIX_LIVES)
		six.pid = serve(listener, say_peer, NULL);
	options.family = row->family;
	options.source_address = row->source;
	start = clock_milliseconds();
	c = connection_open(&options, &trouble, reason);
	*took = (int)(clock_milliseconds() - start);
	snprintf(line, sizeof(line), "%s\r\n", row->want);
	good = row->want[0] != ':' || row->want[1] == ':' ? c != NULL && hears(c, line, reason)
							  : c == NULL && strstr(reason->text, row->want) != NULL;
	connection_close(c);
	if (row->six == SIX_DEAD)
		empty(listener, fillers);
	end(&four);
	end(&six);
	return good;
}

static void
test_choice(void)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct reason reason = { "" };
		int took = -1;
		bool good = true, in_time = false;

		/* A busy machine may hold us up, but not each time. */
		for (int attempt = 0; attempt < 3 && good && !in_time; attempt++) {
			good = choose(&choices[i], &took, &reason);
			in_time = took >= choices[i].least && took <= choices[i].most;
		}
		ok(good && in_time, "%s", choices[i].name);
		note("%d ms %s", took, reason.text);
	}
}

/* All fail: each with its cause, and they wait at the same time. */
static void
test_all_fail(void)
{
	int four[FILLERS], six[FILLERS];
	char port[16], want[REASON_MAX];
	int listener = listen_on_port(port), listener_six = listen_on_six(port);
	struct connection_options options = options_for("many.test", port);
	enum connection_trouble trouble;
	struct reason reason = { "" };
	int64_t took = clock_milliseconds();

	fill(listener, four);
	fill(listener_six, six);
	options.address_timeout = 1;
	ok(connection_open(&options, &trouble, &reason) == NULL && trouble == CONNECTION_UNREACHABLE, "all fail");
	took = clock_milliseconds() - took;
	snprintf(want, sizeof(want),
	    "many.test:%s: no answer (::1), no answer (127.0.0.1), connection refused (127.0.0.2); is the port right, "
	    "and does no firewall block it?",
	    port);
	ok(strcmp(reason.text, want) == 0, "each address is named with its cause, families alternate");
	note("%d ms %s", (int)took, reason.text);
	ok(took >= 1250 && took < 1500, "they wait together");

	options.address_timeout = 10;
	options.connect_timeout = 1;
	took = clock_milliseconds();
	ok(connection_open(&options, &trouble, &reason) == NULL, "all fail again");
	took = clock_milliseconds() - took;
	ok(took >= 1000 && took < 1200, "connect_timeout bounds all of them");
	empty(listener, four);
	empty(listener_six, six);
}

static bool
leave(void *context)
{
	(void)context;
	return true;
}

/* Name servers that are there but never answer. */
static void
test_dead_name_servers(void)
{
	struct connection_options options = options_for("mail.elsewhere.test", "465");
	struct patience patience = { .end = in_milliseconds(50), .over = leave };
	enum connection_trouble trouble;
	struct reason reason = { "" };
	int servers[NAME_SERVERS];
	int64_t took;

	for (int i = 0; i < NAME_SERVERS; i++) {
		struct sockaddr_in address = {
			.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f00000b + (uint32_t)i)
		};

		servers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(servers[i], (struct sockaddr *)&address, sizeof(address)) != 0)
			perror("bind");
	}
	options.patience = &patience;
	took = clock_milliseconds();
	ok(connection_open(&options, &trouble, &reason) == NULL && patience.left, "patience over ends a look-up");
	ok(clock_milliseconds() - took < 500, "at once");

	options.patience = NULL;
	options.connect_timeout = 60;
	took = clock_milliseconds();
	ok(connection_open(&options, &trouble, &reason) == NULL && trouble == CONNECTION_UNKNOWN_HOST &&
		strstr(reason.text, "the name servers gave no answer") != NULL,
	    "dead name servers");
	took = clock_milliseconds() - took;
	note("%d ms %s", (int)took, reason.text);
	ok(took < 10000, "three of them and three search domains cost less than 10 seconds");

	options.connect_timeout = 1;
	took = clock_milliseconds();
	ok(connection_open(&options, &trouble, &reason) == NULL && clock_milliseconds() - took < 1500,
	    "connect_timeout bounds the look-up");
	for (int i = 0; i < NAME_SERVERS; i++)
		close(servers[i]);
}

int
main(void)
{
	int before = open_descriptors();

	signal(SIGPIPE, SIG_DFL);
	if (!make_own_network()) {
		ok(true, "addresses # SKIP needs network and mount namespaces");
		return tap_done();
	}
	test_choice();
	test_all_fail();
	test_dead_name_servers();
	ok(open_descriptors() == before, "no descriptor is left open");
	return tap_done();
}

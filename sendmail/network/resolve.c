/*
 * getaddrinfo() cannot be given a deadline and no signal cuts it short, so a
 * child asks, which can be left alone with dead name servers; and the resolver's
 * own patience is reduced, so that the living server after a dead one is still
 * asked. AI_ADDRCONFIG is not used: it does not count loopback as an address, and
 * "localhost" must work in a machine without a network. Address families that do
 * not work here are sorted last by the resolver and fail at once.
 */
#include "network/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "network/wait.h"

enum { RESOLVER_SECONDS = 2, RESOLVER_ROUNDS = 1 };

/* What a look-up came to; it passes through a pipe in this shape. */
struct answer {
	int code; /* of getaddrinfo() */
	int error; /* errno for EAI_SYSTEM */
	struct endpoints found;
};

static const struct {
	int code;
	const char *text;
} lookup_troubles[] = {
	{ EAI_NONAME, "no such host name; is it spelled right, and does DNS work here?" },
#ifdef EAI_NODATA
	{ EAI_NODATA, "this name has no address; is it spelled right?" },
#endif
#ifdef EAI_ADDRFAMILY
	{ EAI_ADDRFAMILY, "this name has no usable address; is it spelled right?" },
#endif
	{ EAI_AGAIN, "the name servers gave no answer; is the network up, and is /etc/resolv.conf right?" },
	{ EAI_FAIL, "the name server failed; is /etc/resolv.conf right?" },
};

/* The address family that is asked for, by its own key or by the address to connect from. */
static int
wanted_family(const struct connection_options *options)
{
	if (options->family != 0)
		return options->family == 6 ? AF_INET6 : AF_INET;
	if (options->source_address != NULL)
		return strchr(options->source_address, ':') != NULL ? AF_INET6 : AF_INET;
	return AF_UNSPEC;
}

static bool
lacks_address(int code)
{
	return code == EAI_NONAME
#ifdef EAI_NODATA
	       || code == EAI_NODATA
#endif
#ifdef EAI_ADDRFAMILY
	       || code == EAI_ADDRFAMILY
#endif
	    ;
}

static enum connection_trouble
lookup_trouble(const struct connection_options *options, const struct answer *answer, struct reason *reason)
{
	bool local = answer->code == EAI_SYSTEM || answer->code == EAI_MEMORY;
	const char *text = answer->code == EAI_SYSTEM ? strerror(answer->error) : gai_strerror(answer->code);
	int family = wanted_family(options);

	for (size_t i = 0; i < sizeof(lookup_troubles) / sizeof(lookup_troubles[0]); i++)
		if (lookup_troubles[i].code == answer->code)
			text = lookup_troubles[i].text;
	if (family != AF_UNSPEC && lacks_address(answer->code))
		reason_set(reason, "%s: no IPv%d address, which %s asks for; is the name spelled right?", options->host,
		    family == AF_INET6 ? 6 : 4, options->family != 0 ? "family" : "source_address");
	else
		reason_set(reason, "%s: %s", options->host, text);
	return local ? CONNECTION_SYSTEM : CONNECTION_UNKNOWN_HOST;
}

static void
limit_resolver(void)
{
#ifdef __GLIBC__
	if (res_init() != 0)
		return;
	_res.retrans = RESOLVER_SECONDS;
	_res.retry = RESOLVER_ROUNDS;
#endif
}

static enum connection_trouble
socket_path(const char *path, struct endpoints *found, struct reason *reason)
{
	struct endpoint *only = &found->list[0];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	if (length >= sizeof(address.sun_path)) {
		reason_set(reason, "%s: a socket path can have at most %zu bytes", path, sizeof(address.sun_path) - 1);
		return CONNECTION_UNKNOWN_HOST;
	}
	memcpy(address.sun_path, path, length + 1);
	memcpy(&only->address, &address, sizeof(address));
	memcpy(only->text, path, length + 1);
	only->length = sizeof(address);
	found->count = 1;
	return CONNECTION_OK;
}

static void
add_endpoint(struct endpoints *found, const struct addrinfo *info)
{
	struct endpoint *next = &found->list[found->count];

	if (found->count == ENDPOINTS_MAX || info->ai_addrlen > sizeof(next->address))
		return;
	memcpy(&next->address, info->ai_addr, info->ai_addrlen);
	next->length = info->ai_addrlen;
	if (getnameinfo(info->ai_addr, info->ai_addrlen, next->text, sizeof(next->text), NULL, 0, NI_NUMERICHOST) == 0)
		found->count++;
}

/* The first one from here that is of this family, or is not. */
static const struct addrinfo *
skip_to(const struct addrinfo *info, int family, bool same)
{
	while (info != NULL && (info->ai_family == family) != same)
		info = info->ai_next;
	return info;
}

/* One of the first family, one of the other, and so on (RFC 8305, 4): a family that is dead as a whole costs one wait.
 */
static void
add_alternating(struct endpoints *found, const struct addrinfo *list)
{
	int family = list->ai_family;
	const struct addrinfo *same = list, *other = skip_to(list, family, false);

	while (same != NULL || other != NULL) {
		if (same != NULL) {
			add_endpoint(found, same);
			same = skip_to(same->ai_next, family, true);
		}
		if (other != NULL) {
			add_endpoint(found, other);
			other = skip_to(other->ai_next, family, false);
		}
	}
}

static void
look_up(const struct connection_options *options, int flags, struct answer *answer)
{
	struct addrinfo hints = {
		.ai_family = wanted_family(options), .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV
	};
	struct addrinfo *list = NULL;

	memset(answer, 0, sizeof(*answer));
	answer->code = getaddrinfo(options->host, options->port, &hints, &list);
	answer->error = errno;
	if (answer->code != 0)
		return;
	add_alternating(&answer->found, list);
	freeaddrinfo(list);
	if (answer->found.count == 0)
		answer->code = EAI_NONAME;
}

/* Asks in a child, which keeps nothing of ours open and ends by itself. The reading end of its pipe, or -1. */
static int
start_lookup(const struct connection_options *options, pid_t *pid)
{
	struct answer answer;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	*pid = fork();
	if (*pid != 0) {
		close(ends[1]);
		if (*pid > 0)
			return ends[0];
		close(ends[0]);
		return -1;
	}
	process_detach();
	signal(SIGALRM, SIG_DFL);
	alarm(LOOKUP_SECONDS);
	look_up(options, 0, &answer);
	_exit(write(ends[1], &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

static bool
read_answer(int fd, struct answer *answer, int64_t deadline, struct patience *patience)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	size_t have = 0;

	while (have < sizeof(*answer)) {
		int ready = wait_for(&polled, 1, deadline, patience);
		ssize_t n = ready > 0 ? read(fd, (char *)answer + have, sizeof(*answer) - have) : 0;

		if (ready == 0 || (ready > 0 && n <= 0))
			return false;
		have += (size_t)n;
	}
	return true;
}

/* It may be no child of ours: the caller's patience can end in one process and go on in another. */
static void
end_lookup(pid_t pid)
{
	if (waitpid(pid, NULL, WNOHANG) != 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
ask_name_servers(const struct connection_options *options, int64_t deadline, struct answer *answer)
{
	int64_t limit = clock_milliseconds() + (int64_t)LOOKUP_SECONDS * 1000;
	pid_t pid = -1;
	int fd;

	limit_resolver();
	fd = start_lookup(options, &pid);
	if (fd < 0) {
		look_up(options, 0, answer);
		return;
	}
	if (!read_answer(fd, answer, deadline < limit ? deadline : limit, options->patience))
		answer->code = EAI_AGAIN;
	close(fd);
	/* Whoever goes on for a caller who left still waits for the answer. */
	if (!has_left(options->patience))
		end_lookup(pid);
}

enum connection_trouble
resolve(const struct connection_options *options, int64_t deadline, struct endpoints *found, struct reason *reason)
{
	struct answer answer;

	found->count = 0;
	if (options->host[0] == '/')
		return socket_path(options->host, found, reason);
	look_up(options, AI_NUMERICHOST, &answer);
	if (answer.code == EAI_NONAME)
		ask_name_servers(options, deadline, &answer);
	if (answer.code != 0)
		return lookup_trouble(options, &answer, reason);
	*found = answer.found;
	return CONNECTION_OK;
}

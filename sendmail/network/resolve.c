/*
 * getaddrinfo() cannot be given a deadline and no signal cuts it short, so its
 * own patience is reduced before the first question. AI_ADDRCONFIG is not used:
 * it does not count loopback as an address, and "localhost" must work in a
 * machine without a network. Address families that do not work here are sorted
 * last by the resolver and fail at once.
 */
#include "network/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <sys/un.h>

enum { RESOLVER_SECONDS = 2, RESOLVER_ROUNDS = 1 };

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

static enum connection_trouble
lookup_trouble(int code, const char *host, struct reason *reason)
{
	bool local = code == EAI_SYSTEM || code == EAI_MEMORY;
	const char *text = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);

	for (size_t i = 0; i < sizeof(lookup_troubles) / sizeof(lookup_troubles[0]); i++)
		if (lookup_troubles[i].code == code)
			text = lookup_troubles[i].text;
	reason_set(reason, "%s: %s", host, text);
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

	if (info->ai_addrlen > sizeof(next->address))
		return;
	memcpy(&next->address, info->ai_addr, info->ai_addrlen);
	next->length = info->ai_addrlen;
	if (getnameinfo(info->ai_addr, info->ai_addrlen, next->text, sizeof(next->text), NULL, 0, NI_NUMERICHOST) == 0)
		found->count++;
}

enum connection_trouble
resolve(const char *host, const char *port, struct endpoints *found, struct reason *reason)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int code;

	found->count = 0;
	if (host[0] == '/')
		return socket_path(host, found, reason);
	code = getaddrinfo(host, port, &hints, &list);
	if (code == EAI_NONAME) {
		limit_resolver();
		hints.ai_flags = AI_NUMERICSERV;
		code = getaddrinfo(host, port, &hints, &list);
	}
	if (code != 0)
		return lookup_trouble(code, host, reason);
	for (const struct addrinfo *info = list; info != NULL && found->count < ENDPOINTS_MAX; info = info->ai_next)
		add_endpoint(found, info);
	freeaddrinfo(list);
	return found->count > 0 ? CONNECTION_OK : lookup_trouble(EAI_NONAME, host, reason);
}

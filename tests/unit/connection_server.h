/*
 * For the tests of connections: a server of one connection in a forked child,
 * on a loopback port or a unix socket the system chose.
 */
#ifndef TESTS_CONNECTION_SERVER_H
#define TESTS_CONNECTION_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network/connection.h"

enum { SERVER_LIFE = 60, MEBIBYTE = 1 << 20 };

struct server {
	pid_t pid;
	char port[16];
};

/* Plays the server on an accepted, blocking connection. */
typedef void behaviour(int fd, const void *argument);

static inline int
listen_on(struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_STREAM, 0), small = 16384;

	/* Small buffers, so that writes are cut and wait. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (fd < 0 || bind(fd, address, length) != 0 || listen(fd, 1) != 0) {
		perror("test server");
		exit(1);
	}
	return fd;
}

/* A port of 127.0.0.1; returns the listening descriptor. */
static inline int
listen_on_port(char port[16])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = listen_on((struct sockaddr *)&address, length);

	getsockname(fd, (struct sockaddr *)&address, &length);
	snprintf(port, 16, "%u", ntohs(address.sin_port));
	return fd;
}

static inline pid_t
serve(int listener, behaviour *play, const void *argument)
{
	pid_t pid;
	int fd;

	fflush(stdout);
	pid = fork();
	if (pid != 0) {
		close(listener);
		return pid;
	}
	alarm(SERVER_LIFE);
	signal(SIGPIPE, SIG_IGN);
	fd = accept(listener, NULL, NULL);
	close(listener);
	if (fd >= 0)
		play(fd, argument);
	_exit(0);
}

static inline struct server
server_start(behaviour *play, const void *argument)
{
	struct server server;
	int listener = listen_on_port(server.port);

	server.pid = serve(listener, play, argument);
	return server;
}

/* After the connection was closed. */
static inline void
server_end(const struct server *server)
{
	while (waitpid(server->pid, NULL, 0) < 0)
		;
}

static inline struct connection_options
options_for(const char *host, const char *port)
{
	return (struct connection_options){ .host = host, .port = port, .address_timeout = 10, .connect_timeout = 10 };
}

static inline int64_t
in_milliseconds(int n)
{
	return clock_milliseconds() + n;
}

static inline void
read_to_end(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Reads until the bytes end in want, the connection is lost or 10 seconds are over. */
static inline bool
hears(struct connection *c, const char *want, struct reason *reason)
{
	char in[4096];
	size_t have = 0, got, sent;
	int64_t deadline = in_milliseconds(10000);

	while (have < sizeof(in) &&
	       connection_move(c, true, in + have, sizeof(in) - have, &got, NULL, 0, &sent, deadline, reason) > 0) {
		have += got;
		if (have >= strlen(want) && memcmp(in + have - strlen(want), want, strlen(want)) == 0)
			return true;
	}
	return false;
}

/* Sends total bytes while it reads as many back, and compares. */
static inline bool
echoes(struct connection *c, size_t total, struct reason *reason)
{
	char *out = malloc(total), in[5000];
	size_t sent = 0, heard = 0, n, got;
	int64_t deadline = in_milliseconds(30000);
	bool good = true;

	for (size_t i = 0; i < total; i++)
		out[i] = (char)(i * 7 + (i >> 8));
	while (good && heard < total) {
		good = connection_move(c, true, in, sizeof(in), &got, out + sent, total - sent, &n, deadline, reason) >
			   0 &&
		       heard + got <= total && memcmp(in, out + heard, got) == 0;
		sent += n;
		heard += got;
	}
	free(out);
	return good;
}

static inline int
open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif

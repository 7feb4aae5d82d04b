/*
 * The least that submits one message: libtls, fixed commands, no options, no
 * header work, no queue. What sendmail costs is measured as a ratio to it.
 *
 *	floor PORT CA-PATH USER PASSWORD FROM TO <message
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tls.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/encode.h"

enum { MESSAGE_MAX = 1 << 26 };

static void
say(struct tls *tls, const struct buffer *text)
{
	for (size_t sent = 0; sent < text->length;) {
		ssize_t n = tls_write(tls, text->data + sent, text->length - sent);

		if (n < 0)
			errx(1, "write: %s", tls_error(tls));
		sent += (size_t)n;
	}
}

/* Reads until `count` final reply lines were seen. */
static void
hear(struct tls *tls, int count)
{
	char block[4096];
	size_t column = 0;
	bool final = false;

	while (count > 0) {
		ssize_t n;

		do
			n = tls_read(tls, block, sizeof(block));
		while (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT);
		if (n <= 0)
			errx(1, "read: %s", tls_error(tls));
		for (ssize_t i = 0; i < n; i++, column++) {
			if (column == 0 && block[i] > '3')
				errx(1, "refused");
			if (column == 3)
				final = block[i] == ' ';
			if (block[i] == '\n') {
				count -= final;
				column = (size_t)-1;
			}
		}
	}
}

static struct tls *
open_tls(const char *port, const char *ca_path)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	struct tls_config *config = tls_config_new();
	struct tls *tls = tls_client();
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	tls_config_set_ca_path(config, ca_path);
	tls_configure(tls, config);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect");
	if (tls_connect_socket(tls, fd, "localhost") < 0 || tls_handshake(tls) < 0)
		errx(1, "%s", tls_error(tls));
	return tls;
}

static void
read_message(struct buffer *out)
{
	char block[65536];
	size_t n, start;

	while ((n = fread(block, 1, sizeof(block), stdin)) > 0)
		for (size_t i = start = 0; i < n; i++)
			if (block[i] == '\n' || i + 1 == n) {
				buffer_add(out, block + start, i + (block[i] != '\n') - start);
				if (block[i] == '\n')
					buffer_add(out, "\r\n", 2);
				start = i + 1;
			}
}

int
main(int argc, char **argv)
{
	struct buffer out, login, message;
	struct tls *tls;

	if (argc != 7)
		errx(64, "usage: floor port ca-path user password from to");
	buffer_init(&out, MESSAGE_MAX);
	buffer_init(&login, 1024);
	buffer_init(&message, MESSAGE_MAX);
	read_message(&message);
	tls = open_tls(argv[1], argv[2]);
	hear(tls, 1);
	buffer_add_string(&out, "EHLO floor.test\r\n");
	say(tls, &out);
	hear(tls, 1);
	buffer_clear(&out);
	buffer_add_char(&login, '\0');
	buffer_add_string(&login, argv[3]);
	buffer_add_char(&login, '\0');
	buffer_add_string(&login, argv[4]);
	buffer_add_string(&out, "AUTH PLAIN ");
	base64_encode(&out, login.data, login.length);
	buffer_add_string(&out, "\r\n");
	say(tls, &out);
	hear(tls, 1);
	buffer_clear(&out);
	buffer_format(&out, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %zu LAST\r\n", argv[5], argv[6], message.length);
	buffer_add(&out, message.data, message.length);
	buffer_add_string(&out, "QUIT\r\n");
	say(tls, &out);
	hear(tls, 3);
	return 0;
}

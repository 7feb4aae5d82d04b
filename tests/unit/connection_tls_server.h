/*
 * For the tests of connections through TLS: servers, and the certificates they
 * show, those of the build or, without them, fresh ones.
 */
#ifndef TESTS_CONNECTION_TLS_SERVER_H
#define TESTS_CONNECTION_TLS_SERVER_H

#include <tls.h>

#include "connection_server.h"
#include "tap.h"

static char certificates[64] = "build/certificates";

/* How the TLS server of a test differs from a good one. */
struct style {
	const char *certificate;
	uint32_t protocols;
	const char *ciphers;
	bool starttls;
	bool client_certificate; /* wanted, signed by our CA */
	bool staple; /* of the certificate, NAME.staple */
	bool no_close_notify;
};

static inline const char *
path_of(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", certificates, name);
	return path;
}

static inline struct tls *
accept_tls(int fd, const struct style *style)
{
	struct tls_config *config = tls_config_new();
	struct tls *server = tls_server(), *client = NULL;
	char pem[64], key[64], staple[64];

	snprintf(pem, sizeof(pem), "%s.pem", style->certificate);
	snprintf(key, sizeof(key), "%s.key", style->certificate);
	if (tls_config_set_keypair_file(config, path_of(pem), path_of(key)) != 0 ||
	    (style->protocols != 0 && tls_config_set_protocols(config, style->protocols) != 0) ||
	    (style->ciphers != NULL && tls_config_set_ciphers(config, style->ciphers) != 0) ||
	    tls_config_set_ca_file(config, path_of("ca.pem")) != 0)
		_exit(1);
	snprintf(staple, sizeof(staple), "%s.staple", style->certificate);
	if (style->staple && tls_config_set_ocsp_staple_file(config, path_of(staple)) != 0)
		_exit(1);
	if (style->client_certificate)
		tls_config_verify_client(config);
	if (tls_configure(server, config) != 0 || tls_accept_socket(server, &client, fd) != 0)
		_exit(1);
	return tls_handshake(client) == 0 ? client : NULL;
}

static inline void
send_all(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(1);
}

/* Echoes until the end, or until a lone "." comes: then it leaves. */
static inline void
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

static inline struct connection *
open_to(const struct connection_options *options)
{
	enum connection_trouble trouble;
	struct reason reason = { "" };
	struct connection *c = connection_open(options, &trouble, &reason);

	if (c == NULL)
		note("%s", reason.text);
	return c;
}

/* Uses the certificates of the build, or makes its own in a temporary folder. */
static inline bool
make_certificates(char *folder)
{
	char command[128];

	if (access(path_of("revoked.staple"), R_OK) == 0)
		return true;
	if (mkdtemp(folder) == NULL)
		return false;
	snprintf(certificates, sizeof(certificates), "%s/made", folder);
	snprintf(command, sizeof(command), "tests/certificates %s", certificates);
	return system(command) == 0;
}

/* What make_certificates() made. */
static inline void
remove_certificates(const char *folder)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (strchr(folder, 'X') == NULL && system(command) != 0)
		note("%s is left", folder);
}

#endif

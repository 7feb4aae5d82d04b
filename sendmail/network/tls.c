/*
 * Everything the TLS libraries could decide differently is set here: protocols,
 * ciphers, the source of CAs, verification. Bytes pass through callbacks, for
 * two reasons: MSG_NOSIGNAL (a dead peer must not raise SIGPIPE), and libtls
 * hides errno and the end of the stream, which make the better explanation.
 */
#include "network/tls.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <tls.h>

#include "base/buffer.h"
#include "base/certificate.h"
#include "base/encode.h"
#include "network/connection.h"

/* Forward secrecy and AEAD only; the libraries' own defaults differ. TLS 1.3 has its own list. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL"
/* Keys and signatures of less than 112 bits are refused; an old LibreSSL does not know the word. */
#define STRENGTH ":@SECLEVEL=2"
/* A folder of CAs by hash costs one file per connection; a bundle file is parsed whole, nine tenths of a short run. */
#define SYSTEM_CA_PATH "/etc/ssl/certs"

/* An alert alone has 7 bytes; a server that took up the handshake has sent many more. */
enum { ALERT_LENGTH = 7 };
enum { SUBJECT_MAX = 256, DATE_LENGTH = sizeof("-2147483648-01-01") };

struct tls_session {
	struct tls *context;
	const struct connection_options *options;
	bool verify;
	bool after_plain;
	size_t received;
	int fd;
	int error; /* errno of the first recv() or send() that failed in this step */
	bool ended; /* recv() met the end of the stream in this step */
};

/* The first one counts: libtls may go on to send an alert into a dead connection. */
static void
note_error(struct tls_session *s, int error)
{
	if (s->error == 0)
		s->error = error;
}

static ssize_t
receive(struct tls *context, void *bytes, size_t size, void *argument)
{
	struct tls_session *s = argument;
	ssize_t n = recv(s->fd, bytes, size, 0);

	(void)context;
	if (n >= 0) {
		s->ended = n == 0;
		s->received += (size_t)n;
		return n;
	}
	if (errno == EAGAIN || errno == EINTR)
		return TLS_WANT_POLLIN;
	note_error(s, errno);
	return -1;
}

static ssize_t
transmit(struct tls *context, const void *bytes, size_t length, void *argument)
{
	struct tls_session *s = argument;
	ssize_t n = send(s->fd, bytes, length, MSG_NOSIGNAL);

	(void)context;
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return TLS_WANT_POLLOUT;
	note_error(s, errno);
	return -1;
}

/* NNNNNNNN.0, as "openssl rehash" makes them. */
static bool
is_hash_link(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
	       strspn(name + 9, "0123456789") == strlen(name + 9);
}

static bool
has_hash_links(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	bool found = false;

	if (folder == NULL)
		return false;
	while (!found && (entry = readdir(folder)) != NULL)
		found = is_hash_link(entry->d_name);
	closedir(folder);
	return found;
}

/* Exactly one source of CAs: ca_file, ca_path, the system's folder, the system's file. */
static int
choose_authorities(struct tls_config *config, const struct connection_options *options, struct explanation *why)
{
	const char *file = options->ca_file, *path = options->ca_path;

	if (file == NULL && path == NULL && has_hash_links(SYSTEM_CA_PATH))
		path = SYSTEM_CA_PATH;
	else if (file == NULL && path == NULL)
		file = tls_default_ca_cert_file();
	if (file == NULL && (path == NULL || !has_hash_links(path))) {
		*why = explain("run openssl rehash on it", "ca_path %s holds no CA certificates by hash", path);
		return -1;
	}
	if (file == NULL ? tls_config_set_ca_path(config, path) == 0 : tls_config_set_ca_file(config, file) == 0)
		return 0;
	if (options->ca_file != NULL)
		*why = explain("set ca_file to a readable file of CA certificates", "%s", tls_config_error(config));
	else
		*why = explain("install ca-certificates, or set ca_file", "%s", tls_config_error(config));
	return -1;
}

static int
choose_algorithms(struct tls_config *config, const struct connection_options *options, struct explanation *why)
{
	uint32_t protocols = TLS_PROTOCOL_TLSv1_3 | (options->tls_min < 13 ? TLS_PROTOCOL_TLSv1_2 : 0);

	if (tls_config_set_protocols(config, protocols) == 0 &&
	    (tls_config_set_ciphers(config, CIPHERS STRENGTH) == 0 || tls_config_set_ciphers(config, CIPHERS) == 0))
		return 0;
	*why = explain("update libtls", "%s", tls_config_error(config));
	return -1;
}

static int
show_certificate(struct tls_config *config, const struct connection_options *options, struct explanation *why)
{
	if (options->client_cert == NULL && options->client_key == NULL)
		return 0;
	if (options->client_cert == NULL || options->client_key == NULL)
		*why = explain(
		    "set both client_cert and client_key", "half of a client certificate and its key is missing");
	else if (tls_config_set_keypair_file(config, options->client_cert, options->client_key) == 0)
		return 0;
	else
		*why = explain_tls(tls_config_error(config), 0);
	return -1;
}

static int
configure(struct tls_config *config, const struct connection_options *options, bool verify, struct explanation *why)
{
	if (choose_algorithms(config, options, why) != 0)
		return -1;
	/* Nothing passes before check_pins() has compared; or nothing passes at all. */
	if (!verify || options->pin_count > 0) {
		tls_config_insecure_noverifycert(config);
		tls_config_insecure_noverifyname(config);
		return verify ? show_certificate(config, options, why) : 0;
	}
	tls_config_verify(config);
	return show_certificate(config, options, why) != 0 ? -1 : choose_authorities(config, options, why);
}

static const char *
server_name(const struct connection_options *options)
{
	return options->tls_name != NULL ? options->tls_name : options->host;
}

static struct explanation
explain_failure(const struct tls_session *s)
{
	unsigned situation = (s->after_plain ? TLS_AFTER_PLAIN : 0) | (s->received > ALERT_LENGTH ? TLS_ANSWERED : 0) |
			     (s->options->client_cert != NULL ? TLS_SHOWED : 0) |
			     (s->options->tls_min >= 13 ? TLS_ONLY_13 : 0);

	return explain_tls(tls_error(s->context), situation);
}

struct tls_session *
tls_session_new(int fd, const struct connection_options *options, bool verify, struct explanation *why)
{
	struct tls_session *s = allocate(1, sizeof(*s));
	struct tls_config *config = tls_init() == 0 ? tls_config_new() : NULL;
	bool good = false;

	s->fd = fd;
	s->options = options;
	s->verify = verify;
	s->context = config != NULL ? tls_client() : NULL;
	if (s->context == NULL)
		*why = explain("is there enough memory?", "TLS cannot be set up");
	else if (server_name(options)[0] == '/')
		*why = explain("set tls = none, or tls_name", "a local socket has no name to verify");
	else if (configure(config, options, verify, why) == 0) {
		/* No byte is sent yet, but here the CA file is parsed. */
		good = tls_configure(s->context, config) == 0 &&
		       tls_connect_cbs(s->context, receive, transmit, s, server_name(options)) == 0;
		if (!good)
			*why = explain_failure(s);
	}
	tls_config_free(config);
	if (good)
		return s;
	tls_session_free(s, false);
	return NULL;
}

void
tls_session_free(struct tls_session *s, bool politely)
{
	if (s == NULL)
		return;
	if (politely)
		tls_close(s->context);
	tls_free(s->context);
	free(s);
}

static void
start_step(struct tls_session *s)
{
	s->error = 0;
	s->ended = false;
}

/* Adds what a step waits for; false when it does not wait but failed. */
static bool
waits(ssize_t result, short *events)
{
	if (result == TLS_WANT_POLLIN)
		*events |= POLLIN;
	else if (result == TLS_WANT_POLLOUT)
		*events |= POLLOUT;
	else
		return false;
	return true;
}

/* The server's certificate as libtls names it, "SHA256:" and hex digits, is a pin already. */
static bool
is_pinned(const struct connection_options *options, const char *hash)
{
	for (size_t i = 0; i < options->pin_count; i++)
		if (strcasecmp(options->pins[i], hash) == 0)
			return true;
	return false;
}

/* 0: one of the pins, if there are any, is that of the server's certificate or of its key. */
static int
check_pins(const struct tls_session *s, struct explanation *why)
{
	const char *hash = tls_peer_cert_hash(s->context);
	char key[FINGERPRINT_SIZE];
	size_t length;
	const uint8_t *chain = tls_peer_cert_chain_pem(s->context, &length);

	if (!s->verify || s->options->pin_count == 0)
		return 0;
	if (hash == NULL || chain == NULL || !certificate_key_hash(key, chain, length)) {
		*why = explain("use another host", "the server showed no certificate to compare with pin");
		return -1;
	}
	if (is_pinned(s->options, hash) || is_pinned(s->options, key))
		return 0;
	*why = explain("ask its operator before you set one of these",
	    "the server is not the one that pin names; its key has pin = %s, its certificate sha256:%s", key,
	    hash + strlen("SHA256:"));
	why->certificate = true;
	return -1;
}

int
tls_session_handshake(struct tls_session *s, bool after_plain, short *events, struct explanation *why)
{
	int result;

	start_step(s);
	s->after_plain = after_plain;
	result = tls_handshake(s->context);
	if (result == 0)
		return check_pins(s, why) == 0 ? 1 : -1;
	if (waits(result, events))
		return 0;
	if (s->ended || s->error != 0)
		*why = explain("is this port meant for TLS, and may this machine use it?",
		    "%s during the TLS handshake", explain_lost(s->error).cause);
	else
		*why = explain_failure(s);
	return -1;
}

/* Whether the end came with close_notify does not matter: SMTP says itself when it is complete. */
static int
lose(const struct tls_session *s, ssize_t result, struct explanation *why)
{
	if (result == 0 || s->ended || s->error != 0)
		*why = explain_lost(s->error);
	else
		*why = explain_failure(s);
	return -1;
}

int
tls_session_read(struct tls_session *s, char *in, size_t size, size_t *got, short *events, struct explanation *why)
{
	ssize_t n;

	start_step(s);
	n = tls_read(s->context, in, size);
	if (n > 0) {
		*got = (size_t)n;
		return 0;
	}
	return waits(n, events) ? 0 : lose(s, n, why);
}

int
tls_session_write(
    struct tls_session *s, const char *out, size_t length, size_t *sent, short *events, struct explanation *why)
{
	ssize_t n;

	start_step(s);
	n = tls_write(s->context, out, length);
	if (n > 0) {
		*sent = (size_t)n;
		return 0;
	}
	return waits(n, events) ? 0 : lose(s, n, why);
}

static const char *
date(char text[DATE_LENGTH], time_t when)
{
	struct tm utc;

	if (gmtime_r(&when, &utc) == NULL || strftime(text, DATE_LENGTH, "%Y-%m-%d", &utc) == 0)
		return "?";
	return text;
}

/* "/C=FR/CN=x" as OpenSSL writes names; the first slash says nothing. */
static const char *
subject(char text[SUBJECT_MAX], const char *name)
{
	if (name == NULL)
		return "nobody";
	printable(text, SUBJECT_MAX, name[0] == '/' ? name + 1 : name, strlen(name[0] == '/' ? name + 1 : name));
	return text;
}

void
tls_session_describe(struct tls_session *s, struct buffer *out)
{
	struct tls *context = s->context;
	char owner[SUBJECT_MAX], issuer[SUBJECT_MAX], first[DATE_LENGTH], last[DATE_LENGTH], today[DATE_LENGTH];
	size_t length, before;
	const uint8_t *chain = tls_peer_cert_chain_pem(context, &length);

	buffer_format(out, "certificate of %s, issued by %s, for names ",
	    subject(owner, tls_peer_cert_subject(context)), subject(issuer, tls_peer_cert_issuer(context)));
	before = out->length;
	if (chain != NULL)
		certificate_names(out, chain, length);
	if (out->length == before)
		buffer_add_string(out, "none");
	buffer_format(out, ", valid %s to %s, clock here %s", date(first, tls_peer_cert_notbefore(context)),
	    date(last, tls_peer_cert_notafter(context)), date(today, time(NULL)));
}

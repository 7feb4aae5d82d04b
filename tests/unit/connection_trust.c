/*
 * Which servers are trusted through TLS, in which words the others are refused,
 * pins in place of chain and name, and certificates of our own.
 */
#include "base/certificate.h"
#include "connection_tls_server.h"
#include "network/connection.h"
#include "tap.h"

#define OTHER "the certificate is for other names (127.0.0.1); set host or tls_name to a name the certificate has"
#define UNKNOWN                                                                                                        \
	"the certificate is signed by an unknown CA (127.0.0.1); set ca_file to the CA's certificate, or install "     \
	"ca-certificates"
#define WEAK "the certificate's key or signature is too weak (127.0.0.1); the server's operator must replace it"

/* How a good server and its client differ in a row of a test; NULL: the usual. */
struct trial {
	const char *certificate;
	const char *name; /* to verify; "localhost": the host itself */
	const char *ca_file, *ca_path;
	const char *want; /* NULL: accepted; else how the reason begins */
	bool distrusted;
	bool staple, weak;
};

static const struct trial trials[] = {
	/* Good forms. */
	{ "good", "localhost", "ca.pem", NULL, NULL, false, false, false },
	{ "good", "localhost", NULL, "ca-path", NULL, false, false, false },
	{ "good", "LocalHost", "ca.pem", NULL, NULL, false, false, false },
	{ "good", "127.0.0.1", "ca.pem", NULL, NULL, false, false, false },
	{ "good", "::1", "ca.pem", NULL, NULL, false, false, false },
	{ "rsa", "localhost", "ca.pem", NULL, NULL, false, false, false },
	{ "intermediate", "localhost", "ca.pem", NULL, NULL, false, false, false },
	{ "intermediate", "localhost", NULL, "ca-path", NULL, false, false, false },
	{ "wildcard", "mail.wild.test", "ca.pem", NULL, NULL, false, false, false },
	{ "common-name", "localhost", "ca.pem", NULL, NULL, false, false, false },
	{ "self-signed", "localhost", "self-signed.pem", NULL, NULL, false, false, false },
	{ "unknown-ca", "localhost", "other-ca.pem", NULL, NULL, false, false, false },
	/* Bad certificates. */
	{ "wrong-name", "localhost", "ca.pem", NULL, OTHER, true, false, false },
	{ "wrong-name", "127.0.0.1", NULL, "ca-path", OTHER, true, false, false },
	{ "good", "mail.example", "ca.pem", NULL, OTHER, true, false, false },
	{ "wildcard", "a.mail.wild.test", "ca.pem", NULL, OTHER, true, false, false },
	{ "wildcard", "wild.test", "ca.pem", NULL, OTHER, true, false, false },
	{ "other-alt-name", "localhost", "ca.pem", NULL, OTHER, true, false, false },
	{ "nul-in-name", "localhost", "ca.pem", NULL,
	    "the certificate has a name with a NUL in it (127.0.0.1); the server's operator must replace it", true,
	    false, false },
	{ "expired", "localhost", "ca.pem", NULL,
	    "the certificate has expired (127.0.0.1); the server's operator must renew it; also check this machine's "
	    "clock",
	    true, false, false },
	{ "not-yet-valid", "localhost", NULL, "ca-path",
	    "the certificate is not yet valid (127.0.0.1); check this machine's clock", true, false, false },
	{ "self-signed", "localhost", "ca.pem", NULL,
	    "the certificate is self-signed (127.0.0.1); if it is the server's own, set ca_file to a copy of it", true,
	    false, false },
	{ "unknown-ca", "localhost", "ca.pem", NULL, UNKNOWN, true, false, false },
	{ "unknown-ca", "localhost", NULL, "ca-path", UNKNOWN, true, false, false },
	{ "good", "localhost", "other-ca.pem", NULL, UNKNOWN, true, false, false },
	{ "good", "localhost", NULL, NULL, UNKNOWN, true, false, false },
	{ "revoked", "localhost", "ca.pem", NULL,
	    "the certificate was revoked (127.0.0.1); the server's operator must replace it", true, true, false },
	{ "weak-key", "localhost", "ca.pem", NULL, WEAK, true, false, true },
	{ "old-signature", "localhost", "ca.pem", NULL, WEAK, true, false, true },
	{ "client-only", "localhost", "ca.pem", NULL,
	    "the certificate is not made for servers (127.0.0.1); the server's operator must replace it", true, false,
	    false },
	{ "constrained", "localhost", "ca.pem", NULL,
	    "the certificate's CA may not certify this name (127.0.0.1); the server's operator must replace it", true,
	    false, false },
	/* CAs that cannot be used. */
	{ "good", "localhost", "good.key", NULL,
	    "no usable certificate in the CA file (127.0.0.1); it must hold CA certificates in PEM form", false, false,
	    false },
	{ "good", "localhost", NULL, ".", "ca_path ", false, false, false },
	{ "good", "localhost", "missing.pem", NULL, "failed to open CA file", false, false, false },
};

/* Nothing can be sent or heard any more. */
static bool
is_spent(struct connection *c)
{
	struct reason reason;
	size_t got, sent;
	char in[1];

	return connection_move(c, true, in, 1, &got, "x", 1, &sent, in_milliseconds(100), &reason) == -1 && sent == 0;
}

/* One connection; accepted when want is NULL. */
static void
try_server(
    const struct style *style, struct connection_options options, const char *want, bool distrusted, const char *name)
{
	struct server server = server_start(secure_echo, style);
	struct reason reason = { "" };
	struct connection *c;
	bool secured;

	options.port = server.port;
	c = open_to(&options);
	secured = c != NULL && connection_secure(c, in_milliseconds(10000), &reason) == 0;
	if (want == NULL)
		ok(secured && echoes(c, 100, &reason), "%s accepted", name);
	else
		ok(!secured && strncmp(reason.text, want, strlen(want)) == 0 &&
			connection_distrusted(c) == distrusted && is_spent(c),
		    "%s refused", name);
	note("%s", reason.text);
	connection_close(c);
	server_end(&server);
}

static void
test_verification(void)
{
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		const struct trial *trial = &trials[i];
		struct style style = { .certificate = trial->certificate,
			.staple = trial->staple,
			.ciphers = trial->weak ? "ALL:@SECLEVEL=0" : NULL };
		struct connection_options options = options_for("127.0.0.1", NULL);
		char name[128];

		if (strcmp(trial->name, "localhost") == 0)
			options.host = "localhost";
		else
			options.tls_name = trial->name;
		options.ca_file = trial->ca_file != NULL ? path_of(trial->ca_file) : NULL;
		options.ca_path = trial->ca_path != NULL ? path_of(trial->ca_path) : NULL;
		snprintf(name, sizeof(name), "%s as %s by %s", trial->certificate, trial->name,
		    trial->ca_file != NULL   ? trial->ca_file
		    : trial->ca_path != NULL ? trial->ca_path
					     : "the system");
		try_server(&style, options, trial->want, trial->distrusted, name);
	}
}

/* "sha256:..." of a certificate in the folder, or of its key, by another program. */
static void
fingerprint(char text[FINGERPRINT_SIZE], const char *certificate, bool key)
{
	char command[512];
	FILE *out;

	snprintf(command, sizeof(command),
	    key ? "openssl x509 -in %s/%s.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl sha256 -r"
		: "openssl x509 -in %s/%s.pem -outform DER | openssl sha256 -r",
	    certificates, certificate);
	out = popen(command, "r");
	snprintf(text, FINGERPRINT_SIZE, "sha256:");
	if (out == NULL || fgets(text + 7, FINGERPRINT_SIZE - 7, out) == NULL)
		text[0] = '\0';
	if (out != NULL)
		pclose(out);
}

static void
test_pins(void)
{
	static const struct style good = { .certificate = "good" }, expired = { .certificate = "expired" };
	char certificate[FINGERPRINT_SIZE], key[FINGERPRINT_SIZE], old[FINGERPRINT_SIZE], shouted[FINGERPRINT_SIZE];
	char mismatch[REASON_MAX];
	const struct {
		const char *name;
		const struct style *style;
		const char *pins[2];
		size_t count;
		const char *want;
	} rows[] = {
		{ "pin of the certificate", &good, { certificate }, 1, NULL },
		{ "pin of the key", &good, { key }, 1, NULL },
		{ "pin in capitals", &good, { shouted }, 1, NULL },
		{ "backup pin", &good, { old, key }, 2, NULL },
		{ "pin before backup", &good, { certificate, old }, 2, NULL },
		{ "pinned certificate that has expired", &expired, { old }, 1, NULL },
		{ "wrong pin", &good, { old }, 1, mismatch },
		{ "two wrong pins", &good, { old, old }, 2, mismatch },
		{ "half a pin", &good, { "sha256:" }, 1, mismatch },
	};

	fingerprint(certificate, "good", false);
	fingerprint(key, "good", true);
	fingerprint(old, "expired", true);
	for (size_t i = 0; i < sizeof(key); i++)
		shouted[i] = (char)(key[i] >= 'a' && key[i] <= 'z' ? key[i] - 'a' + 'A' : key[i]);
	snprintf(mismatch, sizeof(mismatch),
	    "the server is not the one that pin names; its key has pin = %s, its certificate %s (127.0.0.1); ask its "
	    "operator before you set one of these",
	    key, certificate);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct connection_options options = options_for("127.0.0.1", NULL);

		options.tls_name = "nobody.test";
		options.ca_file = path_of("other-ca.pem");
		options.pins = rows[i].pins;
		options.pin_count = rows[i].count;
		try_server(rows[i].style, options, rows[i].want, rows[i].want != NULL, rows[i].name);
	}
}

/* Says one word through TLS and tells how it ended: heard back, or refused with the reason. */
static void
present(const struct style *style, const struct connection_options *options, const char *want, const char *name)
{
	struct server server = server_start(secure_echo, style);
	struct connection_options with_port = *options;
	struct reason reason = { "" };
	struct connection *c;
	bool heard;

	with_port.port = server.port;
	c = open_to(&with_port);
	/* In TLS 1.3 the server looks at our certificate after its handshake: the first read tells. */
	heard = connection_secure(c, in_milliseconds(10000), &reason) == 0 && echoes(c, 4, &reason);
	ok(want == NULL ? heard : !heard && strncmp(reason.text, want, strlen(want)) == 0, "%s", name);
	note("%s", reason.text);
	connection_close(c);
	server_end(&server);
}

#define WANTS "the server wants a client certificate"
#define REFUSES "the server does not accept our client certificate"

static void
test_client_certificates(void)
{
	static const struct {
		const char *name, *cert, *key;
		uint32_t protocols;
		const char *want;
	} rows[] = {
		{ "client certificate", "client.pem", "client.key", 0, NULL },
		{ "client certificate, TLS 1.2", "client.pem", "client.key", TLS_PROTOCOL_TLSv1_2, NULL },
		{ "no client certificate", NULL, NULL, 0, WANTS "; set client_cert and client_key" },
		{ "no client certificate, TLS 1.2", NULL, NULL, TLS_PROTOCOL_TLSv1_2,
		    WANTS " (127.0.0.1); set client_cert and client_key" },
		{ "client of another CA", "other-client.pem", "other-client.key", 0, REFUSES },
		{ "client of another CA, TLS 1.2", "other-client.pem", "other-client.key", TLS_PROTOCOL_TLSv1_2,
		    REFUSES },
		{ "no such file", "missing.pem", "client.key", 0, "failed to open certificate file" },
		{ "no such key", "client.pem", "missing.key", 0, "failed to open key file" },
		{ "key of another", "client.pem", "other-client.key", 0,
		    "client_key is not the key of client_cert (127.0.0.1); set both to files of one pair" },
		{ "key with a passphrase", "client.pem", "client-locked.key", 0,
		    "client_key holds no key, or one with a passphrase" },
		{ "key in place of the certificate", "client.key", "client.key", 0,
		    "client_cert holds no certificate" },
		{ "certificate without key", "client.pem", NULL, 0, "half of a client certificate" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct style style = {
			.certificate = "good", .client_certificate = true, .protocols = rows[i].protocols
		};
		struct connection_options options = options_for("localhost", NULL);

		options.ca_file = path_of("ca.pem");
		options.client_cert = rows[i].cert != NULL ? path_of(rows[i].cert) : NULL;
		options.client_key = rows[i].key != NULL ? path_of(rows[i].key) : NULL;
		present(&style, &options, rows[i].want, rows[i].name);
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
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	ok(connection_describe(c, in_milliseconds(10000), &text) == 0 &&
		strncmp(buffer_string(&text), want, strlen(want)) == 0,
	    "a certificate is described");
	note("%s", buffer_string(&text));
	ok(is_spent(c), "and nothing moves after that");
	connection_close(c);
	server_end(&server);
	buffer_clear(&text);
	certificate_names(&text, "no certificate", 14);
	ok(text.length == 0, "no names in what is no certificate");
	buffer_free(&text);
}

int
main(void)
{
	char folder[] = "/tmp/connection.XXXXXX";
	int before = open_descriptors();

	signal(SIGPIPE, SIG_DFL);
	if (!ok(make_certificates(folder), "certificates"))
		return tap_done();
	test_verification();
	test_description();
	test_pins();
	test_client_certificates();
	ok(open_descriptors() == before, "no descriptor is left open");
	remove_certificates(folder);
	return tap_done();
}

/*
 * The words of TLS libraries and of the system, and what is made of them. The
 * library texts are as LibreTLS on OpenSSL 3 and LibreSSL print them.
 */
#include "network/explain.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

static void
test_tls(void)
{
	static const struct {
		const char *text;
		unsigned situation;
		bool certificate;
		const char *cause, *cure; /* how they begin */
	} rows[] = {
		{ "handshake failed: error:0A00010B:SSL routines::wrong version number", 0, false,
		    "this port speaks plain text first", "set tls = starttls" },
		{ "handshake failed: error:1404B42E:SSL routines:CONNECT_CR_SRVR_HELLO:wrong version number", true,
		    false, "the server went on in plain text", "it or something on the way" },
		{ "handshake failed: error:0A00042E:SSL routines::tlsv1 alert protocol version", 0, false,
		    "the server has only TLS 1.0 or 1.1", "the server's TLS is out of date" },
		{ "handshake failed: error:0A000102:SSL routines::unsupported protocol", 0, false,
		    "the server has only TLS 1.0 or 1.1", "the server's TLS is out of date" },
		{ "certificate verification failed: unable to get local issuer certificate", 0, true,
		    "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self-signed certificate in certificate chain", 0, true,
		    "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self signed certificate in certificate chain", TLS_AFTER_PLAIN,
		    true, "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self-signed certificate", 0, true, "the certificate is self-signed",
		    "if it is the server's own" },
		{ "certificate verification failed: self signed certificate", 0, true, "the certificate is self-signed",
		    "if it is the server's own" },
		{ "certificate verification failed: Unspecified certificate verification error", 0, true,
		    "the certificate could not be verified", "set ca_file to the CA that signed it" },
		{ "certificate verification failed: certificate has expired", 0, true, "the certificate has expired",
		    "the server's operator must renew it" },
		{ "certificate verification failed: certificate is not yet valid", 0, true,
		    "the certificate is not yet valid", "check this machine's clock" },
		{ "name `mail.example' not present in server certificate", 0, true,
		    "the certificate is for other names", "set host or tls_name to a name" },
		{ "certificate verification failed: EE certificate key too weak", 0, true,
		    "the certificate's key or signature is too weak", "the server's operator" },
		{ "certificate verification failed: unsuitable certificate purpose", 0, true,
		    "the certificate is not made for servers", "the server's operator" },
		{ "certificate verification failed: permitted subtree violation", 0, true,
		    "the certificate's CA may not certify this name", "the server's operator" },
		{ "certificate verification failed: invalid CA certificate", 0, true,
		    "certificate verification failed: invalid CA certificate", "the server's operator" },
		{ "handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure", 0, false,
		    "no common cipher", "the server's TLS" },
		{ "read failed: error:0A00045C:SSL routines::tlsv13 alert certificate required", 0, false,
		    "the server wants a client certificate", "set client_cert and client_key" },
		/* LibreSSL's words carry the state of the handshake. */
		{ "handshake failed: error:1404B410:SSL routines:ST_CONNECT:sslv3 alert handshake failure", 0, false,
		    "no common cipher", "the server's TLS" },
		{ "handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure", TLS_ANSWERED, false,
		    "the server wants a client certificate", "set client_cert" },
		{ "handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure",
		    TLS_ANSWERED | TLS_SHOWED, false, "the server does not accept our client certificate",
		    "is client_cert the one" },
		{ "read failed: error:1404C45C:SSL routines:ST_OK:tlsv13 alert certificate required", 0, false,
		    "the server wants a client certificate", "set client_cert" },
		{ "handshake failed: error:0A000412:SSL routines::sslv3 alert bad certificate", 0, false,
		    "the server wants a client certificate", "set client_cert" },
		{ "handshake failed: error:14094412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate",
		    TLS_ANSWERED | TLS_SHOWED, false, "the server does not accept our client certificate",
		    "is client_cert the one" },
		{ "read failed: error:0A000418:SSL routines::tlsv1 alert unknown ca", TLS_ANSWERED | TLS_SHOWED, false,
		    "the server does not accept our client certificate", "is client_cert the one" },
		{ "read failed: error:0A000415:SSL routines::sslv3 alert certificate expired", TLS_SHOWED, false,
		    "the client certificate has expired", "renew client_cert" },
		{ "read failed: error:0A000414:SSL routines::sslv3 alert certificate revoked", TLS_SHOWED, false,
		    "the client certificate was revoked", "renew client_cert" },
		{ "handshake failed: error:0A00042E:SSL routines::tlsv1 alert protocol version", TLS_ONLY_13, false,
		    "the server does not speak TLS 1.3", "set tls_min = 1.2" },
		{ "handshake failed: error:1404B102:SSL routines:ST_CONNECT:unsupported protocol", TLS_ONLY_13, false,
		    "the server does not speak TLS 1.3", "set tls_min = 1.2" },
		{ "failed to open certificate file '/x': No such file or directory", TLS_SHOWED, false,
		    "failed to open certificate file '/x'", "set client_cert and client_key to readable" },
		{ "failed to open key file '/x': Permission denied", TLS_SHOWED, false, "failed to open key file '/x'",
		    "set client_cert and client_key to readable" },
		{ "private/public key mismatch", TLS_SHOWED, false, "client_key is not the key of client_cert",
		    "set both" },
		{ "failed to load private key", TLS_SHOWED, false, "client_key is not the key of client_cert",
		    "set both" },
		{ "error verifying name 'x': NUL byte in subjectAltName, probably a malicious certificate", 0, true,
		    "the certificate has a name with a NUL in it", "the server's operator" },
		{ "ocsp verify failed: revoked cert - (UNKNOWN)", 0, true, "the certificate was revoked",
		    "the server's operator" },
		{ "no OCSP URLs in peer certificate", 0, true, "the server's OCSP answer", "the server's operator" },
		{ "handshake failed: error:1404B18A:SSL routines:ST_CONNECT:ee key too small", 0, true,
		    "the certificate's key is too weak", "the server's operator" },
		{ "handshake failed: error:1404B18E:SSL routines:ST_CONNECT:ca md too weak", 0, true,
		    "the certificate's key or signature is too weak", "the server's operator" },
		{ "ssl verify memory setup failure", 0, false, "no usable certificate in the CA file",
		    "it must hold CA certificates" },
		{ "something\nnew\x1b", 0, false, "something new?", "check host, port and tls" },
		{ NULL, 0, false, "TLS failed", "check host, port and tls" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct explanation got = explain_tls(rows[i].text, rows[i].situation);

		if (!ok(strncmp(got.cause, rows[i].cause, strlen(rows[i].cause)) == 0 &&
			    strncmp(got.cure, rows[i].cure, strlen(rows[i].cure)) == 0 &&
			    got.certificate == rows[i].certificate,
			"row %zu: %s", i,
			rows[i].text == NULL      ? "no text"
			: rows[i].text[9] == '\n' ? "unknown text"
						  : rows[i].text))
			note("%s; %s", got.cause, got.cure);
	}
}

static void
test_errors(void)
{
	static const struct {
		int error;
		bool unix_socket;
		const char *cause, *cure;
	} rows[] = {
		{ ECONNREFUSED, false, "connection refused", "is the port right and the server running?" },
		{ ECONNREFUSED, true, "connection refused",
		    "is the service behind this socket running, and may this user use it?" },
		{ EAGAIN, true, "too many connections are waiting there", "a later try may succeed" },
		{ ETIMEDOUT, false, "no answer", "is the port right, and does no firewall block it?" },
		{ ENETUNREACH, false, "network unreachable", "is this machine's network up?" },
		{ EPROTOTYPE, false, "Protocol wrong type for socket", "are host and port right?" },
	};
	static const struct {
		int error;
		const char *cause;
	} lost[] = {
		{ 0, "closed by the server" },
		{ EPIPE, "closed by the server" },
		{ ECONNRESET, "reset by the server" },
		{ EPROTO, "the server spoke TLS in place of plain text" },
		{ ETIMEDOUT, "the server cannot be reached any more" },
		{ EIO, "Input/output error" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct explanation got = explain_connect(rows[i].error, rows[i].unix_socket);

		ok(strcmp(got.cause, rows[i].cause) == 0 && strcmp(got.cure, rows[i].cure) == 0, "connect: %s",
		    rows[i].cause);
	}
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		ok(strcmp(explain_lost(lost[i].error).cause, lost[i].cause) == 0, "lost: %s", lost[i].cause);
}

int
main(void)
{
	test_tls();
	test_errors();
	return tap_done();
}

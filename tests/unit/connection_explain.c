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
		bool starttls, certificate;
		const char *cause, *cure; /* how they begin */
	} rows[] = {
		{ "handshake failed: error:0A00010B:SSL routines::wrong version number", false, false,
		    "the server spoke plain text", "this port wants tls = starttls" },
		{ "handshake failed: error:1404B42E:SSL routines:CONNECT_CR_SRVR_HELLO:wrong version number", true,
		    false, "the server went on in plain text", "it or something on the way" },
		{ "handshake failed: error:0A00042E:SSL routines::tlsv1 alert protocol version", false, false,
		    "the server has only TLS 1.0 or 1.1", "the server's TLS is out of date" },
		{ "handshake failed: error:0A000102:SSL routines::unsupported protocol", false, false,
		    "the server has only TLS 1.0 or 1.1", "the server's TLS is out of date" },
		{ "certificate verification failed: unable to get local issuer certificate", false, true,
		    "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self-signed certificate in certificate chain", false, true,
		    "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self signed certificate in certificate chain", true, true,
		    "the certificate is signed by an unknown CA", "set ca_file" },
		{ "certificate verification failed: self-signed certificate", false, true,
		    "the certificate is self-signed", "if it is the server's own" },
		{ "certificate verification failed: self signed certificate", false, true,
		    "the certificate is self-signed", "if it is the server's own" },
		{ "certificate verification failed: Unspecified certificate verification error", false, true,
		    "the certificate could not be verified", "set ca_file to the CA that signed it" },
		{ "certificate verification failed: certificate has expired", false, true,
		    "the certificate has expired", "the server's operator must renew it" },
		{ "certificate verification failed: certificate is not yet valid", false, true,
		    "the certificate is not yet valid", "check this machine's clock" },
		{ "name `mail.example' not present in server certificate", false, true,
		    "the certificate is for other names", "set host to a name" },
		{ "certificate verification failed: EE certificate key too weak", false, true,
		    "the certificate's key or signature is too weak", "the server's operator" },
		{ "certificate verification failed: unsuitable certificate purpose", false, true,
		    "the certificate is not made for servers", "the server's operator" },
		{ "certificate verification failed: permitted subtree violation", false, true,
		    "the certificate's CA may not certify this name", "the server's operator" },
		{ "certificate verification failed: invalid CA certificate", false, true,
		    "certificate verification failed: invalid CA certificate", "the server's operator" },
		{ "handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure", false, false,
		    "no common cipher", "the server's TLS" },
		{ "read failed: error:0A00045C:SSL routines::tlsv13 alert certificate required", false, false,
		    "the server wants a client certificate", "logins by certificate" },
		{ "ssl verify memory setup failure", false, false, "no usable certificate in the CA file",
		    "it must hold CA certificates" },
		{ "something\nnew\x1b", false, false, "something new?", "check host, port and tls" },
		{ NULL, false, false, "TLS failed", "check host, port and tls" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct explanation got = explain_tls(rows[i].text, rows[i].starttls);

		if (!ok(strncmp(got.cause, rows[i].cause, strlen(rows[i].cause)) == 0 &&
			    strncmp(got.cure, rows[i].cure, strlen(rows[i].cure)) == 0 &&
			    got.certificate == rows[i].certificate,
			"%s",
			i == 20                ? "unknown text"
			: rows[i].text != NULL ? rows[i].text
					       : "no text"))
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

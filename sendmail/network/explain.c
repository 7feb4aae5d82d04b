/*
 * The words are those of LibreTLS on OpenSSL 3 and of LibreSSL, which differ in
 * places. The first row that fits wins: of two similar texts the longer one
 * stands first.
 */
#include "network/explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"

static const struct {
	int error;
	const char *cause, *cure;
} connect_rows[] = {
	{ ECONNREFUSED, "connection refused", "is the port right and the server running?" },
	{ ETIMEDOUT, "no answer", "is the port right, and does no firewall block it?" },
	{ ENETUNREACH, "network unreachable", "is this machine's network up?" },
	{ EHOSTUNREACH, "host unreachable", "is this machine's network up?" },
	{ EADDRNOTAVAIL, "no local address for it", "is this machine's network up?" },
	{ EAFNOSUPPORT, "this kind of address is not supported here", "use a host with another address" },
	{ EACCES, "not permitted", "does a local firewall or sandbox forbid it?" },
	{ EPERM, "not permitted", "does a local firewall or sandbox forbid it?" },
	{ ECONNRESET, "reset by the server", "is the port right?" },
	{ ENOENT, "no such socket", "is the path right?" },
	{ EAGAIN, "too many connections are waiting there", "a later try may succeed" },
};

static const struct {
	int error;
	const char *text;
} lost_rows[] = {
	{ 0, "closed by the server" },
	{ EPIPE, "closed by the server" },
	{ ECONNRESET, "reset by the server" },
	{ ECONNABORTED, "reset by the server" },
	{ EPROTO, "the server spoke TLS in place of plain text" },
	{ ETIMEDOUT, "the server cannot be reached any more" },
	{ ENETDOWN, "this machine's network is down" },
	{ ENETUNREACH, "this machine's network is down" },
	{ EHOSTUNREACH, "the server cannot be reached any more" },
};

#define OUTDATED "the server's TLS is out of date; use another host"
#define REPLACE "the server's operator must replace it"
#define UNKNOWN_CA "the certificate is signed by an unknown CA"
#define ADD_CA "set ca_file to the CA's certificate, or install ca-certificates"

#define OLD_SERVER "the server has only TLS 1.0 or 1.1, which are not safe"
#define NO_13 "the server does not speak TLS 1.3"
#define WANTS_OURS "the server wants a client certificate"
#define SET_OURS "set client_cert and client_key"
#define READABLE_OURS "set client_cert and client_key to readable PEM files"
#define REFUSES_OURS "the server does not accept our client certificate"
#define CHECK_OURS "is client_cert the one its operator expects?"

enum { CERTIFICATE = 256 };

static const struct {
	const char *text;
	unsigned kind; /* sum of tls_situation, where the row fits; CERTIFICATE: describing the server's helps */
	const char *cause; /* NULL: the library's own words are the best we have */
	const char *cure;
} tls_rows[] = {
	{ "wrong version number", TLS_AFTER_PLAIN, "the server went on in plain text after STARTTLS",
	    "it or something on the way is broken; use tls = implicit with port = 465" },
	{ "wrong version number", 0, "this port speaks plain text first", "set tls = starttls" },
	{ "protocol version", TLS_ONLY_13, NO_13, "set tls_min = 1.2, or use another host" },
	{ "unsupported protocol", TLS_ONLY_13, NO_13, "set tls_min = 1.2, or use another host" },
	{ "protocol version", 0, OLD_SERVER, OUTDATED },
	{ "unsupported protocol", 0, OLD_SERVER, OUTDATED },
	{ "certificate required", 0, WANTS_OURS, SET_OURS },
	{ "alert bad certificate", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert bad certificate", 0, WANTS_OURS, SET_OURS },
	{ "alert certificate expired", 0, "the client certificate has expired", "renew client_cert" },
	{ "alert certificate revoked", 0, "the client certificate was revoked", "renew client_cert and client_key" },
	{ "alert certificate unknown", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert unsupported certificate", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert unknown ca", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert decrypt error", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert access denied", TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert handshake failure", TLS_ANSWERED | TLS_SHOWED, REFUSES_OURS, CHECK_OURS },
	{ "alert handshake failure", TLS_ANSWERED, WANTS_OURS, SET_OURS },
	{ "failed to open certificate file", 0, NULL, READABLE_OURS },
	{ "failed to open key file", 0, NULL, READABLE_OURS },
	{ "failed to load certificate", 0, "client_cert holds no certificate", READABLE_OURS },
	{ "failed to read private key", 0, "client_key holds no key, or one with a passphrase", READABLE_OURS },
	{ "failed to load private key", 0, "client_key is not the key of client_cert",
	    "set both to files of one pair" },
	{ "key mismatch", 0, "client_key is not the key of client_cert", "set both to files of one pair" },
	{ "certificate in certificate chain", CERTIFICATE, UNKNOWN_CA, ADD_CA },
	{ "unable to get local issuer", CERTIFICATE, UNKNOWN_CA, ADD_CA },
	{ "unable to get issuer", CERTIFICATE, UNKNOWN_CA, ADD_CA },
	{ "unable to verify the first certificate", CERTIFICATE, UNKNOWN_CA, ADD_CA },
	{ "self-signed certificate", CERTIFICATE, "the certificate is self-signed",
	    "if it is the server's own, set ca_file to a copy of it" },
	{ "self signed certificate", CERTIFICATE, "the certificate is self-signed",
	    "if it is the server's own, set ca_file to a copy of it" },
	{ "certificate has expired", CERTIFICATE, "the certificate has expired",
	    "the server's operator must renew it; also check this machine's clock" },
	{ "not yet valid", CERTIFICATE, "the certificate is not yet valid", "check this machine's clock" },
	{ "not present in server certificate", CERTIFICATE, "the certificate is for other names",
	    "set host or tls_name to a name the certificate has" },
	{ "NUL byte in", CERTIFICATE, "the certificate has a name with a NUL in it", REPLACE },
	{ "revoked cert", CERTIFICATE, "the certificate was revoked", REPLACE },
	{ "ocsp verify failed", CERTIFICATE, "the server's OCSP answer for its certificate is not valid", REPLACE },
	{ "OCSP URLs", CERTIFICATE, "the server's OCSP answer for its certificate is not valid", REPLACE },
	{ "certificate revoked", CERTIFICATE, "the certificate was revoked", REPLACE },
	{ "certificate purpose", CERTIFICATE, "the certificate is not made for servers", REPLACE },
	{ "too weak", CERTIFICATE, "the certificate's key or signature is too weak", REPLACE },
	{ "ee key too small", CERTIFICATE, "the certificate's key is too weak", REPLACE },
	{ "permitted subtree", CERTIFICATE, "the certificate's CA may not certify this name", REPLACE },
	{ "Unspecified certificate verification", CERTIFICATE, "the certificate could not be verified",
	    "set ca_file to the CA that signed it, not to the certificate itself" },
	{ "certificate verification failed", CERTIFICATE, NULL, REPLACE },
	{ "verify memory setup", 0, "no usable certificate in the CA file",
	    "it must hold CA certificates in PEM form" },
	{ "handshake failure", 0, "no common cipher", OUTDATED },
	{ "dh key too small", 0, "the server's key exchange is too weak", OUTDATED },
	{ "unsafe legacy renegotiation", 0, "the server's TLS is not safe", OUTDATED },
	{ "unrecognized name", 0, "the server does not know this host name",
	    "set host to the name its operator gives" },
	{ "server name indication", 0, "this host name cannot be used with TLS", "is host spelled right?" },
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct explanation
explain(const char *cure, const char *cause, ...)
{
	struct explanation result = { .cure = cure };
	char text[CAUSE_MAX];
	va_list args;

	va_start(args, cause);
	vsnprintf(text, sizeof(text), cause, args);
	va_end(args);
	printable(result.cause, sizeof(result.cause), text, strlen(text));
	return result;
}

struct explanation
explain_connect(int error, bool unix_socket)
{
	const char *cause = strerror(error), *cure = "are host and port right?";

	for (size_t i = 0; i < ROWS(connect_rows); i++) {
		if (connect_rows[i].error != error)
			continue;
		cause = connect_rows[i].cause;
		cure = connect_rows[i].cure;
	}
	if (unix_socket && error != EAGAIN)
		cure = "is the service behind this socket running, and may this user use it?";
	return explain(cure, "%s", cause);
}

struct explanation
explain_tls(const char *text, unsigned situation)
{
	struct explanation result;

	if (text == NULL)
		text = "TLS failed";
	for (size_t i = 0; i < ROWS(tls_rows); i++) {
		if (strstr(text, tls_rows[i].text) == NULL || (tls_rows[i].kind & ~CERTIFICATE & ~situation) != 0)
			continue;
		result = explain(tls_rows[i].cure, "%s", tls_rows[i].cause != NULL ? tls_rows[i].cause : text);
		result.certificate = (tls_rows[i].kind & CERTIFICATE) != 0;
		return result;
	}
	return explain("check host, port and tls", "%s", text);
}

struct explanation
explain_lost(int error)
{
	const char *text = strerror(error);

	for (size_t i = 0; i < ROWS(lost_rows); i++)
		if (lost_rows[i].error == error)
			text = lost_rows[i].text;
	return explain("", "%s", text);
}

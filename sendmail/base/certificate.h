/*
 * Reads of a certificate what libtls does not tell. Besides crypto.c the only
 * user of openssl headers; libtls must be initialised first, because libcrypto
 * called before it would read the file that OPENSSL_CONF names.
 */
#ifndef BASE_CERTIFICATE_H
#define BASE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/*
 * Appends the DNS names and addresses (subjectAltName) of the first certificate
 * in the PEM text, printable, as "a, b, c". Appends nothing when there are none
 * or the text is no certificate.
 */
void certificate_names(struct buffer *, const void *pem, size_t length);

enum { FINGERPRINT_SIZE = sizeof("sha256:") + 64 };

/*
 * SHA-256 of the public key (the DER form of its SubjectPublicKeyInfo) of the
 * first certificate in the PEM text, as "sha256:" and hex digits. False when the
 * text is no certificate.
 */
bool certificate_key_hash(char text[FINGERPRINT_SIZE], const void *pem, size_t length);

#endif

/*
 * Digests and what is made of them. Besides certificate.c the only user of
 * openssl headers. Pure: memory in, memory out; no file is read, also not the
 * one that OPENSSL_CONF names.
 *
 * Every function that computes returns false when this libcrypto refuses the
 * digest (MD5 in FIPS mode); the result is then all zeros.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };
enum { DIGEST_MAX = 32 }; /* bytes of the longest */

/* Bytes of a digest. */
size_t digest_length(enum digest);
/* The digest (RFC 1321, FIPS 180-4) of n bytes; digest_length() bytes into out. */
bool digest_of(enum digest, const void *, size_t n, unsigned char out[DIGEST_MAX]);
/* HMAC (RFC 2104) of n bytes. */
bool
digest_hmac(enum digest, const void *key, size_t key_length, const void *, size_t n, unsigned char out[DIGEST_MAX]);
/* PBKDF2 (RFC 8018 5.2) with HMAC; as many bytes as the digest has. About a microsecond an iteration. */
bool digest_stretch(enum digest, const char *password, const void *salt, size_t salt_length, unsigned iterations,
    unsigned char out[DIGEST_MAX]);

/* Equal; takes as long whether they are or not. */
bool same_secret(const void *, const void *, size_t n);
/* Appends n bytes as lower-case hexadecimal digits. */
void hex_encode(struct buffer *, const void *, size_t n);

#endif

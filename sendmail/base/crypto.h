/*
 * The one-way functions that logins are made with. With certificate.c the only
 * user of openssl headers; works before and after libtls is initialised.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stddef.h>

/* HMAC with SHA-256 (RFC 2104, RFC 4231). Ends the process when libcrypto cannot: only without memory. */
void crypto_hmac_sha256(unsigned char out[32], const void *key, size_t key_length, const void *data, size_t length);

#endif

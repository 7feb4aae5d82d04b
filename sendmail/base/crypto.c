/*
 * libcrypto is told first not to read the file that OPENSSL_CONF names: a
 * caller's environment must not load code into this process.
 */
#include "base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

void
crypto_hmac_sha256(unsigned char out[32], const void *key, size_t key_length, const void *data, size_t length)
{
	unsigned written = 0;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (key_length > INT_MAX || HMAC(EVP_sha256(), key, (int)key_length, data, length, out, &written) == NULL)
		abort();
}

/*
 * libcrypto behind five functions, so that its types and its error queue stay
 * here. It initialises itself on first use, and would then read a configuration
 * file: it is told not to, because the environment may name any file.
 */
#include "base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/buffer.h"

static const struct {
	const EVP_MD *(*method)(void);
	size_t length;
} digests[] = {
	[DIGEST_MD5] = { EVP_md5, 16 },
	[DIGEST_SHA1] = { EVP_sha1, 20 },
	[DIGEST_SHA256] = { EVP_sha256, 32 },
};

static const EVP_MD *
method(enum digest digest, unsigned char out[DIGEST_MAX])
{
	memset(out, 0, DIGEST_MAX);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	return digests[digest].method();
}

size_t
digest_length(enum digest digest)
{
	return digests[digest].length;
}

bool
digest_of(enum digest digest, const void *bytes, size_t n, unsigned char out[DIGEST_MAX])
{
	return EVP_Digest(bytes, n, out, NULL, method(digest, out), NULL) == 1;
}

bool
digest_hmac(
    enum digest digest, const void *key, size_t key_length, const void *bytes, size_t n, unsigned char out[DIGEST_MAX])
{
	const EVP_MD *md = method(digest, out);

	return key_length <= INT_MAX && HMAC(md, key, (int)key_length, bytes, n, out, NULL) != NULL;
}

bool
digest_stretch(enum digest digest, const char *password, const void *salt, size_t salt_length, unsigned iterations,
    unsigned char out[DIGEST_MAX])
{
	const EVP_MD *md = method(digest, out);
	size_t length = strlen(password);

	if (length > INT_MAX || salt_length > INT_MAX || iterations > INT_MAX)
		return false;
	return PKCS5_PBKDF2_HMAC(password, (int)length, salt, (int)salt_length, (int)iterations, md,
		   (int)digests[digest].length, out) == 1;
}

bool
same_secret(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void
hex_encode(struct buffer *out, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = bytes;

	for (size_t i = 0; i < n; i++) {
		buffer_add_char(out, digits[in[i] >> 4]);
		buffer_add_char(out, digits[in[i] & 15]);
	}
}

/*
 * Preloaded into OpenSMTPD 6.8, which was written for OpenSSL 1.1: it marks the
 * RSA key of a certificate, so that its own process signs with it. OpenSSL 3
 * gives it a copy to mark, and no TLS handshake succeeds ("missing private
 * key"; upstream mended it in 7.3). Here the copy becomes the key.
 */
#include <dlfcn.h>
#include <openssl/evp.h>

RSA *
EVP_PKEY_get1_RSA(EVP_PKEY *key)
{
	RSA *(*original)(EVP_PKEY *) = (RSA * (*)(EVP_PKEY *)) dlsym(RTLD_NEXT, "EVP_PKEY_get1_RSA");
	RSA *copy = original(key);

	if (copy != NULL)
		EVP_PKEY_set1_RSA(key, copy);
	return copy;
}

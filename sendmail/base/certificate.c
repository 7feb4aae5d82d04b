/*
 * libtls checks the names of a certificate but cannot list them, and "the
 * certificate is for other names" is of little help without saying which. It
 * hashes the certificate, but a pin that outlives a renewal is of the key.
 */
#include "base/certificate.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/encode.h"

enum { NAMES_MAX = 16, NAME_LENGTH = 256 };

static X509 *
read_first(const void *pem, size_t length)
{
	BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return certificate;
}

/* False for the kinds of names that no server is reached by. */
static bool
name_text(const GENERAL_NAME *name, char text[NAME_LENGTH])
{
	const ASN1_STRING *value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;

	if (name->type != GEN_DNS && name->type != GEN_IPADD)
		return false;
	if (name->type == GEN_DNS) {
		printable(
		    text, NAME_LENGTH, (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
		return true;
	}
	if (ASN1_STRING_length(value) != 4 && ASN1_STRING_length(value) != 16)
		return false;
	return inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text,
		   NAME_LENGTH) != NULL;
}

void
certificate_names(struct buffer *out, const void *pem, size_t length)
{
	X509 *certificate = read_first(pem, length);
	GENERAL_NAMES *names =
	    certificate != NULL ? X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL) : NULL;
	int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	const char *separator = "";
	char text[NAME_LENGTH];

	for (int i = 0; i < count && i < NAMES_MAX; i++) {
		if (!name_text(sk_GENERAL_NAME_value(names, i), text))
			continue;
		buffer_format(out, "%s%s", separator, text);
		separator = ", ";
	}
	if (count > NAMES_MAX)
		buffer_format(out, " and %d more", count - NAMES_MAX);
	GENERAL_NAMES_free(names);
	X509_free(certificate);
}

bool
certificate_key_hash(char text[FINGERPRINT_SIZE], const void *pem, size_t length)
{
	X509 *certificate = read_first(pem, length);
	unsigned char *key = NULL, digest[EVP_MAX_MD_SIZE];
	int size = certificate != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key) : -1;
	unsigned digest_length = 0;
	bool good = size > 0 && EVP_Digest(key, (size_t)size, digest, &digest_length, EVP_sha256(), NULL) == 1;
	int used = snprintf(text, FINGERPRINT_SIZE, "sha256:");

	for (unsigned i = 0; good && i < digest_length; i++)
		used += snprintf(text + used, (size_t)(FINGERPRINT_SIZE - used), "%02x", digest[i]);
	OPENSSL_free(key);
	X509_free(certificate);
	return good;
}

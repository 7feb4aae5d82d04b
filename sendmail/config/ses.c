/*
 * The signing key of AWS signature version 4 for a date that never was, and
 * with it a signature of one word. A leading byte names the version of this scheme.
 */
#include "config/ses.h"

#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encode.h"

enum { VERSION = 4, HASH = 32, TEXT_MAX = 8192 };

char *
ses_password(const char *secret_key, const char *region)
{
	const char *const parts[] = { "11111111", region, "ses", "aws4_request", "SendRawEmail" };
	unsigned char signature[1 + HASH] = { VERSION }, *hash = signature + 1;
	struct buffer text;
	char *password;

	buffer_init(&text, TEXT_MAX);
	buffer_format(&text, "AWS4%s", secret_key);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		/* No libcrypto refuses SHA-256. */
		digest_hmac(DIGEST_SHA256, text.data, text.length, parts[i], strlen(parts[i]), hash);
		buffer_clear(&text);
		buffer_add(&text, hash, HASH);
	}
	buffer_free(&text);
	buffer_init(&text, TEXT_MAX);
	base64_encode(&text, signature, sizeof(signature));
	password = copy_string(buffer_string(&text));
	buffer_free(&text);
	explicit_bzero(signature, sizeof(signature));
	return password;
}

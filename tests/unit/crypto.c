/* Digests against the vectors of their RFCs. */
#include "base/crypto.h"

#include <string.h>

#include "base/buffer.h"
#include "unit/tap.h"

static const char long_key[] = "0123456789012345678901234567890123456789012345678901234567890123456789";

static const struct {
	const char *name;
	enum digest digest;
	const char *key; /* NULL: the plain digest */
	const char *text, *want;
} rows[] = {
	{ "MD5 of nothing (RFC 1321)", DIGEST_MD5, NULL, "", "d41d8cd98f00b204e9800998ecf8427e" },
	{ "MD5 (RFC 1321)", DIGEST_MD5, NULL, "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
	{ "SHA-1 (FIPS 180)", DIGEST_SHA1, NULL, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ "SHA-256 (FIPS 180)", DIGEST_SHA256, NULL, "abc",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "HMAC-MD5 (RFC 2202, 2)", DIGEST_MD5, "Jefe", "what do ya want for nothing?",
	    "750c783e6ab0b503eaa86e310a5db738" },
	{ "HMAC-SHA-1 (RFC 2202, 2)", DIGEST_SHA1, "Jefe", "what do ya want for nothing?",
	    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ "HMAC-SHA-256 (RFC 4231, 2)", DIGEST_SHA256, "Jefe", "what do ya want for nothing?",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "HMAC with an empty key", DIGEST_SHA256, "", "",
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	{ "HMAC with a key longer than a block", DIGEST_MD5, long_key, "x", "e9c5c6903693cc2448ef5d9b3a9288a5" },
};

static const struct {
	const char *name;
	enum digest digest;
	const char *password, *salt;
	unsigned iterations;
	const char *want;
} stretched[] = {
	{ "PBKDF2, one iteration (RFC 6070)", DIGEST_SHA1, "password", "salt", 1,
	    "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
	{ "PBKDF2, two (RFC 6070)", DIGEST_SHA1, "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
	{ "PBKDF2, 4096 (RFC 6070)", DIGEST_SHA1, "password", "salt", 4096,
	    "4b007901b765489abead49d926f721d065a429c1" },
	{ "PBKDF2 with SHA-256", DIGEST_SHA256, "password", "salt", 2,
	    "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43" },
};

static void
check(const char *name, bool done, enum digest digest, const unsigned char *bytes, const char *want)
{
	struct buffer hex;

	buffer_init(&hex, 2 * DIGEST_MAX);
	hex_encode(&hex, bytes, digest_length(digest));
	if (!ok(done && strcmp(buffer_string(&hex), want) == 0, "%s", name))
		note("got %s", buffer_string(&hex));
	buffer_free(&hex);
}

int
main(void)
{
	unsigned char out[DIGEST_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *key = rows[i].key, *text = rows[i].text;
		bool done = key != NULL ? digest_hmac(rows[i].digest, key, strlen(key), text, strlen(text), out)
					: digest_of(rows[i].digest, text, strlen(text), out);

		check(rows[i].name, done, rows[i].digest, out, rows[i].want);
	}
	for (size_t i = 0; i < sizeof(stretched) / sizeof(stretched[0]); i++) {
		bool done = digest_stretch(stretched[i].digest, stretched[i].password, stretched[i].salt,
		    strlen(stretched[i].salt), stretched[i].iterations, out);

		check(stretched[i].name, done, stretched[i].digest, out, stretched[i].want);
	}
	ok(same_secret("abc", "abc", 3), "the same");
	ok(!same_secret("abc", "abd", 3), "another");
	ok(same_secret("abc", "abd", 2), "as far as asked");
	return tap_done();
}

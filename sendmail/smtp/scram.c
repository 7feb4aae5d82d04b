/*
 * SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), without channel binding:
 *
 *	C: n,,n=user,r=NONCE
 *	S: r=NONCE and more,s=SALT,i=ITERATIONS
 *	C: c=biws,r=NONCE and more,p=PROOF
 *	S: v=SIGNATURE
 *
 * Whoever plays the server chooses salt and iterations, so both are limited;
 * and the login only counts when the signature was right.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "smtp/mechanism.h"

struct server_first {
	const char *nonce;
	size_t nonce_length;
	struct buffer salt;
	unsigned iterations;
};

struct keys {
	unsigned char salted[DIGEST_MAX], client[DIGEST_MAX], stored[DIGEST_MAX], server[DIGEST_MAX];
	unsigned char signature[DIGEST_MAX]; /* of either side */
};

static void
add_client_first(const struct login *login, struct buffer *out)
{
	buffer_add_string(out, "n=");
	add_saslname(out, login->options->user);
	buffer_format(out, ",r=%s", login->options->nonce);
}

void
scram_first(struct login *login, struct buffer *response)
{
	buffer_add_string(response, "n,,");
	add_client_first(login, response);
}

/* The attribute NAME=VALUE, which must be the next; moves behind its comma. */
static bool
take(const char **text, char name, const char **value, size_t *length)
{
	if ((*text)[0] != name || (*text)[1] != '=')
		return false;
	*value = *text + 2;
	*length = strcspn(*value, ",");
	*text = *value + *length;
	*text += **text == ',';
	return *length > 0;
}

/* 0 for all that is not a number from 1 to the limit, plainly written. */
static unsigned
read_iterations(const char *text, size_t length)
{
	unsigned number = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || (number == 0 && text[i] == '0'))
			return 0;
		number = 10 * number + (unsigned)(text[i] - '0');
		if (number > ITERATIONS_MAX)
			return 0;
	}
	return number;
}

static bool
read_first(struct login *login, const char *text, struct server_first *first)
{
	const char *nonce = login->options->nonce, *salt, *iterations;
	size_t ours = strlen(nonce), salt_length, digits;

	if (!take(&text, 'r', &first->nonce, &first->nonce_length) || !take(&text, 's', &salt, &salt_length) ||
	    !take(&text, 'i', &iterations, &digits))
		return login_cancel(login, "the server sent a SCRAM challenge that is none");
	if (first->nonce_length <= ours || strncmp(first->nonce, nonce, ours) != 0)
		return login_cancel(login, "the server's SCRAM nonce does not continue ours");
	if (first->nonce_length > NONCE_MAX)
		return login_cancel(login, "the server's SCRAM nonce is longer than %d bytes", NONCE_MAX);
	if (!base64_decode(&first->salt, salt, salt_length) || first->salt.overflow)
		return login_cancel(login, "the server's SCRAM salt is no base64, or longer than %d bytes", SALT_MAX);
	first->iterations = read_iterations(iterations, digits);
	if (first->iterations == 0)
		return login_cancel(login, "the server wants %.*s iterations for SCRAM, 1 to %d are allowed",
		    (int)(digits < 20 ? digits : 20), iterations, ITERATIONS_MAX);
	return true;
}

/*
 * RFC 5802 section 3. Appends to the response our proof, and stores the
 * server's, over material, the AuthMessage of both sides.
 */
static bool
sign(struct login *login, const struct server_first *first, const struct buffer *material, struct buffer *response,
    struct keys *k)
{
	static const char client_key[] = "Client Key", server_key[] = "Server Key";
	enum digest d = login->mechanism->digest;
	size_t n = digest_length(d);

	if (!digest_stretch(
		d, login->options->password, first->salt.data, first->salt.length, first->iterations, k->salted) ||
	    !digest_hmac(d, k->salted, n, client_key, strlen(client_key), k->client) ||
	    !digest_of(d, k->client, n, k->stored) ||
	    !digest_hmac(d, k->stored, n, material->data, material->length, k->signature))
		return false;
	for (size_t i = 0; i < n; i++)
		k->client[i] ^= k->signature[i];
	buffer_add_string(response, ",p=");
	base64_encode(response, k->client, n);
	if (!digest_hmac(d, k->salted, n, server_key, strlen(server_key), k->server) ||
	    !digest_hmac(d, k->server, n, material->data, material->length, k->signature))
		return false;
	buffer_add_string(&login->proof, "v=");
	base64_encode(&login->proof, k->signature, n);
	return true;
}

static bool
answer_first(struct login *login, const char *challenge, const struct server_first *first, struct buffer *response)
{
	struct buffer material;
	struct keys keys;
	bool done;

	buffer_init(&material, MATERIAL_MAX);
	buffer_format(response, "c=biws,r=%.*s", (int)first->nonce_length, first->nonce);
	add_client_first(login, &material);
	buffer_format(&material, ",%s,", challenge);
	buffer_add(&material, response->data, response->length);
	done = !material.overflow && sign(login, first, &material, response, &keys);
	explicit_bzero(&keys, sizeof(keys));
	buffer_free(&material);
	return done || login_cancel(login, "libcrypto refuses the digest of %s", login->mechanism->name);
}

/* The refusal itself comes as the answer to our empty response. */
static bool
hear_error(struct login *login, const char *challenge)
{
	if (strncmp(challenge, "e=", 2) != 0)
		return false;
	snprintf(login->note, sizeof(login->note), "%.*s", (int)strcspn(challenge + 2, ","), challenge + 2);
	return true;
}

bool
scram_next(struct login *login, const char *challenge, struct buffer *response)
{
	struct server_first first = { .nonce = NULL };
	bool known;

	if (hear_error(login, challenge))
		return true;
	if (login->round > 1)
		return login_prove(login, challenge);
	buffer_init(&first.salt, SALT_MAX);
	known = read_first(login, challenge, &first) && answer_first(login, challenge, &first, response);
	buffer_free(&first.salt);
	return known;
}

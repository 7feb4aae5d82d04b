/*
 * Every mechanism against a server that sends anything as its challenges. The
 * input is
 *
 *	byte 0	the mechanism's row; its highest bit: without TLS, all rows
 *	rest	challenges, each ended by byte 0x02; one that begins with '+' is
 *		the text of a success instead
 *
 * Aborts when the login counts although the server, who never sees the
 * password, has not proved that it knows it; when a response holds the password
 * of a mechanism that must not reveal it; when more is answered than any
 * mechanism has to say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "smtp/login.h"
#include "smtp/smtp.h"

enum { ROWS = 9, RESPONSE_MAX = 12288, ANSWERS_MAX = 2, DIGITS = 4 };

static const char password[] = "correct horse";

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

static bool
mutual(const char *name)
{
	return strncmp(name, "SCRAM", 5) == 0 || strcmp(name, "DIGEST-MD5") == 0;
}

static bool
reveals(const char *name)
{
	return strcmp(name, "PLAIN") == 0 || strcmp(name, "LOGIN") == 0;
}

/* A count of iterations that is allowed, but would only make the fuzzer slow. */
static bool
is_slow(const char *challenge)
{
	const char *count = strstr(challenge, "i=");

	return count != NULL && strspn(count + 2, "0123456789") > DIGITS;
}

/* False when the login is over. */
static bool
serve(struct login *login, const uint8_t *bytes, size_t n, unsigned *answers)
{
	char *challenge = copy_bytes((const char *)bytes, n);
	const char *name = login_name(login);
	struct buffer response;
	bool goes_on = false;

	buffer_init(&response, RESPONSE_MAX);
	if (n > 0 && challenge[0] == '+') {
		demand(!login_done(login, challenge + 1) || !mutual(name));
	} else if (!is_slow(challenge)) {
		goes_on = login_next(login, challenge, n, &response);
		*answers += goes_on;
		demand(goes_on || login->note[0] != '\0');
		demand(*answers <= ANSWERS_MAX && !login->proven && !response.overflow);
		demand(reveals(name) || strstr(challenge, password) != NULL ||
		       strstr(buffer_string(&response), password) == NULL);
	}
	buffer_free(&response);
	free(challenge);
	return goes_on;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_options options = {
		.user = "user@b.test",
		.password = password,
		.token = "ya29.token",
		.certificate = true,
		.nonce = "nonce",
		.host = "h.test",
		.port = "465",
	};
	struct login login;
	struct buffer response;
	unsigned answers = 0;

	if (size == 0)
		return 0;
	options.tls = data[0] & 0x80 ? SMTP_TLS_NONE : SMTP_TLS_IMPLICIT;
	options.mechanisms = SMTP_AUTH_AUTO;
	if (!(data[0] & 0x80))
		login_row(data[0] % ROWS, &options.mechanisms);
	login_init(&login, &options);
	buffer_init(&response, RESPONSE_MAX);
	demand(login_wanted(&options) && login_choose(&login, SMTP_AUTH_AUTO));
	login_first(&login, &response);
	for (size_t i = 1; i < size;) {
		const uint8_t *end = memchr(data + i, 2, size - i);
		size_t n = (end != NULL ? (size_t)(end - data) : size) - i;

		if (!serve(&login, data + i, n, &answers))
			break;
		i += n + 1;
	}
	demand(!mutual(login_name(&login)) || !login_done(&login, ""));
	buffer_free(&response);
	login_free(&login);
	return 0;
}

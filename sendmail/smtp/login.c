/*
 * PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), best first.
 */
#include "smtp/login.h"

#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "smtp/smtp.h"

struct mechanism {
	const char *name;
	unsigned bit;
	void (*first)(struct login *, struct buffer *response);
	/* NULL: nothing is left to say after the first response. */
	bool (*next)(struct login *, const char *challenge, size_t length, struct buffer *response);
};

static void
plain_first(struct login *login, struct buffer *response)
{
	buffer_add_char(response, '\0');
	buffer_add_string(response, login->user);
	buffer_add_char(response, '\0');
	buffer_add_string(response, login->password);
}

static void
login_login_first(struct login *login, struct buffer *response)
{
	buffer_add_string(response, login->user);
}

/* A server that ignored the initial response asks for the user again; all others ask for the password. */
static bool
login_login_next(struct login *login, const char *challenge, size_t length, struct buffer *response)
{
	static const char user[] = "user";
	bool again = length >= strlen(user) && same_text(challenge, strlen(user), user);

	buffer_add_string(response, again ? login->user : login->password);
	return login->round < 2;
}

static const struct mechanism mechanisms[] = {
	{ "PLAIN", SMTP_AUTH_PLAIN, plain_first, NULL },
	{ "LOGIN", SMTP_AUTH_LOGIN, login_login_first, login_login_next },
};

unsigned
login_bit(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (same_text(name, length, mechanisms[i].name))
			return mechanisms[i].bit;
	}
	return 0;
}

bool
login_choose(struct login *login, unsigned allowed)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if ((mechanisms[i].bit & allowed) == 0)
			continue;
		login->mechanism = &mechanisms[i];
		login->round = 0;
		return true;
	}
	return false;
}

const char *
login_name(const struct login *login)
{
	return login->mechanism->name;
}

void
login_first(struct login *login, struct buffer *response)
{
	login->mechanism->first(login, response);
}

bool
login_next(struct login *login, const char *challenge, size_t length, struct buffer *response)
{
	bool known = login->mechanism->next != NULL && login->mechanism->next(login, challenge, length, response);

	login->round++;
	return known;
}

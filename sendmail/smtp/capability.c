/*
 * Keywords are compared without regard to case; what is unknown or malformed
 * counts as not offered. "AUTH=LOGIN" is the form of servers older than RFC 2554.
 */
#include "smtp/capability.h"

#include <string.h>

#include "base/encode.h"
#include "smtp/login.h"

static const char blanks[] = " \t";

/* The number that the word consists of; what is none leaves the limit as it is. */
static void
take_number(uint64_t *limit, const char *word)
{
	uint64_t number = 0;

	for (; *word >= '0' && *word <= '9'; word++) {
		unsigned digit = (unsigned)(*word - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return;
		number = 10 * number + digit;
	}
	if (strchr(blanks, *word) != NULL)
		*limit = number;
}

static void
take_size(struct capabilities *c, const char *argument)
{
	take_number(&c->size, argument);
}

static void
take_limits(struct capabilities *c, const char *argument)
{
	while (*argument != '\0') {
		size_t name = strcspn(argument, "= \t");

		if (same_text(argument, name, "RCPTMAX"))
			take_number(&c->recipients, argument + name + (argument[name] == '='));
		else if (same_text(argument, name, "MAILMAX"))
			take_number(&c->mails, argument + name + (argument[name] == '='));
		argument += strcspn(argument, blanks);
		argument += strspn(argument, blanks);
	}
}

static void
take_mechanisms(struct capabilities *c, const char *argument)
{
	if (c->logins[0] == '\0')
		printable(c->logins, sizeof(c->logins), argument, strlen(argument));
	while (*argument != '\0') {
		size_t length = strcspn(argument, blanks);

		c->mechanisms |= login_bit(argument, length);
		argument += length;
		argument += strspn(argument, blanks);
	}
}

static const struct keyword {
	const char *name;
	unsigned bit;
	void (*take)(struct capabilities *, const char *argument);
} keywords[] = {
	{ "8BITMIME", CAN_8BITMIME, NULL },
	{ "AUTH", CAN_AUTH, take_mechanisms },
	{ "CHUNKING", CAN_CHUNKING, NULL },
	{ "DSN", CAN_DSN, NULL },
	{ "ENHANCEDSTATUSCODES", CAN_ENHANCED_CODES, NULL },
	{ "LIMITS", 0, take_limits },
	{ "PIPELINING", CAN_PIPELINING, NULL },
	{ "SIZE", CAN_SIZE, take_size },
	{ "SMTPUTF8", CAN_SMTPUTF8, NULL },
	{ "STARTTLS", CAN_STARTTLS, NULL },
};

void
capability_add(struct capabilities *c, const char *line)
{
	size_t length = strcspn(line, " \t=");
	const char *argument = line + length + strspn(line + length, " \t=");

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (!same_text(line, length, keywords[i].name))
			continue;
		c->bits |= keywords[i].bit;
		if (keywords[i].take != NULL)
			keywords[i].take(c, argument);
	}
}

/*
 * OAuth access tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, its predecessor of
 * Google, Microsoft and Yahoo. A refusal comes in two parts: a challenge that
 * holds JSON with the reason, and after an empty answer to it the usual 535.
 */
#include <stdio.h>
#include <string.h>

#include "smtp/mechanism.h"

enum { WORD_MAX = 128 };

void
oauthbearer_first(struct login *login, struct buffer *response)
{
	const struct smtp_options *o = login->options;

	buffer_add_string(response, "n,a=");
	add_saslname(response, o->user);
	buffer_add_string(response, ",\1");
	if (o->host != NULL)
		buffer_format(response, "host=%s\1", o->host);
	if (o->port != NULL)
		buffer_format(response, "port=%s\1", o->port);
	buffer_format(response, "auth=Bearer %s\1\1", o->token);
}

void
xoauth2_first(struct login *login, struct buffer *response)
{
	buffer_format(response, "user=%s\1auth=Bearer %s\1\1", login->options->user, login->options->token);
}

/* What the refusal tells, in the order in which it is shown. */
static const char *const members[] = { "status", "scope", "schemes" };
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

/* Copies the string or the bare word at text, cut; returns what is behind it. Escapes lose their backslash. */
static const char *
read_word(const char *text, char word[WORD_MAX])
{
	bool quoted = *text == '"';
	size_t n = 0;

	text += quoted;
	while (*text != '\0' && (quoted ? *text != '"' : strchr(" \t\r\n,:{}[]\"", *text) == NULL)) {
		if (quoted && *text == '\\' && text[1] != '\0')
			text++;
		if (n + 1 < WORD_MAX)
			word[n++] = *text;
		text++;
	}
	word[n] = '\0';
	return text + (quoted && *text == '"');
}

/*
 * Reads no more of JSON than that a string before a colon is a name and what
 * follows its value: all members of the refusal are strings of one flat object.
 */
static void
explain(struct login *login, const char *json)
{
	static const char gap[] = " \t\r\n,{}[]";
	char name[WORD_MAX], values[MEMBERS][WORD_MAX] = { "" }, word[WORD_MAX];
	const char *separator = ": ";
	size_t used;

	for (json += strspn(json, gap); *json != '\0'; json += strspn(json, gap)) {
		json = read_word(json, name);
		json += strspn(json, " \t\r\n");
		if (*json != ':')
			continue;
		json++;
		json = read_word(json + strspn(json, gap), word);
		for (size_t i = 0; i < MEMBERS; i++) {
			if (strcmp(name, members[i]) == 0)
				memcpy(values[i], word, sizeof(word));
		}
	}
	snprintf(login->note, sizeof(login->note), "token refused");
	for (size_t i = 0; i < MEMBERS; i++) {
		used = strlen(login->note);
		if (values[i][0] == '\0')
			continue;
		snprintf(login->note + used, sizeof(login->note) - used, "%s%s %s", separator, members[i], values[i]);
		separator = ", ";
	}
}

bool
oauthbearer_next(struct login *login, const char *challenge, struct buffer *response)
{
	explain(login, challenge);
	buffer_add_char(response, '\1');
	return true;
}

bool
xoauth2_next(struct login *login, const char *challenge, struct buffer *response)
{
	(void)response;
	explain(login, challenge);
	return true;
}

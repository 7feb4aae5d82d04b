/*
 * SENDMAIL_SMARTHOST=smtps://user:password@host:465, for containers: one URL
 * becomes the keys of one [smarthost]. Messages never quote it: it holds a secret.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"

enum {
	URL_LINE = 1, /* marks the keys as given */
	URL_MAX = 4096,
};

#define EXAMPLE "smtps://user:password@host:465"

static const struct scheme {
	const char *prefix, *tls, *port;
} schemes[] = {
	{ "smtps://", "implicit", "465" },
	{ "smtp://", "starttls", "587" },
};

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *digit = c != '\0' ? strchr(digits, c) : NULL;

	return digit != NULL ? (int)((digit - digits) % 16) : -1;
}

/* Decodes %XX; NULL when it is malformed or gives NUL. Owned by the caller. */
static char *
percent_decode(const char *text, size_t length)
{
	char *out = copy_bytes(text, length);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		int high = 0, low = 0;

		out[n] = text[i];
		if (text[i] == '%') {
			high = i + 1 < length ? hex_value(text[i + 1]) : -1;
			low = high >= 0 && i + 2 < length ? hex_value(text[i + 2]) : -1;
			if (low < 0 || high + low == 0) {
				free_secret(out);
				return NULL;
			}
			out[n] = (char)(high << 4 | low);
			i += 2;
		}
		n++;
	}
	out[n] = '\0';
	return out;
}

/* Sets a key from a piece of the URL. */
static int
set_piece(struct load *load, struct part *part, const char *key, const char *text, size_t length)
{
	char *value = percent_decode(text, length);
	int result;

	if (value == NULL)
		return load_error(load, 0, "%s: \"%%\" without two hex digits, write %%25 for a \"%%\"", key);
	result = load_set(load, part, key, value, URL_LINE);
	free_secret(value);
	return result;
}

/* user:password; the password may come from SENDMAIL_PASSWORD_FILE instead. */
static int
set_login(struct load *load, struct part *part, const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);
	size_t user = colon != NULL ? (size_t)(colon - text) : length;

	if (set_piece(load, part, "user", text, user) != 0)
		return -1;
	return colon != NULL ? set_piece(load, part, "password", colon + 1, length - user - 1) : 0;
}

/* host, host:port or [2001:db8::1]:port */
static int
set_host(struct load *load, struct part *part, const char *text, size_t length, const char *port)
{
	const char *end = text[0] == '[' ? memchr(text, ']', length) : memchr(text, ':', length);
	const char *after;
	int bracket = text[0] == '[';

	if (end == NULL && bracket)
		return load_error(load, 0, "\"]\" is missing, write the address as [2001:db8::1]");
	if (end == NULL)
		end = text + length;
	after = end + bracket;
	if (set_piece(load, part, "host", text + bracket, (size_t)(end - text) - (size_t)bracket) != 0)
		return -1;
	if (after == text + length)
		return load_set(load, part, "port", port, URL_LINE);
	if (*after != ':')
		return load_error(load, 0, "text after \"]\", write " EXAMPLE);
	return set_piece(load, part, "port", after + 1, length - (size_t)(after + 1 - text));
}

/* What stands behind the scheme; the last '@' divides, so that one in a password does no harm. */
static int
set_authority(struct load *load, struct part *part, const struct scheme *scheme, const char *text)
{
	size_t length = strcspn(text, "/?#");
	const char *at = memrchr(text, '@', length);
	const char *host = at != NULL ? at + 1 : text;

	if (text[length] != '\0' && strcmp(text + length, "/") != 0)
		return load_error(load, 0,
		    "text after the port, write " EXAMPLE ", and in a password %%2F for \"/\", %%3F for "
		    "\"?\", %%23 for \"#\"");
	if (at == NULL)
		return load_error(
		    load, 0, "no user, write " EXAMPLE "; a smarthost without login needs SENDMAIL_CONFIG");
	if (set_login(load, part, text, (size_t)(at - text)) != 0)
		return -1;
	return set_host(load, part, host, length - (size_t)(host - text), scheme->port);
}

/* Sets a key from a variable, which then is what a message begins with. */
static int
set_variable(struct load *load, struct part *part, const char *key, const char *variable)
{
	const char *value = load->world->environment(variable), *name = load->name;
	int result = 0;

	if (value == NULL || value[0] == '\0')
		return 0;
	load->name = variable;
	result = load_set(load, part, key, value, URL_LINE);
	load->name = name;
	return result;
}

int
load_url(struct load *load, const char *url)
{
	struct part *part = load_open(load, "smarthost", URL_LINE);
	const struct smarthost *smarthost = part->base;

	load->from_url = true;
	if (strlen(url) > URL_MAX)
		return load_error(
		    load, 0, "longer than %d bytes, put the password into SENDMAIL_PASSWORD_FILE", URL_MAX);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const struct scheme *scheme = &schemes[i];
		size_t length = strlen(scheme->prefix);

		if (strncasecmp(url, scheme->prefix, length) != 0)
			continue;
		if (load_set(load, part, "tls", scheme->tls, URL_LINE) != 0 ||
		    set_authority(load, part, scheme, url + length) != 0 ||
		    set_variable(load, part, "from", "SENDMAIL_FROM") != 0 ||
		    set_variable(load, part, "password_file", "SENDMAIL_PASSWORD_FILE") != 0)
			return -1;
		if ((smarthost->password == NULL) == (smarthost->password_files.count == 0))
			return load_error(load, 0, "%s, write " EXAMPLE " or set SENDMAIL_PASSWORD_FILE",
			    smarthost->password == NULL ? "no password" : "two passwords");
		return 0;
	}
	return load_error(load, 0, "no scheme, write " EXAMPLE ", or smtp:// for STARTTLS");
}

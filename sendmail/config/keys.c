/*
 * The key table and look-ups in it. A row without a kind is a name that the
 * design reserves: using it is refused by name, so that nobody believes that it
 * works. Alias names are free and have no row.
 */
#include "config/keys.h"

#include <stdint.h>
#include <string.h>

#include "config/config.h"
#include "config/values.h"

#define SMARTHOST(name, kind, field, initial, help)                                                                    \
	{                                                                                                              \
		SECTION_SMARTHOST, name, kind, offsetof(struct smarthost, field), initial, help                        \
	}
#define GLOBAL(section, name, kind, field, initial, help)                                                              \
	{                                                                                                              \
		section, name, kind, offsetof(struct config, field), initial, help                                     \
	}
#define LATER(section, name, help)                                                                                     \
	{                                                                                                              \
		section, name, NULL, 0, NULL, help                                                                     \
	}

/* In the order in which they are printed. */
const struct key config_keys[] = {
	SMARTHOST("host", &kind_host, host, NULL, "name, address or unix:/path of the smarthost"),
	SMARTHOST("port", &kind_port, port, "465", "its port"),
	SMARTHOST("tls", &kind_tls, tls, NULL, "implicit, starttls or none"),
	SMARTHOST("insecure", &kind_yes_no, insecure, "no", "permits tls = none beyond this machine"),
	SMARTHOST("ca_file", &kind_path, ca_file, NULL, "file of certificate authorities to trust"),
	SMARTHOST("ca_path", &kind_path, ca_path, NULL, "hashed directory of certificate authorities to trust"),
	SMARTHOST("auth", &kind_auth, auth, "auto", "auto, none or a list of mechanisms"),
	SMARTHOST("user", &kind_text, user, NULL, "login name"),
	SMARTHOST("password_file", &kind_path, password_file, NULL, "file that holds the password"),
	SMARTHOST("password", &kind_secret, password, NULL, "the password itself"),
	SMARTHOST("from", &kind_address, from, NULL, "sender of all mail through this smarthost"),
	SMARTHOST("helo", &kind_helo, helo, NULL, "name given with EHLO"),
	SMARTHOST("connect_timeout", &kind_timeout, connect_timeout, "60s", "time for connecting to all addresses"),
	SMARTHOST("timeout", &kind_timeout, timeout, "5m", "time for one answer"),
	SMARTHOST("connections", &kind_connections, connections, "2", "connections at a time"),
	SMARTHOST(
	    "messages_per_connection", &kind_messages, messages_per_connection, "50", "messages on one connection"),
	SMARTHOST(
	    "recipients_per_message", &kind_recipients, recipients_per_message, "0", "recipients of one transaction"),
	SMARTHOST("maildir", &kind_path, maildir, NULL, "deliver into this Maildir instead"),

	GLOBAL(SECTION_IDENTITY, "domain", &kind_domain, identity.domain, NULL, "completes bare names"),
	GLOBAL(SECTION_IDENTITY, "from", &kind_address, identity.from, NULL, "sender of callers that give none"),
	GLOBAL(
	    SECTION_IDENTITY, "from_name", &kind_text, identity.from_name, NULL, "display name of senders without one"),
	GLOBAL(SECTION_IDENTITY, "keep_from", &kind_patterns, identity.keep_from, NULL, "senders that are left alone"),

	GLOBAL(SECTION_QUEUE, "directory", &kind_directory, queue.directory, NULL, "path of the queue, or none"),
	GLOBAL(SECTION_QUEUE, "delivery", &kind_delivery, queue.delivery, "now", "now or queue"),
	GLOBAL(SECTION_QUEUE, "wait", &kind_duration, queue.wait, "10s", "how long a caller waits for the smarthost"),
	GLOBAL(
	    SECTION_QUEUE, "retry", &kind_retry, queue.retry_first, "5m 4h", "first and longest pause between tries"),
	GLOBAL(SECTION_QUEUE, "lifetime", &kind_timeout, queue.lifetime, "5d", "when to give up"),
	GLOBAL(SECTION_QUEUE, "bounce_to", &kind_address, queue.bounce_to, NULL, "who gets reports"),
	GLOBAL(SECTION_QUEUE, "max_message", &kind_size, queue.max_message, "50M", "largest message taken"),
	GLOBAL(SECTION_QUEUE, "min_free", &kind_reserve, queue.min_free, "16M", "disk space to leave free"),
	GLOBAL(SECTION_QUEUE, "unsent_status", &kind_unsent_status, queue.unsent_status, "69",
	    "exit status of mail neither sent nor stored"),

	GLOBAL(SECTION_LOG, "target", &kind_target, log.target, "syslog", "syslog, stderr or the path of a file"),
	GLOBAL(SECTION_LOG, "format", &kind_format, log.format, "text", "text or json"),

	LATER(SECTION_SMARTHOST, "provider", "preset of a provider"),
	LATER(SECTION_SMARTHOST, "region", "region of the provider"),
	LATER(SECTION_SMARTHOST, "stream", "message stream of the provider"),
	LATER(SECTION_SMARTHOST, "tls_min", "lowest TLS version"),
	LATER(SECTION_SMARTHOST, "tls_name", "name the certificate must carry"),
	LATER(SECTION_SMARTHOST, "pin", "hash of the server's key"),
	LATER(SECTION_SMARTHOST, "client_cert", "certificate to show"),
	LATER(SECTION_SMARTHOST, "client_key", "its key"),
	LATER(SECTION_SMARTHOST, "password_command", "command that prints the password"),
	LATER(SECTION_SMARTHOST, "token_file", "file that holds an OAuth token"),
	LATER(SECTION_SMARTHOST, "token_command", "command that prints an OAuth token"),
	LATER(SECTION_SMARTHOST, "source_address", "address to connect from"),
	LATER(SECTION_SMARTHOST, "family", "IPv4 or IPv6 only"),
	LATER(SECTION_SMARTHOST, "max_size", "largest message of this smarthost"),
	LATER(SECTION_SMARTHOST, "window", "transactions in flight"),
	LATER(SECTION_SMARTHOST, "add_header", "header fields to add"),
	LATER(SECTION_SMARTHOST, "only_from", "senders that go through this smarthost"),
	LATER(SECTION_ALIASES, "file", "aliases file of sendmail's form"),
};
const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= KEYS_MAX, "KEYS_MAX is too small");

const char *const section_names[SECTION_COUNT] = { "smarthost", "identity", "aliases", "queue", "log" };

const struct key *
key_find(enum section section, const char *name)
{
	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++)
		if (key->section == section && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

const struct key *
key_find_anywhere(const char *name)
{
	const struct key *key = NULL;

	for (int section = 0; section < SECTION_COUNT && key == NULL; section++)
		key = key_find((enum section)section, name);
	return key;
}

void *
key_field(const struct key *key, void *base)
{
	return (char *)base + key->offset;
}

void
key_default(const struct key *key, void *base)
{
	struct reason why;

	if (key->kind != NULL && key->initial != NULL)
		key->kind->parse(key_field(key, base), key->initial, &why);
}

enum { FAR = 3, NAME_MAX_BYTES = 63 };

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Levenshtein's distance without regard to case, one row at a time. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], n = strlen(b);

	if (n > NAME_MAX_BYTES)
		return FAR;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t change = diagonal + (lower(a[i]) != lower(b[k]));
			size_t step = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;

			diagonal = row[k + 1];
			row[k + 1] = change < step ? change : step;
		}
	}
	return row[n];
}

const char *
key_nearest(enum section section, const char *name)
{
	const char *nearest = NULL;
	size_t best = FAR;

	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++) {
		size_t d = key->section == section && key->kind != NULL ? distance(name, key->name) : FAR;

		if (d < best) {
			best = d;
			nearest = key->name;
		}
	}
	return nearest;
}

const char *
section_nearest(const char *name)
{
	for (int section = 0; section < SECTION_COUNT; section++)
		if (distance(name, section_names[section]) < FAR)
			return section_names[section];
	return NULL;
}

/*
 * The key table and look-ups in it. A row without a kind is a name that the
 * design reserves: using it is refused by name, so that nobody believes that it
 * works. Alias names are free and have no row, so "file" cannot be one.
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
	SMARTHOST("provider", &kind_provider, provider, NULL, "preset of a provider"),
	SMARTHOST("region", &kind_region, region, NULL, "region of the provider"),
	SMARTHOST("stream", &kind_stream, stream, NULL, "message stream of the provider"),
	SMARTHOST("host", &kind_host, host, NULL, "name, address or unix:/path of the smarthost"),
	SMARTHOST("port", &kind_ports, ports, "465", "its ports, in the order to try"),
	SMARTHOST("tls", &kind_tls, tls, NULL, "implicit, starttls or none, for all ports"),
	SMARTHOST("tls_min", &kind_tls_version, tls_min, "1.2", "lowest TLS version"),
	SMARTHOST("tls_name", &kind_domain, tls_name, NULL, "name the certificate must carry"),
	SMARTHOST("insecure", &kind_yes_no, insecure, "no", "permits tls = none beyond this machine"),
	SMARTHOST("ca_file", &kind_path, ca_file, NULL, "file of certificate authorities to trust"),
	SMARTHOST("ca_path", &kind_path, ca_path, NULL, "hashed directory of certificate authorities to trust"),
	SMARTHOST("pin", &kind_pins, pins, NULL, "hash of the server's certificate or key"),
	SMARTHOST("client_cert", &kind_path, client_cert, NULL, "certificate to show"),
	SMARTHOST("client_key", &kind_path, client_key, NULL, "its key"),
	SMARTHOST("auth", &kind_auth, auth, "auto", "auto, none or a list of mechanisms"),
	SMARTHOST("user", &kind_text, user, NULL, "login name"),
	SMARTHOST("password_file", &kind_password_files, password_files, NULL, "file that holds the password"),
	SMARTHOST("password_command", &kind_command, password_command, NULL, "command that prints the password"),
	SMARTHOST("password", &kind_secret, password, NULL, "the password itself"),
	SMARTHOST("token_file", &kind_path, token_file, NULL, "file that holds an OAuth token"),
	SMARTHOST("token_command", &kind_command, token_command, NULL, "command that prints an OAuth token"),
	SMARTHOST("from", &kind_address, from, NULL, "sender of all mail through this smarthost"),
	SMARTHOST("only_from", &kind_patterns, only_from, NULL, "senders that go through this smarthost"),
	SMARTHOST("add_header", &kind_fields, add_header, NULL, "header fields to add"),
	SMARTHOST("helo", &kind_helo, helo, NULL, "name given with EHLO"),
	SMARTHOST("source_address", &kind_source_address, source_address, NULL, "address to connect from"),
	SMARTHOST("family", &kind_family, family, "any", "any, 4 or 6"),
	SMARTHOST("connect_timeout", &kind_timeout, connect_timeout, "60s", "time for connecting to all addresses"),
	SMARTHOST("timeout", &kind_timeout, timeout, "5m", "time for one answer"),
	SMARTHOST("connections", &kind_connections, connections, "2", "connections at a time"),
	SMARTHOST(
	    "messages_per_connection", &kind_messages, messages_per_connection, "50", "messages on one connection"),
	SMARTHOST(
	    "recipients_per_message", &kind_recipients, recipients_per_message, "0", "recipients of one transaction"),
	SMARTHOST("max_size", &kind_reserve, max_size, "0", "largest message of this smarthost"),
	SMARTHOST("maildir", &kind_path, maildir, NULL, "deliver into this Maildir instead"),

	GLOBAL(SECTION_IDENTITY, "domain", &kind_domain, identity.domain, NULL, "completes bare names"),
	GLOBAL(SECTION_IDENTITY, "from", &kind_address, identity.from, NULL, "sender of callers that give none"),
	GLOBAL(
	    SECTION_IDENTITY, "from_name", &kind_text, identity.from_name, NULL, "display name of senders without one"),
	GLOBAL(SECTION_IDENTITY, "keep_from", &kind_patterns, identity.keep_from, NULL, "senders that are left alone"),

	GLOBAL(
	    SECTION_ALIASES, "file", &kind_directory, aliases_file, NULL, "aliases file of sendmail's form, or none"),

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

	LATER(SECTION_SMARTHOST, "window", "transactions in flight"),
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

enum { NAME_MAX_BYTES = 63 };

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Levenshtein's distance, one row at a time. */
size_t
name_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], n = strlen(b);

	if (n > NAME_MAX_BYTES)
		return NAME_FAR;
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
	size_t best = NAME_FAR;

	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++) {
		size_t d = key->section == section && key->kind != NULL ? name_distance(name, key->name) : NAME_FAR;

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
		if (name_distance(name, section_names[section]) < NAME_FAR)
			return section_names[section];
	return NULL;
}

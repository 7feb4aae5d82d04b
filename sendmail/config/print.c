/*
 * The configuration as a text again, from the same key table that read it. A
 * list is written one item a line, so that no line becomes too long.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/preset.h"
#include "config/secret.h"
#include "config/source.h"
#include "config/values.h"

struct writer {
	struct buffer *out;
	bool show_secrets;
	bool exact; /* everything so far can be read back */
};

/* One line. Blanks around "=" go when there is no room for them. */
static void
write_line(struct writer *writer, const char *name, const char *value)
{
	size_t length = strlen(name) + strlen(value) + 1;

	writer->exact = writer->exact && length <= LINE_BYTES_MAX && value_fits(value);
	buffer_format(writer->out, length + 2 <= LINE_BYTES_MAX ? "%s = %s\n" : "%s=%s\n", name, value);
}

/* A comment, cut where a line must end. */
static void __attribute__((format(printf, 2, 3))) write_comment(struct writer *writer, const char *format, ...)
{
	char text[LINE_BYTES_MAX - 1];
	struct reason whole;
	va_list args;

	va_start(args, format);
	vsnprintf(whole.text, sizeof(whole.text), format, args);
	va_end(args);
	printable(text, sizeof(text), whole.text, strlen(whole.text));
	buffer_format(writer->out, "# %s\n", text);
}

static void
write_items(struct writer *writer, const char *name, const struct kind *kind, const void *field, bool secret)
{
	struct buffer value;

	buffer_init(&value, SOURCE_MAX);
	for (size_t i = 0; (i == 0 || kind->list) && kind->print(field, i, &value); i++) {
		write_line(writer, name, secret && !writer->show_secrets ? "***" : buffer_string(&value));
		buffer_clear(&value);
	}
	buffer_free(&value);
}

/* Ports with TLS of different kinds cannot be written as one `tls`: then each port decides again. */
static bool
tls_differs(const struct smarthost *smarthost)
{
	for (size_t i = 0; i < smarthost->ports.count; i++)
		if (smarthost_tls(smarthost, smarthost->ports.items[i]) != smarthost->tls)
			return true;
	return false;
}

/* What some providers take as user is the secret. */
static bool
user_is_secret(const struct smarthost *smarthost)
{
	const struct preset *preset = preset_of(smarthost);

	return (preset != NULL && preset->user_kind == USER_SECRET) ||
	       (smarthost->user != NULL && smarthost->password != NULL &&
		   strcmp(smarthost->user, smarthost->password) == 0);
}

static void
write_smarthost(struct writer *writer, const struct smarthost *smarthost)
{
	const struct preset *preset = preset_of(smarthost);

	buffer_format(writer->out, "\n[smarthost%s%s]\n", smarthost->name[0] != '\0' ? " " : "", smarthost->name);
	if (preset != NULL)
		write_comment(writer, "facts of %s: %s, from: %s", preset->name, preset->checked, preset->source);
	if (preset != NULL && preset->password_notice != NULL && !secret_is_token(smarthost))
		write_comment(writer, "%s: %s", preset->name, preset->password_notice);
	if (smarthost->user_is_secret)
		write_comment(writer, "user is the same as the password");
	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++) {
		const void *field = (const char *)smarthost + key->offset;

		if (key->section != SECTION_SMARTHOST || key->kind == NULL)
			continue;
		if (field == &smarthost->tls && tls_differs(smarthost))
			write_comment(writer, "tls: 443, 465, 2465 and 8465 are implicit, other ports starttls");
		else if (field != &smarthost->password || smarthost->password_files.count == 0)
			write_items(writer, key->name, key->kind, field,
			    key->kind->secret || (field == &smarthost->user && user_is_secret(smarthost)));
	}
}

static void
write_section(struct writer *writer, enum section section, const struct config *config)
{
	buffer_format(writer->out, "\n[%s]\n", section_names[section]);
	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++)
		if (key->section == section && key->kind != NULL)
			write_items(
			    writer, key->name, key->kind, (const char *)config + key->offset, key->kind->secret);
}

/* Those of the file stay there: it may change. */
static void
write_aliases(struct writer *writer, const struct config *config)
{
	write_section(writer, SECTION_ALIASES, config);
	for (size_t i = 0; i < config->alias_count; i++) {
		const struct alias *alias = &config->aliases[i];

		if (i < config->own_alias_count)
			write_items(writer, alias->name, &kind_targets, &alias->targets, false);
		for (size_t k = 0; i >= config->own_alias_count && k < alias->targets.count; k++)
			write_comment(
			    writer, "%s: %s = %s", config->aliases_file, alias->name, alias->targets.items[k]);
	}
}

static bool
write_config(const struct config *config, struct buffer *out, bool show_secrets)
{
	struct writer writer = { out, show_secrets, true };

	write_comment(&writer, "source: %s", config->source);
	for (size_t i = 0; i < config->warnings.count && !show_secrets; i++) /* of the file that was read */
		write_comment(&writer, "warning: %s", config->warnings.items[i]);
	for (size_t i = 0; i < config->smarthost_count; i++)
		write_smarthost(&writer, &config->smarthosts[i]);
	write_section(&writer, SECTION_IDENTITY, config);
	write_aliases(&writer, config);
	write_section(&writer, SECTION_QUEUE, config);
	write_section(&writer, SECTION_LOG, config);
	return writer.exact && !out->overflow;
}

void
config_print(const struct config *config, struct buffer *out)
{
	write_config(config, out, false);
}

bool
config_write(const struct config *config, struct buffer *out)
{
	return write_config(config, out, true);
}

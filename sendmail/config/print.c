/*
 * The configuration as a text again, from the same key table that read it. A
 * list is written one item a line, so that no line becomes too long.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "config/config.h"
#include "config/keys.h"
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

static void
write_items(struct writer *writer, const char *name, const struct kind *kind, const void *field)
{
	struct buffer value;

	buffer_init(&value, SOURCE_MAX);
	for (size_t i = 0; (i == 0 || kind->list) && kind->print(field, i, &value); i++) {
		write_line(writer, name, kind->secret && !writer->show_secrets ? "***" : buffer_string(&value));
		buffer_clear(&value);
	}
	buffer_free(&value);
}

static void
write_section(struct writer *writer, enum section section, const char *name, const void *base)
{
	const struct smarthost *smarthost = section == SECTION_SMARTHOST ? base : NULL;

	buffer_format(writer->out, "\n[%s%s%s]\n", section_names[section], name[0] != '\0' ? " " : "", name);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct key *key = &config_keys[i];
		bool from_file = smarthost != NULL && smarthost->password_file != NULL;

		if (key->section == section && key->kind != NULL && !(key->kind->secret && from_file))
			write_items(writer, key->name, key->kind, (const char *)base + key->offset);
	}
}

static bool
write_config(const struct config *config, struct buffer *out, bool show_secrets)
{
	struct writer writer = { out, show_secrets, true };
	char source[LINE_BYTES_MAX - 10];

	printable(source, sizeof(source), config->source, strlen(config->source));
	buffer_format(out, "# source: %s\n", source);
	for (size_t i = 0; i < config->smarthost_count; i++)
		write_section(&writer, SECTION_SMARTHOST, config->smarthosts[i].name, &config->smarthosts[i]);
	write_section(&writer, SECTION_IDENTITY, "", config);
	write_section(&writer, SECTION_ALIASES, "", config);
	for (size_t i = 0; i < config->alias_count; i++)
		write_items(&writer, config->aliases[i].name, &kind_targets, &config->aliases[i].targets);
	write_section(&writer, SECTION_QUEUE, "", config);
	write_section(&writer, SECTION_LOG, "", config);
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

/*
 * From lines to settings: libinih asks for lines (next_line) and reports keys
 * (on_key). Sections are followed here, because libinih says nothing of a
 * section without keys. The first error ends the reading.
 */
#include "config/load.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/aliases.h"
#include "config/values.h"

int
load_error(struct load *load, int line, const char *format, ...)
{
	char text[REASON_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	load->failed = true;
	if (line == 0 || load->from_url)
		return reason_set(load->reason, "%s: %s", load->name, text);
	return reason_set(load->reason, "%s:%d: %s", load->name, line, text);
}

void
load_warn(struct load *load, int line, const char *format, ...)
{
	char text[REASON_MAX];
	struct reason whole;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (line == 0 || load->from_url)
		reason_set(&whole, "%s: %s", load->name, text);
	else
		reason_set(&whole, "%s:%d: %s", load->name, line, text);
	list_append(&load->config->warnings, whole.text);
}

static size_t
key_index(const struct key *key)
{
	return (size_t)(key - config_keys);
}

int
load_line(const struct part *part, const char *name)
{
	return part->key_lines[key_index(key_find(part->section, name))];
}

/* Splits "smarthost NAME"; *name is "" without one. False when there is no such section. */
static bool
section_find(const char *title, enum section *section, const char **name)
{
	size_t length = strcspn(title, " ");

	for (int i = 0; i < SECTION_COUNT; i++)
		if (strlen(section_names[i]) == length && strncmp(title, section_names[i], length) == 0) {
			*section = (enum section)i;
			*name = title + length + (title[length] == ' ');
			return title[length] == '\0' || i == SECTION_SMARTHOST;
		}
	return false;
}

static bool
smarthost_name_valid(const char *name)
{
	return strlen(name) <= SMARTHOST_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name);
}

static const struct part *
part_find(const struct load *load, enum section section, const char *name)
{
	for (const struct part *part = load->parts; part < load->parts + load->part_count; part++)
		if (part->section == section &&
		    (section != SECTION_SMARTHOST || strcmp(((const struct smarthost *)part->base)->name, name) == 0))
			return part;
	return NULL;
}

static struct part *
part_add(struct load *load, enum section section, const char *name, int line)
{
	struct config *config = load->config;
	struct part *part = &load->parts[load->part_count++];

	*part = (struct part){ .section = section, .line = line, .base = config };
	if (section == SECTION_SMARTHOST) {
		part->base = &config->smarthosts[config->smarthost_count++];
		((struct smarthost *)part->base)->name = copy_string(name);
	}
	return part;
}

static int
unknown_section(struct load *load, const char *title, int line)
{
	const char *nearest = section_nearest(title);

	if (nearest != NULL)
		return load_error(load, line, "unknown section [%s], did you mean [%s]?", title, nearest);
	return load_error(
	    load, line, "unknown section [%s], write [smarthost], [identity], [aliases], [queue] or [log]", title);
}

struct part *
load_open(struct load *load, const char *title, int line)
{
	enum section section;
	const char *name;
	const struct part *twin;

	if (!section_find(title, &section, &name))
		unknown_section(load, title, line);
	else if ((title[0] != '\0' && title[strlen(title) - 1] == ' ') || !smarthost_name_valid(name))
		load_error(load, line, "bad name in [%s], use up to %d letters, digits, \"-\", \"_\" and \".\"", title,
		    SMARTHOST_NAME_MAX);
	else if ((twin = part_find(load, section, name)) != NULL)
		load_error(load, line, "[%s] was opened in line %d already, put its keys there%s", title, twin->line,
		    section == SECTION_SMARTHOST ? " or write [smarthost NAME] for another one" : "");
	else if (section == SECTION_SMARTHOST && load->config->smarthost_count == SMARTHOSTS_MAX)
		load_error(load, line, "more than %d smarthosts, remove some", SMARTHOSTS_MAX);
	else
		return part_add(load, section, name, line);
	return NULL;
}

static int
unknown_key(struct load *load, const struct part *part, const char *name, int line)
{
	const char *section = section_names[part->section], *nearest = key_nearest(part->section, name);
	const struct key *elsewhere = key_find_anywhere(name);

	if (elsewhere != NULL)
		return load_error(load, line, "\"%s\" is no key of [%s], put it into [%s]", name, section,
		    section_names[elsewhere->section]);
	if (nearest != NULL)
		return load_error(
		    load, line, "unknown key \"%s\" in [%s], did you mean \"%s\"?", name, section, nearest);
	return load_error(
	    load, line, "unknown key \"%s\" in [%s], remove it or look it up in sendmail.ini(5)", name, section);
}

static int
alias_set(struct load *load, const char *name, const char *value, int line)
{
	struct alias *alias;
	struct reason why;

	if (!valid_local_part(name, strlen(name)))
		return load_error(load, line, "\"%s\" is not a name without domain, write one such as root", name);
	if ((alias = alias_get(load->config, name)) == NULL)
		return load_error(load, line, "more than %d aliases, remove some", ALIASES_MAX);
	if (kind_targets.parse(&alias->targets, value, &why) != 0)
		return load_error(load, line, "%s: %s", name, why.text);
	return 0;
}

static int
row_set(struct load *load, struct part *part, const struct key *key, const char *value, int line)
{
	int *key_line = &part->key_lines[key_index(key)];
	struct reason why;

	if (*key_line != 0 && !key->kind->list)
		return load_error(
		    load, line, "\"%s\" was given in line %d already, keep one of them", key->name, *key_line);
	if (!key->kind->secret && !value_fits(value))
		return load_error(
		    load, line, "%s: control characters, blanks at its ends or \" ;\", remove them", key->name);
	if (key->kind->parse(key_field(key, part->base), value, &why) != 0)
		return load_error(load, line, "%s: %s", key->name, why.text);
	*key_line = line;
	return 0;
}

int
load_set(struct load *load, struct part *part, const char *name, const char *value, int line)
{
	const struct key *key = key_find(part->section, name);

	if (key != NULL && key->kind == NULL)
		return load_error(load, line, "key \"%s\" is known but not built yet, remove the line", name);
	if (key == NULL && part->section != SECTION_ALIASES)
		return unknown_key(load, part, name, line);
	if (value[0] == '\0')
		return load_error(load, line, "\"%s\" has no value, write one or remove the line", name);
	return key != NULL ? row_set(load, part, key, value, line) : alias_set(load, name, value, line);
}

/* libinih's report of one key; the line is the one its reader was given last. */
static int
on_key(void *context, const char *section, const char *name, const char *value)
{
	struct load *load = context;

	(void)section;
	if (load->part_count == 0)
		load_error(
		    load, load->source.line, "\"%s\" stands before any section, write [smarthost] above it", name);
	else
		load_set(load, &load->parts[load->part_count - 1], name, value, load->source.line);
	return 1;
}

static void
open_line(struct load *load, const char *line, size_t length)
{
	const char *end = memchr(line, ']', length);
	char *title = copy_bytes(line + 1, (size_t)(end - line) - 1);

	load_open(load, title, load->source.line);
	free(title);
}

/* libinih's reader (see fgets(3)): hands on checked lines only, comments as empty ones. */
static char *
next_line(char *out, int size, void *context)
{
	struct load *load = context;
	struct reason why;
	const char *line;
	size_t length;
	enum line_shape shape;

	if (load->failed || !source_next(&load->source, &line, &length))
		return NULL;
	shape = line_shape(line, length, &why);
	if (shape == LINE_BAD || length + 2 > (size_t)size)
		load_error(
		    load, load->source.line, "%s", shape == LINE_BAD ? why.text : "longer than this libinih reads");
	else if (shape == LINE_SECTION)
		open_line(load, line, length);
	if (load->failed)
		return NULL;
	if (shape == LINE_EMPTY)
		length = 0;
	memcpy(out, line, length);
	memcpy(out + length, "\n", 2);
	return out;
}

int
load_text(struct load *load, const char *text, size_t length)
{
	if (length > SOURCE_MAX)
		return load_error(load, 0, "longer than %d bytes, is this the right text?", SOURCE_MAX);
	source_start(&load->source, text, length);
	if (ini_parse_stream(next_line, load, on_key, load) != 0 && !load->failed)
		load_error(load, load->source.line, "not understood, write \"key = value\" or \"[section]\"");
	return load->failed ? -1 : 0;
}

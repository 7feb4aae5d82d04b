/*
 * What can only be judged or filled in when everything was read: defaults, the
 * file of aliases, the queue, the names this machine goes by.
 */
#include <string.h>

#include "config/aliases.h"
#include "config/load.h"
#include "config/values.h"

static struct part *
part_of(struct load *load, enum section section)
{
	for (struct part *part = load->parts; part < load->parts + load->part_count; part++)
		if (part->section == section)
			return part;
	return NULL;
}

static void
set_defaults(struct part *part)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].section == part->section && part->key_lines[i] == 0)
			key_default(&config_keys[i], part->base);
}

/* The domain of an address; NULL when it is none. */
static const char *
domain_of(const char *address)
{
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	return at != NULL && valid_dotted_domain(at + 1) ? at + 1 : NULL;
}

/* The first line of /etc/mailname; NULL when that is no full name. Owned by the caller. */
static char *
read_mailname(const char *path)
{
	struct buffer text;
	struct stat status;
	struct reason why;
	char *name = NULL;

	buffer_init(&text, 1024);
	if (path != NULL && source_read_file(path, &text, &status, &why) == FILE_READ) {
		const char *start = buffer_string(&text);

		start += strspn(start, " \t");
		name = copy_bytes(start, strcspn(start, " \t\r\n"));
		if (!valid_dotted_domain(name)) {
			free_secret(name);
			name = NULL;
		}
	}
	buffer_free(&text);
	return name;
}

/* The domain that completes bare names, from the surest source to the vaguest. Owned by the caller. */
static char *
guess_domain(const struct config *config, const struct config_world *world)
{
	const char *domain = NULL;
	char *mailname;

	for (size_t i = 0; i < config->smarthost_count && domain == NULL; i++)
		domain = domain_of(config->smarthosts[i].from);
	if (domain == NULL)
		domain = domain_of(config->identity.from);
	for (size_t i = 0; i < config->smarthost_count && domain == NULL; i++)
		domain = domain_of(config->smarthosts[i].user);
	if (domain != NULL)
		return copy_string(domain);
	if ((mailname = read_mailname(world->mailname_path)) != NULL)
		return mailname;
	return world->host_name != NULL && valid_dotted_domain(world->host_name) ? copy_string(world->host_name) : NULL;
}

static int
complete_domain(struct load *load)
{
	char **domain = &load->config->identity.domain;
	int line = part_of(load, SECTION_IDENTITY)->line;

	if (*domain == NULL)
		*domain = guess_domain(load->config, load->world);
	if (*domain != NULL)
		return 0;
	if (load->from_url)
		return load_error(
		    load, 0, "no domain to complete names such as \"root\" with, set SENDMAIL_FROM=app@example.com");
	return load_error(load, line != 0 ? line : part_of(load, SECTION_SMARTHOST)->line,
	    "no domain to complete names such as \"root\" with, write \"domain = example.com\" into [identity]");
}

char *
default_queue(const struct config_world *world, bool personal, bool at_home)
{
	struct buffer path;
	char *result;

	if (!personal || (world->uid == 0 && !at_home))
		return copy_string(world->system_queue);
	if (world->home == NULL)
		return NULL;
	buffer_init(&path, SOURCE_MAX);
	buffer_format(&path, "%s/.local/state/sendmail-submit", world->home);
	result = copy_string(buffer_string(&path));
	buffer_free(&path);
	return result;
}

/* Only a file that was asked for must be there, and be readable. */
static int
complete_aliases(struct load *load)
{
	struct config *config = load->config;
	int line = load_line(part_of(load, SECTION_ALIASES), "file");
	struct reason why;
	enum file_result read;

	config->own_alias_count = config->alias_count;
	if (line == 0 && load->world->aliases_path != NULL)
		config->aliases_file = copy_string(load->world->aliases_path);
	if (config->aliases_file == NULL)
		return 0;
	read = aliases_read(config, config->aliases_file, load->world->host_name, &why);
	if (read == FILE_READ)
		return 0;
	if (line != 0)
		return load_error(load, line, "file: %s: %s", config->aliases_file, why.text);
	if (read == FILE_BAD)
		load_warn(load, 0, "%s: %s", config->aliases_file, why.text);
	free_secret(config->aliases_file);
	config->aliases_file = NULL;
	return 0;
}

int
load_complete(struct load *load)
{
	struct config *config = load->config;
	int last_line = load->source.line > 0 ? load->source.line : 1;

	if (config->smarthost_count == 0)
		return load_error(load, last_line, "no [smarthost], write one with host, user, password_file and from");
	for (int section = SECTION_IDENTITY; section < SECTION_COUNT; section++)
		if (part_of(load, (enum section)section) == NULL)
			load_open(load, section_names[section], 0);
	for (struct part *part = load->parts; part < load->parts + load->part_count; part++) {
		if (part->section == SECTION_SMARTHOST && smarthost_fill(load, part) != 0)
			return -1;
		set_defaults(part);
		if (part->section == SECTION_SMARTHOST && smarthost_complete(load, part) != 0)
			return -1;
	}
	if (complete_aliases(load) != 0)
		return -1;
	if (load_line(part_of(load, SECTION_QUEUE), "directory") == 0)
		config->queue.directory = default_queue(load->world, config->personal, load->at_home);
	return complete_domain(load);
}

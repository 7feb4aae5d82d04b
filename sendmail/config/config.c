/*
 * Where the configuration comes from: the first of a fixed list of sources,
 * read whole, never merged with another one. What is wrong with it is found by
 * load.c, url.c and complete.c.
 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/load.h"
#include "config/values.h"

/* Everything a source can be; NULL stands for what it is not. */
struct origin {
	const char *name; /* in messages */
	const char *source; /* config->source */
	bool personal;
	bool at_home; /* see struct load */
	const struct stat *status;
	const char *text; /* ini text of length bytes, or ... */
	size_t length;
	const char *url;
};

static void
release_keys(enum section section, void *base)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct key *key = &config_keys[i];

		if (key->section == section && key->kind != NULL && key->kind->release != NULL)
			key->kind->release(key_field(key, base));
	}
}

void
config_free(struct config *config)
{
	for (size_t i = 0; i < config->smarthost_count; i++) {
		release_keys(SECTION_SMARTHOST, &config->smarthosts[i]);
		free_secret(config->smarthosts[i].other_password);
		free(config->smarthosts[i].name);
	}
	for (int section = SECTION_IDENTITY; section < SECTION_COUNT; section++)
		release_keys((enum section)section, config);
	for (size_t i = 0; i < config->alias_count; i++) {
		list_free(&config->aliases[i].targets);
		free(config->aliases[i].name);
	}
	free(config->aliases);
	list_free(&config->warnings);
	free(config->source);
	*config = (struct config){ 0 };
}

/* Of a broken configuration only this remains: enough to keep the mail. */
static void
keep_queue_only(struct config *config, const struct config_world *world, const struct origin *origin)
{
	config_free(config);
	config->source = copy_string(origin->source);
	config->personal = origin->personal;
	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++)
		if (key->section == SECTION_QUEUE || key->section == SECTION_LOG)
			key_default(key, config);
	config->queue.directory = default_queue(world, origin->personal, origin->at_home);
}

static enum config_result
load_origin(struct config *config, const struct config_world *world, const struct origin *origin, struct reason *reason)
{
	struct load load = { .config = config,
		.world = world,
		.reason = reason,
		.name = origin->name,
		.status = origin->status,
		.at_home = origin->at_home };
	int result;

	*config = (struct config){ .source = copy_string(origin->source), .personal = origin->personal };
	if (origin->url != NULL)
		result = load_url(&load, origin->url);
	else
		result = load_text(&load, origin->text, origin->length);
	if (result == 0 && load_complete(&load) == 0)
		return CONFIG_OK;
	keep_queue_only(config, world, origin);
	return CONFIG_BROKEN;
}

enum config_result
config_parse(struct config *config, const struct config_world *world, const char *name, const char *text, size_t length,
    struct reason *reason)
{
	struct origin origin = { .name = name, .source = name, .personal = true, .text = text, .length = length };

	return load_origin(config, world, &origin, reason);
}

/* True when the caller may not even look whether the file is there. */
static bool
hidden(const char *path)
{
	struct stat status;

	return lstat(path, &status) != 0 && errno == EACCES;
}

/*
 * Reads one file. CONFIG_NONE: it does not exist, or it is the file in a home
 * directory that the caller may not even search (a daemon started by root).
 */
static enum config_result
load_file(struct config *config, const struct config_world *world, const char *path, bool personal, bool at_home,
    struct reason *reason)
{
	struct buffer text;
	struct stat status;
	struct reason why;
	struct origin origin = {
		.name = path, .source = path, .personal = personal, .at_home = at_home, .status = &status
	};
	enum config_result result = CONFIG_BROKEN;
	enum file_result read;

	buffer_init(&text, SOURCE_MAX);
	read = source_read_file(path, &text, &status, &why);
	if (read == FILE_READ && (status.st_mode & S_IWOTH) != 0) {
		reason_set(&why, "everybody may write it, run: chmod o-w %s", path);
		read = FILE_BAD;
	}
	if (read == FILE_READ) {
		origin.text = buffer_string(&text);
		origin.length = text.length;
		result = load_origin(config, world, &origin, reason);
	} else if (read == FILE_MISSING || (at_home && hidden(path))) {
		result = CONFIG_NONE;
		reason_set(reason, "%s: %s", path, why.text);
	} else {
		reason_set(reason, "%s: %s", path, why.text);
		keep_queue_only(config, world, &origin);
	}
	buffer_free(&text);
	return result;
}

/* A variable; an empty one is not set: composed environments cannot leave one out. */
static const char *
variable(const struct config_world *world, const char *name)
{
	const char *value = world->environment(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* SENDMAIL_INI: was asked for by name, so it must be there. */
static enum config_result
load_named_file(struct config *config, const struct config_world *world, const char *path, struct reason *reason)
{
	struct origin origin = { .source = "environment variable SENDMAIL_INI", .personal = true };
	enum config_result result = CONFIG_NONE;
	struct reason why;

	if (text_check(path, strlen(path), &why) != 0)
		reason_set(reason, "SENDMAIL_INI: %s", why.text);
	else if (path[0] != '/')
		reason_set(reason, "SENDMAIL_INI: \"%s\" is not an absolute path, write it from the \"/\" on", path);
	else
		result = load_file(config, world, path, true, false, reason);
	if (result != CONFIG_NONE)
		return result;
	keep_queue_only(config, world, &origin);
	return CONFIG_BROKEN;
}

/* The sources in the environment; CONFIG_NONE when there is none. */
static enum config_result
load_environment(struct config *config, const struct config_world *world, struct reason *reason)
{
	static const char *const companions[] = { "SENDMAIL_PASSWORD_FILE", "SENDMAIL_FROM" };
	struct origin origin = { .personal = true };
	const char *path = variable(world, "SENDMAIL_INI");

	if (path != NULL)
		return load_named_file(config, world, path, reason);
	if ((origin.text = variable(world, "SENDMAIL_CONFIG")) != NULL) {
		origin.name = "SENDMAIL_CONFIG";
		origin.source = "environment variable SENDMAIL_CONFIG";
		origin.length = strlen(origin.text);
		return load_origin(config, world, &origin, reason);
	}
	origin.name = "SENDMAIL_SMARTHOST";
	origin.source = "environment variable SENDMAIL_SMARTHOST";
	if ((origin.url = variable(world, "SENDMAIL_SMARTHOST")) != NULL)
		return load_origin(config, world, &origin, reason);
	for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++)
		if (variable(world, companions[i]) != NULL) {
			reason_set(
			    reason, "%s: goes with SENDMAIL_SMARTHOST only, set that too or unset both", companions[i]);
			keep_queue_only(config, world, &origin);
			return CONFIG_BROKEN;
		}
	return CONFIG_NONE;
}

static enum config_result
load_home(struct config *config, const struct config_world *world, struct reason *reason)
{
	struct buffer path;
	enum config_result result;

	if (world->home == NULL)
		return CONFIG_NONE;
	buffer_init(&path, SOURCE_MAX);
	buffer_format(&path, "%s/.config/sendmail.ini", world->home);
	result = load_file(config, world, buffer_string(&path), true, true, reason);
	buffer_free(&path);
	return result;
}

enum config_result
config_load(struct config *config, const struct config_world *world, struct reason *reason)
{
	enum config_result result;

	*config = (struct config){ 0 };
	result = load_environment(config, world, reason);
	if (result == CONFIG_NONE)
		result = load_home(config, world, reason);
	if (result == CONFIG_NONE)
		result = load_file(config, world, world->system_path, false, false, reason);
	if (result == CONFIG_NONE)
		reason_set(reason,
		    "no configuration, looked for %s%s%s: write one with [smarthost], host, user, password_file and "
		    "from",
		    world->home != NULL ? world->home : "", world->home != NULL ? "/.config/sendmail.ini and " : "",
		    world->system_path);
	return result;
}

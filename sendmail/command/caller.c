#include "command/caller.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

#ifndef SYSTEM_CONFIG
#define SYSTEM_CONFIG "/etc/sendmail.ini"
#endif
#define SYSTEM_QUEUE "/var/spool/sendmail-submit"
#define MAILNAME "/etc/mailname"
#define ALIASES "/etc/aliases"

/* Read once, then removed: a child or a core must not hold them. */
static const char *const secret_variables[] = { "SENDMAIL_CONFIG", "SENDMAIL_SMARTHOST" };

static char *
copy_or_null(const char *string)
{
	return string != NULL && string[0] != '\0' ? copy_string(string) : NULL;
}

void
caller_init(struct caller *c)
{
	const struct passwd *pw = getpwuid(getuid());

	memset(c, 0, sizeof(*c));
	c->privileged = process_is_privileged();
	snprintf(c->login, sizeof(c->login), "uid-%lu", (unsigned long)getuid());
	if (pw != NULL) {
		snprintf(c->login, sizeof(c->login), "%s", pw->pw_name);
		c->gecos = copy_or_null(pw->pw_gecos);
		c->home = copy_or_null(pw->pw_dir);
	}
	if (!c->privileged)
		c->name = copy_or_null(getenv("NAME"));
	if (gethostname(c->host, sizeof(c->host) - 1) < 0 || c->host[0] == '\0')
		snprintf(c->host, sizeof(c->host), "localhost");
}

static const char *
no_environment(const char *name)
{
	(void)name;
	return NULL;
}

static const char *
environment(const char *name)
{
	return getenv(name);
}

static bool
names_configuration(const char *(*look_up)(const char *))
{
	static const char *const names[] = { "SENDMAIL_INI", "SENDMAIL_CONFIG", "SENDMAIL_SMARTHOST" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (look_up(names[i]) != NULL)
			return true;
	return false;
}

static void
wipe_environment(void)
{
	for (size_t i = 0; i < sizeof(secret_variables) / sizeof(secret_variables[0]); i++) {
		char *value = getenv(secret_variables[i]);

		if (value != NULL)
			explicit_bzero(value, strlen(value));
		unsetenv(secret_variables[i]);
	}
}

static void
open_log(const char *target, enum log_format format)
{
	struct reason reason;

	if (strcmp(target, "stderr") == 0)
		log_open(LOG_TO_STDERR, format, NULL);
	else if (target[0] != '/')
		log_open(LOG_TO_SYSLOG, format, NULL);
	else if (log_open(LOG_TO_FILE, format, target) < 0) {
		log_open(LOG_TO_SYSLOG, format, NULL);
		reason_set(&reason, "log file %s cannot be opened; logging to syslog", target);
		log_note(LEVEL_WARNING, "log", reason.text);
	}
}

int
caller_configure(struct caller *c, struct reason *reason)
{
	const struct config_world world = {
		.environment = c->privileged ? no_environment : environment,
		.home = c->home,
		.system_path = SYSTEM_CONFIG,
		.system_queue = SYSTEM_QUEUE,
		.mailname_path = MAILNAME,
		.aliases_path = ALIASES,
		.host_name = c->host,
		.uid = geteuid(),
	};
	enum config_result result = config_load(&c->config, &world, reason);

	c->from_environment = names_configuration(world.environment);
	wipe_environment();
	if (result != CONFIG_OK)
		return EX_CONFIG;
	open_log(c->config.log.target, strcmp(c->config.log.format, "json") == 0 ? LOG_AS_JSON : LOG_AS_TEXT);
	for (size_t i = 0; i < c->config.warnings.count; i++)
		log_note(LEVEL_WARNING, "config", c->config.warnings.items[i]);
	return EX_OK;
}

void
caller_free(struct caller *c)
{
	config_free(&c->config);
	free(c->gecos);
	free(c->home);
	free(c->name);
}

void
caller_identity(struct caller *c, struct identity *identity)
{
	const struct config *config = &c->config;
	struct alias_row *aliases = allocate(config->alias_count, sizeof(*aliases));

	for (size_t i = 0; i < config->alias_count; i++)
		aliases[i] = (struct alias_row){
			.name = config->aliases[i].name,
			.targets = (const char *const *)config->aliases[i].targets.items,
			.target_count = config->aliases[i].targets.count,
		};
	*identity = (struct identity){
		.login = c->login,
		.gecos = c->gecos,
		.name = c->name,
		.domain = config->identity.domain,
		.host = c->host,
		.from = config->identity.from,
		.from_name = config->identity.from_name,
		.aliases = aliases,
		.alias_count = config->alias_count,
		.uid = getuid(),
	};
}

void
identity_free(struct identity *identity)
{
	free((void *)identity->aliases);
}

int
caller_zone(const struct caller *c)
{
	time_t now = time(NULL);
	struct tm local;

	return !c->privileged && localtime_r(&now, &local) != NULL ? (int)(local.tm_gmtoff / 60) : 0;
}

void
caller_stamp(const struct caller *c, const char *id, struct stamp *stamp)
{
	*stamp = (struct stamp){ .now = time(NULL), .zone = caller_zone(c), .id = id };
}

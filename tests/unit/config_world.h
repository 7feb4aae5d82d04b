/*
 * A made-up world for the tests of the configuration: variables, a folder of its
 * own for files, and no other influence of the machine.
 */
#ifndef TESTS_CONFIG_WORLD_H
#define TESTS_CONFIG_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "config/config.h"

/* Up to four variables; a NULL name ends them. */
struct variable {
	const char *name, *value;
};

enum { SOMEBODY = 54321 }; /* a uid that root can become */

static struct variable variables[4];
static char folder[64], home[80], system_path[80];

static inline const char *
made_up_environment(const char *name)
{
	for (size_t i = 0; i < 4 && variables[i].name != NULL; i++)
		if (strcmp(variables[i].name, name) == 0)
			return variables[i].value;
	return NULL;
}

/* A world without any file; host_name has no dot. */
static inline struct config_world
new_world(void)
{
	return (struct config_world){ .environment = made_up_environment,
		.home = home,
		.system_path = system_path,
		.system_queue = "/var/spool/sendmail-submit",
		.host_name = "box",
		.uid = getuid() };
}

/* Every user may enter the folder, because some tests change their uid. */
static inline void
make_folder(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.40s/config.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0) {
		perror(folder);
		exit(1);
	}
	snprintf(home, sizeof(home), "%s/home", folder);
	snprintf(system_path, sizeof(system_path), "%s/etc.ini", folder);
}

static inline void
remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		perror(folder);
}

/* Writes DIR/name with this content and mode; returns its path in a static buffer. */
static inline const char *
make_file(const char *name, const char *content, size_t length, mode_t mode)
{
	static char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	if (file == NULL || fwrite(content, 1, length, file) != length || fclose(file) != 0 || chmod(path, mode) != 0) {
		perror(path);
		exit(1);
	}
	return path;
}

/* The text with every "DIR" but in DIRECTORY replaced by the folder. Owned by the caller. */
static inline char *
with_folder(const char *text)
{
	struct buffer out;
	char *result;

	buffer_init(&out, 1 << 20);
	for (; *text != '\0'; text++)
		if (strncmp(text, "DIR", 3) == 0 && text[3] != 'E') {
			buffer_add_string(&out, folder);
			text += 2;
		} else
			buffer_add_char(&out, *text);
	result = copy_string(buffer_string(&out));
	buffer_free(&out);
	return result;
}

#endif

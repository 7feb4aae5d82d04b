#include "command/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "command/explain.h"
#include "command/run.h"
#include "command/spool.h"
#include "command/steer.h"
#include "config/preset.h"

enum { CONFIG_TEXT_MAX = 1 << 20 };

static int
print_text(const struct buffer *text)
{
	return fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
print_config(struct caller *caller)
{
	struct buffer text;
	int status;

	buffer_init(&text, CONFIG_TEXT_MAX);
	config_print(&caller->config, &text);
	status = print_text(&text);
	buffer_free(&text);
	return status;
}

/* Turns an environment into a file: written beside it and renamed, mode 0600, never over a file that exists. */
static int
write_config(struct caller *caller, const char *path, struct reason *reason)
{
	struct buffer text;
	int fd, status = EX_OK;

	buffer_init(&text, CONFIG_TEXT_MAX);
	if (!config_write(&caller->config, &text)) {
		reason_set(reason, "a value cannot be written in an ini file: put the password into a file of its own");
		buffer_free(&text);
		return EX_DATAERR;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		reason_set(reason, "%s: %s", path, strerror(errno));
		status = EX_CANTCREAT;
	} else if (write(fd, text.data, text.length) != (ssize_t)text.length || fsync(fd) < 0 || close(fd) < 0) {
		reason_set(reason, "%s: %s", path, strerror(errno));
		unlink(path);
		status = EX_IOERR;
	}
	buffer_free(&text);
	return status;
}

static int
run_config(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	bool write_file = argc == 2 && strcmp(argv[0], "--write") == 0;
	int status;

	if (argc != 0 && !write_file)
		return EX_USAGE;
	status = caller_configure(caller, reason);
	if (status != EX_OK)
		return status;
	return write_file ? write_config(caller, argv[1], reason) : print_config(caller);
}

static int
run_run(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	(void)argv;
	return argc == 0 ? run_once(caller, reason) : EX_USAGE;
}

/* Facts from a table: no configuration is needed. */
static int
run_providers(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	const struct preset *preset = argc == 1 ? preset_find(argv[0]) : NULL;
	struct buffer text;
	int status;

	(void)caller;
	if (argc > 1)
		return EX_USAGE;
	if (argc == 1 && preset == NULL) {
		reason_set(reason, "no provider is called \"%s\", see: sendmailctl providers", argv[0]);
		return EX_NOINPUT;
	}
	buffer_init(&text, CONFIG_TEXT_MAX);
	if (preset != NULL)
		preset_facts(preset, &text);
	else
		preset_line(NULL, &text);
	for (size_t i = 0; preset == NULL && i < preset_count; i++)
		preset_line(&presets[i], &text);
	status = print_text(&text);
	buffer_free(&text);
	return status;
}

const struct control_row control_rows[] = {
	{ "config", run_config, "[--write file]" },
	{ "explain", explain_run, "[--provider name] [--step step] reply ..." },
	{ "providers", run_providers, "[name]" },
	{ "queue list", spool_list, "[--json] [waiting | held | failed]" },
	{ "queue show", spool_show, "id" },
	{ "queue hold", steer_hold, "pattern ..." },
	{ "queue release", steer_release, "pattern ..." },
	{ "queue delete", steer_delete, "pattern ..." },
	{ "queue retry", steer_retry, "--all | pattern ..." },
	{ "run", run_run, "" },
};
const size_t control_row_count = sizeof(control_rows) / sizeof(control_rows[0]);

/* How many of the words, one or two, are the row's name; 0: another row is meant. */
static int
words_named(const char *name, int argc, char **argv)
{
	size_t first = strcspn(name, " ");

	if (argc < 1 || strlen(argv[0]) != first || strncmp(name, argv[0], first) != 0)
		return 0;
	if (name[first] == '\0')
		return 1;
	return argc > 1 && strcmp(name + first + 1, argv[1]) == 0 ? 2 : 0;
}

/* The synopsis of one row, or of all. */
static int
usage(const struct control_row *only, struct reason *reason)
{
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	for (const struct control_row *row = control_rows; row < control_rows + control_row_count; row++)
		if (only == NULL || row == only)
			buffer_format(&text, "%s%s%s%s", text.length > 0 ? " | " : "", row->name,
			    row->synopsis[0] != '\0' ? " " : "", row->synopsis);
	reason_set(reason, "usage: sendmailctl %s", buffer_string(&text));
	buffer_free(&text);
	return EX_USAGE;
}

int
control(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	int status;

	if (setregid(getgid(), getgid()) < 0 || setreuid(getuid(), getuid()) < 0) {
		reason_set(reason, "privileges cannot be dropped: %s", strerror(errno));
		return EX_OSERR;
	}
	for (const struct control_row *row = control_rows; row < control_rows + control_row_count; row++) {
		int words = words_named(row->name, argc - 1, argv + 1);

		if (words == 0)
			continue;
		status = row->run(caller, argc - 1 - words, argv + 1 + words, reason);
		return status == EX_USAGE && reason->text[0] == '\0' ? usage(row, reason) : status;
	}
	return usage(NULL, reason);
}

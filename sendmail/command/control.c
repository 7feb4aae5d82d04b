#include "command/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { CONFIG_TEXT_MAX = 1 << 20 };

static int
print_config(struct caller *caller)
{
	struct buffer text;
	int status;

	buffer_init(&text, CONFIG_TEXT_MAX);
	config_print(&caller->config, &text);
	status = fwrite(text.data, 1, text.length, stdout) == text.length && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
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

	if (argc != 0 && !write_file) {
		reason_set(reason, "usage: sendmailctl config [--write file]");
		return EX_USAGE;
	}
	status = caller_configure(caller, reason);
	if (status != EX_OK)
		return status;
	return write_file ? write_config(caller, argv[1], reason) : print_config(caller);
}

const struct control_row control_rows[] = {
	{ "config", run_config, "config [--write file]" },
};
const size_t control_row_count = sizeof(control_rows) / sizeof(control_rows[0]);

int
control(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	struct buffer usage;

	if (setregid(getgid(), getgid()) < 0 || setreuid(getuid(), getuid()) < 0) {
		reason_set(reason, "privileges cannot be dropped: %s", strerror(errno));
		return EX_OSERR;
	}
	for (size_t i = 0; argc > 1 && i < control_row_count; i++)
		if (strcmp(argv[1], control_rows[i].name) == 0)
			return control_rows[i].run(caller, argc - 2, argv + 2, reason);
	buffer_init(&usage, REASON_MAX);
	for (size_t i = 0; i < control_row_count; i++)
		buffer_format(&usage, "%s%s", i > 0 ? " | " : "", control_rows[i].synopsis);
	reason_set(reason, "usage: sendmailctl %s", buffer_string(&usage));
	buffer_free(&usage);
	return EX_USAGE;
}

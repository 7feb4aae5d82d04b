/*
 * The configuration from any bytes: as an ini text, as a file, as a URL in the
 * environment. What is accepted must print and read back to the same; what is
 * refused must give one line. The first byte chooses: 'U' a URL (then from and
 * the password's file, one a line), 'F' a file, 'G' one open to everybody; all else is an ini text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "config/config.h"
#include "config/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char *url_lines[3];
static char file_path[64];

static const char *
environment(const char *name)
{
	static const char *const names[] = { "SENDMAIL_SMARTHOST", "SENDMAIL_FROM", "SENDMAIL_PASSWORD_FILE" };

	for (size_t i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return url_lines[i];
	return NULL;
}

static const struct config_world world = { .environment = environment,
	.system_path = file_path,
	.system_queue = "/var/spool/sendmail-submit",
	.mailname_path = "/dev/null",
	.host_name = "box" };

static void
must(bool good, const char *what, const char *text)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

static char *
text_of(const struct config *config, bool *exact)
{
	struct buffer out;
	char *text;

	buffer_init(&out, 1 << 20);
	*exact = config_write(config, &out);
	text = copy_string(buffer_string(&out));
	buffer_free(&out);
	return text;
}

static void
check_accepted(const struct config *config)
{
	struct config again;
	struct reason reason;
	struct buffer masked;
	bool exact;
	char *first = text_of(config, &exact), *second;

	must(config->identity.domain != NULL && config->smarthost_count > 0, "incomplete", first);
	for (size_t i = 0; i < config->smarthost_count; i++) {
		const struct smarthost *smarthost = &config->smarthosts[i];

		must(smarthost->helo != NULL && smarthost->port != NULL, "no helo or port", first);
		must(smarthost->maildir != NULL || smarthost->host != NULL, "no host", first);
		must(smarthost->ports.count > 0 && smarthost->port == smarthost->ports.items[0], "ports", first);
		must(smarthost->maildir != NULL || smarthost->auth == 0 || smarthost->client_cert != NULL ||
			 secret_count(smarthost) > 0,
		    "login", first);
		must(smarthost->password_files.count == 0 ||
			 smarthost->password_files.count == secret_count(smarthost) || smarthost->maildir != NULL,
		    "passwords", first);
	}
	if (exact) {
		must(config_parse(&again, &world, config->source, first, strlen(first), &reason) == CONFIG_OK,
		    reason.text, first);
		second = text_of(&again, &exact);
		must(strcmp(first, second) == 0, "reads back differently", second);
		free(second);
		config_free(&again);
	}
	buffer_init(&masked, 1 << 20);
	config_print(config, &masked);
	must(masked.length > 0, "nothing printed", first);
	buffer_free(&masked);
	free(first);
}

static void
check_result(enum config_result result, struct config *config, const struct reason *reason)
{
	if (result == CONFIG_OK)
		check_accepted(config);
	else
		must(reason->text[0] != '\0' && strpbrk(reason->text, "\n\r\x1b") == NULL, "reason", reason->text);
	config_free(config);
}

static void
run_url(const uint8_t *data, size_t size)
{
	struct config config;
	struct reason reason = { "" };
	char *text = copy_bytes((const char *)data, size), *rest = text;

	for (size_t i = 0; i < 3; i++)
		url_lines[i] = strsep(&rest, "\n");
	check_result(config_load(&config, &world, &reason), &config, &reason);
	memset(url_lines, 0, sizeof(url_lines));
	free(text);
}

static void
remove_file(void)
{
	unlink(file_path);
}

static void
run_file(const uint8_t *data, size_t size, mode_t mode)
{
	static int fd = -1;
	struct config config;
	struct reason reason = { "" };

	if (fd < 0) {
		snprintf(file_path, sizeof(file_path), "/tmp/fuzz-config.XXXXXX");
		fd = mkstemp(file_path);
		must(fd >= 0 && atexit(remove_file) == 0, "temporary file", file_path);
	}
	must(fchmod(fd, mode) == 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
	    "temporary file", file_path);
	check_result(config_load(&config, &world, &reason), &config, &reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct reason reason = { "" };

	if (size > 0 && data[0] == 'U')
		run_url(data + 1, size - 1);
	else if (size > 0 && (data[0] == 'F' || data[0] == 'G'))
		run_file(data + 1, size - 1, data[0] == 'F' ? 0600 : 0644);
	else
		check_result(
		    config_parse(&config, &world, "x.ini", (const char *)data, size, &reason), &config, &reason);
	return 0;
}

/*
 * An aliases file of any bytes: only names and addresses come out of it, never
 * a command, a file or a line end, and reading it again adds nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/aliases.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static bool
harmless(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"\\,:;()<>[]", *c) != NULL)
			return false;
	return text[0] != '\0' && strchr("|/", text[0]) == NULL;
}

static void
check(const struct config *config)
{
	must(config->alias_count <= ALIASES_MAX && config->warnings.count <= LIST_MAX, "limits");
	for (size_t i = 0; i < config->alias_count; i++) {
		const struct alias *alias = &config->aliases[i];

		must(alias->name[0] != '\0' && strpbrk(alias->name, " \t\r\n@\"\\") == NULL, "name");
		must(alias->targets.count > 0 && alias->targets.count <= LIST_MAX, "targets");
		for (size_t k = 0; k < alias->targets.count; k++)
			must(harmless(alias->targets.items[k]), alias->targets.items[k]);
	}
	for (size_t i = 0; i < config->warnings.count; i++)
		must(strpbrk(config->warnings.items[i], "\r\n\x1b") == NULL, "warning");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = { 0 };
	size_t count;

	aliases_parse(&config, "f", (const char *)data, size, "box.example.net");
	check(&config);
	count = config.alias_count;
	aliases_parse(&config, "f", (const char *)data, size, "box.example.net");
	must(config.alias_count == count, "read twice");
	config_free(&config);
	return 0;
}

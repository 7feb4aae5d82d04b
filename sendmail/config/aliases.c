/*
 * /etc/aliases as sendmail and Postfix read it: `name: target, target`, lines
 * that begin with a blank continue the row, '#' starts a comment line, quotes
 * hold blanks and commas together. What runs a program, writes a file or reads
 * another one is refused: mail must never do that here.
 */
#include "config/aliases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "config/config.h"
#include "config/values.h"

enum {
	ROW_MAX = 65536, /* bytes of one row with its continuations */
	SHOWN = 60, /* bytes of a bad text that a warning quotes */
};

struct reader {
	struct config *config;
	const char *path, *host_name;
	int line; /* where the row begins */
	size_t first; /* number of rows that were there before the file */
	struct buffer row;
};

/* "PATH:LINE: "text" WHAT"; text is anything at all. */
static void
warn(struct reader *r, const char *text, const char *what)
{
	char shown[SHOWN];
	struct reason line;

	printable(shown, sizeof(shown), text, strlen(text));
	reason_set(&line, "%s:%d: \"%s\" %s", r->path, r->line, shown, what);
	list_append(&r->config->warnings, line.text);
}

static struct alias *
find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->alias_count; i++)
		if (same_text(name, strlen(name), config->aliases[i].name))
			return &config->aliases[i];
	return NULL;
}

struct alias *
alias_get(struct config *config, const char *name)
{
	struct alias *alias = find(config, name);

	if (alias != NULL || config->alias_count == ALIASES_MAX)
		return alias;
	config->aliases = reallocate(config->aliases, config->alias_count + 1, sizeof(config->aliases[0]));
	config->aliases[config->alias_count] = (struct alias){ .name = copy_string(name) };
	return &config->aliases[config->alias_count++];
}

/* Length of the text up to the first character of stop that no quotes hold; -1 when quotes stay open. */
static ssize_t
piece(const char *text, const char *stop)
{
	bool quoted = false;
	size_t n = 0;

	for (; text[n] != '\0' && (quoted || strchr(stop, text[n]) == NULL); n++) {
		if (text[n] == '"')
			quoted = !quoted;
		else if (text[n] == '\\' && text[n + 1] != '\0')
			n++;
	}
	return quoted ? -1 : (ssize_t)n;
}

/*
 * What n bytes mean: without blanks around them, quotes and backslashes, of "Name <address>" the address. A
 * backslash before a name keeps sendmail from looking it up again; here a loop ends by itself. Owned by the caller.
 */
static char *
plain(const char *text, size_t n)
{
	char *out = copy_bytes(text, n), *bracket;
	size_t length = 0, start = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\\' && i + 1 < n)
			i++;
		else if (text[i] == '"')
			continue;
		out[length++] = text[i];
	}
	while (length > 0 && (out[length - 1] == ' ' || out[length - 1] == '\t'))
		length--;
	if (length > 0 && out[length - 1] == '>' && (bracket = memrchr(out, '<', length)) != NULL) {
		start = (size_t)(bracket - out) + 1;
		length--;
	}
	while (start < length && (out[start] == ' ' || out[start] == '\t'))
		start++;
	memmove(out, out + start, length - start);
	out[length - start] = '\0';
	return out;
}

/* Why sendmail's special targets are not for us; NULL for all others. */
static const char *
refusal(const char *target)
{
	static const struct {
		const char *start, *why;
	} rows[] = {
		{ "|", "runs a command, which is refused; forward to an address" },
		{ "/", "writes a file, which is refused; forward to an address" },
		{ ":include:", "reads a file, which is refused; list its addresses here" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncasecmp(target, rows[i].start, strlen(rows[i].start)) == 0)
			return rows[i].why;
	return NULL;
}

/* Adds one target; an item without text is none: rows end with a comma where the next line goes on. */
static void
add_target(struct reader *r, struct list *targets, const char *text, size_t n)
{
	char *target = plain(text, n);
	const char *why = refusal(target);

	if (why != NULL)
		warn(r, target, why);
	else if (target[0] != '\0' && !valid_target(target))
		warn(r, target, "is not an address or a name");
	else if (target[0] != '\0' && !list_append(targets, target))
		warn(r, target, "is one target too many");
	free(target);
}

static void
read_targets(struct reader *r, struct list *targets, const char *text)
{
	for (;;) {
		ssize_t n = piece(text, ",");

		if (n < 0) {
			warn(r, text, "has a quote without its partner");
			return;
		}
		add_target(r, targets, text, (size_t)n);
		if (text[n] == '\0')
			return;
		text += n + 1;
	}
}

static bool
is_this_host(const struct reader *r, const char *domain)
{
	const char *host = r->host_name;

	if (same_text(domain, strlen(domain), "localhost") ||
	    same_text(domain, strlen(domain), "localhost.localdomain"))
		return true;
	return host != NULL && (same_text(domain, strlen(domain), host) || same_text(host, strcspn(host, "."), domain));
}

/* The name of a row: cut at the "@" of this machine; false with a warning for what is none. */
static bool
usable_name(struct reader *r, char *name)
{
	char *at = strrchr(name, '@');
	const struct alias *twin;

	if (at != NULL && at > name && !is_this_host(r, at + 1)) {
		warn(r, name, "is not a name of this machine");
		return false;
	}
	if (at != NULL)
		*at = '\0';
	if (!valid_local_part(name, strlen(name))) {
		warn(r, name, "is not a name");
		return false;
	}
	twin = find(r->config, name);
	if (twin != NULL && (size_t)(twin - r->config->aliases) >= r->first)
		warn(r, name, "stands there twice, the first one counts");
	return twin == NULL;
}

static void
add_row(struct reader *r, const char *name, struct list *targets)
{
	struct alias *alias = targets->count > 0 ? alias_get(r->config, name) : NULL;

	if (targets->count == 0)
		warn(r, name, "leads nowhere");
	else if (alias == NULL)
		warn(r, name, "is one name too many");
	else {
		alias->targets = *targets;
		return;
	}
	list_free(targets);
}

/* A row is complete. */
static void
end_row(struct reader *r)
{
	const char *text = buffer_string(&r->row);
	ssize_t n = piece(text, ":");
	struct list targets = { 0 };
	char *name;

	if (r->row.length == 0)
		return;
	if (strlen(text) != r->row.length || r->row.overflow)
		warn(r, text, r->row.overflow ? "is too long" : "has a NUL byte");
	else if (n < 0 || text[n] != ':')
		warn(r, text, "is not a row, write name: address");
	else {
		name = plain(text, (size_t)n);
		if (usable_name(r, name)) {
			read_targets(r, &targets, text + n + 1);
			add_row(r, name, &targets);
		}
		free(name);
	}
	buffer_clear(&r->row);
}

void
aliases_parse(struct config *config, const char *path, const char *text, size_t length, const char *host_name)
{
	struct reader r = { .config = config, .path = path, .host_name = host_name, .first = config->alias_count };
	struct source source;
	const char *line;
	size_t n, start;
	bool goes_on = false; /* the last line ended with "\", sendmail's other way to continue it */

	buffer_init(&r.row, ROW_MAX);
	source_start(&source, text, length);
	while (source_next(&source, &line, &n)) {
		for (start = 0; start < n && (line[start] == ' ' || line[start] == '\t');)
			start++;
		if (start == n || line[start] == '#')
			continue;
		if (start == 0 && !goes_on)
			end_row(&r);
		if (r.row.length == 0)
			r.line = source.line;
		goes_on = line[n - 1] == '\\';
		buffer_add(&r.row, line, n - goes_on);
	}
	end_row(&r);
	buffer_free(&r.row);
}

enum file_result
aliases_read(struct config *config, const char *path, const char *host_name, struct reason *why)
{
	struct buffer text;
	struct stat status;
	enum file_result result;

	buffer_init(&text, ALIASES_FILE_MAX);
	result = source_read_file(path, &text, &status, why);
	if (result == FILE_READ && (status.st_mode & S_IWOTH) != 0) {
		reason_set(why, "everybody may write it, run: chmod o-w %s", path);
		result = FILE_BAD;
	}
	if (result == FILE_READ)
		aliases_parse(config, path, text.data != NULL ? text.data : "", text.length, host_name);
	buffer_free(&text);
	return result;
}

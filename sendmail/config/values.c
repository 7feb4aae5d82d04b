/*
 * Kinds of values. Every parser refuses what it does not know in the words
 * `"value" is not WHAT, write CURE`; the caller puts file, line and key before.
 */
#include "config/values.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/config.h"

enum {
	DOMAIN_MAX = 253, /* RFC 1035 2.3.4 */
	LABEL_MAX = 63,
	LOCAL_PART_MAX = 64, /* RFC 5321 4.5.3.1 */
	SOCKET_PATH_MAX = 107, /* sun_path without its terminator */
	DIGITS_MAX = 9, /* times the largest unit this still fits into 63 bits */
	DURATION_MAX = 366 * 86400,
};

#define UNIX_PREFIX "unix:"

static int
refuse(struct reason *why, const char *text, const char *what, const char *cure)
{
	return reason_set(why, "\"%s\" is not %s, write %s", text, what, cure);
}

static bool
alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
valid_domain(const char *name)
{
	size_t label = 0, length = 0;

	for (; name[length] != '\0'; length++) {
		char c = name[length];

		if (c == '.' ? label == 0 || name[length - 1] == '-'
			     : !alphanumeric(c) && c != '_' && (c != '-' || label == 0))
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0 && name[length - 1] != '-' && length <= DOMAIN_MAX;
}

bool
valid_dotted_domain(const char *name)
{
	return strchr(name, '.') != NULL && valid_domain(name);
}

/* Dots may stand anywhere: such mailboxes exist. */
bool
valid_local_part(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!alphanumeric(text[i]) && strchr("!#$%&'*+-/=?^_`{|}~.", text[i]) == NULL)
			return false;
	return length > 0 && length <= LOCAL_PART_MAX;
}

bool
valid_address(const char *text)
{
	const char *at = strrchr(text, '@');

	return at != NULL && valid_local_part(text, (size_t)(at - text)) && valid_domain(at + 1);
}

static void
text_release(void *field)
{
	char **text = field;

	free_secret(*text);
	*text = NULL;
}

static bool
text_print(const void *field, size_t index, struct buffer *out)
{
	char *const *text = field;

	(void)index;
	if (*text == NULL)
		return false;
	buffer_add_string(out, *text);
	return true;
}

static int
text_set(void *field, const char *text)
{
	text_release(field);
	*(char **)field = copy_string(text);
	return 0;
}

static int
text_parse(void *field, const char *text, struct reason *why)
{
	(void)why;
	return text_set(field, text);
}

const struct kind kind_text = { text_parse, text_print, text_release, false, false };
const struct kind kind_secret = { text_parse, text_print, text_release, false, true };

static int
path_parse(void *field, const char *text, struct reason *why)
{
	if (text[0] != '/')
		return refuse(why, text, "an absolute path", "it from the \"/\" on");
	return text_set(field, text);
}

const struct kind kind_path = { path_parse, text_print, text_release, false, false };

/* A socket's path is kept as connection.h wants it, without the prefix. */
static int
host_parse(void *field, const char *text, struct reason *why)
{
	struct in6_addr address;
	const char *path = text + strlen(UNIX_PREFIX);

	if (strncmp(text, UNIX_PREFIX "/", strlen(UNIX_PREFIX "/")) == 0 && strlen(path) <= SOCKET_PATH_MAX)
		return text_set(field, path);
	if (!valid_domain(text) && inet_pton(AF_INET6, text, &address) != 1)
		return refuse(why, text, "a host", "a name or an address alone, such as smtp.example.com or 192.0.2.1");
	return text_set(field, text);
}

static bool
host_print(const void *field, size_t index, struct buffer *out)
{
	char *const *host = field;

	if (*host != NULL && **host == '/')
		buffer_add_string(out, UNIX_PREFIX);
	return text_print(field, index, out);
}

const struct kind kind_host = { host_parse, host_print, text_release, false, false };

/* Up to DIGITS_MAX digits; *rest is what follows. */
static bool
digits(const char *text, int64_t *value, const char **rest)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > DIGITS_MAX)
		return false;
	*value = strtol(text, NULL, 10);
	*rest = text + n;
	return true;
}

static int
port_parse(void *field, const char *text, struct reason *why)
{
	int64_t port;
	const char *rest;

	if (!digits(text, &port, &rest) || *rest != '\0' || text[0] == '0' || port > 65535)
		return refuse(why, text, "a port", "one number from 1 to 65535");
	return text_set(field, text);
}

const struct kind kind_port = { port_parse, text_print, text_release, false, false };

static int
domain_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text))
		return refuse(why, text, "a domain", "one such as example.com");
	return text_set(field, text);
}

const struct kind kind_domain = { domain_parse, text_print, text_release, false, false };

/* RFC 5321 4.1.3: [192.0.2.1] or [IPv6:2001:db8::1]. */
static bool
address_literal(const char *text)
{
	struct in6_addr address;
	size_t length = strlen(text);
	char inside[INET6_ADDRSTRLEN + sizeof("IPv6:")];

	if (length < 3 || length - 2 >= sizeof(inside) || text[0] != '[' || text[length - 1] != ']')
		return false;
	memcpy(inside, text + 1, length - 2);
	inside[length - 2] = '\0';
	if (strncmp(inside, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, inside + 5, &address) == 1;
	return inet_pton(AF_INET, inside, &address) == 1;
}

static int
helo_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text) && !address_literal(text))
		return refuse(why, text, "a name for EHLO", "a host name or an address such as [192.0.2.1]");
	return text_set(field, text);
}

const struct kind kind_helo = { helo_parse, text_print, text_release, false, false };

static int
address_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_address(text))
		return refuse(why, text, "a full address", "one such as app@example.com, without name and brackets");
	return text_set(field, text);
}

const struct kind kind_address = { address_parse, text_print, text_release, false, false };

static int
target_parse(void *field, const char *text, struct reason *why)
{
	if (text[0] != '/' && strcmp(text, "syslog") != 0 && strcmp(text, "stderr") != 0)
		return refuse(why, text, "a log target", "syslog, stderr or an absolute path");
	return text_set(field, text);
}

const struct kind kind_target = { target_parse, text_print, text_release, false, false };

static int
format_parse(void *field, const char *text, struct reason *why)
{
	if (strcmp(text, "json") == 0)
		return reason_set(why, "\"json\" is known but not built yet, write text");
	if (strcmp(text, "text") != 0)
		return refuse(why, text, "a log format", "text");
	return text_set(field, text);
}

const struct kind kind_format = { format_parse, text_print, text_release, false, false };

/* NULL stands for none; complete.c knows whether the key was given. */
static int
directory_parse(void *field, const char *text, struct reason *why)
{
	text_release(field);
	if (strcmp(text, "none") == 0)
		return 0;
	if (text[0] != '/')
		return refuse(why, text, "a directory", "an absolute path or none");
	return text_set(field, text);
}

static bool
directory_print(const void *field, size_t index, struct buffer *out)
{
	char *const *path = field;

	if (*path != NULL)
		return text_print(field, index, out);
	buffer_add_string(out, "none");
	return true;
}

const struct kind kind_directory = { directory_parse, directory_print, text_release, false, false };

/* The place of text among names, or -1. */
static int
choose(const char *const names[], int count, const char *text)
{
	while (--count >= 0 && strcmp(names[count], text) != 0)
		;
	return count;
}

static const char *const tls_names[] = { "implicit", "starttls", "none" }; /* enum smtp_tls */
static const char *const delivery_names[] = { "now", "queue" }; /* enum queue_delivery */
static const char *const yes_no_names[] = { "no", "yes" };

static int
tls_parse(void *field, const char *text, struct reason *why)
{
	int choice = choose(tls_names, 3, text);

	if (choice < 0)
		return refuse(why, text, "a way to use TLS", "implicit, starttls or none");
	*(enum smtp_tls *)field = (enum smtp_tls)choice;
	return 0;
}

static bool
tls_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	buffer_add_string(out, tls_names[*(const enum smtp_tls *)field]);
	return true;
}

const struct kind kind_tls = { tls_parse, tls_print, NULL, false, false };

static int
yes_no_parse(void *field, const char *text, struct reason *why)
{
	int choice = choose(yes_no_names, 2, text);

	if (choice < 0)
		return refuse(why, text, "an answer", "yes or no");
	*(bool *)field = choice != 0;
	return 0;
}

static bool
yes_no_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	buffer_add_string(out, yes_no_names[*(const bool *)field]);
	return true;
}

const struct kind kind_yes_no = { yes_no_parse, yes_no_print, NULL, false, false };

static int
delivery_parse(void *field, const char *text, struct reason *why)
{
	int choice = choose(delivery_names, 2, text);

	if (choice < 0)
		return refuse(why, text, "a time of delivery", "now or queue");
	*(enum queue_delivery *)field = (enum queue_delivery)choice;
	return 0;
}

static bool
delivery_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	buffer_add_string(out, delivery_names[*(const enum queue_delivery *)field]);
	return true;
}

const struct kind kind_delivery = { delivery_parse, delivery_print, NULL, false, false };

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: that is how values are printed. */
static const struct unit times[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { NULL, 0 } };
static const struct unit sizes[] = { { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 }, { NULL, 0 } };

/* A number and one of the units; nothing else. */
static bool
measure(const struct unit *unit, const char *text, int64_t *value)
{
	const char *rest;

	if (!digits(text, value, &rest))
		return false;
	while (unit->name != NULL && strcmp(unit->name, rest) != 0)
		unit++;
	*value *= unit->factor;
	return unit->name != NULL;
}

static void
measure_print(const struct unit *unit, int64_t value, struct buffer *out)
{
	while (unit->factor > 1 && value % unit->factor != 0)
		unit++;
	buffer_format(out, "%lld%s", (long long)(value / unit->factor), unit->name);
}

static int
duration_parse(void *field, const char *text, struct reason *why)
{
	int64_t *seconds = field;

	if (strcmp(text, "0") == 0)
		*seconds = 0;
	else if (!measure(times, text, seconds))
		return refuse(why, text, "a time", "a number with its unit: 30s, 5m, 2h or 5d");
	else if (*seconds > DURATION_MAX)
		return refuse(why, text, "a sensible time", "at most 366d");
	return 0;
}

static int
timeout_parse(void *field, const char *text, struct reason *why)
{
	const int64_t *seconds = field;

	if (duration_parse(field, text, why) != 0)
		return -1;
	if (*seconds == 0)
		return refuse(why, text, "a time to wait", "at least 1s");
	return 0;
}

static bool
duration_print(const void *field, size_t index, struct buffer *out)
{
	const int64_t *seconds = field;

	(void)index;
	if (*seconds == 0)
		buffer_add_char(out, '0');
	else
		measure_print(times, *seconds, out);
	return true;
}

const struct kind kind_duration = { duration_parse, duration_print, NULL, false, false };
const struct kind kind_timeout = { timeout_parse, duration_print, NULL, false, false };

static int
size_parse(void *field, const char *text, struct reason *why)
{
	int64_t *bytes = field;

	if (!measure(sizes, text, bytes) || *bytes == 0)
		return refuse(why, text, "a size", "a number of bytes, or one with K, M or G such as 25M");
	return 0;
}

static bool
size_print(const void *field, size_t index, struct buffer *out)
{
	const int64_t *bytes = field;

	(void)index;
	measure_print(sizes, *bytes, out);
	return true;
}

const struct kind kind_size = { size_parse, size_print, NULL, false, false };

/* Calls add() for every item between commas, without its blanks. */
static int
split(const char *text, void *field, int (*add)(void *field, const char *item, struct reason *), struct reason *why)
{
	for (const char *start = text, *end; start != NULL; start = *end == ',' ? end + 1 : NULL) {
		size_t length;
		char *item;
		int result;

		end = start + strcspn(start, ",");
		start += strspn(start, " \t");
		length = (size_t)(end - start);
		while (length > 0 && (start[length - 1] == ' ' || start[length - 1] == '\t'))
			length--;
		if (length == 0)
			return reason_set(why, "nothing before or after a comma, write items between single commas");
		item = copy_bytes(start, length);
		result = add(field, item, why);
		free(item);
		if (result != 0)
			return -1;
	}
	return 0;
}

static int
auth_add(void *field, const char *item, struct reason *why)
{
	unsigned *auth = field;

	if (strcmp(item, "plain") == 0)
		*auth |= SMTP_AUTH_PLAIN;
	else if (strcmp(item, "login") == 0)
		*auth |= SMTP_AUTH_LOGIN;
	else
		return refuse(why, item, "a way to log in", "auto, none, or a list of plain and login");
	return 0;
}

static int
auth_parse(void *field, const char *text, struct reason *why)
{
	unsigned *auth = field;

	*auth = strcmp(text, "auto") == 0 ? SMTP_AUTH_AUTO : 0;
	if (*auth != 0 || strcmp(text, "none") == 0)
		return 0;
	return split(text, field, auth_add, why);
}

static bool
auth_print(const void *field, size_t index, struct buffer *out)
{
	static const char *const names[] = { "none", "plain", "login", "plain, login" };
	const unsigned *auth = field;

	(void)index;
	buffer_add_string(out, *auth == SMTP_AUTH_AUTO ? "auto" : names[*auth & (SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN)]);
	return true;
}

const struct kind kind_auth = { auth_parse, auth_print, NULL, false, false };

static int
list_add(struct list *list, const char *item, struct reason *why)
{
	if (list->count == LIST_MAX)
		return reason_set(why, "more than %d items, remove some", LIST_MAX);
	list->items = reallocate(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count++] = copy_string(item);
	return 0;
}

static bool
list_print(const void *field, size_t index, struct buffer *out)
{
	const struct list *list = field;

	if (index >= list->count)
		return false;
	buffer_add_string(out, list->items[index]);
	return true;
}

static void
list_release(void *field)
{
	struct list *list = field;

	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct list){ 0 };
}

static int
pattern_add(void *field, const char *item, struct reason *why)
{
	for (const char *c = item; *c != '\0'; c++)
		if (*c != '@' && !valid_local_part(c, 1))
			return refuse(why, item, "a pattern of addresses", "one such as *@example.com");
	return list_add(field, item, why);
}

static int
patterns_parse(void *field, const char *text, struct reason *why)
{
	return split(text, field, pattern_add, why);
}

const struct kind kind_patterns = { patterns_parse, list_print, list_release, true, false };

/* A leading '/' or '|' would be sendmail's file or command: never here. */
static int
targets_add(void *field, const char *item, struct reason *why)
{
	if (strchr("/|", item[0]) != NULL || (!valid_address(item) && !valid_local_part(item, strlen(item))))
		return refuse(why, item, "an address or a name", "one such as ops@example.com");
	return list_add(field, item, why);
}

static int
targets_parse(void *field, const char *text, struct reason *why)
{
	return split(text, field, targets_add, why);
}

const struct kind kind_targets = { targets_parse, list_print, list_release, true, false };

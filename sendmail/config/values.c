/*
 * Kinds of values that are words; numbers stand in numbers.c. Every parser refuses what it does not know in the words
 * `"value" is not WHAT, write CURE`; the caller puts file, line and key before.
 */
#include "config/values.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/config.h"
#include "smtp/login.h"

enum {
	DOMAIN_MAX = 253, /* RFC 1035 2.3.4 */
	LABEL_MAX = 63,
	LOCAL_PART_MAX = 64, /* RFC 5321 4.5.3.1 */
	SOCKET_PATH_MAX = 107, /* sun_path without its terminator */
};

#define UNIX_PREFIX "unix:"

int
value_refuse(struct reason *why, const char *text, const char *what, const char *cure)
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
		return value_refuse(why, text, "an absolute path", "it from the \"/\" on");
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
		return value_refuse(
		    why, text, "a host", "a name or an address alone, such as smtp.example.com or 192.0.2.1");
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

static int
port_parse(void *field, const char *text, struct reason *why)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 5 || text[length] != '\0' || text[0] == '0' || strtol(text, NULL, 10) > 65535)
		return value_refuse(why, text, "a port", "one number from 1 to 65535");
	return text_set(field, text);
}

const struct kind kind_port = { port_parse, text_print, text_release, false, false };

static int
domain_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text))
		return value_refuse(why, text, "a domain", "one such as example.com");
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
		return value_refuse(why, text, "a name for EHLO", "a host name or an address such as [192.0.2.1]");
	return text_set(field, text);
}

const struct kind kind_helo = { helo_parse, text_print, text_release, false, false };

static int
address_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_address(text))
		return value_refuse(
		    why, text, "a full address", "one such as app@example.com, without name and brackets");
	return text_set(field, text);
}

const struct kind kind_address = { address_parse, text_print, text_release, false, false };

static int
target_parse(void *field, const char *text, struct reason *why)
{
	if (text[0] != '/' && strcmp(text, "syslog") != 0 && strcmp(text, "stderr") != 0)
		return value_refuse(why, text, "a log target", "syslog, stderr or an absolute path");
	return text_set(field, text);
}

const struct kind kind_target = { target_parse, text_print, text_release, false, false };

static int
format_parse(void *field, const char *text, struct reason *why)
{
	if (strcmp(text, "text") != 0 && strcmp(text, "json") != 0)
		return value_refuse(why, text, "a log format", "text or json");
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
		return value_refuse(why, text, "a directory", "an absolute path or none");
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
		return value_refuse(why, text, "a way to use TLS", "implicit, starttls or none");
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
		return value_refuse(why, text, "an answer", "yes or no");
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
		return value_refuse(why, text, "a time of delivery", "now or queue");
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
	unsigned bit = login_bit(item, strlen(item));

	if (bit == 0)
		return value_refuse(why, item, "a way to log in",
		    "auto, none, or a list of plain, login, scram-sha-256, scram-sha-1, cram-md5, digest-md5, "
		    "oauthbearer, xoauth2 and external");
	*auth |= bit;
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
	const unsigned *auth = field;
	const char *separator = "", *name;
	unsigned bit;

	(void)index;
	if (*auth == 0 || *auth == SMTP_AUTH_AUTO)
		buffer_add_string(out, *auth == 0 ? "none" : "auto");
	for (size_t i = 0; *auth != SMTP_AUTH_AUTO && (name = login_row(i, &bit)) != NULL; i++) {
		if ((*auth & bit) == 0)
			continue;
		buffer_add_string(out, separator);
		for (; *name != '\0'; name++)
			buffer_add_char(out, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
		separator = ", ";
	}
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
			return value_refuse(why, item, "a pattern of addresses", "one such as *@example.com");
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
		return value_refuse(why, item, "an address or a name", "one such as ops@example.com");
	return list_add(field, item, why);
}

static int
targets_parse(void *field, const char *text, struct reason *why)
{
	return split(text, field, targets_add, why);
}

const struct kind kind_targets = { targets_parse, list_print, list_release, true, false };

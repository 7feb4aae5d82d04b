/*
 * Kinds of values that are words; numbers stand in numbers.c. Every parser refuses what it does not know in the words
 * `"value" is not WHAT, write CURE`; the caller puts file, line and key before.
 */
#include "config/values.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/command.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/preset.h"
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
domain_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text))
		return value_refuse(why, text, "a domain", "one such as example.com");
	return text_set(field, text);
}

const struct kind kind_domain = { domain_parse, text_print, text_release, false, false };

/* The name of the row, whichever of its names was written. */
static int
provider_parse(void *field, const char *text, struct reason *why)
{
	const struct preset *preset = preset_find(text), *near = NULL;

	if (preset != NULL)
		return text_set(field, preset->name);
	for (size_t i = 0; i < preset_count && near == NULL; i++)
		if (name_distance(text, presets[i].name) < NAME_FAR)
			near = &presets[i];
	if (near != NULL)
		return reason_set(why, "\"%s\" is not a provider, did you mean \"%s\"?", text, near->name);
	return value_refuse(
	    why, text, "a provider", "one that \"sendmailctl providers\" lists, or host and port instead");
}

const struct kind kind_provider = { provider_parse, text_print, text_release, false, false };

static int
region_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text))
		return value_refuse(why, text, "a region", "one such as eu or eu-west-1");
	return text_set(field, text);
}

const struct kind kind_region = { region_parse, text_print, text_release, false, false };

static int
stream_parse(void *field, const char *text, struct reason *why)
{
	if (!valid_domain(text))
		return value_refuse(why, text, "a message stream", "its id, such as outbound");
	return text_set(field, text);
}

const struct kind kind_stream = { stream_parse, text_print, text_release, false, false };

/* Whether the words can be told apart is known at once; whether the command works only when it runs. */
static int
command_parse(void *field, const char *text, struct reason *why)
{
	char **words = command_words(text, why);

	if (words == NULL)
		return -1;
	command_words_free(words);
	return text_set(field, text);
}

const struct kind kind_command = { command_parse, text_print, text_release, false, false };

static int
source_address_parse(void *field, const char *text, struct reason *why)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) != 1 && inet_pton(AF_INET6, text, &v6) != 1)
		return value_refuse(why, text, "an address of this machine", "one such as 192.0.2.1 or 2001:db8::1");
	return text_set(field, text);
}

const struct kind kind_source_address = { source_address_parse, text_print, text_release, false, false };

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

/* A number that has a name: the first name is the one that is printed. */
struct named_number {
	const char *name;
	int number;
};

static const struct named_number families[] = { { "any", 0 }, { "4", 4 }, { "6", 6 }, { "ipv4", 4 }, { "ipv6", 6 } };
static const struct named_number tls_versions[] = { { "1.2", 12 }, { "1.3", 13 } };

/* False when there is no such name. */
static bool
number_of(const struct named_number *row, size_t count, const char *text, int *number)
{
	for (; count > 0 && strcmp(row->name, text) != 0; count--)
		row++;
	if (count > 0)
		*number = row->number;
	return count > 0;
}

static bool
number_print(const struct named_number *row, size_t count, int number, struct buffer *out)
{
	for (; count > 1 && row->number != number; count--)
		row++;
	buffer_add_string(out, row->name);
	return true;
}

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

static int
family_parse(void *field, const char *text, struct reason *why)
{
	return number_of(ROWS(families), text, field) ? 0
						      : value_refuse(why, text, "a family of addresses", "any, 4 or 6");
}

static bool
family_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	return number_print(ROWS(families), *(const int *)field, out);
}

const struct kind kind_family = { family_parse, family_print, NULL, false, false };

static int
tls_version_parse(void *field, const char *text, struct reason *why)
{
	return number_of(ROWS(tls_versions), text, field)
		   ? 0
		   : value_refuse(why, text, "a lowest TLS version", "1.2 or 1.3");
}

static bool
tls_version_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	return number_print(ROWS(tls_versions), *(const int *)field, out);
}

const struct kind kind_tls_version = { tls_version_parse, tls_version_print, NULL, false, false };

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
	return value_split(text, field, auth_add, why);
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

/*
 * Kinds of values that are lists. Their keys may be repeated and, but for
 * header fields, hold several items between commas.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "config/config.h"
#include "config/values.h"

enum {
	PORTS_MAX = 8,
	PIN_BYTES = 32, /* of SHA-256 */
	PIN_DIGITS = 2 * PIN_BYTES,
	FIELD_NAME_MAX = 76,
};

#define PIN_HEX "sha256:"
#define PIN_BASE64 "sha256//"

int
value_split(
    const char *text, void *field, int (*add)(void *field, const char *item, struct reason *), struct reason *why)
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

bool
list_append(struct list *list, const char *item)
{
	if (list->count == LIST_MAX)
		return false;
	list->items = reallocate(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count++] = copy_string(item);
	return true;
}

void
list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_secret(list->items[i]);
	free(list->items);
	*list = (struct list){ 0 };
}

static int
list_add(struct list *list, const char *item, struct reason *why)
{
	return list_append(list, item) ? 0 : reason_set(why, "more than %d items, remove some", LIST_MAX);
}

/* The same for a list in which an item makes sense once. */
static int
list_add_new(struct list *list, size_t most, const char *item, struct reason *why)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], item) == 0)
			return reason_set(why, "\"%s\" stands there twice, keep one of them", item);
	if (list->count == most)
		return reason_set(why, "more than %zu, remove some", most);
	return list_add(list, item, why);
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
	list_free(field);
}

static int
port_add(void *field, const char *item, struct reason *why)
{
	size_t length = strspn(item, "0123456789");

	if (length == 0 || length > 5 || item[length] != '\0' || item[0] == '0' || strtol(item, NULL, 10) > 65535)
		return value_refuse(why, item, "a port", "numbers from 1 to 65535, such as 465 or 465, 587");
	return list_add_new(field, PORTS_MAX, item, why);
}

static int
ports_parse(void *field, const char *text, struct reason *why)
{
	return value_split(text, field, port_add, why);
}

const struct kind kind_ports = { ports_parse, list_print, list_release, true, false };

/* 64 hexadecimal digits; openssl prints them with colons between bytes. */
static bool
hex_pin(const char *text, unsigned char out[PIN_BYTES])
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	size_t count = 0;

	for (const char *c = text; *c != '\0'; c++) {
		const char *digit = strchr(digits, *c);

		if (*c == ':' && count > 0 && count % 2 == 0 && c[1] != '\0')
			continue;
		if (digit == NULL || count == PIN_DIGITS)
			return false;
		out[count / 2] = (unsigned char)(out[count / 2] << 4 | (digit - digits) % 16);
		count++;
	}
	return count == PIN_DIGITS;
}

static bool
base64_pin(const char *text, unsigned char out[PIN_BYTES])
{
	struct buffer bytes;
	bool good;

	buffer_init(&bytes, PIN_BYTES + 1);
	good = base64_decode(&bytes, text, strlen(text)) && bytes.length == PIN_BYTES;
	if (good)
		memcpy(out, bytes.data, PIN_BYTES);
	buffer_free(&bytes);
	return good;
}

static int
pin_add(void *field, const char *item, struct reason *why)
{
	unsigned char bytes[PIN_BYTES] = { 0 };
	char pin[sizeof(PIN_HEX) + PIN_DIGITS] = PIN_HEX;
	bool good = false;

	if (same_text(item, strnlen(item, strlen(PIN_BASE64)), PIN_BASE64))
		good = base64_pin(item + strlen(PIN_BASE64), bytes);
	else if (same_text(item, strnlen(item, strlen(PIN_HEX)), PIN_HEX))
		good = hex_pin(item + strlen(PIN_HEX), bytes);
	if (!good)
		return value_refuse(why, item, "a pin",
		    PIN_HEX " and 64 hexadecimal digits, or " PIN_BASE64 " and the same hash in base64");
	for (size_t i = 0; i < PIN_BYTES; i++) {
		pin[strlen(PIN_HEX) + 2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		pin[strlen(PIN_HEX) + 2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	return list_add_new(field, PINS_MAX, pin, why);
}

static int
pins_parse(void *field, const char *text, struct reason *why)
{
	return value_split(text, field, pin_add, why);
}

const struct kind kind_pins = { pins_parse, list_print, list_release, true, false };

/* A bare name is a file in the credentials directory; see secret_read_named(). */
static int
password_file_add(void *field, const char *item, struct reason *why)
{
	if (item[0] != '/' && (strchr(item, '/') != NULL || item[0] == '.' || item[0] == '~'))
		return value_refuse(
		    why, item, "an absolute path", "it from the \"/\" on, or the bare name of a systemd credential");
	return list_add_new(field, PASSWORD_FILES_MAX, item, why);
}

static int
password_files_parse(void *field, const char *text, struct reason *why)
{
	return value_split(text, field, password_file_add, why);
}

const struct kind kind_password_files = { password_files_parse, list_print, list_release, true, false };

/* What a message has once, and what says how its body is to be read. */
static bool
field_is_reserved(const char *name, size_t length)
{
	static const char *const reserved[] = { "Bcc", "Cc", "Date", "From", "Message-ID", "MIME-Version", "Received",
		"Reply-To", "Return-Path", "Sender", "Subject", "To" };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (same_text(name, length, reserved[i]))
			return true;
	return (length > 8 && same_text(name, 8, "Content-")) || (length > 7 && same_text(name, 7, "Resent-"));
}

/* RFC 5322 2.2: a name of printable characters, a colon, a text; here ASCII only. */
static int
fields_parse(void *field, const char *text, struct reason *why)
{
	size_t length = strcspn(text, ":");
	size_t value = length + (text[length] == ':');

	value += strspn(text + value, " \t");
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			length = 0;
	if (length == 0 || length > FIELD_NAME_MAX || text[value] == '\0')
		return value_refuse(why, text, "a header field", "one such as X-Name: value");
	for (const char *c = text + value; *c != '\0'; c++)
		if ((*c < ' ' && *c != '\t') || *c > '~')
			return value_refuse(
			    why, text, "plain ASCII", "other characters in their MIME form, =?UTF-8?Q?...?=");
	if (field_is_reserved(text, length))
		return reason_set(
		    why, "\"%.*s\" is a field of the message itself, write another name", (int)length, text);
	return list_add(field, text, why);
}

const struct kind kind_fields = { fields_parse, list_print, list_release, true, false };

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
	return value_split(text, field, pattern_add, why);
}

const struct kind kind_patterns = { patterns_parse, list_print, list_release, true, false };

/* A leading '/' or '|' would be sendmail's file or command: never here. */
bool
valid_target(const char *text)
{
	return strchr("/|", text[0]) == NULL && (valid_address(text) || valid_local_part(text, strlen(text)));
}

static int
target_add(void *field, const char *item, struct reason *why)
{
	if (!valid_target(item))
		return value_refuse(why, item, "an address or a name", "one such as ops@example.com");
	return list_add(field, item, why);
}

static int
targets_parse(void *field, const char *text, struct reason *why)
{
	return value_split(text, field, target_add, why);
}

const struct kind kind_targets = { targets_parse, list_print, list_release, true, false };

/*
 * Kinds of values that are numbers: times, sizes, counts.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/config.h"
#include "config/values.h"

enum {
	DIGITS_MAX = 9, /* times the largest unit this still fits into 63 bits */
	DURATION_MAX = 366 * 86400,
	COUNT_DIGITS_MAX = 5,
};

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
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > DIGITS_MAX)
		return false;
	while (unit->name != NULL && strcmp(unit->name, text + n) != 0)
		unit++;
	*value = strtol(text, NULL, 10) * unit->factor;
	return unit->name != NULL;
}

static void
measure_print(const struct unit *unit, int64_t value, struct buffer *out)
{
	while (unit->factor > 1 && value % unit->factor != 0)
		unit++;
	if (value == 0)
		buffer_add_char(out, '0');
	else
		buffer_format(out, "%lld%s", (long long)(value / unit->factor), unit->name);
}

static int
duration_parse(void *field, const char *text, struct reason *why)
{
	int64_t *seconds = field;

	if (strcmp(text, "0") == 0)
		*seconds = 0;
	else if (!measure(times, text, seconds))
		return value_refuse(why, text, "a time", "a number with its unit: 30s, 5m, 2h or 5d");
	else if (*seconds > DURATION_MAX)
		return value_refuse(why, text, "a sensible time", "at most 366d");
	return 0;
}

static int
timeout_parse(void *field, const char *text, struct reason *why)
{
	const int64_t *seconds = field;

	if (duration_parse(field, text, why) != 0)
		return -1;
	if (*seconds == 0)
		return value_refuse(why, text, "a time to wait", "at least 1s");
	return 0;
}

static bool
duration_print(const void *field, size_t index, struct buffer *out)
{
	const int64_t *seconds = field;

	(void)index;
	measure_print(times, *seconds, out);
	return true;
}

const struct kind kind_duration = { duration_parse, duration_print, NULL, false, false };
const struct kind kind_timeout = { timeout_parse, duration_print, NULL, false, false };

/* Two times fill two fields, which lie side by side. */
_Static_assert(
    offsetof(struct config, queue.retry_longest) == offsetof(struct config, queue.retry_first) + sizeof(int64_t),
    "retry_first and retry_longest are written as one value");

static int
retry_parse(void *field, const char *text, struct reason *why)
{
	int64_t *pauses = field;
	size_t length = strcspn(text, " \t"), blanks = strspn(text + length, " \t");
	char *first = copy_bytes(text, length);
	int result = -1;

	if (blanks == 0)
		value_refuse(why, text, "two pauses", "the first and the longest, such as 5m 4h");
	else if (timeout_parse(&pauses[0], first, why) == 0 &&
		 timeout_parse(&pauses[1], text + length + blanks, why) == 0)
		result = pauses[0] <= pauses[1]
			     ? 0
			     : value_refuse(why, text, "two pauses", "the shorter one first, such as 5m 4h");
	free(first);
	return result;
}

static bool
retry_print(const void *field, size_t index, struct buffer *out)
{
	const int64_t *pauses = field;

	(void)index;
	measure_print(times, pauses[0], out);
	buffer_add_char(out, ' ');
	measure_print(times, pauses[1], out);
	return true;
}

const struct kind kind_retry = { retry_parse, retry_print, NULL, false, false };

static int
reserve_parse(void *field, const char *text, struct reason *why)
{
	if (!measure(sizes, text, field))
		return value_refuse(why, text, "a size", "a number of bytes, or one with K, M or G such as 25M");
	return 0;
}

static int
size_parse(void *field, const char *text, struct reason *why)
{
	const int64_t *bytes = field;

	if (reserve_parse(field, text, why) != 0)
		return -1;
	if (*bytes == 0)
		return value_refuse(why, text, "a size", "at least 1");
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
const struct kind kind_reserve = { reserve_parse, size_print, NULL, false, false };

/* A number from least to most; what is a name for it. */
static int
count_parse(unsigned *count, const char *text, const char *what, unsigned least, unsigned most, struct reason *why)
{
	size_t length = strspn(text, "0123456789");
	unsigned long number = length > 0 && length <= COUNT_DIGITS_MAX ? strtoul(text, NULL, 10) : most + 1UL;

	if (text[length] != '\0' || number < least || number > most)
		return reason_set(why, "\"%s\" is not %s, write a number from %u to %u", text, what, least, most);
	*count = (unsigned)number;
	return 0;
}

static bool
count_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	buffer_format(out, "%u", *(const unsigned *)field);
	return true;
}

static int
connections_parse(void *field, const char *text, struct reason *why)
{
	return count_parse(field, text, "a number of connections", 1, 100, why);
}

static int
messages_parse(void *field, const char *text, struct reason *why)
{
	return count_parse(field, text, "a number of messages", 1, 10000, why);
}

static int
recipients_parse(void *field, const char *text, struct reason *why)
{
	return count_parse(field, text, "a number of recipients", 0, 10000, why);
}

const struct kind kind_connections = { connections_parse, count_print, NULL, false, false };
const struct kind kind_messages = { messages_parse, count_print, NULL, false, false };
const struct kind kind_recipients = { recipients_parse, count_print, NULL, false, false };

/* PHP 8.5 takes 75 for success: who chooses it must know its callers. */
static int
unsent_status_parse(void *field, const char *text, struct reason *why)
{
	if (strcmp(text, "69") != 0 && strcmp(text, "75") != 0)
		return value_refuse(why, text, "a status for unsent mail", "69, or 75 if every caller tries again");
	*(int *)field = (int)strtol(text, NULL, 10);
	return 0;
}

static bool
unsent_status_print(const void *field, size_t index, struct buffer *out)
{
	(void)index;
	buffer_format(out, "%d", *(const int *)field);
	return true;
}

const struct kind kind_unsent_status = { unsent_status_parse, unsent_status_print, NULL, false, false };

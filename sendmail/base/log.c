#include "base/log.h"

#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "base/json.h"

enum { LINE_LIMIT = 8192, VALUE_LIMIT = 2048 };

static enum log_target current = LOG_TO_SYSLOG;
static enum log_format current_format = LOG_AS_TEXT;
static int file = -1;

static const struct {
	int priority;
	const char *name;
} levels[] = {
	[LEVEL_ERROR] = { LOG_ERR, "error" },
	[LEVEL_WARNING] = { LOG_WARNING, "warning" },
	[LEVEL_NOTICE] = { LOG_INFO, "notice" },
};

int
log_open(enum log_target target, enum log_format format, const char *path)
{
	int opened = -1;

	if (target == LOG_TO_FILE) {
		opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (opened < 0)
			return -1;
	}
	if (file >= 0)
		close(file);
	file = opened;
	current = target;
	current_format = format;
	return 0;
}

/* 2026-11-23T18:30:36Z */
static void
add_time(struct buffer *line)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	buffer_format(line, "%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
	    utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void
add_value(struct buffer *line, const char *value)
{
	char text[VALUE_LIMIT];

	printable(text, sizeof(text), value, strlen(value));
	if (text[0] != '\0' && strpbrk(text, " \"=") == NULL) {
		buffer_add_string(line, text);
		return;
	}
	buffer_add_char(line, '"');
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buffer_add_char(line, '\\');
		buffer_add_char(line, *c);
	}
	buffer_add_char(line, '"');
}

/* A file or stderr gets time, process and level from us; syslog adds its own. */
static void
write_text(struct buffer *line, enum log_level level, const char *event, const struct log_field *fields)
{
	if (current != LOG_TO_SYSLOG) {
		add_time(line);
		buffer_format(line, " sendmail[%ld] %s: ", (long)getpid(), levels[level].name);
	}
	buffer_add_string(line, event);
	for (; fields->key != NULL; fields++) {
		if (fields->value == NULL)
			continue;
		buffer_format(line, " %s=", fields->key);
		add_value(line, fields->value);
	}
}

/* Takes the pair back when there is no room for it and the closing brace: a reader needs the object whole. */
static void
add_pair(struct buffer *line, const char *key, const char *value)
{
	char text[VALUE_LIMIT];
	size_t before = line->length;

	printable(text, sizeof(text), value, strlen(value));
	buffer_add_char(line, ',');
	json_string(line, key);
	buffer_add_char(line, ':');
	json_string(line, text);
	if (line->length >= line->limit)
		line->length = before;
}

static void
write_json(struct buffer *line, enum log_level level, const char *event, const struct log_field *fields)
{
	buffer_add_string(line, "{\"time\":\"");
	add_time(line);
	buffer_add_char(line, '"');
	add_pair(line, "level", levels[level].name);
	add_pair(line, "event", event);
	for (; fields->key != NULL; fields++)
		if (fields->value != NULL)
			add_pair(line, fields->key, fields->value);
	buffer_add_char(line, '}');
}

void
log_event(enum log_level level, const char *event, const struct log_field *fields)
{
	struct buffer line;

	buffer_init(&line, LINE_LIMIT);
	(current_format == LOG_AS_JSON ? write_json : write_text)(&line, level, event, fields);
	if (current == LOG_TO_SYSLOG) {
		openlog("sendmail", LOG_PID, LOG_MAIL);
		syslog(levels[level].priority, "%s", buffer_string(&line));
	} else {
		line.limit++;
		buffer_add_char(&line, '\n');
		/* A log that cannot be written must not stop the mail. */
		if (write(current == LOG_TO_FILE ? file : STDERR_FILENO, line.data, line.length) < 0)
			line.length = 0;
	}
	buffer_free(&line);
}

void
log_note(enum log_level level, const char *event, const char *text)
{
	log_event(level, event, (struct log_field[]){ { "text", text }, { NULL, NULL } });
}

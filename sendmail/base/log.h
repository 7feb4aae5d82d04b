/*
 * The log: one event a line, as `event key=value ...` or as a JSON object with
 * the same keys in the same order; every value made printable.
 * The only user of syslog.h. Failure to log is never an error of the mail.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_target { LOG_TO_SYSLOG, LOG_TO_STDERR, LOG_TO_FILE };
enum log_format { LOG_AS_TEXT, LOG_AS_JSON };
enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE };

/* One pair; a list of them ends with a NULL key. A NULL value leaves the pair out. */
struct log_field {
	const char *key;
	const char *value; /* any bytes, terminated */
};

/*
 * Where events go from now on, and how; as text to syslog until called. path:
 * for LOG_TO_FILE, must be absolute; opened for appending at once. Returns 0, or
 * -1 with errno and the log unchanged.
 */
int log_open(enum log_target, enum log_format, const char *path);

/*
 * Writes one line: `event key=value ...`, values with blanks or quotes quoted;
 * or {"time":"2026-11-23T18:30:36Z","level":"notice","event":"event","key":"value",...},
 * whole also where a text line is cut: what does not fit any more is left out.
 */
void log_event(enum log_level, const char *event, const struct log_field *);

/* For an event whose only field is a text: log_note(LEVEL_WARNING, "option", "-Z ignored"). */
void log_note(enum log_level, const char *event, const char *text);

#endif

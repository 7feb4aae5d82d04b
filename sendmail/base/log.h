/*
 * The log: one event a line, fixed key=value order, every value made printable.
 * The only user of syslog.h. Failure to log is never an error of the mail.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_target { LOG_TO_SYSLOG, LOG_TO_STDERR, LOG_TO_FILE };
enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE };

/* One pair; a list of them ends with a NULL key. A NULL value leaves the pair out. */
struct log_field {
	const char *key;
	const char *value; /* any bytes, terminated */
};

/*
 * Where events go from now on; syslog until called. path: for LOG_TO_FILE, must
 * be absolute; opened for appending at once. Returns 0, or -1 with errno and the log unchanged.
 */
int log_open(enum log_target, const char *path);

/* Writes one line `event key=value ...`; values with blanks or quotes are quoted. */
void log_event(enum log_level, const char *event, const struct log_field *);

/* For an event whose only field is a text: log_note(LEVEL_WARNING, "option", "-Z ignored"). */
void log_note(enum log_level, const char *event, const char *text);

#endif

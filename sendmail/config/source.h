/*
 * Texts of configurations: reading files safely, and lines one by one with
 * their numbers, checked for everything that libinih would swallow silently.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct buffer;
struct reason;

enum {
	SOURCE_MAX = 65536, /* bytes of one configuration */
	LINE_BYTES_MAX = 190, /* upstream libinih reads 200 with line end and terminator */
	NAME_BYTES_MAX = 49, /* libinih cuts names there */
};

struct source {
	const char *text;
	size_t length;
	size_t position;
	int line; /* number of the line last read */
};

enum file_result { FILE_READ, FILE_MISSING, FILE_BAD };

/*
 * Reads a whole regular file; the buffer's limit is the largest size allowed.
 * Never waits (FIFO, terminal). Symbolic links are followed: containers and
 * systemd hand out files that way. The reason says what is wrong, without the path.
 */
enum file_result source_read_file(const char *path, struct buffer *, struct stat *, struct reason *);

/* Starts at the first line; a byte order mark is skipped. */
void source_start(struct source *, const char *text, size_t length);
/* The next line without its line end (LF or CRLF); false at the end. */
bool source_next(struct source *, const char **line, size_t *length);

enum line_shape { LINE_EMPTY, LINE_SECTION, LINE_KEY, LINE_BAD };
/*
 * What a line is, a comment being empty. LINE_BAD comes with a reason that
 * never quotes the line: it may hold a secret.
 */
enum line_shape line_shape(const char *line, size_t length, struct reason *);

/* No control characters but tab, and UTF-8; -1 with a reason. */
int text_check(const char *text, size_t length, struct reason *);
/* Whether a value comes back as it is when written after "key = ". */
bool value_fits(const char *value);

#endif

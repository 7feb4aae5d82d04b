/*
 * Runs a helper program and takes what it prints: no shell, no inherited
 * environment, no inherited descriptors, and never longer than it was given.
 */
#ifndef BASE_COMMAND_H
#define BASE_COMMAND_H

#include <stddef.h>

struct buffer;
struct reason;

enum { COMMAND_WORDS_MAX = 64 };

/*
 * Splits a command line into words: blanks divide, '...' keeps all as it is,
 * "..." keeps blanks, a backslash keeps the next character (not within '...').
 * Nothing else means anything. The first word is an absolute path, or a name
 * without '/' that is looked for in COMMAND_PATH. Owned by the caller
 * (command_words_free); NULL with a reason.
 */
#define COMMAND_PATH "/usr/local/bin:/usr/bin:/bin"
char **command_words(const char *line, struct reason *);
void command_words_free(char **); /* wipes them; NULL is fine */

/*
 * Runs the words and appends what they print on stdout. stdin is empty; the
 * environment is HOME, USER, LOGNAME (of the real uid), PATH and LANG=C; it runs
 * in "/" and in a session of its own, without a terminal. After so many seconds all of its
 * process group is killed. 0, or -1 with a reason: the exit status with the
 * printable start of stderr, the signal, or the time that was over.
 */
int command_run(char *const words[], unsigned seconds, struct buffer *out, struct reason *);

#endif

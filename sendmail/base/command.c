/*
 * One child, two pipes, one deadline. The child may leave others behind that
 * hold the pipes open (an agent it started), so its own end is what counts and
 * not the end of its output.
 */
#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "base/process.h"

enum {
	WORDS_BYTES_MAX = 4096,
	ERRORS_MAX = 4096, /* bytes of stderr kept */
	ERRORS_SHOWN = 200,
	LOOK_MILLISECONDS = 50, /* how often the child itself is looked at while its pipes are silent */
	LOOK_CLOSED_MILLISECONDS = 2, /* the same when it has closed them: it is about to end */
	NOT_FOUND = 127, /* exit status of a child that could not become the command */
	PATH_BYTES = 512,
};

static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" }; /* COMMAND_PATH */

struct run {
	pid_t pid;
	int out, err; /* read ends; -1 once closed */
	int status; /* of wait, valid when ended */
	bool ended;
	struct buffer *text, errors;
};

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes one word off the line; NULL when a quote is open at its end. */
static const char *
take_word(const char *c, struct buffer *word)
{
	for (char quote = '\0'; quote != '\0' || (*c != '\0' && !blank(*c)); c++) {
		if (*c == '\0')
			return NULL;
		if (quote == '\0' && (*c == '\'' || *c == '"'))
			quote = *c;
		else if (*c == quote)
			quote = '\0';
		else {
			if (*c == '\\' && quote != '\'' && *++c == '\0')
				return NULL;
			buffer_add_char(word, *c);
		}
	}
	return c;
}

static int
check_program(const char *name, struct reason *why)
{
	if (name[0] == '\0' || (name[0] != '/' && strchr(name, '/') != NULL))
		return reason_set(why,
		    "\"%s\" is not a command, write its absolute path, or a name to look for in " COMMAND_PATH, name);
	return 0;
}

char **
command_words(const char *line, struct reason *why)
{
	char **words = allocate(COMMAND_WORDS_MAX + 1, sizeof(*words));
	struct buffer word;
	size_t count = 0;
	int result = 0;

	buffer_init(&word, WORDS_BYTES_MAX);
	for (const char *c = line + strspn(line, " \t"); *c != '\0' && result == 0; c += strspn(c, " \t")) {
		if (count == COMMAND_WORDS_MAX) {
			result = reason_set(why, "more than %d words, put them into a script", COMMAND_WORDS_MAX);
		} else if ((c = take_word(c, &word)) == NULL) {
			result = reason_set(why, "a quote or backslash without its partner, write \"...\" or '...'");
			break;
		} else
			words[count++] = copy_string(buffer_string(&word));
		buffer_clear(&word);
	}
	buffer_free(&word);
	if (result == 0 && check_program(count > 0 ? words[0] : "", why) == 0)
		return words;
	command_words_free(words);
	return NULL;
}

void
command_words_free(char **words)
{
	for (char **word = words; word != NULL && *word != NULL; word++)
		free_secret(*word);
	free(words);
}

static int64_t
now_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* NAME=value of the real user, made before the fork. */
static void
make_environment(char *variables[6])
{
	const struct passwd *pw = getpwuid(getuid());
	const char *values[][2] = { { "HOME", pw != NULL ? pw->pw_dir : "/" },
		{ "USER", pw != NULL ? pw->pw_name : "" }, { "LOGNAME", pw != NULL ? pw->pw_name : "" },
		{ "PATH", COMMAND_PATH }, { "LANG", "C" } };
	struct buffer text;

	buffer_init(&text, WORDS_BYTES_MAX);
	for (size_t i = 0; i < 5; i++) {
		buffer_format(&text, "%s=%s", values[i][0], values[i][1]);
		variables[i] = copy_string(buffer_string(&text));
		buffer_clear(&text);
	}
	buffer_free(&text);
	variables[5] = NULL;
}

/* In the child: becomes the command, or says on stderr why not. Only calls that are safe between fork and exec. */
static void
become(char *const words[], char *const variables[], int out, int err)
{
	char path[PATH_BYTES];
	int error = ENOENT;

	if (process_detach() != 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 || chdir("/") != 0)
		_exit(NOT_FOUND);
	process_close_others();
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* whatever we, or who called us, had done with it */
	if (words[0][0] == '/') {
		execve(words[0], words, variables);
		error = errno;
	}
	for (size_t i = 0; words[0][0] != '/' && i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folders[i], words[0]) >= (int)sizeof(path))
			continue;
		execve(path, words, variables);
		if (errno != ENOENT)
			error = errno;
	}
	dprintf(STDERR_FILENO, "%s", strerror(error));
	_exit(NOT_FOUND);
}

static int
start(struct run *run, char *const words[], struct reason *why)
{
	char *variables[6];
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		return reason_set(why, "no pipe: %s", strerror(errno));
	if (pipe2(err, O_CLOEXEC) != 0) {
		close(out[0]);
		close(out[1]);
		return reason_set(why, "no pipe: %s", strerror(errno));
	}
	make_environment(variables);
	run->pid = fork();
	if (run->pid == 0)
		become(words, variables, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	for (size_t i = 0; i < 5; i++)
		free(variables[i]);
	run->out = out[0];
	run->err = err[0];
	return run->pid > 0 ? 0 : reason_set(why, "no process: %s", strerror(errno));
}

/* Reads what is there; closes the end of a pipe. */
static void
take(int *fd, struct buffer *text)
{
	char block[1024];
	ssize_t n = read(*fd, block, sizeof(block));

	if (n > 0)
		buffer_add(text, block, (size_t)n);
	else if (n == 0 || errno != EINTR) {
		close(*fd);
		*fd = -1;
	}
	explicit_bzero(block, sizeof(block));
}

/* Waits for output; true when there was some. */
static bool
listen_once(struct run *run, int milliseconds)
{
	struct pollfd fds[2] = { { .fd = run->out, .events = POLLIN }, { .fd = run->err, .events = POLLIN } };

	if (poll(fds, 2, milliseconds) <= 0)
		return false;
	if (fds[0].revents != 0)
		take(&run->out, run->text);
	if (fds[1].revents != 0)
		take(&run->err, &run->errors);
	return true;
}

/* Until the child has ended and its pipes are empty; false when the time is over first. */
static bool
follow(struct run *run, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - now_milliseconds();
		int patience = run->out < 0 && run->err < 0 ? LOOK_CLOSED_MILLISECONDS : LOOK_MILLISECONDS;
		bool spoke;

		if (!run->ended)
			run->ended = waitpid(run->pid, &run->status, WNOHANG) == run->pid;
		if (left < 0)
			return run->ended;
		spoke = listen_once(run, run->ended ? 0 : left < patience ? (int)left : patience);
		if (run->ended && !spoke)
			return true;
	}
}

static int
judge(struct run *run, const char *name, unsigned seconds, bool in_time, struct reason *why)
{
	char said[ERRORS_SHOWN];

	printable(said, sizeof(said), run->errors.data, run->errors.length);
	if (!in_time)
		return reason_set(why, "\"%s\" did not end within %u seconds and was killed%s%s", name, seconds,
		    said[0] != '\0' ? ": " : "", said);
	if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0)
		return 0;
	if (WIFEXITED(run->status))
		return reason_set(why, "\"%s\" exited with status %d%s%s", name, WEXITSTATUS(run->status),
		    said[0] != '\0' ? ": " : "", said);
	return reason_set(
	    why, "\"%s\" died of signal %d%s%s", name, WTERMSIG(run->status), said[0] != '\0' ? ": " : "", said);
}

int
command_run(char *const words[], unsigned seconds, struct buffer *out, struct reason *why)
{
	struct run run = { .out = -1, .err = -1, .text = out };
	bool in_time = false;
	int result;

	buffer_init(&run.errors, ERRORS_MAX);
	result = start(&run, words, why);
	if (result == 0) {
		in_time = follow(&run, now_milliseconds() + (int64_t)seconds * 1000);
		if (!run.ended) {
			kill(-run.pid, SIGKILL);
			kill(run.pid, SIGKILL);
			while (waitpid(run.pid, &run.status, 0) < 0 && errno == EINTR)
				;
		}
		result = judge(&run, words[0], seconds, in_time, why);
	}
	if (run.out >= 0)
		close(run.out);
	if (run.err >= 0)
		close(run.err);
	buffer_free(&run.errors);
	return result;
}

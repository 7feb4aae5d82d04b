/*
 * Commands: how a line becomes words, and what a child gets, gives and costs.
 */
#include "base/command.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "unit/tap.h"

static const struct words_row {
	const char *line;
	const char *want; /* the words, each between < and >; or the reason */
} words_rows[] = {
	{ "pass", "<pass>" },
	{ " pass  show\tsmtp/app ", "<pass><show><smtp/app>" },
	{ "/opt/x 'a b' \"c d\" e\\ f", "</opt/x><a b><c d><e f>" },
	{ "x a'b c'd\"e f\"", "<x><ab cde f>" },
	{ "x '' \"\"", "<x><><>" },
	{ "x '\\\"' \"\\\"'\" \\' \\\\", "<x><\\\"><\"'><'><\\>" },
	{ "x $HOME `id` *.c ~ # ; | > y &", "<x><$HOME><`id`><*.c><~><#><;><|><>><y><&>" },
	{ "", "\"\" is not a command, write its absolute path, or a name to look for in " COMMAND_PATH },
	{ "./x", "\"./x\" is not a command, write its absolute path, or a name to look for in " COMMAND_PATH },
	{ "x 'a", "a quote or backslash without its partner, write \"...\" or '...'" },
	{ "x \"a\\\"", "a quote or backslash without its partner, write \"...\" or '...'" },
	{ "x \\", "a quote or backslash without its partner, write \"...\" or '...'" },
};

static void
run_words(const struct words_row *row)
{
	struct reason why = { "" };
	struct buffer got;
	char **words = command_words(row->line, &why);

	buffer_init(&got, 1 << 16);
	for (char **word = words; word != NULL && *word != NULL; word++)
		buffer_format(&got, "<%s>", *word);
	if (words == NULL)
		buffer_add_string(&got, why.text);
	if (!ok(strcmp(buffer_string(&got), row->want) == 0, "words of %s", row->line))
		note("%s", buffer_string(&got));
	buffer_free(&got);
	command_words_free(words);
}

/* Runs in a few tenths of a second, but for one that must be killed. */
static const struct run_row {
	const char *name, *line;
	const char *output; /* NULL: not looked at */
	const char *reason; /* NULL: success */
} run_rows[] = {
	{ "output", "printf 'a b\\n%s\\n' c", "a b\nc\n", NULL },
	{ "no shell", "echo $HOME `id` ; exit 3 | cat > /nonexistent/x", "$HOME `id` ; exit 3 | cat > /nonexistent/x\n",
	    NULL },
	{ "stderr of a success is nobody's business", "sh -c 'echo no >&2; echo yes'", "yes\n", NULL },
	{ "status and stderr", "sh -c 'echo half; echo no such\taccount >&2; exit 3'", NULL,
	    "\"sh\" exited with status 3: no such account" },
	{ "status alone", "sh -c 'exit 1'", NULL, "\"sh\" exited with status 1" },
	{ "stderr is printable", "printf '\\033[2J' x", "\033[2J", NULL },
	{ "escape sequences", "sh -c 'printf \"\\033[2Jx\\n\\ny\" >&2; exit 1'", NULL,
	    "\"sh\" exited with status 1: ?[2Jx y" },
	{ "signal", "sh -c 'kill -9 $$'", NULL, "\"sh\" died of signal 9" },
	{ "no such name", "no-such-helper-anywhere", NULL,
	    "\"no-such-helper-anywhere\" exited with status 127: No such file or directory" },
	{ "no such path", "/nonexistent/helper", NULL,
	    "\"/nonexistent/helper\" exited with status 127: No such file or directory" },
	{ "no program", "/etc", NULL, "\"/etc\" exited with status 127: Permission denied" },
	{ "empty input", "cat", "", NULL },
	{ "working directory", "pwd", "/\n", NULL },
	{ "no terminal", "sh -c 'cat </dev/tty 2>/dev/null || echo none'", "none\n", NULL },
	{ "only three descriptors", "sh -c 'ls /proc/self/fd | head -n 3; ls /proc/self/fd | wc -l'", "0\n1\n2\n4\n",
	    NULL },
	/* 32 and 33 are the C library's own: it lets nobody change them. */
	{ "default signals", "grep -cE '^SigIgn:.0000000[0-3][08]0000000$' /proc/self/status", "1\n", NULL },
	{ "a straggler does not hold it up", "sh -c 'sleep 20 & echo done'", "done\n", NULL },
	{ "closed output", "sh -c 'exec >&- 2>&-; sleep 0.05; exit 4'", NULL, "\"sh\" exited with status 4" },
};

static double
seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Runs a line; the result of command_run(). */
static int
run(const char *line, unsigned seconds, struct buffer *out, struct reason *why)
{
	char **words = command_words(line, why);
	int result = words != NULL ? command_run(words, seconds, out, why) : -1;

	command_words_free(words);
	return result;
}

static void
run_run(const struct run_row *row)
{
	struct reason why = { "" };
	struct buffer out;
	int result;

	buffer_init(&out, 1 << 16);
	result = run(row->line, 10, &out, &why);
	if (!ok((result == 0) == (row->reason == NULL) && (row->reason == NULL || strcmp(why.text, row->reason) == 0) &&
		    (row->output == NULL || strcmp(buffer_string(&out), row->output) == 0),
		"%s", row->name))
		note("%d \"%s\" \"%s\"", result, why.text, buffer_string(&out));
	buffer_free(&out);
}

/* Nothing of ours gets through, whatever it is called. */
static void
clean_environment(void)
{
	struct reason why = { "" };
	struct buffer out;
	const char *text;
	int lines = 0;

	setenv("SMTP_SECRET", "s3cret", 1);
	setenv("LD_PRELOAD", "", 1);
	setenv("PATH", "/of-the-caller", 1);
	setenv("HOME", "/of-the-caller", 1);
	buffer_init(&out, 1 << 16);
	ok(run("env", 10, &out, &why) == 0, "env is found in our own path");
	text = buffer_string(&out);
	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	if (!ok(lines == 5 && strstr(text, "PATH=" COMMAND_PATH "\n") != NULL && strstr(text, "LANG=C\n") != NULL &&
		    strstr(text, "HOME=/") != NULL && strstr(text, "USER=") != NULL &&
		    strstr(text, "LOGNAME=") != NULL && strstr(text, "of-the-caller") == NULL,
		"five variables, none of ours"))
		note("%s", text);
	buffer_free(&out);
}

/* A process that was killed and perhaps not yet buried. */
static bool
is_dead(long pid)
{
	char path[64], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if ((file = fopen(path, "r")) == NULL)
		return true;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state == 'Z';
}

static void
time_limit(void)
{
	char path[] = "/tmp/command.XXXXXX", line[256], text[32] = "";
	struct timespec start;
	struct reason why = { "" };
	struct buffer out;
	int fd = mkstemp(path), looks = 500;

	buffer_init(&out, 1 << 16);
	snprintf(line, sizeof(line), "sh -c 'sleep 60 & echo $! >%s; echo waiting >&2; wait'", path);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ok(run(line, 1, &out, &why) != 0 &&
		strcmp(why.text, "\"sh\" did not end within 1 seconds and was killed: waiting") == 0,
	    "a command that takes too long: %s", why.text);
	ok(seconds_since(&start) < 8, "is killed at once");
	ok(read(fd, text, sizeof(text) - 1) > 0, "it had started a child");
	while (!is_dead(strtol(text, NULL, 10)) && looks-- > 0)
		usleep(10000);
	ok(looks > 0, "which is killed too");
	close(fd);
	unlink(path);
	buffer_free(&out);
}

/* More output than the buffer takes neither blocks nor grows. */
static void
flood(void)
{
	struct reason why = { "" };
	struct buffer out;

	buffer_init(&out, 4096);
	ok(run("head -c 3000000 /dev/zero", 10, &out, &why) == 0 && out.overflow && out.length <= 4096,
	    "a flood of output is cut: %s", why.text);
	buffer_free(&out);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(words_rows) / sizeof(words_rows[0]); i++)
		run_words(&words_rows[i]);
	for (size_t i = 0; i < sizeof(run_rows) / sizeof(run_rows[0]); i++)
		run_run(&run_rows[i]);
	clean_environment();
	time_limit();
	flood();
	return tap_done();
}

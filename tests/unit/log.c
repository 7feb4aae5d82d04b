/* Log lines, read back from a file; nothing that comes from outside may break one. */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/tap.h"

static char folder[] = "/tmp/log-XXXXXX";
static char path[64], other[64];

static const struct {
	const char *name, *value, *want;
} rows[] = {
	{ "plain", "a@b.test", "event key=a@b.test" },
	{ "a blank", "two words", "event key=\"two words\"" },
	{ "empty", "", "event key=\"\"" },
	{ "an equals sign", "a=b", "event key=\"a=b\"" },
	{ "quotes", "say \"no\"", "event key=\"say \\\"no\\\"\"" },
	{ "a backslash among blanks", "a \\ b", "event key=\"a \\\\ b\"" },
	{ "a quote that is escaped", "\\\" x", "event key=\"\\\\\\\" x\"" },
	{ "a line of its own", "x\nevent key=forged", "event key=\"x event key=forged\"" },
	{ "CRLF", "x\r\ny", "event key=\"x y\"" },
	{ "terminal escapes", "\033[31mx", "event key=?[31mx" },
	{ "UTF-8", "p\xc3\xa4", "event key=p??" },
	{ "left out", NULL, "event" },
};

/* The last line of a file without its end, after the prefix. */
static const char *
last_line(const char *file, const char **prefix)
{
	static char text[20000];
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *line, *body;

	close(fd);
	if (n <= 0 || text[n - 1] != '\n')
		return "";
	text[n - 1] = '\0';
	line = strrchr(text, '\n') != NULL ? strrchr(text, '\n') + 1 : text;
	body = strstr(line, ": ");
	if (body == NULL)
		return "";
	*body = '\0';
	*prefix = line;
	return body + 2;
}

static void
test_values(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *prefix = "", *got;

		log_event(LEVEL_NOTICE, "event", (struct log_field[]){ { "key", rows[i].value }, { NULL, NULL } });
		got = last_line(path, &prefix);
		if (!ok(strcmp(got, rows[i].want) == 0, "value: %s", rows[i].name))
			note("got %s", got);
	}
}

static void
test_line(void)
{
	const char *prefix = "", *got;
	char long_value[10000];
	struct log_field many[20] = { { NULL, NULL } };

	log_event(
	    LEVEL_WARNING, "sent", (struct log_field[]){ { "a", "1" }, { "b", NULL }, { "c", "3" }, { NULL, NULL } });
	got = last_line(path, &prefix);
	ok(strcmp(got, "sent a=1 c=3") == 0, "pairs stay in order, one without a value is left out");
	ok(strlen(prefix) > 30 && prefix[4] == '-' && prefix[10] == 'T' && prefix[19] == 'Z',
	    "time stands first, in UTC");
	ok(strstr(prefix, " sendmail[") != NULL && strcmp(prefix + strlen(prefix) - 8, " warning") == 0,
	    "process and level follow");
	log_note(LEVEL_ERROR, "option", "-Z ignored");
	got = last_line(path, &prefix);
	ok(strcmp(got, "option text=\"-Z ignored\"") == 0, "a note");
	ok(strcmp(prefix + strlen(prefix) - 6, " error") == 0, "with its level");

	memset(long_value, 'x', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	log_note(LEVEL_NOTICE, "long", long_value);
	got = last_line(path, &prefix);
	ok(strlen(got) > 1000 && strlen(got) < 3000, "a long value is cut");
	for (int i = 0; i < 19; i++)
		many[i] = (struct log_field){ "key", long_value };
	log_event(LEVEL_NOTICE, "many", many);
	log_note(LEVEL_NOTICE, "next", "line");
	got = last_line(path, &prefix);
	ok(strcmp(got, "next text=line") == 0, "a line at its limit still ends");
}

static const struct {
	const char *name, *value, *want; /* of the last pair, in JSON */
} json_rows[] = {
	{ "plain", "a@b.test", ",\"key\":\"a@b.test\"}" },
	{ "a number stays a string", "42", ",\"key\":\"42\"}" },
	{ "empty", "", ",\"key\":\"\"}" },
	{ "quotes", "say \"no\"", ",\"key\":\"say \\\"no\\\"\"}" },
	{ "a backslash", "a\\b", ",\"key\":\"a\\\\b\"}" },
	{ "an object of its own", "x\"}\n{\"event\":\"forged", ",\"key\":\"x\\\"} {\\\"event\\\":\\\"forged\"}" },
	{ "terminal escapes", "\033[31mx", ",\"key\":\"?[31mx\"}" },
	{ "left out", NULL, "\"event\":\"happened\"}" },
};

/* The last line of the file. */
static const char *
last_json(void)
{
	static char text[40000];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0 || text[n - 1] != '\n')
		return "";
	text[n - 1] = '\0';
	return strrchr(text, '\n') != NULL ? strrchr(text, '\n') + 1 : text;
}

static bool
ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void
test_json(void)
{
	char long_value[3000];
	struct log_field many[20] = { { NULL, NULL } };
	const char *got;

	ok(log_open(LOG_TO_FILE, LOG_AS_JSON, path) == 0, "a file with JSON");
	for (size_t i = 0; i < sizeof(json_rows) / sizeof(json_rows[0]); i++) {
		log_event(
		    LEVEL_NOTICE, "happened", (struct log_field[]){ { "key", json_rows[i].value }, { NULL, NULL } });
		got = last_json();
		if (!ok(ends_with(got, json_rows[i].want), "JSON: %s", json_rows[i].name))
			note("got %s", got);
	}
	log_event(LEVEL_WARNING, "sent", (struct log_field[]){ { "b", "1" }, { "a", "2" }, { NULL, NULL } });
	got = last_json();
	ok(strncmp(got, "{\"time\":\"2", 10) == 0 && strlen(got) > 28 && got[19] == 'T' &&
		strcmp(got + 28, "Z\",\"level\":\"warning\",\"event\":\"sent\",\"b\":\"1\",\"a\":\"2\"}") == 0,
	    "time, level and event stand first, the pairs in their order");
	memset(long_value, '"', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	for (int i = 0; i < 19; i++)
		many[i] = (struct log_field){ i == 18 ? "last" : "key", i == 18 ? "fits" : long_value };
	log_event(LEVEL_NOTICE, "many", many);
	got = last_json();
	ok(strlen(got) < 10000 && ends_with(got, "\\\"\",\"last\":\"fits\"}"),
	    "a line at its limit is whole; what does not fit is left out");
}

static void
test_targets(void)
{
	const char *prefix = "";
	struct stat st;
	int saved = dup(STDERR_FILENO);

	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "the file is for its owner only");
	snprintf(other, sizeof(other), "%s/link", folder);
	ok(symlink(path, other) == 0 && log_open(LOG_TO_FILE, LOG_AS_TEXT, other) == -1 && errno == ELOOP,
	    "a link is not followed");
	log_note(LEVEL_NOTICE, "still", "here");
	ok(strcmp(last_line(path, &prefix), "still text=here") == 0, "a failed open leaves the log as it was");

	unlink(other);
	ok(freopen(other, "a", stderr) != NULL && log_open(LOG_TO_STDERR, LOG_AS_TEXT, NULL) == 0,
	    "stderr as the target");
	log_note(LEVEL_NOTICE, "to", "stderr");
	ok(strcmp(last_line(other, &prefix), "to text=stderr") == 0, "stderr gets the line");
	ok(strcmp(last_line(path, &prefix), "still text=here") == 0, "the file no longer");
	dup2(saved, STDERR_FILENO);
	close(saved);
	ok(log_open(LOG_TO_FILE, LOG_AS_TEXT, "/nowhere/log") == -1, "a file that cannot be");
}

int
main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/log", folder);
	if (!ok(log_open(LOG_TO_FILE, LOG_AS_TEXT, path) == 0, "a file as the target"))
		return tap_done();
	test_values();
	test_line();
	test_targets();
	test_json();
	unlink(path);
	unlink(other);
	rmdir(folder);
	return tap_done();
}

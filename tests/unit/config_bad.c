/*
 * Every mistake in a configuration is refused with one exact line: texts as rows
 * in config_bad.rows, files and environments as rows here.
 */
#include <errno.h>

#include "unit/config_world.h"
#include "unit/tap.h"

enum { TEXT_MAX = 1 << 20 };

/* Appends a line of a row with its escapes \xHH and {N*c} replaced. */
static void
add_line(struct buffer *text, const char *line)
{
	for (const char *c = line; *c != '\0' && *c != '\n'; c++) {
		unsigned value;
		char repeated;

		if (sscanf(c, "\\x%2x", &value) == 1) {
			buffer_add_char(text, (char)value);
			c += 3;
		} else if (sscanf(c, "{%u*%c}", &value, &repeated) == 2) {
			while (value-- > 0)
				buffer_add_char(text, repeated);
			c = strchr(c, '}');
		} else
			buffer_add_char(text, *c);
	}
	buffer_add_char(text, '\n');
}

static void
check(const char *name, enum config_result result, const struct reason *reason, struct config *config, const char *want)
{
	bool good =
	    ok(result == CONFIG_BROKEN && strcmp(reason->text, want) == 0 && strstr(reason->text, "s3cret") == NULL &&
		    config->smarthost_count == 0 && config->source != NULL,
		"%s", name);

	if (!good)
		note("result %d\n#  got: %s\n# want: %s", (int)result, result != CONFIG_OK ? reason->text : "", want);
	config_free(config);
}

static void
run_text(const char *name, const struct buffer *text, const char *want)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	enum config_result result = config_parse(&config, &world, "x.ini", text->data, text->length, &reason);

	check(name, result, &reason, &config, want);
}

/* Returns how many rows there were. */
static int
run_rows(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024], name[1024] = "";
	struct buffer text;
	int rows = 0;

	if (file == NULL)
		return 0;
	buffer_init(&text, TEXT_MAX);
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "=== ", 4) == 0) {
			snprintf(name, sizeof(name), "%s", line + 4);
			buffer_clear(&text);
		} else if (strncmp(line, "---", 3) == 0) {
			run_text(name, &text, line + 3);
			name[0] = '\0';
			rows++;
		} else if (name[0] != '\0')
			add_line(&text, line);
	}
	buffer_free(&text);
	fclose(file);
	return rows;
}

static void
too_many_aliases(void)
{
	struct buffer text;

	buffer_init(&text, TEXT_MAX);
	buffer_add_string(&text, "[aliases]\n");
	for (int i = 0; i < 501; i++)
		buffer_format(&text, "a%d = ops@example.com\n", i);
	run_text("501 aliases", &text, "x.ini:502: more than 500 aliases, remove some");
	buffer_free(&text);
}

static const struct environment_row {
	const char *name;
	struct variable variables[4];
	const char *want;
} environment_rows[] = {
	{ "relative SENDMAIL_INI", { { "SENDMAIL_INI", "sendmail.ini" } },
	    "SENDMAIL_INI: \"sendmail.ini\" is not an absolute path, write it from the \"/\" on" },
	{ "SENDMAIL_INI with a line end", { { "SENDMAIL_INI", "/a\nb" } },
	    "SENDMAIL_INI: control character 0x0a, remove it" },
	{ "SENDMAIL_INI names nothing", { { "SENDMAIL_INI", "DIR/none.ini" } }, "DIR/none.ini: there is no such file" },
	{ "SENDMAIL_INI names a directory", { { "SENDMAIL_INI", "DIR" } },
	    "DIR: it is a directory, write the path of a regular file" },
	{ "SENDMAIL_INI names a FIFO", { { "SENDMAIL_INI", "DIR/fifo" } },
	    "DIR/fifo: it is a pipe or device, write the path of a regular file" },
	{ "SENDMAIL_INI names a device", { { "SENDMAIL_INI", "/dev/null" } },
	    "/dev/null: it is a pipe or device, write the path of a regular file" },
	{ "SENDMAIL_CONFIG with an error", { { "SENDMAIL_CONFIG", "[smarthost]\nhots = h" } },
	    "SENDMAIL_CONFIG:2: unknown key \"hots\" in [smarthost], did you mean \"host\"?" },
	{ "a broken first source is not passed over",
	    { { "SENDMAIL_CONFIG", "x" }, { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example" } },
	    "SENDMAIL_CONFIG:1: no \"=\", write \"key = value\", \"[section]\" or \"# comment\"" },
	{ "password file without smarthost", { { "SENDMAIL_PASSWORD_FILE", "/x" } },
	    "SENDMAIL_PASSWORD_FILE: goes with SENDMAIL_SMARTHOST only, set that too or unset both" },
	{ "from without smarthost", { { "SENDMAIL_FROM", "a@b.example" } },
	    "SENDMAIL_FROM: goes with SENDMAIL_SMARTHOST only, set that too or unset both" },
	{ "URL without scheme", { { "SENDMAIL_SMARTHOST", "me:s3cret@h.example" } },
	    "SENDMAIL_SMARTHOST: no scheme, write smtps://user:password@host:465, or smtp:// for STARTTLS" },
	{ "URL without user", { { "SENDMAIL_SMARTHOST", "smtps://h.example" } },
	    "SENDMAIL_SMARTHOST: no user, write smtps://user:password@host:465; a smarthost without login needs "
	    "SENDMAIL_CONFIG" },
	{ "URL with an empty user", { { "SENDMAIL_SMARTHOST", "smtps://:s3cret@h.example" } },
	    "SENDMAIL_SMARTHOST: \"user\" has no value, write one or remove the line" },
	{ "URL without password", { { "SENDMAIL_SMARTHOST", "smtps://me@h.example" } },
	    "SENDMAIL_SMARTHOST: no password, write smtps://user:password@host:465 or set SENDMAIL_PASSWORD_FILE" },
	{ "URL and file with a password",
	    { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example" }, { "SENDMAIL_PASSWORD_FILE", "/x" } },
	    "SENDMAIL_SMARTHOST: two passwords, write smtps://user:password@host:465 or set SENDMAIL_PASSWORD_FILE" },
	{ "URL without host", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@" } },
	    "SENDMAIL_SMARTHOST: \"host\" has no value, write one or remove the line" },
	{ "URL with a bad host", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h_.-example" } },
	    "SENDMAIL_SMARTHOST: host: \"h_.-example\" is not a host, write a name or an address alone, such as "
	    "smtp.example.com or 192.0.2.1" },
	{ "URL with a bad port", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example:70000" } },
	    "SENDMAIL_SMARTHOST: port: \"70000\" is not a port, write numbers from 1 to 65535, such as 465 or "
	    "465, 587" },
	{ "URL with an empty port", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example:" } },
	    "SENDMAIL_SMARTHOST: \"port\" has no value, write one or remove the line" },
	{ "URL with a path", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example/x" } },
	    "SENDMAIL_SMARTHOST: text after the port, write smtps://user:password@host:465, and in a password %2F for "
	    "\"/\", %3F for \"?\", %23 for \"#\"" },
	{ "URL with a bare slash in the password", { { "SENDMAIL_SMARTHOST", "smtps://me:s3/cret@h.example" } },
	    "SENDMAIL_SMARTHOST: text after the port, write smtps://user:password@host:465, and in a password %2F for "
	    "\"/\", %3F for \"?\", %23 for \"#\"" },
	{ "URL with an open bracket", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@[2001:db8::1" } },
	    "SENDMAIL_SMARTHOST: \"]\" is missing, write the address as [2001:db8::1]" },
	{ "URL with text after the bracket", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@[::1]465" } },
	    "SENDMAIL_SMARTHOST: text after \"]\", write smtps://user:password@host:465" },
	{ "URL with a bare percent sign", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret%@h.example" } },
	    "SENDMAIL_SMARTHOST: password: \"%\" without two hex digits, write %25 for a \"%\"" },
	{ "URL with half a percent escape", { { "SENDMAIL_SMARTHOST", "smtps://m%4x:s3cret@h.example" } },
	    "SENDMAIL_SMARTHOST: user: \"%\" without two hex digits, write %25 for a \"%\"" },
	{ "URL with NUL in the password", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret%00@h.example" } },
	    "SENDMAIL_SMARTHOST: password: \"%\" without two hex digits, write %25 for a \"%\"" },
	{ "URL with a line end in the user", { { "SENDMAIL_SMARTHOST", "smtps://me%0d%0aX:s3cret@h.example" } },
	    "SENDMAIL_SMARTHOST: user: control characters, blanks at its ends or \" ;\", remove them" },
	{ "URL without any domain", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example" } },
	    "SENDMAIL_SMARTHOST: no domain to complete names such as \"root\" with, set "
	    "SENDMAIL_FROM=app@example.com" },
	{ "bad SENDMAIL_FROM", { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example" }, { "SENDMAIL_FROM", "app" } },
	    "SENDMAIL_FROM: from: \"app\" is not a full address, write one such as app@example.com, without name and "
	    "brackets" },
	{ "SENDMAIL_FROM with a line end",
	    { { "SENDMAIL_SMARTHOST", "smtps://me:s3cret@h.example" },
		{ "SENDMAIL_FROM", "a@b.example\nBcc: x@y.example" } },
	    "SENDMAIL_FROM: from: control characters, blanks at its ends or \" ;\", remove them" },
	{ "relative SENDMAIL_PASSWORD_FILE",
	    { { "SENDMAIL_SMARTHOST", "smtps://me@h.example" }, { "SENDMAIL_PASSWORD_FILE", "pw" } },
	    "SENDMAIL_SMARTHOST: password_file: pw: a bare name is a systemd credential and CREDENTIALS_DIRECTORY is "
	    "not set, write an absolute path" },
	{ "SENDMAIL_PASSWORD_FILE below a folder",
	    { { "SENDMAIL_SMARTHOST", "smtps://me@h.example" }, { "SENDMAIL_PASSWORD_FILE", "a/pw" } },
	    "SENDMAIL_PASSWORD_FILE: password_file: \"a/pw\" is not an absolute path, write it from the \"/\" on, or "
	    "the "
	    "bare name of a systemd credential" },
	{ "no such credential",
	    { { "SENDMAIL_SMARTHOST", "smtps://me@h.example" }, { "SENDMAIL_PASSWORD_FILE", "pw" },
		{ "CREDENTIALS_DIRECTORY", "DIR" } },
	    "SENDMAIL_SMARTHOST: password_file: DIR/pw: there is no such file" },
	{ "relative CREDENTIALS_DIRECTORY",
	    { { "SENDMAIL_SMARTHOST", "smtps://me@h.example" }, { "SENDMAIL_PASSWORD_FILE", "pw" },
		{ "CREDENTIALS_DIRECTORY", "credentials" } },
	    "SENDMAIL_SMARTHOST: password_file: pw: a bare name is a systemd credential and CREDENTIALS_DIRECTORY is "
	    "not set, write an absolute path" },
};

static void
run_environment(const struct environment_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *want = with_folder(row->want), *owned[4] = { NULL };

	for (size_t i = 0; i < 4; i++) {
		owned[i] = row->variables[i].name != NULL ? with_folder(row->variables[i].value) : NULL;
		variables[i] = (struct variable){ row->variables[i].name, owned[i] };
	}
	check(row->name, config_load(&config, &world, &reason), &reason, &config, want);
	for (size_t i = 0; i < 4; i++)
		free(owned[i]);
	memset(variables, 0, sizeof(variables));
	free(want);
}

#define LOGIN "[smarthost]\nhost = h.example\nfrom = a@b.example\nuser = me\n"
#define INLINE LOGIN "password = s3cret\n"
#define OUTSIDE LOGIN "password_file = DIR/password\n"

/* In want, UID is the uid of the caller and OWNER that of the files. */
static const struct file_row {
	const char *name;
	const char *path; /* of the configuration, below DIR */
	const char *text;
	mode_t mode;
	const char *password; /* content of DIR/password; NULL: none */
	mode_t password_mode;
	bool foreign; /* the files belong to somebody else */
	bool unprivileged; /* not as root, who may read everything */
	const char *want;
} file_rows[] = {
	{ "system file open to everybody", "etc.ini", INLINE, 0644, NULL, 0, false, false,
	    "DIR/etc.ini:5: password: it holds a password and is open to everybody (mode 0644), run: chmod 640 "
	    "DIR/etc.ini" },
	{ "personal file open to everybody", "home/.config/sendmail.ini", INLINE, 0604, NULL, 0, false, false,
	    "DIR/home/.config/sendmail.ini:5: password: it holds a password and is open to everybody (mode 0604), run: "
	    "chmod "
	    "600 DIR/home/.config/sendmail.ini" },
	{ "personal file open to its group", "home/.config/sendmail.ini", INLINE, 0640, NULL, 0, false, false,
	    "DIR/home/.config/sendmail.ini:5: password: it holds a password and is open to its group (mode 0640), run: "
	    "chmod "
	    "600 DIR/home/.config/sendmail.ini" },
	{ "file of somebody else", "etc.ini", INLINE, 0600, NULL, 0, true, false,
	    "DIR/etc.ini:5: password: it holds a password and belongs to uid OWNER, run: chown UID DIR/etc.ini" },
	{ "file that everybody may write", "etc.ini", OUTSIDE, 0646, "x", 0600, false, false,
	    "DIR/etc.ini: everybody may write it, run: chmod o-w DIR/etc.ini" },
	{ "file that may not be read", "etc.ini", OUTSIDE, 0, NULL, 0, false, true,
	    "DIR/etc.ini: its owner may not read it (mode 0000), run: chmod u+r DIR/etc.ini" },
	{ "personal file that may not be read", "home/.config/sendmail.ini", OUTSIDE, 0, NULL, 0, false, true,
	    "DIR/home/.config/sendmail.ini: its owner may not read it (mode 0000), run: chmod u+r "
	    "DIR/home/.config/sendmail.ini" },
	{ "password file open to everybody", "etc.ini", OUTSIDE, 0644, "x", 0644, false, false,
	    "DIR/etc.ini:5: password_file: DIR/password: it holds a password and is open to everybody (mode 0644), "
	    "run: chmod "
	    "640 DIR/password" },
	{ "password file of somebody else", "etc.ini", OUTSIDE, 0644, "x", 0600, true, false,
	    "DIR/etc.ini:5: password_file: DIR/password: it holds a password and belongs to uid OWNER, run: chown UID "
	    "DIR/password" },
	{ "no password file", "etc.ini", OUTSIDE, 0644, NULL, 0, false, false,
	    "DIR/etc.ini:5: password_file: DIR/password: there is no such file" },
	{ "password file that may not be read", "etc.ini", OUTSIDE, 0644, "x", 0, false, true,
	    "DIR/etc.ini:5: password_file: DIR/password: its owner may not read it (mode 0000), run: chmod u+r "
	    "DIR/password" },
	{ "empty password file", "etc.ini", OUTSIDE, 0644, "", 0600, false, false,
	    "DIR/etc.ini:5: password_file: DIR/password: it is empty, write the password into it" },
	{ "password file with nothing but a line end", "etc.ini", OUTSIDE, 0644, "\n", 0600, false, false,
	    "DIR/etc.ini:5: password_file: DIR/password: it is empty, write the password into it" },
	{ "directory as password file", "etc.ini", LOGIN "password_file = DIR\n", 0644, NULL, 0, false, false,
	    "DIR/etc.ini:5: password_file: DIR: it is a directory, write the path of a regular file" },
	{ "FIFO as password file", "etc.ini", LOGIN "password_file = DIR/fifo\n", 0644, NULL, 0, false, false,
	    "DIR/etc.ini:5: password_file: DIR/fifo: it is a pipe or device, write the path of a regular file" },
};

/* Puts a number where a word stands. */
static void
put_number(char *text, size_t size, const char *word, unsigned long number)
{
	char rest[1024], *at = strstr(text, word);

	if (at == NULL)
		return;
	snprintf(rest, sizeof(rest), "%s", at + strlen(word));
	snprintf(at, size - (size_t)(at - text), "%lu%s", number, rest);
}

static void
give_away(const char *path, const char *other)
{
	if (chown(path, SOMEBODY, 0) != 0 || (chown(other, SOMEBODY, 0) != 0 && errno != ENOENT))
		note("chown: %s", strerror(errno));
}

static void
run_file(const struct file_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text = with_folder(row->text), *expanded = with_folder(row->want), want[1024], made[2][160];
	bool root = getuid() == 0;
	enum config_result result;

	snprintf(made[0], sizeof(made[0]), "%s", make_file(row->path, text, strlen(text), row->mode));
	snprintf(made[1], sizeof(made[1]), "%s/password", folder);
	if (row->password != NULL)
		make_file("password", row->password, strlen(row->password), row->password_mode);
	/* Root gives the files away; others own them and pretend to be somebody else. */
	if (root && (row->foreign || row->unprivileged))
		give_away(made[0], made[1]);
	if (row->foreign)
		world.uid = (root ? SOMEBODY : getuid()) + 1;
	if (root && row->unprivileged && seteuid(SOMEBODY) != 0)
		note("seteuid: %s", strerror(errno));
	result = config_load(&config, &world, &reason);
	snprintf(want, sizeof(want), "%s", expanded);
	put_number(want, sizeof(want), "OWNER", root ? SOMEBODY : getuid());
	put_number(want, sizeof(want), "UID", world.uid);
	if (root && seteuid(0) != 0)
		note("seteuid: %s", strerror(errno));
	check(row->name, result, &reason, &config, want);
	unlink(made[0]);
	unlink(made[1]);
	free(text);
	free(expanded);
}

/* Root becomes somebody who may not enter a folder, or not read root's file; others close their own folder. */
static void
no_permission(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	bool root = getuid() == 0;
	char want[512], path[160];

	snprintf(path, sizeof(path), "%s/home/.config/sendmail.ini", folder);
	variables[0] = (struct variable){ "SENDMAIL_INI", make_file("home/.config/sendmail.ini", OUTSIDE, 9, 0640) };
	if (root && (chown(path, 0, 0) != 0 || setegid(SOMEBODY) != 0 || seteuid(SOMEBODY) != 0))
		note("%s", strerror(errno));
	snprintf(want, sizeof(want),
	    "%s: uid %d may not read it (uid 0, gid 0, mode 0640), run: chgrp and chmod g+r %s", path, SOMEBODY, path);
	if (root)
		check("root's file", config_load(&config, &world, &reason), &reason, &config, want);
	if (root && (seteuid(0) != 0 || setegid(0) != 0))
		note("%s", strerror(errno));
	if (chmod(home, 0) != 0 || (root && seteuid(SOMEBODY) != 0))
		note("%s", strerror(errno));
	snprintf(want, sizeof(want), "%s: uid %lu may not enter one of its folders, run: chmod o+x on them", path,
	    (unsigned long)geteuid());
	check("closed folder", config_load(&config, &world, &reason), &reason, &config, want);
	if ((root && seteuid(0) != 0) || chmod(home, 0755) != 0)
		note("%s", strerror(errno));
	memset(variables, 0, sizeof(variables));
	unlink(path);
}

static void
long_url(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char url[5000] = "smtps://me:";

	memset(url + strlen(url), 'a', sizeof(url) - strlen(url));
	url[sizeof(url) - 1] = '\0';
	variables[0] = (struct variable){ "SENDMAIL_SMARTHOST", url };
	check("URL too long", config_load(&config, &world, &reason), &reason, &config,
	    "SENDMAIL_SMARTHOST: longer than 4096 bytes, put the password into SENDMAIL_PASSWORD_FILE");
	memset(variables, 0, sizeof(variables));
}

static void
too_large_files(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *large = allocate(70000, 1), *text = with_folder(OUTSIDE), *want;

	memset(large, '#', 70000);
	make_file("etc.ini", large, 70000, 0644);
	want = with_folder("DIR/etc.ini: longer than 65536 bytes, is this the right file?");
	check("file too long", config_load(&config, &world, &reason), &reason, &config, want);
	free(want);
	make_file("etc.ini", text, strlen(text), 0644);
	make_file("password", large, 4097, 0600);
	want =
	    with_folder("DIR/etc.ini:5: password_file: DIR/password: longer than 4096 bytes, is this the right file?");
	check("password file too long", config_load(&config, &world, &reason), &reason, &config, want);
	free(want);
	make_file("password", "a\0b\n", 4, 0600);
	want = with_folder("DIR/etc.ini:5: password_file: DIR/password: it holds a NUL byte, remove it");
	check("password file with NUL", config_load(&config, &world, &reason), &reason, &config, want);
	free(want);
	free(large);
	free(text);
}

int
main(void)
{
	char path[128];

	make_folder();
	snprintf(path, sizeof(path), "%s/fifo", folder);
	mkfifo(path, 0600);
	mkdir(home, 0755);
	snprintf(path, sizeof(path), "%s/.config", home);
	mkdir(path, 0755);
	ok(run_rows("tests/unit/config_bad.rows") >= 60, "at least 60 bad texts");
	too_many_aliases();
	for (size_t i = 0; i < sizeof(environment_rows) / sizeof(environment_rows[0]); i++)
		run_environment(&environment_rows[i]);
	for (size_t i = 0; i < sizeof(file_rows) / sizeof(file_rows[0]); i++)
		run_file(&file_rows[i]);
	too_large_files();
	no_permission();
	long_url();
	remove_folder();
	return tap_done();
}

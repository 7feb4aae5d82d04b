/*
 * Getting the secret of a login: from files and commands, tokens and passwords,
 * one or two; and the password of Amazon SES against published vectors.
 */
#include "config/secret.h"

#include "config/ses.h"
#include "unit/config_world.h"
#include "unit/tap.h"

#define LOGIN "[smarthost]\nhost = h.example\nfrom = a@b.example\nuser = me\n"
#define SES "[smarthost]\nprovider = ses\nregion = eu-central-1\nfrom = a@b.example\nuser = AKIA\n"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SES_PASSWORD "BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG"

static const struct secret_row {
	const char *name, *text;
	const char *want[2]; /* the secrets, or what begins with '!': the reason */
	const char *user; /* who logs in; NULL: me */
	bool token;
} secret_rows[] = {
	{ "password", LOGIN "password = s3cret\n", { "s3cret", NULL }, NULL, false },
	{ "one file", LOGIN "password_file = DIR/old\n", { "old secret", NULL }, NULL, false },
	{ "two files", LOGIN "password_file = DIR/old, DIR/new\n", { "old secret", "new" }, NULL, false },
	{ "two files in two lines", LOGIN "password_file = DIR/new\npassword_file = DIR/old\n", { "new", "old secret" },
	    NULL, false },
	{ "credential", LOGIN "password_file = new\n", { "new", NULL }, NULL, false },
	{ "credential and file", LOGIN "password_file = old, DIR/new\n", { "old secret", "new" }, NULL, false },
	{ "command", LOGIN "password_command = printf '%s\\nsecond line' \" a b\"\n", { " a b", NULL }, NULL, false },
	{ "command without line end", LOGIN "password_command = printf s3cret\n", { "s3cret", NULL }, NULL, false },
	{ "command that fails", LOGIN "password_command = sh -c 'echo locked >&2; exit 2'\n",
	    { "!password_command: \"sh\" exited with status 2: locked", NULL }, NULL, false },
	{ "command that prints nothing", LOGIN "password_command = true\n",
	    { "!password_command: its first line is empty, it must be the secret", NULL }, NULL, false },
	{ "command that prints a NUL byte", LOGIN "password_command = printf 'a\\000b'\n",
	    { "!password_command: it printed a NUL byte", NULL }, NULL, false },
	{ "command that prints a long line", LOGIN "password_command = printf %05000d 1\n",
	    { "!password_command: its first line is longer than 4096 bytes", NULL }, NULL, false },
	{ "token from a command", LOGIN "token_command = echo ya29.token\n", { "ya29.token", NULL }, NULL, true },
	{ "token from a command that fails", LOGIN "token_command = false\n",
	    { "!token_command: \"false\" exited with status 1", NULL }, NULL, true },
	{ "token from a file", LOGIN "token_file = DIR/new\n", { "new", NULL }, NULL, true },
	{ "token from a file that is not there", LOGIN "token_file = DIR/none\n",
	    { "!token_file: DIR/none: there is no such file", NULL }, NULL, true },
	{ "user of a provider", "[smarthost]\nprovider = sendgrid\npassword = SG.x\nfrom = a@b.example\n",
	    { "SG.x", NULL }, "apikey", false },
	{ "user that is the token",
	    "[smarthost]\nprovider = postmark\npassword_file = DIR/old, DIR/new\nfrom = a@b.example\n",
	    { "old secret", "new" }, "", false },
	{ "user that could be the token",
	    "[smarthost]\nprovider = postmark\nuser = access\npassword = x\nfrom = a@b.example\n", { "x", NULL },
	    "access", false },
	{ "secret key of SES", SES "password = " SECRET_KEY "\n", { SES_PASSWORD, NULL }, "AKIA", false },
	{ "secret key of SES from a command", SES "password_command = echo " SECRET_KEY "\n", { SES_PASSWORD, NULL },
	    "AKIA", false },
	{ "password of SES", SES "password = " SES_PASSWORD "\n", { SES_PASSWORD, NULL }, "AKIA", false },
	{ "40 characters for another provider with regions",
	    "[smarthost]\nprovider = mailgun\nregion = eu\nuser = me@b.example\npassword = " SECRET_KEY "\n",
	    { SECRET_KEY, NULL }, "me@b.example", false },
	{ "40 characters for somebody else", LOGIN "password = " SECRET_KEY "\n", { SECRET_KEY, NULL }, NULL, false },
};

static void
check_secret(const struct secret_row *row, const struct smarthost *smarthost, unsigned which)
{
	char *want = with_folder(row->want[which]), *secret = NULL;
	struct reason reason = { "" };
	int result = secret_obtain(smarthost, which, &secret, &reason);
	const char *user = row->user == NULL ? "me" : row->user[0] != '\0' ? row->user : want;

	if (want[0] == '!')
		ok(result != 0 && secret == NULL && strcmp(reason.text, want + 1) == 0, "%s: refused", row->name);
	else
		ok(result == 0 && strcmp(secret, want) == 0 && strcmp(secret_user(smarthost, secret), user) == 0,
		    "%s: secret %u", row->name, which);
	if (reason.text[0] != '\0')
		note("%s", reason.text);
	free_secret(secret);
	free(want);
}

static void
run_secret(const struct secret_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text = with_folder(row->text);
	const struct smarthost *smarthost = &config.smarthosts[0];
	unsigned count = row->want[1] != NULL ? 2 : 1;

	variables[0] = (struct variable){ "CREDENTIALS_DIRECTORY", folder };
	if (!ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK &&
		    secret_count(smarthost) == count && secret_is_token(smarthost) == row->token,
		"%s", row->name))
		note("%s", reason.text);
	else
		for (unsigned i = 0; i < count; i++)
			check_secret(row, smarthost, i);
	config_free(&config);
	free(text);
}

/* A token file is read anew each time; nothing is obtained where there is no login. */
static void
renewal(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text = with_folder(LOGIN "token_file = DIR/token\n"), *secret;
	static const char open[] = "[smarthost]\nhost = h.example\nfrom = a@b.example\nauth = none\n";

	make_file("token", "first\n", 6, 0600);
	ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK, "a token file");
	make_file("token", "second\n", 7, 0600);
	ok(secret_obtain(&config.smarthosts[0], 0, &secret, &reason) == 0 && strcmp(secret, "second") == 0,
	    "is read when it is needed");
	free_secret(secret);
	make_file("token", "third\n", 6, 0644);
	ok(secret_obtain(&config.smarthosts[0], 0, &secret, &reason) != 0 &&
		strstr(reason.text, "open to everybody") != NULL,
	    "open to everybody it is refused");
	config_free(&config);
	ok(config_parse(&config, &world, "x.ini", open, strlen(open), &reason) == CONFIG_OK &&
		secret_count(&config.smarthosts[0]) == 0 &&
		secret_obtain(&config.smarthosts[0], 0, &secret, &reason) != 0,
	    "no login, no secret");
	config_free(&config);
	free(text);
}

/* The vectors that other implementations test with; each was computed anew with Python's hmac. */
static const struct ses_row {
	const char *region, *key, *want;
} ses_rows[] = {
	{ "eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2" },
	{ "eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh" },
	{ "us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj" },
	{ "us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF" },
	{ "us-west-1", SECRET_KEY, "BPjA45pIrcape5I6tUdaWxFAaPtEkMnkt+2R0m2pw7SF" },
};

static void
run_ses(const struct ses_row *row)
{
	char *password = ses_password(row->key, row->region);

	ok(strcmp(password, row->want) == 0, "SES in %s: %s", row->region, row->key);
	free_secret(password);
}

int
main(void)
{
	make_folder();
	make_file("old", "old secret\n", 11, 0600);
	make_file("new", "new", 3, 0600);
	for (size_t i = 0; i < sizeof(ses_rows) / sizeof(ses_rows[0]); i++)
		run_ses(&ses_rows[i]);
	for (size_t i = 0; i < sizeof(secret_rows) / sizeof(secret_rows[0]); i++)
		run_secret(&secret_rows[i]);
	renewal();
	remove_folder();
	return tap_done();
}

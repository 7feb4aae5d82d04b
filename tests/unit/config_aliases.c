/*
 * The form of /etc/aliases: what each text becomes, row by row, and which
 * warnings it gives; and how a file joins the rows of the configuration.
 */
#include "config/aliases.h"

#include "unit/config_world.h"
#include "unit/tap.h"

#define OPEN "[smarthost]\nhost = h.example\nfrom = a@b.example\nauth = none\n"

static const struct text_row {
	const char *name, *text;
	const char *want; /* rows as "name=target,target;", then warnings each after '!' */
} text_rows[] = {
	{ "empty", "", "" },
	{ "comments and blank lines", "# x: y\n\n   \n\t# z: y\n", "" },
	{ "one row", "root: ops@example.com\n", "root=ops@example.com;" },
	{ "no line end", "root: ops", "root=ops;" },
	{ "CRLF", "root: ops\r\nx: y\r\n", "root=ops;x=y;" },
	{ "blanks", "root \t:\t ops , a@b.example ,c\n", "root=ops,a@b.example,c;" },
	{ "no blanks", "root:ops,a@b.example", "root=ops,a@b.example;" },
	{ "continued", "root: ops,\n\ta@b.example,\n  c\nx: y\n", "root=ops,a@b.example,c;x=y;" },
	{ "continued behind a comment", "root: ops,\n# who else\n\n c\n", "root=ops,c;" },
	{ "continued before its first target", "root:\n ops\n", "root=ops;" },
	{ "continued with backslashes", "root: ops, \\\na@b.example\nx: y\n", "root=ops,a@b.example;x=y;" },
	{ "commas too many", "root: ,ops,,a,\n", "root=ops,a;" },
	{ "quoted name", "\"root\": ops\n", "root=ops;" },
	{ "quoted targets", "root: \"ops\", \"a@b.example\"\n", "root=ops,a@b.example;" },
	{ "no further look-up", "root: \\root, ops\n", "root=root,ops;" },
	{ "name and address", "root: Operations <ops@example.com>, \"A, B\" <c@d.example>, <e@f.example>\n",
	    "root=ops@example.com,c@d.example,e@f.example;" },
	{ "case of names", "Root: ops\nROOT: x\n", "Root=ops;!f:2: \"ROOT\" stands there twice, the first one counts" },
	{ "the ini wins", "own: x\nOWN: y\nroot: ops\n", "root=ops;" },
	{ "this host", "root@localhost: a\nx@box.example.net: b\ny@BOX: c\nz@localhost.localdomain: d\n",
	    "root=a;x=b;y=c;z=d;" },
	{ "another host", "root@example.com: a\nx: y\n",
	    "x=y;!f:1: \"root@example.com\" is not a name of this machine" },
	{ "a host's part", "root@b: a\n", "!f:1: \"root@b\" is not a name of this machine" },
	{ "command", "x: |/usr/bin/procmail, ops\n",
	    "x=ops;!f:1: \"|/usr/bin/procmail\" runs a command, which is refused; forward to an address" },
	{ "quoted command", "x: \"|/bin/mail -s 'a, b' c\"\ny: z\n",
	    "y=z;!f:1: \"|/bin/mail -s 'a, b' c\" runs a command, which is refused; forward to an address!f:1: \"x\" "
	    "leads nowhere" },
	{ "command behind a quote and a blank", "x: \" |/bin/sh\", y\n",
	    "x=y;!f:1: \"|/bin/sh\" runs a command, which is refused; forward to an address" },
	{ "command behind a backslash", "x: \\|/bin/sh, y\n",
	    "x=y;!f:1: \"|/bin/sh\" runs a command, which is refused; forward to an address" },
	{ "file", "x: /var/mail/x, y\n",
	    "x=y;!f:1: \"/var/mail/x\" writes a file, which is refused; forward to an address" },
	{ "nobody", "noreply: /dev/null\n",
	    "!f:1: \"/dev/null\" writes a file, which is refused; forward to an address!f:1: \"noreply\" leads "
	    "nowhere" },
	{ "include", "x: :include:/etc/list, y\n",
	    "x=y;!f:1: \":include:/etc/list\" reads a file, which is refused; list its addresses here" },
	{ "quoted include", "x: \":Include:/etc/list\", y\n",
	    "x=y;!f:1: \":Include:/etc/list\" reads a file, which is refused; list its addresses here" },
	{ "bad target", "x: a b, y@, z\n",
	    "x=z;!f:1: \"a b\" is not an address or a name!f:1: \"y@\" is not an address or a name" },
	{ "comment behind a row", "root: ops # ours\nx: y\n",
	    "x=y;!f:1: \"ops # ours\" is not an address or a name!f:1: \"root\" leads nowhere" },
	{ "no colon", "root ops\nx: y\n", "x=y;!f:1: \"root ops\" is not a row, write name: address" },
	{ "open quote in the name", "\"root: ops\nx: y\n",
	    "x=y;!f:1: \"\"root: ops\" is not a row, write name: address" },
	{ "open quote in a target", "x: ops, \"y\n", "x=ops;!f:1: \" \"y\" has a quote without its partner" },
	{ "colon in quotes", "\"a:b\": c\nx: y\n", "x=y;!f:1: \"a:b\" is not a name" },
	{ "no name", ": x\ny: z\n", "y=z;!f:1: \"\" is not a name" },
	{ "name with a blank", "the root: x\n", "!f:1: \"the root\" is not a name" },
	{ "indented first line", "  root: ops\n", "root=ops;" },
	{ "hostile text", "x\033[2J\xff: y\n", "!f:1: \"x?[2J?\" is not a name" },
	{ "lines are counted", "# c\n\nx: y,\n  z\nbad\n", "x=y,z;!f:5: \"bad\" is not a row, write name: address" },
	{ "every name", "*: ops\n", "*=ops;" },
};

/* What a configuration holds beside its own rows. */
static void
describe(const struct config *config, size_t from, struct buffer *out)
{
	for (size_t i = from; i < config->alias_count; i++) {
		buffer_format(out, "%s=", config->aliases[i].name);
		for (size_t k = 0; k < config->aliases[i].targets.count; k++)
			buffer_format(out, "%s%s", k > 0 ? "," : "", config->aliases[i].targets.items[k]);
		buffer_add_char(out, ';');
	}
	for (size_t i = 0; i < config->warnings.count; i++)
		buffer_format(out, "!%s", config->warnings.items[i]);
}

/* A configuration with one row of its own. */
static void
start(struct config *config)
{
	static const char text[] = OPEN "[aliases]\nown = me\n";
	struct config_world world = new_world();
	struct reason reason;

	config_parse(config, &world, "x.ini", text, strlen(text), &reason);
}

static void
run_text(const struct text_row *row)
{
	struct config config;
	struct buffer got;

	start(&config);
	buffer_init(&got, 1 << 16);
	aliases_parse(&config, "f", row->text, strlen(row->text), "box.example.net");
	describe(&config, 1, &got);
	if (!ok(strcmp(buffer_string(&got), row->want) == 0, "%s", row->name))
		note("got:  %s\n# want: %s", buffer_string(&got), row->want);
	buffer_free(&got);
	config_free(&config);
}

static void
limits(void)
{
	static const char nul[] = "x: a\0b\ny: z\n";
	struct config config;
	struct buffer text;

	buffer_init(&text, ALIASES_FILE_MAX);
	start(&config);
	aliases_parse(&config, "f", nul, sizeof(nul) - 1, NULL);
	ok(config.alias_count == 2 && config.warnings.count == 1, "a NUL byte spoils its row only");
	config_free(&config);

	for (int i = 0; i < ALIASES_MAX + 100; i++)
		buffer_format(&text, "n%d: x\n", i);
	start(&config);
	aliases_parse(&config, "f", text.data, text.length, NULL);
	ok(config.alias_count == ALIASES_MAX && config.warnings.count == LIST_MAX &&
		strcmp(config.warnings.items[0], "f:500: \"n499\" is one name too many") == 0,
	    "too many names");
	config_free(&config);

	buffer_clear(&text);
	buffer_add_string(&text, "x: a");
	for (int i = 0; i < LIST_MAX; i++)
		buffer_format(&text, ",t%d", i);
	buffer_add_string(&text, "\ny: ");
	for (int i = 0; i < 70000; i++)
		buffer_add_char(&text, 'y');
	buffer_add_string(&text, "\nz: a\n");
	start(&config);
	aliases_parse(&config, "f", text.data, text.length, NULL);
	ok(config.alias_count == 3 && config.aliases[1].targets.count == LIST_MAX && config.warnings.count == 2 &&
		strcmp(config.warnings.items[0], "f:1: \"t63\" is one target too many") == 0 &&
		strstr(config.warnings.items[1], "is too long") != NULL,
	    "too many targets, too long a row");
	config_free(&config);
	buffer_free(&text);
}

/* How the file is found; want as above, or a reason after '?'. */
static const struct file_row {
	const char *name;
	const char *key; /* line of [aliases]; NULL: none, then DIR/default is the default */
	const char *content; /* of DIR/default; NULL: there is none */
	mode_t mode;
	const char *want;
} file_rows[] = {
	{ "default", NULL, "root: ops\nown: x\n", 0644, "own=me;root=ops;" },
	{ "no default", NULL, NULL, 0, "own=me;" },
	{ "default that everybody may write", NULL, "root: ops\n", 0666,
	    "own=me;!x.ini: DIR/default: everybody may write it, run: chmod o-w DIR/default" },
	{ "none", "file = none\n", "root: ops\n", 0644, "own=me;" },
	{ "another file", "file = DIR/default\n", "root: ops\nx: |y\n", 0644,
	    "own=me;root=ops;!DIR/default:2: \"|y\" runs a command, which is refused; forward to an "
	    "address!DIR/default:2: \"x\" leads nowhere" },
	{ "another file that is not there", "file = DIR/default\n", NULL, 0,
	    "?x.ini:7: file: DIR/default: there is no such file" },
	{ "another file that everybody may write", "file = DIR/default\n", "root: ops\n", 0606,
	    "?x.ini:7: file: DIR/default: everybody may write it, run: chmod o-w DIR/default" },
	{ "a directory", "file = DIR\n", NULL, 0,
	    "?x.ini:7: file: DIR: it is a directory, write the path of a regular file" },
};

/* What is written holds the path, and reads back to the same rows. */
static void
round_trip(const char *name, const struct config *config, const struct config_world *world)
{
	struct config again;
	struct buffer text, first, second;
	struct reason reason = { "" };

	buffer_init(&text, 1 << 20);
	buffer_init(&first, 1 << 20);
	buffer_init(&second, 1 << 20);
	ok(config_write(config, &text), "%s: written", name);
	if (config_parse(&again, world, "x.ini", text.data, text.length, &reason) != CONFIG_OK)
		note("%s", reason.text);
	describe(config, 0, &first);
	describe(&again, 0, &second);
	if (config->warnings.count == 0)
		ok(strcmp(buffer_string(&first), buffer_string(&second)) == 0, "%s: reads back", name);
	config_free(&again);
	buffer_free(&text);
	buffer_free(&first);
	buffer_free(&second);
}

static void
run_file(const struct file_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	struct buffer text, got;
	char *key = with_folder(row->key != NULL ? row->key : ""), *want = with_folder(row->want), path[128];

	snprintf(path, sizeof(path), "%s/default", folder);
	world.aliases_path = path;
	if (row->content != NULL)
		make_file("default", row->content, strlen(row->content), row->mode);
	buffer_init(&text, 1 << 16);
	buffer_init(&got, 1 << 16);
	buffer_format(&text, OPEN "[aliases]\nown = me\n%s", key);
	if (config_parse(&config, &world, "x.ini", text.data, text.length, &reason) == CONFIG_OK) {
		describe(&config, 0, &got);
		round_trip(row->name, &config, &world);
	} else
		buffer_format(&got, "?%s", reason.text);
	if (!ok(strcmp(buffer_string(&got), want) == 0, "%s", row->name))
		note("got:  %s\n# want: %s", buffer_string(&got), want);
	config_free(&config);
	buffer_free(&text);
	buffer_free(&got);
	free(key);
	free(want);
	unlink(path);
}

int
main(void)
{
	make_folder();
	for (size_t i = 0; i < sizeof(text_rows) / sizeof(text_rows[0]); i++)
		run_text(&text_rows[i]);
	limits();
	for (size_t i = 0; i < sizeof(file_rows) / sizeof(file_rows[0]); i++)
		run_file(&file_rows[i]);
	remove_folder();
	return tap_done();
}

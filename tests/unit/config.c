/*
 * Good configurations: sources and their order, forms of values and URLs,
 * defaults, reading back what was printed; the page and the sample agree with
 * the key table.
 */
#include "config/keys.h"
#include "unit/config_world.h"
#include "unit/tap.h"

enum { TEXT_MAX = 1 << 20 };

#define LOGIN "[smarthost]\nhost = h.example\nfrom = a@b.example\nuser = me\n"
#define BASE LOGIN "password = s3cret\n"
#define OPEN "[smarthost]\nhost = h.example\nfrom = a@b.example\nauth = none\n"

/* The text of config_write() or config_print(). Owned by the caller. */
static char *
written(const struct config *config, bool secrets)
{
	struct buffer out;
	char *text;

	buffer_init(&out, TEXT_MAX);
	if (secrets)
		ok(config_write(config, &out), "it can be written exactly");
	else
		config_print(config, &out);
	text = copy_string(buffer_string(&out));
	buffer_free(&out);
	return text;
}

/* True when every line of lines is a line of text. */
static bool
has_lines(const char *text, const char *lines)
{
	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");
		char line[512];

		snprintf(line, sizeof(line), "\n%.*s\n", (int)length, lines);
		if (strstr(text, line) == NULL) {
			note("missing:%s# in: %s", line, text);
			return false;
		}
		lines += length + (lines[length] == '\n');
	}
	return true;
}

/* What is written reads back to the same. */
static void
round_trip(const char *name, const struct config *config, const struct config_world *world)
{
	char *first = written(config, true), *second;
	struct config again;
	struct reason reason = { "" };

	if (!ok(config_parse(&again, world, config->source, first, strlen(first), &reason) == CONFIG_OK,
		"%s: reads back", name))
		note("%s\n%s", reason.text, first);
	else {
		second = written(&again, true);
		ok(strcmp(first, second) == 0, "%s: reads back to the same", name);
		free(second);
	}
	free(first);
	config_free(&again);
}

static const struct value_row {
	const char *name;
	const char *text;
	const char *want; /* lines of config_write() */
} value_rows[] = {
	{ "defaults", BASE,
	    "[smarthost]\nhost = h.example\nport = 465\ntls = implicit\ninsecure = no\nauth = auto\nuser = me\n"
	    "password = s3cret\nfrom = a@b.example\nhelo = [127.0.0.1]\nconnect_timeout = 1m\ntimeout = 5m\n"
	    "connections = 2\nmessages_per_connection = 50\nrecipients_per_message = 0\n[identity]\n"
	    "domain = b.example\n[queue]\ndelivery = now\nwait = 10s\nretry = 5m 4h\nlifetime = 5d\n"
	    "max_message = 50M\nmin_free = 16M\nunsent_status = 69\n[log]\ntarget = syslog\nformat = text" },
	{ "CRLF, byte order mark, comments, blanks, no last line end",
	    "\xef\xbb\xbf# c\r\n; c\r\n  # c\r\n\r\n" OPEN "port\t=\t 587 \r\n[queue]\r\nwait=0",
	    "port = 587\nwait = 0" },
	{ "another port means STARTTLS", OPEN "port = 587\n", "tls = starttls" },
	{ "implicit TLS on another port", OPEN "port = 10465\ntls = implicit\n", "port = 10465\ntls = implicit" },
	{ "STARTTLS on 465", OPEN "tls = starttls\n", "port = 465\ntls = starttls" },
	{ "no TLS at home", "[smarthost]\nhost = 127.1.2.3\nport = 25\ntls = none\nauth = none\nfrom = a@b.example\n",
	    "tls = none" },
	{ "no TLS on localhost", "[smarthost]\nhost = LocalHost\ntls = none\nauth = none\nfrom = a@b.example\n",
	    "tls = none" },
	{ "no TLS on ::1", "[smarthost]\nhost = ::1\ntls = none\nauth = none\nfrom = a@b.example\n", "host = ::1" },
	{ "a socket needs none", "[smarthost]\nhost = unix:/run/x.sock\nauth = none\nfrom = a@b.example\n",
	    "host = unix:/run/x.sock\ntls = none" },
	{ "insecure", OPEN "tls = none\ninsecure = yes\n", "insecure = yes\ntls = none" },
	{ "IPv6 host", "[smarthost]\nhost = 2001:db8::1\nauth = none\nfrom = a@b.example\n", "host = 2001:db8::1" },
	{ "host with an underscore", "[smarthost]\nhost = mail_pit\nauth = none\nfrom = a@b.example\n",
	    "host = mail_pit" },
	{ "mechanisms", BASE "auth = login,plain\n", "auth = plain, login" },
	{ "mechanisms in any case", BASE "auth = SCRAM-SHA-256,Plain\n", "auth = plain, scram-sha-256" },
	{ "one mechanism", BASE "auth = login\n", "auth = login" },
	{ "helo", BASE "helo = [IPv6:2001:db8::1]\n", "helo = [IPv6:2001:db8::1]" },
	{ "CA", BASE "ca_file = /a/b c.pem\nca_path = /a\n", "ca_file = /a/b c.pem\nca_path = /a" },
	{ "ports of one kind", OPEN "port = 587, 2525\n", "port = 587\nport = 2525\ntls = starttls" },
	{ "ports of both kinds", OPEN "port = 465,587\nport = 8465\n",
	    "port = 465\nport = 587\nport = 8465\n# tls: 443, 465, 2465 and 8465 are implicit, other ports starttls" },
	{ "implicit ports", OPEN "port = 443, 465, 2465, 8465\n", "tls = implicit" },
	{ "TLS 1.3", OPEN "tls_min = 1.3\ntls_name = mail.example\n", "tls_min = 1.3\ntls_name = mail.example" },
	{ "pins in all forms",
	    OPEN
	    "pin = sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\n"
	    "pin = "
	    "SHA256:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01\n"
	    "pin = sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
	    "pin = sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
	    "pin = sha256:0000000000000000000000000000000000000000000000000000000000000001\n"
	    "pin = sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "client certificate", OPEN "client_cert = /c.pem\nclient_key = /k.pem\n",
	    "auth = none\nclient_cert = /c.pem\nclient_key = /k.pem" },
	{ "client certificate alone",
	    "[smarthost]\nhost = h.example\nfrom = a@b.example\nclient_cert = /c.pem\nclient_key = /k.pem\n",
	    "auth = auto\nclient_cert = /c.pem" },
	{ "client certificate and user", LOGIN "client_cert = /c.pem\nclient_key = /k.pem\n", "user = me" },
	{ "password command", LOGIN "password_command = pass show 'smtp app'\n",
	    "password_command = pass show 'smtp app'" },
	{ "token command", LOGIN "token_command = oama access me@b.example\n",
	    "token_command = oama access me@b.example" },
	{ "token file", LOGIN "token_file = /run/token\n", "token_file = /run/token" },
	{ "source address", OPEN "source_address = 192.0.2.7\nfamily = 4\n", "source_address = 192.0.2.7\nfamily = 4" },
	{ "family in words", OPEN "source_address = 2001:db8::7\nfamily = ipv6\n", "family = 6" },
	{ "any family", OPEN "family = any\n", "family = any" },
	{ "largest message", OPEN "max_size = 20M\n", "max_size = 20M" },
	{ "header fields",
	    OPEN "add_header = X-Tag: a, b; c ${x}\nadd_header = List-Unsubscribe: <mailto:x@b.example>\n"
		 "add_header = X-Tag:two\n",
	    "add_header = X-Tag: a, b; c ${x}\nadd_header = List-Unsubscribe: <mailto:x@b.example>\n"
	    "add_header = X-Tag:two" },
	{ "senders", OPEN "only_from = *@a.example, b@*\n", "only_from = *@a.example\nonly_from = b@*" },
	{ "no aliases file", OPEN "[aliases]\nfile = none\n", "file = none" },
	{ "password with odd bytes", LOGIN "password = \"a\\;b#c=d:e[f]%20\xc3\xbc\n",
	    "password = \"a\\;b#c=d:e[f]%20\xc3\xbc" },
	{ "password that starts with a hash", LOGIN "password =#x\n", "password = #x" },
	{ "longest line",
	    LOGIN "password=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
		  "5678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
		  "90\n",
	    "password="
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	    "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
	    "0" },
	{ "maildir", "[smarthost]\nmaildir = /tmp/m\nfrom = a@b.example\n", "maildir = /tmp/m" },
	{ "times", BASE "timeout = 7200s\nconnect_timeout = 90s\n[queue]\nwait = 1d\n",
	    "timeout = 2h\nconnect_timeout = 90s\nwait = 1d" },
	{ "size in bytes", BASE "[queue]\nmax_message = 1000\n", "max_message = 1000" },
	{ "size in K", BASE "[queue]\nmax_message = 2048\n", "max_message = 2K" },
	{ "size in G", BASE "[queue]\nmax_message = 1G\n", "max_message = 1G" },
	{ "queue", BASE "[queue]\ndirectory = none\ndelivery = queue\n", "directory = none\ndelivery = queue" },
	{ "queue directory", BASE "[queue]\ndirectory = /a/b\n", "directory = /a/b" },
	{ "least numbers",
	    OPEN "connections = 1\nmessages_per_connection = 1\nrecipients_per_message = 1\n[queue]\nretry = 1s 1s\n"
		 "lifetime = 1s\nmin_free = 0\nunsent_status = 69\n",
	    "connections = 1\nmessages_per_connection = 1\nrecipients_per_message = 1\nretry = 1s 1s\n"
	    "lifetime = 1s\nmin_free = 0\nunsent_status = 69" },
	{ "greatest numbers",
	    OPEN "connections = 100\nmessages_per_connection = 10000\nrecipients_per_message = 10000\n[queue]\n"
		 "retry = 366d\t 366d\nlifetime = 366d\nmin_free = 2G\nunsent_status = 75\n",
	    "connections = 100\nmessages_per_connection = 10000\nrecipients_per_message = 10000\n"
	    "retry = 366d 366d\nlifetime = 366d\nmin_free = 2G\nunsent_status = 75" },
	{ "pauses are normalised", OPEN "[queue]\nretry = 60s 7200s\n", "retry = 1m 2h" },
	{ "reports", OPEN "[queue]\nbounce_to = ops@b.example\n", "bounce_to = ops@b.example" },
	{ "log", BASE "[log]\ntarget = /var/log/x\nformat = text\n", "target = /var/log/x" },
	{ "json log", BASE "[log]\nformat = json\n", "format = json" },
	{ "identity",
	    BASE "[identity]\ndomain = Shop.example\nfrom = b@c.example\nfrom_name = M\xc3\xbcller, \"Shop\"\n",
	    "domain = Shop.example\nfrom = b@c.example\nfrom_name = M\xc3\xbcller, \"Shop\"" },
	{ "list on one line and on several",
	    BASE "[identity]\nkeep_from = *@a.example , b@*.example\nkeep_from=c@d.example\n",
	    "keep_from = *@a.example\nkeep_from = b@*.example\nkeep_from = c@d.example" },
	{ "aliases", BASE "[aliases]\nroot = a@b.example, ops\n* = root\nRoot = c@d.example\n",
	    "root = a@b.example\nroot = ops\nroot = c@d.example\n* = root" },
	{ "aliases named like keys", BASE "[aliases]\nhost = a@b.example\n", "host = a@b.example" },
	{ "several smarthosts", OPEN "[queue]\n[smarthost b-2]\nhost = i.example\nauth = none\n",
	    "[smarthost]\n[smarthost b-2]\nhost = i.example" },
	{ "only a named smarthost", "[smarthost b]\nhost = i.example\nauth = none\nfrom = a@b.example\n",
	    "[smarthost b]" },
	{ "domain of the user", "[smarthost]\nhost = h.example\nuser = me@u.example\npassword = x\n",
	    "domain = u.example" },
	{ "domain of the second from", OPEN "[smarthost b]\nhost = i.example\nauth = none\nfrom = a@c.example\n",
	    "domain = b.example" },
	{ "domain of identity from",
	    "[smarthost]\nhost = h.example\nuser = me@u.example\npassword = x\n[identity]\nfrom = a@i.example\n",
	    "domain = i.example" },
};

static void
run_value(const struct value_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text;

	if (!ok(config_parse(&config, &world, "x.ini", row->text, strlen(row->text), &reason) == CONFIG_OK, "%s",
		row->name)) {
		note("%s", reason.text);
		config_free(&config);
		return;
	}
	text = written(&config, true);
	ok(has_lines(text, row->want), "%s: values", row->name);
	free(text);
	round_trip(row->name, &config, &world);
	config_free(&config);
}

static const struct url_row {
	const char *url;
	const char *from;
	const char *host, *port, *user, *password;
	enum smtp_tls tls;
} url_rows[] = {
	{ "smtps://me@b.example:pw@h.example:1465", NULL, "h.example", "1465", "me@b.example", "pw",
	    SMTP_TLS_IMPLICIT },
	{ "smtps://me%40b.example:p%3Aw@h.example", NULL, "h.example", "465", "me@b.example", "p:w",
	    SMTP_TLS_IMPLICIT },
	{ "smtp://me:pw@h.example/", "a@b.example", "h.example", "587", "me", "pw", SMTP_TLS_STARTTLS },
	{ "SMTP://me:a:b@192.0.2.1:25", "a@b.example", "192.0.2.1", "25", "me", "a:b", SMTP_TLS_STARTTLS },
	{ "smtps://me:p@w@[2001:db8::1]", "a@b.example", "2001:db8::1", "465", "me", "p@w", SMTP_TLS_IMPLICIT },
	{ "smtps://me:p%2f%3F%23%25 +@[::1]:26", "a@b.example", "::1", "26", "me", "p/?#% +", SMTP_TLS_IMPLICIT },
	{ "smtps://me:%20%01%ff;@h.example", "a@b.example", "h.example", "465", "me", " \x01\xff;", SMTP_TLS_IMPLICIT },
};

static void
run_url(const struct url_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	const struct smarthost *smarthost = &config.smarthosts[0];

	variables[0] = (struct variable){ "SENDMAIL_SMARTHOST", row->url };
	variables[1] = (struct variable){ "SENDMAIL_FROM", row->from };
	if (!ok(config_load(&config, &world, &reason) == CONFIG_OK, "%s", row->url))
		note("%s", reason.text);
	else
		ok(strcmp(smarthost->host, row->host) == 0 && strcmp(smarthost->port, row->port) == 0 &&
			strcmp(smarthost->user, row->user) == 0 && strcmp(smarthost->password, row->password) == 0 &&
			smarthost->tls == row->tls && smarthost->auth == SMTP_AUTH_AUTO && config.personal &&
			strcmp(config.source, "environment variable SENDMAIL_SMARTHOST") == 0 &&
			(row->from == NULL ? smarthost->from == NULL : strcmp(smarthost->from, row->from) == 0) &&
			strcmp(config.identity.domain, "b.example") == 0,
		    "%s: values", row->url);
	config_free(&config);
	memset(variables, 0, sizeof(variables));
}

static void
secrets_in_print_and_write(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason;
	struct buffer out;
	char *text;

	buffer_init(&out, TEXT_MAX);
	ok(config_parse(&config, &world, "x\n.ini", BASE, strlen(BASE), &reason) == CONFIG_OK, "a password");
	text = written(&config, false);
	ok(strncmp(text, "# source: x .ini\n", 17) == 0, "the source is the first line, printable");
	ok(strstr(text, "s3cret") == NULL && strstr(text, "\npassword = ***\n") != NULL, "the secret is masked");
	config_free(&config);
	ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK,
	    "what is printed can be read");
	config_free(&config);
	free(text);

	variables[0] = (struct variable){ "SENDMAIL_SMARTHOST", "smtps://me@b.example:%20x@h.example" };
	ok(config_load(&config, &world, &reason) == CONFIG_OK, "a password that needs a file");
	ok(!config_write(&config, &out), "cannot be written into one");
	memset(variables, 0, sizeof(variables));
	config_free(&config);
	buffer_free(&out);
}

static const struct password_row {
	const char *name, *content, *want;
} password_rows[] = {
	{ "one newline goes", "s3cret\n", "s3cret" },
	{ "only one", "s3cret\n\n", "s3cret\n" },
	{ "none is fine", "s3cret", "s3cret" },
	{ "blanks and CR stay", " s3\tcret \r\n", " s3\tcret \r" },
	{ "any byte but NUL", "\x01\xff;#\xef\xbb\xbf", "\x01\xff;#\xef\xbb\xbf" },
};

static void
run_password(const struct password_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text = with_folder(LOGIN "password_file = DIR/link\n"), *printed, *want, link[128];

	make_file("password", row->content, strlen(row->content), 0640);
	snprintf(link, sizeof(link), "%s/link", folder);
	ok(symlink("password", link) == 0, "a symbolic link, as containers make them");
	if (!ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK &&
		    strcmp(config.smarthosts[0].password, row->want) == 0,
		"password file: %s", row->name))
		note("%s", reason.text);
	else {
		printed = written(&config, true);
		want = with_folder("password_file = DIR/link");
		ok(has_lines(printed, want) && strstr(printed, "\npassword =") == NULL,
		    "the password stays in its file");
		free(printed);
		free(want);
	}
	config_free(&config);
	unlink(link);
	free(text);
}

/* Sources from the strongest to the weakest; each is the smarthost of its name. */
static void
order_of_sources(void)
{
	static const char *const sources[] = { "DIR/named.ini", "environment variable SENDMAIL_CONFIG",
		"environment variable SENDMAIL_SMARTHOST", "DIR/home/.config/sendmail.ini", "DIR/etc.ini" };
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *named = with_folder("DIR/named.ini"), *want;

	make_file("named.ini", BASE, strlen(BASE), 0640);
	make_file("home/.config/sendmail.ini", BASE, strlen(BASE), 0600);
	make_file("etc.ini", BASE, strlen(BASE), 0640);
	variables[0] = (struct variable){ "SENDMAIL_INI", named };
	variables[1] = (struct variable){ "SENDMAIL_CONFIG", BASE };
	variables[2] = (struct variable){ "SENDMAIL_SMARTHOST", "smtps://me@b.example:x@h.example" };
	for (int i = 0; i < 5; i++) {
		want = with_folder(sources[i]);
		if (!ok(config_load(&config, &world, &reason) == CONFIG_OK && strcmp(config.source, want) == 0 &&
			    config.personal == (i < 4),
			"source %d is %s", i + 1, sources[i]))
			note("%s", reason.text);
		config_free(&config);
		free(want);
		if (i < 3)
			variables[i].value = "";
		else if (i == 3)
			unlink(make_file("home/.config/sendmail.ini", "", 0, 0600));
	}
	memset(variables, 0, sizeof(variables));
	unlink(make_file("named.ini", "", 0, 0600));
	unlink(make_file("etc.ini", "", 0, 0600));
	free(named);
}

static void
no_source(bool homeless, const char *text)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *want = with_folder(text);

	if (homeless)
		world.home = NULL;
	ok(config_load(&config, &world, &reason) == CONFIG_NONE && strcmp(reason.text, want) == 0, "no source");
	config_free(&config);
	free(want);
}

/* A daemon started by root may have root's home, where it may not look: the system's file counts. */
static void
closed_home(void)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char path[128];

	snprintf(path, sizeof(path), "%s/.config", home);
	make_file("home/.config/sendmail.ini", OPEN, strlen(OPEN), 0644);
	make_file("etc.ini", OPEN, strlen(OPEN), 0644);
	if (chmod(path, 0) != 0 || (getuid() == 0 && seteuid(SOMEBODY) != 0))
		note("the home cannot be closed");
	if (!ok(config_load(&config, &world, &reason) == CONFIG_OK && !config.personal,
		"a home that may not be searched"))
		note("%s", reason.text);
	config_free(&config);
	if ((getuid() == 0 && seteuid(0) != 0) || chmod(path, 0755) != 0)
		note("the home cannot be opened");
	unlink(make_file("home/.config/sendmail.ini", "", 0, 0600));
	unlink(make_file("etc.ini", "", 0, 0600));
}

static const struct queue_row {
	const char *name;
	bool home, system; /* which file there is; neither: SENDMAIL_CONFIG */
	bool root, homeless;
	bool broken;
	const char *want; /* NULL: none */
} queue_rows[] = {
	{ "system file", false, true, false, false, false, "/var/spool/sendmail-submit" },
	{ "system file, root", false, true, true, false, false, "/var/spool/sendmail-submit" },
	{ "own file", true, false, false, false, false, "DIR/home/.local/state/sendmail-submit" },
	{ "own file, root", true, false, true, false, false, "DIR/home/.local/state/sendmail-submit" },
	{ "environment", false, false, false, false, false, "DIR/home/.local/state/sendmail-submit" },
	{ "environment, root", false, false, true, false, false, "/var/spool/sendmail-submit" },
	{ "environment, no home", false, false, false, true, false, NULL },
	{ "broken system file", false, true, false, false, true, "/var/spool/sendmail-submit" },
	{ "broken own file", true, false, false, false, true, "DIR/home/.local/state/sendmail-submit" },
	{ "broken environment", false, false, false, false, true, "DIR/home/.local/state/sendmail-submit" },
};

static void
run_queue(const struct queue_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	const char *text = row->broken ? "x" : OPEN;
	char *want = row->want != NULL ? with_folder(row->want) : NULL;
	const char *file = row->home ? "home/.config/sendmail.ini" : row->system ? "etc.ini" : NULL, *path = NULL;

	world.uid = row->root ? 0 : 1000;
	if (row->homeless)
		world.home = NULL;
	if (file != NULL)
		path = make_file(file, text, strlen(text), 0644);
	else
		variables[0] = (struct variable){ "SENDMAIL_CONFIG", text };
	ok(config_load(&config, &world, &reason) == (row->broken ? CONFIG_BROKEN : CONFIG_OK) &&
		(want == NULL ? config.queue.directory == NULL
			      : config.queue.directory != NULL && strcmp(config.queue.directory, want) == 0),
	    "queue: %s", row->name);
	ok(config.queue.max_message == 50 << 20 && config.queue.retry_first == 300 &&
		config.queue.unsent_status == 69 && strcmp(config.log.target, "syslog") == 0,
	    "queue: %s: the defaults are there", row->name);
	config_free(&config);
	memset(variables, 0, sizeof(variables));
	if (path != NULL)
		unlink(path);
	free(want);
}

static const struct machine_row {
	const char *name;
	const char *mailname, *host_name;
	const char *domain, *helo;
} machine_rows[] = {
	{ "mailname", "mail.example.org\nsecond\n", "box.example.net", "mail.example.org", "box.example.net" },
	{ "mailname without a dot", "localhost\n", "box.example.net", "box.example.net", "box.example.net" },
	{ "no mailname", NULL, "box.example.net", "box.example.net", "box.example.net" },
	{ "host name without a dot", " mail.example.org \n", "box", "mail.example.org", "[127.0.0.1]" },
	{ "host name that is none", "mail.example.org\n", "b\nx.y", "mail.example.org", "[127.0.0.1]" },
	{ "no host name", "mail.example.org", NULL, "mail.example.org", "[127.0.0.1]" },
};

static void
run_machine(const struct machine_row *row)
{
	static const char text[] = "[smarthost]\nhost = h.example\nauth = none\n";
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };

	world.host_name = row->host_name;
	world.mailname_path = "/nonexistent/mailname";
	if (row->mailname != NULL)
		world.mailname_path = make_file("mailname", row->mailname, strlen(row->mailname), 0644);
	if (!ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK &&
		    strcmp(config.identity.domain, row->domain) == 0 &&
		    strcmp(config.smarthosts[0].helo, row->helo) == 0,
		"machine: %s", row->name))
		note("%s", reason.text);
	config_free(&config);
}

/* A file of the repository. Owned by the caller. */
static char *
read_text(const char *path)
{
	char *text = allocate(TEXT_MAX, 1);
	FILE *file = fopen(path, "r");

	if (ok(file != NULL, "%s can be read", path)) {
		text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
		fclose(file);
	}
	return text;
}

/* The sample with its password file moved into the folder. */
static void
sample(void)
{
	static const char path[] = "/etc/sendmail.password";
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	char *text = read_text("etc/sendmail.ini"), *at, *copy;
	struct buffer moved;
	int active = 0;

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		active += *line != '#' && *line != '\n';
	ok(active <= 5, "the sample has at most five lines (%d)", active);
	copy = strstr(text, "password_file = ");
	at = copy != NULL ? strstr(copy, path) : NULL;
	buffer_init(&moved, TEXT_MAX);
	if (ok(at != NULL, "the sample names its password file")) {
		buffer_add(&moved, text, (size_t)(at - text));
		buffer_add_string(&moved, make_file("password", "x\n", 2, 0640));
		buffer_add_string(&moved, at + strlen(path));
	}
	if (!ok(config_parse(&config, &world, "etc/sendmail.ini", moved.data, moved.length, &reason) == CONFIG_OK,
		"the sample loads"))
		note("%s", reason.text);
	config_free(&config);
	buffer_free(&moved);
	free(text);
}

/* The paragraph of a key in the page, cut out of its section; NULL when there is none. Owned by the caller. */
static char *
paragraph(const char *page, const struct key *key)
{
	char heading[64], item[64];
	const char *start, *end, *stop;

	snprintf(heading, sizeof(heading), "\n.Ss The %s section\n", section_names[key->section]);
	snprintf(item, sizeof(item), "\n.It Ic %s\n", key->name);
	if ((start = strstr(page, heading)) == NULL)
		return NULL;
	end = strstr(start + 1, "\n.Ss ");
	start = strstr(start, item);
	if (start == NULL || start > end)
		return NULL;
	stop = strstr(start + 1, "\n.It ");
	if (stop == NULL || stop > end)
		stop = strstr(start, "\n.El");
	return copy_bytes(start, (size_t)(stop - start));
}

/* The page names every key that is built, with the default of the table, and lists the others. */
static void
page_and_table(void)
{
	char *page = read_text("sendmail/sendmail.ini.5"), *text, want[128];
	const char *caveats = strstr(page, "\n.Sh CAVEATS\n");

	for (const struct key *key = config_keys; key < config_keys + config_key_count; key++) {
		const char *section = section_names[key->section];

		if (key->kind == NULL) {
			snprintf(want, sizeof(want), "\n.Ic %s ", key->name);
			ok(caveats != NULL && strstr(caveats, want) != NULL, "the page lists %s of [%s] as not built",
			    key->name, section);
			continue;
		}
		text = paragraph(page, key);
		ok(text != NULL, "the page has %s of [%s]", key->name, section);
		snprintf(want, sizeof(want), "The default is\n.Cm %s ", key->initial != NULL ? key->initial : "");
		if (text != NULL)
			ok(key->initial != NULL ? strstr(text, want) != NULL : strstr(text, "The default is") == NULL,
			    "the page has the default of %s", key->name);
		free(text);
	}
	free(page);
}

#define EACH(rows, run)                                                                                                \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)                                                    \
	run(&rows[i])

int
main(void)
{
	char path[128];

	make_folder();
	mkdir(home, 0755);
	snprintf(path, sizeof(path), "%s/.config", home);
	mkdir(path, 0755);
	page_and_table();
	sample();
	EACH(value_rows, run_value);
	EACH(url_rows, run_url);
	EACH(password_rows, run_password);
	EACH(queue_rows, run_queue);
	EACH(machine_rows, run_machine);
	secrets_in_print_and_write();
	order_of_sources();
	closed_home();
	no_source(false, "no configuration, looked for DIR/home/.config/sendmail.ini and DIR/etc.ini: write one with "
			 "[smarthost], host, user, password_file and from");
	no_source(true,
	    "no configuration, looked for DIR/etc.ini: write one with [smarthost], host, user, password_file and "
	    "from");
	remove_folder();
	return tap_done();
}

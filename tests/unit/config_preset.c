/*
 * Presets: the table keeps its own rules, each row gives the effective
 * configuration of tests/unit/golden/preset-NAME.ini (`build/unit/config_preset
 * write` writes them anew: read the difference), and rows of what a file may say beside it.
 */
#include "config/preset.h"

#include "config/keys.h"
#include "config/secret.h"
#include "smtp/login.h"
#include "unit/config_world.h"
#include "unit/tap.h"

enum { TEXT_MAX = 1 << 20 };

#define FROM "from = a@b.example\n"

/* The least that a user must write. */
static void
minimal(const struct preset *preset, struct buffer *out)
{
	buffer_format(out, "[smarthost]\nprovider = %s\n%s%spassword = s3cret\nfrom = app@shop.example\n", preset->name,
	    preset->needs_region ? "region = eu-west-1\n" : "",
	    preset->user_kind == USER_OWN || preset->user_kind == USER_ADDRESS ? "user = me@shop.example\n" : "");
}

/* The first section as it is printed. Owned by the caller. */
static char *
printed(const struct config *config)
{
	struct buffer out;
	const char *start, *end;
	char *text;

	buffer_init(&out, TEXT_MAX);
	config_print(config, &out);
	start = strstr(buffer_string(&out), "[smarthost]");
	end = strstr(start, "\n[");
	text = copy_bytes(start, (size_t)(end - start));
	buffer_free(&out);
	return text;
}

static void
compare(const struct preset *preset, const char *text, bool write_it)
{
	char path[128], *want = allocate(TEXT_MAX, 1);
	FILE *file;

	snprintf(path, sizeof(path), "tests/unit/golden/preset-%s.ini", preset->name);
	if (write_it && (file = fopen(path, "w")) != NULL) {
		fputs(text, file);
		fclose(file);
	}
	if ((file = fopen(path, "r")) != NULL) {
		want[fread(want, 1, TEXT_MAX - 1, file)] = '\0';
		fclose(file);
	}
	if (!ok(strcmp(want, text) == 0, "%s is in force as in %s", preset->name, path))
		note("%s", text);
	free(want);
}

static void
golden(const struct preset *preset, bool write_it)
{
	struct config_world world = new_world();
	struct config config, again;
	struct reason reason = { "" };
	struct buffer text, written;
	char *first, *second;

	buffer_init(&text, TEXT_MAX);
	buffer_init(&written, TEXT_MAX);
	minimal(preset, &text);
	if (!ok(config_parse(&config, &world, "x.ini", text.data, text.length, &reason) == CONFIG_OK &&
		    config.warnings.count == 0,
		"%s: the least is enough", preset->name))
		note("%s", reason.text);
	else {
		first = printed(&config);
		compare(preset, first, write_it);
		ok(strstr(first, "s3cret") == NULL && config_write(&config, &written) &&
			config_parse(&again, &world, "x.ini", written.data, written.length, &reason) == CONFIG_OK,
		    "%s: is written and read back", preset->name);
		second = printed(&again);
		ok(strcmp(first, second) == 0, "%s: to the same", preset->name);
		ok(preset_of_host(config.smarthosts[0].host) ==
			(strcmp(preset->name, "proton-bridge") == 0 ? NULL : preset),
		    "%s: is known by its host", preset->name);
		config_free(&again);
		free(first);
		free(second);
	}
	config_free(&config);
	buffer_free(&text);
	buffer_free(&written);
}

/* Sorted, complete, every name unique, texts fit to be shown. */
static void
table(void)
{
	static const char *const guide[] = { "brevo", "ses", "sendgrid", "mailgun", "postmark", "gmail",
		"microsoft365" };

	for (size_t i = 0; i < preset_count; i++) {
		const struct preset *preset = &presets[i];

		ok(i == 0 || strcmp(presets[i - 1].name, preset->name) < 0, "%s stands in its place", preset->name);
		ok(preset->hosts[0].host != NULL && preset->ports != NULL && preset->secret != NULL &&
			preset->source != NULL && strlen(preset->source) > 0 && strlen(preset->checked) == 7 &&
			(preset->user_kind == USER_WORD) == (preset->word != NULL) &&
			(preset->user_kind == USER_WORD || preset->user != NULL),
		    "%s is complete", preset->name);
		ok(preset_find(preset->name) == preset, "%s is found by name", preset->name);
		ok((strstr(preset->hosts[0].host, "{region}") != NULL) == (preset->regions != NULL) &&
			(preset->regions == NULL || preset->needs_region == (preset->region == NULL)),
		    "%s: a region where the host has a place for it", preset->name);
	}
	for (size_t i = 0; i < sizeof(guide) / sizeof(guide[0]); i++)
		ok(preset_find(guide[i]) != NULL, "the guide's %s", guide[i]);
	ok(preset_find("Amazon") == preset_find("ses") && preset_find("SendGrid") == preset_find("twilio") &&
		preset_find("") == NULL && preset_find("amazon aws") == NULL && preset_find("ama") == NULL,
	    "other names, in any case");
	ok(preset_of_host("h.example") == NULL && preset_of_host("SMTP.gmail.com") == preset_find("gmail") &&
		preset_of_host("bulk.smtp.mailtrap.io") == preset_find("mailtrap"),
	    "hosts, in any case");
}

static const struct value_row {
	const char *name, *text;
	const char *want; /* lines of the section as printed; "!" before one that must not be there */
	const char *warning; /* NULL: none */
} value_rows[] = {
	{ "another name of it", "provider = Amazon-SES\nregion = eu-west-1\nuser = AKIA\npassword = x\n" FROM,
	    "provider = ses\nhost = email-smtp.eu-west-1.amazonaws.com\nrecipients_per_message = 50\nmax_size = 40M",
	    NULL },
	{ "a region that is not in our list", "provider = ses\nregion = me-south-7\nuser = AKIA\npassword = x\n" FROM,
	    "host = email-smtp.me-south-7.amazonaws.com", NULL },
	{ "a host of one's own needs no region", "provider = ses\nhost = h.example\nuser = AKIA\npassword = x\n" FROM,
	    "host = h.example\nmax_size = 40M", NULL },
	{ "configuration set", "provider = ses\nregion = eu-west-1\nstream = shop\nuser = AKIA\npassword = x\n" FROM,
	    "add_header = X-SES-CONFIGURATION-SET: shop", NULL },
	{ "default region", "provider = mailgun\nuser = me@mg.b.example\npassword = x\n" FROM,
	    "host = smtp.mailgun.org\n!region = us", NULL },
	{ "region with a host of its own",
	    "provider = mailgun\nregion = eu\nuser = me@mg.b.example\npassword = x\n" FROM,
	    "region = eu\nhost = smtp.eu.mailgun.org\nmax_size = 25M", NULL },
	{ "region as the end of a name", "provider = zoho\nregion = com.au\nuser = me@b.example\npassword = x\n" FROM,
	    "host = smtp.zoho.com.au", NULL },
	{ "stream as a field", "provider = postmark\nstream = outbound\npassword = x\n" FROM,
	    "host = smtp.postmarkapp.com\nadd_header = X-PM-Message-Stream: outbound", NULL },
	{ "stream with a host", "provider = postmark\nstream = broadcast\npassword = x\n" FROM,
	    "host = smtp-broadcasts.postmarkapp.com\nadd_header = X-PM-Message-Stream: broadcast", NULL },
	{ "stream with a host and without a field", "provider = mailtrap\nstream = bulk\npassword = x\n" FROM,
	    "host = bulk.smtp.mailtrap.io\nuser = api\n!add_header = X-PM-Message-Stream: bulk", NULL },
	{ "stream beside other fields",
	    "provider = postmark\nstream = news\nadd_header = X-PM-Tag: a\npassword = x\n" FROM,
	    "add_header = X-PM-Tag: a\nadd_header = X-PM-Message-Stream: news", NULL },
	{ "field of the stream already there",
	    "provider = postmark\nstream = news\nadd_header = x-pm-message-stream: b\npassword = x\n" FROM,
	    "add_header = x-pm-message-stream: b\n!add_header = X-PM-Message-Stream: news", NULL },
	{ "what the file says counts more",
	    "provider = sendgrid\nhost = 127.0.0.1\nport = 2525\nuser = other\nmax_size = 1M\n"
	    "messages_per_connection = 7\npassword = x\n" FROM,
	    "host = 127.0.0.1\nport = 2525\nuser = other\nmax_size = 1M\nmessages_per_connection = 7\n!port = 465",
	    NULL },
	{ "STARTTLS on all ports by choice",
	    "provider = brevo\nuser = me@b.example\ntls = starttls\npassword = x\n" FROM,
	    "tls = starttls\nport = 465\nport = 587", NULL },
	{ "address where a word is wanted", "provider = sendgrid\nuser = me@b.example\npassword = x\n" FROM,
	    "user = me@b.example", "x.ini:3: the user name of sendgrid is the word apikey, remove the line" },
	{ "word where an address is wanted", "provider = gmail\nuser = me\npassword = x\n" FROM, "user = me",
	    "x.ini:3: the user name of gmail is a full address, write it with \"@\"" },
	{ "subaccount", "provider = sparkpost\nuser = SMTP_Injection:X-MSYS-SUBACCOUNT=3\npassword = x\n" FROM,
	    "user = SMTP_Injection:X-MSYS-SUBACCOUNT=3", NULL },
	{ "passwords at Microsoft", "provider = office365\nuser = me@b.example\npassword = x\n" FROM,
	    "auth = login\n# microsoft365: passwords work until the end of December 2026 and are then off by default: "
	    "write token_command instead",
	    NULL },
	{ "access key of a stream", "provider = postmark\nuser = access\npassword = x\n" FROM,
	    "user = ***\n!# user is the same as the password", NULL },
	{ "token as user", "provider = postmark\npassword = x\n" FROM, "# user is the same as the password\n!user = x",
	    NULL },
	{ "relay by address", "provider = gmail-relay\nauth = none\n" FROM, "auth = none\nrecipients_per_message = 100",
	    NULL },
};

/* True when the text has, or has not, each line of lines. */
static bool
lines_fit(const char *text, const char *lines)
{
	while (*lines != '\0') {
		bool absent = *lines == '!';
		size_t length;
		char line[512];

		lines += absent;
		length = strcspn(lines, "\n");
		snprintf(line, sizeof(line), "\n%.*s\n", (int)length, lines);
		if ((strstr(text, line) == NULL) != absent) {
			note("%s:%s# in: %s", absent ? "there" : "missing", line, text);
			return false;
		}
		lines += length + (lines[length] == '\n');
	}
	return true;
}

static void
run_value(const struct value_row *row)
{
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };
	struct buffer text;
	char *got;

	buffer_init(&text, TEXT_MAX);
	buffer_format(&text, "[smarthost]\n%s", row->text);
	if (!ok(config_parse(&config, &world, "x.ini", text.data, text.length, &reason) == CONFIG_OK, "%s", row->name))
		note("%s", reason.text);
	else {
		got = printed(&config);
		ok(lines_fit(got, row->want), "%s: values", row->name);
		if (!ok(config.warnings.count == (row->warning != NULL) &&
			    (row->warning == NULL || strcmp(config.warnings.items[0], row->warning) == 0),
			"%s: warnings", row->name))
			note("%s", config.warnings.count > 0 ? config.warnings.items[0] : "none");
		free(got);
	}
	config_free(&config);
	buffer_free(&text);
}

/* Microsoft takes tokens in one form only; whether we have it is the login table's to say. */
static void
token(void)
{
	static const char text[] =
	    "[smarthost]\nprovider = microsoft365\nuser = me@b.example\ntoken_command = x\n" FROM;
	struct config_world world = new_world();
	struct config config;
	struct reason reason = { "" };

	if (login_bit("XOAUTH2", 7) == 0)
		return;
	ok(config_parse(&config, &world, "x.ini", text, strlen(text), &reason) == CONFIG_OK &&
		config.smarthosts[0].auth == SMTP_AUTH_XOAUTH2,
	    "a token at Microsoft: %s", reason.text);
	config_free(&config);
}

/* What `sendmailctl providers NAME` prints. */
static void
facts(void)
{
	static const struct {
		const char *name, *lines;
	} rows[] = {
		{ "ses", "port           465 implicit, 587 starttls, 2465 implicit, 2587 starttls\n"
			 "recipients     50\nchecked        2026-11\nsource         docs, transcript, guide" },
		{ "mailgun",
		    "host           smtp.mailgun.org (region us)\nhost           smtp.eu.mailgun.org (region eu)\n"
		    "region         us eu" },
		{ "postmark", "host           smtp-broadcasts.postmarkapp.com (stream broadcast)\n"
			      "no tls port    a client on port 465 waits for ever" },
		{ "sendgrid", "user           apikey\nperhaps        accounts in the EU: host = smtp.eu.sendgrid.net" },
	};
	struct buffer out;

	buffer_init(&out, TEXT_MAX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buffer_clear(&out);
		buffer_add_char(&out, '\n');
		preset_facts(preset_find(rows[i].name), &out);
		ok(lines_fit(buffer_string(&out), rows[i].lines), "facts of %s", rows[i].name);
	}
	buffer_free(&out);
}

int
main(int argc, char **argv)
{
	bool write_it = argc == 2 && strcmp(argv[1], "write") == 0;

	make_folder();
	table();
	for (size_t i = 0; i < preset_count; i++)
		golden(&presets[i], write_it);
	for (size_t i = 0; i < sizeof(value_rows) / sizeof(value_rows[0]); i++)
		run_value(&value_rows[i]);
	token();
	facts();
	remove_folder();
	return tap_done();
}

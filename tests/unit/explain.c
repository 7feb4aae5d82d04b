/*
 * Which row explains a reply: explain.rows holds what was said, by whom and
 * when, and under it what this program makes of it. Every row of the program's
 * lists is met there at least once. To renew it, and then to read what changed:
 * build/unit/explain new >build/rows && mv build/rows tests/unit/explain.rows
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "smtp/explain.h"
#include "smtp/reply.h"
#include "smtp/typo.h"
#include "unit/tap.h"

enum { LINE_MAX_HERE = 2048, ROWS_MAX = 512 };

static const struct refusal *const lists[] = { refusals_by_provider, refusals_by_text, refusals_by_code };
enum { LISTS = sizeof(lists) / sizeof(lists[0]) };
static unsigned met[LISTS][ROWS_MAX];

static const char *const classes[] = {
	[REFUSAL_OTHER] = "other",
	[REFUSAL_MAILBOX] = "mailbox",
	[REFUSAL_FULL] = "full",
	[REFUSAL_SENDER] = "sender",
	[REFUSAL_SIZE] = "size",
	[REFUSAL_POLICY] = "policy",
	[REFUSAL_LOGIN] = "login",
	[REFUSAL_ACCOUNT] = "account",
};

static const char *const actions[] = {
	[ACTION_BY_CODE] = "by code",
	[ACTION_RETRY] = "retry",
	[ACTION_PAUSE] = "pause",
	[ACTION_SPLIT] = "split",
};

static bool
parse(const char *text, struct reply *reply)
{
	struct reply_parser parser;
	struct buffer line;
	const char *bytes;
	size_t n;
	bool good;

	buffer_init(&line, LINE_MAX_HERE);
	buffer_format(&line, "%s\r\n", text);
	bytes = buffer_string(&line);
	n = line.length;
	reply_init(&parser);
	good = reply_input(&parser, &bytes, &n) == REPLY_END;
	*reply = parser.reply;
	reply_free(&parser);
	buffer_free(&line);
	return good;
}

static void
meet(const struct refusal *row)
{
	for (size_t i = 0; i < LISTS; i++)
		for (size_t k = 0; lists[i][k].meaning != NULL; k++)
			met[i][k] += &lists[i][k] == row;
}

/* What the program makes of a line "PROVIDER STEP REPLY", into out; false when it is no such line. */
static bool
answer(const char *line, char *out, size_t size)
{
	char provider[32], step[32], pause[32] = "";
	const struct refusal *row;
	struct reply reply;
	int at = 0;

	if (sscanf(line, "%31s %31s %n", provider, step, &at) != 2 || !parse(line + at, &reply))
		return false;
	if (step_named(step) == STEP_ANY && strcmp(step, "any") != 0)
		return false;
	row = explain_reply(strcmp(provider, "-") != 0 ? provider : NULL, step_named(step), &reply);
	meet(row);
	if (row->pause > 0)
		snprintf(pause, sizeof(pause), " %us", row->pause);
	snprintf(
	    out, size, "\t%s, %s%s: %s; %s", classes[row->class], actions[row->action], pause, row->meaning, row->cure);
	return true;
}

/* Reads the rows; with renew, prints them with the answers of today. */
static void
test_rows(bool renew)
{
	FILE *file = fopen("tests/unit/explain.rows", "r");
	char line[LINE_MAX_HERE], want[LINE_MAX_HERE] = "", got[LINE_MAX_HERE];

	if (file == NULL) {
		ok(false, "tests/unit/explain.rows is there");
		return;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\t' && renew)
			continue;
		if (renew)
			puts(line);
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (!renew && fgets(want, sizeof(want), file) == NULL)
			want[0] = '\0';
		want[strcspn(want, "\n")] = '\0';
		if (!answer(line, got, sizeof(got)))
			snprintf(got, sizeof(got), "\tcannot be read");
		if (renew)
			puts(got);
		else if (!ok(strcmp(got, want) == 0, "%.100s", line))
			note("%s", got);
	}
	fclose(file);
}

static bool
is_clause(const char *text)
{
	size_t length = strlen(text);
	bool name = false;
	static const char *const names[] = { "Brevo", "SES", "SendGrid", "Mailgun", "Mailjet", "MailerSend", "Postmark",
		"Google", "Microsoft", "SparkPost", "Zoho", "AWS", "SMTP", "SPF", "OAuth" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		name |= strncmp(text, names[i], strlen(names[i])) == 0;
	return length > 0 && text[length - 1] != '.' && ((text[0] >= 'a' && text[0] <= 'z') || name);
}

/* Alternatives are not cut when they are looked for. */
static bool
fits_in(const char *patterns)
{
	for (size_t n; patterns != NULL && *patterns != '\0'; patterns += n + (patterns[n] == '|')) {
		n = strcspn(patterns, "|");
		if (n == 0 || n > REFUSAL_TEXT_MAX)
			return false;
	}
	return true;
}

static void
test_lists(void)
{
	for (size_t i = 0; i < LISTS; i++) {
		for (size_t k = 0; lists[i][k].meaning != NULL; k++) {
			const struct refusal *row = &lists[i][k];

			ok(met[i][k] > 0, "met in explain.rows: %zu.%zu %d %s %s", i, k, row->code,
			    row->text != NULL ? row->text : "", row->meaning);
			ok(is_clause(row->meaning) && is_clause(row->cure), "clauses: %s; %s", row->meaning, row->cure);
			ok(fits_in(row->text) && fits_in(row->provider), "patterns of %s", row->meaning);
			if (row->class == REFUSAL_LOGIN)
				ok(row->action == ACTION_PAUSE, "pause: %s", row->meaning);
		}
	}
}

/* Where nothing is known the class decides, at every step; nothing is refused for good before its time. */
static void
test_codes(void)
{
	for (enum smtp_step step = STEP_ANY; step <= STEP_END; step++) {
		bool good = true;

		for (int code = 200; code < 600; code++) {
			struct reply reply;
			const struct refusal *row;
			enum verdict verdict;

			reply_set(&reply, code, "", "");
			row = explain_reply(NULL, step, &reply);
			verdict = refusal_verdict(row, &reply);
			good = good && row->meaning != NULL &&
			       (code < 400      ? verdict == DELIVERED
				   : code < 500 ? verdict == DEFERRED
						: verdict == (row->action == ACTION_BY_CODE ? FAILED : DEFERRED));
		}
		ok(good, "all codes at step %d", (int)step);
	}
}

static void
test_outcomes(void)
{
	static const struct {
		enum smtp_step step;
		int code;
		const char *enhanced, *outcome; /* how it begins */
	} rows[] = {
		{ STEP_RCPT, 250, "", "goes on" },
		{ STEP_RCPT, 450, "", "keeps the message" },
		{ STEP_RCPT, 550, "", "gives the message up" },
		{ STEP_RCPT, 452, "4.5.3", "names the other recipients" },
		{ STEP_RCPT, 421, "", "keeps all mail" },
		{ STEP_ANY, 535, "", "keeps all mail" },
		{ STEP_GREETING, 554, "", "keeps all mail" },
		{ STEP_STARTTLS, 500, "", "keeps all mail" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;
		const char *got;

		reply_set(&reply, rows[i].code, rows[i].enhanced, "");
		got = refusal_outcome(explain_reply(NULL, rows[i].step, &reply), rows[i].step, &reply);
		ok(strncmp(got, rows[i].outcome, strlen(rows[i].outcome)) == 0, "%d: %s", rows[i].code, got);
	}
}

static void
test_our_words(void)
{
	struct reply reply;

	reply_set(&reply, 0, "", "connection refused");
	ok(strcmp(explain_reply(NULL, STEP_ANY, &reply)->meaning, "the mail could not be handed to the smarthost") == 0,
	    "no server said anything");
}

static void
test_steps(void)
{
	static const struct {
		const char *name;
		enum smtp_step step;
	} rows[] = {
		{ "greeting", STEP_GREETING },
		{ "EHLO", STEP_EHLO },
		{ "helo", STEP_EHLO },
		{ "STARTTLS", STEP_STARTTLS },
		{ "auth", STEP_AUTH },
		{ "MAIL FROM", STEP_MAIL },
		{ "mail", STEP_MAIL },
		{ "RCPT TO", STEP_RCPT },
		{ "rcpt", STEP_RCPT },
		{ "DATA", STEP_DATA },
		{ "BDAT", STEP_END },
		{ "message", STEP_END },
		{ "end of message", STEP_END },
		{ "end", STEP_END },
		{ "RSET", STEP_ANY },
		{ "m", STEP_ANY },
		{ "", STEP_ANY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ok(step_named(rows[i].name) == rows[i].step, "step \"%s\"", rows[i].name);
}

static void
test_typos(void)
{
	static const struct {
		const char *address, *meant;
	} rows[] = {
		{ "bob@gmail.com", NULL },
		{ "bob@GMAIL.COM", NULL },
		{ "bob@gmial.com", "gmail.com" }, /* swapped */
		{ "bob@gmil.com", "gmail.com" }, /* too few */
		{ "bob@gmaill.com", "gmail.com" }, /* too many */
		{ "bob@gnail.com", "gmail.com" }, /* wrong */
		{ "bob@gmail.con", "gmail.com" },
		{ "bob@gmail.co", "gmail.com" },
		{ "bob@gmail.comm", "gmail.com" },
		{ "bob@Hotmial.com", "hotmail.com" },
		{ "bob@hotmail.cmo", "hotmail.com" },
		{ "bob@outlok.com", "outlook.com" },
		{ "bob@t-onlien.de", "t-online.de" },
		{ "bob@mail.com", NULL }, /* a domain of its own, though near gmail.com */
		{ "bob@ymail.com", NULL },
		{ "bob@gmx.ch", NULL }, /* too short to tell */
		{ "bob@hmailo.com", NULL }, /* two slips */
		{ "bob@shop.example", NULL },
		{ "\"a@gmail.com\"@yaho.com", "yahoo.com" },
		{ "yahooo.com", "yahoo.com" },
		{ "bob@", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = typo_meant(rows[i].address);

		if (!ok(rows[i].meant == NULL ? got == NULL : got != NULL && strcmp(got, rows[i].meant) == 0, "%s: %s",
			rows[i].address, rows[i].meant != NULL ? rows[i].meant : "no guess"))
			note("%s", got != NULL ? got : "no guess");
	}
}

int
main(int argc, char **argv)
{
	(void)argv;
	test_rows(argc > 1);
	if (argc > 1)
		return 0;
	test_lists();
	test_codes();
	test_outcomes();
	test_our_words();
	test_steps();
	test_typos();
	return tap_done();
}

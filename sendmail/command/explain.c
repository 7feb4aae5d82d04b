/*
 * A reply comes as it was pasted: one line or several, with "550-" or joined
 * to one line, behind the words that a log or this program put before it. It is
 * cut into lines again and goes through the parser that reads replies from
 * servers, so both understand the same.
 */
#include "command/explain.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "config/preset.h"
#include "smtp/explain.h"
#include "smtp/reply.h"
#include "smtp/typo.h"

enum { PASTED_MAX = 65536, LINES_MAX = 2 * PASTED_MAX, ADDRESS_SHOWN_MAX = ADDRESS_MAX + 1 };

/* True for a code, whatever a server may say, with a blank, a '-' or nothing behind it. */
static bool
is_code(const char *text)
{
	return strchr("2345", text[0]) != NULL && text[0] != '\0' && strspn(text, "0123456789") == 3 &&
	       strchr(" -\t\r\n", text[3]) != NULL;
}

/* Where the reply begins: at the first word, or behind ": ", "; ", '"' or '('. NULL: nowhere. A port is none. */
static const char *
find_reply(const char *text)
{
	const char *at = text + strspn(text, " \t\r\n\"'(");

	while (*at != '\0' && !is_code(at)) {
		bool glued;

		at = strpbrk(at, ":;\"(");
		if (at == NULL)
			return NULL;
		glued = strchr(":;", *at) != NULL && strchr(" \t\r\n", at[1]) == NULL;
		at += glued ? 1 + strcspn(at + 1, " \t\r\n:;\"(") : 1 + strspn(at + 1, " \t\r\n");
	}
	return *at != '\0' ? at : NULL;
}

/* Appends the text as lines of a reply that goes on: a line begins wherever the code stands again. */
static void
add_lines(struct buffer *out, const char *text)
{
	char continued[5] = { text[0], text[1], text[2], '-', '\0' };
	bool several = text[3] == '-';

	for (const char *c = text; *c != '\0'; c++) {
		bool word = c == text || strchr(" \t\r\n", c[-1]) != NULL;
		bool again =
		    c == text || (word && strncmp(c, continued, 3) == 0 && is_code(c) && (several || c[-1] == '\n'));

		if (again && c != text)
			buffer_add_char(out, '\n');
		if (again) {
			buffer_add_string(out, continued);
			c += c[3] != '\0' ? 3 : 2;
		} else
			buffer_add_char(out, *c == '\n' ? ' ' : *c);
	}
	buffer_format(out, "\n%.3s \n", text);
}

static bool
read_reply(const char *text, struct reply *reply)
{
	const char *start = find_reply(text), *bytes;
	struct reply_parser parser;
	enum reply_event event;
	struct buffer lines;
	size_t n;

	if (start == NULL)
		return false;
	buffer_init(&lines, LINES_MAX);
	add_lines(&lines, start);
	reply_init(&parser);
	bytes = buffer_string(&lines);
	n = lines.length;
	do
		event = reply_input(&parser, &bytes, &n);
	while (n > 0 && event == REPLY_LINE);
	*reply = parser.reply;
	reply_free(&parser);
	buffer_free(&lines);
	return event == REPLY_END;
}

/* The domain that was meant by the first address in the text, NULL when there is nothing to guess. */
static const char *
guess(const char *text)
{
	const char *at = strchr(text, '@');
	char domain[ADDRESS_SHOWN_MAX];

	if (at == NULL)
		return NULL;
	snprintf(domain, sizeof(domain), "%.*s", (int)strcspn(at + 1, " \t<>\"',;:()[]"), at + 1);
	return typo_meant(domain);
}

static void
print(const char *provider, enum smtp_step step, const struct reply *reply)
{
	const struct refusal *row = explain_reply(provider, step, reply);
	const char *meant = row->class == REFUSAL_MAILBOX ? guess(reply->text) : NULL;
	char said[REPLY_TEXT_MAX + 32];

	reply_format(reply, said, sizeof(said));
	printf("reply: %s\nmeaning: %s\n", said, row->meaning);
	printf("cure: %s%s%s%s\n", row->cure, meant != NULL ? ", is " : "", meant != NULL ? meant : "",
	    meant != NULL ? " meant?" : "");
	printf("sendmail-submit: %s\n", refusal_outcome(row, step, reply));
}

/* Takes the options off; the index of what follows them, or -1 with or without a reason. */
static int
read_options(int argc, char **argv, const struct preset **provider, enum smtp_step *step, struct reason *reason)
{
	int i;

	for (i = 0; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--provider") == 0) {
			if ((*provider = preset_find(argv[i + 1])) == NULL)
				return reason_set(reason, "--provider is one that \"sendmailctl providers\" lists");
		} else if (strcmp(argv[i], "--step") != 0) {
			return -1;
		} else if ((*step = step_named(argv[i + 1])) == STEP_ANY)
			return reason_set(reason, "--step is greeting, ehlo, starttls, auth, mail, rcpt, data or end");
	}
	return i;
}

int
explain_run(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	const struct preset *provider = NULL;
	enum smtp_step step = STEP_ANY;
	struct reply reply;
	struct buffer text;
	int i = read_options(argc, argv, &provider, &step, reason), status = EX_OK;

	(void)caller;
	if (i < 0)
		return EX_USAGE;
	buffer_init(&text, PASTED_MAX);
	for (; i < argc; i++)
		buffer_format(&text, "%s%s", text.length > 0 ? " " : "", argv[i]);
	if (text.length == 0 || text.overflow) {
		status = EX_USAGE;
	} else if (!read_reply(buffer_string(&text), &reply)) {
		reason_set(reason, "this is no reply of a server: it begins with a code such as 550");
		status = EX_USAGE;
	} else
		print(provider != NULL ? provider->name : NULL, step, &reply);
	buffer_free(&text);
	return status;
}

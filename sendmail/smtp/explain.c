/*
 * Finds the row that explains a reply: three lists, asked one after the other,
 * the first row that fits. So what is more specific stands first, and nothing
 * is weighed.
 */
#include "smtp/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"

enum { WORDS_MAX = REPLY_TEXT_MAX + 1 };

static const struct refusal *const lists[] = { refusals_by_provider, refusals_by_text, refusals_by_code };

/* No server said anything: the reply's text is cause and cure already. */
static const struct refusal unasked = { .class = REFUSAL_OTHER,
	.meaning = "the mail could not be handed to the smarthost",
	.cure = "ask whoever runs this machine" };

/* The end of an address that begins here, in any of the forms in which servers quote one; NULL when none does. */
static const char *
address_end(const char *text)
{
	static const char ends[] = " <>()[]\"',;:";
	const char *c = text;

	if (*c == '<') {
		c += strcspn(c, "@> ");
		return *c == '@' ? c + strcspn(c, ">") : NULL;
	}
	if (*c == '"')
		c += 1 + strcspn(c + 1, "\"");
	c += *c == '"' ? 1 : strcspn(c, " @<>()[]\"',;:");
	return c > text && *c == '@' ? c + 1 + strcspn(c + 1, ends) : NULL;
}

/*
 * The words of a reply, a blank before the first. Addresses are none: whoever
 * may choose a recipient could else speak to us in the server's name.
 */
static void
take_words(char words[WORDS_MAX], const char *text)
{
	size_t n = 0;

	words[n++] = ' ';
	while (*text != '\0' && n + 1 < WORDS_MAX) {
		const char *end = strchr(" <(['\":;,=", words[n - 1]) != NULL ? address_end(text) : NULL;

		words[n++] = end != NULL ? '@' : *text;
		text = end != NULL ? end : text + 1;
	}
	words[n] = '\0';
}

/* True when the text holds one of the patterns. */
static bool
says(const char *patterns, const char *text)
{
	char pattern[REFUSAL_TEXT_MAX + 3];

	for (;;) {
		size_t n = strcspn(patterns, "|");

		snprintf(pattern, sizeof(pattern), "*%.*s*", (int)n, patterns);
		if (matches(pattern, text))
			return true;
		if (patterns[n] == '\0')
			return false;
		patterns += n + 1;
	}
}

static bool
fits_enhanced(const char *wanted, const char *enhanced)
{
	size_t length;

	if (wanted == NULL)
		return true;
	length = strlen(wanted);
	if (length == 0)
		return enhanced[0] == '\0';
	return strncmp(wanted, enhanced, length) == 0 && (wanted[length - 1] == '.' || enhanced[length] == '\0');
}

/* A row with words of its own needs to know neither the provider nor which step after the login it was. */
static bool
fits_place(const struct refusal *row, const char *provider, enum smtp_step step)
{
	bool told = row->text != NULL;
	bool here = row->steps == 0 || (row->steps & 1U << step) != 0 ||
		    (told && step == STEP_ANY && (row->steps & AT_MESSAGE) != 0);
	bool his = row->provider == NULL || (provider != NULL ? says(row->provider, provider) : told);

	return here && his;
}

/* RFC 3463: it is a recipient's address or mailbox that is wrong, or the size. Behind the class. */
static bool
is_about_mailbox(const char *enhanced)
{
	static const char *const details[] = { "1.1", "1.2", "1.3", "1.6", "1.10", "3.4" };

	if (enhanced[0] == '\0' || enhanced[1] == '\0')
		return false;
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (strcmp(enhanced + 2, details[i]) == 0)
			return true;
	return strncmp(enhanced + 2, "2.", 2) == 0;
}

/* Where anybody's words would have all mail wait, a code that speaks of one mailbox counts more. */
static bool
fits_code(const struct refusal *row, const struct reply *reply)
{
	bool words_alone = row->provider == NULL && row->text != NULL && row->enhanced == NULL;

	if (row->action == ACTION_PAUSE && words_alone && reply->code != 421 && is_about_mailbox(reply->enhanced))
		return false;
	return (row->code == 0 || row->code == reply->code || row->code == reply->code / 100) &&
	       fits_enhanced(row->enhanced, reply->enhanced);
}

static bool
fits(const struct refusal *row, const char *provider, enum smtp_step step, const struct reply *reply, const char *words)
{
	return fits_code(row, reply) && fits_place(row, provider, step) &&
	       (row->text == NULL || says(row->text, words));
}

/* RFC 4954 section 6: no other command is answered so. */
static bool
is_of_login(int code)
{
	return code == 525 || code == 534 || code == 535 || code == 538;
}

const struct refusal *
explain_reply(const char *provider, enum smtp_step step, const struct reply *reply)
{
	char words[WORDS_MAX];

	take_words(words, reply->text);
	if (step == STEP_ANY && is_of_login(reply->code))
		step = STEP_AUTH;
	for (size_t i = 0; reply->code != 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct refusal *row = lists[i]; row->meaning != NULL; row++)
			if (fits(row, provider, step, reply, words))
				return row;
	return &unasked;
}

enum verdict
refusal_verdict(const struct refusal *row, const struct reply *reply)
{
	if (reply->code < 400)
		return DELIVERED;
	return row->action != ACTION_BY_CODE || reply->code < 500 ? DEFERRED : FAILED;
}

const char *
refusal_outcome(const struct refusal *row, enum smtp_step step, const struct reply *reply)
{
	bool opening = step != STEP_ANY && step < STEP_MAIL;

	if (reply->code < 400)
		return "goes on";
	if (opening || reply->code == 421 || row->action == ACTION_PAUSE)
		return "keeps all mail for this smarthost and asks it again after a pause";
	if (row->action == ACTION_SPLIT)
		return "names the other recipients in a further transaction";
	if (refusal_verdict(row, reply) == DEFERRED)
		return "keeps the message and tries again later";
	return "gives the message up for this recipient and tells the sender";
}

static const struct {
	const char *name;
	enum smtp_step step;
} names[] = {
	{ "greeting", STEP_GREETING },
	{ "EHLO", STEP_EHLO },
	{ "HELO", STEP_EHLO },
	{ "STARTTLS", STEP_STARTTLS },
	{ "AUTH", STEP_AUTH },
	{ "MAIL FROM", STEP_MAIL },
	{ "RCPT TO", STEP_RCPT },
	{ "DATA", STEP_DATA },
	{ "BDAT", STEP_END },
	{ "message", STEP_END },
	{ "end of message", STEP_END },
};

enum smtp_step
step_named(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t word = strcspn(names[i].name, " ");

		if (same_text(names[i].name, strlen(names[i].name), name) || same_text(names[i].name, word, name))
			return names[i].step;
	}
	return STEP_ANY;
}

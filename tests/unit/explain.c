/*
 * Which row explains a reply.
 */
#include <string.h>

#include "smtp/explain.h"
#include "unit/tap.h"

static const struct row {
	int code;
	const char *enhanced;
	enum refusal_class class;
	const char *meaning; /* how it begins */
} rows[] = {
	{ 550, "5.1.1", REFUSAL_MAILBOX, "there is no such mailbox" },
	{ 550, "5.1.0", REFUSAL_MAILBOX, "there is no such mailbox" },
	{ 550, "5.1.2", REFUSAL_MAILBOX, "the domain does not exist" },
	{ 550, "5.1.20", REFUSAL_MAILBOX, "there is no such mailbox" },
	{ 553, "5.1.3", REFUSAL_MAILBOX, "the address is not written" },
	{ 550, "5.1.6", REFUSAL_MAILBOX, "the mailbox has moved" },
	{ 553, "5.1.7", REFUSAL_SENDER, "the smarthost does not accept the sender's address" },
	{ 553, "5.1.8", REFUSAL_SENDER, "the smarthost does not accept the sender's domain" },
	{ 556, "5.1.10", REFUSAL_MAILBOX, "the domain takes no mail" },
	{ 550, "5.2.1", REFUSAL_FULL, "the mailbox is disabled" },
	{ 552, "5.2.2", REFUSAL_FULL, "the mailbox is full" },
	{ 552, "5.2.3", REFUSAL_SIZE, "the message is larger than the mailbox" },
	{ 552, "5.3.4", REFUSAL_SIZE, "the message is larger than the server" },
	{ 550, "5.5.1", REFUSAL_OTHER, "the server refused it" },
	{ 554, "5.7.1", REFUSAL_POLICY, "a policy" },
	{ 550, "5.7.23", REFUSAL_POLICY, "the SPF record" },
	{ 550, "5.7.26", REFUSAL_POLICY, "the mail is not authenticated" },
	{ 550, "5.7.260", REFUSAL_POLICY, "a policy" },
	{ 452, "4.2.2", REFUSAL_FULL, "the mailbox is full" },
	{ 451, "4.7.1", REFUSAL_POLICY, "the server takes mail" },
	{ 451, "4.3.0", REFUSAL_OTHER, "the server could not" },
	{ 550, "", REFUSAL_MAILBOX, "there is no such mailbox" },
	{ 551, "", REFUSAL_MAILBOX, "the mailbox is elsewhere" },
	{ 552, "", REFUSAL_SIZE, "the message is too large" },
	{ 553, "", REFUSAL_MAILBOX, "the server does not take" },
	{ 554, "", REFUSAL_OTHER, "the server refused it" },
	{ 450, "", REFUSAL_OTHER, "the server could not" },
	{ 0, "", REFUSAL_OTHER, "the mail could not be handed" },
	{ 250, "2.0.0", REFUSAL_OTHER, "the mail could not be handed" },
	{ 354, "", REFUSAL_OTHER, "the mail could not be handed" },
};

/* Whose limit a refusal speaks of. */
static const struct {
	int code;
	const char *text;
	bool ours;
} limits[] = {
	{ 550, "Daily user sending limit exceeded", true },
	{ 454, "Throttling failure: Daily message quota exceeded.", true },
	{ 454, "Throttling failure: Maximum sending rate exceeded.", true },
	{ 451, "You have reached your hourly limit", true },
	{ 452, "mailbox quota exceeded", false },
	{ 552, "message size limit exceeded", false },
	{ 550, "no such user", false },
	{ 250, "daily limit is far away", false },
};

static void
test_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct reply reply;

		reply_set(&reply, limits[i].code, "", limits[i].text);
		ok(reply_is_account_limit(&reply) == limits[i].ours, "%d %s: %s", limits[i].code, limits[i].text,
		    limits[i].ours ? "ours" : "not ours");
	}
}

int
main(void)
{
	test_limits();
	for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++) {
		struct reply reply;
		const struct refusal *got;

		reply_set(&reply, row->code, row->enhanced, "");
		got = explain_reply(&reply);
		if (!ok(got->class == row->class && strncmp(got->meaning, row->meaning, strlen(row->meaning)) == 0,
			"%03d %s: %s", row->code, row->enhanced, row->meaning))
			note("%d, %s", (int)got->class, got->meaning);
		ok(got->cure[0] != '\0' && got->cure[strlen(got->cure) - 1] != '.', "%03d %s: a cure without full stop",
		    row->code, row->enhanced);
	}
	return tap_done();
}

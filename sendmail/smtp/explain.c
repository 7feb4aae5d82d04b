/*
 * The enhanced code says more than the code, so a reply that has one is looked
 * up by it alone. The first row that fits counts: the most specific stand first.
 */
#include "smtp/explain.h"

#include <stdbool.h>
#include <string.h>

#include "base/encode.h"

static const struct refusal refusals[] = {
	{ "5.1.2", 0, REFUSAL_MAILBOX, "the domain does not exist or takes no mail", "check the address behind the @" },
	{ "5.1.3", 0, REFUSAL_MAILBOX, "the address is not written correctly", "check the address" },
	{ "5.1.6", 0, REFUSAL_MAILBOX, "the mailbox has moved", "ask the recipient for the new address" },
	{ "5.1.7", 0, REFUSAL_SENDER, "the smarthost does not accept the sender's address",
	    "set from in [smarthost] to an address that it accepts" },
	{ "5.1.8", 0, REFUSAL_SENDER, "the smarthost does not accept the sender's domain",
	    "set from in [smarthost] to an address that it accepts" },
	{ "5.1.10", 0, REFUSAL_MAILBOX, "the domain takes no mail", "check the address behind the @" },
	{ "5.1.", 0, REFUSAL_MAILBOX, "there is no such mailbox", "check the address" },
	{ "5.2.1", 0, REFUSAL_FULL, "the mailbox is disabled", "reach the recipient in another way" },
	{ "5.2.2", 0, REFUSAL_FULL, "the mailbox is full", "send again later, or reach the recipient in another way" },
	{ "5.2.3", 0, REFUSAL_SIZE, "the message is larger than the mailbox takes", "send a smaller message" },
	{ "5.3.4", 0, REFUSAL_SIZE, "the message is larger than the server takes", "send a smaller message" },
	{ "5.7.23", 0, REFUSAL_POLICY, "the SPF record of the sender's domain does not allow this smarthost",
	    "add the smarthost to that record" },
	{ "5.7.26", 0, REFUSAL_POLICY, "the mail is not authenticated for the sender's domain (SPF, DKIM, DMARC)",
	    "set that domain's DNS records as the provider says" },
	{ "5.7.", 0, REFUSAL_POLICY, "a policy of the smarthost or of the recipient's provider forbids it",
	    "check the sender's address and what the account may send" },
	{ "5.", 0, REFUSAL_OTHER, "the server refused it", "ask the provider" },
	{ "4.2.2", 0, REFUSAL_FULL, "the mailbox is full", "send again later, or reach the recipient in another way" },
	{ "4.7.", 0, REFUSAL_POLICY, "the server takes mail from this sender only later, or more slowly",
	    "send again later" },
	{ "4.", 0, REFUSAL_OTHER, "the server could not take it at that time", "send again later" },
	{ "", 550, REFUSAL_MAILBOX, "there is no such mailbox, or a policy forbids it", "check the address" },
	{ "", 551, REFUSAL_MAILBOX, "the mailbox is elsewhere", "check the address" },
	{ "", 552, REFUSAL_SIZE, "the message is too large, or the mailbox is full", "send a smaller message" },
	{ "", 553, REFUSAL_MAILBOX, "the server does not take this address", "check the address" },
	{ "", 5, REFUSAL_OTHER, "the server refused it", "ask the provider" },
	{ "", 4, REFUSAL_OTHER, "the server could not take it at that time", "send again later" },
};

/* No server said anything: the reply's text is cause and cure already. */
static const struct refusal unasked = { "", 0, REFUSAL_OTHER, "the mail could not be handed to the smarthost",
	"ask whoever runs this machine" };

static bool
fits(const struct refusal *row, const struct reply *reply)
{
	size_t length = strlen(row->enhanced);

	if (length == 0)
		return reply->enhanced[0] == '\0' && (row->code == reply->code || row->code == reply->code / 100);
	return strncmp(row->enhanced, reply->enhanced, length) == 0 &&
	       (row->enhanced[length - 1] == '.' || reply->enhanced[length] == '\0');
}

const struct refusal *
explain_reply(const struct reply *reply)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (fits(&refusals[i], reply))
			return &refusals[i];
	return &unasked;
}

bool
reply_is_account_limit(const struct reply *reply)
{
	/* Never "quota" alone: that is the recipient's full mailbox. */
	static const char *const phrases[] = {
		"*daily*limit*",
		"*daily*quota*",
		"*hourly*limit*",
		"*monthly*limit*",
		"*sending*limit*",
		"*sending*quota*",
		"*sending rate*",
		"*messages per day*",
		"*messages per hour*",
		"*rate limit*",
		"*out of credits*",
		"*not enough credits*",
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (reply->code >= 400 && matches(phrases[i], reply->text))
			return true;
	return false;
}

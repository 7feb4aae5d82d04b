#include "command/status.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/*
 * What a refusal says about its recipient: the first row that fits counts. The
 * enhanced code is matched by its beginning (RFC 3463); code 0 fits every code.
 */
static const struct {
	const char *enhanced;
	int code;
	int status;
	const char *cure;
} refusals[] = {
	{ "5.1.7", 0, EX_UNAVAILABLE, "the smarthost does not accept this sender: set from in [smarthost]" },
	{ "5.1.8", 0, EX_UNAVAILABLE, "the smarthost does not accept this sender: set from in [smarthost]" },
	{ "5.1.", 0, EX_NOUSER, "check the address" },
	{ "5.3.4", 0, EX_UNAVAILABLE, "send a smaller message" },
	{ "5.2.3", 0, EX_UNAVAILABLE, "send a smaller message" },
	{ "5.7.", 0, EX_UNAVAILABLE, "the smarthost's policy forbids it: check sender and account" },
	{ "5.", 0, EX_UNAVAILABLE, "ask the provider" },
	{ "", 550, EX_NOUSER, "check the address" },
	{ "", 551, EX_NOUSER, "check the address" },
	{ "", 553, EX_NOUSER, "check the address" },
	{ "", 552, EX_UNAVAILABLE, "send a smaller message" },
	{ "", 0, EX_UNAVAILABLE, "ask the provider" },
};

/* Without a queue, by trouble. */
static const int troubles[] = {
	[TROUBLE_NONE] = EX_UNAVAILABLE,
	[TROUBLE_HOST] = EX_NOHOST,
	[TROUBLE_SERVICE] = EX_UNAVAILABLE,
	[TROUBLE_LOGIN] = EX_NOPERM,
	[TROUBLE_PROTOCOL] = EX_PROTOCOL,
	[TROUBLE_SYSTEM] = EX_OSERR,
};

static size_t
refusal_row(const struct reply *reply)
{
	size_t i = 0;

	for (; i + 1 < sizeof(refusals) / sizeof(refusals[0]); i++) {
		size_t length = strlen(refusals[i].enhanced);

		if (strncmp(reply->enhanced, refusals[i].enhanced, length) == 0 &&
		    (length > 0 || reply->enhanced[0] == '\0') &&
		    (refusals[i].code == 0 || refusals[i].code == reply->code))
			break;
	}
	return i;
}

enum fate
envelope_fate(const struct envelope *envelope)
{
	if (envelope_tally(envelope, FAILED) > 0)
		return FATE_REFUSED;
	return envelope_tally(envelope, DEFERRED) > 0 ? FATE_WAITING : FATE_SENT;
}

int
refused_status(const struct envelope *envelope)
{
	bool all_unknown = true;

	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		if (r->verdict == FAILED && refusals[refusal_row(&r->reply)].status != EX_NOUSER)
			all_unknown = false;
	}
	return all_unknown ? EX_NOUSER : EX_UNAVAILABLE;
}

int
unsent_status(const struct trouble *trouble)
{
	return troubles[trouble->kind];
}

void
explain_recipients(const struct envelope *envelope, enum verdict verdict, struct buffer *out)
{
	const struct recipient *first = NULL;
	char said[REPLY_TEXT_MAX + 32];
	size_t count = envelope_tally(envelope, verdict);

	for (size_t i = 0; i < envelope->count && first == NULL; i++)
		if (envelope->recipients[i].verdict == verdict)
			first = &envelope->recipients[i];
	if (first == NULL)
		return;
	reply_format(&first->reply, said, sizeof(said));
	buffer_format(out, "to <%s>: %s", first->address, said);
	if (verdict == FAILED)
		buffer_format(out, "; %s", refusals[refusal_row(&first->reply)].cure);
	if (count > 1)
		buffer_format(out, " (and %zu more recipients)", count - 1);
}

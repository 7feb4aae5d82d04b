#include "command/status.h"

#include <stdio.h>
#include <sysexits.h>

#include "smtp/explain.h"
#include "smtp/typo.h"

/* What the refusal of a recipient is worth. */
static const int refusals[] = {
	[REFUSAL_OTHER] = EX_UNAVAILABLE,
	[REFUSAL_MAILBOX] = EX_NOUSER,
	[REFUSAL_FULL] = EX_UNAVAILABLE,
	[REFUSAL_SENDER] = EX_UNAVAILABLE,
	[REFUSAL_SIZE] = EX_UNAVAILABLE,
	[REFUSAL_POLICY] = EX_UNAVAILABLE,
	[REFUSAL_LOGIN] = EX_UNAVAILABLE,
	[REFUSAL_ACCOUNT] = EX_UNAVAILABLE,
};

/*
 * Without a queue, by trouble. An unknown host is not 68: callers such as
 * Bugzilla take that for the recipient's, for good, and drop the mail.
 */
static const int troubles[] = {
	[TROUBLE_NONE] = EX_UNAVAILABLE,
	[TROUBLE_HOST] = EX_UNAVAILABLE,
	[TROUBLE_SERVICE] = EX_UNAVAILABLE,
	[TROUBLE_LOGIN] = EX_NOPERM,
	[TROUBLE_PROTOCOL] = EX_PROTOCOL,
	[TROUBLE_SYSTEM] = EX_OSERR,
};

void
print_dialogue(void *context, bool from_server, const char *line)
{
	(void)context;
	printf("%s %s\n", from_server ? "<-" : "->", line);
	fflush(stdout);
}

int
refused_status(const struct envelope *envelope, const char *provider)
{
	bool all_unknown = true;

	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		if (r->verdict == FAILED && refusals[explain_reply(provider, STEP_ANY, &r->reply)->class] != EX_NOUSER)
			all_unknown = false;
	}
	return all_unknown ? EX_NOUSER : EX_UNAVAILABLE;
}

int
unsent_status(const struct trouble *trouble)
{
	return troubles[trouble->kind];
}

static void
add_cure(const struct recipient *recipient, const char *provider, struct buffer *out)
{
	const struct refusal *refusal = explain_reply(provider, STEP_ANY, &recipient->reply);
	const char *meant = refusal->class == REFUSAL_MAILBOX ? typo_meant(recipient->address) : NULL;

	buffer_format(out, "; %s", refusal->cure);
	if (meant != NULL)
		buffer_format(out, ", is %s meant?", meant);
}

void
explain_recipients(const struct envelope *envelope, enum verdict verdict, const char *provider, struct buffer *out)
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
		add_cure(first, provider, out);
	if (count > 1)
		buffer_format(out, " (and %zu more recipients)", count - 1);
}

/*
 * The reply parser and the capability table: any bytes, whole and one at a
 * time, must give the same events, and never anything but a printable line. Each
 * reply has an explanation, and none for good where there is a doubt.
 */
#include "smtp/reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/capability.h"
#include "smtp/explain.h"
#include "smtp/typo.h"

enum { STEPS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct reply_parser *p)
{
	const struct reply *reply = &p->reply;

	if (reply->code < 0 || reply->code > 999 || p->lines == 0 || p->lines > REPLY_LINES_MAX)
		abort();
	for (const char *c = reply->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
	if (reply->enhanced[0] != '\0' && reply->enhanced[0] != '0' + reply->code / 100)
		abort();
	if (strspn(reply->enhanced, "0123456789.") != strlen(reply->enhanced))
		abort();
}

/* Each reply asks as another provider's and at another step. */
static void
check_meaning(const struct reply *reply)
{
	static const char *const providers[] = { NULL, "brevo", "microsoft365" };
	size_t choice = strlen(reply->text);
	enum smtp_step step = (enum smtp_step)(choice % (STEP_END + 1));
	const struct refusal *row = explain_reply(providers[choice % 3], step, reply);

	if (row->meaning[0] == '\0' || row->cure[0] == '\0' || refusal_outcome(row, step, reply) == NULL)
		abort();
	if (row->action != ACTION_BY_CODE && refusal_verdict(row, reply) == FAILED)
		abort();
	typo_meant(reply->text);
	step_named(reply->text);
}

/* A number that stands for all events and replies, in their order. */
static uint64_t
digest(const char *bytes, size_t n, size_t step)
{
	struct capabilities server = { 0 };
	struct reply_parser p;
	uint64_t sum = 0;

	reply_init(&p);
	while (n > 0) {
		const char *next = bytes;
		size_t left = step < n ? step : n, given = left;

		while (left > 0) {
			enum reply_event event = reply_input(&p, &next, &left);

			if (event == REPLY_BROKEN) {
				reply_free(&p);
				return sum * 31 + 7;
			}
			if (event == REPLY_NOTHING)
				continue;
			check(&p);
			if (event == REPLY_END)
				check_meaning(&p.reply);
			capability_add(&server, reply_line_text(&p));
			sum = sum * 31 + (uint64_t)p.reply.code * 1000 + strlen(p.reply.text) + (uint64_t)event;
			sum += server.bits + server.size + server.recipients + server.mails + server.mechanisms +
			       strlen(server.logins);
		}
		bytes += given;
		n -= given;
	}
	reply_free(&p);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	uint64_t whole = digest(bytes, size, size);

	for (size_t step = 1; step <= STEPS; step++)
		if (digest(bytes, size, step) != whole)
			abort();
	return 0;
}

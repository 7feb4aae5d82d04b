/*
 * Exit status and words for what became of a message.
 */
#include <string.h>
#include <sysexits.h>

#include "base/buffer.h"
#include "command/status.h"
#include "unit/tap.h"

enum { RECIPIENTS = 4 };

static const struct row {
	const char *name;
	struct {
		enum verdict verdict;
		int code;
		const char *enhanced;
	} recipients[RECIPIENTS];
	size_t count;
	enum verdict about; /* whom the text is about */
	int status; /* when refused */
	const char *text; /* of the first refused recipient, else of the first deferred one */
} rows[] = {
	{ "accepted", { { DELIVERED, 250, "2.0.0" } }, 1, DEFERRED, 0, "" },
	{ "deferred", { { DEFERRED, 450, "4.2.0" } }, 1, DEFERRED, 0, "to <r0@x.test>: 450 4.2.0 text" },
	{ "deferred without answer", { { DEFERRED, 0, "" } }, 1, DEFERRED, 0, "to <r0@x.test>: text" },
	{ "some deferred", { { DELIVERED, 250, "" }, { DEFERRED, 450, "" }, { DEFERRED, 451, "" } }, 3, DEFERRED, 0,
	    "to <r1@x.test>: 450 text (and 1 more recipients)" },
	{ "no such mailbox", { { FAILED, 550, "5.1.1" } }, 1, FAILED, EX_NOUSER,
	    "to <r0@x.test>: 550 5.1.1 text; check the address" },
	{ "all unknown", { { FAILED, 550, "5.1.1" }, { FAILED, 553, "" } }, 2, FAILED, EX_NOUSER,
	    "to <r0@x.test>: 550 5.1.1 text; check the address (and 1 more recipients)" },
	{ "one unknown, one policy", { { FAILED, 550, "5.1.1" }, { FAILED, 554, "5.7.1" } }, 2, FAILED, EX_UNAVAILABLE,
	    "to <r0@x.test>: 550 5.1.1 text; check the address (and 1 more recipients)" },
	{ "one unknown, others not", { { DELIVERED, 250, "" }, { FAILED, 550, "" }, { DEFERRED, 450, "" } }, 3, FAILED,
	    EX_NOUSER, "to <r1@x.test>: 550 text; check the address" },
	{ "sender", { { FAILED, 550, "5.1.8" } }, 1, FAILED, EX_UNAVAILABLE,
	    "to <r0@x.test>: 550 5.1.8 text; set from in [smarthost] to an address that it accepts" },
	{ "size", { { FAILED, 552, "5.3.4" } }, 1, FAILED, EX_UNAVAILABLE,
	    "to <r0@x.test>: 552 5.3.4 text; send a smaller message" },
	{ "full", { { FAILED, 552, "5.2.2" } }, 1, FAILED, EX_UNAVAILABLE,
	    "to <r0@x.test>: 552 5.2.2 text; send again later, or reach the recipient in another way" },
	{ "given up", { { FAILED, 451, "" } }, 1, FAILED, EX_UNAVAILABLE,
	    "to <r0@x.test>: 451 text; send again later" },
};

static void
check_row(const struct row *row)
{
	struct envelope envelope;
	struct buffer text;

	envelope_init(&envelope);
	buffer_init(&text, REASON_MAX);
	for (size_t i = 0; i < row->count; i++) {
		char address[32];
		struct recipient *r;

		snprintf(address, sizeof(address), "r%zu@x.test", i);
		r = envelope_add(&envelope, address);
		r->verdict = row->recipients[i].verdict;
		reply_set(&r->reply, row->recipients[i].code, row->recipients[i].enhanced, "text");
	}
	if (row->about == FAILED)
		ok(refused_status(&envelope, NULL) == row->status, "%s: status %d", row->name, row->status);
	explain_recipients(&envelope, row->about, NULL, &text);
	if (!ok(strcmp(buffer_string(&text), row->text) == 0, "%s: text", row->name))
		note("%s", buffer_string(&text));
	buffer_free(&text);
	envelope_free(&envelope);
}

int
main(void)
{
	static const struct {
		enum trouble_kind kind;
		int status;
	} troubles[] = {
		{ TROUBLE_NONE, EX_UNAVAILABLE },
		{ TROUBLE_HOST, EX_UNAVAILABLE },
		{ TROUBLE_SERVICE, EX_UNAVAILABLE },
		{ TROUBLE_LOGIN, EX_NOPERM },
		{ TROUBLE_PROTOCOL, EX_PROTOCOL },
		{ TROUBLE_SYSTEM, EX_OSERR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		const struct trouble trouble = { .kind = troubles[i].kind };

		ok(unsent_status(&trouble) == troubles[i].status, "trouble %d: status %d", (int)troubles[i].kind,
		    troubles[i].status);
	}
	return tap_done();
}

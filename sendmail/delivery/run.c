#include "delivery/run.h"

#include <time.h>

#include "base/log.h"
#include "delivery/deliver.h"

void
entry_settle(struct entry *entry)
{
	struct reason reason;
	int result;

	if (envelope_tally(&entry->envelope, DEFERRED) > 0)
		result = entry_record(entry, &reason);
	else if (envelope_tally(&entry->envelope, FAILED) > 0) {
		result = entry_record(entry, &reason);
		if (result == 0 && (result = entry_fail(entry, &reason)) == 0)
			log_note(LEVEL_ERROR, "failed", "a refused message was moved to .Failed of the queue");
	} else
		result = entry_remove(entry, &reason);
	if (result < 0)
		log_note(LEVEL_ERROR, "queue", reason.text);
}

static void
settle(void *context, struct entry *entry)
{
	(void)context;
	entry_settle(entry);
}

/* True when the run should go on. */
static bool
run_item(struct delivery *d, struct queue *queue, const struct queue_item *item, int64_t now)
{
	struct entry entry;
	struct reason reason;
	enum entry_state state = entry_open(&entry, queue, item, true, &reason);
	bool tried = true;

	if (state == ENTRY_FOREIGN)
		log_note(LEVEL_WARNING, "queue", reason.text);
	if (state != ENTRY_OPEN)
		return true;
	if (envelope_tally(&entry.envelope, DEFERRED) == 0)
		entry_settle(&entry); /* a crash came between the record and the removal */
	else if (queue_due(&entry, now))
		tried = delivery_try(d, &entry, false);
	entry_close(&entry);
	return tried;
}

enum trouble_kind
queue_run(struct queue *queue, const struct config *config, const struct session_hooks *hooks, struct reason *reason)
{
	struct delivery d;
	struct queue_list list;
	int64_t now = time(NULL);
	bool going = true;

	if (queue_list(queue, &list, reason) < 0)
		return TROUBLE_SYSTEM;
	queue_sweep(queue, now);
	delivery_init(&d, config, hooks);
	d.settle = settle;
	for (size_t i = 0; i < list.count && going; i++)
		going = run_item(&d, queue, &list.items[i], now);
	delivery_end(&d);
	queue_list_free(&list);
	*reason = d.trouble.reason;
	return going ? TROUBLE_NONE : d.trouble.kind;
}

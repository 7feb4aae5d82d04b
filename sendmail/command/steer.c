/*
 * An action is a row; messages are chosen by patterns over id, sender and
 * recipients. What happened to each of them is one line on stdout; the exit
 * status is that of the worst.
 */
#include "command/steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/encode.h"
#include "command/spool.h"
#include "delivery/pause.h"
#include "queue/queue.h"

struct action {
	const char *done; /* what the message then is */
	bool everywhere; /* in all parts, or only in: */
	enum queue_part part;
	int (*act)(struct entry *, struct reason *);
	void (*after)(struct queue *, const struct config *); /* NULL: nothing */
};

/* One call of a subcommand. */
struct work {
	struct queue *queue;
	const struct action *action;
	char **patterns;
	int count;
	bool *matched; /* owned; of each pattern */
	size_t busy;
	bool failed; /* reason says how */
	struct reason *reason;
};

static bool
pattern_fits(const char *pattern, const struct envelope *envelope)
{
	char sender[ADDRESS_MAX + 1];

	spool_sender(envelope, sender, sizeof(sender));
	if (matches(pattern, envelope->id) || matches(pattern, sender))
		return true;
	for (size_t i = 0; i < envelope->count; i++)
		if (matches(pattern, envelope->recipients[i].address))
			return true;
	return false;
}

/* True when any pattern means the message; of one that cannot be read (NULL) only the id is known. */
static bool
is_meant(struct work *work, const struct queue_item *item, const struct envelope *envelope)
{
	bool meant = false;

	for (int i = 0; i < work->count; i++)
		if (envelope != NULL ? pattern_fits(work->patterns[i], envelope)
				     : same_text(work->patterns[i], strlen(work->patterns[i]), item->id))
			work->matched[i] = meant = true;
	return meant;
}

static void
perform(struct work *work, const struct queue_item *item)
{
	struct entry entry;
	struct reason why;
	enum entry_state state = entry_open(&entry, work->queue, item, true, &why);

	if (state == ENTRY_BUSY) {
		work->busy++;
		printf("%s: being delivered, left alone\n", item->id);
	} else if (state == ENTRY_FOREIGN || (state == ENTRY_OPEN && work->action->act(&entry, &why) != 0)) {
		work->failed = true;
		*work->reason = why;
		printf("%s: %s\n", item->id, why.text);
	} else if (state == ENTRY_OPEN)
		printf("%s: %s\n", item->id, work->action->done);
	if (state == ENTRY_OPEN)
		entry_close(&entry);
}

static void
work_on_item(struct work *work, const struct queue_item *item)
{
	struct entry entry;
	struct reason why;
	enum entry_state state = entry_open(&entry, work->queue, item, false, &why);
	bool meant = is_meant(work, item, state == ENTRY_OPEN ? &entry.envelope : NULL);

	if (state == ENTRY_OPEN)
		entry_close(&entry);
	if (meant && state != ENTRY_GONE)
		perform(work, item);
}

static void
work_on_part(struct work *work, enum queue_part part)
{
	struct queue_list list;

	if (queue_list_part(work->queue, part, &list, work->reason) < 0) {
		work->failed = true;
		return;
	}
	for (size_t i = 0; i < list.count; i++)
		work_on_item(work, &list.items[i]);
	queue_list_free(&list);
}

static int
worst_status(const struct work *work)
{
	if (work->failed)
		return EX_IOERR;
	if (work->busy > 0) {
		reason_set(work->reason, "%zu being delivered and left alone: try again", work->busy);
		return EX_TEMPFAIL;
	}
	for (int i = 0; i < work->count; i++)
		if (!work->matched[i]) {
			reason_set(work->reason, "no message matches %s", work->patterns[i]);
			return EX_NOINPUT;
		}
	return EX_OK;
}

static int
work_on(struct work *work)
{
	int status;

	work->matched = allocate((size_t)work->count, sizeof(*work->matched));
	for (int part = QUEUE_WAITING; part <= QUEUE_FAILED; part++)
		if (work->action->everywhere || part == (int)work->action->part)
			work_on_part(work, (enum queue_part)part);
	status = worst_status(work);
	free(work->matched);
	return status;
}

static int
run_action(struct caller *caller, const struct action *action, int argc, char **argv, struct reason *reason)
{
	struct work work = { .action = action, .patterns = argv, .count = argc, .reason = reason };
	int status = argc > 0 ? spool_open(caller, &work.queue, reason) : EX_USAGE;

	if (status != EX_OK)
		return status;
	status = work_on(&work);
	if (action->after != NULL)
		action->after(work.queue, &caller->config);
	queue_close(work.queue);
	return status;
}

static void
wake_runner(struct queue *queue, const struct config *config)
{
	(void)config;
	queue_touch(queue, "wake");
}

static void
lift_pauses(struct queue *queue, const struct config *config)
{
	for (size_t i = 0; i < config->smarthost_count; i++) {
		const struct smarthost *host = &config->smarthosts[i];
		struct pause pause;

		if (host->host == NULL || !pause_read(queue, host, &pause))
			continue;
		pause_lift(queue, host);
		printf("%s: pause lifted\n", host->host);
	}
	wake_runner(queue, config);
}

int
steer_hold(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	static const struct action action = { "held", false, QUEUE_WAITING, entry_hold, NULL };

	return run_action(caller, &action, argc, argv, reason);
}

int
steer_release(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	static const struct action action = { "released", false, QUEUE_HELD, entry_release, wake_runner };

	return run_action(caller, &action, argc, argv, reason);
}

int
steer_delete(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	static const struct action action = { "deleted", true, QUEUE_WAITING, entry_remove, NULL };

	return run_action(caller, &action, argc, argv, reason);
}

int
steer_retry(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	static const struct action action = { "due now", false, QUEUE_WAITING, entry_make_due, lift_pauses };
	static char everything[] = "*";
	char *all[] = { everything };
	int status;

	if (argc != 1 || strcmp(argv[0], "--all") != 0)
		return run_action(caller, &action, argc, argv, reason);
	status = run_action(caller, &action, 1, all, reason);
	if (status != EX_NOINPUT)
		return status;
	reason->text[0] = '\0';
	return EX_OK;
}

/*
 * The caller waits for one try, and no longer than `wait`: then a child goes on
 * with the same session. Whatever cannot be done at once is left to the runner:
 * the message, and a touch of `wake`.
 */
#include "command/outcome.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "command/run.h"
#include "command/status.h"
#include "config/preset.h"
#include "delivery/settle.h"

enum {
	STALE_RUN = 60 * 60, /* seconds without a run after which nobody seems to run this queue, ... */
	STALE_PAUSES = 3, /* ... or so many first pauses */
	NANOSECONDS = 1000000000,
};

enum side { CALLER, CHILD, ALONE };

/* From here on there are two: the child goes on without the caller's pipes. ALONE: it could not be made. */
static enum side
part_ways(struct outcome *o)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid > 0 ? CALLER : ALONE;
	if (process_detach() < 0)
		_exit(EX_OSERR); /* the message waits in the queue */
	o->background = true;
	return CHILD;
}

/* The caller need not wait any longer. True in his process: it leaves. */
static bool
leave_to_child(void *context)
{
	return part_ways(context) == CALLER;
}

/* What was ours is the child's now: the next message gets a session of its own. */
static void
forget_session(struct outcome *o)
{
	o->patience.left = true; /* closed without a word */
	delivery_end(&o->delivery);
}

/* -oem, -oee: a refusal is told by mail, too. */
static bool
mails_back(const struct outcome *o)
{
	return o->queue != NULL && (o->options->error_mode == 'm' || o->options->error_mode == 'e');
}

/* Right behind the answer: nothing stays on disk that was delivered, or whose refusal only the caller is told. */
static void
settle(void *context, struct entry *entry)
{
	const struct outcome *o = context;
	const struct envelope *envelope = &entry->envelope;
	bool told = !o->background && !mails_back(o) && envelope_tally(envelope, FAILED) == envelope->count;
	struct reason why;

	if (!told) {
		settle_verdicts(entry);
		return;
	}
	queue_take_back();
	if (entry_remove(entry, &why) < 0)
		log_note(LEVEL_ERROR, "queue", why.text);
}

static void
warn_if_nobody_runs(const struct outcome *o)
{
	int64_t last = queue_touched(o->queue, "last-run") / NANOSECONDS;
	int64_t limit = STALE_PAUSES * o->caller->config.queue.retry_first;

	/* A queue that was never run may be a minute old: mailq, which knows its oldest message, tells of that one. */
	if (last != 0 && time(NULL) - last > (limit > STALE_RUN ? limit : STALE_RUN))
		log_note(LEVEL_WARNING, "nobody runs the queue",
		    "a message waits, and sendmail -q was not run for long: is its timer or crontab line there?");
}

/* The message stays: whoever runs the queue is told. */
static void
leave_to_runner(const struct outcome *o)
{
	if (o->queue == NULL)
		return;
	queue_touch(o->queue, "wake");
	warn_if_nobody_runs(o);
}

static void
explain(const struct outcome *o, enum verdict verdict, const char *end, struct reason *reason)
{
	const struct smarthost *smarthost = o->delivery.smarthost;
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	buffer_format(&text, "smarthost %s ", smarthost->host != NULL ? smarthost->host : smarthost->maildir);
	explain_recipients(&o->entry->envelope, verdict, preset_name(smarthost), &text);
	buffer_add_string(&text, end);
	reason_set(reason, "%s", buffer_string(&text));
	buffer_free(&text);
}

/* Everybody was refused: the caller is told, and with -oem and -oee the sender. */
static int
all_refused(struct outcome *o, struct reason *reason)
{
	int status = refused_status(&o->entry->envelope, preset_name(o->delivery.smarthost));

	explain(o, FAILED, "", reason);
	if (!mails_back(o))
		return status;
	if (settle_refused(&o->delivery, o->entry) != REPORT_STORED) {
		queue_take_back();
		settle_told(o->entry);
		return status;
	}
	leave_to_runner(o);
	return o->options->error_mode == 'm' ? status : EX_OK;
}

/*
 * Some were refused: the status must be 0, lest a caller that repeats sends to
 * the others twice. A report tells; as long as it cannot be stored, the marks
 * in the queue remind the runner of it.
 */
static int
some_refused(struct outcome *o, struct reason *reason)
{
	int status = refused_status(&o->entry->envelope, preset_name(o->delivery.smarthost));

	if (o->queue == NULL) {
		explain(o, FAILED, "", reason);
		return status;
	}
	settle_duties(&o->delivery, o->entry, false);
	leave_to_runner(o);
	return EX_OK;
}

static int
waiting(struct outcome *o, struct reason *reason)
{
	const struct config *config = &o->caller->config;
	int status;

	if (o->queue != NULL) {
		explain(o, DEFERRED, "; stored, will be tried again", reason);
		leave_to_runner(o);
		return EX_OK;
	}
	explain(o, DEFERRED, "; not sent, and there is no queue to keep it", reason);
	status = unsent_status(&o->delivery.trouble);
	return status == EX_UNAVAILABLE ? config->queue.unsent_status : status;
}

/* What a caller who waited is told. */
static int
tell(struct outcome *o, struct reason *reason)
{
	const struct envelope *envelope = &o->entry->envelope;
	size_t failed = envelope_tally(envelope, FAILED);
	int status = EX_OK;

	if (envelope_tally(envelope, DEFERRED) > 0)
		status = waiting(o, reason);
	else if (failed == 0 && o->queue != NULL)
		settle_duties(&o->delivery, o->entry, false);
	if (failed > 0)
		status = failed == envelope->count ? all_refused(o, reason) : some_refused(o, reason);
	if (o->options->error_mode == 'q')
		reason->text[0] = '\0';
	return status;
}

static bool
only_store(const struct outcome *o)
{
	enum delivery_wish wish = o->options->delivery;

	if (o->queue == NULL)
		return false;
	return wish == WISH_QUEUE || (wish == WISH_NONE && o->caller->config.queue.delivery == DELIVERY_QUEUE);
}

/* Seconds that the caller may be kept. */
static int64_t
patience_of(const struct outcome *o)
{
	return o->options->delivery == WISH_BACKGROUND ? 0 : o->caller->config.queue.wait;
}

/*
 * A smarthost works, and others have left messages since the last run: this
 * process, when the queue is its own, runs it, without keeping its caller.
 */
static void
run_for_others(struct outcome *o)
{
	struct reason ignored;

	if (o->queue == NULL || queue_touched(o->queue, "wake") <= queue_touched(o->queue, "last-run"))
		return;
	if (o->background || part_ways(o) == CHILD)
		run_queue(o->caller, o->queue, &ignored);
}

/* One try; who finds no free slot says so, and looks once more: its holder may have gone just before. */
static enum attempt
try_once(struct outcome *o, bool last)
{
	enum attempt made = delivery_try(&o->delivery, o->entry, last);

	if (made != ATTEMPT_BUSY)
		return made;
	leave_to_runner(o);
	return delivery_try(&o->delivery, o->entry, last);
}

static int
deliver(struct outcome *o, bool last, struct reason *reason)
{
	enum attempt made = try_once(o, last);
	int status = EX_OK;

	if (made == ATTEMPT_BUSY)
		reason_set(
		    reason, "stored: all sessions with the smarthost are taken, it is sent as soon as one is free");
	else if (made != ATTEMPT_LEFT && !o->background)
		status = tell(o, reason);
	else if (made == ATTEMPT_MADE)
		settle_duties(&o->delivery, o->entry, false);
	o->sent = o->sent || (made == ATTEMPT_MADE && o->delivery.trouble.kind == TROUBLE_NONE &&
				 envelope_tally(&o->entry->envelope, DEFERRED) == 0);
	if (made == ATTEMPT_LEFT)
		forget_session(o);
	return status;
}

void
outcome_begin(struct outcome *o, struct caller *caller, const struct options *options, struct queue *queue)
{
	struct delivery_options how = { .config = &caller->config,
		.queue = queue,
		.host = caller->host,
		.zone = caller_zone(caller),
		.submitter = true,
		.settle = settle,
		.settle_context = o };

	*o = (struct outcome){ .caller = caller, .options = options, .queue = queue };
	o->patience = (struct patience){ .over = leave_to_child, .context = o };
	if (options->verbose)
		how.hooks.trace = print_dialogue;
	if (queue != NULL && options->delivery != WISH_FOREGROUND)
		how.hooks.patience = &o->patience;
	delivery_init(&o->delivery, &how);
}

int
outcome_of(struct outcome *o, struct entry *entry, bool last, struct reason *reason)
{
	const struct patience *limited = o->delivery.options.hooks.patience;
	int status;

	o->entry = entry;
	if (only_store(o)) {
		leave_to_runner(o);
		return EX_OK;
	}
	if (limited != NULL && patience_of(o) == 0 && part_ways(o) == CALLER) {
		forget_session(o);
		return EX_OK;
	}
	o->patience.end = clock_milliseconds() + patience_of(o) * 1000;
	o->patience.left = false;
	o->patience.asked = o->background;
	status = deliver(o, last || o->background, reason);
	o->patience.asked = true; /* nobody waits between messages */
	return status;
}

void
outcome_pause(struct outcome *o)
{
	delivery_end(&o->delivery);
}

void
outcome_end(struct outcome *o)
{
	outcome_pause(o);
	if (o->sent)
		run_for_others(o);
	o->sent = false;
}

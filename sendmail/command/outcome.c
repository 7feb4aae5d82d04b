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
#include "delivery/settle.h"

enum {
	STALE_RUN = 60 * 60, /* seconds without a run after which nobody seems to run this queue, ... */
	STALE_PAUSES = 3, /* ... or so many first pauses */
	NANOSECONDS = 1000000000,
};

struct submission_state {
	struct caller *caller;
	const struct options *options;
	struct queue *queue; /* NULL: none */
	struct entry *entry;
	struct reason *reason;
	bool background; /* nobody waits for the outcome any more */
};

/* The caller need not wait any longer: a child goes on, without the caller's pipes. True in the parent. */
static bool
leave_to_child(void *context)
{
	struct submission_state *state = context;

	if (fork() != 0)
		return true;
	if (process_detach() < 0)
		_exit(EX_OSERR); /* the message waits in the queue */
	state->background = true;
	return false;
}

static void
print_dialogue(void *context, bool from_server, const char *line)
{
	(void)context;
	printf("%s %s\n", from_server ? "<-" : "->", line);
	fflush(stdout);
}

/* -oem, -oee: a refusal is told by mail, too. */
static bool
mails_back(const struct submission_state *state)
{
	return state->queue != NULL && (state->options->error_mode == 'm' || state->options->error_mode == 'e');
}

/* Right behind the answer: nothing stays on disk that was delivered, or whose refusal only the caller is told. */
static void
settle(void *context, struct entry *entry)
{
	const struct submission_state *state = context;
	const struct envelope *envelope = &entry->envelope;
	bool told = !state->background && !mails_back(state) && envelope_tally(envelope, FAILED) == envelope->count;
	struct reason why;

	if (!told)
		settle_verdicts(entry);
	else if (entry_remove(entry, &why) < 0)
		log_note(LEVEL_ERROR, "queue", why.text);
}

static void
warn_if_nobody_runs(const struct submission_state *state)
{
	int64_t last = queue_touched(state->queue, "last-run") / NANOSECONDS;
	int64_t limit = STALE_PAUSES * state->caller->config.queue.retry_first;

	/* A queue that was never run may be a minute old: mailq, which knows its oldest message, tells of that one. */
	if (last != 0 && time(NULL) - last > (limit > STALE_RUN ? limit : STALE_RUN))
		log_note(LEVEL_WARNING, "nobody runs the queue",
		    "a message waits, and sendmail -q was not run for long: is its timer or crontab line there?");
}

/* The message stays: whoever runs the queue is told. */
static void
leave_to_runner(const struct submission_state *state)
{
	if (state->queue == NULL)
		return;
	queue_touch(state->queue, "wake");
	warn_if_nobody_runs(state);
}

static void
explain(const struct submission_state *state, const struct delivery *d, enum verdict verdict, const char *end)
{
	struct buffer text;

	buffer_init(&text, REASON_MAX);
	buffer_format(&text, "smarthost %s ", d->smarthost->host != NULL ? d->smarthost->host : d->smarthost->maildir);
	explain_recipients(&state->entry->envelope, verdict, &text);
	buffer_add_string(&text, end);
	reason_set(state->reason, "%s", buffer_string(&text));
	buffer_free(&text);
}

/*
 * Somebody was refused. When others were not, the status must be 0, lest a
 * caller that repeats sends twice: then a stored report tells.
 */
static int
refused(const struct submission_state *state, const struct delivery *d, bool all)
{
	int status = refused_status(&state->entry->envelope);

	explain(state, d, FAILED, "");
	if (state->queue == NULL || (all && !mails_back(state)))
		return status;
	if (settle_refused(d, state->entry) != REPORT_STORED) {
		settle_told(state->entry);
		return status;
	}
	leave_to_runner(state);
	return all && state->options->error_mode == 'm' ? status : EX_OK;
}

static int
waiting(const struct submission_state *state, const struct delivery *d)
{
	const struct config *config = &state->caller->config;
	int status;

	if (state->queue != NULL) {
		explain(state, d, DEFERRED, "; stored, will be tried again");
		leave_to_runner(state);
		return EX_OK;
	}
	explain(state, d, DEFERRED, "; not sent, and there is no queue to keep it");
	status = unsent_status(&d->trouble);
	return status == EX_UNAVAILABLE ? config->queue.unsent_status : status;
}

/* What a caller who waited is told. */
static int
tell(const struct submission_state *state, const struct delivery *d)
{
	const struct envelope *envelope = &state->entry->envelope;
	size_t failed = envelope_tally(envelope, FAILED);
	int status = EX_OK;

	if (envelope_tally(envelope, DEFERRED) > 0)
		status = waiting(state, d);
	if (failed > 0)
		status = refused(state, d, failed == envelope->count);
	if (state->options->error_mode == 'q')
		state->reason->text[0] = '\0';
	return status;
}

static bool
only_store(const struct submission_state *state)
{
	enum delivery_wish wish = state->options->delivery;

	if (state->queue == NULL)
		return false;
	return wish == WISH_QUEUE || (wish == WISH_NONE && state->caller->config.queue.delivery == DELIVERY_QUEUE);
}

static void
set_patience(struct submission_state *state, struct patience *patience)
{
	bool at_once = state->options->delivery == WISH_BACKGROUND;
	int64_t wait = at_once ? 0 : state->caller->config.queue.wait;

	*patience = (struct patience){
		.end = clock_milliseconds() + wait * 1000,
		.over = leave_to_child,
		.context = state,
	};
}

/*
 * A smarthost works, and others have left messages since the last run: this
 * process, when the queue is its own, runs it, without keeping its caller.
 */
static void
run_for_others(struct submission_state *state)
{
	struct reason ignored;

	if (state->queue == NULL || queue_touched(state->queue, "wake") <= queue_touched(state->queue, "last-run"))
		return;
	if (state->background || !leave_to_child(state))
		run_queue(state->caller, state->queue, &ignored);
}

int
deliver_submission(struct caller *caller, const struct options *options, struct queue *queue, struct entry *entry,
    struct reason *reason)
{
	struct submission_state state = { caller, options, queue, entry, reason, false };
	struct delivery_options how = { .config = &caller->config,
		.queue = queue,
		.host = caller->host,
		.submitter = true,
		.settle = settle,
		.settle_context = &state };
	struct patience patience;
	struct delivery d;
	enum attempt made;
	int status = EX_OK;

	if (only_store(&state)) {
		leave_to_runner(&state);
		return EX_OK;
	}
	how.zone = caller_zone(caller);
	if (options->verbose)
		how.hooks.trace = print_dialogue;
	if (queue != NULL && options->delivery != WISH_FOREGROUND) {
		set_patience(&state, &patience);
		how.hooks.patience = &patience;
	}
	delivery_init(&d, &how);
	made = delivery_try(&d, entry, true);
	if (made == ATTEMPT_BUSY)
		leave_to_runner(&state);
	else if (made != ATTEMPT_LEFT && !state.background)
		status = tell(&state, &d);
	else if (made == ATTEMPT_MADE)
		settle_duties(&d, entry, false);
	delivery_end(&d);
	if (made == ATTEMPT_MADE && d.trouble.kind == TROUBLE_NONE && envelope_tally(&entry->envelope, DEFERRED) == 0)
		run_for_others(&state);
	return state.background ? EX_OK : status;
}

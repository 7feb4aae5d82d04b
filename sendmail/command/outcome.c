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

enum side { CALLER, CHILD, ALONE };

/* From here on there are two: the child goes on without the caller's pipes. ALONE: it could not be made. */
static enum side
part_ways(struct submission_state *state)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid > 0 ? CALLER : ALONE;
	if (process_detach() < 0)
		_exit(EX_OSERR); /* the message waits in the queue */
	state->background = true;
	return CHILD;
}

/* The caller need not wait any longer. True in his process: it leaves. */
static bool
leave_to_child(void *context)
{
	return part_ways(context) == CALLER;
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

	if (!told) {
		settle_verdicts(entry);
		return;
	}
	queue_take_back();
	if (entry_remove(entry, &why) < 0)
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

/* Everybody was refused: the caller is told, and with -oem and -oee the sender. */
static int
all_refused(const struct submission_state *state, const struct delivery *d)
{
	int status = refused_status(&state->entry->envelope);

	explain(state, d, FAILED, "");
	if (!mails_back(state))
		return status;
	if (settle_refused(d, state->entry) != REPORT_STORED) {
		queue_take_back();
		settle_told(state->entry);
		return status;
	}
	leave_to_runner(state);
	return state->options->error_mode == 'm' ? status : EX_OK;
}

/*
 * Some were refused: the status must be 0, lest a caller that repeats sends to
 * the others twice. A report tells; as long as it cannot be stored, the marks
 * in the queue remind the runner of it.
 */
static int
some_refused(const struct submission_state *state, const struct delivery *d)
{
	int status = refused_status(&state->entry->envelope);

	if (state->queue == NULL) {
		explain(state, d, FAILED, "");
		return status;
	}
	settle_duties(d, state->entry, false);
	leave_to_runner(state);
	return EX_OK;
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
	else if (failed == 0 && state->queue != NULL)
		settle_duties(d, state->entry, false);
	if (failed > 0)
		status = failed == envelope->count ? all_refused(state, d) : some_refused(state, d);
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

/* Seconds that the caller may be kept. */
static int64_t
patience_of(const struct submission_state *state)
{
	return state->options->delivery == WISH_BACKGROUND ? 0 : state->caller->config.queue.wait;
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
	if (state->background || part_ways(state) == CHILD)
		run_queue(state->caller, state->queue, &ignored);
}

/* One try; who finds no free slot says so, and looks once more: its holder may have gone just before. */
static enum attempt
try_once(const struct submission_state *state, struct delivery *d)
{
	enum attempt made = delivery_try(d, state->entry, true);

	if (made != ATTEMPT_BUSY)
		return made;
	leave_to_runner(state);
	return delivery_try(d, state->entry, true);
}

static int
deliver(struct submission_state *state, struct delivery *d)
{
	enum attempt made = try_once(state, d);
	bool sent;
	int status = EX_OK;

	if (made == ATTEMPT_BUSY)
		reason_set(state->reason,
		    "stored: all sessions with the smarthost are taken, it is sent as soon as one is free");
	else if (made != ATTEMPT_LEFT && !state->background)
		status = tell(state, d);
	else if (made == ATTEMPT_MADE)
		settle_duties(d, state->entry, false);
	sent = made == ATTEMPT_MADE && d->trouble.kind == TROUBLE_NONE &&
	       envelope_tally(&state->entry->envelope, DEFERRED) == 0;
	delivery_end(d);
	entry_close(state->entry); /* and with it the lock, which a child would inherit */
	if (sent)
		run_for_others(state);
	return status;
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
	struct patience patience = { .over = leave_to_child, .context = &state };
	struct delivery d;
	int status;

	if (only_store(&state)) {
		leave_to_runner(&state);
		return EX_OK;
	}
	how.zone = caller_zone(caller);
	if (options->verbose)
		how.hooks.trace = print_dialogue;
	if (queue != NULL && options->delivery != WISH_FOREGROUND) {
		if (patience_of(&state) == 0 && part_ways(&state) == CALLER)
			return EX_OK;
		patience.end = clock_milliseconds() + patience_of(&state) * 1000;
		how.hooks.patience = state.background ? NULL : &patience;
	}
	delivery_init(&d, &how);
	status = deliver(&state, &d);
	return state.background ? EX_OK : status;
}

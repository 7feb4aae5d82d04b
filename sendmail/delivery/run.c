/*
 * The first worker goes ahead alone: only when a smarthost has taken a session
 * do the others follow, so that one that is in trouble sees one attempt and not
 * one a worker. What the workers share is a page of counters; the list of
 * messages is dealt out by a common index, and the lock of each message settles
 * what another process holds.
 */
#include "delivery/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "delivery/route.h"
#include "delivery/settle.h"

enum {
	ALONE_MAX = 16, /* messages for which a second worker is worth no login, unless the first hangs */
	QUIET_MAX = 10000, /* milliseconds without any progress after which another worker helps, ... */
	QUIET_PART = 4, /* ... or this part of the smarthost's timeout */
	WORKERS_MAX = 100, /* as many as `connections` may be */
	ROUNDS_MAX = 100, /* of one run: mail that comes in meanwhile is taken along, but not without end */
};

/* What a worker says: a smarthost has taken a session; a message was tried; it comes to its end. */
enum { READY = 'r', PROGRESS = 'p', END = 'e' };

/* What the workers of a run share. */
struct shared {
	atomic_size_t next; /* index of the message to be looked at next */
	atomic_size_t tried, sent;
	atomic_bool stopped; /* a smarthost is in trouble: no further attempts */
	atomic_int kind; /* enum trouble_kind of the first trouble */
	struct reason reason;
};

struct run {
	struct delivery_options options;
	const struct run_filter *filter;
	struct queue_list list;
	struct shared *shared;
	bool progress;
	int64_t seen; /* `wake` when the last round began */
	int ear; /* pipe by which workers say how they stand; -1: there are none */
};

static int
memory_status(void)
{
	queue_forgive_try();
	return EX_OSERR;
}

/* The workers of this process, for the signal handler; ended ones are no longer there. */
static volatile pid_t workers[WORKERS_MAX];

/* Asked to stop: that is no fault of the message being tried, and the workers stop, too. */
static void
stop(int signal_number)
{
	queue_forgive_try();
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (workers[i] > 0)
			kill(workers[i], signal_number);
	_exit(EX_UNAVAILABLE);
}

static void
note_worker(pid_t from, pid_t to)
{
	size_t i = 0;

	while (i < WORKERS_MAX && workers[i] != from)
		i++;
	if (i < WORKERS_MAX)
		workers[i] = to;
}

/* Tells whoever started this worker how it stands. */
static void
tell(const struct run *run, char word)
{
	if (run->ear >= 0 && write(run->ear, &word, 1) < 0)
		log_note(LEVEL_WARNING, "run", "a worker cannot say how it stands");
}

/* There is a session: the others may follow. */
static void
say_ready(void *context)
{
	tell(context, READY);
}

static void
settle(void *context, struct entry *entry)
{
	(void)context;
	settle_verdicts(entry);
}

static bool
contains(const char *text, const char *part)
{
	return part == NULL || strstr(text, part) != NULL;
}

static bool
is_limited(const struct run_filter *filter)
{
	return filter->id != NULL || filter->recipient != NULL || filter->sender != NULL;
}

/* Due, or asked for by name. */
static bool
is_wanted(const struct run *run, const struct delivery *d, const struct entry *entry, int64_t now)
{
	const struct run_filter *filter = run->filter;
	bool named = filter->recipient == NULL;

	if (!is_limited(filter))
		return queue_due(entry, &d->schedule, now);
	for (size_t i = 0; i < entry->envelope.count && !named; i++)
		named = contains(entry->envelope.recipients[i].address, filter->recipient);
	return named && contains(entry->envelope.id, filter->id) && contains(entry->envelope.sender, filter->sender);
}

static void
note_trouble(struct shared *shared, const struct trouble *trouble)
{
	int none = TROUBLE_NONE;

	if (atomic_compare_exchange_strong(&shared->kind, &none, (int)trouble->kind))
		shared->reason = trouble->reason;
}

static void
show_progress(const struct run *run)
{
	if (run->progress)
		fprintf(stderr, "\r%zu of %zu messages looked at, %zu tried, %zu sent ", run->shared->next,
		    run->list.count, run->shared->tried, run->shared->sent);
}

static void
try_entry(struct run *run, struct delivery *d, struct entry *entry)
{
	bool expired = queue_expired(entry, &d->schedule);
	enum attempt made = delivery_try(d, entry, false);

	run->shared->tried++;
	if (made == ATTEMPT_MADE) {
		tell(run, PROGRESS);
		run->shared->sent += envelope_tally(&entry->envelope, DEFERRED) == 0;
		settle_duties(d, entry, expired);
	}
	if (made == ATTEMPT_TROUBLE || made == ATTEMPT_PAUSED) {
		note_trouble(run->shared, &d->trouble);
		run->shared->stopped = !route_by_sender(run->options.config);
	}
}

static void
run_item(struct run *run, struct delivery *d, const struct queue_item *item)
{
	struct entry entry;
	struct reason reason;
	enum entry_state state = entry_open(&entry, run->options.queue, item, true, &reason);

	if (state == ENTRY_FOREIGN)
		log_note(LEVEL_WARNING, "queue", reason.text);
	if (state != ENTRY_OPEN)
		return;
	if (envelope_tally(&entry.envelope, DEFERRED) == 0) {
		settle_verdicts(&entry); /* a crash came between record and removal */
		settle_duties(d, &entry, false);
	} else if (entry.envelope.crashes >= CRASHES_MAX) {
		settle_poison(d, &entry);
	} else if (settle_is_doubtful(&entry)) {
		settle_duties(d, &entry, false); /* it could not be reported, and so not be held */
	} else if (is_wanted(run, d, &entry, time(NULL)))
		try_entry(run, d, &entry);
	entry_close(&entry);
}

static void
work(struct run *run)
{
	struct delivery d;
	size_t i;

	delivery_init(&d, &run->options);
	while (!run->shared->stopped && (i = run->shared->next++) < run->list.count) {
		run_item(run, &d, &run->list.items[i]);
		show_progress(run);
	}
	delivery_end(&d);
}

/* A worker process: its id, or -1. */
static pid_t
start_worker(struct run *run)
{
	pid_t pid = fork();

	if (pid > 0)
		note_worker(0, pid);
	if (pid != 0)
		return pid;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		workers[i] = 0;
	work(run);
	fflush(NULL);
	tell(run, END);
	_exit(EXIT_SUCCESS);
}

/* True while another worker would find something to do. */
static bool
has_work(const struct run *run, size_t started)
{
	return !run->shared->stopped && run->shared->next < run->list.count &&
	       started < run->options.config->smarthosts[0].connections;
}

/*
 * Waits for the workers, and starts others behind the first: all of them as soon
 * as it has a session when there is much to do; with little, one more whenever
 * nobody has come to an end for a while, so that a hung session does not keep
 * the rest waiting.
 */
static void
follow(struct run *run, int pipe_end)
{
	struct pollfd poller = { .fd = pipe_end, .events = POLLIN };
	int64_t part = run->options.config->smarthosts[0].timeout * 1000 / QUIET_PART;
	int patience = part < QUIET_MAX ? (int)part : QUIET_MAX;
	bool ready = false, much = run->list.count > ALONE_MAX;
	size_t started = 1, alive = 1;
	pid_t ended;

	while (alive > 0) {
		bool quiet = poll(&poller, 1, patience) == 0;
		char word = '\0';

		if (!quiet && read(pipe_end, &word, 1) < 0)
			continue;
		ready = ready || word == READY;
		/* Who has said END ends now; who died without a word is found when it is quiet. */
		while (alive > 0 && (word == END || quiet) && (ended = waitpid(-1, NULL, quiet ? WNOHANG : 0)) > 0) {
			note_worker(ended, 0);
			alive--;
			word = '\0';
		}
		for (; ready && (much || quiet) && has_work(run, started); started++, quiet = false)
			alive += start_worker(run) > 0;
	}
}

/* A single message is tried here, more of them by worker processes. */
static void
work_together(struct run *run)
{
	int pipe_ends[2];

	if (run->list.count > 1 && pipe(pipe_ends) == 0) {
		run->ear = pipe_ends[1];
		if (start_worker(run) > 0)
			follow(run, pipe_ends[0]);
		run->ear = -1;
		close(pipe_ends[0]);
		close(pipe_ends[1]);
	}
	work(run); /* what is left: all when nothing could be forked, nothing when the workers came to their end */
}

/* One pass over all that waits. */
static int
run_round(struct run *run, struct reason *reason)
{
	if (queue_list(run->options.queue, &run->list, reason) < 0)
		return -1;
	run->shared->next = 0;
	work_together(run);
	queue_list_free(&run->list);
	return 0;
}

/* Rounds until nobody has left new work while the last one went on. */
static enum trouble_kind
run_rounds(struct run *run, struct reason *reason)
{
	struct queue *queue = run->options.queue;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		run->seen = queue_touched(queue, "wake");
		queue_touch(queue, "last-run");
		if (run_round(run, reason) < 0)
			return TROUBLE_SYSTEM;
		if (run->shared->stopped || is_limited(run->filter) || queue_touched(queue, "wake") == run->seen)
			break;
	}
	*reason = run->shared->reason;
	return (enum trouble_kind)run->shared->kind;
}

/* Runs under the lock; again when somebody left work just before it was given back, and was turned away by it. */
static enum trouble_kind
run_locked(struct run *run, struct reason *reason)
{
	struct queue *queue = run->options.queue;
	enum trouble_kind kind = TROUBLE_NONE;

	while (kind == TROUBLE_NONE && queue_lock_run(queue)) {
		queue_sweep(queue, time(NULL));
		kind = run_rounds(run, reason);
		queue_unlock_run(queue);
		if (is_limited(run->filter) || queue_touched(queue, "wake") == run->seen)
			break;
	}
	return kind;
}

enum trouble_kind
queue_run(const struct delivery_options *options, const struct run_filter *filter, bool progress, struct reason *reason)
{
	struct run run = { .options = *options, .filter = filter, .progress = progress, .ear = -1 };
	enum trouble_kind kind;

	run.options.settle = settle;
	run.options.opened = say_ready;
	run.options.opened_context = &run;
	run.shared = mmap(NULL, sizeof(*run.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.shared == MAP_FAILED) {
		reason_set(reason, "no memory for a queue run: %s", strerror(errno));
		return TROUBLE_SYSTEM;
	}
	on_memory_failure(memory_status);
	process_on_stop(stop);
	kind = run_locked(&run, reason);
	if (progress)
		fputc('\n', stderr);
	munmap(run.shared, sizeof(*run.shared));
	return kind;
}

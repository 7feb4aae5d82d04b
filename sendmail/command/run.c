#include "command/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "command/status.h"
#include "delivery/run.h"
#include "queue/queue.h"

enum { PROGRESS_MIN = 2, INTERVAL_MAX = 7 * 24 * 60 * 60 };

/* The letters of a time as sendmail writes it: 15m, 1h30m, a week at most; without a letter minutes. */
static const struct {
	char letter;
	long seconds;
} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };

static int
run_filtered(
    struct caller *caller, struct queue *queue, const struct run_filter *filter, bool verbose, struct reason *reason)
{
	struct delivery_options options = {
		.config = &caller->config,
		.queue = queue,
		.host = caller->host,
		.zone = caller_zone(caller),
		.hooks.trace = verbose ? print_dialogue : NULL,
	};

	return queue_run(&options, filter, isatty(STDERR_FILENO), reason) == TROUBLE_NONE ? EX_OK : EX_UNAVAILABLE;
}

int
run_queue(struct caller *caller, struct queue *queue, struct reason *reason)
{
	const struct run_filter everything = { NULL, NULL, NULL };

	return run_filtered(caller, queue, &everything, false, reason);
}

static int
open_and_run(struct caller *caller, const struct run_filter *filter, bool verbose, struct reason *reason)
{
	struct queue *queue;
	int status;

	if (caller->config.queue.directory == NULL)
		return EX_OK;
	queue = queue_open(caller->config.queue.directory, reason);
	if (queue == NULL)
		return EX_UNAVAILABLE;
	status = run_filtered(caller, queue, filter, verbose, reason);
	queue_close(queue);
	return status;
}

int
run_once(struct caller *caller, struct reason *reason)
{
	const struct run_filter everything = { NULL, NULL, NULL };
	int status = caller_configure(caller, reason);

	return status == EX_OK ? open_and_run(caller, &everything, false, reason) : status;
}

/* Seconds of "15m", "1h30m", "5"; 0 when it is no time. */
static long
read_interval(const char *text)
{
	long total = 0;

	while (*text >= '0' && *text <= '9') {
		char *end;
		long number = strtol(text, &end, 10), unit = *end == '\0' ? 60 : 0;

		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (*end != '\0' && units[i].letter == *end)
				unit = units[i].seconds;
		if (unit == 0 || number > INTERVAL_MAX / unit)
			return 0;
		total += number * unit;
		text = *end != '\0' ? end + 1 : end;
	}
	return *text == '\0' && total <= INTERVAL_MAX ? total : 0;
}

/* For containers without cron: stays in the foreground until a signal ends it. Trouble is logged, and tried again. */
static _Noreturn void
run_forever(struct caller *caller, long interval, bool verbose)
{
	const struct run_filter everything = { NULL, NULL, NULL };

	for (;;) {
		struct timespec left = { .tv_sec = interval };
		struct reason reason = { "" };

		if (open_and_run(caller, &everything, verbose, &reason) != EX_OK)
			log_note(LEVEL_ERROR, "run", reason.text);
		while (nanosleep(&left, &left) < 0 && errno == EINTR)
			continue;
	}
}

/*
 * With what only a submission says beside it, an interval did not come from
 * whoever runs the queue: a web form that gets an option into PHP's mail() must
 * not keep its worker for ever.
 */
static bool
is_submission(const struct options *options)
{
	return options->from_header || options->ignore_dots || options->recipient_count > 0;
}

int
run_mode(struct caller *caller, const struct options *options, struct reason *reason)
{
	const char *value = options->run != NULL ? options->run : "", *part = value[0] != '\0' ? value + 1 : NULL;
	struct run_filter filter = { NULL, NULL, NULL };
	long interval = read_interval(value);
	int status = caller_configure(caller, reason);

	if (status != EX_OK)
		return status;
	if (interval > 0 && !is_submission(options))
		run_forever(caller, interval, options->verbose);
	if (value[0] == 'I')
		filter.id = part;
	else if (value[0] == 'R')
		filter.recipient = part;
	else if (value[0] == 'S')
		filter.sender = part;
	return open_and_run(caller, &filter, options->verbose, reason);
}

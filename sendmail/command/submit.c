/*
 * The way of a message on stdin: intake -> commit -> delivery -> verdicts ->
 * removed or kept -> exit status.
 */
#include "command/submit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "command/intake.h"
#include "command/outcome.h"

enum { BLOCK = 32768 };

ssize_t
read_stdin(char *bytes, size_t size)
{
	struct pollfd polled = { .fd = STDIN_FILENO, .events = POLLIN };
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, size)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			poll(&polled, 1, -1);
	return n;
}

/* A program is read to its end, lest it sees a broken pipe; a person at a terminal has said all with the dot. */
static bool
is_over(const struct intake *in)
{
	return in->reader.ended && isatty(STDIN_FILENO);
}

/* All of stdin; a message cut short by an error is none. */
static int
read_message(struct intake *in)
{
	char block[BLOCK];
	ssize_t n = 0;

	while (!is_over(in) && (n = read_stdin(block, sizeof(block))) > 0)
		intake_bytes(in, block, (size_t)n);
	if (n >= 0)
		return intake_end(in);
	reason_set(&in->reason, "reading the message: %s; nothing was sent", strerror(errno));
	intake_abandon(in);
	return EX_IOERR;
}

static int
deliver(struct intake *in, struct caller *caller, const struct options *options, struct reason *reason)
{
	struct outcome outcome;
	int status;

	outcome_begin(&outcome, caller, options, in->entry.queue);
	status = outcome_of(&outcome, &in->entry, true, reason);
	entry_close(&in->entry); /* and with it the lock, which a child would inherit */
	outcome_end(&outcome);
	return outcome.background ? EX_OK : status;
}

int
submit(struct caller *caller, const struct options *options, struct reason *reason)
{
	const struct intake_options how = {
		.submission = { options->recipients, options->recipient_count, options->from_header, options->sender,
		    options->full_name },
		.dot_ends = !options->ignore_dots,
		.notify = options->notify,
		.ret = options->ret,
		.envid = options->envid,
	};
	struct queue *queue;
	struct intake in;
	int status;

	intake_guard(false);
	queue = intake_queue(caller);
	intake_begin(&in, caller, queue, &how);
	status = read_message(&in);
	if (status == EX_OK)
		status = deliver(&in, caller, options, reason);
	else
		*reason = in.reason;
	queue_close(queue);
	return status;
}

void
drain_stdin(void)
{
	char block[BLOCK];

	while (read_stdin(block, sizeof(block)) > 0)
		continue;
}

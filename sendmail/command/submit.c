/*
 * The way of a message: stdin -> reader -> compose -> entry in tmp/ -> commit
 * -> delivery -> verdicts -> removed or kept -> exit status. Before the commit
 * every failure unlinks and says so; after it the mail is safe and no failure
 * may turn into a lie.
 */
#include "command/submit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "command/lines.h"
#include "command/outcome.h"
#include "command/status.h"
#include "message/outgoing.h"
#include "message/reader.h"
#include "queue/queue.h"

enum {
	BLOCK = 32768,
	BODY_MAX = 2 * BLOCK, /* one block and what the reader held back */
};

struct intake {
	struct caller *caller;
	const struct options *options;
	struct reason *reason;
	int status; /* of the first failure; EX_OK while all is well */
	struct queue *queue; /* NULL: no queue */
	struct entry entry;
	struct reader reader;
	struct buffer header, body;
	char id[ID_MAX];
	bool begun; /* the header was composed and written */
};

static int
stop_status(void)
{
	return queue_abandon_all() ? EX_OK : EX_UNAVAILABLE;
}

static int
memory_status(void)
{
	queue_forgive_try();
	return queue_abandon_all() ? EX_OK : EX_OSERR;
}

static void
stop(int signal_number)
{
	(void)signal_number;
	_exit(stop_status());
}

static void
fail(struct intake *in, int status)
{
	if (in->status == EX_OK)
		in->status = status;
}

/* The reserve of the disk is for others, and for the marks of what is queued already. */
static bool
has_room(const struct intake *in, struct reason *why)
{
	const struct config *config = &in->caller->config;

	if (queue_has_room(in->queue, 0, (uint64_t)config->queue.min_free))
		return true;
	reason_set(why, "no room in %s: less is free than min_free in [queue] leaves", config->queue.directory);
	return false;
}

static int
create_in_queue(struct intake *in, const char *directory, struct reason *why)
{
	in->queue = queue_open(directory, why);
	if (in->queue == NULL || !has_room(in, why))
		return -1;
	if (entry_create(&in->entry, in->queue, in->id, why) == 0)
		return 0;
	entry_abandon(&in->entry);
	return -1;
}

/* In the queue when there is one that can be written, else an unnamed file. */
static int
open_entry(struct intake *in)
{
	const char *directory = in->caller->config.queue.directory;
	struct reason why;

	queue_new_id(in->id, time(NULL));
	if (directory != NULL && create_in_queue(in, directory, &why) == 0)
		return 0;
	if (directory != NULL)
		log_note(LEVEL_WARNING, "queue", why.text);
	queue_close(in->queue);
	in->queue = NULL;
	return entry_create(&in->entry, NULL, in->id, in->reason);
}

/* The header is complete: decides recipients and rewriting, writes envelope and header. */
static void
begin(struct intake *in)
{
	static const int statuses[] = {
		[COMPOSE_OK] = EX_OK,
		[COMPOSE_NO_RECIPIENTS] = EX_USAGE,
		[COMPOSE_BAD_DATA] = EX_DATAERR,
	};
	const struct options *o = in->options;
	const struct submission submission = { o->recipients, o->recipient_count, o->from_header, o->sender,
		o->full_name };
	struct envelope *envelope = &in->entry.envelope;
	struct identity identity;
	struct stamp stamp;
	struct buffer composed;

	in->begun = true;
	caller_identity(in->caller, &identity);
	caller_stamp(in->caller, in->id, &stamp);
	snprintf(envelope->id, sizeof(envelope->id), "%s", in->id);
	envelope->birth = stamp.now;
	envelope->uid = identity.uid;
	envelope->notify = o->notify;
	envelope->ret = o->ret;
	envelope->envid = o->envid != NULL ? copy_string(o->envid) : NULL;
	buffer_init(&composed, COMPOSED_MAX);
	fail(in, statuses[compose(&in->header, &submission, &identity, &stamp, envelope, &composed, in->reason)]);
	buffer_free(&in->header);
	facts_add(&envelope->facts, composed.data, composed.length);
	if (in->status == EX_OK && (entry_start(&in->entry, in->reason) < 0 ||
				       entry_write(&in->entry, composed.data, composed.length, in->reason) < 0))
		fail(in, EX_IOERR);
	buffer_free(&composed);
	identity_free(&identity);
}

/* Stores what the reader has made of the last block; after a failure the rest is only drained. */
static void
store(struct intake *in)
{
	const struct config *config = &in->caller->config;
	struct facts *facts = &in->entry.envelope.facts;

	if (!in->reader.in_header && !in->begun)
		begin(in);
	if (in->begun && in->status == EX_OK && in->body.length > 0) {
		facts_add(facts, in->body.data, in->body.length);
		if (entry_write(&in->entry, in->body.data, in->body.length, in->reason) < 0)
			fail(in, EX_IOERR);
	}
	if (in->begun)
		buffer_clear(&in->body);
	if (in->status == EX_OK && facts->size > (uint64_t)config->queue.max_message) {
		reason_set(in->reason, "message is larger than the %lld bytes that max_message in [queue] allows",
		    (long long)config->queue.max_message);
		fail(in, EX_DATAERR);
	}
}

static void
read_message(struct intake *in)
{
	char block[BLOCK];
	ssize_t n;

	while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			reason_set(in->reason, "reading the message: %s; nothing was sent", strerror(errno));
			fail(in, EX_IOERR);
			return;
		}
		reader_input(&in->reader, block, (size_t)n, &in->header, &in->body);
		store(in);
	}
	reader_end(&in->reader, &in->header, &in->body);
	in->reader.in_header = false;
	store(in);
}

static void
check_message(struct intake *in)
{
	const struct envelope *envelope = &in->entry.envelope;
	struct buffer text;

	if (in->status != EX_OK)
		return;
	if (envelope->facts.longest_line > TEXT_LINE_MAX)
		fail(in, check_lines(&in->entry, in->reason));
	if (envelope_tally(envelope, DEFERRED) == 0) {
		buffer_init(&text, REASON_MAX);
		explain_recipients(envelope, FAILED, &text);
		reason_set(in->reason, "no usable recipient: %s", buffer_string(&text));
		buffer_free(&text);
		fail(in, EX_DATAERR);
	}
}

int
submit(struct caller *caller, const struct options *options, struct reason *reason)
{
	struct intake in = { .caller = caller, .options = options, .reason = reason };

	process_on_stop(stop);
	on_memory_failure(memory_status);
	reader_init(&in.reader, !options->ignore_dots);
	buffer_init(&in.header, HEADER_MAX);
	buffer_init(&in.body, BODY_MAX);
	if (open_entry(&in) < 0) {
		drain_stdin();
		queue_close(in.queue);
		return EX_IOERR;
	}
	read_message(&in);
	check_message(&in);
	if (in.status == EX_OK && entry_commit(&in.entry, reason) < 0)
		fail(&in, EX_IOERR);
	if (in.status == EX_OK)
		in.status = deliver_submission(caller, options, in.queue, &in.entry, reason);
	else
		entry_abandon(&in.entry);
	entry_close(&in.entry);
	queue_close(in.queue);
	buffer_free(&in.header);
	buffer_free(&in.body);
	return in.status;
}

void
drain_stdin(void)
{
	char block[BLOCK];
	ssize_t n;

	do
		n = read(STDIN_FILENO, block, sizeof(block));
	while (n > 0 || (n < 0 && errno == EINTR));
}

/*
 * reader -> compose -> entry in tmp/ -> commit. Before the commit every failure
 * unlinks and says so; after it the mail is safe and no failure may turn into a
 * lie.
 */
#include "command/intake.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "command/lines.h"
#include "command/status.h"
#include "message/outgoing.h"

enum {
	BLOCK = 32768, /* what the reader is given at a time */
	BODY_MAX = 2 * BLOCK, /* one block and what the reader held back */
};

static bool in_dialogue; /* see intake_guard() */

/* What the process ends with when it was not to end yet. */
static int
abandon(int status)
{
	return queue_abandon_all() && !in_dialogue ? EX_OK : status;
}

static int
memory_status(void)
{
	queue_forgive_try();
	return abandon(EX_OSERR);
}

static void
stop(int signal_number)
{
	(void)signal_number;
	_exit(abandon(EX_UNAVAILABLE));
}

void
intake_guard(bool dialogue)
{
	in_dialogue = dialogue;
	process_on_stop(stop);
	on_memory_failure(memory_status);
}

struct queue *
intake_queue(const struct caller *caller)
{
	const char *directory = caller->config.queue.directory;
	struct queue *queue;
	struct reason why;

	if (directory == NULL)
		return NULL;
	queue = queue_open(directory, &why);
	if (queue == NULL)
		log_note(LEVEL_WARNING, "queue", why.text);
	return queue;
}

static void
fail(struct intake *in, int status)
{
	if (in->status == EX_OK)
		in->status = status;
}

/* The reserve of the disk is for others, and for the marks of what is queued already. */
static bool
has_room(const struct intake *in, struct queue *queue, struct reason *why)
{
	const struct config *config = &in->caller->config;

	if (queue_has_room(queue, 0, (uint64_t)config->queue.min_free))
		return true;
	reason_set(why, "no room in %s: less is free than min_free in [queue] leaves", config->queue.directory);
	return false;
}

static bool
create_in_queue(struct intake *in, struct queue *queue, const char *id)
{
	struct reason why;

	if (has_room(in, queue, &why)) {
		if (entry_create(&in->entry, queue, id, &why) == 0)
			return true;
		entry_abandon(&in->entry);
	}
	log_note(LEVEL_WARNING, "queue", why.text);
	return false;
}

void
intake_begin(struct intake *in, struct caller *caller, struct queue *queue, const struct intake_options *options)
{
	char id[ID_MAX];

	*in = (struct intake){ .caller = caller, .options = options, .entry = { .fd = -1 } };
	reader_init(&in->reader, options->dot_ends);
	buffer_init(&in->header, HEADER_MAX);
	buffer_init(&in->body, BODY_MAX);
	queue_new_id(id, time(NULL));
	if (queue != NULL && create_in_queue(in, queue, id))
		return;
	if (entry_create(&in->entry, NULL, id, &in->reason) < 0)
		fail(in, EX_IOERR);
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
	const struct intake_options *o = in->options;
	struct envelope *envelope = &in->entry.envelope;
	struct identity identity;
	struct stamp stamp;
	struct buffer composed;

	in->begun = true;
	caller_identity(in->caller, &identity);
	caller_stamp(in->caller, envelope->id, &stamp);
	envelope->birth = stamp.now;
	envelope->uid = identity.uid;
	envelope->notify = o->notify;
	envelope->ret = o->ret;
	envelope->envid = o->envid != NULL ? copy_string(o->envid) : NULL;
	buffer_init(&composed, COMPOSED_MAX);
	fail(in, statuses[compose(&in->header, &o->submission, &identity, &stamp, envelope, &composed, &in->reason)]);
	buffer_free(&in->header);
	facts_add(&envelope->facts, composed.data, composed.length);
	if (in->status == EX_OK && (entry_start(&in->entry, &in->reason) < 0 ||
				       entry_write(&in->entry, composed.data, composed.length, &in->reason) < 0))
		fail(in, EX_IOERR);
	buffer_free(&composed);
	identity_free(&identity);
}

/* Stores what the reader has made of the last block. */
static void
store(struct intake *in)
{
	const struct config *config = &in->caller->config;
	struct facts *facts = &in->entry.envelope.facts;

	if (!in->reader.in_header && !in->begun)
		begin(in);
	if (in->begun && in->status == EX_OK && in->body.length > 0) {
		facts_add(facts, in->body.data, in->body.length);
		if (entry_write(&in->entry, in->body.data, in->body.length, &in->reason) < 0)
			fail(in, EX_IOERR);
	}
	if (in->begun)
		buffer_clear(&in->body);
	if (in->status == EX_OK && facts->size > (uint64_t)config->queue.max_message) {
		reason_set(&in->reason, "message is larger than the %lld bytes that max_message in [queue] allows",
		    (long long)config->queue.max_message);
		fail(in, EX_DATAERR);
	}
}

void
intake_bytes(struct intake *in, const char *bytes, size_t n)
{
	while (n > 0 && in->status == EX_OK) {
		size_t block = n < BLOCK ? n : BLOCK;

		reader_input(&in->reader, bytes, block, &in->header, &in->body);
		store(in);
		bytes += block;
		n -= block;
	}
}

static void
check_message(struct intake *in)
{
	const struct envelope *envelope = &in->entry.envelope;
	struct buffer text;

	if (envelope->facts.longest_line > TEXT_LINE_MAX)
		fail(in, check_lines(&in->entry, &in->reason));
	if (in->status == EX_OK && envelope_tally(envelope, DEFERRED) == 0) {
		buffer_init(&text, REASON_MAX);
		explain_recipients(envelope, FAILED, NULL, &text);
		reason_set(&in->reason, "no usable recipient: %s", buffer_string(&text));
		buffer_free(&text);
		fail(in, EX_DATAERR);
	}
}

int
intake_end(struct intake *in)
{
	if (in->status == EX_OK) {
		reader_end(&in->reader, &in->header, &in->body);
		store(in);
	}
	if (in->status == EX_OK)
		check_message(in);
	if (in->status == EX_OK && entry_commit(&in->entry, &in->reason) < 0)
		fail(in, EX_IOERR);
	if (in->status != EX_OK)
		intake_abandon(in);
	buffer_free(&in->header);
	buffer_free(&in->body);
	return in->status;
}

void
intake_abandon(struct intake *in)
{
	entry_abandon(&in->entry);
	buffer_free(&in->header);
	buffer_free(&in->body);
}

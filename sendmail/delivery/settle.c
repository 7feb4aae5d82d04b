#include "delivery/settle.h"

#include <stdio.h>
#include <time.h>

#include "base/log.h"

enum {
	DOUBTS_MAX = 2, /* unknown outcomes after which a message is held */
	DELAY_NOTICE = 4 * 60 * 60, /* seconds of age at which the sender is told */
	WHERE_MAX = 512,
};

static void
log_entry(enum log_level level, const char *event, const struct entry *entry, const char *text)
{
	log_event(level, event,
	    (struct log_field[]){
		{ "id", entry->envelope.id },
		{ "from", entry->envelope.sender[0] != '\0' ? entry->envelope.sender : "<>" },
		{ "text", text },
		{ NULL, NULL },
	    });
}

static void
check(const struct entry *entry, int result, const struct reason *reason)
{
	if (result < 0)
		log_entry(LEVEL_ERROR, "queue", entry, reason->text);
}

/* The sender wants to hear of the success, and no server behind us was asked to tell him. */
static bool
owes_success(const struct envelope *envelope)
{
	return (envelope->notify & NOTIFY_SUCCESS) != 0 && !envelope->wishes_passed;
}

void
settle_verdicts(struct entry *entry)
{
	const struct envelope *envelope = &entry->envelope;
	bool done = envelope_tally(envelope, DELIVERED) == envelope->count;
	struct reason reason;

	/* Who is owed a report must get it first. */
	if (done && !owes_success(envelope))
		check(entry, entry_remove(entry, &reason), &reason);
	else
		check(entry, entry_record(entry, &reason), &reason);
}

static enum report_result
report(const struct delivery *d, const struct entry *entry, enum report_kind kind)
{
	const struct config *config = d->options.config;
	const char *bounce_to = config->queue.bounce_to;
	char where[WHERE_MAX];
	struct reason reason;
	enum report_result result;
	const struct reporter reporter = {
		.queue = d->options.queue,
		.host = d->options.host,
		.domain = config->identity.domain,
		.from = d->smarthost->from,
		.bounce_to = bounce_to != NULL ? bounce_to : sender_allowed(delivery_rule(d), entry->envelope.sender),
		.smarthost = d->smarthost->host != NULL ? where : NULL,
		.now = time(NULL),
		.zone = d->options.zone,
		.lifetime = config->queue.lifetime,
	};

	if (reporter.smarthost != NULL)
		snprintf(where, sizeof(where), "%s:%s", d->smarthost->host, d->smarthost->port);
	result = report_store(&reporter, entry, kind, &reason);
	if (result == REPORT_ERROR)
		log_entry(LEVEL_ERROR, "report", entry, reason.text);
	if (result == REPORT_STORED)
		queue_touch(d->options.queue, "wake"); /* for whoever runs the queue, maybe we ourselves */
	return result;
}

void
settle_told(struct entry *entry)
{
	for (size_t i = 0; i < entry->envelope.count; i++)
		if (entry->envelope.recipients[i].verdict == FAILED)
			entry->envelope.recipients[i].verdict = DELIVERED;
	settle_verdicts(entry);
}

enum report_result
settle_refused(const struct delivery *d, struct entry *entry)
{
	enum report_result result = report(d, entry, REPORT_FAILED);

	if (result == REPORT_STORED || result == REPORT_UNWANTED)
		settle_told(entry);
	return result;
}

/* Everybody who still waits becomes FAILED, the last reply kept. */
static void
give_up(struct entry *entry)
{
	for (size_t i = 0; i < entry->envelope.count; i++)
		if (entry->envelope.recipients[i].verdict == DEFERRED)
			entry->envelope.recipients[i].verdict = FAILED;
	log_entry(LEVEL_ERROR, "expired", entry, "the lifetime of [queue] is over");
	settle_verdicts(entry);
}

/* Twice nobody knows whether it arrived: a person must decide. */
static void
hold(const struct delivery *d, struct entry *entry)
{
	struct reason reason;

	if (report(d, entry, REPORT_HELD) == REPORT_ERROR)
		return; /* the next run tries again to say so, and does not send it meanwhile */
	log_entry(LEVEL_ERROR, "held", entry,
	    "twice the connection broke before the answer to the whole message: it may have arrived; "
	    "see sendmailctl queue release and delete");
	check(entry, entry_hold(entry, &reason), &reason);
}

static void
tell_delay(const struct delivery *d, struct entry *entry)
{
	struct reason reason;

	if (entry->envelope.delay_told || time(NULL) - entry->envelope.birth < DELAY_NOTICE)
		return;
	if (report(d, entry, REPORT_DELAYED) == REPORT_ERROR)
		return;
	entry->envelope.delay_told = true;
	check(entry, entry_record(entry, &reason), &reason);
}

/* Nobody can be told: kept for people. */
static void
keep_failed(struct entry *entry)
{
	struct reason reason;

	if (entry_fail(entry, &reason) < 0)
		log_entry(LEVEL_ERROR, "queue", entry, reason.text);
	else
		log_entry(LEVEL_ERROR, "failed", entry, "moved to .Failed of the queue: nobody can be told");
}

void
settle_poison(const struct delivery *d, struct entry *entry)
{
	struct reason reason;

	log_entry(LEVEL_ERROR, "poison", entry, "three tries died on this message: moved to .Failed of the queue");
	report(d, entry, REPORT_HELD);
	check(entry, entry_fail(entry, &reason), &reason);
}

bool
settle_is_doubtful(const struct entry *entry)
{
	return entry->envelope.doubts >= DOUBTS_MAX;
}

static bool
anyone_accepted(const struct envelope *envelope)
{
	for (size_t i = 0; i < envelope->count; i++)
		if (envelope->recipients[i].reply.code / 100 == 2)
			return true;
	return false;
}

/* All was done, and the sender wanted to hear of what was accepted. Removed whatever comes of the report. */
static void
tell_success(const struct delivery *d, struct entry *entry)
{
	struct reason reason;

	if (anyone_accepted(&entry->envelope))
		report(d, entry, REPORT_DELIVERED);
	check(entry, entry_remove(entry, &reason), &reason);
}

void
settle_duties(const struct delivery *d, struct entry *entry, bool expired)
{
	struct envelope *envelope = &entry->envelope;
	enum report_result told = REPORT_UNWANTED;

	if (envelope_tally(envelope, DEFERRED) > 0 && expired)
		give_up(entry);
	if (envelope_tally(envelope, FAILED) > 0)
		told = settle_refused(d, entry);
	if (told == REPORT_ERROR)
		return; /* the next run finds the marks and tries again to report */
	if (envelope_tally(envelope, DEFERRED) > 0)
		settle_is_doubtful(entry) ? hold(d, entry) : tell_delay(d, entry);
	else if (told == REPORT_IMPOSSIBLE)
		keep_failed(entry);
	else if (owes_success(envelope))
		tell_success(d, entry);
}

#include "delivery/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "delivery/maildir.h"
#include "delivery/pause.h"

enum { NUMBER_MAX = 32 };

/* What a verdict is called in the log, and how loud it is. */
static const struct {
	enum log_level level;
	const char *event;
} events[] = {
	[DEFERRED] = { LEVEL_WARNING, "deferred" },
	[DELIVERED] = { LEVEL_NOTICE, "sent" },
	[FAILED] = { LEVEL_ERROR, "refused" },
};

struct schedule
schedule_of(const struct config *config)
{
	return (struct schedule){ config->queue.retry_first, config->queue.retry_longest, config->queue.lifetime };
}

struct sender_rule
senders_of(const struct config *config, const struct smarthost *smarthost)
{
	return (struct sender_rule){
		.forced = smarthost->from,
		.name = config->identity.from_name,
		.keep = (const char *const *)config->identity.keep_from.items,
		.keep_count = config->identity.keep_from.count,
		.domain = config->identity.domain,
	};
}

void
delivery_init(struct delivery *d, const struct delivery_options *options)
{
	*d = (struct delivery){ .options = *options, .slot = -1, .smarthost = options->config->smarthosts };
	d->schedule = schedule_of(options->config);
}

static void
log_recipient(const struct delivery *d, const struct envelope *e, const struct recipient *r, int64_t took)
{
	const struct smarthost *host = d->smarthost;
	char uid[NUMBER_MAX], size[NUMBER_MAX], delay[NUMBER_MAX], spent[NUMBER_MAX], where[512];
	char reply[REPLY_TEXT_MAX + 32];

	snprintf(uid, sizeof(uid), "%lu", e->uid);
	snprintf(size, sizeof(size), "%" PRIu64, e->facts.size);
	snprintf(delay, sizeof(delay), "%" PRId64, (int64_t)time(NULL) - e->birth);
	snprintf(spent, sizeof(spent), "%" PRId64, took);
	if (host->maildir != NULL)
		snprintf(where, sizeof(where), "%s", host->maildir);
	else
		snprintf(where, sizeof(where), "%s:%s", host->host, host->port);
	reply_format(&r->reply, reply, sizeof(reply));
	log_event(events[r->verdict].level, events[r->verdict].event,
	    (struct log_field[]){
		{ "id", e->id },
		{ "message-id", e->message_id },
		{ "uid", uid },
		{ "from", e->sender[0] != '\0' ? e->sender : "<>" },
		{ "to", r->address },
		{ "size", size },
		{ "smarthost", where },
		{ "reply", reply },
		{ "delay", delay },
		{ "milliseconds", spent },
		{ NULL, NULL },
	    });
}

static bool
left(const struct delivery *d)
{
	return d->options.hooks.patience != NULL && d->options.hooks.patience->left;
}

static enum attempt
store_in_maildir(struct delivery *d, struct entry *entry)
{
	struct reply reply;

	if (maildir_deliver(d->smarthost->maildir, entry, &d->trouble.reason) < 0) {
		d->trouble.kind = TROUBLE_SYSTEM;
		return ATTEMPT_TROUBLE;
	}
	reply_set(&reply, 250, "2.0.0", "stored in the Maildir");
	envelope_settle(&entry->envelope, DELIVERED, &reply);
	return ATTEMPT_MADE;
}

/* True, with the trouble, while the smarthost is left alone. */
static bool
is_paused(struct delivery *d)
{
	struct pause pause;

	if (d->options.queue == NULL || !pause_read(d->options.queue, d->smarthost, &pause) ||
	    !pause_stands(&pause, &d->schedule, time(NULL)))
		return false;
	d->trouble.kind = TROUBLE_SERVICE;
	reason_set(&d->trouble.reason, "paused after: %s", pause.text);
	return true;
}

static void
give_slot_back(struct delivery *d)
{
	if (d->slot >= 0)
		close(d->slot);
	d->slot = -1;
}

static bool
take_slot(struct delivery *d)
{
	char key[SMARTHOST_KEY_MAX];

	if (!d->options.submitter || d->options.queue == NULL || d->slot >= 0)
		return true;
	smarthost_key(key, d->smarthost);
	d->slot = queue_take_slot(d->options.queue, key, d->smarthost->connections);
	return d->slot >= 0;
}

/* Opens a session; what comes of it begins or lifts the smarthost's pause. */
static enum attempt
open_session(struct delivery *d)
{
	struct queue *queue = d->options.queue;
	struct pause pause;

	session_close(d->session);
	d->session = NULL;
	if (is_paused(d))
		return ATTEMPT_PAUSED;
	if (!take_slot(d))
		return ATTEMPT_BUSY;
	d->senders = senders_of(d->options.config, d->smarthost);
	d->session = session_open(d->smarthost, &d->options.hooks, &d->senders);
	if (session_usable(d->session)) {
		if (queue != NULL && pause_read(queue, d->smarthost, &pause))
			pause_lift(queue, d->smarthost);
		if (d->options.opened != NULL)
			d->options.opened(d->options.opened_context);
		return ATTEMPT_MADE;
	}
	d->trouble = *session_trouble(d->session);
	if (queue != NULL && !left(d))
		pause_begin(queue, d->smarthost, &d->schedule, &d->trouble, time(NULL));
	return ATTEMPT_TROUBLE;
}

/*
 * True when the message met the end of a session that had served others, and
 * nothing was said about it: many servers allow only so much a connection.
 */
static bool
is_worn_out(const struct delivery *d, const struct envelope *envelope, size_t waiting)
{
	return d->trouble.kind != TROUBLE_NONE && !envelope->maybe_sent &&
	       envelope_tally(envelope, DEFERRED) == waiting && !left(d);
}

static enum attempt
send_through_session(struct delivery *d, struct entry *entry, bool last)
{
	struct envelope *envelope = &entry->envelope;
	size_t waiting = envelope_tally(envelope, DEFERRED);
	bool used = d->session != NULL && session_usable(d->session);
	enum attempt opened = used ? ATTEMPT_MADE : open_session(d);
	struct reason ignored;

	if (opened != ATTEMPT_MADE) {
		queue_forgive_try(); /* on the session before this one */
		return opened;
	}
	/* A digit that cannot be written only makes a poisonous message harder to find. */
	entry_begin_try(entry, &ignored);
	session_send(d->session, entry, last);
	d->trouble = *session_trouble(d->session);
	if (used && is_worn_out(d, envelope, waiting))
		return send_through_session(d, entry, last); /* the session is not usable any more: on a new one */
	if (d->trouble.everybody && !used && d->options.queue != NULL && !left(d))
		pause_begin(d->options.queue, d->smarthost, &d->schedule, &d->trouble, time(NULL));
	return ATTEMPT_MADE;
}

/* The first smarthost that can be used gets the message; an open session goes on with its own. */
static enum attempt
attempt(struct delivery *d, struct entry *entry, bool last)
{
	const struct smarthost *hosts = d->options.config->smarthosts;
	enum attempt made = ATTEMPT_TROUBLE;
	bool tried = false;

	if (d->session != NULL && session_usable(d->session)) {
		made = send_through_session(d, entry, last);
		return left(d) ? ATTEMPT_LEFT : made;
	}
	for (size_t i = 0; i < d->options.config->smarthost_count; i++) {
		if (d->smarthost != &hosts[i])
			give_slot_back(d);
		d->smarthost = &hosts[i];
		d->trouble = (struct trouble){ .kind = TROUBLE_NONE };
		made = hosts[i].maildir != NULL ? store_in_maildir(d, entry) : send_through_session(d, entry, last);
		if (left(d))
			return ATTEMPT_LEFT;
		if (made != ATTEMPT_TROUBLE && made != ATTEMPT_PAUSED)
			return made;
		tried = tried || made == ATTEMPT_TROUBLE;
	}
	return tried ? ATTEMPT_TROUBLE : ATTEMPT_PAUSED;
}

/* Nobody could be asked: the trouble is the reply of whoever waits. */
static void
defer_all(const struct delivery *d, struct envelope *envelope)
{
	struct reply reply;

	reply_set(&reply, 0, "", d->trouble.reason.text);
	envelope_settle(envelope, DEFERRED, &reply);
}

/* A message nobody could be asked about is not charged: its schedule stays as it is. */
static void
conclude(struct delivery *d, struct entry *entry, enum attempt made)
{
	if (made == ATTEMPT_MADE)
		d->options.settle(d->options.settle_context, entry);
	else if (made != ATTEMPT_BUSY)
		defer_all(d, &entry->envelope);
}

enum attempt
delivery_try(struct delivery *d, struct entry *entry, bool last)
{
	struct envelope *envelope = &entry->envelope;
	int64_t started = clock_milliseconds(), took;
	bool *waiting = allocate(envelope->count, sizeof(*waiting));
	enum attempt made;

	for (size_t i = 0; i < envelope->count; i++)
		waiting[i] = envelope->recipients[i].verdict == DEFERRED;
	made = attempt(d, entry, last);
	took = clock_milliseconds() - started;
	if (made != ATTEMPT_LEFT)
		conclude(d, entry, made);
	for (size_t i = 0; i < envelope->count; i++)
		if (waiting[i] && (made == ATTEMPT_MADE || made == ATTEMPT_TROUBLE))
			log_recipient(d, envelope, &envelope->recipients[i], took);
	free(waiting);
	return made;
}

void
delivery_end(struct delivery *d)
{
	session_close(d->session);
	d->session = NULL;
	give_slot_back(d);
}

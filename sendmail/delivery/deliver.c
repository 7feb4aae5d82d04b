#include "delivery/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "delivery/maildir.h"

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

void
delivery_init(struct delivery *d, const struct config *config, const struct session_hooks *hooks)
{
	*d = (struct delivery){ .config = config, .hooks = *hooks };
}

static void
log_recipient(const struct delivery *d, const struct envelope *e, const struct recipient *r, int64_t took)
{
	const struct smarthost *host = d->smarthost;
	char uid[NUMBER_MAX], size[NUMBER_MAX], delay[NUMBER_MAX], spent[NUMBER_MAX], where[512],
	    reply[REPLY_TEXT_MAX + 32];

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
	return d->hooks.patience != NULL && d->hooks.patience->left;
}

static bool
store_in_maildir(struct delivery *d, struct entry *entry)
{
	struct reply reply;

	if (maildir_deliver(d->smarthost->maildir, entry, &d->trouble.reason) < 0) {
		d->trouble.kind = TROUBLE_SYSTEM;
		return false;
	}
	reply_set(&reply, 250, "2.0.0", "stored in the Maildir");
	envelope_settle(&entry->envelope, DELIVERED, &reply);
	return true;
}

static bool
send_through_session(struct delivery *d, struct entry *entry, bool last)
{
	bool usable;

	if (d->session == NULL || !session_usable(d->session)) {
		session_close(d->session);
		d->session = session_open(d->smarthost, &d->hooks);
	}
	usable = session_usable(d->session);
	if (usable)
		session_send(d->session, entry, last);
	d->trouble = *session_trouble(d->session);
	return usable;
}

/* The first smarthost that can be used gets the message; an open session goes on with its own. */
static bool
attempt(struct delivery *d, struct entry *entry, bool last)
{
	const struct smarthost *hosts = d->config->smarthosts;
	bool used = d->session != NULL && session_usable(d->session) && send_through_session(d, entry, last);

	for (size_t i = 0; i < d->config->smarthost_count && !used && !left(d); i++) {
		d->smarthost = &hosts[i];
		d->trouble.kind = TROUBLE_NONE;
		used = hosts[i].maildir != NULL ? store_in_maildir(d, entry) : send_through_session(d, entry, last);
	}
	return used;
}

/* Nobody could be asked: the trouble is the reply of whoever waits. */
static void
defer_all(const struct delivery *d, struct envelope *envelope)
{
	struct reply reply;

	reply_set(&reply, 0, "", d->trouble.reason.text);
	envelope_settle(envelope, DEFERRED, &reply);
}

bool
delivery_try(struct delivery *d, struct entry *entry, bool last)
{
	struct envelope *envelope = &entry->envelope;
	int64_t started = clock_milliseconds(), took;
	bool *waiting = allocate(envelope->count, sizeof(*waiting));
	bool tried;

	for (size_t i = 0; i < envelope->count; i++)
		waiting[i] = envelope->recipients[i].verdict == DEFERRED;
	tried = attempt(d, entry, last);
	if (!left(d)) {
		took = clock_milliseconds() - started;
		if (!tried)
			defer_all(d, envelope);
		d->settle(d->settle_context, entry);
		for (size_t i = 0; i < envelope->count; i++)
			if (waiting[i])
				log_recipient(d, envelope, &envelope->recipients[i], took);
	}
	free(waiting);
	return tried;
}

void
delivery_end(struct delivery *d)
{
	session_close(d->session);
	d->session = NULL;
}

#include "delivery/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "config/preset.h"
#include "config/secret.h"
#include "delivery/maildir.h"
#include "delivery/pause.h"
#include "delivery/route.h"
#include "smtp/explain.h"

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

static struct way *
way_of(struct delivery *d)
{
	return &d->ways[d->smarthost - d->options.config->smarthosts];
}

const struct sender_rule *
delivery_rule(const struct delivery *d)
{
	return &d->rules[d->smarthost - d->options.config->smarthosts];
}

void
delivery_init(struct delivery *d, const struct delivery_options *options)
{
	const struct config *config = options->config;

	*d = (struct delivery){ .options = *options, .smarthost = config->smarthosts };
	d->schedule = schedule_of(config);
	for (size_t i = 0; i < config->smarthost_count; i++) {
		d->ways[i].slot = -1;
		d->rules[i] = (struct sender_rule){
			.forced = config->smarthosts[i].from,
			.name = config->identity.from_name,
			.keep = (const char *const *)config->identity.keep_from.items,
			.keep_count = config->identity.keep_from.count,
			.domain = config->identity.domain,
		};
	}
}

static void
log_recipient(const struct delivery *d, const struct envelope *e, const struct recipient *r, int64_t took)
{
	const struct smarthost *host = d->smarthost;
	const char *port = d->ways[host - d->options.config->smarthosts].port;
	char uid[NUMBER_MAX], size[NUMBER_MAX], delay[NUMBER_MAX], spent[NUMBER_MAX], where[512];
	const struct refusal *refusal = explain_reply(preset_name(host), STEP_ANY, &r->reply);
	char reply[REPLY_TEXT_MAX + 32];

	snprintf(uid, sizeof(uid), "%lu", e->uid);
	snprintf(size, sizeof(size), "%" PRIu64, e->facts.size);
	snprintf(delay, sizeof(delay), "%" PRId64, (int64_t)time(NULL) - e->birth);
	snprintf(spent, sizeof(spent), "%" PRId64, took);
	if (host->maildir != NULL)
		snprintf(where, sizeof(where), "%s", host->maildir);
	else
		snprintf(where, sizeof(where), "%s:%s", host->host, port != NULL ? port : host->port);
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
		{ r->reply.code >= 400 ? "cause" : NULL, refusal->meaning },
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
close_way(struct way *way)
{
	session_close(way->session);
	way->session = NULL;
	free_secret(way->secret);
	way->secret = NULL;
}

static void
give_slot_back(struct way *way)
{
	if (way->slot >= 0)
		close(way->slot);
	way->slot = -1;
}

static bool
take_slot(struct delivery *d)
{
	struct way *way = way_of(d);
	char key[SMARTHOST_KEY_MAX];

	if (!d->options.submitter || d->options.queue == NULL || way->slot >= 0)
		return true;
	smarthost_key(key, d->smarthost);
	way->slot = queue_take_slot(d->options.queue, key, d->smarthost->connections);
	return way->slot >= 0;
}

/* A secret serves all ports that are tried for one session: a command may ask a person, or a vault that counts. */
static int
hold_secret(struct way *way, const struct smarthost *host, unsigned which, struct reason *why)
{
	if (way->secret != NULL && way->which == which)
		return 0;
	free_secret(way->secret);
	way->secret = NULL;
	way->which = which;
	return secret_count(host) > 0 ? secret_obtain(host, which, &way->secret, why) : 0;
}

/* One port, one secret; the trouble says what came of it. */
static void
knock(struct delivery *d, const struct door *door)
{
	const struct smarthost *host = d->smarthost;
	struct way *way = way_of(d);
	struct reason why;

	session_close(way->session);
	way->session = NULL;
	d->trouble = (struct trouble){ .kind = TROUBLE_NONE };
	if (hold_secret(way, host, door->secret, &why) != 0) {
		d->trouble = (struct trouble){ .kind = TROUBLE_LOGIN, .everybody = true };
		reason_set(&d->trouble.reason, "%s login: %s", host->host, why.text);
		return;
	}
	way->port = host->ports.items[door->port];
	way->session = session_open(&(struct session_options){
	    .smarthost = host,
	    .port = way->port,
	    .secret = way->secret,
	    .connect_timeout = (unsigned)host->connect_timeout / (unsigned)host->ports.count + 1,
	    .senders = delivery_rule(d),
	    .hooks = &d->options.hooks,
	});
	d->trouble = *session_trouble(way->session);
}

static bool
is_in(struct delivery *d)
{
	return way_of(d)->session != NULL && session_usable(way_of(d)->session);
}

/* Every port until one answers, beginning with the one that did last; nothing but silence leads to the next. */
static void
try_ports(struct delivery *d, struct door *door)
{
	unsigned first = door->port;
	struct reason earlier;

	knock(d, door);
	for (unsigned i = 0; i < d->smarthost->ports.count && d->trouble.unreachable && !left(d); i++) {
		if (i == first)
			continue;
		earlier = d->trouble.reason;
		door->port = i;
		knock(d, door);
		if (d->trouble.kind != TROUBLE_NONE && d->trouble.unreachable) {
			struct reason here = d->trouble.reason;

			reason_set(
			    &d->trouble.reason, "%.*s, %s", (int)strcspn(earlier.text, ";"), earlier.text, here.text);
		}
	}
}

/* A refused secret is not shown again; the other one is, once. */
static void
try_other_secret(struct delivery *d, struct door *door)
{
	const struct smarthost *host = d->smarthost;
	unsigned refused = door->secret;

	if (!d->trouble.secret_refused || secret_count(host) < 2 || left(d))
		return;
	door->secret = 1 - refused;
	knock(d, door);
	if (is_in(d))
		log_event(LEVEL_WARNING, "login",
		    (struct log_field[]){
			{ "smarthost", host->host },
			{ "refused", host->password_files.items[refused] },
			{ "accepted", host->password_files.items[door->secret] },
			{ "text", "remove the password that is refused" },
			{ NULL, NULL },
		    });
}

/* Opens a session; without one the smarthost's pause begins. */
static enum attempt
open_session(struct delivery *d)
{
	struct queue *queue = d->options.queue;
	struct door door;

	close_way(way_of(d));
	if (is_paused(d))
		return ATTEMPT_PAUSED;
	if (!take_slot(d))
		return ATTEMPT_BUSY;
	door = door_recall(queue, d->smarthost, time(NULL));
	try_ports(d, &door);
	try_other_secret(d, &door);
	if (is_in(d)) {
		door_remember(queue, d->smarthost, &door, time(NULL));
		if (d->options.opened != NULL)
			d->options.opened(d->options.opened_context);
		return ATTEMPT_MADE;
	}
	if (queue != NULL && !left(d))
		pause_begin(queue, d->smarthost, &d->schedule, &d->trouble, time(NULL));
	return ATTEMPT_TROUBLE;
}

/*
 * The first message of a session tells whether the smarthost serves us: the
 * login alone does not, when the account may send no more.
 */
static void
judge_smarthost(struct delivery *d)
{
	struct queue *queue = d->options.queue;
	int64_t now = time(NULL);
	struct pause pause;

	if (queue == NULL || left(d))
		return;
	if (d->trouble.everybody)
		pause_begin(queue, d->smarthost, &d->schedule, &d->trouble, now);
	else if (pause_read(queue, d->smarthost, &pause) && !pause_stands(&pause, &d->schedule, now))
		pause_lift(queue, d->smarthost);
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
	bool used = is_in(d);
	enum attempt opened = used ? ATTEMPT_MADE : open_session(d);
	struct reason ignored;

	if (opened != ATTEMPT_MADE) {
		queue_forgive_try(); /* on the session before this one */
		return opened;
	}
	/* A digit that cannot be written only makes a poisonous message harder to find. */
	entry_begin_try(entry, &ignored);
	session_send(way_of(d)->session, entry, last);
	d->trouble = *session_trouble(way_of(d)->session);
	if (used && is_worn_out(d, envelope, waiting))
		return send_through_session(d, entry, last); /* the session is not usable any more: on a new one */
	if (!used)
		judge_smarthost(d);
	return ATTEMPT_MADE;
}

/* The smarthost answered, but not about this message: the next one may take it. */
static bool
may_pass_on(const struct delivery *d, const struct envelope *envelope, size_t waiting)
{
	return d->trouble.everybody && !envelope->maybe_sent && envelope_tally(envelope, DEFERRED) == waiting;
}

static enum attempt
nobody_takes(struct delivery *d, const char *sender)
{
	d->trouble = (struct trouble){ .kind = TROUBLE_HOST };
	reason_set(&d->trouble.reason,
	    "no smarthost takes mail of %s; name this sender in only_from of one, or add one without only_from",
	    sender);
	return ATTEMPT_TROUBLE;
}

/* The smarthosts of the message's route, until one has answered for it; else what the most willing one said. */
static enum attempt
attempt(struct delivery *d, struct entry *entry, bool last)
{
	struct envelope *envelope = &entry->envelope;
	const struct smarthost *order[SMARTHOSTS_MAX], *nearest = d->smarthost;
	size_t count = route_order(d->options.config, envelope->sender, order);
	size_t waiting = envelope_tally(envelope, DEFERRED);
	enum attempt best = ATTEMPT_LEFT;
	struct trouble trouble;

	for (size_t i = 0; i < count; i++) {
		enum attempt made;

		d->smarthost = order[i];
		d->trouble = (struct trouble){ .kind = TROUBLE_NONE };
		made = order[i]->maildir != NULL ? store_in_maildir(d, entry) : send_through_session(d, entry, last);
		if (left(d))
			return ATTEMPT_LEFT;
		if (made == ATTEMPT_BUSY || (made == ATTEMPT_MADE && !may_pass_on(d, envelope, waiting)))
			return made;
		if (made >= best)
			continue;
		best = made;
		nearest = d->smarthost;
		trouble = d->trouble;
	}
	if (count == 0)
		return nobody_takes(d, envelope->sender);
	d->smarthost = nearest;
	d->trouble = trouble;
	return best;
}

/* Mail is never refused for a missing extension; but what was dropped is said. */
static void
log_dropped_wishes(const struct delivery *d, const struct envelope *e)
{
	if ((e->notify == 0 && e->ret == 0 && e->envid == NULL) || e->wishes_passed || d->smarthost->host == NULL)
		return;
	log_event(LEVEL_NOTICE, "wishes-dropped",
	    (struct log_field[]){
		{ "id", e->id },
		{ "smarthost", d->smarthost->host },
		{ "text", "it offers no DSN: reports are made here, and -N, -R and -V end here" },
		{ NULL, NULL },
	    });
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
	if (made == ATTEMPT_MADE)
		log_dropped_wishes(d, envelope);
	for (size_t i = 0; i < envelope->count; i++)
		if (waiting[i] && (made == ATTEMPT_MADE || made == ATTEMPT_TROUBLE))
			log_recipient(d, envelope, &envelope->recipients[i], took);
	free(waiting);
	return made;
}

void
delivery_end(struct delivery *d)
{
	for (size_t i = 0; i < d->options.config->smarthost_count; i++) {
		close_way(&d->ways[i]);
		give_slot_back(&d->ways[i]);
	}
}

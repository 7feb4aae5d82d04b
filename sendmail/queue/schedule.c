/*
 * When a message is tried again and when it is given up: from its birth, the
 * time of its last try and its id alone, so that no counter is kept and no
 * message changes the time of another.
 */
#include "queue/queue.h"

#include <stdlib.h>

#include "queue/format.h"

enum {
	JITTER_PART = 10, /* a pause is longer or shorter by up to this part of it */
	JITTER_DIGITS = 8, /* the last ones of an id */
	JITTER_MAX = 0xffff,
	OWN_WEIGHT = 7, /* of the message's own jitter beside that of the try */
};

/*
 * 0 to JITTER_MAX. Mostly the message's own, so that two of one second drift ever
 * further apart; a little of each try's own, because pauses in whole seconds
 * would otherwise bring the same ones together again and again.
 */
static int64_t
jitter(const struct entry *entry)
{
	uint32_t digits = (uint32_t)strtoul(entry->envelope.id + ID_LENGTH - JITTER_DIGITS, NULL, 16);
	uint32_t own = digits >> 16, once = ((digits ^ (uint32_t)entry->last_try) * 2654435761u) >> 16;

	return (OWN_WEIGHT * own + once) / (OWN_WEIGHT + 1);
}

int64_t
queue_next_try(const struct entry *entry, const struct schedule *schedule, int64_t now)
{
	int64_t pause = entry->last_try - entry->envelope.birth, part;

	/* A try in the future: the clock was set back. */
	if (entry->last_try == 0 || entry->last_try > now)
		return now;
	if (pause > schedule->longest)
		pause = schedule->longest;
	if (pause < schedule->first)
		pause = schedule->first;
	part = pause / JITTER_PART;
	return entry->last_try + pause - part + 2 * part * jitter(entry) / JITTER_MAX;
}

bool
queue_due(const struct entry *entry, const struct schedule *schedule, int64_t now)
{
	return queue_next_try(entry, schedule, now) <= now;
}

bool
queue_expired(const struct entry *entry, const struct schedule *schedule)
{
	return entry->last_try != 0 && entry->last_try - entry->envelope.birth > schedule->lifetime;
}

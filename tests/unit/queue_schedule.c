/*
 * When messages are tried again and given up, on a clock of the test's own.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"
#include "tap.h"

static const int64_t birth = 0x6593A0C0;
static const struct schedule schedule = { .first = 300, .longest = 14400, .lifetime = 432000 };

static struct entry
entry_of(const char *id, int64_t last_try)
{
	struct entry entry = { .envelope.birth = birth, .last_try = last_try };

	snprintf(entry.envelope.id, sizeof(entry.envelope.id), "%s", id);
	return entry;
}

static const struct {
	const char *name, *id;
	int64_t last_try, now; /* after birth; last_try -1: never */
	bool want;
} dues[] = {
	{ "never tried", "6593A0C00000000000", -1, 0, true },
	{ "never tried, clock before birth", "6593A0C00000000000", -1, -1000, true },
	{ "just tried", "6593A0C00000000000", 10, 11, false },
	{ "first pause, -10 %", "6593A0C00000000000", 10, 10 + 269, false },
	{ "first pause over, nearly -10 %", "6593A0C00000000000", 10, 10 + 278, true },
	{ "first pause, nearly +10 %", "6593A0C000FFFFFFFF", 10, 10 + 321, false },
	{ "first pause over, +10 %", "6593A0C000FFFFFFFF", 10, 10 + 330, true },
	{ "pause as long as its age", "6593A0C00080000000", 3600, 3600 + 3500, false },
	{ "that pause over", "6593A0C00080000000", 3600, 3600 + 3700, true },
	{ "longest pause", "6593A0C00080000000", 100000, 100000 + 14000, false },
	{ "longest pause over", "6593A0C00080000000", 100000, 100000 + 14800, true },
	{ "tried in the future: the clock went back", "6593A0C00080000000", 100, 99, true },
	{ "tried before birth: the clock went back between", "6593A0C00080000000", -5000, -5000 + 290, false },
	{ "that pause over", "6593A0C00080000000", -5000, -5000 + 310, true },
};

static void
test_due(void)
{
	for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++) {
		struct entry entry = entry_of(dues[i].id, dues[i].last_try == -1 ? 0 : birth + dues[i].last_try);
		int64_t now = birth + dues[i].now;

		ok(queue_due(&entry, &schedule, now) == dues[i].want &&
			(queue_next_try(&entry, &schedule, now) <= now) == dues[i].want,
		    "due: %s", dues[i].name);
	}
}

static void
test_next(void)
{
	struct entry entry = entry_of("6593A0C00000000000", birth + 10);
	const struct schedule odd = { .first = 600, .longest = 60, .lifetime = 0 };
	int64_t next = queue_next_try(&entry, &schedule, birth + 11);

	ok(next >= birth + 280 && next < birth + 290 && next == queue_next_try(&entry, &schedule, birth + 1000000),
	    "the time of the next try does not move");
	ok(queue_next_try(&entry, &odd, birth + 11) >= birth + 550, "the first pause is never shortened");
	entry.last_try = 0;
	ok(queue_next_try(&entry, &schedule, birth + 11) == birth + 11, "now, when never tried");
}

static const struct {
	const char *name;
	int64_t last_try; /* after birth; -1: never */
	bool want;
} expiries[] = {
	{ "never tried", -1, false },
	{ "a clock that jumped since: the try before was young", 100000, false },
	{ "the try before at the end of its lifetime", 432000, false },
	{ "the try before after it", 432001, true },
	{ "tried before birth", -5000, false },
};

static void
test_expired(void)
{
	for (size_t i = 0; i < sizeof(expiries) / sizeof(expiries[0]); i++) {
		int64_t last = expiries[i].last_try;
		struct entry entry = entry_of("6593A0C00000000000", last == -1 ? 0 : birth + last);

		ok(queue_expired(&entry, &schedule) == expiries[i].want, "expired: %s", expiries[i].name);
	}
}

/* Five days of failures: not too few tries, not too many, then given up. */
static void
test_life(void)
{
	struct entry entry = entry_of("6593A0C0000000ABCD", birth);
	int tries = 1, early = 0;

	while (!queue_expired(&entry, &schedule) && tries < 1000) {
		entry.last_try = queue_next_try(&entry, &schedule, entry.last_try);
		early += entry.last_try < birth + 3600;
		tries++;
	}
	ok(tries > 30 && tries < 50, "%d tries in five days", tries);
	ok(early >= 3 && early <= 5, "%d more in the first hour", early);
	ok(entry.last_try - birth > schedule.lifetime && entry.last_try - birth <= schedule.lifetime + 2 * 15840,
	    "the last one soon after the lifetime");
}

enum {
	MACHINES = 100000, /* so many that chance does not matter */
	OUTAGE = 3600,
	HORIZON = OUTAGE + 2 * 15840,
	AROUND = 300,
};

/* True when no second has more than three times the mean of its ten minutes. */
static bool
is_even(const int *seconds)
{
	int worst = 0;
	bool even = true;

	for (int at = AROUND; at < HORIZON - AROUND; at++) {
		int around = 0;

		for (int near = at - AROUND; near < at + AROUND; near++)
			around += seconds[near];
		even = even && seconds[at] * 2 * AROUND <= 3 * around + 10 * 2 * AROUND;
		if (seconds[at] > worst)
			worst = seconds[at];
	}
	note("at most %d in a second", worst);
	return even;
}

/* How all machines come back after an hour without their smarthost. born: the n-th one's birth in that hour. */
static void
test_herd(const char *name, int64_t (*born)(int n))
{
	static int seconds[HORIZON];
	int within = 0;

	memset(seconds, 0, sizeof(seconds));
	for (int n = 0; n < MACHINES; n++) {
		struct entry entry = entry_of("", birth + born(n));

		queue_new_id(entry.envelope.id, entry.last_try);
		entry.envelope.birth = entry.last_try;
		while (entry.last_try < birth + OUTAGE)
			entry.last_try = queue_next_try(&entry, &schedule, entry.last_try);
		within += entry.last_try - birth <= OUTAGE + schedule.longest;
		seconds[entry.last_try - birth]++;
	}
	ok(within == MACHINES, "%s: all are tried within the longest pause", name);
	ok(is_even(seconds), "%s: no second has more than three times the mean around it", name);
}

static int64_t
spread(int n)
{
	return (int64_t)n * OUTAGE / MACHINES;
}

/* Everybody's cron at the same second. */
static int64_t
together(int n)
{
	(void)n;
	return 0;
}

int
main(void)
{
	test_due();
	test_next();
	test_expired();
	test_life();
	test_herd("born over the hour", spread);
	test_herd("born at once", together);
	return tap_done();
}

/*
 * What machines do after an outage of their common smarthost: schedule MACHINES OUTAGE BIRTHS
 *
 * Each machine has one message, born within the first BIRTHS seconds of an outage of so many seconds, tries it at once
 * and then when queue_next_try() says; the outage over, the next try succeeds. Prints how many do so in each second
 * after the outage, a line a second.
 */
#include <stdio.h>
#include <stdlib.h>

#include "queue/queue.h"

enum { START = 1800000000, SPAN = 86400 };

static int64_t
number(const char *text)
{
	return strtoll(text, NULL, 10);
}

/* Like queue_new_id(), but the same ones every time (xorshift64). */
static void
new_id(char id[ID_MAX], int64_t birth)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	snprintf(id, ID_MAX, "%08X%010llX", (unsigned)birth, (unsigned long long)(state & 0xffffffffff));
}

/* When the message is sent. */
static int64_t
first_try_behind(int64_t birth, int64_t end)
{
	static const struct schedule schedule = { .first = 5 * 60, .longest = 4 * 3600, .lifetime = 5 * 86400 };
	struct entry entry = { .last_try = birth };
	int64_t now = birth, next;

	envelope_init(&entry.envelope);
	new_id(entry.envelope.id, birth);
	entry.envelope.birth = birth;
	while (now < end) {
		next = queue_next_try(&entry, &schedule, now);
		if (next <= now || queue_due(&entry, &schedule, next - 1) || !queue_due(&entry, &schedule, next))
			abort();
		now = entry.last_try = next;
	}
	return now;
}

int
main(int argc, char *argv[])
{
	static unsigned long tries[SPAN];
	int64_t machines, outage, births, second, last = 0;

	if (argc != 4)
		return 2;
	machines = number(argv[1]);
	outage = number(argv[2]);
	births = number(argv[3]);
	for (int64_t i = 0; i < machines; i++) {
		second = first_try_behind(START + i % births, START + outage) - START - outage;
		if (second >= SPAN)
			abort();
		tries[second]++;
		last = second > last ? second : last;
	}
	for (second = 0; second <= last; second++)
		printf("%lu\n", tries[second]);
	return 0;
}

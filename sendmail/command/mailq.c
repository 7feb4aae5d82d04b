/*
 * One line in column 0 a message, the reply in brackets, the recipients
 * indented, and both trailers: "Total requests" for those who read sendmail's,
 * "-- N Kbytes in N Requests." as the last line for those who read Postfix's.
 */
#include "command/mailq.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "delivery/session.h"
#include "queue/queue.h"

struct totals {
	uint64_t bytes;
	size_t messages;
};

static void
print_time(int64_t when)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
		"Nov", "Dec" };
	time_t seconds = when;
	struct tm local = { 0 };

	localtime_r(&seconds, &local);
	printf("%s %s %2d %02d:%02d:%02d", days[local.tm_wday], months[local.tm_mon], local.tm_mday, local.tm_hour,
	    local.tm_min, local.tm_sec);
}

static void
print_entry(const struct entry *entry, char mark)
{
	const struct envelope *envelope = &entry->envelope;

	printf("%s%c %8" PRIu64 " ", envelope->id, mark, envelope->facts.size);
	print_time(envelope->birth);
	printf("  %s\n", envelope->sender[0] != '\0' ? envelope->sender : "MAILER-DAEMON");
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];
		char said[REPLY_TEXT_MAX + 32];

		if (r->verdict == DELIVERED)
			continue;
		reply_format(&r->reply, said, sizeof(said));
		if (said[0] != '\0')
			printf("%28s(%s)\n", "", said);
		printf("%48s %s\n", "", r->address);
	}
	putchar('\n');
}

static void
print_item(struct queue *queue, const struct queue_item *item, struct totals *totals)
{
	struct entry entry;
	struct reason reason;
	enum entry_state state = entry_open(&entry, queue, item, true, &reason);
	bool busy = state == ENTRY_BUSY;

	if (busy)
		state = entry_open(&entry, queue, item, false, &reason);
	if (state != ENTRY_OPEN)
		return;
	if (totals->messages++ == 0)
		puts("-Queue ID----------  --Size-- ----Arrival Time---- -Sender/Recipient-------");
	totals->bytes += entry.envelope.facts.size;
	print_entry(&entry, busy ? '*' : ' ');
	entry_close(&entry);
}

int
mailq(const struct caller *caller, struct reason *reason)
{
	const char *directory = caller->config.queue.directory;
	struct queue *queue = directory != NULL ? queue_open(directory, reason) : NULL;
	struct totals totals = { 0, 0 };
	struct queue_list list;

	if (directory != NULL && (queue == NULL || queue_list(queue, &list, reason) < 0)) {
		queue_close(queue);
		return EX_UNAVAILABLE;
	}
	if (queue != NULL) {
		for (size_t i = 0; i < list.count; i++)
			print_item(queue, &list.items[i], &totals);
		queue_list_free(&list);
		queue_close(queue);
	}
	if (totals.messages == 0)
		puts("Mail queue is empty");
	else
		printf("\t\tTotal requests: %zu\n-- %" PRIu64 " Kbytes in %zu Request%s.\n", totals.messages,
		    totals.bytes / 1024, totals.messages, totals.messages == 1 ? "" : "s");
	return EX_OK;
}

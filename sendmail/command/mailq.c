/*
 * One line in column 0 a message, the reply in brackets, the recipients
 * indented, and both trailers: "Total requests" for those who read sendmail's,
 * "-- N Kbytes in N Requests." as the last line for those who read Postfix's.
 */
#include "command/mailq.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/encode.h"
#include "command/spool.h"
#include "delivery/deliver.h"
#include "delivery/pause.h"
#include "queue/queue.h"
#include "smtp/explain.h"

/* The queue counts as neglected when no run came for so many first pauses, and at least so many seconds. */
enum { NEGLECT_PAUSES = 3, NEGLECT_MIN = 3600, NANOSECONDS = 1000000000 };

struct listing {
	struct queue *queue;
	const char *directory;
	int64_t now;
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
print_recipient(const struct recipient *recipient)
{
	char said[REPLY_TEXT_MAX + 32], shown[REPLY_TEXT_MAX + 32];

	reply_format(&recipient->reply, said, sizeof(said));
	printable(shown, sizeof(shown), said, strlen(said));
	if (recipient->reply.code >= 400)
		printf("%28s(%s: %s)\n", "", shown, explain_reply(NULL, STEP_ANY, &recipient->reply)->meaning);
	else if (shown[0] != '\0')
		printf("%28s(%s)\n", "", shown);
	printable(shown, sizeof(shown), recipient->address, strlen(recipient->address));
	printf("%48s %s\n", "", shown);
}

static void
print_envelope(const struct envelope *envelope)
{
	char sender[ADDRESS_MAX + 1];

	spool_sender(envelope, sender, sizeof(sender));
	puts(sender);
	for (size_t i = 0; i < envelope->count; i++)
		if (envelope->recipients[i].verdict != DELIVERED)
			print_recipient(&envelope->recipients[i]);
}

static void
print_item(struct listing *listing, enum queue_part part, const struct queue_item *item)
{
	struct entry entry;
	struct stat file;
	enum sight sight = spool_look(&entry, listing->queue, listing->directory, part, item, &file);
	uint64_t size;

	if (sight == SIGHT_NONE)
		return;
	size = sight == SIGHT_CLOSED ? (uint64_t)file.st_size : entry.envelope.facts.size;
	if (listing->messages++ == 0)
		puts("-Queue ID----------  --Size-- ----Arrival Time---- -Sender/Recipient-------");
	listing->bytes += size;
	printf("%s%c %8" PRIu64 " ", item->id, sight == SIGHT_BUSY ? '*' : part == QUEUE_HELD ? '!' : ' ', size);
	print_time(item->birth);
	fputs("  ", stdout);
	if (sight == SIGHT_CLOSED)
		puts("(another user's)");
	else {
		print_envelope(&entry.envelope);
		entry_close(&entry);
	}
	putchar('\n');
}

/* Lines in brackets stand first: no parser of lists takes them for messages. */
static void
print_pauses(struct listing *listing, const struct config *config)
{
	const struct schedule schedule = schedule_of(config);

	for (size_t i = 0; i < config->smarthost_count; i++) {
		const struct smarthost *host = &config->smarthosts[i];
		struct pause pause;

		if (host->host == NULL || !pause_read(listing->queue, host, &pause) ||
		    !pause_stands(&pause, &schedule, listing->now))
			continue;
		fputs("(smarthost paused until ", stdout);
		print_time(pause.until);
		printf(": %s)\n", pause.text);
	}
}

/* oldest: when the oldest message came that waits. */
static void
print_neglect(struct listing *listing, const struct config *config, int64_t oldest)
{
	int64_t patience = NEGLECT_PAUSES * config->queue.retry_first;
	int64_t last = queue_touched(listing->queue, "last-run") / NANOSECONDS;

	if (patience < NEGLECT_MIN)
		patience = NEGLECT_MIN;
	if (listing->now - (last > oldest ? last : oldest) <= patience)
		return;
	fputs("(nothing runs this queue: last run ", stdout);
	if (last > 0)
		print_time(last);
	else
		fputs("never", stdout);
	puts("; see sendmail(8))");
}

static int
print_part(struct listing *listing, enum queue_part part, const struct config *config, struct reason *reason)
{
	struct queue_list list;

	if (queue_list_part(listing->queue, part, &list, reason) < 0)
		return EX_UNAVAILABLE;
	if (part == QUEUE_WAITING && list.count > 0)
		print_neglect(listing, config, list.items[0].birth);
	for (size_t i = 0; i < list.count; i++)
		print_item(listing, part, &list.items[i]);
	queue_list_free(&list);
	return EX_OK;
}

static int
print_queue(struct listing *listing, const struct config *config, struct reason *reason)
{
	int status;

	listing->directory = config->queue.directory;
	listing->queue = queue_open(listing->directory, reason);
	if (listing->queue == NULL)
		return EX_UNAVAILABLE;
	print_pauses(listing, config);
	status = print_part(listing, QUEUE_WAITING, config, reason);
	if (status == EX_OK)
		status = print_part(listing, QUEUE_HELD, config, reason);
	queue_close(listing->queue);
	return status;
}

int
mailq(const struct caller *caller, struct reason *reason)
{
	struct listing listing = { .now = time(NULL) };
	int status = EX_OK;

	if (caller->config.queue.directory != NULL)
		status = print_queue(&listing, &caller->config, reason);
	if (status != EX_OK)
		return status;
	if (listing.messages == 0)
		puts("Mail queue is empty");
	else
		printf("\t\tTotal requests: %zu\n-- %" PRIu64 " Kbytes in %zu Request%s.\n", listing.messages,
		    listing.bytes / 1024, listing.messages, listing.messages == 1 ? "" : "s");
	return EX_OK;
}

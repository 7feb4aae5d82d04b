/*
 * Looking: which messages there are, for people in columns, for programs in
 * JSON; and one of them with its header. Nothing that comes from a message
 * reaches a terminal unprintable.
 */
#include "command/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/json.h"
#include "delivery/deliver.h"
#include "smtp/explain.h"

enum {
	REPLY_SHOWN_MAX = REPLY_TEXT_MAX + 32,
	TIME_SHOWN_MAX = 24,
	HEADER_SHOWN_MAX = 65536,
	LINE_SHOWN_MAX = 2048,
	RECIPIENT_JSON_MAX = 8192, /* an address and a reply, all of it escaped */
};

/* By enum queue_part. */
static const char *const part_names[] = { "waiting", "held", "failed" };
enum { PART_COUNT = sizeof(part_names) / sizeof(part_names[0]) };

/* By enum verdict. */
static const char *const verdict_names[] = { "deferred", "delivered", "failed" };

/* A message as it is listed. */
struct seen {
	enum sight sight;
	enum queue_part part;
	const struct queue_item *item;
	struct entry entry; /* with SIGHT_OPEN and SIGHT_BUSY */
	uint64_t size;
	int64_t next_try; /* 0: none */
};

int
spool_open(struct caller *caller, struct queue **queue, struct reason *reason)
{
	int status = caller_configure(caller, reason);

	if (status != EX_OK)
		return status;
	if (caller->config.queue.directory == NULL) {
		reason_set(reason, "there is no queue: directory = none in %s", caller->config.source);
		return EX_UNAVAILABLE;
	}
	*queue = queue_open(caller->config.queue.directory, reason);
	return *queue != NULL ? EX_OK : EX_UNAVAILABLE;
}

/* The file of an item that may not be opened: true when it is another user's message. */
static bool
is_others(const char *directory, enum queue_part part, const struct queue_item *item, struct stat *file)
{
	static const char *const folders[][2] = {
		[QUEUE_WAITING] = { "new", "cur" },
		[QUEUE_HELD] = { ".Held/new", ".Held/cur" },
		[QUEUE_FAILED] = { ".Failed/new", ".Failed/cur" },
	};
	struct buffer path;
	bool found = false;

	buffer_init(&path, strlen(directory) + ENTRY_NAME_MAX + 16);
	for (int i = 0; i < 2 && !found; i++) {
		buffer_clear(&path);
		buffer_format(&path, "%s/%s/%s", directory, folders[part][i], item->name);
		found = lstat(buffer_string(&path), file) == 0;
	}
	buffer_free(&path);
	return found && S_ISREG(file->st_mode) && file->st_uid != geteuid();
}

enum sight
spool_look(struct entry *entry, struct queue *queue, const char *directory, enum queue_part part,
    const struct queue_item *item, struct stat *file)
{
	struct reason why;
	enum entry_state state = entry_open(entry, queue, item, true, &why);
	bool busy = state == ENTRY_BUSY;

	/* One that may be read but not written, or that is locked. */
	if (busy || state == ENTRY_FOREIGN)
		state = entry_open(entry, queue, item, false, &why);
	/* Whoever reads what is printed may take his time. */
	if (state == ENTRY_OPEN)
		entry_unlock(entry);
	if (state == ENTRY_OPEN)
		return busy ? SIGHT_BUSY : SIGHT_OPEN;
	return state == ENTRY_FOREIGN && is_others(directory, part, item, file) ? SIGHT_CLOSED : SIGHT_NONE;
}

void
spool_sender(const struct envelope *envelope, char *out, size_t size)
{
	const char *sender = envelope->sender[0] != '\0' ? envelope->sender : "MAILER-DAEMON";

	printable(out, size, sender, strlen(sender));
}

static const char *
state_name(const struct seen *seen)
{
	return seen->sight == SIGHT_BUSY ? "active" : part_names[seen->part];
}

/* 2026-11-23 18:30, or with seconds, in local time; "-" for 0. */
static const char *
show_time(char out[TIME_SHOWN_MAX], int64_t when, bool seconds)
{
	time_t moment = when;
	struct tm local = { 0 };

	if (when == 0 || localtime_r(&moment, &local) == NULL)
		return "-";
	strftime(out, TIME_SHOWN_MAX, seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &local);
	return out;
}

static void
print_columns(const struct seen *seen)
{
	const struct envelope *envelope = &seen->entry.envelope;
	char arrival[TIME_SHOWN_MAX], next[TIME_SHOWN_MAX], sender[ADDRESS_MAX + 1], first[ADDRESS_MAX + 1] = "";

	printf("%-18s  %-7s  %8" PRIu64 "  %-16s  %-16s  ", seen->item->id, state_name(seen), seen->size,
	    show_time(arrival, seen->item->birth, false), show_time(next, seen->next_try, false));
	if (seen->sight == SIGHT_CLOSED) {
		puts("(another user's)");
		return;
	}
	spool_sender(envelope, sender, sizeof(sender));
	if (envelope->count > 0)
		printable(
		    first, sizeof(first), envelope->recipients[0].address, strlen(envelope->recipients[0].address));
	printf("%s > %s", sender, first);
	if (envelope->count > 1)
		printf(" (and %zu more)", envelope->count - 1);
	putchar('\n');
}

/* One recipient of a list in JSON. */
static void
print_recipient(const struct recipient *recipient, bool first)
{
	char said[REPLY_SHOWN_MAX];
	struct buffer out;

	buffer_init(&out, RECIPIENT_JSON_MAX);
	reply_format(&recipient->reply, said, sizeof(said));
	buffer_add_string(&out, first ? "{\"address\":" : ",{\"address\":");
	json_string(&out, recipient->address);
	buffer_format(&out, ",\"verdict\":\"%s\",\"reply\":", verdict_names[recipient->verdict]);
	json_string(&out, said);
	buffer_add_char(&out, '}');
	fwrite(out.data, 1, out.length, stdout);
	buffer_free(&out);
}

static void
print_moment(const char *key, int64_t when)
{
	if (when == 0)
		printf(",\"%s\":null", key);
	else
		printf(",\"%s\":%" PRId64, key, when);
}

static void
print_object(const struct seen *seen)
{
	static const struct envelope nothing = { .count = 0 };
	const struct envelope *envelope = seen->sight == SIGHT_CLOSED ? &nothing : &seen->entry.envelope;
	struct buffer sender;

	buffer_init(&sender, RECIPIENT_JSON_MAX);
	if (envelope->sender != NULL)
		json_string(&sender, envelope->sender);
	printf("{\"id\":\"%s\",\"state\":\"%s\"", seen->item->id, state_name(seen));
	print_moment("arrival", seen->item->birth);
	printf(",\"size\":%" PRIu64 ",\"sender\":%s,\"recipients\":[", seen->size,
	    envelope->sender != NULL ? buffer_string(&sender) : "null");
	for (size_t i = 0; i < envelope->count; i++)
		print_recipient(&envelope->recipients[i], i == 0);
	putchar(']');
	print_moment("last_try", seen->sight == SIGHT_CLOSED ? 0 : seen->entry.last_try);
	print_moment("next_try", seen->next_try);
	putchar('}');
	buffer_free(&sender);
}

/* One call of `queue list` or `queue show`. */
struct listing {
	struct queue *queue;
	const char *directory;
	struct schedule schedule;
	const char *id; /* only this one; NULL: all */
	void (*print)(struct listing *, const struct seen *);
	size_t count; /* printed */
};

static void
list_columns(struct listing *listing, const struct seen *seen)
{
	if (listing->count == 0)
		puts("ID                  STATE        SIZE  ARRIVED           NEXT TRY          SENDER > RECIPIENT");
	print_columns(seen);
}

static void
list_object(struct listing *listing, const struct seen *seen)
{
	fputs(listing->count == 0 ? "[\n" : ",\n", stdout);
	print_object(seen);
}

static void
list_item(struct listing *listing, enum queue_part part, const struct queue_item *item)
{
	struct seen seen = { .part = part, .item = item };
	struct stat file;

	seen.sight = spool_look(&seen.entry, listing->queue, listing->directory, part, item, &file);
	if (seen.sight == SIGHT_NONE)
		return;
	seen.size = seen.sight == SIGHT_CLOSED ? (uint64_t)file.st_size : seen.entry.envelope.facts.size;
	if (seen.sight == SIGHT_OPEN && part == QUEUE_WAITING)
		seen.next_try = queue_next_try(&seen.entry, &listing->schedule, time(NULL));
	listing->print(listing, &seen);
	listing->count++;
	if (seen.sight != SIGHT_CLOSED)
		entry_close(&seen.entry);
}

static int
list_part(struct listing *listing, enum queue_part part, struct reason *reason)
{
	struct queue_list list;

	if (queue_list_part(listing->queue, part, &list, reason) < 0)
		return EX_UNAVAILABLE;
	for (size_t i = 0; i < list.count; i++)
		if (listing->id == NULL || same_text(listing->id, strlen(listing->id), list.items[i].id))
			list_item(listing, part, &list.items[i]);
	queue_list_free(&list);
	return EX_OK;
}

/* part: PART_COUNT for all. */
static int
list_queue(struct caller *caller, struct listing *listing, int part, struct reason *reason)
{
	int status = spool_open(caller, &listing->queue, reason);

	listing->directory = caller->config.queue.directory;
	listing->schedule = schedule_of(&caller->config);
	for (int i = 0; i < PART_COUNT && status == EX_OK; i++)
		if (part == PART_COUNT || part == i)
			status = list_part(listing, (enum queue_part)i, reason);
	queue_close(listing->queue);
	return status;
}

/* The part of that name; PART_COUNT: there is none. */
static int
part_named(const char *name)
{
	int part = 0;

	while (part < PART_COUNT && strcmp(name, part_names[part]) != 0)
		part++;
	return part;
}

int
spool_list(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
	const char *name = argc > json ? argv[json] : NULL;
	int part = name != NULL ? part_named(name) : PART_COUNT, status;
	struct listing listing = { .print = json ? list_object : list_columns };

	if (argc > json + 1 || (name != NULL && part == PART_COUNT))
		return EX_USAGE;
	status = list_queue(caller, &listing, part, reason);
	if (status == EX_OK && json)
		puts(listing.count > 0 ? "\n]" : "[]");
	else if (status == EX_OK && listing.count == 0)
		puts("no messages");
	return status;
}

/* The header of the message, each line printable. */
static void
print_header(const struct entry *entry)
{
	char *header = allocate(HEADER_SHOWN_MAX + 1, 1), shown[LINE_SHOWN_MAX];
	ssize_t n = entry_read(entry, header, HEADER_SHOWN_MAX, 0);

	for (char *line = header, *end; n > 0 && *line != '\n' && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		printable(shown, sizeof(shown), line, (size_t)(end - line));
		puts(shown);
	}
	free(header);
}

static void
show_recipient(const struct recipient *recipient)
{
	char address[ADDRESS_MAX + 1], said[REPLY_SHOWN_MAX], shown[REPLY_SHOWN_MAX];

	printable(address, sizeof(address), recipient->address, strlen(recipient->address));
	reply_format(&recipient->reply, said, sizeof(said));
	printable(shown, sizeof(shown), said, strlen(said));
	printf(
	    "recipient: %s %s%s%s\n", address, verdict_names[recipient->verdict], shown[0] != '\0' ? ": " : "", shown);
	if (recipient->reply.code >= 400) {
		const struct refusal *refusal = explain_reply(NULL, STEP_ANY, &recipient->reply);

		printf("  meaning: %s\n  cure: %s\n", refusal->meaning, refusal->cure);
	}
}

static void
show_message(struct listing *listing, const struct seen *seen)
{
	const struct envelope *envelope = &seen->entry.envelope;
	char moment[TIME_SHOWN_MAX], sender[ADDRESS_MAX + 1];

	(void)listing;
	printf("id: %s\nstate: %s\nsize: %" PRIu64 "\n", seen->item->id, state_name(seen), seen->size);
	printf("arrived: %s\n", show_time(moment, seen->item->birth, true));
	if (seen->sight == SIGHT_CLOSED)
		return;
	printf("last try: %s\n", show_time(moment, seen->entry.last_try, true));
	printf("next try: %s\n", show_time(moment, seen->next_try, true));
	spool_sender(envelope, sender, sizeof(sender));
	printf("user: %lu\nsender: %s\n", envelope->uid, sender);
	for (size_t i = 0; i < envelope->count; i++)
		show_recipient(&envelope->recipients[i]);
	putchar('\n');
	print_header(&seen->entry);
}

int
spool_show(struct caller *caller, int argc, char **argv, struct reason *reason)
{
	struct listing listing = { .id = argc == 1 ? argv[0] : NULL, .print = show_message };
	int status = argc == 1 ? list_queue(caller, &listing, PART_COUNT, reason) : EX_USAGE;

	if (status == EX_OK && listing.count == 0) {
		reason_set(reason, "no message %s", argv[0]);
		return EX_NOINPUT;
	}
	return status;
}

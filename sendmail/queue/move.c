/*
 * A message leaves its folder: removed, held, given up, released. It is locked
 * meanwhile, but a mail reader (or its owner) may still rename it: then it is
 * looked for in all of the queue.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "queue/entry.h"
#include "queue/folder.h"
#include "queue/format.h"

struct search {
	struct entry *entry;
	char folder;
	bool found;
};

static bool
is_sought(void *context, const char *name)
{
	struct search *search = context;
	struct entry *entry = search->entry;

	if (strncmp(name, entry->envelope.id, ID_LENGTH) != 0)
		return false;
	entry->folder = search->folder;
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	search->found = true;
	return true;
}

static bool
find_again(struct entry *entry)
{
	struct search search = { .entry = entry };

	for (const char *letter = all_letters; *letter != '\0' && !search.found; letter++) {
		search.folder = *letter;
		folder_walk(queue_folder(entry->queue, *letter), is_sought, &search);
	}
	return search.found;
}

/* Unlinks the file, wherever it is now. */
static int
unlink_file(struct entry *entry, struct reason *reason)
{
	struct queue *queue = entry->queue;

	if (queue == NULL)
		return 0;
	while (unlinkat(queue_folder(queue, entry->folder), entry->name, 0) != 0) {
		if (errno != ENOENT)
			return entry_failed(entry, "remove a message", reason);
		if (!find_again(entry))
			break;
	}
	queue->unsynced[folder_row(entry->folder)] = true;
	return 0;
}

/* What could not be removed is to be known as sent. */
static int
removed(struct entry *entry, int result)
{
	struct reason ignored;

	if (result != 0)
		entry_record(entry, &ignored);
	close_file(entry);
	return result;
}

int
entry_unlink(struct entry *entry, struct reason *reason)
{
	return removed(entry, unlink_file(entry, reason));
}

int
entry_remove(struct entry *entry, struct reason *reason)
{
	int result = unlink_file(entry, reason);

	if (result == 0 && entry->queue != NULL)
		result = queue_sync(entry->queue, reason);
	return removed(entry, result);
}

/* Moves the file into new/ of a part, without a mail reader's flags, which new/ does not know. */
static int
move_to(struct entry *entry, enum queue_part part, struct reason *reason)
{
	struct queue *queue = entry->queue;
	char letter = *part_letters(part);
	int to = queue_folder(queue, letter), from;

	if (to < 0 && part_open(queue, part, true, reason) != 0)
		return -1;
	to = queue_folder(queue, letter);
	for (;;) {
		if (folder_part(entry->folder) == part)
			return 0;
		from = queue_folder(queue, entry->folder);
		if (rename_file(from, entry->name, to, entry->envelope.id) == 0)
			break;
		if (errno != ENOENT || !find_again(entry))
			return entry_failed(entry, "move a message to another folder", reason);
	}
	entry->folder = letter;
	snprintf(entry->name, sizeof(entry->name), "%s", entry->envelope.id);
	if (fsync(to) != 0 || fsync(from) != 0)
		return entry_failed(entry, "make the move of a message durable", reason);
	return 0;
}

static int
move_and_close(struct entry *entry, enum queue_part part, struct reason *reason)
{
	int result = entry->queue != NULL ? move_to(entry, part, reason) : 0;

	close_file(entry);
	return result;
}

int
entry_hold(struct entry *entry, struct reason *reason)
{
	return move_and_close(entry, QUEUE_HELD, reason);
}

int
entry_fail(struct entry *entry, struct reason *reason)
{
	return move_and_close(entry, QUEUE_FAILED, reason);
}

int
entry_release(struct entry *entry, struct reason *reason)
{
	/* Otherwise a message that was given up as poison would be so at once again. */
	if (entry_forgive(entry, reason) != 0) {
		close_file(entry);
		return -1;
	}
	return move_and_close(entry, QUEUE_WAITING, reason);
}

/*
 * The queue as a whole: its directory, ids, lists and debris. One message is one
 * file, its name (up to a ':') is its id. These are all the states on disk:
 *
 *	on disk                      made by           a crash here leaves it; then
 *	tmp/ID, locked               entry_create      the lock dies: next row
 *	tmp/ID, not locked           a crash           nobody was promised anything; queue_sweep after 36 h
 *	new/ID, folder not synced    entry_commit      in tmp/ or new/, whole: swept, or sent although the caller
 *	                                               heard of a failure
 *	new/ID or cur/ID:2,FLAGS     entry_commit,     waiting; the next run tries it when it is due
 *	                             a mail reader
 *	the same, locked             entry_open        the lock dies: waiting
 *	the same, CRASHES + 1        entry_begin_try   a copy may have arrived. It was a try: mtime is its time, so it
 *	                                               is paused like any other; CRASHES_MAX in a row are poison.
 *	                                               A power cut may leave it as it was before (not synced)
 *	the same, some marks S or F  entry_record      the next run tries only those that are D
 *	the same, no mark D          entry_record      the next run removes it (or moves it to .Failed/) untried
 *	the same, mtime of 1970      entry_make_due    due at once; a power cut may undo it
 *	unlinked, folder not synced  entry_unlink,     gone. But a power cut may bring back whatever was unlinked since
 *	                             entry_remove      the last queue_sync as it was before its try: sent once more
 *	unlinked, folder synced      queue_sync        gone for good: only now is the acceptance recorded
 *	.Held/new/ID                 entry_hold        no run looks there; entry_release moves it back
 *	.Failed/new/ID               entry_fail        the same: for people
 *	moved, folders not synced    these three       a power cut may undo the move: as before it
 *
 *	tmp/ID, of a state file      queue_write_state swept like a message
 *	NAME (a state file)          queue_write_state whole, old or new; after a power cut also empty, which reads
 *	                                               as missing
 *	the directory, locked        queue_lock_run    the lock dies with the runner and the last of his workers
 *	slot-NAME-N, locked          queue_take_slot   the lock dies; the empty file is used again
 *	wake, last-run               queue_touch       only their mtime means anything; a lost touch is made up for by
 *	                                               the next one and by the timer
 *
 * A run that removes one by one and syncs once a batch (entry_unlink, then
 * queue_sync) makes the time longer in which a power cut repeats a message, not
 * the number of copies: so it syncs before it waits for anything but answers.
 * Marks written before such an unlink would not help: without a sync of each
 * file they are lost with the same cut.
 *
 * new/ and cur/ mean the same, in every part. The lock is flock(2) on the
 * message: it dies with its process. Everything is done relative to descriptors
 * of the folders, opened once and without following links.
 */
#include "queue/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/folder.h"
#include "queue/format.h"

enum {
	DEBRIS_AGE = 36 * 60 * 60,
	RANDOM_BYTES = 5,
	BIRTH_DIGITS = 8,
};

/* Makes what is missing of an absolute path, durably. What fails here shows when the path is opened. */
static void
make_path(const char *path)
{
	char *parent = copy_string(path), *slash = strrchr(parent, '/');
	bool made = mkdir(path, 0700) == 0;
	int fd;

	slash[slash == parent] = '\0';
	if (!made && errno == ENOENT && slash != parent) {
		make_path(parent);
		made = mkdir(path, 0700) == 0;
	}
	if (made && (fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
		fsync(fd);
		close(fd);
	}
	free(parent);
}

/* Opens the directory itself and its folders. */
static int
open_all(struct queue *queue, struct reason *reason)
{
	struct stat st;

	make_path(queue->path);
	queue->directory = open_directory(AT_FDCWD, queue->path, queue->path, reason);
	if (queue->directory < 0)
		return -1;
	if (fstat(queue->directory, &st) != 0)
		return reason_set(reason, "queue folder %s: %s", queue->path, strerror(errno));
	queue->owner = st.st_uid;
	return part_open(queue, QUEUE_WAITING, true, reason);
}

struct queue *
queue_open(const char *directory, struct reason *reason)
{
	struct queue *queue;
	size_t length = strlen(directory);

	if (directory[0] != '/' || length >= PATH_MAX) {
		reason_set(reason, "queue directory %s must be an absolute path", directory);
		return NULL;
	}
	while (length > 1 && directory[length - 1] == '/')
		length--;
	queue = allocate(1, sizeof(*queue));
	*queue = (struct queue){ .path = copy_bytes(directory, length), .directory = -1 };
	for (size_t i = 0; i < FOLDER_COUNT; i++)
		queue->folders[i] = -1;
	if (open_all(queue, reason) == 0)
		return queue;
	queue_close(queue);
	return NULL;
}

void
queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		if (queue->folders[i] >= 0)
			close(queue->folders[i]);
	}
	if (queue->directory >= 0)
		close(queue->directory);
	free(queue->path);
	free(queue);
}

void
queue_new_id(char id[ID_MAX], int64_t now)
{
	unsigned char random[RANDOM_BYTES];

	/* It never fails for so few bytes; if it did, O_EXCL would keep two messages from sharing a name. */
	if (getentropy(random, sizeof(random)) != 0)
		memset(random, 0, sizeof(random));
	snprintf(id, ID_MAX, "%08X%02X%02X%02X%02X%02X", (unsigned)(uint32_t)now, random[0], random[1], random[2],
	    random[3], random[4]);
}

int
queue_sync(struct queue *queue, struct reason *reason)
{
	int result = 0;

	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		bool needed = queue->unsynced[i];

		/* A failed fsync is never repeated: the second one may report success over lost changes. */
		queue->unsynced[i] = false;
		if (needed && fsync(queue->folders[i]) != 0)
			result = queue_failed("make the removal of a message durable", queue->path, reason);
	}
	return result;
}

/* Seconds since 1970, from the digits that begin an id. */
static int64_t
id_birth(const char *name)
{
	char digits[BIRTH_DIGITS + 1];

	snprintf(digits, sizeof(digits), "%s", name);
	return (int64_t)strtoul(digits, NULL, 16);
}

struct listing {
	struct queue_list *list;
	size_t room;
	char folder;
};

static bool
add_item(void *context, const char *name)
{
	struct listing *listing = context;
	struct queue_list *list = listing->list;
	struct queue_item *item;

	if (list->count == listing->room) {
		listing->room = listing->room > 0 ? listing->room * 2 : 64;
		list->items = reallocate(list->items, listing->room, sizeof(*list->items));
	}
	item = &list->items[list->count++];
	*item = (struct queue_item){ .folder = listing->folder, .birth = id_birth(name) };
	name_id(item->id, name);
	snprintf(item->name, sizeof(item->name), "%s", name);
	return false;
}

static int
compare_items(const void *a, const void *b)
{
	return strcmp(((const struct queue_item *)a)->id, ((const struct queue_item *)b)->id);
}

int
queue_list_part(struct queue *queue, enum queue_part part, struct queue_list *list, struct reason *reason)
{
	struct listing listing = { .list = list };

	*list = (struct queue_list){ .items = NULL };
	/* First new/, then cur/: the direction in which mail readers move files, so that none is missed. */
	for (const char *letter = part_letters(part); *letter != '\0'; letter++) {
		int folder = queue_folder(queue, *letter);

		listing.folder = *letter;
		if (folder >= 0 ? folder_walk(folder, add_item, &listing) == 0 : errno == ENOENT)
			continue;
		reason_set(reason, "queue folder %s/%s cannot be listed: %s", queue->path, folder_name(*letter),
		    strerror(errno));
		queue_list_free(list);
		return -1;
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare_items);
	return 0;
}

int
queue_list(struct queue *queue, struct queue_list *list, struct reason *reason)
{
	return queue_list_part(queue, QUEUE_WAITING, list, reason);
}

void
queue_list_free(struct queue_list *list)
{
	free(list->items);
	*list = (struct queue_list){ .items = NULL };
}

struct sweep {
	int folder;
	int64_t now;
};

static bool
sweep_file(void *context, const char *name)
{
	const struct sweep *sweep = context;
	int fd = openat(sweep->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && sweep->now - st.st_mtime > DEBRIS_AGE &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(sweep->folder, name, 0);
	close(fd);
	return false;
}

void
queue_sweep(struct queue *queue, int64_t now)
{
	struct sweep sweep = { .folder = queue_folder(queue, 't'), .now = now };

	folder_walk(sweep.folder, sweep_file, &sweep);
}

/*
 * A file of the queue becomes an entry: only a regular file with one name, of
 * an owner who may put mail here, of our format, that holds what was stored.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/entry.h"
#include "queue/folder.h"
#include "queue/format.h"

/* Regular, one name, of an owner who may put mail here: otherwise why not. */
static const char *
why_foreign(const struct stat *st, const struct queue *queue)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_nlink > 1)
		return "a file with several names";
	if (st->st_uid != geteuid() && st->st_uid != 0 && st->st_uid != queue->owner)
		return "it belongs to another user";
	if (st->st_size > FILE_LIMIT)
		return "too large";
	return NULL;
}

/*
 * True when a try came to an answer, or never to its end. Who is refused while
 * others have heard nothing was refused for his address, before the first try.
 */
static bool
was_tried(const struct envelope *envelope)
{
	size_t refused = 0, silent = 0;

	if (envelope->crashes > 0 || envelope->doubts > 0)
		return true;
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *recipient = &envelope->recipients[i];

		if (recipient->verdict == FAILED)
			refused++;
		else if (recipient->verdict == DEFERRED && recipient->reply.code == 0 &&
			 recipient->reply.text[0] == '\0')
			silent++;
		else
			return true;
	}
	return refused > 0 && silent == 0;
}

/* Opens the file and locks it: the file's state now. why: for FOREIGN. */
static enum entry_state
open_file(struct entry *entry, bool lock, struct stat *st, const char **why)
{
	int folder = queue_folder(entry->queue, entry->folder);
	struct stat now;

	if (folder < 0 && errno == ENOENT)
		return ENTRY_GONE;
	entry->fd = openat(folder, entry->name, (lock ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (entry->fd < 0 && errno == ENOENT)
		return ENTRY_GONE;
	if (entry->fd < 0 || fstat(entry->fd, st) != 0) {
		*why = strerror(errno);
		return ENTRY_FOREIGN;
	}
	*why = why_foreign(st, entry->queue);
	if (*why != NULL)
		return ENTRY_FOREIGN;
	if (!lock)
		return ENTRY_OPEN;
	if (flock(entry->fd, LOCK_EX | LOCK_NB) != 0)
		return ENTRY_BUSY;
	/* Between open and lock it may have been tried, removed or moved. */
	if (fstatat(folder, entry->name, &now, AT_SYMLINK_NOFOLLOW) != 0 || now.st_ino != st->st_ino ||
	    now.st_dev != st->st_dev)
		return ENTRY_GONE;
	*st = now;
	return ENTRY_OPEN;
}

/* Reads the envelope and compares it with the file around it. */
static enum entry_state
read_file(struct entry *entry, const struct stat *st, const char *id, struct reason *why)
{
	if (format_read(entry->fd, &entry->envelope, &entry->message, &entry->marks, why) != 0)
		return ENTRY_FOREIGN;
	if (strcmp(entry->envelope.id, id) != 0) {
		reason_set(why, "a copy of another message");
		return ENTRY_FOREIGN;
	}
	if (!is_whole(entry, st->st_size)) {
		reason_set(why, "the message is not as long as it was when it was stored");
		return ENTRY_FOREIGN;
	}
	entry->last_try = was_tried(&entry->envelope) ? st->st_mtime : 0;
	return ENTRY_OPEN;
}

enum entry_state
entry_open(struct entry *entry, struct queue *queue, const struct queue_item *item, bool lock, struct reason *reason)
{
	const char *cause = NULL;
	struct reason why;
	struct stat st;
	enum entry_state state;

	init_entry(entry, queue, item->folder, item->name);
	entry->committed = true;
	state = open_file(entry, lock, &st, &cause);
	if (cause != NULL)
		reason_set(&why, "%s", cause);
	if (state == ENTRY_OPEN)
		state = read_file(entry, &st, item->id, &why);
	if (state == ENTRY_FOREIGN)
		reason_set(reason, "%s/%s/%s: %s", queue->path, folder_name(item->folder), item->name, why.text);
	if (state != ENTRY_OPEN)
		entry_close(entry);
	return state;
}

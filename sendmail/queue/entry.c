/*
 * One message of the queue: written in tmp/, committed into new/, marked in
 * place, removed. The order of syncs and renames is the crash table of queue.c
 * read from the other side. An entry without a queue is the same file without a
 * name, and nothing of it is synced: it ends with its process.
 */
#include "queue/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/folder.h"
#include "queue/format.h"

enum {
	FILE_LIMIT = 1 << 30, /* bytes of one queue file */
	START_BLOCK = 16384, /* the envelope block is written in pieces of this size */
};

/* What to do about the errors that a disk gives. */
static const struct {
	int error;
	const char *cure;
} cures[] = {
	{ ENOSPC, ": make room (space or inodes) on that file system" },
	{ EDQUOT, ": raise the disk quota or make room" },
	{ EFBIG, ": raise the file size limit of this process (ulimit -f)" },
	{ EIO, ": check the disk and the system log" },
	{ EROFS, ": mount that file system for writing" },
	{ EACCES, ": the queue must belong to the user who sends" },
	{ EMFILE, ": raise the limit of open files (ulimit -n)" },
};

/*
 * For the signal handler: the file of this process that is not committed yet.
 * The name is complete before the flag is raised.
 */
static struct {
	int tmp, new;
	char name[ID_MAX];
} unfinished;
static volatile sig_atomic_t is_unfinished, is_committed;

/* Sets a reason from errno: what was tried where, why it failed, what to do. */
static int
failed(const struct entry *entry, const char *what, struct reason *reason)
{
	const char *cause = strerror(errno), *cure = "";

	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++) {
		if (cures[i].error == errno)
			cure = cures[i].cure;
	}
	return reason_set(reason, "cannot %s in %s: %s%s", what, entry->place, cause, cure);
}

static void
init_entry(struct entry *entry, struct queue *queue, char folder, const char *name)
{
	*entry = (struct entry){ .queue = queue, .fd = -1, .folder = folder };
	entry->place = queue != NULL ? queue->path : "memory";
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	envelope_init(&entry->envelope);
}

/* Closes and unlocks the file; the envelope stays. */
static void
close_file(struct entry *entry)
{
	if (entry->fd >= 0)
		close(entry->fd);
	entry->fd = -1;
}

void
entry_close(struct entry *entry)
{
	close_file(entry);
	free(entry->marks);
	entry->marks = NULL;
	envelope_free(&entry->envelope);
}

/* A file without a name, on disk if possible. */
static int
create_unnamed(struct entry *entry)
{
	static const char *const places[] = { "/var/tmp", "/tmp" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && entry->fd < 0; i++) {
		entry->place = places[i];
		entry->fd = open(places[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	}
	if (entry->fd < 0) {
		entry->place = "memory";
		entry->fd = memfd_create("message", MFD_CLOEXEC);
	}
	return entry->fd;
}

static int
create_named(struct entry *entry)
{
	int tmp = queue_folder(entry->queue, 't');

	unfinished.tmp = tmp;
	unfinished.new = queue_folder(entry->queue, 'n');
	snprintf(unfinished.name, sizeof(unfinished.name), "%s", entry->envelope.id);
	atomic_signal_fence(memory_order_release);
	is_unfinished = 1;
	entry->fd = openat(tmp, entry->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (entry->fd < 0)
		is_unfinished = 0;
	return entry->fd;
}

int
entry_create(struct entry *entry, struct queue *queue, const char *id, struct reason *reason)
{
	init_entry(entry, queue, 't', id);
	snprintf(entry->envelope.id, sizeof(entry->envelope.id), "%s", id);
	if ((queue != NULL ? create_named(entry) : create_unnamed(entry)) < 0)
		return failed(entry, "create a message file", reason);
	if (queue != NULL && flock(entry->fd, LOCK_EX | LOCK_NB) != 0)
		return failed(entry, "lock a message file", reason);
	return 0;
}

int
entry_write(struct entry *entry, const char *bytes, size_t n, struct reason *reason)
{
	while (n > 0) {
		ssize_t written = write(entry->fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return failed(entry, "write a message", reason);
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

/* The lines of all recipients, written in pieces; sets their marks. */
static int
write_recipients(struct entry *entry, struct buffer *block, struct reason *reason)
{
	const struct envelope *envelope = &entry->envelope;

	entry->marks = allocate(envelope->count, sizeof(*entry->marks));
	for (size_t i = 0; i < envelope->count; i++) {
		entry->marks[i] = entry->message + (off_t)block->length;
		if (format_recipient(block, &envelope->recipients[i], reason) != 0)
			return -1;
		if (i + 1 < envelope->count && block->length < START_BLOCK)
			continue;
		if (entry_write(entry, block->data, block->length, reason) != 0)
			return -1;
		entry->message += (off_t)block->length;
		buffer_clear(block);
	}
	return 0;
}

int
entry_start(struct entry *entry, struct reason *reason)
{
	struct buffer block;
	int result;

	buffer_init(&block, START_BLOCK + LINE_MAX_LENGTH);
	result = format_head(&block, &entry->envelope, reason);
	if (result == 0)
		result = write_recipients(entry, &block, reason);
	buffer_free(&block);
	return result;
}

/* Overwrites n bytes at offset when they differ (or anyway): 0, or -1 with errno. */
static int
overwrite(const struct entry *entry, off_t offset, const char *bytes, size_t n, bool anyway)
{
	char old[LINE_MAX_LENGTH];
	ssize_t done;

	if (!anyway && pread(entry->fd, old, n, offset) == (ssize_t)n && memcmp(old, bytes, n) == 0)
		return 0;
	do
		done = pwrite(entry->fd, bytes, n, offset);
	while (done < 0 && errno == EINTR);
	if (done >= 0 && done < (ssize_t)n)
		errno = ENOSPC;
	return done == (ssize_t)n ? 0 : -1;
}

/* The file must hold exactly the message that was counted, and not be absurdly large. */
static bool
is_whole(const struct entry *entry, off_t size)
{
	const struct facts *facts = &entry->envelope.facts;

	return size <= FILE_LIMIT && size > entry->message && facts->size >= facts->lines &&
	       (uint64_t)(size - entry->message) == facts->size - facts->lines;
}

static int
write_facts(const struct entry *entry, struct reason *reason)
{
	char facts[FACTS_WIDTH];
	struct stat st;

	if (fstat(entry->fd, &st) != 0)
		return failed(entry, "examine a message", reason);
	if (!is_whole(entry, st.st_size))
		return reason_set(
		    reason, "the message is empty, larger than %d MiB, or not what was counted", FILE_LIMIT >> 20);
	format_facts(facts, &entry->envelope);
	return overwrite(entry, FACTS_OFFSET, facts, sizeof(facts), true) == 0
		   ? 0
		   : failed(entry, "write a message", reason);
}

/* Moves from tmp/ to new/, never over another file where the system can promise that. */
static int
rename_into_new(const struct entry *entry)
{
	int tmp = queue_folder(entry->queue, 't'), new = queue_folder(entry->queue, 'n');

#ifdef RENAME_NOREPLACE
	if (renameat2(tmp, entry->name, new, entry->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -1;
#endif
	return renameat(tmp, entry->name, new, entry->name);
}

int
entry_commit(struct entry *entry, struct reason *reason)
{
	if (write_facts(entry, reason) != 0)
		return -1;
	if (entry->queue == NULL) {
		entry->committed = true;
		return 0;
	}
	/* A failed fsync is never repeated: the second one may report success over lost pages. */
	if (fsync(entry->fd) != 0)
		return failed(entry, "make a message durable", reason);
	if (rename_into_new(entry) != 0)
		return failed(entry, "rename a message", reason);
	entry->folder = 'n';
	if (fsync(queue_folder(entry->queue, 'n')) != 0)
		return failed(entry, "make a message durable", reason);
	is_committed = 1;
	is_unfinished = 0;
	entry->committed = true;
	return 0;
}

void
entry_abandon(struct entry *entry)
{
	if (entry->queue != NULL && !entry->committed && entry->fd >= 0) {
		unlinkat(queue_folder(entry->queue, entry->folder), entry->name, 0);
		is_unfinished = 0;
	}
	entry_close(entry);
}

bool
queue_abandon_all(void)
{
	/* In new/ too: the signal may have come between rename and sync. */
	if (is_unfinished) {
		unlinkat(unfinished.tmp, unfinished.name, 0);
		unlinkat(unfinished.new, unfinished.name, 0);
	}
	return is_committed != 0;
}

/* Overwrites the lines of the recipients of whom something new is known. */
static int
write_marks(const struct entry *entry, struct reason *reason)
{
	struct buffer line;
	int result = 0;

	buffer_init(&line, LINE_MAX_LENGTH);
	for (size_t i = 0; i < entry->envelope.count && result == 0; i++) {
		buffer_clear(&line);
		result = format_recipient(&line, &entry->envelope.recipients[i], reason);
		if (result == 0 && overwrite(entry, entry->marks[i], line.data, line.length, false) != 0)
			result = failed(entry, "mark a message", reason);
	}
	buffer_free(&line);
	return result;
}

int
entry_record(struct entry *entry, struct reason *reason)
{
	char facts[FACTS_WIDTH];
	struct stat st;

	/* Anyway, for the sake of mtime. */
	format_facts(facts, &entry->envelope);
	if (overwrite(entry, FACTS_OFFSET, facts, sizeof(facts), true) != 0)
		return failed(entry, "mark a message", reason);
	if (write_marks(entry, reason) != 0)
		return -1;
	if (entry->queue != NULL && fdatasync(entry->fd) != 0)
		return failed(entry, "make the marks of a message durable", reason);
	if (fstat(entry->fd, &st) == 0)
		entry->last_try = st.st_mtime;
	return 0;
}

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

/* A mail reader may have moved or renamed the file while it was locked. */
static bool
find_again(struct entry *entry)
{
	struct search search = { .entry = entry };

	for (const char *folder = "nc"; *folder != '\0' && !search.found; folder++) {
		search.folder = *folder;
		folder_walk(queue_folder(entry->queue, *folder), is_sought, &search);
	}
	return search.found;
}

int
entry_remove(struct entry *entry, struct reason *reason)
{
	struct reason ignored;
	int result = 0;

	while (entry->queue != NULL && result == 0 &&
	       unlinkat(queue_folder(entry->queue, entry->folder), entry->name, 0) != 0) {
		if (errno != ENOENT)
			result = failed(entry, "remove a message", reason);
		else if (!find_again(entry))
			break;
	}
	if (entry->queue != NULL && result == 0 && fsync(queue_folder(entry->queue, entry->folder)) != 0)
		result = failed(entry, "make the removal of a message durable", reason);
	if (result != 0)
		entry_record(entry, &ignored);
	close_file(entry);
	return result;
}

/* Opens .Failed/new, making the whole Maildir folder: -1 with a reason. */
static int
open_failed(const struct queue *queue, struct reason *reason)
{
	static const char *const paths[] = { ".Failed/tmp", ".Failed/cur", ".Failed/new" };
	int parent = folder_open(queue, queue->directory, ".Failed", reason), fd = -1;

	if (parent < 0)
		return -1;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (fd >= 0)
			close(fd);
		fd = folder_open(queue, parent, paths[i], reason);
		if (fd < 0)
			break;
	}
	close(parent);
	return fd;
}

/* Moves the file there, without a mail reader's flags, which new/ does not know. */
static int
move_to(struct entry *entry, int folder, struct reason *reason)
{
	while (renameat(queue_folder(entry->queue, entry->folder), entry->name, folder, entry->envelope.id) != 0) {
		if (errno != ENOENT || !find_again(entry))
			return failed(entry, "move a message to .Failed", reason);
	}
	if (fsync(folder) != 0 || fsync(queue_folder(entry->queue, entry->folder)) != 0)
		return failed(entry, "make the move of a message durable", reason);
	return 0;
}

int
entry_fail(struct entry *entry, struct reason *reason)
{
	int result = 0, folder;

	if (entry->queue != NULL) {
		folder = open_failed(entry->queue, reason);
		result = folder < 0 ? -1 : move_to(entry, folder, reason);
		if (folder >= 0)
			close(folder);
	}
	close_file(entry);
	return result;
}

ssize_t
entry_read(const struct entry *entry, void *bytes, size_t n, off_t offset)
{
	ssize_t got;

	do
		got = pread(entry->fd, bytes, n, entry->message + offset);
	while (got < 0 && errno == EINTR);
	return got;
}

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

/* True when any recipient has heard something. */
static bool
was_tried(const struct envelope *envelope)
{
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *recipient = &envelope->recipients[i];

		if (recipient->verdict != DEFERRED || recipient->reply.code != 0 || recipient->reply.text[0] != '\0')
			return true;
	}
	return false;
}

/* Opens the file and locks it: the file's state now. why: for FOREIGN. */
static enum entry_state
open_file(struct entry *entry, bool lock, struct stat *st, const char **why)
{
	int folder = queue_folder(entry->queue, entry->folder);
	struct stat now;

	entry->fd = openat(folder, entry->name, (lock ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (entry->fd < 0 && errno == ENOENT)
		return ENTRY_GONE;
	*why = entry->fd < 0 || fstat(entry->fd, st) != 0 ? strerror(errno) : why_foreign(st, entry->queue);
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
	struct stat st = { 0 };
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

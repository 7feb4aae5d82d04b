/*
 * One message of the queue: written in tmp/, committed into new/, marked in
 * place. The order of syncs and renames is the crash table of queue.c read from
 * the other side. An entry without a queue is the same file without a name, and
 * nothing of it is synced: it ends with its process.
 */
#include "queue/entry.h"

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

enum { START_BLOCK = 16384 }; /* the envelope block is written in pieces of this size */

enum { NOTHING, WRITING, COMMITTED };

/*
 * For the signal handler: the file of this process that is not committed yet.
 * The name is complete before the flag is raised.
 */
static struct {
	int tmp, new;
	char name[ID_MAX];
} unfinished;
static volatile sig_atomic_t stage; /* of that file; one store changes it */
static volatile sig_atomic_t is_safe; /* a message was committed before that one */
/* The entry of the latest entry_begin_try() of this process, until its file is closed. */
static const struct entry *trying;

int
entry_failed(const struct entry *entry, const char *what, struct reason *reason)
{
	return queue_failed(what, entry->place, reason);
}

void
init_entry(struct entry *entry, struct queue *queue, char folder, const char *name)
{
	*entry = (struct entry){ .queue = queue, .fd = -1, .folder = folder };
	entry->place = queue != NULL ? queue->path : "memory";
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	envelope_init(&entry->envelope);
}

void
close_file(struct entry *entry)
{
	if (entry->fd >= 0)
		close(entry->fd);
	entry->fd = -1;
	if (trying == entry)
		trying = NULL;
}

void
entry_unlock(struct entry *entry)
{
	flock(entry->fd, LOCK_UN);
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
	is_safe = is_safe || stage == COMMITTED;
	atomic_signal_fence(memory_order_release);
	stage = WRITING;
	entry->fd = openat(tmp, entry->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (entry->fd < 0)
		stage = NOTHING;
	return entry->fd;
}

int
entry_create(struct entry *entry, struct queue *queue, const char *id, struct reason *reason)
{
	init_entry(entry, queue, 't', id);
	snprintf(entry->envelope.id, sizeof(entry->envelope.id), "%s", id);
	if ((queue != NULL ? create_named(entry) : create_unnamed(entry)) < 0)
		return entry_failed(entry, "create a message file", reason);
	if (queue != NULL && flock(entry->fd, LOCK_EX | LOCK_NB) != 0)
		return entry_failed(entry, "lock a message file", reason);
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
			return entry_failed(entry, "write a message", reason);
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

bool
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
		return entry_failed(entry, "examine a message", reason);
	if (!is_whole(entry, st.st_size))
		return reason_set(
		    reason, "the message is empty, larger than %d MiB, or not what was counted", FILE_LIMIT >> 20);
	format_facts(facts, &entry->envelope);
	return overwrite(entry, FACTS_OFFSET, facts, sizeof(facts), true) == 0
		   ? 0
		   : entry_failed(entry, "write a message", reason);
}

int
entry_commit(struct entry *entry, struct reason *reason)
{
	int new;

	if (write_facts(entry, reason) != 0)
		return -1;
	if (entry->queue == NULL) {
		entry->committed = true;
		return 0;
	}
	new = queue_folder(entry->queue, 'n');
	/* A failed fsync is never repeated: the second one may report success over lost pages. */
	if (fsync(entry->fd) != 0)
		return entry_failed(entry, "make a message durable", reason);
	if (rename_file(queue_folder(entry->queue, 't'), entry->name, new, entry->name) != 0)
		return entry_failed(entry, "rename a message", reason);
	entry->folder = 'n';
	if (fsync(new) != 0)
		return entry_failed(entry, "make a message durable", reason);
	stage = COMMITTED;
	entry->committed = true;
	return 0;
}

void
entry_abandon(struct entry *entry)
{
	if (entry->queue != NULL && !entry->committed && entry->fd >= 0) {
		unlinkat(queue_folder(entry->queue, entry->folder), entry->name, 0);
		stage = NOTHING;
	}
	entry_close(entry);
}

bool
queue_abandon_all(void)
{
	/* In new/ too: the signal may have come between rename and sync. */
	if (stage == WRITING) {
		unlinkat(unfinished.tmp, unfinished.name, 0);
		unlinkat(unfinished.new, unfinished.name, 0);
	}
	return stage == COMMITTED || is_safe;
}

void
queue_take_back(void)
{
	is_safe = 0;
	stage = NOTHING;
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
			result = entry_failed(entry, "mark a message", reason);
	}
	buffer_free(&line);
	return result;
}

int
entry_record(struct entry *entry, struct reason *reason)
{
	struct envelope *envelope = &entry->envelope;
	char facts[FACTS_WIDTH];
	struct stat st;

	envelope->doubts += envelope->maybe_sent;
	envelope->maybe_sent = false;
	envelope->crashes = 0;
	if (write_marks(entry, reason) != 0)
		return -1;
	/* Anyway, for the sake of mtime. */
	format_facts(facts, envelope);
	if (overwrite(entry, FACTS_OFFSET, facts, sizeof(facts), true) != 0)
		return entry_failed(entry, "mark a message", reason);
	if (entry->queue != NULL && fdatasync(entry->fd) != 0)
		return entry_failed(entry, "make the marks of a message durable", reason);
	if (fstat(entry->fd, &st) == 0)
		entry->last_try = st.st_mtime;
	return 0;
}

/* Overwrites this digit alone: nobody waits for a sync before a try. */
static int
write_crashes(const struct entry *entry, unsigned crashes)
{
	char digit = format_digit(crashes);

	return overwrite(entry, CRASHES_OFFSET, &digit, 1, true);
}

int
entry_begin_try(struct entry *entry, struct reason *reason)
{
	trying = entry;
	return write_crashes(entry, entry->envelope.crashes + 1) == 0 ? 0
								      : entry_failed(entry, "mark a message", reason);
}

void
queue_forgive_try(void)
{
	if (trying != NULL)
		write_crashes(trying, trying->envelope.crashes);
}

int
entry_forgive(struct entry *entry, struct reason *reason)
{
	char facts[FACTS_WIDTH];

	if (entry->envelope.crashes == 0 && entry->envelope.doubts == 0)
		return 0;
	entry->envelope.crashes = 0;
	entry->envelope.doubts = 0;
	format_facts(facts, &entry->envelope);
	return overwrite(entry, FACTS_OFFSET, facts, sizeof(facts), true) == 0
		   ? 0
		   : entry_failed(entry, "mark a message", reason);
}

int
entry_make_due(struct entry *entry, struct reason *reason)
{
	static const struct timespec never[2] = { { 0, 0 }, { 0, 0 } };

	if (entry->envelope.crashes > 0 && write_crashes(entry, 0) != 0)
		return entry_failed(entry, "mark a message", reason);
	entry->envelope.crashes = 0;
	if (futimens(entry->fd, never) != 0)
		return entry_failed(entry, "make a message due", reason);
	entry->last_try = 0;
	return 0;
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

/*
 * Queues in a folder of their own, and messages in them, for the tests of the
 * queue. Include this last but for tap.h.
 */
#ifndef TESTS_QUEUE_WORLD_H
#define TESTS_QUEUE_WORLD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/queue.h"
#include "tap.h"

static const int64_t birth = 0x6593A0C0;
static const char id[] = "6593A0C00123456789", other_id[] = "6593A0C1ABCDEF0123";
static const char message[] = "From: a@b.example\nSubject: x\n\nbody\n";

static char root[] = "/tmp/queue-test.XXXXXX";
static int queue_number;
static struct reason reason;

/* A check that shows the reason given. */
static inline void
told(bool good, const char *name)
{
	ok(good, "%s", name);
	note("%s", reason.text);
}

/* The path of something in the queue of this test; valid until the fourth call from now. */
static inline const char *
path(const char *rest)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/q%d/%s", root, queue_number, rest);
	return p;
}

static inline struct queue *
new_queue(void)
{
	struct queue *queue;

	queue_number++;
	queue = queue_open(path(""), &reason);
	if (queue == NULL)
		told(false, "queue_open");
	return queue;
}

/* How many names a folder holds. */
static inline int
count(const char *folder)
{
	DIR *listing = opendir(path(folder));
	const struct dirent *found;
	int n = 0;

	if (listing == NULL)
		return -1;
	while ((found = readdir(listing)) != NULL)
		n += found->d_name[0] != '.';
	closedir(listing);
	return n;
}

static inline bool
exists(const char *rest)
{
	return access(path(rest), F_OK) == 0;
}

/* Creates and writes an entry with two recipients, without committing it. */
static inline int
write_entry(struct entry *entry, struct queue *queue, const char *name)
{
	if (entry_create(entry, queue, name, &reason) != 0)
		return -1;
	entry->envelope.birth = birth;
	entry->envelope.uid = 1000;
	entry->envelope.sender = copy_string("a@b.example");
	entry->envelope.message_id = copy_string("<1@b.example>");
	envelope_add(&entry->envelope, "one@c.example");
	envelope_add(&entry->envelope, "two@d.example");
	if (entry_start(entry, &reason) != 0)
		return -1;
	facts_add(&entry->envelope.facts, message, strlen(message));
	return entry_write(entry, message, strlen(message), &reason);
}

static inline void
store(struct queue *queue, const char *name)
{
	struct entry entry;

	if (write_entry(&entry, queue, name) != 0 || entry_commit(&entry, &reason) != 0)
		told(false, "store");
	entry_close(&entry);
}

static inline enum entry_state
open_item(struct entry *entry, struct queue *queue, char folder, const char *name, bool lock)
{
	struct queue_item item = { .folder = folder };

	snprintf(item.id, sizeof(item.id), "%.18s", name);
	snprintf(item.name, sizeof(item.name), "%s", name);
	return entry_open(entry, queue, &item, lock, &reason);
}

static inline bool
reads_as(const struct entry *entry, const char *want)
{
	char text[256];
	ssize_t n = entry_read(entry, text, sizeof(text), 0);

	return n == (ssize_t)strlen(want) && memcmp(text, want, (size_t)n) == 0 &&
	       entry_read(entry, text, sizeof(text), n) == 0;
}

static inline void
make_text(const char *at, const char *text)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ok(false, "%s: %s", at, strerror(errno));
	close(fd);
}

static inline void
age_file(const char *at, int64_t seconds)
{
	struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };

	utimensat(AT_FDCWD, at, times, 0);
}

static inline int
remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(name);
}

static inline int
begin(void)
{
	return mkdtemp(root) != NULL ? 0 : -1;
}

static inline int
end(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}

#endif

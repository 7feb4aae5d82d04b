/*
 * What processes tell each other through the queue's directory beside the
 * messages: small files of state, the lock of the runner, slots for sessions,
 * touched files, room. Locks are flock(2), which dies with its process (and is
 * inherited by children). Nothing here is worth a sync: the crash table of
 * queue.c says what a loss means.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "queue/folder.h"
#include "queue/queue.h"

enum {
	NAME_SIZE = 256, /* of a file in the queue's directory; a longer name is cut */
	INODES_PART = 100, /* this part of the inodes is kept free */
	INODES_MIN = 16, /* and never less */
	NANOSECONDS = 1000000000,
};

/* Makes a name that stays in its directory and in the character set of the contract. */
static void
safe_name(char safe[NAME_SIZE], const char *name)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";

	snprintf(safe, NAME_SIZE, "%s", name);
	for (char *c = safe; *c != '\0'; c++) {
		if (strchr(good, *c) == NULL)
			*c = '_';
	}
}

static int
open_state(const struct queue *queue, const char *name, int flags)
{
	char safe[NAME_SIZE];

	safe_name(safe, name);
	return openat(queue->directory, safe, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

int
queue_write_state(struct queue *queue, const char *name, const char *text)
{
	size_t length = strlen(text);
	int tmp = queue_folder(queue, 't'), fd;
	char safe[NAME_SIZE], id[ID_MAX];
	bool good;

	if (length > STATE_MAX)
		return -1;
	safe_name(safe, name);
	/* Named like a message being written: what a crash leaves is swept. */
	queue_new_id(id, time(NULL));
	fd = openat(tmp, id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	good = write(fd, text, length) == (ssize_t)length && renameat(tmp, id, queue->directory, safe) == 0;
	close(fd);
	if (!good)
		unlinkat(tmp, id, 0);
	return good ? 0 : -1;
}

bool
queue_read_state(struct queue *queue, const char *name, struct buffer *text)
{
	int fd = open_state(queue, name, O_RDONLY);
	char bytes[STATE_MAX + 1];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	/* Empty: a power cut kept the rename and lost the bytes. */
	if (n <= 0 || n > STATE_MAX)
		return false;
	buffer_add(text, bytes, (size_t)n);
	return true;
}

void
queue_remove_state(struct queue *queue, const char *name)
{
	char safe[NAME_SIZE];

	safe_name(safe, name);
	unlinkat(queue->directory, safe, 0);
}

bool
queue_lock_run(struct queue *queue)
{
	/* Where there are no locks at all, those of the messages are missing, too: better run than never. */
	return flock(queue->directory, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

void
queue_unlock_run(struct queue *queue)
{
	flock(queue->directory, LOCK_UN);
}

int
queue_take_slot(struct queue *queue, const char *smarthost, unsigned count)
{
	/* Not all processes at the same slot first. */
	unsigned first = count > 0 ? (unsigned)getpid() % count : 0;
	char name[NAME_SIZE];

	for (unsigned i = 0; i < count; i++) {
		int fd;

		snprintf(name, sizeof(name), "slot-%.*s-%u", NAME_SIZE - 32, smarthost, (first + i) % count);
		fd = open_state(queue, name, O_RDWR | O_CREAT);
		if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

void
queue_touch(struct queue *queue, const char *name)
{
	int fd = open_state(queue, name, O_WRONLY | O_CREAT);
	struct timespec now[2];

	if (fd < 0)
		return;
	/* The file system's own clock may tick too slowly to tell two touches apart; only the owner may do better. */
	clock_gettime(CLOCK_REALTIME, &now[0]);
	now[1] = now[0];
	if (futimens(fd, now) != 0)
		futimens(fd, NULL);
	close(fd);
}

int64_t
queue_touched(struct queue *queue, const char *name)
{
	char safe[NAME_SIZE];
	struct stat st;

	safe_name(safe, name);
	if (fstatat(queue->directory, safe, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * NANOSECONDS + st.st_mtim.tv_nsec;
}

bool
queue_has_room(struct queue *queue, uint64_t bytes, uint64_t reserve)
{
	struct statvfs fs;
	uint64_t blocks, reserved_inodes;

	/* Who cannot tell lets the write itself find out. */
	if (fstatvfs(queue->directory, &fs) != 0 || fs.f_frsize == 0)
		return true;
	blocks = bytes / fs.f_frsize + reserve / fs.f_frsize + 2;
	reserved_inodes = fs.f_files / INODES_PART > INODES_MIN ? fs.f_files / INODES_PART : INODES_MIN;
	/* btrfs and others count no inodes at all. */
	return fs.f_bavail >= blocks && (fs.f_files == 0 || fs.f_favail >= reserved_inodes);
}

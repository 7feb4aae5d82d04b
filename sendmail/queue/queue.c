/*
 * The queue as a whole: its folders, ids, list, pauses and debris. One message
 * is one file, its name (up to a ':') is its id, and these are all the states:
 *
 *	on disk                      made by           a crash here leaves it; then
 *	tmp/ID, locked               entry_create      the lock dies: next row
 *	tmp/ID, not locked           a crash           nobody was promised anything; queue_sweep after 36 h
 *	new/ID, folder not synced    entry_commit      in tmp/ or new/, whole: swept, or sent although the caller
 *	                                               heard of a failure
 *	new/ID or cur/ID:2,FLAGS     entry_commit,     waiting; the next run tries it when it is due
 *	                             a mail reader
 *	the same, locked             entry_open        the lock dies: waiting; a copy may have arrived
 *	the same, some marks S or F  entry_record      the next run tries only those that are D
 *	the same, no mark D          entry_record      the next run removes it (or moves it to .Failed/) untried
 *	unlinked, folder not synced  entry_remove      a power cut may bring it back with the marks it had
 *	.Failed/new/ID               entry_fail        for people: no run looks there
 *	the same, also in new/       entry_fail        a power cut between two syncs may undo the move: as before it
 *
 * new/ and cur/ mean the same. The lock is flock(2) on the message: it dies
 * with its process. Everything is done relative to descriptors of the folders,
 * opened once and without following links.
 */
#include "queue/queue.h"

#include <dirent.h>
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
	FIRST_PAUSE = 5 * 60, /* seconds */
	LONGEST_PAUSE = 4 * 60 * 60,
	JITTER = 100, /* thousandths of a pause, either way */
	DEBRIS_AGE = 36 * 60 * 60,
	RANDOM_BYTES = 5,
	BIRTH_DIGITS = 8,
	JITTER_DIGITS = 4, /* the last ones of an id */
};

static const struct {
	char letter;
	const char *name;
} folders[FOLDER_COUNT] = { { 't', "tmp" }, { 'n', "new" }, { 'c', "cur" } };

/* Makes a directory and its entry durable: 0, also when it exists, or -1 with errno. */
static int
make_directory(int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) != 0)
		return errno == EEXIST ? 0 : -1;
	return fsync(parent);
}

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

/* Not a place where others could put or take away files. */
static bool
is_safe(const struct stat *st)
{
	return (st->st_mode & S_IWOTH) == 0 || st->st_uid == geteuid();
}

/* Opens a directory without following a link; path is for the reason, from the queue's directory. */
static int
open_directory(const struct queue *queue, int parent, const char *name, const char *path, struct reason *reason)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return reason_set(
		    reason, "queue folder %s/%s cannot be opened: %s", queue->path, path, strerror(errno));
	if (fstat(fd, &st) == 0 && is_safe(&st))
		return fd;
	close(fd);
	return reason_set(reason, "queue folder %s/%s belongs to another user and everybody may write to it: chmod o-w",
	    queue->path, path);
}

int
folder_open(const struct queue *queue, int parent, const char *path, struct reason *reason)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	if (make_directory(parent, name) != 0)
		return reason_set(reason, "queue folder %s/%s cannot be made: %s", queue->path, path, strerror(errno));
	return open_directory(queue, parent, name, path, reason);
}

/* Opens the directory itself and its folders. */
static int
open_all(struct queue *queue, struct reason *reason)
{
	struct stat st;

	make_path(queue->path);
	queue->directory = open_directory(queue, AT_FDCWD, queue->path, "", reason);
	if (queue->directory < 0)
		return -1;
	if (fstat(queue->directory, &st) != 0)
		return reason_set(reason, "queue folder %s: %s", queue->path, strerror(errno));
	queue->owner = st.st_uid;
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		queue->folders[i] = folder_open(queue, queue->directory, folders[i].name, reason);
		if (queue->folders[i] < 0)
			return -1;
	}
	return 0;
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
	*queue = (struct queue){ .path = copy_bytes(directory, length), .directory = -1, .folders = { -1, -1, -1 } };
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

static size_t
folder_row(char letter)
{
	size_t i = 0;

	while (folders[i].letter != letter)
		i++;
	return i;
}

int
queue_folder(const struct queue *queue, char letter)
{
	return queue->folders[folder_row(letter)];
}

const char *
folder_name(char letter)
{
	return folders[folder_row(letter)].name;
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

static bool
is_id_name(const char *name)
{
	return strspn(name, "0123456789ABCDEF") == ID_LENGTH && (name[ID_LENGTH] == '\0' || name[ID_LENGTH] == ':') &&
	       strlen(name) < ENTRY_NAME_MAX;
}

void
name_id(char id[ID_MAX], const char *name)
{
	snprintf(id, ID_MAX, "%.*s", ID_LENGTH, name);
}

/* The number in n hex digits. */
static unsigned long
hex_number(const char *digits, size_t n)
{
	char text[ID_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)n, digits);
	return strtoul(text, NULL, 16);
}

int
folder_walk(int folder, bool (*visit)(void *, const char *), void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failure;
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *found;
	bool enough = false;

	if (listing == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	errno = 0;
	while (!enough && (found = readdir(listing)) != NULL) {
		if (is_id_name(found->d_name))
			enough = visit(context, found->d_name);
		errno = 0;
	}
	failure = errno;
	closedir(listing);
	errno = failure;
	return failure == 0 ? 0 : -1;
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
	*item = (struct queue_item){ .folder = listing->folder, .birth = (int64_t)hex_number(name, BIRTH_DIGITS) };
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
queue_list(struct queue *queue, struct queue_list *list, struct reason *reason)
{
	struct listing listing = { .list = list };

	*list = (struct queue_list){ .items = NULL };
	/* In the direction in which mail readers move files, so that none is missed. */
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		listing.folder = folders[i].letter;
		if (listing.folder == 't' || folder_walk(queue->folders[i], add_item, &listing) == 0)
			continue;
		queue_list_free(list);
		return reason_set(
		    reason, "queue folder %s/%s cannot be listed: %s", queue->path, folders[i].name, strerror(errno));
	}
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare_items);
	return 0;
}

void
queue_list_free(struct queue_list *list)
{
	free(list->items);
	*list = (struct queue_list){ .items = NULL };
}

bool
queue_due(const struct entry *entry, int64_t now)
{
	const char *digits = entry->envelope.id + ID_LENGTH - JITTER_DIGITS;
	int64_t pause = entry->last_try - entry->envelope.birth;

	/* A try in the future: the clock was set back. */
	if (entry->last_try == 0 || entry->last_try > now)
		return true;
	if (pause < FIRST_PAUSE)
		pause = FIRST_PAUSE;
	if (pause > LONGEST_PAUSE)
		pause = LONGEST_PAUSE;
	pause = pause * (1000 - JITTER + (int64_t)hex_number(digits, JITTER_DIGITS) % (2 * JITTER + 1)) / 1000;
	return now - entry->last_try >= pause;
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

/*
 * The folders of a queue. Each part is a Maildir (Maildir++ for .Held and
 * .Failed); those two are made when the first message goes there. All opening
 * is relative to descriptors and follows no link.
 */
#include "queue/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/format.h"

static const struct {
	const char *directory; /* NULL: the queue's own */
	const char *letters;
} parts[] = {
	[QUEUE_WAITING] = { NULL, "nc" },
	[QUEUE_HELD] = { ".Held", "Hh" },
	[QUEUE_FAILED] = { ".Failed", "Ff" },
};
const char all_letters[] = "ncHhFf";

/* The tmp/ of the other parts only makes them a Maildir: it has no letter. */
static const struct {
	enum queue_part part;
	char letter;
	const char *path;
} folders[FOLDER_COUNT] = {
	{ QUEUE_WAITING, 't', "tmp" },
	{ QUEUE_WAITING, 'n', "new" },
	{ QUEUE_WAITING, 'c', "cur" },
	{ QUEUE_HELD, '\0', ".Held/tmp" },
	{ QUEUE_HELD, 'H', ".Held/new" },
	{ QUEUE_HELD, 'h', ".Held/cur" },
	{ QUEUE_FAILED, '\0', ".Failed/tmp" },
	{ QUEUE_FAILED, 'F', ".Failed/new" },
	{ QUEUE_FAILED, 'f', ".Failed/cur" },
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

int
queue_failed(const char *what, const char *place, struct reason *reason)
{
	const char *cause = strerror(errno), *cure = "";

	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++) {
		if (cures[i].error == errno)
			cure = cures[i].cure;
	}
	return reason_set(reason, "cannot %s in %s: %s%s", what, place, cause, cure);
}

const char *
part_letters(enum queue_part part)
{
	return parts[part].letters;
}

size_t
folder_row(char letter)
{
	size_t i = 0;

	while (folders[i].letter != letter)
		i++;
	return i;
}

enum queue_part
folder_part(char letter)
{
	return folders[folder_row(letter)].part;
}

const char *
folder_name(char letter)
{
	return folders[folder_row(letter)].path;
}

/* Makes a directory and its entry durable: 0, also when it exists, or -1 with errno. */
static int
make_directory(int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) != 0)
		return errno == EEXIST ? 0 : -1;
	return fsync(parent);
}

/* Not a place where others could put or take away files. */
static bool
is_safe(const struct stat *st)
{
	return (st->st_mode & S_IWOTH) == 0 || st->st_uid == geteuid();
}

int
open_directory(int parent, const char *name, const char *path, struct reason *reason)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return reason_set(reason, "queue folder %s cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && is_safe(&st))
		return fd;
	close(fd);
	errno = EPERM;
	return reason_set(
	    reason, "queue folder %s belongs to another user and everybody may write to it: chmod o-w", path);
}

/* The same for the last name of a path in the queue's directory; made first if so wished. */
static int
open_folder(const struct queue *queue, int parent, const char *path, bool make, struct reason *reason)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	char whole[PATH_MAX + 16];

	snprintf(whole, sizeof(whole), "%s/%s", queue->path, path);
	if (make && make_directory(parent, name) != 0)
		return reason_set(reason, "queue folder %s cannot be made: %s", whole, strerror(errno));
	return open_directory(parent, name, whole, reason);
}

int
part_open(struct queue *queue, enum queue_part part, bool make, struct reason *reason)
{
	int parent = queue->directory, result = 0;

	if (parts[part].directory != NULL)
		parent = open_folder(queue, queue->directory, parts[part].directory, make, reason);
	if (parent < 0)
		return -1;
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		if (folders[i].part != part || queue->folders[i] >= 0 || (folders[i].letter == '\0' && !make))
			continue;
		queue->folders[i] = open_folder(queue, parent, folders[i].path, make, reason);
		if (queue->folders[i] < 0)
			result = -1;
	}
	if (parent != queue->directory)
		close(parent);
	return result;
}

int
queue_folder(struct queue *queue, char letter)
{
	const int *folder = &queue->folders[folder_row(letter)];
	struct reason ignored;

	if (*folder < 0)
		part_open(queue, folder_part(letter), false, &ignored);
	return *folder;
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

int
rename_file(int from, const char *name, int to, const char *new_name)
{
#ifdef RENAME_NOREPLACE
	if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -1;
#endif
	return renameat(from, name, to, new_name);
}

/*
 * Delivery into a Maildir uses the queue's own way of storing a message safely:
 * written in tmp/, synced, renamed into new/.
 */
#include "delivery/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 16384, LINES_LIMIT = RECIPIENTS_MAX * (ADDRESS_MAX + 32) };

static int
failed(struct reason *reason, const char *path, const char *step)
{
	return reason_set(reason, "maildir %s: %s: %s", path, step, strerror(errno));
}

static int
open_maildir(const char *path, struct reason *reason)
{
	static const char *const folders[] = { "tmp", "new", "cur" };
	int directory;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return failed(reason, path, "mkdir");
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return failed(reason, path, "open");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdirat(directory, folders[i], 0700) < 0 && errno != EEXIST) {
			failed(reason, path, folders[i]);
			close(directory);
			return -1;
		}
	return directory;
}

static int
write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

static int
write_envelope(int fd, const struct envelope *envelope)
{
	struct buffer lines;
	int result;

	buffer_init(&lines, LINES_LIMIT);
	buffer_format(&lines, "Return-Path: <%s>\n", envelope->sender);
	for (size_t i = 0; i < envelope->count; i++)
		if (envelope->recipients[i].verdict == DEFERRED)
			buffer_format(&lines, "Delivered-To: %s\n", envelope->recipients[i].address);
	result = write_all(fd, lines.data, lines.length);
	buffer_free(&lines);
	return result;
}

static int
write_message(int fd, const struct entry *entry)
{
	char block[BLOCK];
	off_t offset = 0;
	ssize_t n;

	if (write_envelope(fd, &entry->envelope) < 0)
		return -1;
	while ((n = entry_read(entry, block, sizeof(block), offset)) > 0) {
		if (write_all(fd, block, (size_t)n) < 0)
			return -1;
		offset += n;
	}
	if (n == 0 && (uint64_t)offset < facts_stored(&entry->envelope.facts)) {
		errno = EIO;
		return -1;
	}
	return n < 0 ? -1 : fsync(fd);
}

static int
sync_folder(int directory, const char *name)
{
	int folder = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = folder < 0 ? -1 : fsync(folder);

	if (folder >= 0)
		close(folder);
	return result;
}

int
maildir_deliver(const char *path, const struct entry *entry, struct reason *reason)
{
	char from[ID_MAX + 8], to[ID_MAX + 8];
	int directory = open_maildir(path, reason), fd, result = 0;

	if (directory < 0)
		return -1;
	snprintf(from, sizeof(from), "tmp/%s", entry->envelope.id);
	snprintf(to, sizeof(to), "new/%s", entry->envelope.id);
	fd = openat(directory, from, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write_message(fd, entry) < 0 || renameat(directory, from, directory, to) < 0 ||
	    sync_folder(directory, "new") < 0)
		result = failed(reason, path, "write");
	if (result < 0 && fd >= 0)
		unlinkat(directory, from, 0);
	if (fd >= 0)
		close(fd);
	close(directory);
	return result;
}

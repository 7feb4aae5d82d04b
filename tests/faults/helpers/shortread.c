/*
 * LD_PRELOAD: a disk with a bad sector at byte BAD of every file: pread(2) gives
 * what lies before it, then EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

ssize_t pread(int fd, void *bytes, size_t n, off_t offset);

ssize_t
pread(int fd, void *bytes, size_t n, off_t offset)
{
	ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
	off_t bad = atol(getenv("BAD"));

	if (offset >= bad) {
		errno = EIO;
		return -1;
	}
	return real(fd, bytes, offset + (off_t)n > bad ? (size_t)(bad - offset) : n, offset);
}

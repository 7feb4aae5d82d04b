/*
 * For LD_PRELOAD: the allocation with the number FAIL_AT fails (with FAIL_FROM: all from that one on). How many there
 * were is counted in the file FAIL_COUNT. glibc keeps its allocator under other names, so that nothing is looked up.
 * None fails inside getpwuid(): there glibc 2.36 itself falls over NULL (nss_database.c).
 */
#include <sys/mman.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static atomic_ulong *count;
static unsigned long at, from;
static bool in_glibc;

static unsigned long
number(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("FAIL_COUNT");
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *page;

	if (fd < 0 || ftruncate(fd, sizeof(*count)) != 0)
		return;
	page = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	at = number("FAIL_AT");
	from = number("FAIL_FROM");
	if (page != MAP_FAILED)
		count = page;
}

static bool
fails(void)
{
	unsigned long now = count != NULL ? atomic_fetch_add(count, 1) + 1 : 0;
	bool failing = now > 0 && !in_glibc && (now == at || (from > 0 && now >= from));

	if (failing)
		errno = ENOMEM;
	return failing;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

struct passwd *
getpwuid(uid_t uid)
{
	struct passwd *(*real)(uid_t) = (struct passwd * (*)(uid_t)) dlsym(RTLD_NEXT, "getpwuid");
	struct passwd *found;

	in_glibc = true;
	found = real(uid);
	in_glibc = false;
	return found;
}

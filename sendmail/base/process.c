/*
 * A file opened while 0, 1 or 2 is closed would become stdin, stdout or stderr,
 * and an error text would land in a message; an inherited descriptor keeps a
 * caller's pipe open after we went to the background; an ignored SIGCHLD or a
 * blocked signal changes what waiting means. So everything is set, not assumed.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/auxv.h>
#include <sys/syscall.h>
#endif

/* The lowest free descriptor, with nothing behind it; "/" serves in a chroot without /dev. */
static int
open_nothing(int flags)
{
	int fd = open("/dev/null", flags);

	return fd >= 0 ? fd : open("/", O_RDONLY);
}

/* Replaces closed standard descriptors, in ascending order so that each open() fills the gap just found. */
static int
fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open_nothing(fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			return -1;
	return 0;
}

void
process_close_others(void)
{
#ifdef __linux__
	long limit = sysconf(_SC_OPEN_MAX);

#ifdef SYS_close_range
	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
		return;
#endif
	for (int fd = STDERR_FILENO + 1; fd < limit; fd++)
		close(fd);
#else
	closefrom(STDERR_FILENO + 1);
#endif
}

static void
reset_signals(void)
{
	sigset_t none;

	alarm(0);
	signal(SIGALRM, SIG_IGN); /* drops one that is pending already */
	signal(SIGALRM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A core would hold the password. */
static void
forbid_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) != 0)
		return;
	limit.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &limit);
}

int
process_start(void)
{
	if (fill_standard_descriptors() != 0)
		return -1;
	process_close_others();
	reset_signals();
	forbid_core();
	umask(077);
	return 0;
}

void
process_on_stop(void (*handler)(int))
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = handler }, old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

int
process_detach(void)
{
	setsid();
	close(STDIN_FILENO);
	if (open_nothing(O_RDWR) != STDIN_FILENO)
		return -1;
	return dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0 ? -1 : 0;
}

bool
process_is_privileged(void)
{
#ifdef __linux__
	return getauxval(AT_SECURE) != 0;
#else
	return issetugid() != 0;
#endif
}

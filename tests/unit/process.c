/*
 * What a process may inherit, each row in a child of its own: something odd is
 * prepared, process_start() runs, and what it promises is checked.
 */
#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void
nothing(void)
{
}

static void
close_all_standard(void)
{
	close(0);
	close(1);
	close(2);
}

static void
close_stderr(void)
{
	close(2);
}

static void
leave_descriptors(void)
{
	dup2(1, 3);
	dup2(1, 77);
	dup2(1, 200);
}

static void
few_descriptors(void)
{
	struct rlimit limit = { 4, 4 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
odd_signals(void)
{
	sigset_t all;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	alarm(1000);
	raise(SIGALRM);
}

static void
odd_umask(void)
{
	umask(0777);
}

static bool
standard_descriptors_are_open(void)
{
	return fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0;
}

static bool
others_are_closed(void)
{
	return open("/dev/null", O_RDONLY) == 3 && fcntl(77, F_GETFD) < 0 && fcntl(200, F_GETFD) < 0;
}

static bool
stdin_is_empty(void)
{
	char byte;

	return standard_descriptors_are_open() && read(0, &byte, 1) == 0 && write(1, "x", 1) == 1 &&
	       write(0, "x", 1) < 0;
}

static bool
signals_are_set(void)
{
	struct sigaction child, pipe, size;
	sigset_t blocked;

	sigaction(SIGCHLD, NULL, &child);
	sigaction(SIGPIPE, NULL, &pipe);
	sigaction(SIGXFSZ, NULL, &size);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	return child.sa_handler == SIG_DFL && pipe.sa_handler == SIG_IGN && size.sa_handler == SIG_IGN &&
	       sigismember(&blocked, SIGTERM) == 0 && alarm(0) == 0;
}

static void
allow_cores(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
}

static bool
leaves_no_core(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0;
}

static bool
umask_is_set(void)
{
	return umask(0) == 077;
}

static bool
is_detached(void)
{
	struct stat null, now;

	if (process_detach() != 0 || getsid(0) != getpid() || stat("/dev/null", &null) != 0)
		return false;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &now) != 0 || now.st_rdev != null.st_rdev)
			return false;
	return true;
}

static bool
has_no_privilege(void)
{
	return !process_is_privileged();
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*prepare)(void);
		bool (*check)(void);
	} rows[] = {
		{ "nothing odd", nothing, standard_descriptors_are_open },
		{ "0 1 2 closed", close_all_standard, stdin_is_empty },
		{ "2 closed", close_stderr, standard_descriptors_are_open },
		{ "inherited descriptors", leave_descriptors, others_are_closed },
		{ "four descriptors at most", few_descriptors, others_are_closed },
		{ "signals ignored and blocked, an alarm", odd_signals, signals_are_set },
		{ "umask 777", odd_umask, umask_is_set },
		{ "a core would hold the password", allow_cores, leaves_no_core },
		{ "detached", nothing, is_detached },
		{ "not privileged", nothing, has_no_privilege },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = 1;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			rows[i].prepare();
			_exit(process_start() != 0 || !rows[i].check());
		}
		waitpid(pid, &status, 0);
		ok(status == 0, "%s", rows[i].name);
	}
	return tap_done();
}

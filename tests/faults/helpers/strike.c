/*
 * Kills a process at one of its system calls: strike REPORT PROCESS CALL NTH PROGRAM [ARGUMENT ...]
 *
 * PROCESS is 0 for the program itself, 1 for the first child it or a child of it makes, and so on; CALL is the number
 * of a system call, NTH counts those of this process from 1. It dies by SIGKILL when it enters the call, which is not
 * made. (strace can inject a signal too, but counts the same way in parent and child, so that it cannot kill the child
 * at a call that the parent made before.) Ends when all the processes have ended, with the status or signal of the
 * first one. REPORT gets "killed" when the point was reached, and in their order what the processes did that matters:
 *
 *	sync NAME          this file or directory was synced
 *	end TOKEN          bytes with "end-of-TOKEN" went to a socket: the last line of a message
 *	record NAME        this file is being unlinked, or a recipient in it is being marked as sent
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 256, PATH_SIZE = 4096, SYSCALL_STOP = SIGTRAP | 0x80 };

struct process {
	pid_t pid;
	unsigned calls; /* so many of the wanted number */
	bool greeted; /* its first stop is over */
};

static struct process processes[PROCESSES_MAX];
static int process_count;
static unsigned long victim;
static FILE *report;

static struct process *
find(pid_t pid)
{
	int i = 0;

	while (i < process_count && processes[i].pid != pid)
		i++;
	if (i == PROCESSES_MAX)
		errx(2, "too many processes");
	if (i == process_count)
		processes[process_count++] = (struct process){ .pid = pid };
	return &processes[i];
}

static pid_t
start(char *argv[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0 || raise(SIGSTOP) != 0)
			err(2, "ptrace");
		execvp(argv[0], argv);
		err(2, "%s", argv[0]);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0,
		PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		    PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) != 0)
		errx(2, "cannot trace");
	find(pid)->greeted = true;
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return pid;
}

/* Bytes of the process: how many could be read, '\0' behind them. */
static size_t
read_memory(pid_t pid, unsigned long address, size_t n, char *bytes)
{
	struct iovec here = { bytes, n }, there = { (void *)address, n };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	bytes[got < 0 ? 0 : got] = '\0';
	return got < 0 ? 0 : (size_t)got;
}

/* A path argument lies anywhere before the end of a page that is there. */
static void
read_path(pid_t pid, unsigned long address, char *path)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = page - address % page;

	if (read_memory(pid, address, n < PATH_SIZE - 1 ? n : PATH_SIZE - 1, path) == n)
		read_memory(pid, address, PATH_SIZE - 1, path);
}

static void
path_of(pid_t pid, unsigned long fd, char *path)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%lu", (int)pid, fd);
	n = readlink(link, path, PATH_SIZE - 1);
	path[n < 0 ? 0 : n] = '\0';
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
log_ends(pid_t pid, unsigned long address, size_t n)
{
	static const char mark[] = "end-of-";
	char *bytes = malloc(n + 1), *found;

	if (bytes == NULL)
		err(2, NULL);
	n = read_memory(pid, address, n, bytes);
	for (found = bytes; (found = memmem(found, n - (size_t)(found - bytes), mark, strlen(mark))) != NULL;) {
		found += strlen(mark);
		fprintf(report, "end %.*s\n", (int)strcspn(found, "\r\n"), found);
	}
	free(bytes);
}

/* What the call, which is now going to be made, means for the messages. */
static void
log_call(pid_t pid, const struct __ptrace_syscall_info *info)
{
	static const char marked[] = "X-Queue-To: S";
	const unsigned long *argument = (const unsigned long *)info->entry.args;
	char path[PATH_SIZE], bytes[sizeof(marked)];

	switch (info->entry.nr) {
	case SYS_sendto:
		log_ends(pid, argument[1], argument[2]);
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		path_of(pid, argument[0], path);
		fprintf(report, "sync %s\n", base_of(path));
		break;
	case SYS_unlinkat:
		read_path(pid, argument[1], path);
		fprintf(report, "record %s\n", base_of(path));
		break;
	case SYS_pwrite64:
		read_memory(pid, argument[1], sizeof(marked) - 1, bytes);
		path_of(pid, argument[0], path);
		if (strcmp(bytes, marked) == 0)
			fprintf(report, "record %s\n", base_of(path));
		break;
	}
}

/* A stop at a system call. True when it is the entry of the wanted one. */
static bool
enters(struct process *process, unsigned long call, unsigned nth)
{
	struct __ptrace_syscall_info info;
	bool wanted;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	wanted = process == &processes[victim] && info.entry.nr == call && ++process->calls == nth;
	if (!wanted)
		log_call(process->pid, &info);
	return wanted;
}

/* The signal with which a stopped process goes on. */
static int
signal_to_pass(struct process *process, int status)
{
	int number = WSTOPSIG(status);

	if (status >> 16 != 0 || number == SYSCALL_STOP)
		return 0;
	if (number == SIGSTOP && !process->greeted) {
		process->greeted = true;
		return 0;
	}
	return number;
}

int
main(int argc, char *argv[])
{
	unsigned long call;
	unsigned nth;
	pid_t first, pid;
	bool executed = false;
	int status, outcome = 0;

	if (argc < 6)
		errx(2, "usage: strike REPORT PROCESS CALL NTH PROGRAM [ARGUMENT ...]");
	report = fopen(argv[1], "w");
	if (report == NULL)
		err(2, "%s", argv[1]);
	victim = strtoul(argv[2], NULL, 10);
	call = strtoul(argv[3], NULL, 10);
	nth = (unsigned)strtoul(argv[4], NULL, 10);
	first = start(argv + 5);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct process *process;

		if (pid < 0)
			continue;
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				outcome = status;
			continue;
		}
		process = find(pid);
		executed = executed || status >> 16 == PTRACE_EVENT_EXEC;
		if (executed && WSTOPSIG(status) == SYSCALL_STOP && enters(process, call, nth)) {
			fprintf(report, "killed\n");
			kill(pid, SIGKILL);
			continue;
		}
		ptrace(PTRACE_SYSCALL, pid, 0, signal_to_pass(process, status));
	}
	if (fclose(report) != 0)
		err(2, "%s", argv[1]);
	if (WIFSIGNALED(outcome)) {
		signal(WTERMSIG(outcome), SIG_DFL);
		kill(getpid(), WTERMSIG(outcome));
	}
	return WEXITSTATUS(outcome);
}

/*
 * measure FILE COMMAND...: runs the command, writes its peak resident memory
 * in KiB into FILE, ends with its status. A program of its own because a
 * child's figure starts at its parent's, and Python's is large.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct rusage used;
	int status;
	pid_t child;
	FILE *out;

	if (argc < 3)
		errx(2, "usage: measure FILE COMMAND...");
	if ((child = fork()) == 0) {
		execv(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (child < 0 || wait4(child, &status, 0, &used) < 0)
		err(2, "measure");
	if ((out = fopen(argv[1], "w")) == NULL || fprintf(out, "%ld\n", used.ru_maxrss) < 0 || fclose(out) != 0)
		err(2, "%s", argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * sendmail, mailq, newaliases and sendmailctl: what am I called as, what is
 * asked, what came of it. Only here the program ends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "command/caller.h"
#include "command/control.h"
#include "command/mailq.h"
#include "command/options.h"
#include "command/submit.h"
#include "delivery/run.h"

#define VERSION "0.1"

static const char usage[] = "usage: sendmail [-itv] [-f sender] [-F name] [-B type] [-o option] [-b mode] [-q] "
			    "[recipient ...]\n";

/* Needs a configuration; keeps the caller's message from a broken pipe when there is none. */
static int
run_submit(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = caller_configure(caller, reason);

	if (options->ignored[0] != '\0')
		log_note(LEVEL_WARNING, "unknown options ignored", options->ignored);
	if (status == EX_OK)
		return submit(caller, options, reason);
	if (!isatty(STDIN_FILENO))
		drain_stdin();
	return status;
}

static int
run_list(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = caller_configure(caller, reason);

	(void)options;
	return status == EX_OK ? mailq(caller, reason) : status;
}

static int
run_queue(struct caller *caller, const struct options *options, struct reason *reason)
{
	const struct session_hooks hooks = { 0 };
	int status = caller_configure(caller, reason);
	struct queue *queue;

	(void)options;
	if (status != EX_OK || caller->config.queue.directory == NULL)
		return status;
	queue = queue_open(caller->config.queue.directory, reason);
	if (queue == NULL)
		return EX_UNAVAILABLE;
	if (queue_run(queue, &caller->config, &hooks, reason) != TROUBLE_NONE)
		status = EX_UNAVAILABLE;
	queue_close(queue);
	return status;
}

static int
run_nothing(struct caller *caller, const struct options *options, struct reason *reason)
{
	(void)caller;
	(void)options;
	(void)reason;
	return EX_OK;
}

static int
run_refused(struct caller *caller, const struct options *options, struct reason *reason)
{
	(void)caller;
	if (!isatty(STDIN_FILENO))
		drain_stdin();
	reason_set(reason, "%s", options->refusal);
	return EX_USAGE;
}

static int
run_help(struct caller *caller, const struct options *options, struct reason *reason)
{
	(void)caller;
	(void)options;
	(void)reason;
	fputs(usage, stdout);
	return EX_OK;
}

static int
run_version(struct caller *caller, const struct options *options, struct reason *reason)
{
	(void)caller;
	(void)options;
	(void)reason;
	puts("sendmail-submit " VERSION);
	return EX_OK;
}

static int (*const modes[])(struct caller *, const struct options *, struct reason *) = {
	[MODE_SUBMIT] = run_submit,
	[MODE_LIST] = run_list,
	[MODE_RUN] = run_queue,
	[MODE_ALIASES] = run_nothing,
	[MODE_NOTHING] = run_nothing,
	[MODE_REFUSED] = run_refused,
	[MODE_HELP] = run_help,
	[MODE_VERSION] = run_version,
};

static int
run(struct caller *caller, const char *name, int argc, char **argv, struct reason *reason, bool *verbose)
{
	struct options options;

	if (strcmp(name, "sendmailctl") == 0)
		return control(caller, argc, argv, reason);
	/* The caller's folder may be deleted, unreadable or a trap; only sendmailctl takes names of files. */
	if (chdir("/") < 0) {
		reason_set(reason, "chdir /: %s", strerror(errno));
		return EX_OSERR;
	}
	if (options_parse(&options, argc, argv, reason) < 0)
		return EX_USAGE;
	if (strcmp(name, "mailq") == 0)
		options.mode = MODE_LIST;
	if (strcmp(name, "newaliases") == 0)
		options.mode = MODE_ALIASES;
	*verbose = options.verbose;
	return modes[options.mode](caller, &options, reason);
}

int
main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = argc == 0 ? "sendmail" : slash != NULL ? slash + 1 : argv[0];
	struct reason reason = { "" };
	struct caller caller;
	bool verbose = false;
	int status;

	if (process_start() < 0)
		return EX_OSERR;
	caller_init(&caller);
	status = run(&caller, name, argc, argv, &reason, &verbose);
	if (reason.text[0] != '\0' && (status != EX_OK || verbose || isatty(STDERR_FILENO)))
		fprintf(stderr, "%s: %s\n", strcmp(name, "sendmailctl") == 0 ? name : "sendmail", reason.text);
	caller_free(&caller);
	return status;
}

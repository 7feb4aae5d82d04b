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
#include "command/run.h"
#include "command/serve.h"
#include "command/submit.h"
#include "command/verify.h"

#define VERSION "0.1"

static const char usage[] = "usage: sendmail [-itv] [-f sender] [-F name] [-B type] [-o option] [-b mode] [-q] "
			    "[recipient ...]\n";

/* Reads the configuration; what of the command line means nothing is only logged. */
static int
configure(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = caller_configure(caller, reason);

	if (options->ignored[0] != '\0')
		log_note(LEVEL_WARNING, "unknown options ignored", options->ignored);
	if (options->misused[0] != '\0')
		log_note(LEVEL_WARNING, "options with a meaningless value ignored", options->misused);
	return status;
}

/*
 * Mail is not lost to a typo: with a broken configuration messages are stored
 * in the default queue, when there is one, for the day the file is repaired. But who
 * sets a variable hears of his mistake at once, and knows which queue he meant.
 */
static bool
can_store_for_later(struct caller *caller, const struct reason *broken)
{
	if (caller->config.queue.directory == NULL || caller->from_environment)
		return false;
	log_note(LEVEL_ERROR, "configuration", broken->text);
	caller->config.identity.domain = copy_string(caller->host);
	return true;
}

static int
store_for_later(struct caller *caller, const struct options *options, struct reason *reason)
{
	struct options only_store = *options;
	struct reason broken = *reason;
	int status;

	only_store.delivery = WISH_QUEUE;
	status = submit(caller, &only_store, reason);
	*reason = broken;
	return status == EX_OK ? EX_OK : EX_CONFIG;
}

static int
run_submit(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = configure(caller, options, reason);

	if (status == EX_OK)
		return submit(caller, options, reason);
	if (can_store_for_later(caller, reason))
		return store_for_later(caller, options, reason);
	if (!isatty(STDIN_FILENO))
		drain_stdin();
	return status;
}

static int
run_serve(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = configure(caller, options, reason);
	struct reason broken = *reason;

	/* Some callers read stderr as if it were a reply. */
	reason->text[0] = '\0';
	if (status == EX_OK)
		return serve(caller, options, NULL);
	if (can_store_for_later(caller, &broken))
		return serve(caller, options, &broken);
	serve_refusal(caller, &broken);
	return status;
}

static int
run_verify(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = configure(caller, options, reason);

	return status == EX_OK ? verify(caller, options, reason) : status;
}

static int
run_list(struct caller *caller, const struct options *options, struct reason *reason)
{
	int status = caller_configure(caller, reason);

	(void)options;
	if (status != EX_OK && caller->config.queue.directory != NULL && !caller->from_environment) {
		printf("(%s)\n", reason->text);
		reason->text[0] = '\0';
		status = EX_OK;
	}
	return status == EX_OK ? mailq(caller, reason) : status;
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
	[MODE_SERVE] = run_serve,
	[MODE_VERIFY] = run_verify,
	[MODE_LIST] = run_list,
	[MODE_RUN] = run_mode,
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

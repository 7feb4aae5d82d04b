/*
 * The command line: every option in each of its forms, as rows.
 */
#include <string.h>

#include "command/options.h"
#include "message/envelope.h"
#include "unit/tap.h"

#define TEN "0123456789"
#define LONGEST_ENVID TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

enum { WORDS_MAX = 12 };

/* What the words (behind argv[0]) must give; rest: the recipients, blank-separated. No error_mode: 'p'. */
static const struct row {
	const char *words[WORDS_MAX];
	struct options want;
	const char *rest;
	const char *error;
} rows[] = {
	{ { "a@b" }, { .mode = MODE_SUBMIT }, "a@b", NULL },
	{ { "-t" }, { .from_header = true }, "", NULL },
	{ { "-i", "a@b" }, { .ignore_dots = true }, "a@b", NULL },
	{ { "-ti" }, { .from_header = true, .ignore_dots = true }, "", NULL },
	{ { "-it" }, { .from_header = true, .ignore_dots = true }, "", NULL },
	{ { "-oi", "-t" }, { .from_header = true, .ignore_dots = true }, "", NULL },
	{ { "-o", "i" }, { .ignore_dots = true }, "", NULL },
	{ { "-oitrue" }, { .ignore_dots = true }, "", NULL },
	{ { "-oiFalse" }, { .ignore_dots = false }, "", NULL },
	{ { "-O", "IgnoreDots=true" }, { .ignore_dots = true }, "", NULL },
	{ { "-O", "IgnoreDots" }, { .ignore_dots = true }, "", NULL },
	{ { "-i", "-O", "IgnoreDots=no" }, { .ignore_dots = false }, "", NULL },
	{ { "-fa@b", "c@d" }, { .sender = "a@b" }, "c@d", NULL },
	{ { "-f", "a@b", "c@d" }, { .sender = "a@b" }, "c@d", NULL },
	{ { "-f", "", "c@d" }, { .sender = "" }, "c@d", NULL },
	{ { "-f<>", "c@d" }, { .sender = "<>" }, "c@d", NULL },
	{ { "-f", "<>", "c@d" }, { .sender = "<>" }, "c@d", NULL },
	{ { "-r", "a@b" }, { .sender = "a@b" }, "", NULL },
	{ { "-ra@b" }, { .sender = "a@b" }, "", NULL },
	{ { "-fa@b", "-f", "c@d" }, { .sender = "c@d" }, "", NULL },
	{ { "-tfa@b" }, { .from_header = true, .sender = "a@b" }, "", NULL },
	{ { "-tif", "a@b" }, { .from_header = true, .ignore_dots = true, .sender = "a@b" }, "", NULL },
	{ { "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root" },
	    { .full_name = "CronDaemon", .ignore_dots = true, .error_mode = 'm' }, "root", NULL },
	{ { "-FCronDaemon", "-odi", "-oem", "-or0s", "-oi", "-t" },
	    { .full_name = "CronDaemon",
		.ignore_dots = true,
		.from_header = true,
		.delivery = WISH_FOREGROUND,
		.error_mode = 'm' },
	    "", NULL },
	{ { "-F", "A B", "x" }, { .full_name = "A B" }, "x", NULL },
	{ { "-F", "" }, { .full_name = "" }, "", NULL },
	{ { "-F" }, { .mode = MODE_SUBMIT }, "", "option requires an argument -- F" },
	{ { "-tf" }, { .mode = MODE_SUBMIT }, "", "option requires an argument -- f" },
	{ { "-o" }, { .mode = MODE_SUBMIT }, "", "option requires an argument -- o" },
	{ { "-B", "8BITMIME", "-f", "a@b", "--", "c@d" }, { .sender = "a@b" }, "c@d", NULL },
	{ { "-B7BIT" }, { .verbose = false }, "", NULL },
	{ { "a@b", "-f", "c@d" }, { .sender = NULL }, "a@b -f c@d", NULL },
	{ { "--", "-t" }, { .from_header = false }, "-t", NULL },
	{ { "-" }, { .mode = MODE_SUBMIT }, "-", NULL },
	{ { "-bm", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-bs", "-odb", "-oem", "-om" }, { .mode = MODE_SERVE, .delivery = WISH_BACKGROUND, .error_mode = 'm' }, "",
	    NULL },
	{ { "-t", "-i", "-bv" }, { .mode = MODE_VERIFY, .from_header = true, .ignore_dots = true }, "", NULL },
	{ { "-bp" }, { .mode = MODE_LIST }, "", NULL },
	{ { "-bi" }, { .mode = MODE_ALIASES }, "", NULL },
	{ { "-I" }, { .mode = MODE_ALIASES }, "", NULL },
	{ { "-bh" }, { .mode = MODE_NOTHING }, "", NULL },
	{ { "-bH" }, { .mode = MODE_NOTHING }, "", NULL },
	{ { "-bd" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-bD" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-bl" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-bd", "-q15m" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-q15m", "-bd" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-bz" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-Qreason" }, { .mode = MODE_REFUSED }, "", NULL },
	{ { "-q" }, { .mode = MODE_RUN }, "", NULL },
	{ { "-q15m" }, { .mode = MODE_RUN }, "", NULL },
	{ { "-q", "15m" }, { .mode = MODE_RUN }, "", NULL },
	{ { "-q", "x@y" }, { .mode = MODE_RUN }, "x@y", NULL },
	{ { "-q", "-v" }, { .mode = MODE_RUN, .verbose = true }, "", NULL },
	{ { "-v" }, { .verbose = true }, "", NULL },
	{ { "-ov" }, { .verbose = true }, "", NULL },
	{ { "-odb" }, { .delivery = WISH_BACKGROUND }, "", NULL },
	{ { "-odi" }, { .delivery = WISH_FOREGROUND }, "", NULL },
	{ { "-odq" }, { .delivery = WISH_QUEUE }, "", NULL },
	{ { "-odd", "-Ac", "-oi", "--", "x" }, { .delivery = WISH_QUEUE, .ignore_dots = true }, "x", NULL },
	{ { "-ODeliveryMode=b" }, { .delivery = WISH_BACKGROUND }, "", NULL },
	{ { "-om", "-oA/x", "-oQ/tmp", "-o7", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-oep" }, { .error_mode = 'p' }, "", NULL },
	{ { "-oeq" }, { .error_mode = 'q' }, "", NULL },
	{ { "-oem" }, { .error_mode = 'm' }, "", NULL },
	{ { "-oee" }, { .error_mode = 'e' }, "", NULL },
	{ { "-oew" }, { .error_mode = 'm' }, "", NULL },
	{ { "-oem", "-oep" }, { .error_mode = 'p' }, "", NULL },
	{ { "-o", "ee" }, { .error_mode = 'e' }, "", NULL },
	{ { "-em", "x" }, { .error_mode = 'm' }, "x", NULL },
	{ { "-e", "q", "x" }, { .error_mode = 'q' }, "x", NULL },
	{ { "-O", "ErrorMode=m", "x" }, { .error_mode = 'm' }, "x", NULL },
	{ { "-OErrorMode=quiet" }, { .error_mode = 'q' }, "", NULL },
	{ { "-oe", "x" }, { .misused = "e" }, "x", NULL },
	{ { "-oez", "-ez", "-OErrorMode", "x" }, { .misused = "e" }, "x", NULL },
	{ { "-oee", "-oez" }, { .error_mode = 'e', .misused = "e" }, "", NULL },
	{ { "-X", "/tmp/log", "-C", "/etc/x", "-D", "y", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-X/tmp/log", "-C/etc/x", "-Dy", "-d0.1", "-Lz", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-d", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-N", "success,failure", "-R", "hdrs", "-V", "abc", "x" },
	    { .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE, .ret = 'H', .envid = "abc" }, "x", NULL },
	{ { "-Nnever", "-Rfull", "-V00000abc", "x" }, { .notify = NOTIFY_NEVER, .ret = 'F', .envid = "00000abc" }, "x",
	    NULL },
	{ { "-NSUCCESS,Delay,failure" }, { .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY }, "", NULL },
	{ { "-Ndelay", "-Nfailure" }, { .notify = NOTIFY_FAILURE }, "", NULL },
	{ { "-Nnever,failure" }, { .misused = "N" }, "", NULL },
	{ { "-Nnever,never" }, { .notify = NOTIFY_NEVER }, "", NULL },
	{ { "-N", "" }, { .misused = "N" }, "", NULL },
	{ { "-Nfailure," }, { .misused = "N" }, "", NULL },
	{ { "-N,failure" }, { .misused = "N" }, "", NULL },
	{ { "-Nfailures" }, { .misused = "N" }, "", NULL },
	{ { "-Nfail" }, { .misused = "N" }, "", NULL },
	{ { "-Nsuccess, failure" }, { .misused = "N" }, "", NULL },
	{ { "-Ndelay", "-Nx" }, { .notify = NOTIFY_DELAY, .misused = "N" }, "", NULL },
	{ { "-RFULL" }, { .ret = 'F' }, "", NULL },
	{ { "-Rheaders" }, { .misused = "R" }, "", NULL },
	{ { "-V", "a b+c=" }, { .envid = "a b+c=" }, "", NULL },
	{ { "-V", "" }, { .misused = "V" }, "", NULL },
	{ { "-Va\033b" }, { .misused = "V" }, "", NULL },
	{ { "-V\303\244" }, { .misused = "V" }, "", NULL },
	{ { "-V", LONGEST_ENVID }, { .envid = LONGEST_ENVID }, "", NULL },
	{ { "-V", LONGEST_ENVID "1" }, { .misused = "V" }, "", NULL },
	{ { "-Vx\t", "-Rx", "-Nx", "-ex" }, { .misused = "VRNe" }, "", NULL },
	{ { "-A", "c", "-Am", "-h", "3", "-h3", "-M", "xA", "-L", "t", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-G", "-m", "-n", "-s", "-c", "-U", "-x", "-T", "3", "-J", "-E123", "x" }, { .mode = MODE_SUBMIT }, "x",
	    NULL },
	{ { "-pUUCP:host", "-p", "ESMTP", "x" }, { .mode = MODE_SUBMIT }, "x", NULL },
	{ { "-Z", "x" }, { .ignored = "Z" }, "x", NULL },
	{ { "-ZtZy" }, { .from_header = true, .ignored = "Zy" }, "", NULL },
	{ { "--passwordeval=id", "x" }, { .ignored = "-" }, "x", NULL },
	{ { "--help" }, { .mode = MODE_HELP }, "", NULL },
	{ { "--version" }, { .mode = MODE_VERSION }, "", NULL },
};

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_options(const struct options *a, const struct options *b)
{
	return a->mode == b->mode && a->from_header == b->from_header && a->ignore_dots == b->ignore_dots &&
	       a->verbose == b->verbose && same(a->sender, b->sender) && same(a->full_name, b->full_name) &&
	       a->delivery == b->delivery && strcmp(a->ignored, b->ignored) == 0 && a->notify == b->notify &&
	       a->ret == b->ret && same(a->envid, b->envid) &&
	       a->error_mode == (b->error_mode != '\0' ? b->error_mode : 'p') && strcmp(a->misused, b->misused) == 0;
}

static void
check_row(const struct row *row)
{
	char *argv[WORDS_MAX + 2] = { "sendmail" };
	char line[256] = "sendmail", rest[256] = "";
	struct options got;
	struct reason reason = { "" };
	int argc = 1, result;

	for (size_t i = 0; i < WORDS_MAX && row->words[i] != NULL; i++) {
		argv[argc++] = (char *)row->words[i];
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", row->words[i]);
	}
	result = options_parse(&got, argc, argv, &reason);
	if (row->error != NULL) {
		ok(result < 0 && strcmp(reason.text, row->error) == 0, "%s: %s", line, row->error);
		return;
	}
	for (size_t i = 0; i < got.recipient_count; i++)
		snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%s%s", i > 0 ? " " : "", got.recipients[i]);
	ok(result == 0 && same_options(&got, &row->want) && strcmp(rest, row->rest) == 0, "%s", line);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
	return tap_done();
}

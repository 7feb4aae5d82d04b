/*
 * The parser knows no option by itself: it walks the letters of a word and asks
 * the table what follows. Unknown letters are flags without value, remembered
 * for a log line: to a cron job an unknown flag must not cost the mail. The same goes for values
 * that mean nothing.
 */
#include "command/options.h"

#include <string.h>

#include "base/encode.h"
#include "message/envelope.h"

enum { ENVID_MAX = 100 /* RFC 3461 4.4 */ };

/* Adds a letter to those that the log will name. */
static void
remember(char letters[LETTERS_MAX], char letter)
{
	size_t used = strlen(letters);

	if (used + 1 < LETTERS_MAX && strchr(letters, letter) == NULL)
		letters[used] = letter;
}

static void
take_from_header(struct options *o, const char *value)
{
	(void)value;
	o->from_header = true;
}

static void
take_ignore_dots(struct options *o, const char *value)
{
	(void)value;
	o->ignore_dots = true;
}

static void
take_verbose(struct options *o, const char *value)
{
	(void)value;
	o->verbose = true;
}

static void
take_sender(struct options *o, const char *value)
{
	o->sender = value;
}

static void
take_full_name(struct options *o, const char *value)
{
	o->full_name = value;
}

static void
take_aliases(struct options *o, const char *value)
{
	(void)value;
	o->mode = MODE_ALIASES;
}

/* "-bd -q15m" starts a daemon that listens and runs the queue: half of it would look like all of it. */
static void
take_run(struct options *o, const char *value)
{
	if (o->mode != MODE_REFUSED)
		o->mode = MODE_RUN;
	o->run = value;
}

static void
take_quarantine(struct options *o, const char *value)
{
	(void)value;
	o->mode = MODE_REFUSED;
	o->refusal = "-Q: there is no quarantine";
}

static void
take_mode(struct options *o, const char *value)
{
	static const struct {
		char letter;
		enum mode mode;
		const char *refusal;
	} modes[] = {
		{ 'm', MODE_SUBMIT, NULL },
		{ 's', MODE_SERVE, NULL },
		{ 'v', MODE_VERIFY, NULL },
		{ 'p', MODE_LIST, NULL },
		{ 'i', MODE_ALIASES, NULL },
		{ 'h', MODE_NOTHING, NULL },
		{ 'H', MODE_NOTHING, NULL },
		{ 'd', MODE_REFUSED, "-bd: this program never listens; to receive mail install a mail server" },
		{ 'D', MODE_REFUSED, "-bD: this program never listens; to receive mail install a mail server" },
		{ 'l', MODE_REFUSED, "-bl: this program never listens; to receive mail install a mail server" },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (value[0] == modes[i].letter) {
			o->mode = modes[i].mode;
			o->refusal = modes[i].refusal;
			return;
		}
	o->mode = MODE_REFUSED;
	o->refusal = "-b: unsupported mode; supported are -bm -bs -bv -bp -bi";
}

static void
take_delivery(struct options *o, const char *value)
{
	static const struct {
		char letter;
		enum delivery_wish wish;
	} wishes[] = {
		{ 'i', WISH_FOREGROUND },
		{ 'b', WISH_BACKGROUND },
		{ 'q', WISH_QUEUE },
		{ 'd', WISH_QUEUE },
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (value[0] == wishes[i].letter)
			o->delivery = wishes[i].wish;
}

static void
take_notify(struct options *o, const char *value)
{
	unsigned notify = notify_bits(value);

	if (notify == 0)
		remember(o->misused, 'N');
	else
		o->notify = notify;
}

static void
take_return(struct options *o, const char *value)
{
	static const struct {
		const char *word;
		char ret;
	} words[] = {
		{ "full", 'F' },
		{ "hdrs", 'H' },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (same_text(value, strlen(value), words[i].word)) {
			o->ret = words[i].ret;
			return;
		}
	remember(o->misused, 'R');
}

/* -V: printable; whoever passes it on encodes it. */
static void
take_envelope_id(struct options *o, const char *value)
{
	size_t length = 0;

	while (value[length] >= ' ' && value[length] < 0x7f)
		length++;
	if (length > 0 && length <= ENVID_MAX && value[length] == '\0')
		o->envid = value;
	else
		remember(o->misused, 'V');
}

/* -e, -oe: how to tell of a failure. "w", write to the terminal, is mailed back. */
static void
take_error_mode(struct options *o, const char *value)
{
	static const char letters[] = "pmeqw", modes[] = "pmeqm";
	const char *letter = value[0] != '\0' ? strchr(letters, value[0]) : NULL;

	if (letter != NULL)
		o->error_mode = modes[letter - letters];
	else
		remember(o->misused, 'e');
}

/* A truth as sendmail reads it: nothing, or a word like "true" or "yes". */
static void
take_dots(struct options *o, const char *value)
{
	o->ignore_dots = value[0] == '\0' || strchr("tTyY", value[0]) != NULL;
}

/* -o: old one-letter options; those that mean nothing here are accepted. */
static void
take_old(struct options *o, const char *value)
{
	static const struct {
		char letter;
		void (*take)(struct options *, const char *);
	} letters[] = {
		{ 'd', take_delivery },
		{ 'e', take_error_mode },
		{ 'i', take_dots },
		{ 'v', take_verbose },
	};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (value[0] == letters[i].letter)
			letters[i].take(o, value + 1);
}

/* -O Name=value: the names that have a short form here. */
static void
take_long(struct options *o, const char *value)
{
	static const struct {
		const char *name;
		void (*take)(struct options *, const char *);
	} names[] = {
		{ "DeliveryMode", take_delivery },
		{ "ErrorMode", take_error_mode },
		{ "IgnoreDots", take_dots },
	};
	const char *equals = strchr(value, '=');
	size_t length = equals != NULL ? (size_t)(equals - value) : strlen(value);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same_text(value, length, names[i].name))
			names[i].take(o, equals != NULL ? equals + 1 : "");
}

const struct option_row option_rows[] = {
	{ 'A', VALUE_NEEDED, NULL },
	{ 'B', VALUE_NEEDED, NULL },
	{ 'C', VALUE_NEEDED, NULL },
	{ 'D', VALUE_NEEDED, NULL },
	{ 'E', VALUE_ATTACHED, NULL },
	{ 'F', VALUE_NEEDED, take_full_name },
	{ 'G', VALUE_NONE, NULL },
	{ 'I', VALUE_NONE, take_aliases },
	{ 'J', VALUE_ATTACHED, NULL },
	{ 'L', VALUE_NEEDED, NULL },
	{ 'M', VALUE_NEEDED, NULL },
	{ 'N', VALUE_NEEDED, take_notify },
	{ 'O', VALUE_NEEDED, take_long },
	{ 'Q', VALUE_ATTACHED, take_quarantine },
	{ 'R', VALUE_NEEDED, take_return },
	{ 'T', VALUE_NEEDED, NULL },
	{ 'U', VALUE_NONE, NULL },
	{ 'V', VALUE_NEEDED, take_envelope_id },
	{ 'X', VALUE_NEEDED, NULL },
	{ 'b', VALUE_ATTACHED, take_mode },
	{ 'c', VALUE_NONE, NULL },
	{ 'd', VALUE_ATTACHED, NULL },
	{ 'e', VALUE_NEEDED, take_error_mode },
	{ 'f', VALUE_NEEDED, take_sender },
	{ 'h', VALUE_NEEDED, NULL },
	{ 'i', VALUE_NONE, take_ignore_dots },
	{ 'm', VALUE_NONE, NULL },
	{ 'n', VALUE_NONE, NULL },
	{ 'o', VALUE_NEEDED, take_old },
	{ 'p', VALUE_NEEDED, NULL },
	{ 'q', VALUE_TIME, take_run },
	{ 'r', VALUE_NEEDED, take_sender },
	{ 's', VALUE_NONE, NULL },
	{ 't', VALUE_NONE, take_from_header },
	{ 'v', VALUE_NONE, take_verbose },
	{ 'x', VALUE_NONE, NULL },
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);

static const struct option_row *
find_row(char letter)
{
	for (size_t i = 0; i < option_row_count; i++)
		if (option_rows[i].letter == letter)
			return &option_rows[i];
	return NULL;
}

/* "15m", "1h30m": digits and the letters of time, beginning with a digit. */
static bool
looks_like_time(const char *word)
{
	return word != NULL && word[0] >= '0' && word[0] <= '9' && word[strspn(word, "0123456789smhdw")] == '\0';
}

/*
 * One word of options, without its dash. next is the word behind it or NULL.
 * Returns how many further words were used (0 or 1), or -1 when a value is missing.
 */
static int
parse_word(struct options *o, const char *word, const char *next, struct reason *reason)
{
	for (const char *c = word; *c != '\0'; c++) {
		const struct option_row *row = find_row(*c);
		const char *value = "";
		int used = 0;

		if (row == NULL) {
			remember(o->ignored, *c);
			continue;
		}
		if (row->value != VALUE_NONE)
			value = c + 1;
		if (row->value == VALUE_NEEDED && *value == '\0') {
			if (next == NULL)
				return reason_set(reason, "option requires an argument -- %c", *c);
			value = next;
			used = 1;
		}
		if (row->value == VALUE_TIME && *value == '\0' && looks_like_time(next)) {
			value = next;
			used = 1;
		}
		if (row->take != NULL)
			row->take(o, value);
		if (row->value != VALUE_NONE)
			return used;
	}
	return 0;
}

int
options_parse(struct options *o, int argc, char **argv, struct reason *reason)
{
	int i = 1;

	*o = (struct options){ .mode = MODE_SUBMIT, .error_mode = 'p' };
	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const char *word = argv[i] + 1;
		int used;

		if (strcmp(word, "-") == 0) {
			i++;
			break;
		}
		if (strcmp(word, "-help") == 0 || strcmp(word, "-version") == 0) {
			o->mode = word[1] == 'h' ? MODE_HELP : MODE_VERSION;
			continue;
		}
		if (word[0] == '-') {
			remember(o->ignored, '-');
			continue;
		}
		used = parse_word(o, word, i + 1 < argc ? argv[i + 1] : NULL, reason);
		if (used < 0)
			return -1;
		i += used;
	}
	o->recipients = (const char *const *)argv + i;
	o->recipient_count = i < argc ? (size_t)(argc - i) : 0;
	return 0;
}

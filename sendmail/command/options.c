/*
 * The parser knows no option by itself: it walks the letters of a word and asks
 * the table what follows. Unknown letters are flags without value, remembered
 * for a log line: to a cron job an unknown flag must not cost the mail.
 */
#include "command/options.h"

#include <string.h>

#include "base/encode.h"

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
take_body_type(struct options *o, const char *value)
{
	o->eight_bit = same_text(value, strlen(value), "8BITMIME");
}

static void
take_aliases(struct options *o, const char *value)
{
	(void)value;
	o->mode = MODE_ALIASES;
}

static void
take_run(struct options *o, const char *value)
{
	(void)value;
	o->mode = MODE_RUN;
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
	o->refusal = "-b: unsupported mode; supported are -bm -bp -bi";
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

/* -o: old one-letter options; those that mean nothing here are accepted. */
static void
take_old(struct options *o, const char *value)
{
	if (value[0] == 'i' && (value[1] == '\0' || same_text(value + 1, strlen(value + 1), "true")))
		o->ignore_dots = true;
	else if (value[0] == 'd')
		take_delivery(o, value + 1);
	else if (value[0] == 'v')
		o->verbose = true;
}

/* -O Name=value: the three names that have a short form here. */
static void
take_long(struct options *o, const char *value)
{
	static const struct {
		const char *name;
		void (*take)(struct options *, const char *);
	} names[] = {
		{ "DeliveryMode", take_delivery },
		{ "IgnoreDots", take_ignore_dots },
	};
	const char *equals = strchr(value, '=');
	size_t length = equals != NULL ? (size_t)(equals - value) : strlen(value);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same_text(value, length, names[i].name))
			names[i].take(o, equals != NULL ? equals + 1 : "");
}

const struct option_row option_rows[] = {
	{ 'A', VALUE_NEEDED, NULL },
	{ 'B', VALUE_NEEDED, take_body_type },
	{ 'C', VALUE_NEEDED, NULL },
	{ 'D', VALUE_NEEDED, NULL },
	{ 'E', VALUE_ATTACHED, NULL },
	{ 'F', VALUE_NEEDED, take_full_name },
	{ 'G', VALUE_NONE, NULL },
	{ 'I', VALUE_NONE, take_aliases },
	{ 'J', VALUE_ATTACHED, NULL },
	{ 'L', VALUE_NEEDED, NULL },
	{ 'M', VALUE_NEEDED, NULL },
	{ 'N', VALUE_NEEDED, NULL },
	{ 'O', VALUE_NEEDED, take_long },
	{ 'Q', VALUE_ATTACHED, take_quarantine },
	{ 'R', VALUE_NEEDED, NULL },
	{ 'T', VALUE_NEEDED, NULL },
	{ 'U', VALUE_NONE, NULL },
	{ 'V', VALUE_NEEDED, NULL },
	{ 'X', VALUE_NEEDED, NULL },
	{ 'b', VALUE_ATTACHED, take_mode },
	{ 'c', VALUE_NONE, NULL },
	{ 'd', VALUE_ATTACHED, NULL },
	{ 'e', VALUE_NEEDED, NULL },
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

static void
remember_unknown(struct options *o, char letter)
{
	size_t used = strlen(o->ignored);

	if (used + 1 < sizeof(o->ignored) && strchr(o->ignored, letter) == NULL)
		o->ignored[used] = letter;
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
			remember_unknown(o, *c);
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

	*o = (struct options){ .mode = MODE_SUBMIT };
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
			remember_unknown(o, '-');
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

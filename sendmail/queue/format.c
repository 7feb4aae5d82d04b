/*
 * The format of a queue file, version 1: an envelope block of header lines,
 * then at once the message, whose own header follows, so that the whole file is
 * one legal mail.
 *
 *	X-Queue: 1 RECIPIENTS SIZE LINES LONGEST EIGHT-BIT DOUBTS CRASHES TOLD
 *	X-Queue-Id: ...                       the rows of the table below,
 *	X-Queue-Envid: ...                    in its order
 *	X-Queue-To: STATE CODE ENHANCED ADDRESS REPLY        RECIPIENTS times
 *
 * RECIPIENTS says where the block ends: a message that begins with X-Queue-To
 * lines of its own gains nothing. SIZE to TOLD are written at the commit (all
 * zero before it, which no message matches). EIGHT-BIT is 7, u (all 8-bit text is
 * UTF-8) or 8. DOUBTS and CRASHES are one digit each: tries after which a copy
 * may have arrived, and tries begun (overwritten alone) whose end nobody saw.
 * TOLD is 1 when the sender knows of the delay. What the sender wants of reports is '=' when he did
 * not say; '=' is no xtext. STATE is D, S or F: deferred, sent, failed. STATE,
 * CODE, ENHANCED and REPLY have fixed width, filled up with '=', so that a
 * recipient's line is overwritten in place by one write. A power cut may tear
 * that write: STATE alone decides anything, and the reader takes the reply as it
 * comes; of the first line only single digits ever change. Values are xtext: no
 * byte of them can end a line or start a field.
 */
#include "queue/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"

enum {
	VERSION = 1,
	NUMBER_WIDTH = 20, /* any uint64_t */
	COUNT_WIDTH = 5, /* RECIPIENTS_MAX */
	CODE_WIDTH = 3,
	ENHANCED_WIDTH = 11,
	TIME_LIMIT = 12, /* digits of seconds */
	MESSAGE_ID_LIMIT = 250, /* it is only a label for the log: cut */
	ENVID_LIMIT = 100, /* RFC 3461 4.4 */
	DIGIT_LIMIT = 9,
	STATE_AT = 0,
	CODE_AT = 2,
	ENHANCED_AT = CODE_AT + CODE_WIDTH + 1,
	ADDRESS_AT = ENHANCED_AT + ENHANCED_WIDTH + 1,
	REPLY_WIDTH = 320, /* bytes of xtext */
	XTEXT_GROWTH = 3, /* one byte may become +XX */
};

_Static_assert(FACTS_WIDTH == 3 * (NUMBER_WIDTH + 1) + 7, "the facts are their fields");
_Static_assert(ADDRESS_AT + ADDRESS_MAX * XTEXT_GROWTH + REPLY_WIDTH + 16 < LINE_MAX_LENGTH, "every line can be read");

static const char first_name[] = "X-Queue: ";
static const char recipient_name[] = "X-Queue-To: ";
static const char padding = '=';
static const char states[] = { [DEFERRED] = 'D', [DELIVERED] = 'S', [FAILED] = 'F' };

/* In the order of the bits of NOTIFY_NEVER and so on. */
static const char notices[] = { 'N', 'S', 'F', 'D' };

static void put_id(struct buffer *, const struct envelope *);
static bool get_id(struct envelope *, const char *);
static void put_birth(struct buffer *, const struct envelope *);
static bool get_birth(struct envelope *, const char *);
static void put_uid(struct buffer *, const struct envelope *);
static bool get_uid(struct envelope *, const char *);
static void put_sender(struct buffer *, const struct envelope *);
static bool get_sender(struct envelope *, const char *);
static void put_message_id(struct buffer *, const struct envelope *);
static bool get_message_id(struct envelope *, const char *);
static void put_notify(struct buffer *, const struct envelope *);
static bool get_notify(struct envelope *, const char *);
static void put_ret(struct buffer *, const struct envelope *);
static bool get_ret(struct envelope *, const char *);
static void put_envid(struct buffer *, const struct envelope *);
static bool get_envid(struct envelope *, const char *);

/* The lines between the first and the recipients. put and get see plain text, free of control characters. */
static const struct row {
	const char *name;
	size_t limit; /* bytes of plain text */
	bool optional; /* an empty value is written as '=', which is not handed to get */
	void (*put)(struct buffer *, const struct envelope *);
	bool (*get)(struct envelope *, const char *);
} rows[] = {
	{ "X-Queue-Id: ", ID_LENGTH, false, put_id, get_id },
	{ "X-Queue-Birth: ", TIME_LIMIT, false, put_birth, get_birth },
	{ "X-Queue-Uid: ", NUMBER_WIDTH, false, put_uid, get_uid },
	{ "X-Queue-Sender: ", ADDRESS_MAX, false, put_sender, get_sender },
	{ "X-Queue-Message-Id: ", MESSAGE_ID_LIMIT, false, put_message_id, get_message_id },
	{ "X-Queue-Notify: ", sizeof(notices), true, put_notify, get_notify },
	{ "X-Queue-Ret: ", 1, true, put_ret, get_ret },
	{ "X-Queue-Envid: ", ENVID_LIMIT, true, put_envid, get_envid },
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* A number of digits only; false when there is none or it does not fit. */
static bool
parse_number(const char *text, size_t length, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)text[i] - '0';

		if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return length > 0;
}

static void
put_id(struct buffer *out, const struct envelope *envelope)
{
	buffer_add_string(out, envelope->id);
}

static bool
get_id(struct envelope *envelope, const char *text)
{
	snprintf(envelope->id, sizeof(envelope->id), "%s", text);
	return strlen(text) == ID_LENGTH;
}

static void
put_birth(struct buffer *out, const struct envelope *envelope)
{
	buffer_format(out, "%" PRId64, envelope->birth > 0 ? envelope->birth : 0);
}

static bool
get_birth(struct envelope *envelope, const char *text)
{
	uint64_t number;
	bool good = parse_number(text, strlen(text), &number);

	envelope->birth = (int64_t)number;
	return good;
}

static void
put_uid(struct buffer *out, const struct envelope *envelope)
{
	buffer_format(out, "%lu", envelope->uid);
}

static bool
get_uid(struct envelope *envelope, const char *text)
{
	uint64_t number;
	bool good = parse_number(text, strlen(text), &number);

	envelope->uid = (unsigned long)number;
	return good && envelope->uid == number;
}

static void
put_sender(struct buffer *out, const struct envelope *envelope)
{
	buffer_add_string(out, envelope->sender != NULL ? envelope->sender : "");
}

static bool
get_sender(struct envelope *envelope, const char *text)
{
	free(envelope->sender);
	envelope->sender = copy_string(text);
	return true;
}

static void
put_message_id(struct buffer *out, const struct envelope *envelope)
{
	const char *text = envelope->message_id != NULL ? envelope->message_id : "";

	buffer_add(out, text, strnlen(text, MESSAGE_ID_LIMIT));
}

static bool
get_message_id(struct envelope *envelope, const char *text)
{
	free(envelope->message_id);
	envelope->message_id = copy_string(text);
	return true;
}

static void
put_notify(struct buffer *out, const struct envelope *envelope)
{
	for (size_t i = 0; i < sizeof(notices); i++) {
		if ((envelope->notify & 1u << i) != 0)
			buffer_add_char(out, notices[i]);
	}
}

static bool
get_notify(struct envelope *envelope, const char *text)
{
	envelope->notify = 0;
	for (const char *c = text; *c != '\0'; c++) {
		const char *notice = memchr(notices, *c, sizeof(notices));

		if (notice == NULL)
			return false;
		envelope->notify |= 1u << (notice - notices);
	}
	return envelope->notify != 0;
}

static void
put_ret(struct buffer *out, const struct envelope *envelope)
{
	if (envelope->ret == 'F' || envelope->ret == 'H')
		buffer_add_char(out, envelope->ret);
}

static bool
get_ret(struct envelope *envelope, const char *text)
{
	envelope->ret = text[0];
	return text[0] == 'F' || text[0] == 'H';
}

static void
put_envid(struct buffer *out, const struct envelope *envelope)
{
	buffer_add_string(out, envelope->envid != NULL ? envelope->envid : "");
}

static bool
get_envid(struct envelope *envelope, const char *text)
{
	free(envelope->envid);
	envelope->envid = copy_string(text);
	return text[0] != '\0';
}

static bool
has_controls(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
			return true;
	}
	return false;
}

/* Appends plain text as xtext; what the reader would refuse is refused here first. */
static int
add_value(struct buffer *out, const char *name, const struct buffer *plain, struct reason *reason)
{
	if (plain->overflow)
		return reason_set(reason, "%sthe value is longer than %zu bytes", name, plain->limit);
	if (has_controls(plain->data, plain->length))
		return reason_set(reason, "%sthe value holds control characters", name);
	xtext_encode(out, plain->data, plain->length);
	return 0;
}

int
format_head(struct buffer *out, const struct envelope *envelope, struct reason *reason)
{
	char facts[FACTS_WIDTH];
	int result = 0;

	if (envelope->count == 0 || envelope->count > RECIPIENTS_MAX)
		return reason_set(reason, "a message has 1 to %d recipients, not %zu", RECIPIENTS_MAX, envelope->count);
	buffer_format(out, "%s%d %0*zu ", first_name, VERSION, COUNT_WIDTH, envelope->count);
	format_facts(facts, envelope);
	buffer_add(out, facts, sizeof(facts));
	buffer_add_char(out, '\n');
	for (const struct row *row = rows; row < rows + ROW_COUNT && result == 0; row++) {
		struct buffer plain;

		buffer_init(&plain, row->limit);
		row->put(&plain, envelope);
		buffer_add_string(out, row->name);
		result = add_value(out, row->name, &plain, reason);
		if (row->optional && plain.length == 0)
			buffer_add_char(out, padding);
		buffer_add_char(out, '\n');
		buffer_free(&plain);
	}
	return result;
}

/* Appends xtext as a field of fixed width, cut at a whole character, never inside +XX. */
static void
add_field(struct buffer *out, const char *text, size_t width)
{
	size_t start = out->length, end = start + width;

	xtext_encode(out, text, strlen(text));
	if (out->length > end) {
		out->length = end;
		for (size_t back = 1; back <= 2; back++) {
			if (out->data[end - back] == '+')
				out->length = end - back;
		}
	}
	while (out->length < end)
		buffer_add_char(out, padding);
}

int
format_recipient(struct buffer *out, const struct recipient *recipient, struct reason *reason)
{
	const struct reply *reply = &recipient->reply;
	struct buffer address;
	int result;

	buffer_init(&address, ADDRESS_MAX);
	buffer_add_string(&address, recipient->address);
	buffer_format(out, "%s%c %0*d ", recipient_name, states[recipient->verdict], CODE_WIDTH,
	    reply->code > 0 && reply->code < 1000 ? reply->code : 0);
	add_field(out, reply->enhanced, ENHANCED_WIDTH);
	buffer_add_char(out, ' ');
	result = add_value(out, recipient_name, &address, reason);
	buffer_add_char(out, ' ');
	add_field(out, reply->text, REPLY_WIDTH);
	buffer_add_char(out, '\n');
	buffer_free(&address);
	return result;
}

char
format_digit(unsigned number)
{
	return (char)('0' + (number < DIGIT_LIMIT ? number : DIGIT_LIMIT));
}

static char
eight_bit_letter(const struct facts *facts)
{
	return !facts->eight_bit ? '7' : facts->not_utf8 ? '8' : 'u';
}

void
format_facts(char facts[FACTS_WIDTH], const struct envelope *envelope)
{
	const struct facts *f = &envelope->facts;
	char text[FACTS_WIDTH + 1];

	snprintf(text, sizeof(text), "%0*" PRIu64 " %0*" PRIu64 " %0*zu %c %c %c %c", NUMBER_WIDTH, f->size,
	    NUMBER_WIDTH, f->lines, NUMBER_WIDTH, f->longest_line, eight_bit_letter(f), format_digit(envelope->doubts),
	    format_digit(envelope->crashes), format_digit(envelope->delay_told));
	memcpy(facts, text, FACTS_WIDTH);
}

/* A file read line by line. */
struct source {
	int fd;
	off_t base; /* of block[0] in the file */
	size_t start, end; /* what of the block is not used yet */
	char block[LINE_MAX_LENGTH];
};

/* Reads on behind what is not used yet: the bytes it got; 0 when the file ends or the block is full; -1. */
static ssize_t
fill_block(struct source *source)
{
	ssize_t n;

	memmove(source->block, source->block + source->start, source->end - source->start);
	source->base += (off_t)source->start;
	source->end -= source->start;
	source->start = 0;
	do
		n = pread(source->fd, source->block + source->end, sizeof(source->block) - source->end,
		    source->base + (off_t)source->end);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		source->end += (size_t)n;
	return n;
}

/* The next line without its end, valid until the next call; NULL with a reason. *at: where it stands in the file. */
static const char *
next_line(struct source *source, size_t *length, off_t *at, struct reason *reason)
{
	const char *end;

	while ((end = memchr(source->block + source->start, '\n', source->end - source->start)) == NULL) {
		ssize_t n = fill_block(source);

		if (n > 0)
			continue;
		if (n == 0)
			reason_set(reason, "the envelope ends in the middle of a line");
		else
			reason_set(reason, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	*at = source->base + (off_t)source->start;
	*length = (size_t)(end - (source->block + source->start));
	source->start += *length + 1;
	return end - *length;
}

/* What stands behind the name of a line, or NULL. */
static const char *
after_name(const char *line, size_t *length, const char *name)
{
	size_t n = strlen(name);

	if (*length < n || memcmp(line, name, n) != 0)
		return NULL;
	*length -= n;
	return line + n;
}

/* The plain text of a value; NULL when it is no xtext, holds controls or passes the buffer's limit. */
static const char *
plain_text(struct buffer *plain, const char *value, size_t length)
{
	if (!xtext_decode(plain, value, length) || plain->overflow || has_controls(plain->data, plain->length))
		return NULL;
	return buffer_string(plain);
}

/* The number that a digit is; 1 for a byte that is none. */
static unsigned
read_digit(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') : 1;
}

static bool
read_facts(struct envelope *envelope, const char *facts)
{
	enum { LINES = NUMBER_WIDTH + 1, LONGEST = 2 * LINES, EIGHT_BIT = 3 * LINES };
	struct facts *f = &envelope->facts;
	uint64_t longest;

	if (!parse_number(facts, NUMBER_WIDTH, &f->size) || !parse_number(facts + LINES, NUMBER_WIDTH, &f->lines) ||
	    !parse_number(facts + LONGEST, NUMBER_WIDTH, &longest) || longest > SIZE_MAX)
		return false;
	f->longest_line = (size_t)longest;
	f->eight_bit = facts[EIGHT_BIT] == '8' || facts[EIGHT_BIT] == 'u';
	f->not_utf8 = facts[EIGHT_BIT] == '8';
	envelope->doubts = read_digit(facts[EIGHT_BIT + 2]);
	envelope->crashes = read_digit(facts[CRASHES_OFFSET - FACTS_OFFSET]);
	envelope->delay_told = facts[FACTS_WIDTH - 1] != '0';
	return true;
}

/* The first line: version, facts, and how many recipients follow. */
static int
read_first(struct source *source, struct envelope *envelope, size_t *count, struct reason *reason)
{
	size_t length;
	off_t at;
	const char *value = next_line(source, &length, &at, reason), *space;
	uint64_t number;

	if (value == NULL)
		return -1;
	if ((value = after_name(value, &length, first_name)) == NULL || (space = memchr(value, ' ', length)) == NULL ||
	    !parse_number(value, (size_t)(space - value), &number))
		return reason_set(reason, "no message of this queue");
	if (number > VERSION)
		return reason_set(reason, "newer format (version %" PRIu64 "), left alone", number);
	if (number != VERSION || length != FACTS_OFFSET + FACTS_WIDTH - strlen(first_name) ||
	    !parse_number(space + 1, COUNT_WIDTH, &number) || number == 0 || number > RECIPIENTS_MAX ||
	    !read_facts(envelope, value + length - FACTS_WIDTH))
		return reason_set(reason, "the line X-Queue is damaged");
	*count = (size_t)number;
	return 0;
}

static int
read_row(struct source *source, struct envelope *envelope, const struct row *row, struct reason *reason)
{
	size_t length;
	off_t at;
	const char *value = next_line(source, &length, &at, reason), *text;
	struct buffer plain;
	bool good;

	if (value == NULL)
		return -1;
	value = after_name(value, &length, row->name);
	if (value != NULL && row->optional && length == 1 && value[0] == padding)
		return 0;
	buffer_init(&plain, row->limit);
	good = value != NULL && (text = plain_text(&plain, value, length)) != NULL && row->get(envelope, text);
	buffer_free(&plain);
	return good ? 0 : reason_set(reason, "the line %.*s is damaged", (int)strlen(row->name) - 2, row->name);
}

/* The last reply may be torn: whatever stands there becomes a printable text. */
static void
read_reply(struct reply *reply, const char *fields, const char *text)
{
	const char *enhanced = fields + ENHANCED_AT, *end = memchr(text, padding, REPLY_WIDTH);
	size_t length = end != NULL ? (size_t)(end - text) : REPLY_WIDTH, n = 0;
	struct buffer plain;
	uint64_t code;

	reply->code = parse_number(fields + CODE_AT, CODE_WIDTH, &code) ? (int)code : 0;
	while (n < ENHANCED_WIDTH && strchr("0123456789.", enhanced[n]) != NULL && enhanced[n] != '\0')
		n++;
	memcpy(reply->enhanced, enhanced, n);
	reply->enhanced[n] = '\0';
	buffer_init(&plain, REPLY_WIDTH);
	if (xtext_decode(&plain, text, length))
		printable(reply->text, sizeof(reply->text), buffer_string(&plain), plain.length);
	else
		printable(reply->text, sizeof(reply->text), text, length);
	buffer_free(&plain);
}

static struct recipient *
add_recipient(struct envelope *envelope, const char *value, size_t length)
{
	size_t before = envelope->count;
	struct recipient *recipient = NULL;
	struct buffer plain, again;
	const char *address;

	buffer_init(&plain, ADDRESS_MAX);
	buffer_init(&again, (size_t)XTEXT_GROWTH * ADDRESS_MAX);
	address = plain_text(&plain, value, length);
	/* Only in the form we write: the line will be overwritten, and must keep its length. */
	xtext_encode(&again, plain.data, plain.length);
	if (address != NULL && again.length == length)
		recipient = envelope_add(envelope, address);
	buffer_free(&plain);
	buffer_free(&again);
	/* Twice the same: the marks would no longer be in the order of the envelope. */
	return envelope->count > before ? recipient : NULL;
}

static int
read_recipient(struct source *source, struct envelope *envelope, off_t *mark, struct reason *reason)
{
	size_t length;
	const char *value = next_line(source, &length, mark, reason), *reply, *state;
	struct recipient *recipient = NULL;

	if (value == NULL)
		return -1;
	value = after_name(value, &length, recipient_name);
	if (value != NULL && length > ADDRESS_AT + REPLY_WIDTH) {
		reply = value + length - REPLY_WIDTH;
		state = memchr(states, value[STATE_AT], sizeof(states));
		if (state != NULL && reply[-1] == ' ')
			recipient =
			    add_recipient(envelope, value + ADDRESS_AT, (size_t)(reply - 1 - (value + ADDRESS_AT)));
	}
	if (recipient == NULL)
		return reason_set(reason, "the line of recipient %zu is damaged", envelope->count + 1);
	recipient->verdict = (enum verdict)(state - states);
	read_reply(&recipient->reply, value, reply);
	return 0;
}

int
format_read(int fd, struct envelope *envelope, off_t *message, off_t **marks, struct reason *reason)
{
	struct source source = { .fd = fd };
	size_t count = 0;

	*marks = NULL;
	if (read_first(&source, envelope, &count, reason) != 0)
		return -1;
	*marks = allocate(count, sizeof(**marks));
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (read_row(&source, envelope, &rows[i], reason) != 0)
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (read_recipient(&source, envelope, &(*marks)[i], reason) != 0)
			return -1;
	}
	*message = source.base + (off_t)source.start;
	return 0;
}

/*
 * The queue file format: the golden file byte for byte, rows that go out and
 * come back, rows the reader must refuse, and torn writes it must survive.
 */
#include "queue/format.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

static const char golden_path[] = "tests/unit/golden/queue-1.eml";
static const char golden_message[] =
    "Message-ID: <20240102.1@shop.example>\nFrom: app@shop.example\nTo: a@one.example\n"
    "Subject: hello\n\nA line.\nZwei Zeilen, \303\274.\n";

enum { WHOLE_LIMIT = 1 << 24 };

/* A file with these bytes. */
static int
file_of(const char *bytes, size_t n)
{
	int fd = memfd_create("block", MFD_CLOEXEC);

	return fd >= 0 && write(fd, bytes, n) == (ssize_t)n ? fd : -1;
}

static void
write_block(struct buffer *out, const struct envelope *envelope)
{
	struct reason reason = { "" };
	bool good = format_head(out, envelope, &reason) == 0;

	for (size_t i = 0; i < envelope->count && good; i++)
		good = format_recipient(out, &envelope->recipients[i], &reason) == 0;
	if (!good)
		ok(false, "writer: %s", reason.text);
}

/* What was read from some bytes. */
struct outcome {
	int result;
	struct envelope envelope;
	off_t message;
	off_t *marks;
	struct reason reason;
};

static void
read_bytes(struct outcome *o, const char *bytes, size_t n)
{
	int fd = file_of(bytes, n);

	memset(o, 0, sizeof(*o));
	envelope_init(&o->envelope);
	o->result = format_read(fd, &o->envelope, &o->message, &o->marks, &o->reason);
	close(fd);
}

static void
outcome_free(struct outcome *o)
{
	envelope_free(&o->envelope);
	free(o->marks);
}

static bool
same_envelope(const struct envelope *a, const struct envelope *b)
{
	bool same = strcmp(a->id, b->id) == 0 && a->birth == b->birth && a->uid == b->uid &&
		    strcmp(a->sender, b->sender) == 0 && strcmp(a->message_id, b->message_id) == 0 &&
		    a->count == b->count && a->facts.size == b->facts.size && a->facts.lines == b->facts.lines &&
		    a->facts.longest_line == b->facts.longest_line && a->facts.eight_bit == b->facts.eight_bit &&
		    a->facts.not_utf8 == b->facts.not_utf8 && a->doubts == b->doubts && a->crashes == b->crashes &&
		    a->delay_told == b->delay_told && a->notify == b->notify && a->ret == b->ret &&
		    (a->envid == NULL) == (b->envid == NULL) && (a->envid == NULL || strcmp(a->envid, b->envid) == 0);

	for (size_t i = 0; same && i < a->count; i++) {
		const struct recipient *x = &a->recipients[i], *y = &b->recipients[i];

		same = strcmp(x->address, y->address) == 0 && x->verdict == y->verdict &&
		       x->reply.code == y->reply.code && strcmp(x->reply.enhanced, y->reply.enhanced) == 0 &&
		       strcmp(x->reply.text, y->reply.text) == 0;
	}
	return same;
}

static void
set_head(struct envelope *e, const char *sender, const char *message_id)
{
	envelope_init(e);
	memcpy(e->id, "6593A0C00123456789", 19);
	e->birth = 0x6593A0C0;
	e->uid = 1000;
	e->sender = copy_string(sender);
	e->message_id = copy_string(message_id);
}

static void
add(struct envelope *e, const char *address, enum verdict verdict, int code, const char *enhanced, const char *text)
{
	struct recipient *recipient = envelope_add(e, address);

	recipient->verdict = verdict;
	reply_set(&recipient->reply, code, enhanced, text);
}

static void
set_golden(struct envelope *e)
{
	set_head(e, "app@shop.example", "<20240102.1@shop.example>");
	e->doubts = 2;
	e->crashes = 1;
	e->delay_told = true;
	e->notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	e->ret = 'H';
	e->envid = copy_string("order+7=\303\274");
	add(e, "a@one.example", DELIVERED, 250, "2.1.5", "Ok: queued as 4Y1");
	add(e, "b+tag@two.example", DEFERRED, 451, "4.3.2", "try again = later");
	add(e, "\"c d\"@three.example", FAILED, 550, "5.1.1", "no such user");
	add(e, "d@four.example", DEFERRED, 0, "", "");
	facts_add(&e->facts, golden_message, sizeof(golden_message) - 1);
}

static void
test_golden(void)
{
	struct envelope e;
	struct buffer written;
	struct outcome o;
	char stored[8192];
	ssize_t n;
	int fd = open(golden_path, O_RDONLY | O_CLOEXEC);

	set_golden(&e);
	buffer_init(&written, sizeof(stored));
	write_block(&written, &e);
	ok(written.length > FACTS_OFFSET + FACTS_WIDTH && written.data[FACTS_OFFSET + FACTS_WIDTH] == '\n',
	    "the facts end the first line");
	buffer_add_string(&written, golden_message);
	n = fd >= 0 ? read(fd, stored, sizeof(stored)) : -1;
	if (!ok(n == (ssize_t)written.length && memcmp(stored, written.data, written.length) == 0,
		"version 1 is written as in %s", golden_path))
		note("written:\n%s", buffer_string(&written));
	read_bytes(&o, stored, n > 0 ? (size_t)n : 0);
	ok(o.result == 0 && same_envelope(&e, &o.envelope), "%s is read back", golden_path);
	ok(o.message == n - (ssize_t)sizeof(golden_message) + 1, "and its message begins where the block ends");
	for (size_t i = 0; o.result == 0 && i < o.envelope.count; i++)
		ok(stored[o.marks[i] + 12] == "SDFD"[i], "line %zu stands at its mark", i);
	outcome_free(&o);
	if (fd >= 0)
		close(fd);
	buffer_free(&written);
	envelope_free(&e);
}

static const struct {
	const char *name, *sender, *message_id, *address, *text;
	int kept; /* bytes of the text; 0: all */
} trips[] = {
	{ "plain", "a@b.example", "<1@b.example>", "c@d.example", "done", 0 },
	{ "null sender", "", "", "c@d.example", "", 0 },
	{ "quoted local part", "\"a b\"@c.example", "<x>", "\"d e=f+g\"@h.example", "x", 0 },
	{ "bytes above ASCII", "\303\274@b.example", "<1>", "\303\266@d.example", "x", 0 },
	{ "xtext look-alike", "+41@b.example", "<+2B>", "+0A@d.example", "+0D+0A", 0 },
	{ "equals signs", "a=b@c.example", "<a=b>", "c=d@e.example", "a=b==", 0 },
	{ "long reply is cut", "a@b.example", "<1>", "c@d.example",
	    "0123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 ",
	    268 },
};

static void
test_trips(void)
{
	for (size_t i = 0; i < sizeof(trips) / sizeof(trips[0]); i++) {
		struct envelope e;
		struct buffer block;
		struct outcome o;

		set_head(&e, trips[i].sender, trips[i].message_id);
		e.doubts = (unsigned)i;
		e.crashes = (unsigned)(9 - i);
		e.delay_told = i % 2;
		e.notify = (unsigned)i * 2;
		e.ret = "FH"[i % 3];
		e.envid = i % 2 ? copy_string(trips[i].sender[0] != '\0' ? trips[i].sender : "=") : NULL;
		add(&e, trips[i].address, DEFERRED, 421, "4.4.5", trips[i].text);
		buffer_init(&block, WHOLE_LIMIT);
		write_block(&block, &e);
		read_bytes(&o, block.data, block.length);
		if (trips[i].kept > 0)
			e.recipients[0].reply.text[trips[i].kept] = '\0';
		if (!ok(o.result == 0 && same_envelope(&e, &o.envelope), "out and back: %s", trips[i].name))
			note("%s\n%s", o.reason.text, buffer_string(&block));
		outcome_free(&o);
		buffer_free(&block);
		envelope_free(&e);
	}
}

enum { REPLY_WIDTH = 320 };

/* Every place where the width cuts a reply of encoded characters: never inside +2B. */
static void
test_cut(void)
{
	for (size_t shift = 0; shift < 3; shift++) {
		struct recipient r = { .address = (char[]){ "c@d" } };
		struct buffer line;
		struct reason reason;
		const char *field;

		memset(r.reply.text, '+', REPLY_TEXT_MAX - 1);
		memset(r.reply.text, 'x', shift);
		buffer_init(&line, LINE_MAX_LENGTH);
		format_recipient(&line, &r, &reason);
		field = buffer_string(&line) + line.length - REPLY_WIDTH - 1;
		ok(field[-1] == ' ' && strcspn(field, "=\n") == shift + (REPLY_WIDTH - shift) / 3 * 3,
		    "a reply is cut at a whole character, shift %zu", shift);
		buffer_free(&line);
	}
}

static const char head[] = "X-Queue: 1 00001 00000000000000000012 00000000000000000002 00000000000000000004 7 0 0 0\n";
static const char lines[] = "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1704173760\nX-Queue-Uid: 0\n"
			    "X-Queue-Sender: a@b\nX-Queue-Message-Id: <1>\n"
			    "X-Queue-Notify: =\nX-Queue-Ret: =\nX-Queue-Envid: =\n";

#define LINES_TO_NOTIFY                                                                                                \
	"X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1704173760\nX-Queue-Uid: 0\n"                                  \
	"X-Queue-Sender: a@b\nX-Queue-Message-Id: <1>\nX-Queue-Notify: "

/* One recipient's line with this state and code and no reply. */
static void
add_line(struct buffer *out, const char *state_code, const char *address)
{
	buffer_format(out, "X-Queue-To: %s =========== %s ", state_code, address);
	for (int i = 0; i < REPLY_WIDTH; i++)
		buffer_add_char(out, '=');
	buffer_add_char(out, '\n');
}

static const struct {
	const char *name, *head, *lines, *state_code, *address;
	const char *want; /* the reason; NULL: it is read */
} blocks[] = {
	{ "good", head, lines, "D 000", "c@d", NULL },
	{ "torn code", head, lines, "D 4\0015", "c@d", NULL },
	{ "empty file", "", "", NULL, "", "the envelope ends in the middle of a line" },
	{ "a mail", "From: a@b\n", "\n", NULL, "", "no message of this queue" },
	{ "no number", "X-Queue: x 1\n", "", NULL, "", "no message of this queue" },
	{ "newer", "X-Queue: 2 anything\n", "", NULL, "", "newer format (version 2), left alone" },
	{ "much newer", "X-Queue: 18446744073709551615 x\n", "", NULL, "",
	    "newer format (version 18446744073709551615), left alone" },
	{ "too large a version", "X-Queue: 18446744073709551616 x\n", "", NULL, "", "no message of this queue" },
	{ "version 0", "X-Queue: 0 00001 0\n", "", NULL, "", "the line X-Queue is damaged" },
	{ "short first line", "X-Queue: 1 00001\n", "", NULL, "", "the line X-Queue is damaged" },
	{ "no recipients", "X-Queue: 1 00000 00000000000000000012 00000000000000000002 00000000000000000004 7 0 0 0\n",
	    lines, NULL, "", "the line X-Queue is damaged" },
	{ "10001 recipients",
	    "X-Queue: 1 10001 00000000000000000012 00000000000000000002 00000000000000000004 7 0 0 0\n", lines, NULL,
	    "", "the line X-Queue is damaged" },
	{ "size is no number",
	    "X-Queue: 1 00001 -0000000000000000012 00000000000000000002 00000000000000000004 7 0 0 0\n", lines, "D 000",
	    "c@d", "the line X-Queue is damaged" },
	{ "size overflows", "X-Queue: 1 00001 99999999999999999999 00000000000000000002 00000000000000000004 7 0 0 0\n",
	    lines, "D 000", "c@d", "the line X-Queue is damaged" },
	{ "short id", head, "X-Queue-Id: 6593A0\n", NULL, "", "the line X-Queue-Id is damaged" },
	{ "long id", head, "X-Queue-Id: 6593A0C001234567890\n", NULL, "", "the line X-Queue-Id is damaged" },
	{ "line missing", head, "X-Queue-Birth: 1\n", NULL, "", "the line X-Queue-Id is damaged" },
	{ "negative birth", head, "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: -1\n", NULL, "",
	    "the line X-Queue-Birth is damaged" },
	{ "birth too large", head, "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1000000000000\n", NULL, "",
	    "the line X-Queue-Birth is damaged" },
	{ "uid empty", head, "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1\nX-Queue-Uid: \n", NULL, "",
	    "the line X-Queue-Uid is damaged" },
	{ "line feed in the sender", head,
	    "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1\nX-Queue-Uid: 0\nX-Queue-Sender: a+0Ab\n", NULL, "",
	    "the line X-Queue-Sender is damaged" },
	{ "NUL in the sender", head,
	    "X-Queue-Id: 6593A0C00123456789\nX-Queue-Birth: 1\nX-Queue-Uid: 0\nX-Queue-Sender: a+00b\n", NULL, "",
	    "the line X-Queue-Sender is damaged" },
	{ "unknown notice", head, LINES_TO_NOTIFY "FX\n", NULL, "", "the line X-Queue-Notify is damaged" },
	{ "empty notice", head, LINES_TO_NOTIFY "\n", NULL, "", "the line X-Queue-Notify is damaged" },
	{ "padding and more", head, LINES_TO_NOTIFY "==\n", NULL, "", "the line X-Queue-Notify is damaged" },
	{ "unknown return", head, LINES_TO_NOTIFY "F\nX-Queue-Ret: X\n", NULL, "", "the line X-Queue-Ret is damaged" },
	{ "two returns", head, LINES_TO_NOTIFY "F\nX-Queue-Ret: FH\n", NULL, "", "the line X-Queue-Ret is damaged" },
	{ "line feed in the envelope id", head, LINES_TO_NOTIFY "F\nX-Queue-Ret: F\nX-Queue-Envid: a+0Ab\n", NULL, "",
	    "the line X-Queue-Envid is damaged" },
	{ "a digit that is none",
	    "X-Queue: 1 00001 00000000000000000012 00000000000000000002 00000000000000000004 7 x y z\n", lines, "D 000",
	    "c@d", NULL },
	{ "ends before the recipients", head, lines, NULL, "", "the envelope ends in the middle of a line" },
	{ "unknown state", head, lines, "X 000", "c@d", "the line of recipient 1 is damaged" },
	{ "address with a blank", head, lines, "D 000", "c d", "the line of recipient 1 is damaged" },
	{ "address with CR", head, lines, "D 000", "c+0Dd", "the line of recipient 1 is damaged" },
	{ "address in another encoding", head, lines, "D 000", "+41@d", "the line of recipient 1 is damaged" },
	{ "short fields", head, lines, "D", "", "the line of recipient 1 is damaged" },
};

static void
test_blocks(void)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct buffer bytes;
		struct outcome o;

		buffer_init(&bytes, WHOLE_LIMIT);
		buffer_add_string(&bytes, blocks[i].head);
		buffer_add_string(&bytes, blocks[i].lines);
		if (blocks[i].state_code != NULL)
			add_line(&bytes, blocks[i].state_code, blocks[i].address);
		read_bytes(&o, buffer_string(&bytes), bytes.length);
		if (!ok(blocks[i].want == NULL ? o.result == 0
					       : o.result < 0 && strcmp(o.reason.text, blocks[i].want) == 0,
			"read: %s", blocks[i].name))
			note("%d %s", o.result, o.reason.text);
		outcome_free(&o);
		buffer_free(&bytes);
	}
}

/* A message whose own header begins with lines of ours adds no recipient. */
static void
test_injection(void)
{
	struct buffer bytes;
	struct outcome o;

	buffer_init(&bytes, WHOLE_LIMIT);
	buffer_add_string(&bytes, head);
	buffer_add_string(&bytes, lines);
	add_line(&bytes, "D 000", "c@d");
	add_line(&bytes, "D 000", "victim@d");
	read_bytes(&o, bytes.data, bytes.length);
	ok(o.result == 0 && o.envelope.count == 1 && (size_t)o.message < bytes.length,
	    "X-Queue-To in the message's own header is message");
	outcome_free(&o);
	buffer_clear(&bytes);
	buffer_add_string(&bytes, "X-Queue: 1 00002");
	buffer_add_string(&bytes, head + 16);
	buffer_add_string(&bytes, lines);
	add_line(&bytes, "D 000", "c@d");
	add_line(&bytes, "D 000", "c@D");
	read_bytes(&o, bytes.data, bytes.length);
	ok(o.result < 0 && strcmp(o.reason.text, "the line of recipient 2 is damaged") == 0,
	    "the same recipient twice is refused");
	outcome_free(&o);
	buffer_free(&bytes);
}

/* A line of which only the first bytes were overwritten still reads, with the state of its first byte. */
static void
test_torn(void)
{
	struct recipient r = { .address = (char[]){ "c@d" } };
	struct buffer before, after;
	struct reason reason;
	size_t bad = 0;

	buffer_init(&before, WHOLE_LIMIT);
	buffer_init(&after, LINE_MAX_LENGTH);
	buffer_add_string(&before, head);
	buffer_add_string(&before, lines);
	reply_set(&r.reply, 451, "4.3.2", "a + b + c + d = e + f");
	format_recipient(&before, &r, &reason);
	r.verdict = DELIVERED;
	reply_set(&r.reply, 250, "2.0.0", "++++++++++++++++");
	format_recipient(&after, &r, &reason);
	for (size_t cut = strlen("X-Queue-To: D"); cut <= after.length; cut++) {
		struct outcome o;

		memcpy(before.data + before.length - after.length, after.data, cut);
		read_bytes(&o, before.data, before.length);
		bad += o.result != 0 || o.envelope.recipients[0].verdict != DELIVERED;
		outcome_free(&o);
	}
	ok(bad == 0, "a line torn at any of %zu places is read with its new state", after.length);
	buffer_free(&before);
	buffer_free(&after);
}

static void
refused(const char *name, struct envelope *e, const char *want)
{
	struct buffer block;
	struct reason reason = { "" };
	int result;

	buffer_init(&block, WHOLE_LIMIT);
	result = format_head(&block, e, &reason);
	if (result == 0)
		result = format_recipient(&block, &e->recipients[0], &reason);
	if (!ok(result < 0 && strcmp(reason.text, want) == 0, "not written: %s", name))
		note("%s", reason.text);
	buffer_free(&block);
	envelope_free(e);
}

static void
test_refused(void)
{
	struct envelope e;
	char longer[ADDRESS_MAX + 2];

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	set_head(&e, "a@b", "<1>");
	refused("no recipients", &e, "a message has 1 to 10000 recipients, not 0");
	set_head(&e, longer, "<1>");
	add(&e, "c@d", DEFERRED, 0, "", "");
	refused("sender too long", &e, "X-Queue-Sender: the value is longer than 320 bytes");
	set_head(&e, "a\nb", "<1>");
	add(&e, "c@d", DEFERRED, 0, "", "");
	refused("line feed in the sender", &e, "X-Queue-Sender: the value holds control characters");
	set_head(&e, "a@b", "<1>");
	e.envid = copy_string(longer);
	add(&e, "c@d", DEFERRED, 0, "", "");
	refused("envelope id too long", &e, "X-Queue-Envid: the value is longer than 100 bytes");
	set_head(&e, "a@b", "<1>");
	add(&e, longer, DEFERRED, 0, "", "");
	refused("address too long", &e, "X-Queue-To: the value is longer than 320 bytes");
}

static void
test_many(void)
{
	struct envelope e;
	struct buffer block;
	struct outcome o;
	char address[64];

	set_head(&e, "a@b", "<1>");
	for (int i = 0; i < RECIPIENTS_MAX; i++) {
		snprintf(address, sizeof(address), "user%d@d.example", i);
		add(&e, address, (enum verdict)(i % 3), 250 + i % 3, "2.0.0", address);
	}
	buffer_init(&block, WHOLE_LIMIT);
	write_block(&block, &e);
	read_bytes(&o, block.data, block.length);
	ok(o.result == 0 && same_envelope(&e, &o.envelope) && (size_t)o.message == block.length,
	    "%d recipients out and back", RECIPIENTS_MAX);
	outcome_free(&o);
	buffer_free(&block);
	envelope_free(&e);
}

int
main(void)
{
	test_golden();
	test_trips();
	test_cut();
	test_blocks();
	test_injection();
	test_torn();
	test_refused();
	test_many();
	return tap_done();
}

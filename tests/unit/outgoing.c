/*
 * What rows of exact bytes (tests/rows/encoding.row) do not say: every cut of
 * the input gives the same, fields and parts at their limits, lines of a signed
 * part, and what the last stage does to line ends and dots.
 */
#include "message/outgoing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "message/longline.h"
#include "message/mailboxes.h"
#include "message/mime.h"
#include "tap.h"

enum { ROOM = 8 << 20, ALL = CONVERT_LINES | CONVERT_EIGHT_BIT | CONVERT_HEADER };

static const struct sender_rule rule = { .forced = "app@shop.example", .domain = "ours.example" };

/* Each gives the same at every cut, for every set of convert bits. */
static const char *const messages[] = {
	"Subject: gr\xc3\xbcn\n\ngr\xc3\xbcn \n.\nFrom x\n",
	"From: J\xc3\xb6rg <j@x>\nSender: k@x\nReply-To: l@x\n\nx\n",
	"From: a\n b\n\n",
	"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xff\n--b--\n--b\n",
	"Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\n\xff\n--b\nx\n--b--",
	"Content-Type: multipart/mixed;\n boundary*0=b; boundary*1=c\n\n--bc\nFrom me\nContent-Transfer-Encoding: "
	"base64\n\n\xff-\n",
	"Content-Type: message/rfc822\n\nContent-Transfer-Encoding: quoted-printable\n\n=\xff=C3\n",
	"Content-Type: multipart/signed; boundary=b\n\n--b\nX: \xff\n\n\xff\n--b--\n",
	"Content-Type: multipart/mixed; boundary=\"\xff\"\nContent-Transfer-Encoding: binary\n\n--\xff\n\n--\xff--\n",
	"no header\n",
	"A: b",
	"A",
	"\n",
	"",
	"--\n",
};

static void
send(const char *stored, size_t n, size_t cut, unsigned convert, bool forced, struct buffer *out)
{
	const struct outgoing_options options = {
		.stuff_dots = true,
		.convert = convert,
		.utf8 = true,
		.senders = forced ? &rule : NULL,
	};
	struct outgoing *o = outgoing_new(&options);

	if (cut > 0)
		outgoing_add(o, stored, cut, out);
	else
		for (; cut < n; cut++)
			outgoing_add(o, stored + cut, 1, out);
	outgoing_add(o, stored + cut, n - cut, out);
	outgoing_end(o, out);
	outgoing_free(o);
}

static bool
same_at_every_cut(const char *stored, unsigned convert, bool forced)
{
	struct buffer whole, cut;
	bool same = true;

	buffer_init(&whole, ROOM);
	buffer_init(&cut, ROOM);
	send(stored, strlen(stored), strlen(stored), convert, forced, &whole);
	for (size_t i = 0; i < strlen(stored) && same; i++) {
		buffer_clear(&cut);
		send(stored, strlen(stored), i, convert, forced, &cut);
		same = strcmp(buffer_string(&whole), buffer_string(&cut)) == 0;
	}
	buffer_free(&whole);
	buffer_free(&cut);
	return same;
}

static void
check_cuts(void)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		bool same = true;

		for (unsigned convert = 0; convert <= ALL; convert++)
			same = same && same_at_every_cut(messages[i], convert, false) &&
			       same_at_every_cut(messages[i], convert, true);
		ok(same, "message %zu is the same at every cut", i);
	}
}

static bool
is_legal(const struct buffer *wire)
{
	size_t line = 0;

	for (size_t i = 0; i < wire->length; i++) {
		char c = wire->data[i];

		if ((unsigned char)c > 0x7f || (c == '\n') != (i > 0 && wire->data[i - 1] == '\r'))
			return false;
		line = c == '\n' ? 0 : line + 1;
		if (line > TEXT_LINE_MAX + 1)
			return false;
	}
	return line == 0;
}

/* A text again and again between a start and an end. */
static void
check_large(const char *name, const char *start, const char *again, const char *end)
{
	struct buffer stored, wire;

	buffer_init(&stored, ROOM);
	buffer_init(&wire, ROOM);
	buffer_add_string(&stored, start);
	while (stored.length < 2 * MIME_FIELD_MAX)
		buffer_add_string(&stored, again);
	buffer_add_string(&stored, end);
	send(stored.data, stored.length, stored.length, ALL, true, &wire);
	ok(is_legal(&wire), "%s: legal", name);
	ok(wire.length <= OUTGOING_GROWTH * stored.length + OUTGOING_HELD, "  and bounded");
	buffer_free(&stored);
	buffer_free(&wire);
}

static void
check_limits(void)
{
	struct buffer deep;

	check_large("a field without blanks", "X: ", "x", "\n\nb\n");
	check_large("a field without end", "X: ", "\xc3\xa9", "");
	check_large("a field of lines", "X: y\n", " \xff x\n", "\nb\n");
	check_large("a From field", "From: a@x", ", \xff <a@x>\n", "\nb\n");
	check_large("a name", "X: y\n\nb", "n", ": x\n");
	check_large("addresses", "A: b\nTo: a@x", ",\xc3\xa9", "\n\nb\n");
	check_large("comments", "To: a@x", "(\xff)", "\n\nb\n");
	check_large("parameters", "Content-Type: a/b", ";a=\xff", "\n\nb\n");
	check_large("a boundary", "Content-Type: multipart/x; boundary=", "b", "\n\nb\n");
	check_large("blanks", "Content-Type: multipart/x; boundary=b\n\n--b\n\n", " ", "\n--b\n");
	check_large("dashes in base64", "Content-Transfer-Encoding: base64\n\n", "-", "\n");
	check_large("blanks in quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\n", " ", "\n");
	check_large("equals signs", "Content-Transfer-Encoding: quoted-printable\n\n", "=", "\n");
	check_large("dashes", "Content-Type: multipart/x; boundary=b\n\n", "-", "\n--b\n");
	check_large("dots", "A: b\n\n", ".\n", "");
	buffer_init(&deep, ROOM);
	for (int i = 0; i < 2 * MIME_DEPTH_MAX; i++)
		buffer_format(&deep, "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i, i);
	check_large("parts within parts", buffer_string(&deep), "\xff", "\n--b1\n\n\xff\n--b0--\n\xff");
	buffer_free(&deep);
}

/* "%" stands for 970 bytes, "~" for 600 blanks; the wire is legal and holds what is wanted. */
static const struct {
	const char *name, *stored;
	unsigned convert;
	const char *want;
} grown[] = {
	{ "a From field that is Reply-To, too", "From: a@x.example, b@%.exampl\n\nx\n", 0,
	    "\nReply-To: a@x.example,\r\n" },
	{ "an encoded name behind 17 lines of comments",
	    "From: =?utf-8?Q?a?= (\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %\n %) <a@b>\n\nx\n",
	    0, "From: =?utf-8?Q?a?= <app@shop.example>\r\nX-Original-From: " },
	{ "an encoded name in a list", "To: \xc3\xa9 <a@b>, c@%.exam\n\nx\n", CONVERT_HEADER, "<a@b>,\r\n c@xx" },
	{ "an encoding far away", "Content-Transfer-Encoding:~base64 (%)\n\nAA==\n", CONVERT_LINES, " base64 (xx" },
};

static void
check_grown(void)
{
	for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
		struct buffer stored, wire;

		buffer_init(&stored, ROOM);
		buffer_init(&wire, ROOM);
		for (const char *c = grown[i].stored; *c != '\0'; c++)
			for (int n = *c == '%' ? 970 : *c == '~' ? 600 : 1; n > 0; n--)
				buffer_add_char(&stored, *c == '%' ? 'x' : *c == '~' ? ' ' : *c);
		send(stored.data, stored.length, stored.length, grown[i].convert, true, &wire);
		ok(is_legal(&wire) && strstr(buffer_string(&wire), grown[i].want) != NULL, "%s", grown[i].name);
		buffer_free(&stored);
		buffer_free(&wire);
	}
}

/* What opens and never closes: with quadratic time each takes minutes. */
static void
check_time(void)
{
	static const char *const again[] = { "(", "\\\"", "(\"", "<", "a(:" };

	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		clock_t start = clock();
		struct buffer list, out;

		buffer_init(&list, 1 << 20);
		buffer_init(&out, ROOM);
		buffer_add_string(&list, "\xff ");
		while (!list.overflow)
			buffer_add_string(&list, again[i]);
		mailboxes_encode(&out, list.data, list.length);
		ok(clock() - start < 10 * CLOCKS_PER_SEC, "a megabyte of %s in an address field", again[i]);
		buffer_free(&list);
		buffer_free(&out);
	}
}

static const struct {
	const char *name, *stored, *data, *chunk;
} plain[] = {
	{ "nothing", "", "", "" },
	{ "no last line end", "a", "a\r\n", "a\r\n" },
	{ "dots", "a\n.\n.b\nc.\n", "a\r\n..\r\n..b\r\nc.\r\n", "a\r\n.\r\n.b\r\nc.\r\n" },
};

static void
check_plain(void)
{
	for (size_t i = 0; i < 2 * sizeof(plain) / sizeof(plain[0]); i++) {
		const struct outgoing_options options = { .stuff_dots = i % 2 == 0 };
		struct outgoing *o = outgoing_new(&options);
		struct buffer out;

		buffer_init(&out, ROOM);
		outgoing_add(o, plain[i / 2].stored, strlen(plain[i / 2].stored), &out);
		outgoing_end(o, &out);
		ok(strcmp(buffer_string(&out), i % 2 == 0 ? plain[i / 2].data : plain[i / 2].chunk) == 0, "%s: %s",
		    i % 2 == 0 ? "DATA" : "BDAT", plain[i / 2].name);
		outgoing_free(o);
		buffer_free(&out);
	}
}

/* "%" stands for a line of 1000 bytes. */
static const struct {
	const char *name, *stored;
	bool found;
} signatures[] = {
	{ "no signature", "A: b\n\n%\n", false },
	{ "DKIM", "DKIM-Signature: x\n\n%\n", true },
	{ "DKIM, in the header only", "DKIM-Signature: %\n\nx\n", false },
	{ "DKIM of a message within", "Content-Type: message/rfc822\n\nDKIM-Signature: x\n\n%\n", false },
	{ "multipart/signed", "Content-Type: multipart/signed; boundary=b\n\n--b\n\n%\n--b--\n", true },
	{ "beside a signed part",
	    "Content-Type: multipart/x; boundary=c\n\n--c\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nx\n"
	    "--b--\n--c\n\n%\n--c--\n",
	    false },
	{ "within a message",
	    "Content-Type: multipart/x; boundary=c\n\n--c\nContent-Type: message/rfc822\n\n"
	    "Content-Type: Multipart/Signed; boundary=b\n\n--b\n\n%\n--b--\n--c--\n",
	    true },
	{ "a field of a part, DKIM",
	    "DKIM-Signature: x\nContent-Type: multipart/x; boundary=b\n\n--b\nX:%\n\nx\n--b--\n", true },
	{ "a field of a part, no signature", "Content-Type: multipart/x; boundary=b\n\n--b\nX:%\n\nx\n--b--\n", false },
};

static void
check_signatures(void)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		struct longline l;

		longline_init(&l);
		for (const char *c = signatures[i].stored; *c != '\0'; c++)
			for (int n = *c == '%' ? 1000 : 1; n > 0; n--)
				longline_add(&l, c, 1);
		longline_end(&l);
		ok((l.found >= 1000) == signatures[i].found && (l.found != 0) == signatures[i].found,
		    "a long line and a signature: %s", signatures[i].name);
		longline_free(&l);
	}
}

static void
check_senders(void)
{
	const char *const keep[] = { "*@keep.example" };
	const struct sender_rule keeping = { .forced = "app@shop.example", .keep = keep, .keep_count = 1 };

	ok(strcmp(sender_allowed(NULL, "a@x"), "a@x") == 0, "no rule: every sender may stay");
	ok(strcmp(sender_allowed(&rule, ""), "") == 0, "the null sender stays");
	ok(strcmp(sender_allowed(&rule, "a@x"), "app@shop.example") == 0, "another one is replaced");
	ok(strcmp(sender_allowed(&rule, "App@Shop.example"), "App@Shop.example") == 0, "the same one is not");
	ok(strcmp(sender_allowed(&keeping, "a@KEEP.example"), "a@KEEP.example") == 0, "one of the patterns stays");
}

int
main(void)
{
	check_plain();
	check_cuts();
	check_limits();
	check_grown();
	check_time();
	check_signatures();
	check_senders();
	return tap_done();
}

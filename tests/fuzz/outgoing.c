/*
 * What leaves for a smarthost. The input is a byte of options (see enum), a byte
 * for the size of blocks, and a stored message. Whatever it is: lines end in CRLF
 * and are short where they must be, no 8-bit byte passes a server that takes none,
 * the growth is bounded, and every cut gives the same.
 */
#include "message/outgoing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/longline.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum option { CONVERT = 7, STUFF_DOTS = 8, FORCED = 16, FIELDS = 32, KEEP = 64, LATIN = 128 };
enum { ROOM = 64 << 20 };

static void
must(bool good)
{
	if (!good)
		abort();
}

static const char *const keep[] = { "*@keep.example" };

static void
send(const struct buffer *stored, unsigned flags, size_t step, struct buffer *wire)
{
	const struct sender_rule rule = {
		.forced = flags & FORCED ? "app@shop.example" : NULL,
		.name = flags & LATIN ? "The Shop" : NULL,
		.keep = keep,
		.keep_count = flags & KEEP ? 1 : 0,
		.domain = "ours.example",
	};
	const struct outgoing_options options = {
		.stuff_dots = (flags & STUFF_DOTS) != 0,
		.convert = flags & CONVERT,
		.utf8 = (flags & LATIN) == 0,
		.senders = &rule,
		.fields = flags & FIELDS ? "X-Mode: test\n" : NULL,
	};
	struct outgoing *o = outgoing_new(&options);
	size_t before = 0;

	for (size_t i = 0, n; i < stored->length; i += n) {
		n = stored->length - i < step ? stored->length - i : step;
		outgoing_add(o, stored->data + i, n, wire);
		must(wire->length - before <= OUTGOING_GROWTH * n + OUTGOING_HELD);
		before = wire->length;
	}
	outgoing_end(o, wire);
	must(wire->length - before <= OUTGOING_HELD && !wire->overflow);
	outgoing_free(o);
}

/* Signed parts keep their lines, and submission refuses such a message. */
static bool
keeps_long_lines(const struct buffer *stored, unsigned flags)
{
	struct longline l;
	bool found;

	if ((flags & CONVERT_LINES) == 0)
		return true;
	if ((flags & CONVERT_EIGHT_BIT) != 0)
		return false;
	longline_init(&l);
	longline_add(&l, stored->data, stored->length);
	longline_end(&l);
	found = l.found > 0;
	longline_free(&l);
	return found;
}

static void
check(const struct buffer *wire, unsigned flags, bool long_lines)
{
	bool ascii = (flags & CONVERT_EIGHT_BIT) != 0 && (flags & CONVERT_HEADER) != 0;
	size_t line = 0;

	for (size_t i = 0; i < wire->length; i++) {
		char c = wire->data[i];

		must(!ascii || (unsigned char)c <= 0x7f);
		must((c == '\n') == (i > 0 && wire->data[i - 1] == '\r'));
		if (c != '\n' && c != '\r')
			line++;
		else if (c == '\n') {
			/* A doubled dot does not count. */
			must(long_lines || line <= TEXT_LINE_MAX + ((flags & STUFF_DOTS) != 0));
			line = 0;
		}
	}
	must(wire->length == 0 || wire->data[wire->length - 1] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer stored, whole, cut;

	if (size < 2)
		return 0;
	buffer_init(&stored, ROOM);
	buffer_init(&whole, ROOM);
	buffer_init(&cut, ROOM);
	for (size_t i = 2; i < size; i++) {
		/* The reader leaves no CR and no NUL; two other bytes are runs, because a fuzzer writes no long lines.
		 */
		if (data[i] == '\x1e' || data[i] == '\x1f')
			for (size_t n = data[i] == '\x1e' ? 70 : 900; n > 0 && stored.length > 0; n--)
				buffer_add_char(&stored, stored.data[stored.length - 1]);
		else if (data[i] != '\r' && data[i] != '\0')
			buffer_add_char(&stored, (char)data[i]);
	}
	if (stored.length > 0 && stored.data[stored.length - 1] != '\n')
		buffer_add_char(&stored, '\n');
	send(&stored, data[0], stored.length > 0 ? stored.length : 1, &whole);
	send(&stored, data[0], data[1] + 1u, &cut);
	check(&whole, data[0], keeps_long_lines(&stored, data[0]));
	must(whole.length == cut.length && (whole.length == 0 || memcmp(whole.data, cut.data, cut.length) == 0));
	buffer_free(&stored);
	buffer_free(&whole);
	buffer_free(&cut);
	return 0;
}

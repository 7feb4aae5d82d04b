/*
 * The pure way of a message, without queue and network, for tests/mutations/run.py:
 * reader, compose, and the second pass as a server without any extension gets
 * it. stdin: "LENGTH MODE\n" and so many bytes, again and again; MODE '7': no
 * 8BITMIME, '8': with it. stdout: "LENGTH STATUS\n" and the wire form without
 * doubled dots; STATUS is that of enum compose_result, or 9 when a signed part
 * holds a line that is too long.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "message/compose.h"
#include "message/envelope.h"
#include "message/lines.h"
#include "message/outgoing.h"
#include "message/reader.h"

enum { MESSAGE_ROOM = 4 << 20, WIRE_ROOM = 64 << 20, SIGNED_STATUS = 9 };

static const struct identity identity = {
	.login = "alice",
	.gecos = "Alice Example,,,",
	.domain = "example.test",
	.host = "box.example.test",
	.uid = 1000,
};

static const struct stamp stamp = { 1795463280, 0, "4F00D1A2B3C4" };
static const char *const recipients[] = { "r@x.example" };
static const struct submission submission = { recipients, 1, false, "alice@example.test", NULL };

/* As smtp/transaction.c decides. */
static unsigned
conversion(const struct facts *facts, bool eight_bit_mime)
{
	return (facts->longest_line > TEXT_LINE_MAX ? CONVERT_LINES : 0) |
	       (facts->eight_bit && !eight_bit_mime ? CONVERT_EIGHT_BIT : 0) | (facts->eight_bit ? CONVERT_HEADER : 0);
}

static int
pass(const struct buffer *input, bool eight_bit_mime, struct buffer *wire)
{
	struct buffer header, body, stored;
	struct envelope envelope;
	struct reader reader;
	struct reason reason;
	int status;

	buffer_init(&header, HEADER_MAX);
	buffer_init(&body, MESSAGE_ROOM);
	buffer_init(&stored, 2 * MESSAGE_ROOM);
	envelope_init(&envelope);
	reader_init(&reader, false);
	reader_input(&reader, input->data, input->length, &header, &body);
	reader_end(&reader, &header, &body);
	status = (int)compose(&header, &submission, &identity, &stamp, &envelope, &stored, &reason);
	buffer_add(&stored, body.data, body.length);
	facts_add(&envelope.facts, stored.data, stored.length);
	if (status == COMPOSE_OK) {
		const struct outgoing_options options = { .convert = conversion(&envelope.facts, eight_bit_mime),
			.utf8 = envelope.facts.utf8 };
		struct outgoing *outgoing = outgoing_new(&options);

		outgoing_add(outgoing, stored.data, stored.length, wire);
		outgoing_end(outgoing, wire);
		outgoing_free(outgoing);
	}
	envelope_free(&envelope);
	buffer_free(&header);
	buffer_free(&body);
	buffer_free(&stored);
	return status;
}

int
main(void)
{
	size_t length;
	char mode;

	while (scanf("%zu %c", &length, &mode) == 2 && getchar() == '\n' && length <= MESSAGE_ROOM) {
		struct buffer input, wire;
		char *bytes = allocate(length, 1);
		int status;

		buffer_init(&input, MESSAGE_ROOM);
		buffer_init(&wire, WIRE_ROOM);
		if (fread(bytes, 1, length, stdin) != length)
			return EXIT_FAILURE;
		buffer_add(&input, bytes, length);
		status = pass(&input, mode == '8', &wire);
		printf("%zu %d\n", wire.length, status);
		fwrite(wire.data, 1, wire.length, stdout);
		fflush(stdout);
		buffer_free(&input);
		buffer_free(&wire);
		free(bytes);
	}
	return EXIT_SUCCESS;
}

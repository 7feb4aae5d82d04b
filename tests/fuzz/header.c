/*
 * Reader and header: any input, any cut. The first byte of the input is the
 * size of the blocks and, by its lowest bit, -i.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/header.h"
#include "message/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct parts {
	struct buffer header, body;
};

static void
read_parts(struct parts *parts, const char *text, size_t n, size_t step, bool dot_ends)
{
	struct reader r;

	buffer_init(&parts->header, HEADER_MAX);
	buffer_init(&parts->body, HEADER_MAX);
	reader_init(&r, dot_ends);
	for (size_t i = 0; i < n; i += step)
		reader_input(&r, text + i, n - i < step ? n - i : step, &parts->header, &parts->body);
	reader_end(&r, &parts->header, &parts->body);
	if (r.in_header)
		abort();
}

static void
must(bool good)
{
	if (!good)
		abort();
}

static bool
holds(const struct buffer *b, char c)
{
	return b->length > 0 && memchr(b->data, c, b->length) != NULL;
}

static bool
same(const struct buffer *a, const struct buffer *b)
{
	return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* What is stored has LF line ends only and ends with one; the header is nothing but fields. */
static void
check_parts(const struct parts *parts)
{
	const char *at = parts->header.length > 0 ? parts->header.data : "", *end = at + parts->header.length;
	const struct buffer *both[] = { &parts->header, &parts->body };
	struct field field;
	size_t seen = 0;

	for (size_t i = 0; i < 2; i++) {
		must(!holds(both[i], '\r') && !holds(both[i], '\0'));
		must(both[i]->length == 0 || both[i]->data[both[i]->length - 1] == '\n');
	}
	while (field_next(&at, end, &field)) {
		must(field.name_length > 0 && field.name_length < FIELD_NAME_MAX);
		must(field.value > field.name && field.value[-1] == ':' && field.value[field.value_length] == '\n');
		must(memchr(field.name, ' ', field.name_length) == NULL);
		must(field_is_blank(&field) || field.value_length > 0);
		seen += (size_t)(field.value + field.value_length + 1 - field.name);
	}
	must(seen == parts->header.length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts whole, cut;

	if (size == 0)
		return 0;
	read_parts(&whole, (const char *)data + 1, size - 1, size, data[0] & 1);
	read_parts(&cut, (const char *)data + 1, size - 1, data[0] / 2 + 1, data[0] & 1);
	check_parts(&whole);
	must(same(&whole.header, &cut.header) && same(&whole.body, &cut.body));
	buffer_free(&whole.header);
	buffer_free(&whole.body);
	buffer_free(&cut.header);
	buffer_free(&cut.body);
	return 0;
}

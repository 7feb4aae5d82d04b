/*
 * In the message's own header fields are folded wherever they are too long, and a
 * signature of them (DKIM, relaxed) survives that. All that stands in a signed body counts.
 */
#include "message/longline.h"

#include <string.h>

#include "message/outgoing.h"

static void on_text(void *, const char *, size_t);

static void
on_field(void *context, const struct field *field, bool continued)
{
	struct longline *l = context;

	if (l->mime.top && !continued && field_is(field, "DKIM-Signature"))
		l->signed_whole = true;
	if (!l->mime.top && l->signed_whole) /* it stands in the body */
		on_text(l, field->name, (size_t)(field->value - field->name) + field->value_length + 1);
}

static void
on_header_end(void *context, bool ended)
{
	struct longline *l = context;

	(void)ended;
	l->length = 0;
}

static void
on_text(void *context, const char *bytes, size_t n)
{
	struct longline *l = context;

	if ((!l->signed_whole && l->mime.part.kind != MIME_SIGNED) || l->found > 0)
		return;
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t length = end != NULL ? (size_t)(end - bytes) : n, taken = length + (end != NULL);

		l->length += length;
		if (end != NULL && l->length > TEXT_LINE_MAX && l->found == 0)
			l->found = l->length;
		if (end != NULL)
			l->length = 0;
		bytes += taken;
		n -= taken;
	}
}

static void
on_boundary(void *context, const char *line, size_t n)
{
	struct longline *l = context;

	(void)line;
	(void)n;
	l->length = 0;
}

static const struct mime_handler handler = { on_field, on_header_end, on_text, on_boundary };

void
longline_init(struct longline *l)
{
	*l = (struct longline){ .found = 0 };
	mime_init(&l->mime, &handler, l, false);
}

void
longline_free(struct longline *l)
{
	mime_free(&l->mime);
}

void
longline_add(struct longline *l, const char *bytes, size_t n)
{
	mime_add(&l->mime, bytes, n);
}

void
longline_end(struct longline *l)
{
	mime_end(&l->mime);
}

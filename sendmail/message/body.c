/*
 * Stored form to wire form: every LF gets its CR and, for DATA, a dot that
 * starts a line is doubled. The reader left neither CR nor NUL in the store.
 */
#include "message/body.h"

#include <string.h>

#include "base/buffer.h"

void
body_filter(struct body_filter *f, const char *bytes, size_t n, struct buffer *out)
{
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t length = end != NULL ? (size_t)(end - bytes) : n, taken = length + (end != NULL);

		if (f->stuff_dots && !f->in_line && bytes[0] == '.')
			buffer_add_char(out, '.');
		buffer_add(out, bytes, length);
		if (end != NULL)
			buffer_add(out, "\r\n", 2);
		f->in_line = end == NULL;
		bytes += taken;
		n -= taken;
	}
}

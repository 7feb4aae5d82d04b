#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 256 };

static int (*memory_hook)(void);

void
on_memory_failure(int (*hook)(void))
{
	memory_hook = hook;
}

static void
out_of_memory(void)
{
	static const char text[] = "sendmail: out of memory\n";
	int status = memory_hook != NULL ? memory_hook() : EX_OSERR;

	if (status != 0 && write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		status = EX_OSERR;
	_exit(status);
}

void *
allocate(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
reallocate(void *old, size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	if (count > SIZE_MAX / size)
		out_of_memory();
	p = realloc(old, count * size);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *
copy_bytes(const char *bytes, size_t length)
{
	char *copy = allocate(length + 1, 1);

	memcpy(copy, bytes, length);
	return copy;
}

char *
copy_string(const char *string)
{
	return copy_bytes(string, strlen(string));
}

void
free_secret(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
buffer_init(struct buffer *b, size_t limit)
{
	*b = (struct buffer){ .limit = limit };
}

void
buffer_free(struct buffer *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->capacity);
	free(b->data);
	buffer_init(b, b->limit);
}

void
buffer_clear(struct buffer *b)
{
	b->length = 0;
	b->overflow = false;
}

/* Makes room for n more bytes and a terminator. Grows by a fresh copy, so that no secret is left behind. */
static void
make_room(struct buffer *b, size_t n)
{
	size_t want = b->length + n + 1, capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
	char *grown;

	if (want <= b->capacity)
		return;
	while (capacity < want)
		capacity *= 2;
	grown = allocate(capacity, 1);
	if (b->data != NULL) {
		memcpy(grown, b->data, b->length);
		explicit_bzero(b->data, b->capacity);
		free(b->data);
	}
	b->data = grown;
	b->capacity = capacity;
}

void
buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	if (n > b->limit - b->length) {
		b->overflow = true;
		n = b->limit - b->length;
	}
	if (n == 0)
		return;
	make_room(b, n);
	memcpy(b->data + b->length, bytes, n);
	b->length += n;
}

void
buffer_add_string(struct buffer *b, const char *string)
{
	buffer_add(b, string, strlen(string));
}

void
buffer_add_char(struct buffer *b, char c)
{
	buffer_add(b, &c, 1);
}

void
buffer_format(struct buffer *b, const char *format, ...)
{
	va_list args;
	char small[512], *large;
	int length;

	va_start(args, format);
	length = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (length < 0)
		return;
	if ((size_t)length < sizeof(small)) {
		buffer_add(b, small, (size_t)length);
		return;
	}
	large = allocate((size_t)length + 1, 1);
	va_start(args, format);
	vsnprintf(large, (size_t)length + 1, format, args);
	va_end(args);
	buffer_add(b, large, (size_t)length);
	free_secret(large);
}

void
buffer_consume(struct buffer *b, size_t n)
{
	memmove(b->data, b->data + n, b->length - n);
	b->length -= n;
}

const char *
buffer_string(struct buffer *b)
{
	make_room(b, 0);
	b->data[b->length] = '\0';
	return b->data;
}

int
reason_set(struct reason *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason->text, sizeof(reason->text), format, args);
	va_end(args);
	return -1;
}

/* Bounded bytes, reasons, and what happens when memory is out. */
#include "base/buffer.h"

#include <sys/wait.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "unit/tap.h"

static void
test_growth(void)
{
	struct buffer b;
	bool same = true;

	buffer_init(&b, SIZE_MAX / 2);
	ok(strcmp(buffer_string(&b), "") == 0, "an empty buffer is an empty string");
	for (int i = 0; i < 100000; i++)
		buffer_add_char(&b, (char)('a' + i % 26));
	for (int i = 0; i < 100000; i++)
		same = same && b.data[i] == (char)('a' + i % 26);
	ok(same && b.length == 100000 && !b.overflow, "100,000 single bytes stay what they were");
	ok(b.capacity <= 4 * b.length, "capacity stays in proportion");
	buffer_clear(&b);
	ok(b.length == 0 && b.capacity > 0, "clearing keeps the memory");
	buffer_free(&b);
	ok(b.data == NULL && b.length == 0 && b.limit == SIZE_MAX / 2, "freeing keeps the limit");
	buffer_add_string(&b, "again");
	ok(strcmp(buffer_string(&b), "again") == 0, "a freed buffer can be used again");
	buffer_free(&b);
}

static void
test_limit(void)
{
	struct buffer b;

	buffer_init(&b, 5);
	buffer_add(&b, "abcde", 5);
	ok(b.length == 5 && !b.overflow, "up to the limit nothing overflows");
	buffer_add(&b, "", 0);
	ok(!b.overflow, "nothing more fits always");
	buffer_add_char(&b, 'f');
	ok(b.overflow && strcmp(buffer_string(&b), "abcde") == 0, "one more byte is dropped and flagged");
	buffer_consume(&b, 3);
	ok(b.overflow && strcmp(buffer_string(&b), "de") == 0, "the flag outlives consuming");
	buffer_clear(&b);
	ok(!b.overflow, "the flag ends with clearing");
	buffer_add_string(&b, "1234567");
	ok(b.overflow && strcmp(buffer_string(&b), "12345") == 0, "what fits of a longer text stays");
	buffer_free(&b);
	buffer_init(&b, 0);
	buffer_add_char(&b, 'x');
	ok(b.overflow && b.length == 0, "a limit of 0 holds nothing");
	buffer_free(&b);
}

static void
test_format(void)
{
	struct buffer b;
	char want[2001];

	buffer_init(&b, 4096);
	buffer_format(&b, "%s-%d", "a", 7);
	ok(strcmp(buffer_string(&b), "a-7") == 0, "a short format");
	buffer_clear(&b);
	buffer_format(&b, "%02000d", 1);
	snprintf(want, sizeof(want), "%02000d", 1);
	ok(strcmp(buffer_string(&b), want) == 0, "a long format");
	buffer_format(&b, "%05000d", 1);
	ok(b.overflow && b.length == 4096, "a format beyond the limit is cut");
	buffer_free(&b);
}

static void
test_consume(void)
{
	struct buffer b;

	buffer_init(&b, 100);
	buffer_add(&b, "ab\0cd", 5);
	buffer_consume(&b, 0);
	ok(b.length == 5, "consuming nothing");
	buffer_consume(&b, 2);
	ok(b.length == 3 && memcmp(b.data, "\0cd", 3) == 0, "a NUL is a byte like any other");
	buffer_consume(&b, 3);
	ok(b.length == 0, "consuming all");
	buffer_free(&b);
}

static void
test_reason(void)
{
	struct reason reason;

	ok(reason_set(&reason, "%s:%d", "file", 3) == -1 && strcmp(reason.text, "file:3") == 0, "a reason");
	reason_set(&reason, "%05000d", 0);
	ok(strlen(reason.text) == REASON_MAX - 1, "a long reason is cut");
}

static int
already_safe(void)
{
	return 0;
}

/* Asks for more than there is, in a child; its exit status. */
static int
status_without_memory(int (*hook)(void), size_t count, size_t size)
{
	pid_t child;
	int status;

	fflush(stdout);
	if ((child = fork()) == 0) {
		/* The line that it prints belongs to the test. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		on_memory_failure(hook);
		free(reallocate(NULL, count, size));
		_exit(99);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_memory(void)
{
	size_t *numbers = allocate(1000, sizeof(*numbers));
	size_t sum = 0;
	char *copy = copy_bytes("a\0b", 3);

	for (int i = 0; i < 1000; i++)
		sum += numbers[i];
	ok(sum == 0, "allocated memory is zero");
	free(numbers);
	ok(memcmp(copy, "a\0b", 4) == 0, "copied bytes are terminated");
	free_secret(copy);
	free_secret(NULL);
	ok(status_without_memory(NULL, SIZE_MAX / 2, 3) == EX_OSERR, "a product that overflows: EX_OSERR");
	ok(status_without_memory(already_safe, SIZE_MAX / 2, 3) == 0, "the hook knows the message safe: 0");
}

int
main(void)
{
	test_growth();
	test_limit();
	test_format();
	test_consume();
	test_reason();
	test_memory();
	return tap_done();
}

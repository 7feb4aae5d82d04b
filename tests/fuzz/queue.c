/*
 * Any bytes as a queue file. What the reader takes can be written and is read
 * the same again, and marking it in place moves no byte of the message.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/format.h"
#include "queue/queue.h"

enum { BLOCK_LIMIT = 1 << 24 };

static struct reason reason;

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, reason.text);
	abort();
}

/* Makes the file hold these bytes alone. */
static void
fill(int fd, const void *bytes, size_t n)
{
	must(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n, "the file can be written");
}

static bool
same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool
same_envelope(const struct envelope *a, const struct envelope *b)
{
	bool equal = a->count == b->count && same(a->id, b->id) && a->birth == b->birth && a->uid == b->uid &&
		     same(a->sender, b->sender) && same(a->message_id, b->message_id) &&
		     a->facts.size == b->facts.size && a->facts.lines == b->facts.lines &&
		     a->facts.longest_line == b->facts.longest_line && a->facts.eight_bit == b->facts.eight_bit &&
		     a->doubts == b->doubts && a->crashes == b->crashes && a->delay_told == b->delay_told &&
		     a->notify == b->notify && a->ret == b->ret && (a->envid == NULL) == (b->envid == NULL) &&
		     (a->envid == NULL || same(a->envid, b->envid));

	for (size_t i = 0; equal && i < a->count; i++) {
		const struct recipient *x = &a->recipients[i], *y = &b->recipients[i];

		equal = same(x->address, y->address) && x->verdict == y->verdict && x->reply.code == y->reply.code &&
			same(x->reply.enhanced, y->reply.enhanced);
	}
	return equal;
}

/* A begun try is counted and nothing else changes; recording it below takes the count back. */
static void
check_try(struct entry *entry)
{
	struct envelope again;
	off_t message, *marks;
	unsigned crashes = entry->envelope.crashes;

	must(entry_begin_try(entry, &reason) == 0, "a try can begin");
	envelope_init(&again);
	must(format_read(entry->fd, &again, &message, &marks, &reason) == 0 && message == entry->message &&
		 again.crashes == (crashes < 9 ? crashes + 1 : 9),
	    "it is counted");
	again.crashes = crashes;
	must(same_envelope(&again, &entry->envelope), "nothing else changes");
	free(marks);
	envelope_free(&again);
}

/* Marks the file in place, twice: nothing else moves. */
static void
check_marks(struct entry *entry, const uint8_t *bytes, size_t n)
{
	struct envelope again;
	struct stat st;
	char last = 0;
	off_t message, *marks;

	for (size_t i = 0; i < entry->envelope.count; i++) {
		struct recipient *recipient = &entry->envelope.recipients[i];

		must(memcmp(bytes + entry->marks[i], "X-Queue-To: ", 12) == 0, "a mark stands on its line");
		recipient->verdict = i % 2 == 0 ? DELIVERED : FAILED;
		reply_set(&recipient->reply, 250 + (int)i % 300, "2.0.0", "a reply with + and = and blanks");
	}
	entry->envelope.maybe_sent = entry->envelope.doubts < 9;
	must(entry_record(entry, &reason) == 0 && entry_record(entry, &reason) == 0, "it can be marked");
	must(fstat(entry->fd, &st) == 0 && st.st_size == (off_t)n, "it keeps its length");
	must(entry->message == (off_t)n ||
		 (entry_read(entry, &last, 1, (off_t)n - entry->message - 1) == 1 && (uint8_t)last == bytes[n - 1]),
	    "the message keeps its bytes");
	envelope_init(&again);
	must(format_read(entry->fd, &again, &message, &marks, &reason) == 0 && message == entry->message &&
		 same_envelope(&again, &entry->envelope),
	    "it is read with its marks");
	free(marks);
	envelope_free(&again);
}

/* Writes the envelope anew: it comes back the same. */
static void
check_rewriting(const struct entry *entry)
{
	struct buffer block;
	struct envelope again;
	off_t message, *marks;
	bool good;

	buffer_init(&block, BLOCK_LIMIT);
	good = format_head(&block, &entry->envelope, &reason) == 0;
	for (size_t i = 0; good && i < entry->envelope.count; i++)
		good = format_recipient(&block, &entry->envelope.recipients[i], &reason) == 0;
	must(good, "what was read can be written");
	fill(entry->fd, block.data, block.length);
	envelope_init(&again);
	must(format_read(entry->fd, &again, &message, &marks, &reason) == 0 && message == (off_t)block.length &&
		 same_envelope(&again, &entry->envelope),
	    "what was written is read the same");
	free(marks);
	envelope_free(&again);
	buffer_free(&block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct entry entry = { .fd = memfd_create("queue", MFD_CLOEXEC) };

	fill(entry.fd, bytes, n);
	envelope_init(&entry.envelope);
	if (format_read(entry.fd, &entry.envelope, &entry.message, &entry.marks, &reason) == 0) {
		must(entry.envelope.count > 0 && entry.message <= (off_t)n, "an envelope lies in its file");
		check_try(&entry);
		check_marks(&entry, bytes, n);
		check_rewriting(&entry);
	} else
		must(reason.text[0] != '\0', "a refusal has a reason");
	entry_close(&entry);
	return 0;
}

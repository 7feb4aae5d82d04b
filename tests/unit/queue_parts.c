/*
 * What becomes of a message that is not simply sent: begun tries, due at once,
 * held, given up, released. The rows of the crash table that are about them.
 */
#include <signal.h>
#include <sys/wait.h>

#include "queue_world.h"

/* Opens what is stored under the id in a folder, which must work. */
static void
must_open(struct entry *entry, struct queue *queue, char folder, const char *name)
{
	if (open_item(entry, queue, folder, name, true) != ENTRY_OPEN)
		told(false, "open");
}

static size_t
count_part(struct queue *queue, enum queue_part part)
{
	struct queue_list list;
	size_t n;

	if (queue_list_part(queue, part, &list, &reason) != 0)
		return SIZE_MAX;
	n = list.count;
	queue_list_free(&list);
	return n;
}

/* A process that begins a try and dies in it. */
static void
die_trying(struct queue *queue)
{
	pid_t child = fork();
	struct entry entry;
	int status;

	if (child == 0) {
		if (open_item(&entry, queue, 'n', id, true) != ENTRY_OPEN || entry_begin_try(&entry, &reason) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	waitpid(child, &status, 0);
	ok(WIFSIGNALED(status), "a process dies in its try");
}

static void
test_tries(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	struct stat st;

	store(queue, id);
	age_file(path("new/6593A0C00123456789"), birth);
	must_open(&entry, queue, 'n', id);
	ok(entry.last_try == 0 && entry_begin_try(&entry, &reason) == 0 && entry.envelope.crashes == 0,
	    "a try begins; the envelope here knows of none that died");
	ok(entry_record(&entry, &reason) == 0, "and comes to its end");
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	ok(entry.envelope.crashes == 0 && reads_as(&entry, message), "none died");
	ok(entry_begin_try(&entry, &reason) == 0, "another try begins");
	queue_forgive_try();
	entry_close(&entry);
	queue_forgive_try();
	must_open(&entry, queue, 'n', id);
	ok(entry.envelope.crashes == 0, "and is taken back when memory runs out");
	entry_close(&entry);
	age_file(path("new/6593A0C00123456789"), birth);
	die_trying(queue);
	must_open(&entry, queue, 'n', id);
	stat(path("new/6593A0C00123456789"), &st);
	ok(entry.envelope.crashes == 1 && entry.last_try == st.st_mtime && entry.last_try > birth,
	    "one died: it counts as a try, at its time");
	entry_close(&entry);
	die_trying(queue);
	die_trying(queue);
	must_open(&entry, queue, 'n', id);
	ok(entry.envelope.crashes == CRASHES_MAX, "three died: poison");
	ok(entry_record(&entry, &reason) == 0 && entry.envelope.crashes == 0, "a try that ends forgets them");
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	ok(entry.envelope.crashes == 0, "on disk too");
	entry.envelope.crashes = 12;
	ok(entry_begin_try(&entry, &reason) == 0, "more than nine");
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	ok(entry.envelope.crashes == 9 && reads_as(&entry, message), "are nine");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_make_due(void)
{
	const struct schedule schedule = { 300, 14400, 432000 };
	struct queue *queue = new_queue();
	struct entry entry;
	int64_t now;

	store(queue, id);
	die_trying(queue);
	must_open(&entry, queue, 'n', id);
	reply_set(&entry.envelope.recipients[0].reply, 450, "", "later");
	entry_record(&entry, &reason);
	now = entry.last_try;
	entry_close(&entry);
	die_trying(queue);
	must_open(&entry, queue, 'n', id);
	ok(!queue_due(&entry, &schedule, now), "just tried: not due");
	ok(entry_make_due(&entry, &reason) == 0 && entry.last_try == 0 && queue_due(&entry, &schedule, now),
	    "made due");
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	ok(entry.last_try == 0 && entry.envelope.crashes == 0 && entry.envelope.recipients[0].reply.code == 450,
	    "for other processes too; what was said stays");
	ok(entry_record(&entry, &reason) == 0 && entry.last_try >= now && !queue_due(&entry, &schedule, now),
	    "until the next try");
	entry_close(&entry);
	open_item(&entry, queue, 'n', id, false);
	entry.envelope.crashes = 1;
	told(entry_make_due(&entry, &reason) != 0, "not without the lock: told");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_hold(void)
{
	struct queue *queue = new_queue();
	struct entry entry, again;
	struct queue_list list;

	store(queue, id);
	ok(count_part(queue, QUEUE_HELD) == 0 && count_part(queue, QUEUE_FAILED) == 0 && !exists(".Held"),
	    "parts that are not there are empty");
	must_open(&entry, queue, 'n', id);
	ok(entry_hold(&entry, &reason) == 0 && entry.fd == -1 && exists(".Held/new/6593A0C00123456789") &&
		exists(".Held/cur") && exists(".Held/tmp"),
	    "held in .Held/, a Maildir");
	entry_close(&entry);
	ok(count_part(queue, QUEUE_WAITING) == 0 && count_part(queue, QUEUE_HELD) == 1, "no run sees it");
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_GONE, "for who has listed it, it is gone");
	rename(path(".Held/new/6593A0C00123456789"), path(".Held/cur/6593A0C00123456789:2,S"));
	ok(queue_list_part(queue, QUEUE_HELD, &list, &reason) == 0 && list.count == 1 && list.items[0].folder == 'h' &&
		entry_open(&entry, queue, &list.items[0], true, &reason) == ENTRY_OPEN && reads_as(&entry, message),
	    "a mail reader moved it there, and it is opened");
	queue_list_free(&list);
	ok(open_item(&again, queue, 'h', "6593A0C00123456789:2,S", true) == ENTRY_BUSY, "locked");
	entry_close(&entry);
	must_open(&entry, queue, 'h', "6593A0C00123456789:2,S");
	ok(entry_hold(&entry, &reason) == 0 && count(".Held/cur") == 1, "holding it again does nothing");
	entry_close(&entry);
	must_open(&entry, queue, 'h', "6593A0C00123456789:2,S");
	ok(entry_release(&entry, &reason) == 0 && exists("new/6593A0C00123456789") && count(".Held/cur") == 0,
	    "released into new/, without flags");
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	ok(entry.last_try == 0 && entry_release(&entry, &reason) == 0 && exists("new/6593A0C00123456789"),
	    "never tried; releasing it again does nothing");
	entry_close(&entry);
	ok(write_entry(&entry, NULL, id) == 0 && entry_hold(&entry, &reason) == 0, "nothing to hold without a queue");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_failed_part(void)
{
	struct queue *queue = new_queue(), *other;
	struct entry entry;

	store(queue, id);
	for (int i = 0; i < CRASHES_MAX; i++)
		die_trying(queue);
	must_open(&entry, queue, 'n', id);
	entry_fail(&entry, &reason);
	entry_close(&entry);
	/* Another process has not opened that folder yet. */
	other = queue_open(path(""), &reason);
	ok(count_part(other, QUEUE_FAILED) == 1 && count_part(other, QUEUE_WAITING) == 0, "given up: in .Failed/");
	must_open(&entry, other, 'F', id);
	ok(entry.envelope.crashes == CRASHES_MAX, "with what is known of it");
	ok(entry_release(&entry, &reason) == 0 && count_part(other, QUEUE_WAITING) == 1, "released");
	entry_close(&entry);
	must_open(&entry, other, 'n', id);
	ok(entry.envelope.crashes == 0, "with a new chance");
	entry_hold(&entry, &reason);
	entry_close(&entry);
	must_open(&entry, queue, 'H', id);
	ok(entry_fail(&entry, &reason) == 0 && exists(".Failed/new/6593A0C00123456789"), "from held to failed");
	entry_close(&entry);
	must_open(&entry, queue, 'F', id);
	ok(entry_remove(&entry, &reason) == 0 && count(".Failed/new") == 0, "removed there");
	entry_close(&entry);
	queue_close(other);
	queue_close(queue);
}

/* The owner opens the queue in a mail reader and moves a message while it is being tried. */
static void
test_moved_meanwhile(void)
{
	struct queue *queue = new_queue();
	struct entry entry;

	store(queue, id);
	store(queue, other_id);
	must_open(&entry, queue, 'n', other_id);
	entry_hold(&entry, &reason);
	entry_close(&entry);
	must_open(&entry, queue, 'n', id);
	rename(path("new/6593A0C00123456789"), path(".Held/cur/6593A0C00123456789:2,"));
	ok(entry_remove(&entry, &reason) == 0 && count(".Held/cur") == 0, "removed although it was moved to .Held/");
	entry_close(&entry);
	must_open(&entry, queue, 'H', other_id);
	rename(path(".Held/new/6593A0C1ABCDEF0123"), path("cur/6593A0C1ABCDEF0123:2,F"));
	ok(entry_release(&entry, &reason) == 0 && exists("cur/6593A0C1ABCDEF0123:2,F"),
	    "released by the reader before us");
	entry_close(&entry);
	must_open(&entry, queue, 'c', "6593A0C1ABCDEF0123:2,F");
	unlink(path("cur/6593A0C1ABCDEF0123:2,F"));
	told(entry_hold(&entry, &reason) != 0 && entry.fd == -1, "what somebody removed cannot be held");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_refused_moves(void)
{
	struct queue *queue = new_queue();
	struct entry entry;

	store(queue, id);
	ok(symlink("/tmp", path(".Held")) == 0, "a symbolic link is planted as .Held");
	must_open(&entry, queue, 'n', id);
	told(entry_hold(&entry, &reason) != 0 && count("new") == 1, "nothing is moved there");
	entry_close(&entry);
	told(count_part(queue, QUEUE_HELD) == SIZE_MAX && strstr(reason.text, "/.Held/new cannot be listed") != NULL,
	    "nor listed");
	ok(open_item(&entry, queue, 'H', id, true) == ENTRY_FOREIGN, "nor opened");
	unlink(path(".Held"));
	must_open(&entry, queue, 'n', id);
	entry_hold(&entry, &reason);
	entry_close(&entry);
	store(queue, id);
	must_open(&entry, queue, 'H', id);
	told(entry_release(&entry, &reason) != 0 && count(".Held/new") == 1 && count("new") == 1,
	    "nothing is released over another message");
	entry_close(&entry);
	queue_close(queue);
}

int
main(void)
{
	if (begin() != 0)
		return 1;
	test_tries();
	test_make_due();
	test_hold();
	test_failed_part();
	test_moved_meanwhile();
	test_refused_moves();
	return end();
}

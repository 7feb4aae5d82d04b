/*
 * The queue on a real disk: most rows of the crash table in
 * sendmail/queue/queue.c, locks between processes, mail readers, full disks. The
 * other rows are tested in queue_parts.c and queue_state.c.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "queue_world.h"

static void
test_open(void)
{
	struct queue *queue = new_queue();
	struct stat st;

	ok(stat(path("new"), &st) == 0 && (st.st_mode & 0777) == 0700, "folders are made with mode 0700");
	queue_close(queue);
	queue_number++;
	queue = queue_open(path("state/deep/queue///"), &reason);
	ok(queue != NULL && stat(path("state"), &st) == 0 && (st.st_mode & 0777) == 0700,
	    "parents are made, mode 0700");
	queue_close(queue);
	ok(symlink(path("state/deep/queue"), path("link")) == 0 && queue_open(path("link"), &reason) == NULL &&
		queue_open(path("link/"), &reason) == NULL,
	    "a symbolic link is refused");
	told(rmdir(path("state/deep/queue/cur")) == 0 && symlink("/tmp", path("state/deep/queue/cur")) == 0 &&
		 queue_open(path("state/deep/queue"), &reason) == NULL && strstr(reason.text, "/cur") != NULL,
	    "a symbolic link as folder is refused");
	ok(queue_open("relative/path", &reason) == NULL, "a relative path is refused");
	told(queue_open("/dev/null", &reason) == NULL && queue_open("/dev/null/q", &reason) == NULL, "no directory");
	if (geteuid() != 0) {
		ok(queue_open("/tmp", &reason) == NULL, "everybody's directory is refused");
		return;
	}
	queue_close(new_queue());
	told(chmod(path(""), 0777) == 0 && chown(path(""), 1, 1) == 0 && queue_open(path(""), &reason) == NULL,
	    "everybody's directory is refused");
}

static void
test_ids(void)
{
	char a[ID_MAX], b[ID_MAX];

	queue_new_id(a, birth);
	queue_new_id(b, birth);
	ok(strlen(a) == 18 && strspn(a, "0123456789ABCDEF") == 18 && strncmp(a, "6593A0C0", 8) == 0,
	    "an id is 18 digits and begins with its birth");
	ok(strcmp(a, b) != 0, "two ids of a second differ");
}

static void
test_commit(void)
{
	struct queue *queue = new_queue();
	struct entry entry, again;
	struct stat st;

	ok(write_entry(&entry, queue, id) == 0 && count("tmp") == 1 && count("new") == 0, "written in tmp/");
	ok(entry_commit(&entry, &reason) == 0 && count("tmp") == 0 && exists("new/6593A0C00123456789"),
	    "committed into new/");
	ok(stat(path("new/6593A0C00123456789"), &st) == 0 && (st.st_mode & 0777) == 0600, "with mode 0600");
	ok(reads_as(&entry, message), "still open, and reads as it was written");
	ok(open_item(&again, queue, 'n', id, true) == ENTRY_BUSY, "still locked: busy for another descriptor");
	entry_abandon(&entry);
	ok(count("new") == 1, "what is committed is not abandoned");
	ok(open_item(&again, queue, 'n', id, true) == ENTRY_OPEN, "opened again");
	ok(strcmp(again.envelope.id, id) == 0 && again.envelope.birth == birth && again.envelope.uid == 1000 &&
		strcmp(again.envelope.sender, "a@b.example") == 0 && again.envelope.count == 2 &&
		strcmp(again.envelope.recipients[1].address, "two@d.example") == 0 &&
		again.envelope.facts.size == strlen(message) + 4 && again.envelope.facts.longest_line == 17,
	    "with the same envelope and facts");
	ok(reads_as(&again, message) && again.last_try == 0, "the same message, never tried");
	entry_close(&again);
	entry_close(&again);
	told(entry_create(&entry, queue, id, &reason) == 0 && entry_commit(&entry, &reason) != 0 && count("tmp") == 1,
	    "an empty file is not committed");
	entry_abandon(&entry);
	told(write_entry(&entry, queue, id) == 0 && entry_commit(&entry, &reason) != 0,
	    "nothing is renamed over a message");
	entry_abandon(&entry);
	ok(count("tmp") == 0 && count("new") == 1, "and the message there stays");
	ok(write_entry(&entry, queue, other_id) == 0 && entry_write(&entry, "x\n", 2, &reason) == 0 &&
		entry_commit(&entry, &reason) != 0,
	    "bytes that were not counted are noticed");
	entry_abandon(&entry);
	queue_close(queue);
}

static void
test_marks(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	struct stat before, after;

	store(queue, id);
	stat(path("new/6593A0C00123456789"), &before);
	open_item(&entry, queue, 'n', id, true);
	entry.envelope.recipients[0].verdict = DELIVERED;
	reply_set(&entry.envelope.recipients[0].reply, 250, "2.0.0", "queued as 1");
	reply_set(&entry.envelope.recipients[1].reply, 451, "4.3.2", "later");
	entry.envelope.maybe_sent = true;
	entry.envelope.delay_told = true;
	ok(entry_record(&entry, &reason) == 0 && entry.last_try >= before.st_mtime, "verdicts are recorded");
	ok(entry.envelope.doubts == 1 && !entry.envelope.maybe_sent, "a doubt is counted");
	ok(entry_record(&entry, &reason) == 0 && entry.envelope.doubts == 1, "and counted once");
	entry_close(&entry);
	stat(path("new/6593A0C00123456789"), &after);
	ok(before.st_size == after.st_size && before.st_ino == after.st_ino, "in place");
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN && entry.envelope.recipients[0].verdict == DELIVERED &&
		entry.envelope.recipients[1].verdict == DEFERRED && entry.envelope.recipients[1].reply.code == 451 &&
		strcmp(entry.envelope.recipients[1].reply.text, "later") == 0 && entry.envelope.doubts == 1 &&
		!entry.envelope.maybe_sent && entry.envelope.delay_told,
	    "and come back");
	ok(entry.last_try == after.st_mtim.tv_sec && reads_as(&entry, message),
	    "mtime is the last try, the message stands");
	ok(futimens(entry.fd, (struct timespec[]){ { 1000, 0 }, { 1000, 0 } }) == 0 &&
		entry_record(&entry, &reason) == 0 && entry.last_try > 1000,
	    "the same verdicts again still move mtime");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_remove_and_fail(void)
{
	struct queue *queue = new_queue();
	struct entry entry;

	store(queue, id);
	open_item(&entry, queue, 'n', id, true);
	ok(entry_remove(&entry, &reason) == 0 && count("new") == 0 && entry.fd == -1, "removed");
	ok(entry.envelope.count == 2, "and the envelope still stands");
	entry_close(&entry);
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_GONE, "what was listed and removed is gone");
	store(queue, id);
	open_item(&entry, queue, 'n', id, true);
	rename(path("new/6593A0C00123456789"), path("cur/6593A0C00123456789:2,S"));
	ok(entry_remove(&entry, &reason) == 0 && count("cur") == 0,
	    "removed although a mail reader moved it meanwhile");
	entry_close(&entry);
	store(queue, id);
	open_item(&entry, queue, 'n', id, true);
	unlink(path("new/6593A0C00123456789"));
	ok(entry_remove(&entry, &reason) == 0, "removing what somebody else removed is fine");
	entry_close(&entry);
	store(queue, id);
	store(queue, other_id);
	open_item(&entry, queue, 'n', id, true);
	ok(entry_fail(&entry, &reason) == 0 && count("new") == 1 && exists(".Failed/new/6593A0C00123456789") &&
		exists(".Failed/cur") && exists(".Failed/tmp"),
	    "moved to .Failed/, a Maildir");
	entry_close(&entry);
	open_item(&entry, queue, 'n', other_id, true);
	rename(path("new/6593A0C1ABCDEF0123"), path("cur/6593A0C1ABCDEF0123:2,RS"));
	ok(entry_fail(&entry, &reason) == 0 && exists(".Failed/new/6593A0C1ABCDEF0123") && count("cur") == 0,
	    "also when a mail reader moved it meanwhile");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_remove_refused(void)
{
	struct queue *queue = new_queue();
	struct entry entry;

	store(queue, id);
	open_item(&entry, queue, 'n', id, true);
	/* A directory of that name cannot be unlinked, whoever we are. */
	rename(path("new/6593A0C00123456789"), path("new/message"));
	mkdir(path("new/6593A0C00123456789"), 0700);
	entry.envelope.recipients[0].verdict = entry.envelope.recipients[1].verdict = DELIVERED;
	told(entry_remove(&entry, &reason) != 0, "a removal that fails is told");
	entry_close(&entry);
	rmdir(path("new/6593A0C00123456789"));
	rename(path("new/message"), path("new/6593A0C00123456789"));
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN && envelope_tally(&entry.envelope, DELIVERED) == 2,
	    "and recorded instead");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_batch(void)
{
	static const char *const ids[] = { "6593A0C00000000001", "6593A0C00000000002", "6593A0C00000000003" };
	struct queue *queue = new_queue();
	struct entry entry;
	bool good = true;

	for (size_t i = 0; i < 3; i++)
		store(queue, ids[i]);
	rename(path("new/6593A0C00000000002"), path("cur/6593A0C00000000002:2,S"));
	open_item(&entry, queue, 'c', "6593A0C00000000002:2,S", true);
	good = entry_unlink(&entry, &reason) == 0 && entry.fd == -1 && entry.envelope.count == 2;
	entry_close(&entry);
	open_item(&entry, queue, 'n', ids[0], true);
	good = good && entry_unlink(&entry, &reason) == 0;
	entry_close(&entry);
	ok(good && count("new") == 1 && count("cur") == 0, "a batch is unlinked one by one");
	ok(queue_sync(queue, &reason) == 0 && queue_sync(queue, &reason) == 0, "and synced, which may be asked again");
	open_item(&entry, queue, 'n', ids[2], true);
	rename(path("new/6593A0C00000000003"), path("new/message"));
	mkdir(path("new/6593A0C00000000003"), 0700);
	entry.envelope.recipients[0].verdict = entry.envelope.recipients[1].verdict = DELIVERED;
	told(entry_unlink(&entry, &reason) != 0 && entry.fd == -1, "an unlink that fails is told");
	entry_close(&entry);
	rmdir(path("new/6593A0C00000000003"));
	rename(path("new/message"), path("new/6593A0C00000000003"));
	ok(open_item(&entry, queue, 'n', ids[2], true) == ENTRY_OPEN && envelope_tally(&entry.envelope, DEFERRED) == 0,
	    "and recorded instead");
	entry_close(&entry);
	queue_close(queue);
}

/* Another process: takes the lock, says so, ends when told. */
static void
test_processes(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	int ready[2], end[2];
	char byte = 0;
	pid_t child;

	store(queue, id);
	if (pipe(ready) != 0 || pipe(end) != 0 || (child = fork()) < 0) {
		ok(false, "fork");
		return;
	}
	if (child == 0) {
		byte = open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN ? 'y' : 'n';
		close(end[1]);
		if (write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	close(ready[1]);
	close(end[0]);
	ok(read(ready[0], &byte, 1) == 1 && byte == 'y', "another process holds the message");
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_BUSY, "busy");
	ok(open_item(&entry, queue, 'n', id, false) == ENTRY_OPEN, "reading without the lock works");
	entry_close(&entry);
	close(end[1]);
	waitpid(child, NULL, 0);
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN, "the lock dies with its process");
	entry_close(&entry);
	close(ready[0]);
	queue_close(queue);
}

static void
test_list(void)
{
	static const char *const names[] = { "new/6593A0C3000000000A", "cur/6593A0C1000000000B:2,S",
		"new/6593A0C2000000000C", "cur/6593A0C0000000000D:2,", "new/6593a0c0000000000e", "new/6593A0C0",
		"new/notes", "new/6593A0C0000000000F0", "cur/6593A0C0000000000F,S=3:2,S", "tmp/6593A0C0000000000F" };
	static const char *const want[] = { "6593A0C0000000000D:2,", "6593A0C1000000000B:2,S", "6593A0C2000000000C",
		"6593A0C3000000000A" };
	struct queue *queue = new_queue();
	struct queue_list list;
	bool same;

	ok(queue_list(queue, &list, &reason) == 0 && list.count == 0, "an empty queue");
	queue_list_free(&list);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		close(open(path(names[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ok(queue_list(queue, &list, &reason) == 0 && list.count == 4, "names that are no ids are left out");
	same = list.count == 4;
	for (size_t i = 0; same && i < 4; i++)
		same = strcmp(list.items[i].name, want[i]) == 0 && strncmp(list.items[i].id, want[i], 18) == 0 &&
		       list.items[i].birth == birth + (int64_t)i;
	ok(same, "oldest first, with flags and birth");
	queue_list_free(&list);
	queue_close(queue);
}

static void
test_mail_reader(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	struct queue_list list;

	store(queue, id);
	rename(path("new/6593A0C00123456789"), path("cur/6593A0C00123456789:2,S"));
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_GONE, "moved since it was listed: gone");
	ok(queue_list(queue, &list, &reason) == 0 && list.count == 1 &&
		entry_open(&entry, queue, &list.items[0], true, &reason) == ENTRY_OPEN && reads_as(&entry, message),
	    "and found in cur/ with its flags");
	reply_set(&entry.envelope.recipients[0].reply, 450, "", "x");
	ok(entry_record(&entry, &reason) == 0 && entry_remove(&entry, &reason) == 0 && count("cur") == 0,
	    "marked and removed there");
	entry_close(&entry);
	queue_list_free(&list);
	queue_close(queue);
}

static void
test_abandon(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	int status = 0;
	pid_t child;

	write_entry(&entry, queue, id);
	entry_abandon(&entry);
	ok(count("tmp") == 0 && count("new") == 0, "abandoned: tmp/ is empty");
	child = fork();
	if (child == 0) {
		bool committed;

		write_entry(&entry, queue, id);
		committed = queue_abandon_all();
		_exit(count("tmp") == 0 ? committed : 2);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == (tap_count > 0 && queue_abandon_all()),
	    "a signal before the commit empties tmp/");
	store(queue, id);
	write_entry(&entry, queue, other_id);
	ok(queue_abandon_all() && count("tmp") == 0 && count("new") == 1,
	    "a signal after a commit takes only the unfinished one, and says that one is safe");
	entry_abandon(&entry);
	ok(queue_abandon_all() && count("new") == 1, "with nothing unfinished it does nothing");
	queue_close(queue);
}

static void
test_killed(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	pid_t child = fork();

	if (child == 0) {
		write_entry(&entry, queue, id);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	ok(count("tmp") == 1 && count("new") == 0, "killed before the commit: only tmp/ holds anything");
	child = fork();
	if (child == 0) {
		write_entry(&entry, queue, other_id);
		if (entry_commit(&entry, &reason) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	ok(open_item(&entry, queue, 'n', other_id, true) == ENTRY_OPEN && reads_as(&entry, message),
	    "killed after the commit: whole in new/, not locked");
	entry_close(&entry);
	queue_close(queue);
}

static void
test_sweep(void)
{
	struct queue *queue = new_queue();
	struct entry entry;
	const int64_t now = birth + 1000000, old = now - 36 * 3600 - 1, young = now - 36 * 3600;

	make_text(path("tmp/6593A0C00000000001"), "old");
	age_file(path("tmp/6593A0C00000000001"), old);
	make_text(path("tmp/6593A0C00000000002"), "young");
	age_file(path("tmp/6593A0C00000000002"), young);
	make_text(path("tmp/notes"), "not ours");
	age_file(path("tmp/notes"), old);
	ok(symlink(path("tmp/notes"), path("tmp/6593A0C00000000004")) == 0, "planted");
	write_entry(&entry, queue, id);
	age_file(path("tmp/6593A0C00123456789"), old);
	queue_sweep(queue, now);
	ok(!exists("tmp/6593A0C00000000001"), "debris older than 36 h is swept");
	ok(exists("tmp/6593A0C00000000002"), "younger files stay");
	ok(exists("tmp/notes") && exists("tmp/6593A0C00000000004"), "what is not ours stays");
	ok(exists("tmp/6593A0C00123456789"), "what is being written stays");
	entry_abandon(&entry);
	queue_close(queue);
}

static void
test_unnamed(void)
{
	struct entry entry;
	bool before = queue_abandon_all();

	ok(write_entry(&entry, NULL, id) == 0 && entry_commit(&entry, &reason) == 0, "without a queue: written");
	ok(reads_as(&entry, message), "reads as it was written");
	entry.envelope.recipients[0].verdict = DELIVERED;
	ok(entry_record(&entry, &reason) == 0 && reads_as(&entry, message), "marked");
	ok(queue_abandon_all() == before, "is never safe on disk");
	ok(entry_remove(&entry, &reason) == 0 && entry.envelope.count == 2, "removed");
	entry_close(&entry);
	ok(write_entry(&entry, NULL, id) == 0 && entry_fail(&entry, &reason) == 0, "failed");
	entry_close(&entry);
	ok(write_entry(&entry, NULL, id) == 0, "abandoned");
	entry_abandon(&entry);
}

/* The disk "fills" at every size up to a whole message: always told, and tmp/ empty afterwards. */
static void
test_full(void)
{
	struct queue *queue = new_queue();
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int bad = 0;

		signal(SIGXFSZ, SIG_IGN);
		for (rlim_t size = 0; size < 900; size += 7) {
			struct rlimit limit = { size, RLIM_INFINITY };
			struct entry entry;

			setrlimit(RLIMIT_FSIZE, &limit);
			reason.text[0] = '\0';
			bad += (write_entry(&entry, queue, id) == 0 && entry_commit(&entry, &reason) == 0) ||
			       strstr(reason.text, "File too large") == NULL || strstr(reason.text, root) == NULL;
			entry_abandon(&entry);
			bad += count("tmp") != 0 || count("new") != 0;
		}
		_exit(bad > 100 ? 100 : bad);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a full disk is told with place and cause, tmp/ is empty");
	queue_close(queue);
}

int
main(void)
{
	if (begin() != 0)
		return 1;
	test_open();
	test_ids();
	test_unnamed();
	test_commit();
	test_marks();
	test_remove_and_fail();
	test_remove_refused();
	test_batch();
	test_processes();
	test_list();
	test_mail_reader();
	test_abandon();
	test_killed();
	test_sweep();
	test_full();
	return end();
}

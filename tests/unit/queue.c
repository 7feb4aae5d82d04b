/*
 * The queue on a real disk: every row of the crash table in sendmail/queue/queue.c,
 * locks between processes, foreign objects, mail readers, full disks.
 */
#include "queue/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static const int64_t birth = 0x6593A0C0;
static const char id[] = "6593A0C00123456789", other_id[] = "6593A0C1ABCDEF0123";
static const char message[] = "From: a@b.example\nSubject: x\n\nbody\n";

static char root[] = "/tmp/queue-test.XXXXXX";
static int queue_number;
static struct reason reason;

/* A check that shows the reason given. */
static void
told(bool good, const char *name)
{
	ok(good, "%s", name);
	note("%s", reason.text);
}

/* The path of something in the queue of this test; valid until the fourth call from now. */
static const char *
path(const char *rest)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/q%d/%s", root, queue_number, rest);
	return p;
}

static struct queue *
new_queue(void)
{
	struct queue *queue;

	queue_number++;
	queue = queue_open(path(""), &reason);
	if (queue == NULL)
		told(false, "queue_open");
	return queue;
}

/* How many names a folder holds. */
static int
count(const char *folder)
{
	DIR *listing = opendir(path(folder));
	const struct dirent *found;
	int n = 0;

	if (listing == NULL)
		return -1;
	while ((found = readdir(listing)) != NULL)
		n += found->d_name[0] != '.';
	closedir(listing);
	return n;
}

static bool
exists(const char *rest)
{
	return access(path(rest), F_OK) == 0;
}

/* Creates and writes an entry with two recipients, without committing it. */
static int
write_entry(struct entry *entry, struct queue *queue, const char *name)
{
	if (entry_create(entry, queue, name, &reason) != 0)
		return -1;
	entry->envelope.birth = birth;
	entry->envelope.uid = 1000;
	entry->envelope.sender = copy_string("a@b.example");
	entry->envelope.message_id = copy_string("<1@b.example>");
	envelope_add(&entry->envelope, "one@c.example");
	envelope_add(&entry->envelope, "two@d.example");
	if (entry_start(entry, &reason) != 0)
		return -1;
	facts_add(&entry->envelope.facts, message, strlen(message));
	return entry_write(entry, message, strlen(message), &reason);
}

static void
store(struct queue *queue, const char *name)
{
	struct entry entry;

	if (write_entry(&entry, queue, name) != 0 || entry_commit(&entry, &reason) != 0)
		told(false, "store");
	entry_close(&entry);
}

static enum entry_state
open_item(struct entry *entry, struct queue *queue, char folder, const char *name, bool lock)
{
	struct queue_item item = { .folder = folder };

	snprintf(item.id, sizeof(item.id), "%.18s", name);
	snprintf(item.name, sizeof(item.name), "%s", name);
	return entry_open(entry, queue, &item, lock, &reason);
}

static bool
reads_as(const struct entry *entry, const char *want)
{
	char text[256];
	ssize_t n = entry_read(entry, text, sizeof(text), 0);

	return n == (ssize_t)strlen(want) && memcmp(text, want, (size_t)n) == 0 &&
	       entry_read(entry, text, sizeof(text), n) == 0;
}

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
	ok(entry_record(&entry, &reason) == 0 && entry.last_try >= before.st_mtime, "verdicts are recorded");
	entry_close(&entry);
	stat(path("new/6593A0C00123456789"), &after);
	ok(before.st_size == after.st_size && before.st_ino == after.st_ino, "in place");
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN && entry.envelope.recipients[0].verdict == DELIVERED &&
		entry.envelope.recipients[1].verdict == DEFERRED && entry.envelope.recipients[1].reply.code == 451 &&
		strcmp(entry.envelope.recipients[1].reply.text, "later") == 0 && entry.envelope.maybe_sent,
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
make_text(const char *at, const char *text)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ok(false, "%s: %s", at, strerror(errno));
	close(fd);
}

static void
make_symlink(const char *at)
{
	make_text(path("outside"), "X-Queue: 1\n");
	ok(symlink(path("outside"), at) == 0, "planted");
}

static void
make_hardlink(const char *at)
{
	ok(link(path("cur/6593A0C1ABCDEF0123"), at) == 0, "planted");
}

static void
make_fifo(const char *at)
{
	ok(mkfifo(at, 0600) == 0, "planted");
}

static void
make_folder(const char *at)
{
	ok(mkdir(at, 0700) == 0, "planted");
}

static void
make_giant(const char *at)
{
	make_text(at, "X-Queue: 1\n");
	ok(truncate(at, (off_t)1 << 40) == 0, "planted");
}

static void
make_newer(const char *at)
{
	make_text(at, "X-Queue: 2 who knows\n");
}

static void
make_garbage(const char *at)
{
	make_text(at, "\001\002\003\377\376");
}

static void
make_empty(const char *at)
{
	make_text(at, "");
}

/* One of ours under another name; the original has to be another file. */
static void
make_copy(const char *at)
{
	char bytes[4096];
	int from = open(path("cur/6593A0C1ABCDEF0123"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(from, bytes, sizeof(bytes));
	int to = open(at, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ok(n > 0 && write(to, bytes, (size_t)n) == n, "planted");
	close(from);
	close(to);
}

static void
make_longer(const char *at)
{
	ok(rename(path("cur/6593A0C1ABCDEF0123"), at) == 0 && truncate(at, 100000) == 0, "planted");
}

static void
make_shorter(const char *at)
{
	struct stat st;

	ok(rename(path("cur/6593A0C1ABCDEF0123"), at) == 0 && stat(at, &st) == 0 && truncate(at, st.st_size - 1) == 0,
	    "planted");
}

static void
make_foreign_owner(const char *at)
{
	make_copy(at);
	if (geteuid() == 0)
		ok(chown(at, 12345, 12345) == 0, "planted");
}

static const struct {
	const char *name;
	void (*plant)(const char *at);
	const char *id, *want;
} foreigners[] = {
	{ "symbolic link", make_symlink, id, "Too many levels of symbolic links" },
	{ "second name of another file", make_hardlink, other_id, "a file with several names" },
	{ "FIFO", make_fifo, id, "not a regular file" },
	{ "directory", make_folder, id, NULL },
	{ "sparse giant", make_giant, id, "too large" },
	{ "newer format", make_newer, id, "newer format (version 2), left alone" },
	{ "garbage", make_garbage, id, "the envelope ends in the middle of a line" },
	{ "empty file", make_empty, id, "the envelope ends in the middle of a line" },
	{ "copy of another message", make_copy, id, "a copy of another message" },
	{ "longer than stored", make_longer, other_id, "the message is not as long as it was when it was stored" },
	{ "shorter than stored", make_shorter, other_id, "the message is not as long as it was when it was stored" },
	{ "another user's file", make_foreign_owner, id, NULL },
};

static void
test_foreigners(void)
{
	for (size_t i = 0; i < sizeof(foreigners) / sizeof(foreigners[0]); i++) {
		struct queue *queue = new_queue();
		struct queue_list list;
		struct entry entry;
		char at[64];

		store(queue, other_id);
		rename(path("new/6593A0C1ABCDEF0123"), path("cur/6593A0C1ABCDEF0123"));
		snprintf(at, sizeof(at), "new/%s", foreigners[i].id);
		foreigners[i].plant(path(at));
		queue_list(queue, &list, &reason);
		reason.text[0] = '\0';
		for (int lock = 0; lock < 2; lock++) {
			ok(open_item(&entry, queue, 'n', foreigners[i].id, lock) == ENTRY_FOREIGN &&
				(foreigners[i].want == NULL || strstr(reason.text, foreigners[i].want) != NULL),
			    "left alone%s: %s", lock ? "" : " unlocked", foreigners[i].name);
		}
		told(exists(at) || foreigners[i].plant == make_symlink, "left as it was");
		queue_list_free(&list);
		queue_close(queue);
	}
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
age_file(const char *at, int64_t seconds)
{
	struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };

	utimensat(AT_FDCWD, at, times, 0);
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

static const struct {
	const char *name, *id;
	int64_t last_try, now; /* after birth; last_try -1: never */
	bool want;
} dues[] = {
	{ "never tried", "6593A0C00000000000", -1, 0, true },
	{ "never tried, clock before birth", "6593A0C00000000000", -1, -1000, true },
	{ "just tried", "6593A0C0000000006400", 10, 11, false },
	{ "first pause, -10 %", "6593A0C00000000000", 10, 10 + 269, false },
	{ "first pause over, -10 %", "6593A0C00000000000", 10, 10 + 270, true },
	{ "first pause, +10 %", "6593A0C000000000C8", 10, 10 + 329, false },
	{ "first pause over, +10 %", "6593A0C000000000C8", 10, 10 + 330, true },
	{ "pause as long as its age", "6593A0C00000000064", 3600, 7199, false },
	{ "that pause over", "6593A0C00000000064", 3600, 7200, true },
	{ "longest pause", "6593A0C00000000064", 100000, 100000 + 14399, false },
	{ "longest pause over", "6593A0C00000000064", 100000, 100000 + 14400, true },
	{ "tried in the future: the clock went back", "6593A0C00000000064", 100, 99, true },
	{ "tried before birth: the clock went back between", "6593A0C00000000064", -5000, -4701, false },
	{ "that pause over", "6593A0C00000000064", -5000, -4700, true },
};

static void
test_due(void)
{
	for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++) {
		struct entry entry = { .envelope.birth = birth };

		snprintf(entry.envelope.id, sizeof(entry.envelope.id), "%.18s", dues[i].id);
		entry.last_try = dues[i].last_try == -1 ? 0 : birth + dues[i].last_try;
		ok(queue_due(&entry, birth + dues[i].now) == dues[i].want, "due: %s", dues[i].name);
	}
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

static int
remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(name);
}

int
main(void)
{
	if (mkdtemp(root) == NULL)
		return 1;
	test_open();
	test_ids();
	test_unnamed();
	test_commit();
	test_marks();
	test_remove_and_fail();
	test_remove_refused();
	test_processes();
	test_list();
	test_mail_reader();
	test_foreigners();
	test_abandon();
	test_killed();
	test_sweep();
	test_due();
	test_full();
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}

/*
 * What else may lie in the queue, by accident or by malice: all of it is left
 * alone, quickly, with a reason.
 */
#include "queue_world.h"

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

int
main(void)
{
	if (begin() != 0)
		return 1;
	test_foreigners();
	return end();
}

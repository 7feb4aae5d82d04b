/*
 * State files, the lock of the runner, slots, touched files and room: what the
 * processes of a queue tell each other, and what is left when one dies.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "queue_world.h"

/* True when the state reads as this text; NULL: there is none. */
static bool
state_is(struct queue *queue, const char *name, const char *want)
{
	struct buffer text;
	bool found, good;

	buffer_init(&text, (size_t)2 * STATE_MAX);
	found = queue_read_state(queue, name, &text);
	good = want == NULL ? !found && text.length == 0 : found && strcmp(buffer_string(&text), want) == 0;
	buffer_free(&text);
	return good;
}

static void
test_state(void)
{
	struct queue *queue = new_queue();
	char longest[STATE_MAX + 2];
	struct stat st;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[STATE_MAX + 1] = '\0';
	ok(state_is(queue, "pause-a.example", NULL), "no state yet");
	ok(queue_write_state(queue, "pause-a.example", "until 12\n") == 0 &&
		state_is(queue, "pause-a.example", "until 12\n"),
	    "written and read");
	ok(stat(path("pause-a.example"), &st) == 0 && (st.st_mode & 0777) == 0600 && count("tmp") == 0,
	    "with mode 0600");
	ok(queue_write_state(queue, "pause-a.example", "13") == 0 && state_is(queue, "pause-a.example", "13"),
	    "replaced");
	ok(queue_write_state(queue, "pause-a.example", longest) != 0 && state_is(queue, "pause-a.example", "13"),
	    "what is too long is refused, the old text stands");
	longest[STATE_MAX] = '\0';
	ok(queue_write_state(queue, "long", longest) == 0 && state_is(queue, "long", longest), "the longest");
	make_text(path("longer"), longest);
	ok(truncate(path("longer"), STATE_MAX + 1) == 0 && state_is(queue, "longer", NULL),
	    "a longer file is none of ours");
	ok(truncate(path("long"), 0) == 0 && state_is(queue, "long", NULL), "emptied by a power cut: none");
	queue_remove_state(queue, "pause-a.example");
	queue_remove_state(queue, "pause-a.example");
	ok(state_is(queue, "pause-a.example", NULL), "removed");
	ok(queue_write_state(queue, "../outside/x y", "1") == 0 && exists(".._outside_x_y") &&
		state_is(queue, "../outside/x y", "1"),
	    "a name stays in the directory");
	ok(queue_write_state(queue, "..", "1") != 0 && queue_write_state(queue, "new", "1") != 0 && count("tmp") == 0,
	    "a folder is not replaced");
	queue_close(queue);
}

static void
test_planted_state(void)
{
	struct queue *queue = new_queue();

	make_text(path("outside"), "outside");
	ok(symlink(path("outside"), path("state")) == 0 && state_is(queue, "state", NULL), "no symbolic link is read");
	ok(queue_write_state(queue, "state", "mine") == 0 && state_is(queue, "state", "mine") &&
		state_is(queue, "outside", "outside"),
	    "it is replaced, not followed");
	ok(symlink(path("outside"), path("wake")) == 0, "planted");
	age_file(path("outside"), birth);
	queue_touch(queue, "wake");
	ok(queue_touched(queue, "outside") == birth * 1000000000, "nor touched through");
	ok(mkfifo(path("fifo"), 0600) == 0 && state_is(queue, "fifo", NULL), "a FIFO does not block");
	ok(state_is(queue, "new", NULL), "a directory is no state");
	queue_close(queue);
}

/* Every byte that the disk lacks: the old text stands, and nothing is left in tmp/. */
static void
test_full(void)
{
	struct queue *queue = new_queue();
	int status = 0;
	pid_t child;

	queue_write_state(queue, "state", "old");
	child = fork();
	if (child == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4, RLIM_INFINITY });
		_exit(queue_write_state(queue, "state", "newer") != 0 && state_is(queue, "state", "old") &&
			      count("tmp") == 0
			  ? 0
			  : 1);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a full disk leaves the old text");
	queue_close(queue);
}

/* Read while it is replaced: always one text or the other. */
static void
test_torn_state(void)
{
	static const char *const texts[] = { "aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbb" };
	struct queue *queue = new_queue();
	int status, seen = 0;
	bool good = true;
	pid_t child;

	queue_write_state(queue, "state", texts[0]);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 500; i++)
			queue_write_state(queue, "state", texts[i % 2]);
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		good = good && (state_is(queue, "state", texts[0]) || state_is(queue, "state", texts[1]) ||
				   state_is(queue, "state", texts[0]) || state_is(queue, "state", texts[1]));
		seen++;
	}
	ok(good && seen > 0, "never torn while it is replaced");
	queue_close(queue);
}

/* Another process, which has done something with the queue and waits to be killed. */
struct other {
	pid_t child, pid; /* the one we forked; the one that answered */
	int answers;
};

static char
lock_run(struct queue *queue)
{
	return queue_lock_run(queue) ? 'y' : 'n';
}

static char
take_slot(struct queue *queue)
{
	return queue_take_slot(queue, "a.example", 2) >= 0 ? 'y' : 'n';
}

/* A runner that has forked a worker and died. */
static char
lock_and_leave(struct queue *queue)
{
	char answer = lock_run(queue);

	if (fork() != 0)
		_exit(0);
	return answer;
}

/* Starts it; what act() said. */
static char
start(struct other *other, char (*act)(struct queue *))
{
	struct {
		char said;
		pid_t pid;
	} answer = { .said = '?' };
	int ends[2];

	if (pipe(ends) != 0 || (other->child = fork()) < 0)
		return '?';
	if (other->child == 0) {
		/* The queue as another program would open it. */
		answer.said = act(queue_open(path(""), &reason));
		answer.pid = getpid();
		while (write(ends[1], &answer, sizeof(answer)) == sizeof(answer))
			pause();
		_exit(1);
	}
	close(ends[1]);
	other->answers = ends[0];
	if (read(other->answers, &answer, sizeof(answer)) != sizeof(answer))
		return '?';
	other->pid = answer.pid;
	return answer.said;
}

/* Kills it, and waits until nobody is there who could answer. */
static void
stop(struct other *other)
{
	char byte;

	kill(other->pid, SIGKILL);
	ok(read(other->answers, &byte, 1) == 0, "killed");
	waitpid(other->child, NULL, 0);
	close(other->answers);
}

static void
test_run_lock(void)
{
	struct queue *queue = new_queue();
	struct other other;
	struct entry entry;

	ok(start(&other, lock_run) == 'y', "a runner");
	ok(!queue_lock_run(queue), "is the only one");
	store(queue, id);
	ok(open_item(&entry, queue, 'n', id, true) == ENTRY_OPEN, "and hinders nobody else");
	entry_close(&entry);
	stop(&other);
	ok(queue_lock_run(queue), "until it dies");
	queue_unlock_run(queue);
	ok(start(&other, lock_and_leave) == 'y' && !queue_lock_run(queue), "a worker keeps the lock of a dead runner");
	stop(&other);
	ok(queue_lock_run(queue), "until it dies too");
	ok(start(&other, lock_run) == 'n', "we run");
	stop(&other);
	queue_unlock_run(queue);
	ok(start(&other, lock_run) == 'y', "we do not any more");
	stop(&other);
	queue_close(queue);
}

static void
test_slots(void)
{
	struct queue *queue = new_queue();
	struct other one, two;
	char name[600];
	int slot, next;

	ok(start(&one, take_slot) == 'y' && start(&two, take_slot) == 'y', "two slots");
	ok(queue_take_slot(queue, "a.example", 2) == -1, "are all");
	slot = queue_take_slot(queue, "b.example", 2);
	ok(slot >= 0, "another smarthost has his own");
	close(slot);
	stop(&one);
	slot = queue_take_slot(queue, "a.example", 2);
	ok(slot >= 0, "a slot comes back when its process dies");
	ok(queue_take_slot(queue, "a.example", 2) == -1, "once");
	close(slot);
	slot = queue_take_slot(queue, "a.example", 2);
	ok(slot >= 0, "or when it is closed");
	next = queue_take_slot(queue, "a.example", 3);
	ok(next >= 0, "a larger count has more");
	close(next);
	close(slot);
	stop(&two);
	ok(exists("slot-a.example-0") && exists("slot-a.example-1"), "the files stay");
	ok(queue_take_slot(queue, "a.example", 0) == -1, "no slots at all");
	slot = queue_take_slot(queue, "../x/[::1]:465", 1);
	ok(slot >= 0 && exists("slot-.._x____1__465-0"), "a name stays in the directory");
	close(slot);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	slot = queue_take_slot(queue, name, 1);
	ok(slot >= 0, "a long name is cut");
	close(slot);
	queue_close(queue);
}

static void
test_touch(void)
{
	struct queue *queue = new_queue();
	int64_t last = 0;
	bool grows = true;

	ok(queue_touched(queue, "wake") == 0, "never touched");
	for (int i = 0; i < 100; i++) {
		queue_touch(queue, "wake");
		grows = grows && queue_touched(queue, "wake") > last;
		last = queue_touched(queue, "wake");
	}
	ok(grows && last / 1000000000 > birth, "every touch shows");
	unlink(path("wake"));
	queue_touch(queue, "wake");
	ok(queue_touched(queue, "wake") > last, "and makes the file anew");
	queue_close(queue);
}

static void
test_room(void)
{
	struct queue *queue = new_queue();

	ok(queue_has_room(queue, 1, 0), "a byte has room");
	ok(!queue_has_room(queue, UINT64_MAX, 0) && !queue_has_room(queue, 0, UINT64_MAX) &&
		!queue_has_room(queue, UINT64_MAX, UINT64_MAX),
	    "what no disk holds has none");
	queue_close(queue);
}

int
main(void)
{
	if (begin() != 0)
		return 1;
	test_state();
	test_planted_state();
	test_full();
	test_torn_state();
	test_run_lock();
	test_slots();
	test_touch();
	test_room();
	return end();
}

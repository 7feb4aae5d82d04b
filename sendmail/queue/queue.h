/*
 * The queue: a Maildir that mail readers can open. States and the crash table
 * stand at the top of queue.c, the file format at the top of format.c.
 *
 * Files and folders are made with modes 0600 and 0700; a umask that takes bits
 * of the owner away is main's to set right.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "message/envelope.h"

enum { ENTRY_NAME_MAX = ID_MAX + 24 }; /* an id, ":2," and every flag of a mail reader */

struct queue;

/* One message of the queue, or one without a queue (an unnamed file). */
struct entry {
	struct queue *queue; /* borrowed; NULL: unnamed */
	const char *place; /* borrowed; the directory that error texts name */
	int fd; /* owned; -1 when closed. Locked with flock while open */
	char folder; /* 't'mp, 'n'ew, 'c'ur; 'H', 'h': new and cur of .Held; 'F', 'f': of .Failed */
	bool committed; /* entry_abandon() must not take it back any more */
	char name[ENTRY_NAME_MAX]; /* file name inside the folder */
	struct envelope envelope;
	off_t message; /* where the message (after the envelope block) begins */
	off_t *marks; /* owned; where each recipient's line stands, in the order of the envelope */
	int64_t last_try; /* seconds; 0: never tried */
};

/*
 * Opens the Maildir at an absolute path, making directory (with its parents),
 * tmp, new and cur (mode 0700) when they are missing. NULL with a reason when
 * it cannot be used.
 */
struct queue *queue_open(const char *directory, struct reason *);
void queue_close(struct queue *); /* NULL is fine */

/* A new id: birth in the first eight digits, then random; upper-case hex, 18 characters. */
void queue_new_id(char id[ID_MAX], int64_t now);

/*
 * Starts an entry in tmp/ (queue given) or as an unnamed file (NULL). The
 * caller then fills entry->envelope (the id is set), calls entry_start() once,
 * entry_write() for header and body, counting the same bytes into
 * envelope.facts with facts_add(), and entry_commit(). Every failure is -1 with
 * directory, cause and cure in the reason; entry_abandon() cleans up.
 */
int entry_create(struct entry *, struct queue *, const char *id, struct reason *);
/* Writes the envelope block. */
int entry_start(struct entry *, struct reason *);
int entry_write(struct entry *, const char *bytes, size_t n, struct reason *);
/* Writes the facts; with a queue: fsync, rename into new/, fsync of the directory. From here on the mail is safe. */
int entry_commit(struct entry *, struct reason *);
/* Like entry_close(), and unlinks what was never committed. Safe after any failure; in a signal handler there is: */
void entry_abandon(struct entry *);

/* Async-signal-safe: unlinks the entry being written, if any. True when a message of this process is committed. */
bool queue_abandon_all(void);
/* The caller will be told that his message was refused: from now on nothing of it counts as committed. */
void queue_take_back(void);

/*
 * The end of a try. Records the verdict and reply of every recipient, doubts and
 * delay_told in place (one write each, only what changed) and makes it durable.
 * maybe_sent is counted into doubts and cleared, crashes becomes 0. mtime, and
 * last_try, become the time of this try.
 */
int entry_record(struct entry *, struct reason *);
/* All delivered or reported: unlink, fsync of the directory. When that fails, the verdicts are recorded instead. */
int entry_remove(struct entry *, struct reason *);
/*
 * The same for a batch: unlink alone, with queue_sync() once behind some dozens.
 * Until then a power cut (no other crash) may bring each of them back as it was
 * before its try; from then on none comes back. Sync before waiting or ending.
 */
int entry_unlink(struct entry *, struct reason *);
int queue_sync(struct queue *, struct reason *);
/* Refused for good with nobody told, or poison: moved to .Failed/new, durable. */
int entry_fail(struct entry *, struct reason *);
/*
 * Closes and unlocks the file and frees the envelope. After entry_remove(),
 * entry_unlink(), entry_fail(), entry_hold() and entry_release() the file is
 * closed already and the envelope stands until here. Twice is fine, and so is an
 * entry that could not be created or opened.
 */
void entry_close(struct entry *);
/* Gives the lock back and keeps the file open, for those who only look. */
void entry_unlock(struct entry *);
/* Reads n bytes of the message from offset (relative to its start): bytes read, 0 at its end, -1 on error. */
ssize_t entry_read(const struct entry *, void *, size_t, off_t offset);

/* Walks over new/ and cur/, oldest birth first. A message that is moved meanwhile may stand in the list twice. */
struct queue_item {
	char id[ID_MAX];
	char folder;
	char name[ENTRY_NAME_MAX];
	int64_t birth;
};
struct queue_list {
	struct queue_item *items; /* owned */
	size_t count;
};
int queue_list(struct queue *, struct queue_list *, struct reason *);
void queue_list_free(struct queue_list *);

/* Why entry_open() gave nothing. */
enum entry_state {
	ENTRY_OPEN,
	ENTRY_BUSY, /* another process holds it */
	ENTRY_GONE, /* removed, or moved by a mail reader, since it was listed */
	ENTRY_FOREIGN, /* cannot be read, is no message of ours, or of a newer format: left alone */
};
/* Opens an item; with lock also locks it and checks that it is still there. The reason is set for FOREIGN. */
enum entry_state entry_open(struct entry *, struct queue *, const struct queue_item *, bool lock, struct reason *);

/* When to try again, and when to give up; seconds. */
struct schedule {
	int64_t first, longest; /* pauses */
	int64_t lifetime;
};

/*
 * True when the message should be tried at the time now: never tried, its pause
 * (the age it had at its last try, between first and longest, jitter from the
 * id) is over, or its last try lies in the future.
 */
bool queue_due(const struct entry *, const struct schedule *, int64_t now);
/* The time of the next try: seconds since 1970; now or earlier when it is due. */
int64_t queue_next_try(const struct entry *, const struct schedule *, int64_t now);
/*
 * True when a message whose try has just failed is to be given up: at its
 * previous try (last_try: ask before entry_record()) it was already older than
 * lifetime, so that no jump of the clock alone expires it.
 */
bool queue_expired(const struct entry *, const struct schedule *);

/*
 * Marks that a try begins: crashes is counted up on disk (not synced; not in the
 * envelope here) and set to 0 by entry_record(). A message found with three of
 * them died in three tries on end: poison. A try that died still counts as one:
 * its time is last_try, and it is paused like any other.
 */
int entry_begin_try(struct entry *, struct reason *);
enum { CRASHES_MAX = 3 };
/*
 * Takes the last entry_begin_try() of this process back: that memory ran out is
 * not the message's fault. For the hook of on_memory_failure().
 */
void queue_forgive_try(void);

/* Makes a message due at once: crashes 0, last_try 0, mtime 1970. Only the owner of the file or root may. */
int entry_make_due(struct entry *, struct reason *);
/*
 * -> .Held/new, which no run looks into; .Held or .Failed -> new/, with crashes 0,
 * due as its last try says (entry_make_due() before it for at once). Durable;
 * both close the file.
 */
int entry_hold(struct entry *, struct reason *);
int entry_release(struct entry *, struct reason *);

/* Which part of the queue to list. */
enum queue_part { QUEUE_WAITING, QUEUE_HELD, QUEUE_FAILED };
int queue_list_part(struct queue *, enum queue_part, struct queue_list *, struct reason *);
/* entry_open() works for items of every part (their folder letters tell). A part that is missing is empty. */

/* Removes what crashed writers left in tmp/: ids of ours, 36 hours old, not locked. */
void queue_sweep(struct queue *, int64_t now);

/*
 * Small files of state in the queue's directory, replaced by rename, not synced:
 * they may be lost, never torn. name: letters, digits, '-', '.'; any other
 * character becomes '_'.
 */
enum { STATE_MAX = 2048 };
/* Not longer than STATE_MAX; 0, or -1 when the old content stands. */
int queue_write_state(struct queue *, const char *name, const char *text);
/* Appends the content; false when there is none. */
bool queue_read_state(struct queue *, const char *name, struct buffer *);
void queue_remove_state(struct queue *, const char *name);

/*
 * The one runner of a queue: a lock that dies with the process and the children
 * it has forked since (who must not unlock). False: somebody else is running.
 */
bool queue_lock_run(struct queue *);
void queue_unlock_run(struct queue *);
/*
 * Slots for sessions with a smarthost, shared by all submitters: a lock on one
 * of `count` small files, dying with its process and the children it forked. The
 * descriptor of the slot (close it to give it back), or -1 when all are taken.
 */
int queue_take_slot(struct queue *, const char *smarthost, unsigned count);

/* `wake` is touched by whoever left work for the runner; `last-run` by the runner. */
void queue_touch(struct queue *, const char *name);
/* mtime in nanoseconds since 1970; 0: not there. */
int64_t queue_touched(struct queue *, const char *name);

/*
 * True when the file system has room for a message of so many bytes beside the
 * reserve (bytes; and 1 % of the inodes, at least 16), or cannot tell.
 */
bool queue_has_room(struct queue *, uint64_t bytes, uint64_t reserve);

#endif

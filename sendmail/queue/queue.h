/*
 * The queue: a Maildir that mail readers can open. File format, states and the
 * crash table stand at the top of queue.c.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "message/envelope.h"

struct queue;

/* One message of the queue, or one without a queue (an unnamed file). */
struct entry {
	struct queue *queue; /* NULL: unnamed */
	int fd; /* owned; -1 when closed. Locked with flock while open */
	char folder; /* 't'mp, 'n'ew, 'c'ur */
	char name[ID_MAX + 64]; /* file name inside the folder */
	struct envelope envelope;
	off_t message; /* where the message (after the envelope block) begins */
	off_t *marks; /* owned; where each recipient's fields stand, in the order of the envelope */
	int64_t last_try; /* seconds; 0: never tried */
};

/*
 * Opens the Maildir at an absolute path, making directory, tmp, new and cur
 * (mode 0700) when they are missing. NULL with a reason when it cannot be used.
 */
struct queue *queue_open(const char *directory, struct reason *);
void queue_close(struct queue *);

/* A new id: birth in the first eight digits, then random; upper-case hex, 18 characters. */
void queue_new_id(char id[ID_MAX], int64_t now);

/*
 * Starts an entry in tmp/ (queue given) or as an unnamed file (NULL). The
 * caller then fills entry->envelope, calls entry_start() once, entry_write() for
 * header and body, and queue_commit(). Every failure is -1 with errno kept in
 * the reason's words; entry_abandon() cleans up.
 */
int entry_create(struct entry *, struct queue *, const char *id, struct reason *);
/* Writes the envelope block. */
int entry_start(struct entry *, struct reason *);
int entry_write(struct entry *, const char *bytes, size_t n, struct reason *);
/* Writes the facts; with a queue: fsync, rename into new/, fsync of the directory. From here on the mail is safe. */
int entry_commit(struct entry *, struct reason *);
/* Unlinks what is in tmp/ and closes. Safe after any failure, and from a signal handler through queue_abandon_all(). */
void entry_abandon(struct entry *);

/* Async-signal-safe: unlinks the entry being written, if any. True when a message of this process is committed. */
bool queue_abandon_all(void);

/*
 * Records the verdict and reply of every recipient in place (one write each,
 * only what changed) and makes it durable. mtime becomes the time of this try.
 */
int entry_record(struct entry *, struct reason *);
/* All delivered or reported: unlink, fsync of the directory, close. */
int entry_remove(struct entry *, struct reason *);
/* Refused for good with nobody told: moved to .Failed/, durable, close. */
int entry_fail(struct entry *, struct reason *);
void entry_close(struct entry *);
/* Reads n bytes of the message from offset (relative to its start): bytes read, 0 at its end, -1 on error. */
ssize_t entry_read(const struct entry *, void *, size_t, off_t offset);

/* Walks over new/ and cur/, oldest birth first. */
struct queue_item {
	char id[ID_MAX];
	char folder;
	char name[ID_MAX + 64];
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
	ENTRY_GONE, /* removed meanwhile */
	ENTRY_FOREIGN, /* not a regular file with one link, or no message of ours, or a newer format */
};
/* Opens an item; with lock also locks it and checks that it is still there. The reason is set for FOREIGN. */
enum entry_state entry_open(struct entry *, struct queue *, const struct queue_item *, bool lock, struct reason *);

/* True when the message should be tried at the time now: never tried, or its pause is over (design: pause from age). */
bool queue_due(const struct entry *, int64_t now);

#endif

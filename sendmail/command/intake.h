/*
 * A message on its way in: from its first byte to the commit, whether it comes
 * on stdin as it is or in an SMTP dialogue. Completion, aliases, Bcc and limits
 * are the same for both.
 */
#ifndef COMMAND_INTAKE_H
#define COMMAND_INTAKE_H

#include "command/caller.h"
#include "message/reader.h"
#include "queue/queue.h"

/* What is known beside the message. All borrowed until intake_end(). */
struct intake_options {
	struct submission submission;
	bool dot_ends; /* a lone dot ends the message */
	unsigned notify; /* NOTIFY_ bits; 0: not said */
	char ret; /* 'F', 'H'; 0: not said */
	const char *envid; /* NULL: none */
};

struct intake {
	struct caller *caller;
	const struct intake_options *options;
	int status; /* of the first failure; EX_OK while all is well */
	struct reason reason; /* with it */
	struct entry entry; /* entry.queue NULL: an unnamed file, there is no queue for it */
	struct reader reader;
	struct buffer header, body;
	bool begun; /* the header was composed and written */
};

/*
 * A stop signal or the end of memory unlinks what is not committed; the status is 0 when something is. But never in a
 * dialogue: there what was answered is known to be safe, and the status speaks of everything else.
 */
void intake_guard(bool dialogue);
/* The queue of the configuration; NULL when there is none or, logged, when it cannot be used. */
struct queue *intake_queue(const struct caller *);

/* In the queue when there is one with room for it, else an unnamed file. A failure shows at the end. */
void intake_begin(struct intake *, struct caller *, struct queue *, const struct intake_options *);
/* After a failure they are only counted off. */
void intake_bytes(struct intake *, const char *, size_t);
/*
 * EX_OK: committed, and intake.entry is locked and the owner's to close. Otherwise the exit
 * status, with intake.reason, and nothing is left of it.
 */
int intake_end(struct intake *);
/* The rest will not come: nothing is left of it. Also safe after a failure. */
void intake_abandon(struct intake *);

#endif

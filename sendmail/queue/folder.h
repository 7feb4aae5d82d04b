/*
 * What queue.c and entry.c share: the open folders of a queue and its names.
 * Not for other layers.
 */
#ifndef QUEUE_FOLDER_H
#define QUEUE_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "message/envelope.h"

enum { FOLDER_COUNT = 3 };

struct queue {
	char *path; /* owned; without a trailing slash */
	int directory;
	int folders[FOLDER_COUNT]; /* tmp, new, cur */
	uid_t owner; /* of the directory */
};

/* The open folder of a letter ('t', 'n', 'c'), and its name. */
int queue_folder(const struct queue *, char letter);
const char *folder_name(char letter);
/*
 * Opens a folder of the Maildir, making it (0700, durable) when it is missing.
 * path: from the queue's directory, of which the last part lies in parent. -1 with a reason.
 */
int folder_open(const struct queue *, int parent, const char *path, struct reason *);
/*
 * Calls visit for every file of the folder whose name is an id of ours, alone
 * or with a mail reader's flags (":2,S"); ends early when it returns true.
 * 0, or -1 with errno.
 */
int folder_walk(int folder, bool (*visit)(void *context, const char *name), void *context);
/* Takes the id out of a file name. */
void name_id(char id[ID_MAX], const char *name);

#endif

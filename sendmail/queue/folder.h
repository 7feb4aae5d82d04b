/*
 * What the files of this layer share: the open folders of a queue and what is
 * in them. Not for other layers.
 */
#ifndef QUEUE_FOLDER_H
#define QUEUE_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "message/envelope.h"
#include "queue/queue.h"

enum { FOLDER_COUNT = 9 };

struct queue {
	char *path; /* owned; without a trailing slash */
	int directory;
	int folders[FOLDER_COUNT]; /* tmp, new and cur of each part; -1: not opened yet */
	bool unsynced[FOLDER_COUNT]; /* a file of the folder was unlinked */
	uid_t owner; /* of the directory */
};

/* The letters of new and cur of a part, and of all parts; the part of a letter. */
extern const char all_letters[];
const char *part_letters(enum queue_part);
enum queue_part folder_part(char letter);
/* Where a letter stands in the arrays of the queue, and the path of its folder in the queue's directory. */
size_t folder_row(char letter);
const char *folder_name(char letter);

/*
 * Opens the folders of a part; with make, makes (0700, durable) what is missing.
 * -1 with a reason and errno.
 */
int part_open(struct queue *, enum queue_part, bool make, struct reason *);
/* The open folder of a letter; -1 with errno when it is not there. */
int queue_folder(struct queue *, char letter);
/* Opens a directory without following a link, unless others may write there. path names it in the reason. */
int open_directory(int parent, const char *name, const char *path, struct reason *);

/*
 * Calls visit for every file of the folder whose name is an id of ours, alone
 * or with a mail reader's flags (":2,S"); ends early when it returns true.
 * 0, or -1 with errno.
 */
int folder_walk(int folder, bool (*visit)(void *context, const char *name), void *context);
/* Takes the id out of a file name. */
void name_id(char id[ID_MAX], const char *name);

/* Renames, never over another file where the system can promise that: 0, or -1 with errno. */
int rename_file(int from, const char *name, int to, const char *new_name);
/* Sets a reason from errno: what cannot be done in which place, why, and what to do. -1. */
int queue_failed(const char *what, const char *place, struct reason *);

#endif

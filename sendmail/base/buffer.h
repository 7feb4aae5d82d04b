/*
 * Growable bytes with a limit their owner chose, the checked allocator and the
 * reason text that travels up with a failed result.
 *
 * Growth happens only here. Passing the limit drops what does not fit and
 * raises the sticky flag `overflow`, which the owner reads once at the end.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data; /* owned; not terminated, see buffer_string() */
	size_t length; /* bytes in use */
	size_t capacity; /* bytes allocated */
	size_t limit; /* length never passes this */
	bool overflow; /* something did not fit; cleared by buffer_clear() */
};

void buffer_init(struct buffer *, size_t limit);
/* Wipes and frees the bytes; the buffer is empty and usable afterwards. */
void buffer_free(struct buffer *);
/* Empties without freeing. */
void buffer_clear(struct buffer *);
void buffer_add(struct buffer *, const void *, size_t);
void buffer_add_string(struct buffer *, const char *);
void buffer_add_char(struct buffer *, char);
void buffer_format(struct buffer *, const char *, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes (n <= length). */
void buffer_consume(struct buffer *, size_t n);
/* The content as a C string; valid until the buffer changes. */
const char *buffer_string(struct buffer *);

/*
 * Memory. These never return NULL: when there is none, the hook runs, one line
 * is written to stderr and the process ends with EX_OSERR, or with 0 when the
 * hook says that the message is already safe on disk. Together with main this
 * is the only place that exits.
 */
void *allocate(size_t count, size_t size); /* zeroed */
void *reallocate(void *, size_t count, size_t size);
char *copy_string(const char *);
char *copy_bytes(const char *, size_t); /* terminated */
/* hook: returns the exit status to use; may be NULL for EX_OSERR. */
void on_memory_failure(int (*hook)(void));
/* Frees a string after overwriting it; NULL is fine. */
void free_secret(char *);

enum { REASON_MAX = 1024 };

/* Why something failed: one line, by value, made by reason_set(). */
struct reason {
	char text[REASON_MAX];
};

/* Formats the reason (cut at REASON_MAX) and returns -1, for `return reason_set(...)`. */
int reason_set(struct reason *, const char *, ...) __attribute__((format(printf, 2, 3)));

#endif

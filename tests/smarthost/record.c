/*
 * What came, as files in the folder given with --record, numbered from 0001:
 *
 *   message NNNN   NNNN.wire      between 354 and the line with the dot, dots still doubled; or all BDAT chunks
 *                  NNNN.message   the same with the dots undone
 *                  NNNN.envelope  mail=, rcpt=, refused= (command lines), how=DATA|BDAT, chunks=, user=, tls=, session=
 *   session NNNN   NNNN.commands  every complete line that was not message, as it came (login included)
 *                  NNNN.session   listener=, tls=, tls_error=, client= (subject of its certificate), user=,
 *                                 bytes= (received in all), commands= (verbs), flights= (round trips from connect
 *                                 to the last message's answer), waits= (to the end), pipelined=, messages=,
 *                                 end= (empty while the session lives)
 *
 * A file appears whole under its name, a message before its 250, its envelope
 * last. A session's files are brought up to date before each flight of replies.
 */
#include <sys/mman.h>

#include <err.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "smarthost.h"

static struct {
	atomic_uint sessions, messages;
} * shared;

static const char *const endings[] = { "", "quit", "421", "left", "lost", "tls", "drop", "rst", "hang" };
static const char *const listeners[] = { "implicit", "starttls", "plain", "unix" };

void
record_prepare(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "smarthost: mmap");
}

void
record_start(struct session *s)
{
	s->number = atomic_fetch_add(&shared->sessions, 1) + 1;
}

static void
write_all(int fd, const char *path, const char *bytes, size_t n)
{
	for (ssize_t written; n > 0; bytes += written, n -= (size_t)written)
		if ((written = write(fd, bytes, n)) < 0)
			err(1, "smarthost: %s", path);
}

static void
write_file(unsigned number, const char *suffix, const struct buffer *b)
{
	char path[4096], temporary[4096 + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%04u.%s", options.record, number, suffix);
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	if ((fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
		err(1, "smarthost: %s", temporary);
	write_all(fd, temporary, b->data, b->length);
	close(fd);
	if (rename(temporary, path) != 0)
		err(1, "smarthost: %s", path);
}

static void
append_commands(struct session *s)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%04u.commands", options.record, s->number);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		err(1, "smarthost: %s", path);
	write_all(fd, path, s->commands.data, s->commands.length);
	close(fd);
	buffer_clear(&s->commands);
}

void
record_session(struct session *s)
{
	struct buffer text;

	if (options.record == NULL)
		return;
	append_commands(s);
	buffer_init(&text, s->verbs.length + 4096);
	buffer_format(&text, "listener=%s\ntls=%s\ntls_error=%s\nclient=%s\nuser=%s\nbytes=%zu\n",
	    listeners[s->listener], s->version, s->tls_error, s->client, s->user != NULL ? s->user : "", s->bytes);
	buffer_format(&text, "commands=%s\n", s->verbs.length > 0 ? buffer_string(&s->verbs) + 1 : "");
	buffer_format(&text, "flights=%u\nwaits=%u\npipelined=%u\nmessages=%u\nend=%s\n",
	    s->flights > 0 ? s->flights : s->waits, s->waits, s->pipelined, s->messages, endings[s->ending]);
	write_file(s->number, "session", &text);
	buffer_free(&text);
}

/* A dot that starts a line was put there by the client (RFC 5321 4.5.2). */
static void
undo_dots(const struct buffer *wire, struct buffer *message)
{
	const char *line = wire->data, *end = wire->data + wire->length, *next;

	for (; line < end; line = next) {
		next = memmem(line, (size_t)(end - line), "\r\n", 2);
		next = next != NULL ? next + 2 : end;
		line += *line == '.';
		buffer_add(message, line, (size_t)(next - line));
	}
}

void
record_message(struct session *s, const char *how)
{
	unsigned number = atomic_fetch_add(&shared->messages, 1) + 1;
	struct buffer message;

	if (options.record == NULL)
		return;
	write_file(number, "wire", &s->wire);
	if (strcmp(how, "DATA") == 0) {
		buffer_init(&message, s->wire.length);
		undo_dots(&s->wire, &message);
		write_file(number, "message", &message);
		buffer_free(&message);
	} else
		write_file(number, "message", &s->wire);
	buffer_format(&s->envelope, "how=%s\nchunks=%u\nuser=%s\ntls=%s\nsession=%u\n", how, s->chunks,
	    s->user != NULL ? s->user : "", s->version, s->number);
	write_file(number, "envelope", &s->envelope);
}

/*
 * The SMTP server against a client that says anything. The input is
 *
 *	byte 0	options, see enum
 *	rest	what the client says
 *
 * It is played byte by byte and in two pieces; replies and events must be the
 * same. Aborts when the server breaks a promise: a reply without CRLF or with
 * bare CR, LF or NUL, a command that is answered twice or never, an event out of
 * order, an empty envelope, a message over the limit, bytes taken where an answer
 * is owed or behind the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "smtp/server.h"

enum {
	WITH_SMALL_LIMIT = 1,
	WITH_REFUSALS = 2, /* every second message */
	SMALL = 64,
	LARGE = 1 << 20,
	CAPTURED_MAX = 1 << 24,
	VERB = 4,
};

enum stage { OUTSIDE, INSIDE, ENDED };

struct world {
	struct server_options options;
	struct server *server;
	unsigned flags, messages;
	enum stage stage;
	uint64_t size; /* of the message */
	bool over;
	struct buffer replies, events, body;
	/* Byte by byte only: what the bytes belong to, as the replies tell. */
	bool bytewise;
	bool data; /* behind 354 */
	bool chunk; /* behind a BDAT that is not answered yet */
	char line[VERB]; /* how the command begins */
	size_t length; /* of it */
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
demand(bool truth)
{
	if (!truth)
		abort();
}

/* Whole lines, printable; how many of them end a reply, and the code of the last one. */
static unsigned
check_replies(const char *out, size_t n, int *code)
{
	unsigned finals = 0;

	while (n > 0) {
		const char *end = memchr(out, '\n', n);
		size_t length = end != NULL ? (size_t)(end - out) + 1 : 0;

		demand(length >= 6 && out[length - 2] == '\r' && (out[3] == ' ' || out[3] == '-'));
		for (size_t i = 0; i + 2 < length; i++)
			demand(out[i] >= ' ' && out[i] < 0x7f);
		demand(out[0] >= '2' && out[0] <= '5');
		finals += out[3] == ' ';
		*code = atoi(out);
		out += length;
		n -= length;
	}
	return finals;
}

static void
begin(struct world *w)
{
	const struct server_order *order = server_order(w->server);

	demand(w->stage == OUTSIDE && order->sender != NULL && order->count > 0 && order->count <= RECIPIENTS_MAX);
	for (size_t i = 0; i < order->count; i++)
		demand(order->recipients[i][0] != '\0' && strpbrk(order->recipients[i], "\r\n") == NULL);
	demand(order->notify == NOTIFY_NEVER || (order->notify & NOTIFY_NEVER) == 0);
	w->stage = INSIDE;
	w->size = 0;
	buffer_format(&w->events, "begin %s %zu\n", order->sender, order->count);
}

static void
end(struct world *w)
{
	struct reply refusal;
	const char *none = "x";
	size_t n = 1;

	demand(w->stage == INSIDE && w->size <= w->options.max_message);
	demand(server_input(w->server, &none, &n) == SERVER_END && n == 1); /* nothing is taken before the answer */
	w->stage = OUTSIDE;
	buffer_add_string(&w->events, "end\n");
	if ((w->flags & WITH_REFUSALS) && ++w->messages % 2 == 0) {
		reply_set(&refusal, 451, "4.3.0", "refused");
		server_refuse(w->server, &refusal);
	} else
		server_accept(w->server, "ID");
	server_accept(w->server, "ANOTHER"); /* means nothing */
}

static void
event(struct world *w, enum server_event what)
{
	size_t n;
	const char *body;

	switch (what) {
	case SERVER_BEGIN:
		begin(w);
		break;
	case SERVER_BODY:
		body = server_body(w->server, &n);
		demand(w->stage == INSIDE && n > 0);
		w->size += n;
		buffer_add(&w->body, body, n);
		break;
	case SERVER_END:
		end(w);
		break;
	case SERVER_DROPPED:
		demand(w->stage == INSIDE);
		w->stage = OUTSIDE;
		buffer_add_string(&w->events, "dropped\n");
		buffer_clear(&w->body);
		break;
	case SERVER_QUIT:
		demand(w->stage == OUTSIDE);
		w->over = true;
		buffer_add_string(&w->events, "quit\n");
		break;
	case SERVER_FLUSH:
	case SERVER_NOTHING:
		break;
	}
}

/* The replies so far; at most one a byte, and exactly one a command. */
static void
collect(struct world *w, char byte)
{
	size_t n;
	const char *out = server_output(w->server, &n);
	int code = 0;
	unsigned finals = check_replies(out, n, &code);

	buffer_add(&w->replies, out, n);
	server_sent(w->server, n);
	if (!w->bytewise)
		return;
	demand(finals <= 1);
	if (w->data || w->chunk) {
		w->data = w->data && finals == 0;
		w->chunk = w->chunk && finals == 0;
	} else if (byte != '\n') {
		if (w->length < VERB)
			w->line[w->length] = byte;
		w->length++;
		demand(finals == 0 || (code == 421 && w->length > SERVER_ENDLESS));
	} else {
		w->chunk = finals == 0;
		demand(finals == 1 || (w->length > VERB && strncasecmp(w->line, "BDAT", VERB) == 0));
		w->data = code == 354;
		w->length = 0;
	}
}

static void
give(struct world *w, const char *bytes, size_t n)
{
	char last = n > 0 ? bytes[n - 1] : '\0';

	while (!w->over) {
		enum server_event what = server_input(w->server, &bytes, &n);

		event(w, what);
		if (what == SERVER_NOTHING) {
			demand(n == 0);
			break;
		}
		if (what == SERVER_FLUSH) {
			demand(!w->bytewise);
			collect(w, '\0');
		}
	}
	collect(w, last);
}

static void
start(struct world *w, unsigned flags, bool bytewise)
{
	int code = 0;
	size_t n;
	const char *out;

	*w = (struct world){ .flags = flags, .bytewise = bytewise };
	w->options = (struct server_options){ "box.test", flags & WITH_SMALL_LIMIT ? SMALL : LARGE };
	buffer_init(&w->replies, CAPTURED_MAX);
	buffer_init(&w->events, CAPTURED_MAX);
	buffer_init(&w->body, CAPTURED_MAX);
	w->server = server_new(&w->options, NULL);
	out = server_output(w->server, &n);
	demand(check_replies(out, n, &code) == 1 && code == 220);
	server_sent(w->server, n);
}

static void
finish(struct world *w)
{
	server_free(w->server);
	buffer_free(&w->replies);
	buffer_free(&w->events);
	buffer_free(&w->body);
}

static bool
same(const struct buffer *a, const struct buffer *b)
{
	return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world one, other;
	const char *said = (const char *)data + 1;
	size_t cut;

	if (size < 2)
		return 0;
	size--;
	cut = data[0] % size;
	start(&one, data[0], true);
	for (size_t i = 0; i < size && !one.over; i++)
		give(&one, said + i, 1);
	start(&other, data[0], false);
	give(&other, said, cut);
	if (!other.over)
		give(&other, said + cut, size - cut);
	demand(same(&one.replies, &other.replies) && same(&one.events, &other.events) && same(&one.body, &other.body));
	demand(one.over == other.over && one.stage == other.stage);
	finish(&one);
	finish(&other);
	return 0;
}

/*
 * The loop between stdin, the SMTP server and stdout. A message is stored and
 * tried like one on stdin before its end is answered. The session with the
 * smarthost stays open for the next message, but not longer than the client
 * keeps talking: some of them live for days between two messages.
 *
 * Nothing is written to stderr: some callers join it with stdout and would read
 * it as a reply. After a fork the child finishes what it has in hand and
 * leaves both alone.
 */
#include "command/serve.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "command/intake.h"
#include "command/outcome.h"
#include "command/submit.h"
#include "smtp/server.h"

enum {
	BLOCK = 32768,
	IDLE_MILLISECONDS = 5000, /* of a client that does nothing: then the session with the smarthost ends */
};

struct service {
	struct caller *caller;
	struct options options; /* as this mode allows */
	const struct reason *broken; /* NULL: the configuration is fine */
	struct server *server;
	struct queue *queue; /* NULL: none, or none yet */
	struct intake_options how;
	struct intake intake;
	bool taking; /* a message is on its way in */
	struct outcome outcome;
	bool open; /* outcome is in use */
	bool warm; /* ... and its session with the smarthost may stand */
	bool over;
	int status;
};

/* True when this process is to serve on; the child of a fork only ends. */
static bool
serving(const struct service *s)
{
	return !s->over && !s->outcome.background;
}

static void
end_outcome(struct service *s)
{
	if (s->open)
		outcome_end(&s->outcome);
	s->open = s->warm = false;
}

/* ---- events */

static void
begin_message(struct service *s)
{
	const struct server_order *order = server_order(s->server);

	s->how = (struct intake_options){
		.submission = { (const char *const *)order->recipients, order->count, false, order->sender,
		    s->options.full_name },
		.notify = order->notify,
		.ret = order->ret,
		.envid = order->envid,
	};
	if (s->queue == NULL)
		s->queue = intake_queue(s->caller);
	intake_begin(&s->intake, s->caller, s->queue, &s->how);
	s->taking = true;
}

static void
take_body(struct service *s)
{
	size_t n;
	const char *bytes = server_body(s->server, &n);

	intake_bytes(&s->intake, bytes, n);
}

static void
drop_message(struct service *s)
{
	if (s->taking)
		intake_abandon(&s->intake);
	s->taking = false;
}

/* What the status of a message without an answer of its own means to a client. */
static void
refuse(struct service *s, int status, const struct reason *reason)
{
	static const struct {
		int status, code;
		const char *enhanced;
	} rows[] = {
		{ EX_USAGE, 554, "5.5.1" },
		{ EX_DATAERR, 554, "5.6.0" },
		{ EX_UNAVAILABLE, 451, "4.4.1" },
	};
	struct reply reply;

	reply_set(&reply, 451, "4.3.0", reason->text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			reply_set(&reply, rows[i].code, rows[i].enhanced, reason->text);
	server_refuse(s->server, &reply);
}

/* Nobody waits for another try, and somebody was refused: in the smarthost's words. */
static bool
refuse_for_good(struct service *s, const struct envelope *envelope, const struct reason *reason)
{
	struct reply reply;

	if (envelope_tally(envelope, DEFERRED) > 0)
		return false;
	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		if (r->verdict != FAILED)
			continue;
		reply_set(&reply, 554, r->reply.enhanced[0] == '5' ? r->reply.enhanced : "5.0.0", reason->text);
		server_refuse(s->server, &reply);
		return true;
	}
	return false;
}

/* The message is safe: it is tried, and its end answered. */
static void
deliver(struct service *s)
{
	struct entry *entry = &s->intake.entry;
	struct reason reason = { "" };
	int status;

	if (s->open && s->outcome.queue != entry->queue)
		end_outcome(s);
	if (!serving(s))
		return;
	if (!s->open)
		outcome_begin(&s->outcome, s->caller, &s->options, entry->queue);
	s->open = s->warm = true;
	status = outcome_of(&s->outcome, entry, false, &reason);
	if (!serving(s))
		return;
	if (status == EX_OK)
		server_accept(s->server, entry->envelope.id);
	else if (!refuse_for_good(s, &entry->envelope, &reason))
		refuse(s, status, &reason);
}

/* Children that went on with messages of ours. */
static void
collect_children(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

static void
end_message(struct service *s)
{
	int status = intake_end(&s->intake);

	s->taking = false;
	if (status != EX_OK)
		refuse(s, status, &s->intake.reason);
	else if (s->broken != NULL && s->intake.entry.queue == NULL)
		refuse(s, EX_CONFIG, s->broken);
	else
		deliver(s);
	entry_close(&s->intake.entry);
	collect_children();
}

static void
end_session(struct service *s)
{
	s->over = true;
}

/* ---- the loop */

/* The client neither speaks nor reads: the smarthost's session and slot are for others. */
static void
cool_down(struct service *s)
{
	if (s->taking)
		outcome_pause(&s->outcome);
	else
		end_outcome(s);
	s->warm = false;
}

/*
 * All replies there are together, so that a client that did not wait gets one flight; in pieces for which a pipe
 * that is ready has room.
 */
static void
write_replies(struct service *s)
{
	struct pollfd polled = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t n;
	const char *replies;

	while (replies = server_output(s->server, &n), n > 0 && !s->outcome.background) {
		ssize_t written;

		if (s->warm && poll(&polled, 1, IDLE_MILLISECONDS) == 0) {
			cool_down(s);
			continue;
		}
		written = write(STDOUT_FILENO, replies, n < PIPE_BUF ? n : PIPE_BUF);
		if (written >= 0) {
			server_sent(s->server, (size_t)written);
		} else if (errno == EAGAIN) {
			poll(&polled, 1, -1);
		} else if (errno != EINTR) {
			/* A client who leaves without reading the last reply is no error. */
			s->status = errno == EPIPE ? EX_OK : EX_IOERR;
			s->over = true;
			return;
		}
	}
}

static void
take(struct service *s, const char *bytes, size_t n)
{
	static void (*const events[])(struct service *) = {
		[SERVER_NOTHING] = NULL,
		[SERVER_FLUSH] = write_replies,
		[SERVER_BEGIN] = begin_message,
		[SERVER_BODY] = take_body,
		[SERVER_END] = end_message,
		[SERVER_DROPPED] = drop_message,
		[SERVER_QUIT] = end_session,
	};
	enum server_event event;

	while (serving(s) && (event = server_input(s->server, &bytes, &n)) != SERVER_NOTHING)
		events[event](s);
}

/* What the client says next; 0 or less when nothing more comes. */
static ssize_t
hear(struct service *s, char *block, size_t size)
{
	struct pollfd polled = { .fd = STDIN_FILENO, .events = POLLIN };

	if (s->warm && poll(&polled, 1, IDLE_MILLISECONDS) == 0)
		cool_down(s);
	return serving(s) ? read_stdin(block, size) : 0;
}

static void
run(struct service *s)
{
	char block[BLOCK];
	ssize_t n = 0;

	write_replies(s);
	while (serving(s) && (n = hear(s, block, sizeof(block))) > 0) {
		take(s, block, (size_t)n);
		write_replies(s);
	}
	if (n < 0)
		s->status = EX_IOERR;
}

int
serve(struct caller *caller, const struct options *options, const struct reason *broken)
{
	struct service s = { .caller = caller, .options = *options, .broken = broken, .status = EX_OK };
	const struct server_options dialogue = { caller->host, (uint64_t)caller->config.queue.max_message };

	if (options->recipient_count > 0)
		log_note(LEVEL_WARNING, "recipients ignored", "with -bs only RCPT names them");
	s.options.verbose = false; /* stdout is the client's */
	s.options.error_mode = 'p'; /* he hears of a refusal in a reply */
	if (broken != NULL)
		s.options.delivery = WISH_QUEUE;
	intake_guard(true);
	s.server = server_new(&dialogue, NULL);
	run(&s);
	if (!s.outcome.background)
		drop_message(&s);
	end_outcome(&s);
	queue_close(s.queue);
	server_free(s.server);
	return s.status;
}

void
serve_refusal(const struct caller *caller, const struct reason *reason)
{
	const struct server_options dialogue = { caller->host, 0 };
	struct service s = { .status = EX_OK };
	struct reply reply;

	reply_set(&reply, 421, "4.3.5", reason->text);
	s.server = server_new(&dialogue, &reply);
	write_replies(&s);
	server_free(s.server);
}

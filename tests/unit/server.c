/*
 * Plays tests/server/<name>.txt against the SMTP server: no descriptors. Each
 * file runs twice: what the client says between two expectations at once, and
 * byte by byte. Replies must be exactly those of the file; so must events, which
 * may be expected later than they come.
 *
 *	option max_message = N	before all else
 *	C: LINE			the client says LINE; CRLF is added; \r \n \0 \xHH \\ are escapes
 *	L: LINE			the same with LF
 *	C- TEXT			the same without a line end
 *	C* N TEXT		TEXT N times, without a line end
 *	S: LINE			a reply, exactly this
 *	S* N PREFIX		N lines that start like this
 *	E: begin SENDER [RECIPIENT ...] [notify=N] [ret=C] [envid=TEXT] [utf8]
 *	E: end TEXT		the message is complete; TEXT is all of it, escaped, or "N bytes" when over 200
 *	E: dropped, E: quit
 *	refuse CODE ENHANCED TEXT	how the next end is answered; otherwise with accept, ids ID1, ID2, ...
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "smtp/server.h"
#include "unit/tap.h"

enum { LINE_LIMIT = 4096, SHOWN_MAX = 200, BIG = 1 << 24 };

struct play {
	const char *file;
	int line;
	bool bytewise;
	char fault[LINE_LIMIT]; /* first one; empty while all is well */
	struct server_options options;
	struct server *server;
	struct buffer said; /* by the client, not given to the server yet */
	struct buffer heard, events, body;
	size_t heard_matched, events_matched;
	unsigned ids;
	struct reply refusal; /* code 0: accept */
	bool over;
};

__attribute__((format(printf, 2, 3))) static void
fault(struct play *p, const char *format, ...)
{
	va_list args;
	int used;

	if (p->fault[0] != '\0')
		return;
	used = snprintf(p->fault, sizeof(p->fault), "%s:%d: ", p->file, p->line);
	va_start(args, format);
	vsnprintf(p->fault + used, sizeof(p->fault) - (size_t)used, format, args);
	va_end(args);
}

static size_t
unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in != '\0'; in++) {
		char hex[3] = { 0 };

		if (*in != '\\') {
			*out++ = *in;
			continue;
		}
		in++;
		if (*in == 'x') {
			memcpy(hex, in + 1, 2);
			in += 2;
		}
		*out++ = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in == '0' ? '\0' : *in;
		if (hex[0] != '\0')
			out[-1] = (char)strtol(hex, NULL, 16);
	}
	*out = '\0';
	return (size_t)(out - text);
}

static void
add_escaped(struct buffer *out, const struct buffer *text)
{
	if (text->length > SHOWN_MAX) {
		buffer_format(out, "%zu bytes", text->length);
		return;
	}
	for (size_t i = 0; i < text->length; i++) {
		char c = text->data[i];

		if (c == '\r' || c == '\n')
			buffer_add_string(out, c == '\r' ? "\\r" : "\\n");
		else if (c < ' ' || c > '~')
			buffer_format(out, c == '\0' ? "\\0" : "\\x%02x", (unsigned char)c);
		else
			buffer_add_char(out, c);
	}
}

static void
on_begin(struct play *p)
{
	const struct server_order *order = server_order(p->server);

	buffer_format(&p->events, "begin %s", order->sender[0] != '\0' ? order->sender : "<>");
	for (size_t i = 0; i < order->count && i < 8; i++)
		buffer_format(&p->events, " %s", order->recipients[i]);
	if (order->notify != 0)
		buffer_format(&p->events, " notify=%u", order->notify);
	if (order->ret != '\0')
		buffer_format(&p->events, " ret=%c", order->ret);
	if (order->envid != NULL)
		buffer_format(&p->events, " envid=%s", order->envid);
	buffer_add_string(&p->events, order->utf8 ? " utf8\n" : "\n");
	buffer_clear(&p->body);
}

static void
on_end(struct play *p)
{
	char id[32];

	buffer_add_string(&p->events, "end ");
	add_escaped(&p->events, &p->body);
	buffer_add_char(&p->events, '\n');
	snprintf(id, sizeof(id), "ID%u", ++p->ids);
	if (p->refusal.code != 0)
		server_refuse(p->server, &p->refusal);
	else
		server_accept(p->server, id);
	p->refusal.code = 0;
}

static void
flush(struct play *p)
{
	size_t n;
	const char *out = server_output(p->server, &n);

	buffer_add(&p->heard, out, n);
	server_sent(p->server, n);
}

static void
give(struct play *p, const char *bytes, size_t n)
{
	enum server_event event;
	size_t length;

	while (!p->over && (event = server_input(p->server, &bytes, &n)) != SERVER_NOTHING) {
		if (event == SERVER_FLUSH)
			flush(p);
		else if (event == SERVER_BEGIN)
			on_begin(p);
		else if (event == SERVER_BODY) {
			const char *body = server_body(p->server, &length);

			buffer_add(&p->body, body, length);
		} else if (event == SERVER_END)
			on_end(p);
		else
			buffer_add_string(&p->events, event == SERVER_QUIT ? "quit\n" : "dropped\n");
		p->over = event == SERVER_QUIT;
	}
	flush(p);
}

/* All that the client has said goes to the server now. */
static void
deliver(struct play *p)
{
	size_t step = p->bytewise ? 1 : p->said.length;

	if (p->server == NULL)
		p->server = server_new(&p->options, NULL);
	for (size_t i = 0; i < p->said.length; i += step)
		give(p, p->said.data + i, step);
	if (p->said.length == 0)
		flush(p);
	buffer_clear(&p->said);
}

static void
client_line(struct play *p, char *text)
{
	buffer_add(&p->said, text, unescape(text));
	buffer_add_string(&p->said, "\r\n");
}

static void
client_line_lf(struct play *p, char *text)
{
	buffer_add(&p->said, text, unescape(text));
	buffer_add_char(&p->said, '\n');
}

static void
client_bytes(struct play *p, char *text)
{
	buffer_add(&p->said, text, unescape(text));
}

static void
client_times(struct play *p, char *text)
{
	long count = strtol(text, &text, 10);
	size_t n = unescape(++text);

	while (count-- > 0)
		buffer_add(&p->said, text, n);
}

/* The next line of what was heard or told; NULL when there is none. */
static const char *
next_line(struct buffer *from, size_t *matched, const char *end, size_t *n)
{
	const char *start = buffer_string(from) + *matched, *found = strstr(start, end);

	if (found == NULL)
		return NULL;
	*n = (size_t)(found - start);
	*matched += *n + strlen(end);
	return start;
}

static void
expect(struct play *p, struct buffer *from, size_t *matched, const char *end, const char *want)
{
	const char *line;
	size_t n;

	deliver(p);
	line = next_line(from, matched, end, &n);
	if (line == NULL)
		fault(p, "missing: %s", want);
	else if (n != strlen(want) || memcmp(line, want, n) != 0)
		fault(p, "it is: %.*s", (int)n, line);
}

static void
expect_reply(struct play *p, char *text)
{
	expect(p, &p->heard, &p->heard_matched, "\r\n", text);
}

static void
expect_replies(struct play *p, char *text)
{
	long count = strtol(text, &text, 10);

	deliver(p);
	for (text++; count > 0; count--) {
		size_t n;
		const char *line = next_line(&p->heard, &p->heard_matched, "\r\n", &n);

		if (line == NULL || n < strlen(text) || memcmp(line, text, strlen(text)) != 0) {
			fault(p, "it is: %.*s, with %ld to come", line != NULL ? (int)n : 4,
			    line != NULL ? line : "none", count);
			return;
		}
	}
}

static void
expect_event(struct play *p, char *text)
{
	expect(p, &p->events, &p->events_matched, "\n", text);
}

static void
set_refusal(struct play *p, char *text)
{
	int code = atoi(strsep(&text, " "));
	const char *enhanced = strsep(&text, " ");

	deliver(p);
	reply_set(&p->refusal, code, enhanced, text);
}

static void
set_option(struct play *p, char *text)
{
	static const char name[] = "max_message = ";

	if (strncmp(text, name, strlen(name)) != 0)
		fault(p, "unknown option");
	else
		p->options.max_message = strtoull(text + strlen(name), NULL, 10);
}

/* Before the client goes on all replies must have been expected. */
static void
check_replies(struct play *p)
{
	if (p->heard_matched < p->heard.length)
		fault(p, "the server has also said: %s", buffer_string(&p->heard) + p->heard_matched);
}

/* At the end, nothing else either. */
static void
check_nothing_left(struct play *p)
{
	check_replies(p);
	if (p->events_matched < p->events.length)
		fault(p, "it also told: %s", buffer_string(&p->events) + p->events_matched);
}

static const struct {
	const char *word;
	void (*run)(struct play *, char *rest);
	bool speaks;
} directives[] = {
	{ "option", set_option, false },
	{ "C:", client_line, true },
	{ "L:", client_line_lf, true },
	{ "C-", client_bytes, true },
	{ "C*", client_times, true },
	{ "S:", expect_reply, false },
	{ "S*", expect_replies, false },
	{ "E:", expect_event, false },
	{ "refuse", set_refusal, false },
};

static void
play_line(struct play *p, const char *line)
{
	char text[LINE_LIMIT], *rest = text;
	const char *word;

	snprintf(text, sizeof(text), "%s", line);
	text[strcspn(text, "\n")] = '\0';
	if (text[0] == '#' || text[0] == '\0')
		return;
	word = strsep(&rest, " ");
	if (rest == NULL)
		rest = text + strlen(text);
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (strcmp(directives[i].word, word) != 0)
			continue;
		if (directives[i].speaks && p->said.length == 0)
			check_replies(p);
		directives[i].run(p, rest);
		return;
	}
	fault(p, "unknown directive %s", word);
}

static void
play_file(const char *folder, const char *name, bool bytewise)
{
	struct play p = { .file = name, .bytewise = bytewise, .options = { "box.test", 50000000 } };
	char path[512], line[LINE_LIMIT];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buffer_init(&p.said, BIG);
	buffer_init(&p.heard, BIG);
	buffer_init(&p.events, BIG);
	buffer_init(&p.body, BIG);
	file = fopen(path, "r");
	if (file == NULL)
		fault(&p, "cannot be read");
	while (file != NULL && p.fault[0] == '\0' && fgets(line, sizeof(line), file) != NULL) {
		p.line++;
		play_line(&p, line);
	}
	if (file != NULL)
		fclose(file);
	deliver(&p);
	check_nothing_left(&p);
	if (!ok(p.fault[0] == '\0', "%s%s", name, bytewise ? ", byte by byte" : ""))
		note("%s", p.fault);
	server_free(p.server);
	buffer_free(&p.said);
	buffer_free(&p.heard);
	buffer_free(&p.events);
	buffer_free(&p.body);
}

static int
is_dialogue(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".txt") == 0;
}

static void
play_all(const char *folder)
{
	struct dirent **files;
	int count = scandir(folder, &files, is_dialogue, alphasort);

	ok(count > 0, "there are dialogues");
	for (int i = 0; i < count; i++) {
		play_file(folder, files[i]->d_name, false);
		play_file(folder, files[i]->d_name, true);
		free(files[i]);
	}
	if (count >= 0)
		free(files);
}

static void
check_refusal_at_once(void)
{
	const struct server_options options = { "box.test", 1000 };
	struct reply refusal;
	struct server *server;
	const char *said = "EHLO x\r\n", *out;
	size_t n = strlen(said);

	reply_set(&refusal, 421, "4.3.5", "not configured");
	server = server_new(&options, &refusal);
	ok(server_input(server, &said, &n) == SERVER_QUIT && n == strlen("EHLO x\r\n"), "refused: nothing is taken");
	out = server_output(server, &n);
	ok(n == 26 && memcmp(out, "421 4.3.5 not configured\r\n", n) == 0, "and the greeting says so");
	server_free(server);
	server_free(NULL);
}

int
main(int argc, char **argv)
{
	play_all(argc > 1 ? argv[1] : "tests/server");
	check_refusal_at_once();
	return tap_done();
}

/*
 * Plays tests/dialog/<name>.txt against the engine: no sockets. What the client
 * says between two lines of the server must be exactly the C: lines between
 * them, so every file also states its flights. Each file runs twice: a line of
 * the server at a time, and every byte in both directions on its own.
 *
 *	option KEY = VALUE	before all else: helo, user, long-user (N bytes), password, token, nonce, host, port,
 *				tls, certificate (yes), auth (names), recipients, messages and max-size (limits)
 *	from ADDRESS, to ADDRESS, to-many N, body LINE, body-size N	the next message
 *	notify N, ret C, envid TEXT	what its sender wants of reports; N of the NOTIFY_ bits
 *	passed yes, passed no	envelope->wishes_passed
 *	mail			hands it in (wants IDLE)
 *	quit, lost WHY, tls	smtp_quit(), smtp_lost(), smtp_secured() (wants SECURE)
 *	S: LINE			the server says LINE; CRLF is added; \r \n \t \0 \xHH \\ are escapes
 *	S* N LINE		N times; LINE may hold %d
 *	S- N			N bytes without a line end
 *	C: LINE			the client says exactly this
 *	C* N PREFIX		N lines that start like this
 *	C- N			N bytes of anything
 *	hold, flow		nothing of what the client says leaves; it flows again
 *	idle, done		the engine wants IDLE; wants DONE and nothing went wrong
 *	trouble NAME STEP	wants DONE, failed so
 *	said TEXT		the failure's reply holds TEXT
 *	verdict ADDRESS VERDICT TEXT	"CODE ENHANCED TEXT" of its reply holds TEXT
 *	maybe yes, maybe no	envelope->maybe_sent
 *	waits NAME SECONDS	for this answer, this long
 *	traced LINE		"C: " or "S: " and a line of the trace
 *	secret TEXT		never occurs in the trace
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "smtp/login.h"
#include "smtp/smtp.h"
#include "tap.h"

enum { MESSAGES_MAX = 4, LINE_LIMIT = 4096 };

struct play {
	const char *file;
	int line;
	bool bytewise;
	char fault[LINE_LIMIT]; /* first one; empty while all is well */
	struct smtp_options options;
	struct smtp *smtp;
	struct {
		struct envelope envelope;
		struct buffer body;
	} messages[MESSAGES_MAX];
	size_t current; /* message being made, or handed in last */
	bool handed;
	bool hold;
	struct buffer heard; /* what the client said */
	size_t matched; /* of heard, by C lines */
	struct buffer trace;
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

static void
trace(void *context, bool from_server, const char *line)
{
	struct play *p = context;

	buffer_format(&p->trace, "%c: %s\n", from_server ? 'S' : 'C', line);
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
		*out++ = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in == 't' ? '\t' : *in == '0' ? '\0' : *in;
		if (hex[0] != '\0')
			out[-1] = (char)strtol(hex, NULL, 16);
	}
	*out = '\0';
	return (size_t)(out - text);
}

static void
feed_body(struct play *p)
{
	const struct buffer *body = &p->messages[p->current].body;
	size_t offset = smtp_body_offset(p->smtp), left = body->length - offset;
	size_t n = left < SMTP_BLOCK ? left : SMTP_BLOCK;

	smtp_body(p->smtp, n > 0 ? body->data + offset : "", n, n == left);
}

/* Lets the engine do all it can without the server. */
static void
settle(struct play *p)
{
	for (;;) {
		unsigned want = smtp_want(p->smtp);
		size_t n;
		const char *out = smtp_output(p->smtp, &n);

		if (want & SMTP_BODY) {
			feed_body(p);
		} else if ((want & SMTP_WRITE) && !p->hold) {
			n = p->bytewise ? 1 : n;
			buffer_add(&p->heard, out, n);
			smtp_sent(p->smtp, n);
		} else
			return;
	}
}

static void
serve(struct play *p, const char *bytes, size_t n)
{
	size_t step = p->bytewise ? 1 : n;

	for (size_t i = 0; i < n; i += step) {
		smtp_input(p->smtp, bytes + i, step);
		settle(p);
	}
}

static void
server_line(struct play *p, char *text)
{
	size_t n = unescape(text);

	if (p->matched < p->heard.length)
		fault(p, "the client has also said: %s", buffer_string(&p->heard) + p->matched);
	memcpy(text + n, "\r\n", 2);
	serve(p, text, n + 2);
}

static void
server_lines(struct play *p, char *text)
{
	int n = (int)strtol(text, &text, 10);

	for (int i = 0; i < n; i++) {
		char line[LINE_LIMIT];
		char *number = strstr(text, "%d");

		if (number != NULL)
			snprintf(line, sizeof(line), "%.*s%d%s\r\n", (int)(number - text) - 1, text + 1, i, number + 2);
		else
			snprintf(line, sizeof(line), "%s\r\n", text + 1);
		serve(p, line, strlen(line));
	}
}

static void
server_bytes(struct play *p, char *text)
{
	size_t n = strtoul(text, NULL, 10);
	char *bytes = allocate(n, 1);

	memset(bytes, 'a', n);
	serve(p, bytes, n);
	free(bytes);
}

/* The next line the client said, without CRLF; NULL when there is none. */
static const char *
client_said(struct play *p, size_t *n)
{
	const char *start = buffer_string(&p->heard) + p->matched;
	const char *end = memmem(start, p->heard.length - p->matched, "\r\n", 2);

	if (end == NULL)
		return NULL;
	*n = (size_t)(end - start);
	p->matched += *n + 2;
	return start;
}

static void
client_line(struct play *p, char *text)
{
	size_t want = unescape(text), n;
	const char *said = client_said(p, &n);

	if (said == NULL)
		fault(p, "the client has not said this: %s", text);
	else if (n != want || memcmp(said, text, n) != 0)
		fault(p, "the client said: %.*s", (int)n, said);
}

static void
client_lines(struct play *p, char *text)
{
	long count = strtol(text, &text, 10);
	size_t n, length = strlen(++text);

	while (count-- > 0) {
		const char *said = client_said(p, &n);

		if (said == NULL || n < length || memcmp(said, text, length) != 0)
			fault(p, "the client said: %.*s, with %ld to come", said != NULL ? (int)n : 4,
			    said != NULL ? said : "none", count);
	}
}

static void
client_bytes(struct play *p, char *text)
{
	size_t n = strtoul(text, NULL, 10);

	if (n > p->heard.length - p->matched)
		fault(p, "the client has only said %zu bytes", p->heard.length - p->matched);
	else
		p->matched += n;
}

/* The options that are text. */
static bool
set_text(struct play *p, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "helo", &p->options.helo },
		{ "user", &p->options.user },
		{ "password", &p->options.password },
		{ "token", &p->options.token },
		{ "nonce", &p->options.nonce },
		{ "host", &p->options.host },
		{ "port", &p->options.port },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(name, texts[i].name) != 0)
			continue;
		free((char *)*texts[i].text);
		*texts[i].text = copy_string(value);
		return true;
	}
	return false;
}

static void
set_auth(struct play *p, char *names)
{
	const char *name;

	p->options.mechanisms = 0;
	while ((name = strsep(&names, ", ")) != NULL)
		p->options.mechanisms |= login_bit(name, strlen(name));
}

static void
set_option(struct play *p, char *text)
{
	char *value = strstr(text, " = ");

	if (value == NULL) {
		fault(p, "option without value");
		return;
	}
	*value = '\0';
	value += 3;
	unescape(value);
	if (set_text(p, text, value))
		return;
	if (strcmp(text, "long-user") == 0) {
		char *user = allocate(strtoul(value, NULL, 10) + 1, 1);

		memset(user, 'u', strtoul(value, NULL, 10));
		p->options.user = user;
	} else if (strcmp(text, "tls") == 0)
		p->options.tls = strcmp(value, "starttls") == 0   ? SMTP_TLS_STARTTLS
				 : strcmp(value, "implicit") == 0 ? SMTP_TLS_IMPLICIT
								  : SMTP_TLS_NONE;
	else if (strcmp(text, "certificate") == 0)
		p->options.certificate = true;
	else if (strcmp(text, "auth") == 0)
		set_auth(p, value);
	else if (strcmp(text, "recipients") == 0)
		p->options.recipients_per_message = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(text, "messages") == 0)
		p->options.messages_per_connection = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(text, "max-size") == 0)
		p->options.max_size = strtoull(value, NULL, 10);
	else
		fault(p, "unknown option");
}

static struct envelope *
message(struct play *p)
{
	if (p->handed && p->current + 1 < MESSAGES_MAX) {
		p->current++;
		p->handed = false;
	}
	return &p->messages[p->current].envelope;
}

static void
set_from(struct play *p, char *text)
{
	struct envelope *e = message(p);

	unescape(text);
	free(e->sender);
	e->sender = copy_string(text);
}

static void
add_to(struct play *p, char *text)
{
	unescape(text);
	envelope_add(message(p), text);
}

static void
add_to_many(struct play *p, char *text)
{
	for (long i = 0, n = strtol(text, NULL, 10); i < n; i++) {
		char address[32];

		snprintf(address, sizeof(address), "r%ld@x", i);
		envelope_add(message(p), address);
	}
}

static void
set_notify(struct play *p, char *text)
{
	message(p)->notify = (unsigned)strtoul(text, NULL, 10);
}

static void
set_ret(struct play *p, char *text)
{
	message(p)->ret = text[0];
}

static void
set_envid(struct play *p, char *text)
{
	message(p)->envid = copy_string(text);
}

static void
check_passed(struct play *p, char *text)
{
	if (p->messages[p->current].envelope.wishes_passed != (strcmp(text, "yes") == 0))
		fault(p, "the wishes were passed on, or not, the other way");
}

static void
add_body(struct play *p, char *text)
{
	size_t n = unescape(text);

	message(p);
	buffer_add(&p->messages[p->current].body, text, n);
	buffer_add_char(&p->messages[p->current].body, '\n');
}

static void
add_body_size(struct play *p, char *text)
{
	message(p);
	for (size_t i = 0, n = strtoul(text, NULL, 10); i < n; i++)
		buffer_add_char(&p->messages[p->current].body, i % 64 == 63 || i + 1 == n ? '\n' : 'b');
}

static void
hand_in(struct play *p, char *text)
{
	struct envelope *e = message(p);
	const struct buffer *body = &p->messages[p->current].body;

	(void)text;
	if (e->sender == NULL)
		e->sender = copy_string("s@y");
	facts_add(&e->facts, body->data, body->length);
	if (!(smtp_want(p->smtp) & SMTP_IDLE))
		fault(p, "the engine is not idle, it waits for %s", smtp_step_name(p->smtp));
	smtp_mail(p->smtp, e);
	p->handed = true;
	settle(p);
}

static void
quit(struct play *p, char *text)
{
	(void)text;
	smtp_quit(p->smtp);
	settle(p);
}

static void
lose(struct play *p, char *text)
{
	smtp_lost(p->smtp, text);
	settle(p);
}

static void
secure(struct play *p, char *text)
{
	(void)text;
	if (smtp_want(p->smtp) != SMTP_SECURE)
		fault(p, "the engine does not want TLS, it waits for %s", smtp_step_name(p->smtp));
	smtp_secured(p->smtp);
	settle(p);
}

static void
hold(struct play *p, char *text)
{
	(void)text;
	p->hold = true;
}

static void
flow(struct play *p, char *text)
{
	(void)text;
	p->hold = false;
	settle(p);
}

static void
check_idle(struct play *p, char *text)
{
	(void)text;
	if (!(smtp_want(p->smtp) & SMTP_IDLE))
		fault(p, "not idle: waits for %s", smtp_step_name(p->smtp));
}

static const char *const trouble_names[] = {
	[SMTP_OK] = "SMTP_OK",
	[SMTP_CONNECTION] = "SMTP_CONNECTION",
	[SMTP_REFUSED] = "SMTP_REFUSED",
	[SMTP_NO_TLS] = "SMTP_NO_TLS",
	[SMTP_INJECTED] = "SMTP_INJECTED",
	[SMTP_NO_LOGIN] = "SMTP_NO_LOGIN",
	[SMTP_LOGIN] = "SMTP_LOGIN",
	[SMTP_ACCOUNT] = "SMTP_ACCOUNT",
	[SMTP_PROTOCOL] = "SMTP_PROTOCOL",
};

static void
check_done(struct play *p, char *text)
{
	const struct smtp_failure *failure = smtp_failure(p->smtp);

	(void)text;
	if (smtp_want(p->smtp) != SMTP_DONE)
		fault(p, "not done: waits for %s", smtp_step_name(p->smtp));
	else if (failure->trouble != SMTP_OK)
		fault(p, "failed: %s at %s: %s", trouble_names[failure->trouble], failure->step, failure->reply.text);
}

static void
check_trouble(struct play *p, char *text)
{
	const struct smtp_failure *failure = smtp_failure(p->smtp);
	char have[LINE_LIMIT];

	snprintf(
	    have, sizeof(have), "%s %s", trouble_names[failure->trouble], failure->step != NULL ? failure->step : "-");
	if (strcmp(have, text) != 0)
		fault(p, "trouble is %s: %d %s", have, failure->reply.code, failure->reply.text);
	if (smtp_want(p->smtp) != SMTP_DONE)
		fault(p, "in trouble, but not done");
}

static void
reply_words(const struct reply *reply, char *out, size_t size)
{
	snprintf(
	    out, size, "%d%s%s %s", reply->code, reply->enhanced[0] != '\0' ? " " : "", reply->enhanced, reply->text);
}

static void
check_said(struct play *p, char *text)
{
	char have[LINE_LIMIT];

	reply_words(&smtp_failure(p->smtp)->reply, have, sizeof(have));
	if (strstr(have, text) == NULL)
		fault(p, "said: %s", have);
}

static void
check_verdict(struct play *p, char *text)
{
	static const char *const names[] = { [DEFERRED] = "DEFERRED", [DELIVERED] = "DELIVERED", [FAILED] = "FAILED" };
	const char *address = strsep(&text, " "), *verdict = strsep(&text, " ");
	const struct envelope *e = &p->messages[p->current].envelope;
	char have[LINE_LIMIT], unescaped[LINE_LIMIT];

	snprintf(unescaped, sizeof(unescaped), "%s", address);
	unescape(unescaped);
	for (size_t i = 0; i < e->count; i++) {
		if (strcmp(e->recipients[i].address, unescaped) != 0)
			continue;
		reply_words(&e->recipients[i].reply, have, sizeof(have));
		if (verdict == NULL || strcmp(names[e->recipients[i].verdict], verdict) != 0 ||
		    (text != NULL && strstr(have, text) == NULL))
			fault(p, "verdict of %s is %s %s", address, names[e->recipients[i].verdict], have);
		return;
	}
	fault(p, "no recipient %s", address);
}

static void
check_maybe(struct play *p, char *text)
{
	if (p->messages[p->current].envelope.maybe_sent != (strcmp(text, "yes") == 0))
		fault(p, "maybe_sent is not %s", text);
}

static void
check_waits(struct play *p, char *text)
{
	char have[LINE_LIMIT];

	snprintf(have, sizeof(have), "%s %u", smtp_step_name(p->smtp), smtp_timeout(p->smtp));
	if (strcmp(have, text) != 0)
		fault(p, "waits %s", have);
}

static void
check_traced(struct play *p, char *text)
{
	char line[LINE_LIMIT];

	snprintf(line, sizeof(line), "%s\n", text);
	if (strstr(buffer_string(&p->trace), line) == NULL)
		fault(p, "the trace is:\n%s", buffer_string(&p->trace));
}

static void
check_secret(struct play *p, char *text)
{
	if (strstr(buffer_string(&p->trace), text) != NULL)
		fault(p, "the trace shows %s", text);
}

static const struct {
	const char *word;
	void (*run)(struct play *, char *rest);
} directives[] = {
	{ "S:", server_line },
	{ "S*", server_lines },
	{ "S-", server_bytes },
	{ "C:", client_line },
	{ "C*", client_lines },
	{ "C-", client_bytes },
	{ "option", set_option },
	{ "from", set_from },
	{ "to", add_to },
	{ "to-many", add_to_many },
	{ "notify", set_notify },
	{ "ret", set_ret },
	{ "envid", set_envid },
	{ "passed", check_passed },
	{ "body", add_body },
	{ "body-size", add_body_size },
	{ "mail", hand_in },
	{ "quit", quit },
	{ "lost", lose },
	{ "tls", secure },
	{ "hold", hold },
	{ "flow", flow },
	{ "idle", check_idle },
	{ "done", check_done },
	{ "trouble", check_trouble },
	{ "said", check_said },
	{ "verdict", check_verdict },
	{ "maybe", check_maybe },
	{ "waits", check_waits },
	{ "traced", check_traced },
	{ "secret", check_secret },
};

static void
play_line(struct play *p, const char *line)
{
	char text[LINE_LIMIT + 2]; /* room for the CRLF of server_line() */
	char *rest = text;
	const char *word;

	snprintf(text, LINE_LIMIT, "%s", line);
	text[strcspn(text, "\n")] = '\0';
	if (text[0] == '#' || text[0] == '\0')
		return;
	word = strsep(&rest, " ");
	if (rest == NULL)
		rest = text + strlen(text);
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (strcmp(directives[i].word, word) != 0)
			continue;
		if (p->smtp == NULL && directives[i].run != set_option)
			p->smtp = smtp_new(&p->options);
		directives[i].run(p, rest);
		return;
	}
	fault(p, "unknown directive %s", word);
}

/* Every line the client says ends in CRLF, and CR and LF are nowhere else. */
static void
check_line_ends(struct play *p)
{
	const char *said = buffer_string(&p->heard);

	for (size_t i = 0; i < p->heard.length; i++) {
		if ((said[i] == '\n' && (i == 0 || said[i - 1] != '\r')) || (said[i] == '\r' && said[i + 1] != '\n'))
			fault(p, "a bare CR or LF was sent");
	}
}

static void
play_free(struct play *p)
{
	smtp_free(p->smtp);
	for (size_t i = 0; i < MESSAGES_MAX; i++) {
		envelope_free(&p->messages[i].envelope);
		buffer_free(&p->messages[i].body);
	}
	buffer_free(&p->heard);
	buffer_free(&p->trace);
	free((char *)p->options.user);
	free((char *)p->options.password);
	free((char *)p->options.token);
	free((char *)p->options.nonce);
	free((char *)p->options.host);
	free((char *)p->options.port);
	free((char *)p->options.helo);
}

static void
play_file(const char *folder, const char *name, bool bytewise)
{
	struct play p = { .file = name, .bytewise = bytewise };
	char path[512], line[LINE_LIMIT];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	p.options = (struct smtp_options){
		.helo = copy_string("box.test"),
		.tls = SMTP_TLS_NONE,
		.mechanisms = SMTP_AUTH_AUTO,
		.timeout = 300,
		.final_timeout = 600,
		.trace = trace,
		.trace_context = &p,
	};
	buffer_init(&p.heard, 1 << 24);
	buffer_init(&p.trace, 1 << 24);
	for (size_t i = 0; i < MESSAGES_MAX; i++) {
		envelope_init(&p.messages[i].envelope);
		buffer_init(&p.messages[i].body, 1 << 24);
	}
	file = fopen(path, "r");
	if (file == NULL)
		fault(&p, "cannot be read");
	while (file != NULL && p.fault[0] == '\0' && fgets(line, sizeof(line), file) != NULL) {
		p.line++;
		play_line(&p, line);
	}
	if (file != NULL)
		fclose(file);
	if (p.matched < p.heard.length)
		fault(&p, "the client has also said: %s", buffer_string(&p.heard) + p.matched);
	check_line_ends(&p);
	if (!ok(p.fault[0] == '\0', "%s%s", name, bytewise ? ", byte by byte" : ""))
		note("%s", p.fault);
	play_free(&p);
}

static int
is_dialog(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".txt") == 0;
}

int
main(void)
{
	static const char folder[] = "tests/dialog";
	struct dirent **entries;
	int n = scandir(folder, &entries, is_dialog, alphasort);

	for (int i = 0; i < n; i++) {
		play_file(folder, entries[i]->d_name, false);
		play_file(folder, entries[i]->d_name, true);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	ok(n >= 60, "there are dialogues");
	return tap_done();
}

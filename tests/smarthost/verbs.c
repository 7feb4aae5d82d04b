/* The commands of the throw-away smarthost, a row each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "smarthost.h"

static bool
needs_tls(const struct session *s)
{
	return s->listener == LISTEN_STARTTLS && s->tls == NULL;
}

static const char *
keywords(const struct session *s)
{
	if (s->listener == LISTEN_STARTTLS && s->tls == NULL && options.ehlo_before != NULL)
		return options.ehlo_before;
	return options.ehlo;
}

static void
reset_transaction(struct session *s)
{
	buffer_clear(&s->envelope);
	buffer_clear(&s->wire);
	s->mail = false;
	s->accepted = s->chunks = 0;
}

static void
do_ehlo(struct session *s, const char *argument)
{
	struct buffer text;
	char *list = copy_string(keywords(s)), *next = list, *word;

	buffer_init(&text, LINE_LIMIT);
	(void)argument;
	buffer_add_string(&text, "250-smarthost.test");
	while ((word = strsep(&next, ",")) != NULL)
		if (*word != '\0')
			buffer_format(&text, "\\n250-%s", word);
	if (needs_tls(s) && !options.no_starttls)
		buffer_add_string(&text, "\\n250-STARTTLS");
	if (options.user != NULL && !needs_tls(s))
		buffer_format(&text, "\\n250-AUTH %s", options.mechanisms);
	buffer_add_string(&text, "\\n250 HELP");
	s->greeted = answer(s, "ehlo", NULL, buffer_string(&text)) == 250;
	reset_transaction(s);
	if (options.forgetful)
		s->user = NULL;
	buffer_free(&text);
	free(list);
}

static void
do_helo(struct session *s, const char *argument)
{
	(void)argument;
	s->greeted = answer(s, "helo", NULL, "250 smarthost.test") == 250;
	reset_transaction(s);
}

static void
do_starttls(struct session *s, const char *argument)
{
	if (!needs_tls(s) || options.no_starttls || *argument != '\0') {
		reply(s, "502 5.5.1 no STARTTLS here");
		return;
	}
	if (answer(s, "starttls", NULL, "220 2.0.0 ready to start TLS") != 220)
		return;
	flush(s);
	s->greeted = false;
	secure_session(s);
}

/* Asks (prompt in base64) unless the client already said it; decodes the response. */
static bool
challenge(struct session *s, const char *initial, const char *prompt, struct buffer *response)
{
	const char *line = initial;
	char text[64];

	if (line == NULL) {
		snprintf(text, sizeof(text), "334 %s", prompt);
		reply(s, text);
		line = read_line(s);
	}
	return line != NULL && (strcmp(line, "=") == 0 || base64_decode(response, line, strlen(line)));
}

static bool
login_is_right(struct session *s, const char *mechanism, const char *initial)
{
	struct buffer got, want, word;
	bool good;

	buffer_init(&got, LINE_LIMIT);
	buffer_init(&want, LINE_LIMIT);
	buffer_init(&word, LINE_LIMIT);
	if (strcasecmp(mechanism, "PLAIN") == 0) {
		buffer_format(&want, "%c%s%c%s", '\0', options.user, '\0', options.password);
		good = challenge(s, initial, "", &got);
	} else {
		buffer_format(&want, "%s%c%s", options.user, '\0', options.password);
		good = challenge(s, initial, "VXNlcm5hbWU6", &got);
		buffer_add_char(&got, '\0');
		good = good && challenge(s, NULL, "UGFzc3dvcmQ6", &word);
		buffer_add(&got, word.data, word.length);
	}
	good = good && got.length == want.length && memcmp(got.data, want.data, want.length) == 0;
	buffer_free(&got);
	buffer_free(&want);
	buffer_free(&word);
	return good;
}

static void
do_auth(struct session *s, const char *argument)
{
	char line[LINE_LIMIT], *initial = line, *mechanism;
	bool good;

	snprintf(line, sizeof(line), "%s", argument);
	mechanism = strsep(&initial, " ");
	if (options.user == NULL || needs_tls(s) || strcasestr(options.mechanisms, mechanism) == NULL) {
		reply(s, "504 5.5.4 mechanism not offered");
		return;
	}
	if (s->user != NULL) {
		reply(s, "503 5.5.1 already authenticated");
		return;
	}
	good = login_is_right(s, mechanism, initial);
	if (s->ending == END_NOT &&
	    answer(s, "auth", NULL, good ? "235 2.7.0 welcome" : "535 5.7.8 login refused") == 235)
		s->user = options.user;
}

/* Between < and >; anything else is taken as it is. */
static void
cut_address(const char *argument, char *address, size_t size)
{
	const char *start = strchr(argument, '<'), *end = strrchr(argument, '>');

	if (start == NULL || end == NULL || end < start)
		snprintf(address, size, "%s", argument);
	else
		snprintf(address, size, "%.*s", (int)(end - start - 1), start + 1);
}

static void
do_mail(struct session *s, const char *argument)
{
	char address[1024];

	cut_address(argument, address, sizeof(address));
	if (s->mail)
		reply(s, "503 5.5.1 nested MAIL");
	else if (options.require_auth && s->user == NULL)
		reply(s, "530 5.7.0 authentication required");
	else if (strncasecmp(argument, "FROM:<", 6) != 0)
		reply(s, "501 5.5.4 syntax");
	else if (answer(s, "mail", address, "250 2.1.0 ok") == 250) {
		reset_transaction(s);
		buffer_format(&s->envelope, "mail=MAIL %s\n", argument);
		s->mail = true;
	}
}

static void
do_rcpt(struct session *s, const char *argument)
{
	char address[1024];
	bool good;

	cut_address(argument, address, sizeof(address));
	if (!s->mail || strncasecmp(argument, "TO:<", 4) != 0) {
		reply(s, s->mail ? "501 5.5.4 syntax" : "503 5.5.1 need MAIL");
		return;
	}
	good = answer(s, "rcpt", address, "250 2.1.5 ok") / 100 == 2;
	buffer_format(&s->envelope, "%s=RCPT %s\n", good ? "rcpt" : "refused", argument);
	s->accepted += good;
}

/* The message is complete in s->wire: answered, stored when accepted. The reply leaves after that. */
static void
end_of_message(struct session *s, const char *how)
{
	char normal[64];

	if (s->accepted > 0)
		snprintf(normal, sizeof(normal), "250 2.0.0 stored as %04u.%u", s->number, s->messages + 1);
	else
		snprintf(normal, sizeof(normal), "554 5.5.1 no valid recipients");
	if (answer(s, "dot", NULL, normal) / 100 == 2) {
		s->messages++;
		record_message(s, how);
	}
	s->answered = true;
	reset_transaction(s);
}

static void
do_data(struct session *s, const char *argument)
{
	static const char end[] = "\r\n.\r\n";
	const char *found = NULL;
	size_t start = 0, length;

	(void)argument;
	if (!s->mail || s->chunks > 0) {
		reply(s, "503 5.5.1 need MAIL and RCPT");
		return;
	}
	if (answer(s, "data", NULL, s->accepted > 0 ? "354 go ahead" : "554 5.5.1 no valid recipients") != 354)
		return;
	/* The line end before the first line is that of DATA itself. */
	buffer_add(&s->wire, "\r\n", 2);
	for (;;) {
		buffer_add(&s->wire, s->in.data, s->in.length);
		buffer_clear(&s->in);
		if ((found = memmem(s->wire.data + start, s->wire.length - start, end, 5)) != NULL)
			break;
		start = s->wire.length > 4 ? s->wire.length - 4 : 0;
		if (!fill(s, s->wire.length > 2))
			return;
	}
	length = (size_t)(found - s->wire.data);
	buffer_add(&s->in, found + 5, s->wire.length - length - 5);
	s->wire.length = length + 2;
	buffer_consume(&s->wire, 2);
	end_of_message(s, "DATA");
}

/* Reads a chunk into the message, or over it when there is no use for it. */
static bool
read_chunk(struct session *s, unsigned long size, bool keep)
{
	while (size > 0) {
		size_t n = s->in.length < size ? s->in.length : size;

		if (keep)
			buffer_add(&s->wire, s->in.data, n);
		if (n > 0)
			buffer_consume(&s->in, n);
		size -= n;
		if (size > 0 && !fill(s, true))
			return false;
	}
	return true;
}

static void
do_bdat(struct session *s, const char *argument)
{
	char *rest, text[64];
	unsigned long size = strtoul(argument, &rest, 10);
	bool last = strcasecmp(rest, " LAST") == 0;

	if (strcasestr(keywords(s), "CHUNKING") == NULL || rest == argument || (*rest != '\0' && !last)) {
		reply(s, "502 5.5.1 no such chunk");
		return;
	}
	if (!read_chunk(s, size, s->accepted > 0))
		return;
	s->chunks++;
	snprintf(text, sizeof(text), "250 2.0.0 %lu octets", size);
	if (!s->mail)
		reply(s, "503 5.5.1 need MAIL and RCPT");
	else if (last)
		end_of_message(s, "BDAT");
	else if (answer(s, "bdat", NULL, s->accepted > 0 ? text : "554 5.5.1 no valid recipients") != 250)
		reset_transaction(s);
}

static void
do_rset(struct session *s, const char *argument)
{
	(void)argument;
	answer(s, "rset", NULL, "250 2.0.0 ok");
	reset_transaction(s);
}

static void
do_noop(struct session *s, const char *argument)
{
	(void)argument;
	reply(s, "250 2.0.0 ok");
}

static void
do_quit(struct session *s, const char *argument)
{
	(void)argument;
	if (answer(s, "quit", NULL, "221 2.0.0 bye") == 221)
		s->ending = END_QUIT;
}

static const struct {
	const char *name;
	void (*run)(struct session *, const char *argument);
	bool any_time; /* also before EHLO and before STARTTLS */
} verbs[] = {
	{ "EHLO", do_ehlo, true },
	{ "HELO", do_helo, true },
	{ "STARTTLS", do_starttls, true },
	{ "AUTH", do_auth, false },
	{ "MAIL", do_mail, false },
	{ "RCPT", do_rcpt, false },
	{ "DATA", do_data, false },
	{ "BDAT", do_bdat, false },
	{ "RSET", do_rset, true },
	{ "NOOP", do_noop, true },
	{ "QUIT", do_quit, true },
};

void
run_command(struct session *s, const char *line)
{
	size_t length = strcspn(line, " ");
	const char *argument = line + length + (line[length] == ' ');

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!same_text(line, length, verbs[i].name))
			continue;
		buffer_format(&s->verbs, " %s", verbs[i].name);
		if (verbs[i].any_time || (s->greeted && (!needs_tls(s) || options.no_starttls)))
			verbs[i].run(s, argument);
		else
			reply(s, s->greeted ? "530 5.7.0 STARTTLS first" : "503 5.5.1 EHLO first");
		return;
	}
	buffer_add_string(&s->verbs, " ?");
	reply(s, "500 5.5.2 no such command");
}

/*
 * The parser: which bytes are commands, which are the message. A phase each for
 * commands, DATA and BDAT; every phase takes what it can and tells at most one
 * event, so that any cut of the input gives the same replies and events.
 */
#include "smtp/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/commands.h"

enum {
	BODY_MAX = 16384, /* bytes told in one SERVER_BODY */
	OUTPUT_MAX = SERVER_FLIGHT_MAX + 4096, /* the longest reply is that to EHLO */
};

struct server *
server_new(const struct server_options *options, const struct reply *refusal)
{
	struct server *s = allocate(1, sizeof(*s));
	char text[REPLY_TEXT_MAX];

	*s = (struct server){ .options = options };
	buffer_init(&s->line, SERVER_LINE_MAX + 1); /* one more for a CR */
	buffer_init(&s->output, OUTPUT_MAX);
	buffer_init(&s->body, BODY_MAX);
	if (refusal != NULL) {
		server_reply(s, refusal->code, refusal->enhanced, refusal->text);
		s->phase = SERVING_OVER;
		return s;
	}
	snprintf(text, sizeof(text), "%s ESMTP sendmail-submit", options->host);
	server_reply(s, 220, "", text);
	return s;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	server_reset(s);
	buffer_free(&s->line);
	buffer_free(&s->output);
	buffer_free(&s->body);
	free(s);
}

void
server_reply(struct server *s, int code, const char *enhanced, const char *text)
{
	buffer_format(&s->output, "%d %s%s%s\r\n", code, enhanced, enhanced[0] != '\0' ? " " : "", text);
}

/* ---- commands */

/* The line is complete, without its LF. */
static void
end_command(struct server *s)
{
	size_t length = s->line.length;
	char *line;

	s->lf_only = length == 0 || s->line.data[length - 1] != '\r';
	if (!s->lf_only)
		length--;
	line = (char *)buffer_string(&s->line);
	line[length] = '\0';
	if (s->line_length - !s->lf_only > SERVER_LINE_MAX)
		server_command(s, NULL);
	else
		server_command(s, strlen(line) == length ? line : NULL);
	buffer_clear(&s->line);
	s->line_length = 0;
}

static enum server_event
take_commands(struct server *s, const char **bytes, size_t *n)
{
	const char *end = memchr(*bytes, '\n', *n);
	size_t length = end != NULL ? (size_t)(end - *bytes) : *n, taken = length + (end != NULL);

	if (s->output.length >= SERVER_FLIGHT_MAX)
		return SERVER_FLUSH;
	buffer_add(&s->line, *bytes, length);
	s->line_length += length;
	*bytes += taken;
	*n -= taken;
	if (s->line_length > SERVER_ENDLESS) {
		server_reply(s, 421, "4.7.0", "A line without end; closing");
		s->phase = SERVING_OVER;
	} else if (end != NULL)
		end_command(s);
	return SERVER_NOTHING;
}

/* ---- DATA */

/* A byte behind the start of a line: it is kept. */
static void
take_text(struct server *s, char c)
{
	buffer_add_char(&s->body, c);
	if (c == '\n')
		s->place = s->place == LINE_CR || s->lf_only ? LINE_START : LINE_TEXT;
	else
		s->place = c == '\r' ? LINE_CR : LINE_TEXT;
}

/* True when the byte ends the message. */
static bool
take_data_byte(struct server *s, char c)
{
	switch (s->place) {
	case LINE_START:
		if (c == '.') {
			s->place = LINE_DOT;
			return false;
		}
		break;
	case LINE_DOT:
		if (c == '\r') {
			s->place = LINE_DOT_CR;
			return false;
		}
		if (c == '\n' && s->lf_only)
			return true;
		break;
	case LINE_DOT_CR:
		if (c == '\n')
			return true;
		take_text(s, '\r');
		break;
	case LINE_TEXT:
	case LINE_CR:
		break;
	}
	take_text(s, c);
	return false;
}

/* Kept until BODY_MAX is reached, with room for a CR that was held back. */
static bool
take_data(struct server *s, const char **bytes, size_t *n)
{
	while (*n > 0 && s->body.length + 2 <= BODY_MAX) {
		size_t room = BODY_MAX - 1 - s->body.length, run = 0, most = *n < room ? *n : room;

		while (s->place == LINE_TEXT && run < most && (*bytes)[run] != '\r' && (*bytes)[run] != '\n')
			run++;
		if (run > 0)
			buffer_add(&s->body, *bytes, run);
		else if (take_data_byte(s, **bytes)) {
			++*bytes;
			--*n;
			return true;
		} else
			run = 1;
		*bytes += run;
		*n -= run;
	}
	return false;
}

/* ---- BDAT */

/* True when the chunk is complete. */
static bool
take_chunk(struct server *s, const char **bytes, size_t *n)
{
	size_t run = *n < BODY_MAX ? *n : BODY_MAX;

	if (run > s->chunk)
		run = (size_t)s->chunk;
	if (s->wanted)
		buffer_add(&s->body, *bytes, run);
	*bytes += run;
	*n -= run;
	s->chunk -= run;
	return s->chunk == 0;
}

/* ---- both */

static void
refuse_size(struct server *s)
{
	char text[REPLY_TEXT_MAX];

	snprintf(text, sizeof(text), "message is larger than the %llu bytes that max_message allows",
	    (unsigned long long)s->options->max_message);
	reply_set(&s->answer, 552, "5.3.4", text);
}

/* Counts what was taken; a message that grows too large is dropped here, and its rest swallowed. */
static void
count_body(struct server *s)
{
	s->size += s->body.length;
	if (s->begun && s->size > s->options->max_message) {
		refuse_size(s);
		s->drop = true;
		s->wanted = false;
		s->failed = true;
	}
	if (!s->begun || s->drop)
		buffer_clear(&s->body);
}

/* The message is complete. */
static enum server_event
end_message(struct server *s)
{
	if (s->begun) {
		s->phase = SERVING_ANSWER;
		return SERVER_END;
	}
	server_reply(s, s->answer.code, s->answer.enhanced, s->answer.text);
	server_reset(s);
	s->phase = SERVING_COMMANDS;
	return SERVER_NOTHING;
}

/* s->last of DATA: its end was seen, and is told once the body before it was. */
static enum server_event
take_message(struct server *s, const char **bytes, size_t *n)
{
	bool complete = s->last && s->phase == SERVING_DATA;

	if (s->phase == SERVING_DATA && !complete)
		complete = s->last = take_data(s, bytes, n);
	else if (s->phase == SERVING_CHUNK)
		complete = take_chunk(s, bytes, n);
	count_body(s);
	if (s->drop || s->body.length > 0)
		return SERVER_NOTHING; /* told by pending(), and then we are here again */
	if (!complete)
		return SERVER_NOTHING;
	if (s->phase == SERVING_DATA || (s->wanted && s->last))
		return end_message(s);
	server_end_chunk(s);
	return SERVER_NOTHING;
}

/* What is to be told before anything else is taken. */
static enum server_event
pending(struct server *s)
{
	if (s->begin) {
		s->begin = false;
		s->begun = true;
		return SERVER_BEGIN;
	}
	if (s->drop) {
		s->drop = s->begun = false;
		return SERVER_DROPPED;
	}
	if (s->body.length > 0)
		return SERVER_BODY;
	if (s->phase == SERVING_ANSWER)
		return SERVER_END;
	return s->phase == SERVING_OVER ? SERVER_QUIT : SERVER_NOTHING;
}

enum server_event
server_input(struct server *s, const char **bytes, size_t *n)
{
	enum server_event event;

	buffer_clear(&s->body);
	for (;;) {
		bool ripe = (s->phase == SERVING_CHUNK && s->chunk == 0) || (s->phase == SERVING_DATA && s->last);

		event = pending(s);
		if (event != SERVER_NOTHING || (*n == 0 && !ripe))
			return event;
		event = s->phase == SERVING_COMMANDS ? take_commands(s, bytes, n) : take_message(s, bytes, n);
		if (event != SERVER_NOTHING)
			return event;
	}
}

/* ---- the owner's side */

const struct server_order *
server_order(const struct server *s)
{
	return &s->order;
}

const char *
server_body(const struct server *s, size_t *n)
{
	*n = s->body.length;
	return s->body.data;
}

/* The transaction is over, its message told about. */
static void
conclude(struct server *s)
{
	s->begun = false;
	server_reset(s);
	s->phase = SERVING_COMMANDS;
}

void
server_accept(struct server *s, const char *id)
{
	char text[REPLY_TEXT_MAX];

	if (s->phase != SERVING_ANSWER)
		return;
	snprintf(text, sizeof(text), "Ok: queued as %s", id);
	server_reply(s, 250, "2.0.0", text);
	conclude(s);
}

void
server_refuse(struct server *s, const struct reply *reply)
{
	if (s->phase != SERVING_ANSWER)
		return;
	server_reply(s, reply->code, reply->enhanced, reply->text);
	conclude(s);
}

const char *
server_output(const struct server *s, size_t *n)
{
	*n = s->output.length;
	return s->output.data;
}

void
server_sent(struct server *s, size_t n)
{
	if (n > 0)
		buffer_consume(&s->output, n < s->output.length ? n : s->output.length);
}

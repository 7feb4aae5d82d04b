/*
 * Lines are collected up to a limit, checked, and joined into one printable
 * text; an enhanced code (RFC 3463) that starts a line goes into its own field
 * and is left out of the text, however often it is repeated.
 */
#include "smtp/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"

enum { CODE_LENGTH = 3 };

void
reply_init(struct reply_parser *p)
{
	*p = (struct reply_parser){ .complete = true };
	buffer_init(&p->line, REPLY_LINE_MAX + 1); /* one more for a CR */
}

void
reply_free(struct reply_parser *p)
{
	buffer_free(&p->line);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Length of one to three digits, or 0. */
static size_t
number_length(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n <= 3 ? n : 0;
}

/* Length of the enhanced code that text starts with, 0 without one; its class must be that of the reply. */
static size_t
enhanced_length(const char *text, int code)
{
	size_t subject, detail;

	if (text[0] != '0' + code / 100 || text[1] != '.')
		return 0;
	subject = number_length(text + 2);
	if (subject == 0 || text[2 + subject] != '.')
		return 0;
	detail = number_length(text + 3 + subject);
	if (detail == 0 || strchr(" \t", text[3 + subject + detail]) == NULL)
		return 0;
	return 3 + subject + detail;
}

const char *
reply_line_text(struct reply_parser *p)
{
	const char *line = buffer_string(&p->line);

	return line[CODE_LENGTH] != '\0' ? line + CODE_LENGTH + 1 : line + CODE_LENGTH;
}

/* Adds the text of the latest line to the reply. */
static void
join(struct reply_parser *p)
{
	struct reply *reply = &p->reply;
	const char *text = reply_line_text(p);
	size_t left = p->line.length - (size_t)(text - p->line.data), used = strlen(reply->text);
	size_t skipped = enhanced_length(text, reply->code);

	if (skipped > 0 && reply->enhanced[0] == '\0')
		printable(reply->enhanced, sizeof(reply->enhanced), text, skipped);
	skipped += strspn(text + skipped, " \t\r");
	if (skipped == left)
		return;
	if (used > 0 && used + 1 < sizeof(reply->text))
		reply->text[used++] = ' ';
	printable(reply->text + used, sizeof(reply->text) - used, text + skipped, left - skipped);
}

static enum reply_event
broken(struct reply_parser *p, const char *fault)
{
	p->fault = fault;
	return REPLY_BROKEN;
}

static enum reply_event
take_line(struct reply_parser *p)
{
	const char *line = buffer_string(&p->line);
	int code;

	if (!is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]) || strchr(" -", line[3]) == NULL)
		return broken(p, "a line without a reply code");
	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	if (p->complete)
		p->reply = (struct reply){ .code = code };
	else if (code != p->reply.code)
		return broken(p, "a reply that changes its code");
	p->lines = p->complete ? 1 : p->lines + 1;
	if (p->lines > REPLY_LINES_MAX)
		return broken(p, "a reply of too many lines");
	p->complete = line[3] != '-';
	join(p);
	return p->complete ? REPLY_END : REPLY_LINE;
}

enum reply_event
reply_input(struct reply_parser *p, const char **bytes, size_t *n)
{
	const char *end = memchr(*bytes, '\n', *n);
	size_t length = end != NULL ? (size_t)(end - *bytes) : *n, taken = length + (end != NULL);

	if (p->fault != NULL)
		return REPLY_BROKEN;
	if (p->ended)
		buffer_clear(&p->line);
	p->ended = end != NULL;
	buffer_add(&p->line, *bytes, length);
	*bytes += taken;
	*n -= taken;
	if (p->ended && p->line.length > 0 && p->line.data[p->line.length - 1] == '\r')
		p->line.length--;
	if (p->line.overflow || p->line.length > REPLY_LINE_MAX)
		return broken(p, "a line that is too long");
	return p->ended ? take_line(p) : REPLY_NOTHING;
}

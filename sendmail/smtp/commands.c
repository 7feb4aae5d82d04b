/*
 * The commands of the SMTP server and the parameters of MAIL and RCPT: a table
 * row each. What is advertised is what is honoured here; there is no STARTTLS
 * and no AUTH, because the client is on this machine and known.
 */
#include "smtp/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "message/address.h"
#include "message/ascii.h"

enum {
	ENVID_MAX = 100, /* RFC 3461 4.4 */
	FIRST_ROOM = 16,
	NUMBER_MAX = 19, /* digits: more do not fit into 64 bits for certain */
};

/* Digits alone, 64 bits at most. */
static bool
read_number(const char *text, uint64_t *number)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > NUMBER_MAX || text[digits] != '\0')
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static char *
skip_blanks(char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

/* Ends the word that text begins with; what stands behind it and blanks. */
static char *
cut_word(char *text)
{
	while (*text != '\0' && !is_blank(*text))
		text++;
	if (*text != '\0')
		*text++ = '\0';
	return skip_blanks(text);
}

static void
free_order(struct server_order *order)
{
	for (size_t i = 0; i < order->count; i++)
		free(order->recipients[i]);
	free(order->recipients);
	free(order->sender);
	free(order->envid);
	*order = (struct server_order){ .sender = NULL };
}

void
server_reset(struct server *s)
{
	free_order(&s->order);
	s->drop = s->drop || s->begun;
	s->mail = s->chunked = s->failed = s->last = false;
	s->size = 0;
}

/* ---- parameters of MAIL and RCPT */

/* What one command said. */
struct parameters {
	const struct server *server;
	unsigned notify;
	char ret;
	char *envid; /* owned */
	bool utf8;
};

enum fault { FAULT_NONE, FAULT_VALUE, FAULT_SIZE, FAULT_UNKNOWN };

static const struct {
	int code;
	const char *enhanced, *text;
} faults[] = {
	[FAULT_VALUE] = { 501, "5.5.4", "Bad value of a parameter" },
	[FAULT_SIZE] = { 552, "5.3.4", "Message is larger than max_message allows" },
	[FAULT_UNKNOWN] = { 555, "5.5.4", "Unknown parameter" },
};

static enum fault
take_size(struct parameters *p, const char *value)
{
	uint64_t size;

	if (!read_number(value, &size))
		return FAULT_VALUE;
	return size > p->server->options->max_message ? FAULT_SIZE : FAULT_NONE;
}

/* What the message really holds decides. */
static enum fault
take_body(struct parameters *p, const char *value)
{
	(void)p;
	return same_text(value, strlen(value), "7BIT") || same_text(value, strlen(value), "8BITMIME") ? FAULT_NONE
												      : FAULT_VALUE;
}

static enum fault
take_ret(struct parameters *p, const char *value)
{
	bool full = same_text(value, strlen(value), "FULL");

	if (!full && !same_text(value, strlen(value), "HDRS"))
		return FAULT_VALUE;
	p->ret = full ? 'F' : 'H';
	return FAULT_NONE;
}

static bool
is_printable(const char *text)
{
	while (*text >= ' ' && *text < 0x7f)
		text++;
	return *text == '\0';
}

static enum fault
take_envid(struct parameters *p, const char *value)
{
	struct buffer id;
	bool good;

	buffer_init(&id, ENVID_MAX);
	good = xtext_decode(&id, value, strlen(value)) && !id.overflow && id.length > 0 &&
	       strlen(buffer_string(&id)) == id.length && is_printable(buffer_string(&id));
	if (good) {
		free(p->envid);
		p->envid = copy_string(buffer_string(&id));
	}
	buffer_free(&id);
	return good ? FAULT_NONE : FAULT_VALUE;
}

static enum fault
take_utf8(struct parameters *p, const char *value)
{
	p->utf8 = value[0] == '\0';
	return p->utf8 ? FAULT_NONE : FAULT_VALUE;
}

/* RFC 4954 5: whoever does not trust the client may ignore it. */
static enum fault
take_auth(struct parameters *p, const char *value)
{
	(void)p;
	(void)value;
	return FAULT_NONE;
}

static enum fault
take_notify(struct parameters *p, const char *value)
{
	p->notify = notify_bits(value);
	return p->notify != 0 ? FAULT_NONE : FAULT_VALUE;
}

/* The address as the sender first knew it: no report of ours changes addresses, so none needs it. */
static enum fault
take_orcpt(struct parameters *p, const char *value)
{
	const char *semicolon = strchr(value, ';');
	struct buffer address;
	bool good;

	(void)p;
	if (semicolon == NULL || semicolon == value)
		return FAULT_VALUE;
	buffer_init(&address, SERVER_LINE_MAX);
	good = xtext_decode(&address, semicolon + 1, strlen(semicolon + 1));
	buffer_free(&address);
	return good ? FAULT_NONE : FAULT_VALUE;
}

struct parameter_row {
	const char *name;
	enum fault (*take)(struct parameters *, const char *value);
};

static const struct parameter_row mail_parameters[] = {
	{ "SIZE", take_size },
	{ "BODY", take_body },
	{ "RET", take_ret },
	{ "ENVID", take_envid },
	{ "SMTPUTF8", take_utf8 },
	{ "AUTH", take_auth },
	{ NULL, NULL },
};

static const struct parameter_row rcpt_parameters[] = {
	{ "NOTIFY", take_notify },
	{ "ORCPT", take_orcpt },
	{ NULL, NULL },
};

static enum fault
take_parameter(const struct parameter_row *row, struct parameters *p, const char *word)
{
	size_t length = strcspn(word, "=");

	while (row->name != NULL && !same_text(word, length, row->name))
		row++;
	return row->name != NULL ? row->take(p, word[length] == '=' ? word + length + 1 : "") : FAULT_UNKNOWN;
}

/* All parameters; the first fault is answered. */
static bool
take_parameters(struct server *s, const struct parameter_row *rows, struct parameters *p, char *text)
{
	enum fault fault = FAULT_NONE;

	for (char *next; *text != '\0' && fault == FAULT_NONE; text = next) {
		next = cut_word(text);
		fault = take_parameter(rows, p, text);
	}
	if (fault != FAULT_NONE)
		server_reply(s, faults[fault].code, faults[fault].enhanced, faults[fault].text);
	return fault == FAULT_NONE;
}

/* ---- addresses */

/* Ends the path that text begins with; what stands behind it. NULL: there is none. */
static char *
cut_path(char *text)
{
	bool brackets = *text == '<', quoted = false;
	char *c = text;

	for (; *c != '\0' && (quoted || (brackets ? *c != '>' : !is_blank(*c))); c++) {
		if (*c == '"')
			quoted = !quoted;
		else if (quoted && *c == '\\' && c[1] != '\0')
			c++;
	}
	if (c == text || (brackets && *c != '>'))
		return NULL;
	c += brackets;
	if (*c != '\0' && !is_blank(*c))
		return NULL;
	if (*c != '\0')
		*c++ = '\0';
	return skip_blanks(c);
}

/* The path of command (its verb is off already) "FROM:<a@b> PARAMETERS", cut from what stands behind it; NULL,
 * answered, when it is not so. */
static char *
find_path(struct server *s, char *text, const char *command, char **parameters)
{
	const char *keyword = strchr(command, ' ') + 1;
	size_t length = strlen(keyword);
	char usage[64];

	if (strlen(text) >= length && same_text(text, length, keyword)) {
		text = skip_blanks(text + length);
		*parameters = cut_path(text);
		if (*parameters != NULL)
			return text;
	}
	snprintf(usage, sizeof(usage), "Syntax: %s<address>", command);
	server_reply(s, 501, "5.5.4", usage);
	return NULL;
}

/* One address and nothing else; a reason when it is not. "" is the null sender. */
static const char *
read_address(const char *path, bool utf8, char out[ADDRESS_MAX + 1])
{
	struct address_list list;
	struct address a, more;
	enum address_result result;

	out[0] = '\0';
	for (const char *c = path; !utf8 && *c != '\0'; c++)
		if (is_eight_bit(*c))
			return "a non-ASCII address needs SMTPUTF8";
	address_list_init(&list, path, strlen(path));
	result = address_next(&list, &a);
	if (result == ADDRESS_BAD)
		return a.reason;
	if (result == ADDRESS_END || address_next(&list, &more) != ADDRESS_END)
		return "exactly one address is wanted";
	if (result == ADDRESS_FOUND)
		memcpy(out, a.text, strlen(a.text) + 1);
	return NULL;
}

/* ---- commands */

static void
do_helo(struct server *s, char *text)
{
	if (*text == '\0') {
		server_reply(s, 501, "5.5.4", "Syntax: HELO name");
		return;
	}
	server_reset(s);
	server_reply(s, 250, "", s->options->host);
}

static void
do_ehlo(struct server *s, char *text)
{
	if (*text == '\0') {
		server_reply(s, 501, "5.5.4", "Syntax: EHLO name");
		return;
	}
	server_reset(s);
	buffer_format(&s->output,
	    "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250-SMTPUTF8\r\n250 CHUNKING\r\n",
	    s->options->host, (unsigned long long)s->options->max_message);
}

static void
begin_transaction(struct server *s, const char *path, struct parameters *p)
{
	char sender[ADDRESS_MAX + 1];
	const char *wrong = read_address(path, p->utf8, sender);

	if (wrong != NULL) {
		server_reply(s, 553, "5.1.7", wrong);
		return;
	}
	s->order =
	    (struct server_order){ .sender = copy_string(sender), .ret = p->ret, .envid = p->envid, .utf8 = p->utf8 };
	p->envid = NULL;
	s->mail = true;
	server_reply(s, 250, "2.1.0", "Ok");
}

static void
do_mail(struct server *s, char *text)
{
	struct parameters parameters = { .server = s };
	char *path, *rest;

	if (s->mail) {
		server_reply(s, 503, "5.5.1", "Nested MAIL command");
		return;
	}
	path = find_path(s, text, "MAIL FROM:", &rest);
	if (path != NULL && take_parameters(s, mail_parameters, &parameters, rest))
		begin_transaction(s, path, &parameters);
	free(parameters.envid);
}

/* The reply to one more recipient: the 250, or why not. */
static void
add_recipient(struct server *s, const char *address, unsigned notify)
{
	struct server_order *order = &s->order;

	if (order->count == RECIPIENTS_MAX) {
		server_reply(s, 452, "4.5.3", "Too many recipients");
		return;
	}
	/* There is one wish for the whole message; another one is not faked. */
	if (order->count > 0 && notify != order->notify) {
		server_reply(s, 452, "4.5.3", "Recipients with other NOTIFY wishes go into another transaction");
		return;
	}
	if (order->count == order->room) {
		order->room = order->room > 0 ? 2 * order->room : FIRST_ROOM;
		order->recipients = reallocate(order->recipients, order->room, sizeof(*order->recipients));
	}
	order->recipients[order->count++] = copy_string(address);
	order->notify = notify;
	server_reply(s, 250, "2.1.5", "Ok");
}

static void
do_rcpt(struct server *s, char *text)
{
	struct parameters parameters = { .server = s };
	char *path, *rest, address[ADDRESS_MAX + 1];
	const char *wrong;

	if (!s->mail || s->chunked || s->failed) {
		server_reply(s, 503, "5.5.1", s->mail ? "RCPT after BDAT" : "MAIL first");
		return;
	}
	path = find_path(s, text, "RCPT TO:", &rest);
	if (path == NULL || !take_parameters(s, rcpt_parameters, &parameters, rest))
		return;
	wrong = read_address(path, s->order.utf8, address);
	if (wrong == NULL && address[0] == '\0')
		wrong = "empty address";
	if (wrong != NULL)
		server_reply(s, 553, "5.1.3", wrong);
	else
		add_recipient(s, address, parameters.notify);
}

/* True, with the reply, when no message, or no further chunk of it, may come now. */
static bool
out_of_order(const struct server *s, bool chunk, struct reply *reply)
{
	if (!s->mail)
		reply_set(reply, 503, "5.5.1", "MAIL first");
	else if (s->failed)
		reply_set(reply, 503, "5.5.1", "The transaction has failed: RSET first");
	else if (s->chunked && !chunk)
		reply_set(reply, 503, "5.5.1", "DATA and BDAT do not mix");
	else if (s->order.count == 0)
		reply_set(reply, 554, "5.5.1", "No valid recipients");
	else
		return false;
	return true;
}

static void
do_data(struct server *s, char *text)
{
	struct reply refused;

	if (*text != '\0') {
		server_reply(s, 501, "5.5.4", "Syntax: DATA");
	} else if (out_of_order(s, false, &refused)) {
		server_reply(s, refused.code, refused.enhanced, refused.text);
	} else {
		server_reply(s, 354, "", "End data with <CR><LF>.<CR><LF>");
		s->phase = SERVING_DATA;
		s->place = LINE_START;
		s->begin = s->wanted = true;
	}
}

/*
 * The bytes of a chunk come, whatever is said of it (RFC 3030 section 2). Where
 * their count cannot be read they could not be told from commands: the end.
 */
static void
do_bdat(struct server *s, char *text)
{
	char *last = cut_word(text), *more = cut_word(last);

	if (!read_number(text, &s->chunk) || *more != '\0' ||
	    (*last != '\0' && !same_text(last, strlen(last), "LAST"))) {
		server_reply(
		    s, 421, "4.5.4", "Syntax: BDAT count [LAST]; closing, as nobody knows where the chunk ends");
		server_reset(s);
		s->phase = SERVING_OVER;
		return;
	}
	s->last = *last != '\0';
	s->phase = SERVING_CHUNK;
	s->wanted = !out_of_order(s, true, &s->answer);
	if (s->wanted) {
		s->begin = !s->chunked;
		s->chunked = true;
	}
}

void
server_end_chunk(struct server *s)
{
	s->phase = SERVING_COMMANDS;
	if (s->wanted) {
		server_reply(s, 250, "2.0.0", "Ok");
		return;
	}
	server_reply(s, s->answer.code, s->answer.enhanced, s->answer.text);
	if (s->last)
		server_reset(s);
	s->failed = s->failed || s->mail;
}

static void
do_rset(struct server *s, char *text)
{
	(void)text;
	server_reset(s);
	server_reply(s, 250, "2.0.0", "Ok");
}

static void
do_noop(struct server *s, char *text)
{
	(void)text;
	server_reply(s, 250, "2.0.0", "Ok");
}

static void
do_vrfy(struct server *s, char *text)
{
	(void)text;
	server_reply(s, 252, "2.1.5", "Send some mail to find out");
}

static void
do_expn(struct server *s, char *text)
{
	(void)text;
	server_reply(s, 502, "5.5.1", "There are no lists to expand");
}

static void
do_help(struct server *s, char *text)
{
	(void)text;
	server_reply(s, 214, "2.0.0", "See sendmail(8)");
}

static void
do_quit(struct server *s, char *text)
{
	(void)text;
	server_reset(s);
	server_reply(s, 221, "2.0.0", "Bye");
	s->phase = SERVING_OVER;
}

static const struct {
	const char *verb;
	void (*run)(struct server *, char *rest);
} commands[] = {
	{ "HELO", do_helo },
	{ "EHLO", do_ehlo },
	{ "MAIL", do_mail },
	{ "RCPT", do_rcpt },
	{ "DATA", do_data },
	{ "BDAT", do_bdat },
	{ "RSET", do_rset },
	{ "NOOP", do_noop },
	{ "VRFY", do_vrfy },
	{ "EXPN", do_expn },
	{ "HELP", do_help },
	{ "QUIT", do_quit },
};

static void
do_garbage(struct server *s, const char *text)
{
	if (++s->garbage < SERVER_GARBAGE_MAX) {
		server_reply(s, 500, "5.5.2", text);
		return;
	}
	server_reset(s);
	server_reply(s, 421, "4.7.0", "Too many lines that are no commands; closing");
	s->phase = SERVING_OVER;
}

void
server_command(struct server *s, char *line)
{
	char *rest, *end;

	if (line == NULL) {
		do_garbage(s, "Line too long, or with a NUL");
		return;
	}
	for (end = line + strlen(line); end > line && is_blank(end[-1]); end--)
		end[-1] = '\0';
	rest = cut_word(line);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!same_text(line, strlen(line), commands[i].verb))
			continue;
		s->garbage = 0;
		commands[i].run(s, rest);
		return;
	}
	do_garbage(s, "Unknown command");
}

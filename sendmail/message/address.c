/*
 * The list is cut into elements first, by looking only at what encloses commas
 * (quotes, comments, brackets); then each element is read on its own. Something
 * that never closes ends at the next comma, and after UNCLOSED_MAX of them no
 * end is looked for any more, or a hostile list would cost quadratic time.
 */
#include "message/address.h"

#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/ascii.h"
#include "message/utf8.h"
#include "message/words.h"

enum { UNCLOSED_MAX = 16 };

/* A part of an address; one byte more than may be used, to notice what is too long. */
struct part {
	char bytes[ADDRESS_MAX + 2];
	size_t length;
};

struct cursor {
	const char *at, *end;
};

static const char too_long[] = "address is too long";

/* A blank, or a line end: in a list both are folding. */
static bool
is_space(char c)
{
	return is_blank(c) || c == '\n' || c == '\r';
}

static void
part_add(struct part *part, char c)
{
	if (part->length <= ADDRESS_MAX)
		part->bytes[part->length++] = c;
}

/* The four skip functions return the byte behind what opens at p, or NULL when it never closes. */
static const char *
skip_quoted(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && p + 1 < end)
			p++;
	}
	return NULL;
}

static const char *
skip_comment(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		depth += *p == '(';
		if (*p == ')' && --depth == 0)
			return p + 1;
		if (*p == '\\' && p + 1 < end)
			p++;
	}
	return NULL;
}

static const char *
skip_brackets(const char *p, const char *end)
{
	for (p++; p != NULL && p < end && *p != '<';) {
		if (*p == '>')
			return p + 1;
		if (*p == '"')
			p = skip_quoted(p, end);
		else if (*p == '(')
			p = skip_comment(p, end);
		else
			p++;
	}
	return NULL;
}

const char *
address_skip(const char *p, const char *end, unsigned *unclosed)
{
	const char *next = p;

	if (*unclosed == UNCLOSED_MAX)
		return p;
	if (*p == '"')
		next = skip_quoted(p, end);
	else if (*p == '(')
		next = skip_comment(p, end);
	else if (*p == '<')
		next = skip_brackets(p, end);
	*unclosed += next == NULL;
	return next;
}

/* Blanks and comments; true when there were any. */
static bool
skip_gap(struct cursor *c)
{
	const char *start = c->at, *closed;

	while (c->at < c->end) {
		if (is_space(*c->at))
			c->at++;
		else if (*c->at == '(' && (closed = skip_comment(c->at, c->end)) != NULL)
			c->at = closed;
		else
			break;
	}
	return c->at > start;
}

void
address_list_init(struct address_list *list, const char *text, size_t length)
{
	*list = (struct address_list){ .at = text, .end = text + length };
}

/* Where the element at p ends: a comma, a semicolon, the colon behind the name of a group, or the end. */
static const char *
element_end(struct address_list *list, const char *p)
{
	const char *start = p;
	bool phrase = true; /* so far it could be the name of a group */

	while (p < list->end && *p != ',' && *p != ';') {
		const char *next = address_skip(p, list->end, &list->unclosed);

		if (next == NULL) {
			next = memchr(p, ',', (size_t)(list->end - p));
			return next != NULL ? next : list->end;
		}
		if (*p == ':' && phrase && p > start)
			return p;
		if (strchr(":@<[", *p) != NULL)
			phrase = false;
		p = next > p ? next : p + 1;
	}
	return p;
}

/* Why a byte cannot stand in an address outside quotes. */
static const char *
why_not(char c)
{
	if (is_control(c))
		return "control character in the address";
	if (is_eight_bit(c))
		return "address is neither ASCII nor UTF-8";
	if (c == '"' || c == '(' || c == '<')
		return "quote, comment or bracket never closes";
	if (c == '@')
		return "more than one @";
	return "character that needs quotes";
}

/* What an atom may consist of (RFC 6532 3.2); whether it is UTF-8 is asked at the end. */
static bool
is_word(char c)
{
	return is_atom(c) || is_eight_bit(c);
}

static const char *
read_quoted(struct cursor *c, struct part *local)
{
	const char *close = skip_quoted(c->at, c->end);

	if (close == NULL)
		return why_not('"');
	for (c->at++; c->at < close - 1; c->at++) {
		if (*c->at == '\\')
			c->at++;
		if (is_control(*c->at))
			return why_not(*c->at);
		part_add(local, *c->at);
	}
	c->at = close;
	return NULL;
}

static const char *
read_atom(struct cursor *c, struct part *part)
{
	if (!is_word(*c->at))
		return why_not(*c->at);
	while (c->at < c->end && is_word(*c->at))
		part_add(part, *c->at++);
	return NULL;
}

/*
 * Words and dots up to '@' or the end, with gaps between them. *end is set
 * behind the last of them.
 */
static const char *
read_words(struct cursor *c, struct part *part, bool quotes, const char **end)
{
	bool joined = true; /* a word may follow */

	while (c->at < c->end && *c->at != '@') {
		const char *reason = NULL;

		if (*c->at == '.')
			part_add(part, *c->at++);
		else if (!joined && (is_word(*c->at) || *c->at == '"'))
			reason = "blank in the address";
		else if (quotes && *c->at == '"')
			reason = read_quoted(c, part);
		else
			reason = read_atom(c, part);
		if (reason != NULL)
			return reason;
		joined = c->at[-1] == '.';
		*end = c->at;
		skip_gap(c);
	}
	return NULL;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
static const char *
read_literal(struct cursor *c, struct part *domain)
{
	do
		part_add(domain, *c->at++);
	while (c->at < c->end && (is_letter_or_digit(*c->at) || *c->at == '.' || *c->at == ':' || *c->at == '-'));
	if (c->at == c->end || *c->at != ']')
		return "bad domain literal";
	part_add(domain, *c->at++);
	return NULL;
}

static bool
is_domain(const struct part *domain)
{
	char before = '.';

	for (size_t i = 0; i < domain->length; before = domain->bytes[i++]) {
		char c = domain->bytes[i];

		if (c == '.' ? before == '.' : !is_letter_or_digit(c) && !is_eight_bit(c) && c != '-' && c != '_')
			return false;
	}
	return before != '.';
}

static const char *
read_domain(struct cursor *c, struct part *domain, const char **end)
{
	const char *reason;

	skip_gap(c);
	if (c->at < c->end && *c->at == '[') {
		reason = read_literal(c, domain);
		*end = c->at;
		skip_gap(c);
	} else {
		reason = read_words(c, domain, false, end);
		if (reason == NULL && !is_domain(domain))
			reason = domain->length == 0 ? "nothing after @" : "bad domain";
	}
	if (reason == NULL && c->at < c->end)
		reason = why_not(*c->at);
	return reason;
}

/* Words joined by single dots need no quotes. */
static bool
is_dot_atom(const struct part *local)
{
	char before = '.';

	for (size_t i = 0; i < local->length; before = local->bytes[i++]) {
		char c = local->bytes[i];

		if (c == '.' ? before == '.' : !is_word(c))
			return false;
	}
	return before != '.';
}

static void
quote_local(struct part *wire, const struct part *local)
{
	bool quotes = !is_dot_atom(local);

	if (quotes)
		part_add(wire, '"');
	for (size_t i = 0; i < local->length; i++) {
		if (local->bytes[i] == '"' || local->bytes[i] == '\\')
			part_add(wire, '\\');
		part_add(wire, local->bytes[i]);
	}
	if (quotes)
		part_add(wire, '"');
}

/* What a local mailer would run, write or read. No mail goes there, whatever it was meant to be. */
static bool
is_command(const struct part *local)
{
	static const char include[] = ":include:";

	return local->bytes[0] == '|' || local->bytes[0] == '/' ||
	       (local->length >= sizeof(include) - 1 && memcmp(local->bytes, include, sizeof(include) - 1) == 0);
}

/* UTF-8 without the controls that lie behind ASCII (U+0080 to U+009F). */
static bool
is_printable_utf8(const char *text, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0)
			return false;
	return utf8_is_valid(text, n);
}

/* local@domain, or local when domain is NULL, in wire form. */
static const char *
set_text(struct address *a, const struct part *local, const struct part *domain)
{
	struct part wire = { .length = 0 };

	quote_local(&wire, local);
	a->local_length = wire.length;
	if (domain != NULL) {
		part_add(&wire, '@');
		for (size_t i = 0; i < domain->length; i++)
			part_add(&wire, domain->bytes[i]);
	}
	if (wire.length > ADDRESS_MAX)
		return too_long;
	if (!is_printable_utf8(wire.bytes, wire.length))
		return why_not('\x80');
	memcpy(a->text, wire.bytes, wire.length);
	a->text[wire.length] = '\0';
	return NULL;
}

/* `local@domain` or a bare name, and nothing else. Returns why it is bad, or NULL. */
static const char *
read_spec(struct address *a, struct cursor c)
{
	struct part local = { .length = 0 }, domain = { .length = 0 };
	const char *reason, *end = c.at;

	a->spec = c.at;
	if (c.at + 1 < c.end && *c.at == '\\') /* sendmail: no alias for this name */
		c.at++;
	reason = read_words(&c, &local, true, &end);
	if (reason != NULL)
		return reason;
	if (local.length == 0)
		return "nothing before @";
	a->bare = c.at == c.end;
	if (!a->bare) {
		c.at++;
		reason = read_domain(&c, &domain, &end);
		if (reason != NULL)
			return reason;
		a->bare = same_text(domain.bytes, domain.length, "localhost");
	}
	if (a->bare && is_command(&local))
		return "files, programs and lists are no recipients";
	a->spec_length = (size_t)(end - a->spec);
	return set_text(a, &local, a->bare ? NULL : &domain);
}

/* Where '<' opens, outside quotes and comments. */
static const char *
find_bracket(const char *p, const char *end)
{
	unsigned unclosed = 0;

	while (p != NULL && p < end && *p != '<') {
		const char *next = address_skip(p, end, &unclosed);

		p = next == p ? p + 1 : next;
	}
	return p != end ? p : NULL;
}

/* Behind a source route "@a,@b:" (RFC 5321 appendix F.2), which is ignored. */
static void
skip_route(struct cursor *c)
{
	const char *colon;

	skip_gap(c);
	if (c->at < c->end && *c->at == '@' && (colon = memchr(c->at, ':', (size_t)(c->end - c->at))) != NULL) {
		c->at = colon + 1;
		skip_gap(c);
	}
}

static enum address_result
judge(struct address *a, const char *reason)
{
	a->reason = reason;
	return reason != NULL ? ADDRESS_BAD : ADDRESS_FOUND;
}

static enum address_result
read_element(struct address *a)
{
	const char *end = a->start + a->length, *bracket = find_bracket(a->start, end), *close;
	struct cursor inside = { a->start, end }, rest;

	if (bracket == NULL) {
		skip_gap(&inside);
		return inside.at == end ? ADDRESS_END : judge(a, read_spec(a, inside));
	}
	a->phrase_length = (size_t)(bracket - a->start);
	close = skip_brackets(bracket, end);
	if (close == NULL)
		return judge(a, why_not('<'));
	rest = (struct cursor){ close, end };
	skip_gap(&rest);
	if (rest.at < end)
		return judge(a, "text after >");
	inside = (struct cursor){ bracket + 1, close - 1 };
	skip_route(&inside);
	return inside.at == inside.end ? ADDRESS_NULL : judge(a, read_spec(a, inside));
}

enum address_result
address_next(struct address_list *list, struct address *a)
{
	enum address_result result = ADDRESS_END;

	while (list->at < list->end && result == ADDRESS_END) {
		const char *start = list->at, *end;

		if (is_space(*start) || *start == ',' || *start == ';') {
			list->at++;
			continue;
		}
		end = element_end(list, start);
		if (end < list->end && *end == ':') {
			list->group = true;
			list->at = end + 1;
			continue;
		}
		list->at = end;
		while (is_space(end[-1]))
			end--;
		*a = (struct address){ .start = start, .length = (size_t)(end - start) };
		result = read_element(a);
	}
	return result;
}

bool
address_needs_utf8(const char *address)
{
	return has_eight_bit(address, strlen(address));
}

/* A byte of a name; a blank only between others. */
static void
add_name_byte(struct buffer *out, char c)
{
	if (!is_control(c) && c != ' ')
		buffer_add_char(out, c);
	else if (c != '\r' && c != '\n' && out->length > 0 && out->data[out->length - 1] != ' ')
		buffer_add_char(out, ' ');
}

/* Adds what is enclosed between p and end, without the backslashes of quoted pairs. */
static void
add_enclosed(struct buffer *out, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		add_name_byte(out, *p);
	}
}

void
address_name(const struct address *a, struct buffer *out)
{
	const char *p = a->start, *end = a->start + a->phrase_length, *next;
	unsigned unclosed = 0;

	for (; p < end; p = next) {
		next = address_skip(p, end, &unclosed);
		if (next == NULL || next == p) {
			add_name_byte(out, is_space(*p) ? ' ' : *p);
			next = p + 1;
		} else if (*p == '"')
			add_enclosed(out, p + 1, next - 1);
	}
	if (out->length > 0 && out->data[out->length - 1] == ' ')
		out->length--;
}

void
address_comment(const struct address *a, struct buffer *out)
{
	const char *p = a->start, *end = a->start + a->length, *next;
	unsigned unclosed = 0;

	for (; p < end; p = next) {
		next = *p == '<' ? p : address_skip(p, end, &unclosed);
		if (next == NULL || next == p)
			next = p + 1;
		else if (*p == '(') {
			add_name_byte(out, ' ');
			add_enclosed(out, p + 1, next - 1);
		}
	}
	if (out->length > 0 && out->data[out->length - 1] == ' ')
		out->length--;
}

bool
address_join(char out[ADDRESS_MAX + 1], const char *local, const char *domain)
{
	struct address a;
	struct part parts[2] = { { .length = 0 }, { .length = 0 } };

	for (; *local != '\0'; local++) {
		if (is_control(*local) || is_eight_bit(*local))
			return false;
		part_add(&parts[0], *local);
	}
	for (; *domain != '\0'; domain++)
		part_add(&parts[1], *domain);
	if (parts[0].length == 0 || set_text(&a, &parts[0], &parts[1]) != NULL)
		return false;
	memcpy(out, a.text, strlen(a.text) + 1);
	return true;
}

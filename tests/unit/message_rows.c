/*
 * Exact bytes: what a caller writes, and what must reach the wire for it. Each
 * file of tests/rows holds cases in this form:
 *
 *   define NAME        the '>' lines that follow are meant by '*NAME' below
 *   === case
 *   set KEY VALUE      identity: domain host login gecos name from from_name uid zone
 *                      the smarthost: forced_from keep_from fields (\n ends each),
 *                      offers WORDS (8bitmime, smtputf8; not set: takes everything as it is)
 *   alias NAME LIST    one more alias
 *   args WORDS         the command line, '...' quotes
 *   <TEXT              a line of stdin
 *   want sender ADDRESS | to ADDRESS | bad ADDRESS | why WORDS | id <ID> | longest N | result NAME
 *   >TEXT              a line of the message on the wire, without its CRLF
 *
 * In TEXT: \r \n \t \0 \\ \xHH, \*N*C = N times C, \c at the end = no line end.
 * `want why` belongs to the `want bad` before it, or to the result. The
 * envelope must hold exactly the recipients that are named, in that order.
 * Every case is read, and sent, at once and byte by byte.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/address.h"
#include "message/compose.h"
#include "message/envelope.h"
#include "message/outgoing.h"
#include "message/reader.h"

#include "tap.h"

enum { WORDS_MAX = 64, ALIASES_MAX = 16, LINE_ROOM = 4096, MESSAGE_ROOM = 4 << 20 };

static const char folder[] = "tests/rows";

struct wanted {
	bool bad;
	char *address;
	char *why;
};

struct row {
	char *name;
	char *words[WORDS_MAX]; /* what was copied for this row */
	size_t word_count;
	struct identity identity;
	struct alias_row aliases[ALIASES_MAX];
	const char *targets[ALIASES_MAX];
	const char *keep_from[WORDS_MAX];
	const char *recipients[WORDS_MAX];
	struct submission submission;
	struct sender_rule senders;
	const char *fields, *offers;
	bool ignore_dots;
	int zone;
	struct buffer input, wire;
	struct wanted wanted[WORDS_MAX];
	size_t wanted_count;
	const char *sender, *id, *why;
	size_t longest;
	enum compose_result result;
};

static struct {
	char *name;
	struct buffer text;
} defines[WORDS_MAX];
static size_t define_count;

static const struct identity default_identity = {
	.login = "alice",
	.gecos = "Alice Example,,,",
	.domain = "example.test",
	.host = "box.example.test",
	.uid = 1000,
};

static char *
keep(struct row *row, const char *text)
{
	if (row->word_count == WORDS_MAX)
		abort();
	return row->words[row->word_count++] = copy_string(text);
}

/* Appends what TEXT stands for, and the line end. */
static void
add_text(struct buffer *out, const char *text, const char *line_end)
{
	static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";

	for (; *text != '\0'; text++) {
		const char *letter;
		char *rest;

		if (*text != '\\') {
			buffer_add_char(out, *text);
			continue;
		}
		text++;
		if (*text == 'c')
			return;
		if (*text == '*') {
			unsigned long times = strtoul(text + 1, &rest, 10);

			text = rest + 1;
			while (times-- > 0)
				buffer_add_char(out, *text);
		} else if (*text == 'x') {
			char hex[3] = { text[1], text[2], '\0' };

			buffer_add_char(out, (char)strtoul(hex, NULL, 16));
			text += 2;
		} else if (*text != '\0' && (letter = strchr(letters, *text)) != NULL)
			buffer_add_char(out, bytes[letter - letters]);
		else
			abort();
	}
	buffer_add_string(out, line_end);
}

/* The next word of a command line; NULL at its end. */
static char *
next_word(struct row *row, const char **at)
{
	char word[LINE_ROOM], *kept;
	struct buffer text;
	size_t length = 0;
	bool quoted = false;

	while (**at == ' ')
		(*at)++;
	if (**at == '\0')
		return NULL;
	for (; **at != '\0' && (quoted || **at != ' '); (*at)++) {
		if (**at == '\'')
			quoted = !quoted;
		else
			word[length++] = **at;
	}
	word[length] = '\0';
	buffer_init(&text, LINE_ROOM);
	add_text(&text, word, "");
	kept = keep(row, buffer_string(&text));
	buffer_free(&text);
	return kept;
}

/* One word that starts with '-'. Options that do not concern the message are passed over. */
static void
read_option(struct row *row, const char *word, const char **at)
{
	const char *value = NULL;

	if (strcmp(word, "-oi") == 0)
		row->ignore_dots = true;
	for (const char *letter = word + 1; *letter != '\0' && value == NULL; letter++) {
		if (strchr("frFBNRVoOe", *letter) != NULL)
			value = letter[1] != '\0' ? letter + 1 : next_word(row, at);
		if (*letter == 'f' || *letter == 'r')
			row->submission.sender = value;
		else if (*letter == 'F')
			row->submission.full_name = value;
		else if (*letter == 't')
			row->submission.from_header = true;
		else if (*letter == 'i')
			row->ignore_dots = true;
	}
}

static void
read_args(struct row *row, const char *at)
{
	bool options = true;
	char *word;

	while ((word = next_word(row, &at)) != NULL) {
		options = options && word[0] == '-' && word[1] != '\0';
		if (options && strcmp(word, "--") != 0)
			read_option(row, word, &at);
		else if (!options)
			row->recipients[row->submission.recipient_count++] = word;
		else
			options = false;
	}
	row->submission.recipients = row->recipients;
}

static void
read_set(struct row *row, const char *key, const char *value)
{
	struct identity *identity = &row->identity;
	const struct {
		const char *key;
		const char **value;
	} keys[] = {
		{ "domain", &identity->domain },
		{ "host", &identity->host },
		{ "login", &identity->login },
		{ "gecos", &identity->gecos },
		{ "name", &identity->name },
		{ "from", &identity->from },
		{ "from_name", &identity->from_name },
		{ "forced_from", &row->senders.forced },
		{ "keep_from", &row->keep_from[row->senders.keep_count] },
		{ "fields", &row->fields },
		{ "offers", &row->offers },
	};
	struct buffer text;

	if (strcmp(key, "zone") == 0)
		row->zone = atoi(value);
	if (strcmp(key, "uid") == 0)
		identity->uid = strtoul(value, NULL, 10);
	buffer_init(&text, LINE_ROOM);
	add_text(&text, value, "");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].key, key) == 0)
			*keys[i].value = keep(row, buffer_string(&text));
	row->senders.keep_count += strcmp(key, "keep_from") == 0;
	buffer_free(&text);
}

static void
read_alias(struct row *row, const char *name, const char *targets)
{
	size_t i = row->identity.alias_count++;

	row->targets[i] = keep(row, targets);
	row->aliases[i] = (struct alias_row){ keep(row, name), &row->targets[i], 1 };
	row->identity.aliases = row->aliases;
}

static void
read_wanted(struct row *row, const char *what, const char *value)
{
	static const char *const results[] = { "ok", "no-recipients", "bad-data" };
	bool bad = strcmp(what, "bad") == 0;

	if (bad || strcmp(what, "to") == 0)
		row->wanted[row->wanted_count++] = (struct wanted){ bad, keep(row, value), NULL };
	else if (strcmp(what, "why") == 0 && row->wanted_count > 0)
		row->wanted[row->wanted_count - 1].why = keep(row, value);
	else if (strcmp(what, "why") == 0)
		row->why = keep(row, value);
	else if (strcmp(what, "sender") == 0)
		row->sender = keep(row, value);
	else if (strcmp(what, "id") == 0)
		row->id = keep(row, value);
	else if (strcmp(what, "longest") == 0)
		row->longest = strtoul(value, NULL, 10);
	for (size_t i = 0; i < 3; i++)
		if (strcmp(what, "result") == 0 && strcmp(results[i], value) == 0)
			row->result = (enum compose_result)i;
}

static void
add_define(struct row *row, const char *name)
{
	for (size_t i = 0; i < define_count; i++) {
		if (strcmp(defines[i].name, name) == 0) {
			buffer_add(&row->wire, defines[i].text.data, defines[i].text.length);
			return;
		}
	}
	ok(false, "%s: nothing is defined as %s", row->name, name);
}

static void
row_init(struct row *row, const char *name)
{
	memset(row, 0, sizeof(*row));
	row->name = copy_string(name);
	row->identity = default_identity;
	buffer_init(&row->input, MESSAGE_ROOM);
	buffer_init(&row->wire, MESSAGE_ROOM);
}

static void
row_free(struct row *row)
{
	for (size_t i = 0; i < row->word_count; i++)
		free(row->words[i]);
	free(row->name);
	buffer_free(&row->input);
	buffer_free(&row->wire);
}

/* What came of a row. */
struct outcome {
	struct envelope envelope;
	struct buffer wire;
	struct reason reason;
	enum compose_result result;
};

static bool
offers(const struct row *row, const char *word)
{
	return row->offers == NULL || strstr(row->offers, word) != NULL;
}

/* What smtp/form.c decides for a server of this row. */
static unsigned
convert_bits(const struct row *row, const struct envelope *e)
{
	bool utf8 = e->sender != NULL && address_needs_utf8(e->sender);
	unsigned bits = 0;

	for (size_t i = 0; i < e->count; i++)
		utf8 = utf8 || address_needs_utf8(e->recipients[i].address);
	if (row->offers == NULL)
		return 0;
	if (e->facts.longest_line > TEXT_LINE_MAX)
		bits |= CONVERT_LINES;
	if (e->facts.eight_bit && !offers(row, "8bitmime"))
		bits |= CONVERT_EIGHT_BIT;
	if (e->facts.eight_bit && !(utf8 && offers(row, "smtputf8")))
		bits |= CONVERT_HEADER;
	return bits;
}

/* The stored message on the wire of the row's smarthost. */
static void
send(const struct row *row, size_t step, const struct buffer *stored, struct outcome *outcome)
{
	struct sender_rule senders = row->senders;
	const struct outgoing_options options = {
		.stuff_dots = true,
		.convert = convert_bits(row, &outcome->envelope),
		.utf8 = !outcome->envelope.facts.not_utf8,
		.senders = &senders,
		.fields = row->fields,
	};
	struct outgoing *outgoing;

	senders.keep = row->keep_from;
	senders.name = row->identity.from_name;
	senders.domain = row->identity.domain;
	outgoing = outgoing_new(&options);
	for (size_t i = 0; i < stored->length; i += step) {
		size_t left = stored->length - i;

		outgoing_add(outgoing, stored->data + i, left < step ? left : step, &outcome->wire);
	}
	outgoing_end(outgoing, &outcome->wire);
	outgoing_free(outgoing);
	if (outcome->envelope.sender != NULL) {
		char *allowed = copy_string(sender_allowed(&senders, outcome->envelope.sender));

		free(outcome->envelope.sender);
		outcome->envelope.sender = allowed;
	}
}

/* The way of a message: reader, compose, facts, and out again. step: bytes at a time. */
static void
run(const struct row *row, size_t step, struct outcome *outcome)
{
	const struct stamp stamp = { 1795463280, row->zone, "4F00D1A2B3C4" };
	struct buffer header, body, composed;
	struct reader reader;

	buffer_init(&header, HEADER_MAX);
	buffer_init(&body, MESSAGE_ROOM);
	buffer_init(&composed, MESSAGE_ROOM);
	buffer_init(&outcome->wire, MESSAGE_ROOM);
	envelope_init(&outcome->envelope);
	outcome->reason.text[0] = '\0';
	reader_init(&reader, !row->ignore_dots);
	for (size_t i = 0; i < row->input.length; i += step) {
		size_t left = row->input.length - i;

		reader_input(&reader, row->input.data + i, left < step ? left : step, &header, &body);
	}
	reader_end(&reader, &header, &body);
	outcome->result =
	    compose(&header, &row->submission, &row->identity, &stamp, &outcome->envelope, &composed, &outcome->reason);
	composed.limit = MESSAGE_ROOM;
	buffer_add(&composed, body.data, body.length);
	facts_add(&outcome->envelope.facts, composed.data, composed.length);
	send(row, step, &composed, outcome);
	buffer_free(&header);
	buffer_free(&body);
	buffer_free(&composed);
}

/* Prints a line of the wire with its control characters visible. */
static void
show_line(const char *title, const struct buffer *text, size_t start)
{
	char line[160];
	size_t length = 0;

	for (; start < text->length && text->data[start] != '\n' && length < sizeof(line) - 5; start++) {
		unsigned char c = (unsigned char)text->data[start];

		if (c < ' ' || c > 0x7e)
			length += (size_t)snprintf(line + length, 5, "\\x%02x", c);
		else
			line[length++] = (char)c;
	}
	line[length] = '\0';
	note("%s %s%s", title, line, start == text->length ? "[end]" : "");
}

static bool
same_wire(const struct row *row, const struct outcome *outcome)
{
	size_t i = 0, line = 0;

	while (i < row->wire.length && i < outcome->wire.length && row->wire.data[i] == outcome->wire.data[i]) {
		if (row->wire.data[i++] == '\n')
			line = i;
	}
	if (i == row->wire.length && i == outcome->wire.length)
		return true;
	show_line("want", &row->wire, line);
	show_line("got ", &outcome->wire, line);
	return false;
}

static bool
same_text_or_unasked(const char *what, const char *want, const char *got)
{
	bool same = want == NULL || (got != NULL && strcmp(want, got) == 0);

	if (!same)
		note("%s: want %s, got %s", what, want, got != NULL ? got : "(none)");
	return same;
}

static bool
same_recipient(const struct wanted *wanted, const struct recipient *got)
{
	bool bad = got->verdict == FAILED && got->reply.code == 553 && strcmp(got->reply.enhanced, "5.1.3") == 0;

	if (wanted->bad != bad || (!bad && got->verdict != DEFERRED)) {
		note("%s: want %s, got verdict %d %s", got->address, wanted->bad ? "bad" : "good", got->verdict,
		    got->reply.text);
		return false;
	}
	if (bad && wanted->why != NULL && strstr(got->reply.text, wanted->why) == NULL) {
		note("%s: want reason %s, got %s", got->address, wanted->why, got->reply.text);
		return false;
	}
	return same_text_or_unasked("recipient", wanted->address, got->address);
}

static bool
same_envelope(const struct row *row, const struct envelope *envelope)
{
	bool good = same_text_or_unasked(
	    "sender", row->sender != NULL && strcmp(row->sender, "<>") == 0 ? "" : row->sender, envelope->sender);

	good &= same_text_or_unasked("message id", row->id, envelope->message_id);
	if (row->longest > 0 && row->longest != envelope->facts.longest_line) {
		note("longest line: want %zu, got %zu", row->longest, envelope->facts.longest_line);
		good = false;
	}
	for (size_t i = 0; i < row->wanted_count && i < envelope->count; i++)
		good &= same_recipient(&row->wanted[i], &envelope->recipients[i]);
	if (row->wanted_count != envelope->count) {
		note("want %zu recipients, got %zu", row->wanted_count, envelope->count);
		good = false;
	}
	return good;
}

static bool
same_outcome(const struct row *row, const struct outcome *outcome)
{
	if (outcome->result != row->result) {
		note("want result %d, got %d: %s", row->result, outcome->result, outcome->reason.text);
		return false;
	}
	if (row->result != COMPOSE_OK && row->why != NULL && strstr(outcome->reason.text, row->why) == NULL) {
		note("want reason %s, got %s", row->why, outcome->reason.text);
		return false;
	}
	if (row->result != COMPOSE_OK)
		return true;
	return same_envelope(row, &outcome->envelope) && same_wire(row, outcome);
}

static void
check(struct row *row)
{
	static const size_t steps[] = { MESSAGE_ROOM, 1 };
	bool good = true;

	for (size_t i = 0; i < 2 && good; i++) {
		struct outcome outcome;

		run(row, steps[i], &outcome);
		good = same_outcome(row, &outcome);
		if (!good && i == 1)
			note("byte by byte only");
		envelope_free(&outcome.envelope);
		buffer_free(&outcome.wire);
	}
	ok(good, "%s", row->name);
	row_free(row);
}

/* Cuts the first word off a line. */
static char *
cut_word(char **line)
{
	char *word = *line, *end = word + strcspn(word, " ");

	*line = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return word;
}

static void
read_directive(struct row *row, char *line)
{
	const char *word = cut_word(&line), *second;

	if (strcmp(word, "args") == 0) {
		read_args(row, line);
		return;
	}
	second = cut_word(&line);
	if (strcmp(word, "set") == 0)
		read_set(row, second, line);
	else if (strcmp(word, "alias") == 0)
		read_alias(row, second, line);
	else if (strcmp(word, "want") == 0)
		read_wanted(row, second, line);
	else
		ok(false, "%s: no such line: %s", row->name, word);
}

static void
read_file(FILE *file)
{
	static struct row row;
	struct buffer *define = NULL;
	char line[LINE_ROOM];

	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (strncmp(line, "define ", 7) == 0) {
			define = &defines[define_count].text;
			buffer_init(define, LINE_ROOM);
			defines[define_count++].name = copy_string(line + 7);
		} else if (strncmp(line, "=== ", 4) == 0) {
			if (row.name != NULL)
				check(&row);
			row_init(&row, line + 4);
			define = NULL;
		} else if (line[0] == '<')
			add_text(&row.input, line + 1, "\n");
		else if (line[0] == '>')
			add_text(define != NULL ? define : &row.wire, line + 1, "\r\n");
		else if (line[0] == '*')
			add_define(&row, line + 1);
		else
			read_directive(&row, line);
	}
	check(&row);
	memset(&row, 0, sizeof(row));
	while (define_count > 0) {
		free(defines[--define_count].name);
		buffer_free(&defines[define_count].text);
	}
}

static int
is_row_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && strcmp(entry->d_name + length - 4, ".row") == 0;
}

int
main(void)
{
	struct dirent **files;
	int count = scandir(folder, &files, is_row_file, alphasort);

	ok(count > 0, "there are rows in %s", folder);
	for (int i = 0; i < count; i++) {
		char path[512];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", folder, files[i]->d_name);
		file = fopen(path, "r");
		if (ok(file != NULL, "%s", path)) {
			read_file(file);
			fclose(file);
		}
		free(files[i]);
	}
	if (count >= 0)
		free(files);
	return tap_done();
}

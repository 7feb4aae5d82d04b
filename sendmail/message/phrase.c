/*
 * A display name becomes an atom, a quoted string or encoded words. What is
 * written here can be read back by any RFC 5322 parser as the same name, and no
 * byte of it can leave its field.
 */
#include "message/phrase.h"

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "message/ascii.h"

enum { WORD_MAX = 69 /* RFC 2047 section 2: 75 a word, 76 a line, and "From: " stands before the first */ };

/* Copies the name with controls as blanks, runs of blanks as one, none at the ends. */
static void
clean_name(struct buffer *out, const char *name)
{
	for (; *name != '\0'; name++) {
		char c = is_control(*name) ? ' ' : *name;

		if (c != ' ' || (out->length > 0 && out->data[out->length - 1] != ' '))
			buffer_add_char(out, c);
	}
	if (out->length > 0 && out->data[out->length - 1] == ' ')
		out->length--;
}

static bool
has_eight_bit(const char *name)
{
	while (*name != '\0' && !is_eight_bit(*name))
		name++;
	return *name != '\0';
}

/* Bytes of the UTF-8 character at p; 0: it is none. The name is terminated, so this never reads past it. */
static size_t
character_length(const char *p)
{
	unsigned char first = (unsigned char)*p;
	size_t length = first < 0x80   ? 1
			: first < 0xc2 ? 0
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
			: first < 0xf5 ? 4
				       : 0;

	for (size_t i = 1; i < length; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static bool
is_utf8(const char *name)
{
	for (size_t length; *name != '\0'; name += length)
		if ((length = character_length(name)) == 0)
			return false;
	return true;
}

/* The "Q" form of one byte inside a phrase (RFC 2047 section 5, rule 3). */
static void
add_q_byte(struct buffer *word, char c)
{
	if (c == ' ')
		buffer_add_char(word, '_');
	else if (is_letter_or_digit(c) || strchr("!*+-/", c) != NULL)
		buffer_add_char(word, c);
	else
		buffer_format(word, "=%02X", (unsigned char)c);
}

/* Words of at most WORD_MAX bytes, one a line; no character is cut in two. */
static void
add_encoded(struct buffer *out, const char *name)
{
	bool utf8 = is_utf8(name);
	const char *charset = utf8 ? "utf-8" : "unknown-8bit";
	struct buffer character;
	size_t used = 0;

	buffer_init(&character, WORD_MAX);
	for (size_t length; *name != '\0'; name += length) {
		length = utf8 ? character_length(name) : 1;
		buffer_clear(&character);
		for (size_t i = 0; i < length; i++)
			add_q_byte(&character, name[i]);
		if (used == 0 || used + character.length + 2 > WORD_MAX) {
			if (used > 0)
				buffer_add_string(out, "?=\n ");
			used = strlen(charset) + strlen("=??Q?");
			buffer_format(out, "=?%s?Q?", charset);
		}
		buffer_add(out, character.data, character.length);
		used += character.length;
	}
	buffer_add_string(out, "?=");
	buffer_free(&character);
}

/* Not for one atom, nor for words some of which are encoded: quotes would keep them from being decoded. */
static bool
needs_quotes(const char *name)
{
	bool encoded = strstr(name, "=?") != NULL && strstr(name, "?=") != NULL;

	while (is_atom(*name) || (encoded && *name == ' '))
		name++;
	return *name != '\0';
}

static void
add_quoted(struct buffer *out, const char *name)
{
	buffer_add_char(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			buffer_add_char(out, '\\');
		buffer_add_char(out, *name);
	}
	buffer_add_char(out, '"');
}

void
mailbox_add(struct buffer *out, const char *name, const char *address)
{
	struct buffer clean;
	const char *text;

	buffer_init(&clean, NAME_MAX_BYTES);
	clean_name(&clean, name);
	text = clean.overflow ? "" : buffer_string(&clean);
	if (*text == '\0')
		buffer_add_string(out, address);
	else {
		if (has_eight_bit(text))
			add_encoded(out, text);
		else if (needs_quotes(text))
			add_quoted(out, text);
		else
			buffer_add_string(out, text);
		buffer_format(out, " <%s>", address);
	}
	buffer_free(&clean);
}

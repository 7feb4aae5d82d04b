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
#include "message/words.h"

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
		if (has_eight_bit(text, strlen(text)))
			words_add(out, text, strlen(text));
		else if (needs_quotes(text))
			add_quoted(out, text);
		else
			buffer_add_string(out, text);
		buffer_format(out, " <%s>", address);
	}
	buffer_free(&clean);
}

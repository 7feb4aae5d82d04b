/*
 * A table says what each field consists of; three encoders and the fold do the
 * rest. Whatever they leave that is not ASCII becomes a question mark, so that
 * the promise of a legal header needs no trust in them.
 */
#include "message/fields.h"

#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/ascii.h"
#include "message/fold.h"
#include "message/mailboxes.h"
#include "message/parameters.h"
#include "message/words.h"

static void encode_tokens(struct buffer *, const char *, size_t);

static void (*const encoders[])(struct buffer *, const char *, size_t) = {
	[FIELD_TEXT] = words_add_text,
	[FIELD_ADDRESSES] = mailboxes_encode,
	[FIELD_PARAMETERS] = parameters_encode,
	[FIELD_TOKENS] = encode_tokens,
};

static const struct {
	const char *name;
	enum field_kind kind;
} rows[] = {
	{ "From", FIELD_ADDRESSES },
	{ "Sender", FIELD_ADDRESSES },
	{ "Reply-To", FIELD_ADDRESSES },
	{ "To", FIELD_ADDRESSES },
	{ "Cc", FIELD_ADDRESSES },
	{ "Bcc", FIELD_ADDRESSES },
	{ "Resent-From", FIELD_ADDRESSES },
	{ "Resent-Sender", FIELD_ADDRESSES },
	{ "Resent-To", FIELD_ADDRESSES },
	{ "Resent-Cc", FIELD_ADDRESSES },
	{ "Resent-Bcc", FIELD_ADDRESSES },
	{ "Resent-Reply-To", FIELD_ADDRESSES },
	{ "Mail-Followup-To", FIELD_ADDRESSES },
	{ "Mail-Reply-To", FIELD_ADDRESSES },
	{ "Errors-To", FIELD_ADDRESSES },
	{ "Return-Receipt-To", FIELD_ADDRESSES },
	{ "Disposition-Notification-To", FIELD_ADDRESSES },
	{ "Content-Type", FIELD_PARAMETERS },
	{ "Content-Disposition", FIELD_PARAMETERS },
	{ "Content-Transfer-Encoding", FIELD_TOKENS },
	{ "Content-ID", FIELD_TOKENS },
	{ "Content-Location", FIELD_TOKENS },
	{ "MIME-Version", FIELD_TOKENS },
	{ "Message-ID", FIELD_TOKENS },
	{ "In-Reply-To", FIELD_TOKENS },
	{ "References", FIELD_TOKENS },
	{ "Date", FIELD_TOKENS },
	{ "Resent-Message-ID", FIELD_TOKENS },
	{ "Resent-Date", FIELD_TOKENS },
	{ "Received", FIELD_TOKENS },
	{ "Return-Path", FIELD_TOKENS },
	{ "DKIM-Signature", FIELD_TOKENS },
	{ "Authentication-Results", FIELD_TOKENS },
	{ "List-Id", FIELD_TOKENS },
	{ "List-Unsubscribe", FIELD_TOKENS },
};

enum field_kind
field_kind_of(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (same_text(name, length, rows[i].name))
			return rows[i].kind;
	return FIELD_TEXT;
}

static void
encode_tokens(struct buffer *out, const char *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_add_char(out, is_eight_bit(value[i]) ? '?' : value[i]);
}

static void
add_whole(
    struct buffer *out, enum field_kind kind, const char *name, size_t length, const char *value, size_t n, bool encode)
{
	size_t start;

	buffer_add(out, name, length);
	if (length > 0)
		buffer_add_char(out, ':');
	start = out->length;
	if (encode && has_eight_bit(value, n))
		encoders[kind](out, value, n);
	else
		buffer_add(out, value, n);
	/* What no rule could encode. */
	for (size_t i = start; encode && i < out->length; i++)
		if (is_eight_bit(out->data[i]))
			out->data[i] = '?';
	buffer_add_char(out, '\n');
}

/* Folds everything from start on. */
static void
fold_from(struct buffer *out, size_t start)
{
	size_t length = out->length - start;
	char *copy;

	if (!has_long_line(out->data + start, length))
		return;
	copy = copy_bytes(out->data + start, length);
	out->length = start;
	fold_add(out, copy, length);
	free_secret(copy);
}

void
field_add_kind(struct buffer *out, enum field_kind kind, const char *name, size_t length, const char *value, size_t n,
    bool encode, bool fold)
{
	size_t start = out->length;

	add_whole(out, kind, name, length, value, n, encode);
	if (fold)
		fold_from(out, start);
}

void
field_add(struct buffer *out, const char *name, size_t length, const char *value, size_t n, bool encode, bool fold)
{
	field_add_kind(out, field_kind_of(name, length), name, length, value, n, encode, fold);
}

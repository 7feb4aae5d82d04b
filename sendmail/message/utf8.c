/*
 * The table 3-7 of the Unicode standard: what a first byte asks of the next
 * ones. Only the second byte is ever bounded more tightly than 80..BF.
 */
#include "message/utf8.h"

static const struct row {
	unsigned char first, last; /* of the first byte */
	unsigned char need;
	unsigned char low, high; /* of the second byte */
} rows[] = {
	{ 0x00, 0x7f, 0, 0, 0 },
	{ 0xc2, 0xdf, 1, 0x80, 0xbf },
	{ 0xe0, 0xe0, 2, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x80, 0xbf },
	{ 0xed, 0xed, 2, 0x80, 0x9f },
	{ 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf },
	{ 0xf1, 0xf3, 3, 0x80, 0xbf },
	{ 0xf4, 0xf4, 3, 0x80, 0x8f },
};

/* NULL: no character begins so. */
static const struct row *
row_of(unsigned char first)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (first >= rows[i].first && first <= rows[i].last)
			return &rows[i];
	return NULL;
}

static void
add_byte(struct utf8 *u, unsigned char c)
{
	const struct row *row;

	if (u->need > 0) {
		u->broken = u->broken || c < u->low || c > u->high;
		u->need--;
		u->low = 0x80;
		u->high = 0xbf;
		return;
	}
	row = row_of(c);
	if (row == NULL)
		u->broken = true;
	else {
		u->need = row->need;
		u->low = row->low;
		u->high = row->high;
	}
}

void
utf8_add(struct utf8 *u, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !u->broken; i++)
		add_byte(u, (unsigned char)text[i]);
}

bool
utf8_is_valid(const char *text, size_t n)
{
	struct utf8 u = { .need = 0 };

	utf8_add(&u, text, n);
	return !u.broken && u.need == 0;
}

size_t
utf8_length(const char *p, const char *end)
{
	const struct row *row = p < end ? row_of((unsigned char)*p) : NULL;
	size_t length = row != NULL ? row->need + 1u : 0;

	return length > 0 && length <= (size_t)(end - p) && utf8_is_valid(p, length) ? length : 0;
}

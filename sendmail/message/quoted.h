/*
 * The text of one part on its way through: quoted-printable (RFC 2045 6.7),
 * base64 with shorter lines, or lines that are only kept legal. Push filter from
 * LF line ends to LF line ends; any cut of the input gives the same result.
 */
#ifndef MESSAGE_QUOTED_H
#define MESSAGE_QUOTED_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

enum quoted_form {
	QUOTED_AS_IS,
	/* Lines over TEXT_LINE_MAX are continued behind a line end and a blank, 8-bit bytes become "=XX". */
	QUOTED_LEGAL,
	/* Decodes to exactly the text that came; no line begins like an mbox line, a dot or, newly, a boundary. */
	QUOTED_ENCODE,
	/* Quoted-printable already: lines that are too long get soft breaks. */
	QUOTED_BREAK,
	/* Base64 already: longer lines are broken at 76. */
	QUOTED_BASE64,
};

struct quoted {
	enum quoted_form form;
	bool lines; /* QUOTED_LEGAL: breaks lines */
	bool eight_bit; /* no 8-bit byte may pass */
	/* private, 0 at the start of a part */
	size_t column; /* bytes of the output's line */
	bool broken; /* that line began with our own break */
	char blank; /* held back: it may end its line */
	char before; /* byte that came last */
	unsigned escape; /* bytes left of an "=XX" */
	unsigned from; /* bytes of "From" that the line consists of */
};

/* Appends what n bytes become: at most 4 * n + QUOTED_HELD bytes. */
enum { QUOTED_HELD = 8 };
void quoted_add(struct quoted *, const char *, size_t n, struct buffer *out);

#endif

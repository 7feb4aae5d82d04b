/*
 * Second pass, while sending: the stored form (LF line ends) becomes the wire
 * form for this smarthost. Push filter: any cut of the input into blocks gives
 * the same result. Pure.
 *
 * Always: CRLF line ends and, for DATA, doubled dots. With fields: they stand
 * before the message's own header. With a sender rule: From, and Sender, say what the
 * smarthost allows (see sender_rule). With convert bits: text that this
 * smarthost, or SMTP itself, cannot carry is encoded, part by part (RFC 2045,
 * 2046, 2047, 2231), and nothing else changes, but that Content-Transfer-Encoding
 * then stands last in its header and every header ends with an empty line.
 *
 * What cannot be encoded, because RFC 2046 forbids it (the text between parts,
 * message/partial, message/delivery-status and the like, parts within more than 32
 * multiparts): its long lines get a line end and a blank, its 8-bit bytes become
 * "=XX". A multipart/signed and all within it stays as it is, unless the server
 * takes no 8-bit text.
 */
#ifndef MESSAGE_OUTGOING_H
#define MESSAGE_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct outgoing;

enum { TEXT_LINE_MAX = 998 /* RFC 5322 2.1.1: bytes without line end */ };

/* Bits: what has to be encoded. */
enum {
	CONVERT_LINES =
	    1, /* leaf parts that are not encoded yet become quoted-printable, base64 is broken into lines */
	CONVERT_EIGHT_BIT = 2, /* the same for a server without 8BITMIME, also inside signed parts */
	CONVERT_HEADER = 4, /* 8-bit header text, top level and parts: for all but SMTPUTF8 transactions */
};

/*
 * What a smarthost demands of senders. An address that no keep pattern matches
 * is replaced by forced: of a From field of several the first one decides for
 * all. The display name stays, else it gets name; the replaced From stays visible
 * as X-Original-From (one line, cut at 900 bytes), and as Reply-To when its domain
 * is not ours and there is no Reply-To; a Sender that would be replaced is left
 * out. Everything borrowed.
 */
struct sender_rule {
	const char *forced; /* NULL: every sender may stay */
	const char *name; /* display name for forced; NULL: none */
	const char *const *keep; /* patterns of base/encode.h matches() */
	size_t keep_count;
	const char *domain; /* ours: [identity] domain */
};

/* The envelope sender to use for this one: itself or rule->forced; the null sender stays. rule may be NULL. */
const char *sender_allowed(const struct sender_rule *, const char *sender);

/* Everything borrowed for the life of the filter. */
struct outgoing_options {
	bool stuff_dots; /* DATA: a dot that starts a line is doubled (RFC 5321 4.5.2); not for BDAT */
	unsigned convert; /* CONVERT_ bits */
	bool utf8; /* 8-bit text without a charset is UTF-8; else it is called unknown-8bit */
	const struct sender_rule *senders; /* NULL: none */
	const char *fields; /* whole header lines with LF ends; NULL: none */
};

enum {
	/* One call with n stored bytes appends at most OUTGOING_GROWTH * n + OUTGOING_HELD bytes. */
	OUTGOING_GROWTH = 16, /* of a header of nothing but odd bytes; text grows to 4 times its size at most */
	OUTGOING_HELD = 2 << 20, /* a field held back until it is complete, and outgoing_options.fields */
	OUTGOING_FIELDS_MAX = 32 << 10, /* bytes of outgoing_options.fields */
};

struct outgoing *outgoing_new(const struct outgoing_options *);
void outgoing_free(struct outgoing *); /* NULL is fine */
void outgoing_add(struct outgoing *, const char *, size_t n, struct buffer *out);
/* The message is over: appends what was held back, and a last line end if it is missing. */
void outgoing_end(struct outgoing *, struct buffer *out);

#endif

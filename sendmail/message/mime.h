/*
 * The structure of a message (RFC 2046) as a push parser: which lines are
 * fields, which are text, and of what part. Any cut of the input gives the same
 * calls but for how text is cut. Decisions fall at the end of each part's
 * header, from that header alone; nothing is looked at ahead.
 *
 * Where readers differ on input that is wrong: a part's header ends at an empty
 * line, at a line that is no field ("Name:" without a blank), or at a boundary; a
 * boundary of an outer part ends the inner ones; a multipart without a boundary
 * parameter is text.
 */
#ifndef MESSAGE_MIME_H
#define MESSAGE_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "message/header.h"

enum {
	MIME_DEPTH_MAX = 32, /* multiparts within each other; what lies deeper is MIME_FIXED */
	MIME_FIELD_MAX = (64 << 10) - 2, /* bytes of a field; longer ones come in pieces */
	MIME_LINE_MAX = 998, /* bytes of a line that could be a boundary, with its line end */
};

enum mime_kind {
	MIME_TEXT, /* a part without parts, of any type; a message without structure */
	MIME_MULTIPART,
	MIME_MESSAGE, /* its body is a message with a header of its own */
	MIME_SIGNED, /* multipart/signed that is not entered: its text must not change */
	MIME_FIXED, /* must not be encoded: message/partial and the like, what is nested too deeply */
	MIME_BETWEEN, /* what stands before the first and behind the last part */
};

enum mime_encoding {
	ENCODING_NONE, /* no field, or 7bit */
	ENCODING_8BIT,
	ENCODING_BINARY,
	ENCODING_QUOTED_PRINTABLE,
	ENCODING_BASE64,
	ENCODING_UUENCODE, /* old private forms that readers know still */
	ENCODING_UNKNOWN,
};

/* What the header says of its part. */
struct mime_part {
	enum mime_kind kind; /* final at the end of the header */
	enum mime_encoding encoding;
	bool is_message; /* the header is a message's, not a part's */
	bool has_type, has_encoding, has_version;
};

/* What is called, each with the context of mime_init(). The texts live until the call returns. */
struct mime_handler {
	/*
	 * A field, in whole lines. continued: it is the rest of a field too long to come at once, or a
	 * line that belongs to no field; then the name is empty and value begins with the first byte.
	 */
	void (*field)(void *, const struct field *, bool continued);
	/* The header is over; ended: text may follow, behind the empty line that is to be written, be it there or not.
	 * With part.kind set to MIME_TEXT here the parts within are not entered. */
	void (*header_end)(void *, bool ended);
	/* Text of the current part with its line ends. */
	void (*text)(void *, const char *, size_t n);
	/* A boundary line with its line end. mime->part is the part that begins, or MIME_BETWEEN. */
	void (*boundary)(void *, const char *, size_t n);
};

struct mime {
	struct mime_part part; /* the current one */
	bool top; /* in the header of the whole message */
	size_t depth; /* multiparts around us */
	/* private */
	const struct mime_handler *handler;
	void *context;
	bool enter_signed;
	bool in_header;
	int line; /* what the current line is known to be */
	struct {
		char *boundary; /* owned */
		size_t length;
		bool digest; /* its parts are messages unless they say otherwise */
	} levels[MIME_DEPTH_MAX];
	char *boundary; /* owned; of the multipart whose header is being read */
	size_t boundary_length;
	bool digest; /* that multipart is a digest */
	struct buffer held; /* start of a line that is not decided yet */
	struct buffer field; /* the field being collected */
	bool collecting; /* field holds one, or its rest */
	bool continued; /* what it holds is a rest */
};

void mime_init(struct mime *, const struct mime_handler *, void *context, bool enter_signed);
void mime_free(struct mime *);
void mime_add(struct mime *, const char *, size_t n);
/* The message is over. A last line without end gets one. */
void mime_end(struct mime *);

#endif

/*
 * Address lists (RFC 5322 3.4 and the obsolete forms of 4.4) as a pull parser.
 * One that is wrong does not spoil its neighbours: parsing goes on behind the
 * next comma. Nothing is allocated; the text is only pointed into.
 *
 * Accepted beyond the RFC because callers send it: bare names ("root"), empty
 * list elements, ';' between addresses, dots anywhere in a local part, and
 * UTF-8 wherever an atom may stand (RFC 6532): such addresses need SMTPUTF8. A
 * leading '-' is legal: addresses never become arguments of a program.
 */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "message/envelope.h"

struct buffer;

enum address_result {
	ADDRESS_END, /* no more */
	ADDRESS_FOUND,
	ADDRESS_NULL, /* "<>": right only as a sender */
	ADDRESS_BAD, /* see reason */
};

/* One mailbox. The pointers lead into the text that was parsed. */
struct address {
	const char *start; /* all of it: name, comments, brackets */
	size_t length;
	size_t phrase_length; /* what stands before '<' */
	const char *spec; /* the address alone, without brackets and route */
	size_t spec_length;
	char text[ADDRESS_MAX + 1]; /* the address in wire form; of a bare name the local part only */
	size_t local_length; /* of text: local part in wire form */
	bool bare; /* no '@', or the domain is localhost: a name of this machine, useless to any other */
	const char *reason; /* why it is bad */
};

struct address_list {
	const char *at, *end;
	bool group; /* a group was seen: even without members the list is not empty */
	unsigned unclosed; /* quotes, comments and brackets without end that were met */
};

void address_list_init(struct address_list *, const char *text, size_t);
/* text, local_length and bare are filled for FOUND, reason for BAD, the rest except for END. */
enum address_result address_next(struct address_list *, struct address *);

/* True when SMTP can carry the address only with SMTPUTF8 (RFC 6531). */
bool address_needs_utf8(const char *);

/*
 * Behind the quoted string, comment or angle brackets that open at p (p < end):
 * p itself when nothing opens there, NULL when it never closes. unclosed counts the latter over a walk, from 0;
 * behind a few of them nothing opens any more, or a hostile text would cost quadratic time.
 */
const char *address_skip(const char *p, const char *end, unsigned *unclosed);

/* Append the display name as its reader sees it: no quotes, no folding, no control characters. */
void address_name(const struct address *, struct buffer *);
/* The same for its comments. */
void address_comment(const struct address *, struct buffer *);

/*
 * Puts an address together; the local part is quoted when it has to be. False
 * when there is none that SMTP could carry.
 */
bool address_join(char out[ADDRESS_MAX + 1], const char *local, const char *domain);

#endif

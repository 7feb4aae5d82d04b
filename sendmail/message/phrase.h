/*
 * Display names on their way into a header.
 */
#ifndef MESSAGE_PHRASE_H
#define MESSAGE_PHRASE_H

struct buffer;

/* A name longer than this is no name: it is left out. So the line that holds it stays legal. */
enum { NAME_MAX_BYTES = 200 };

/*
 * Appends `name <address>`, or the address alone when the name is empty. The
 * name may be any bytes: it is quoted when it needs to be, encoded (RFC 2047)
 * when it is not ASCII, and control characters become blanks.
 */
void mailbox_add(struct buffer *, const char *name, const char *address);

#endif

/*
 * Address fields with text that is not ASCII, on their way to readers who take
 * only ASCII.
 */
#ifndef MESSAGE_MAILBOXES_H
#define MESSAGE_MAILBOXES_H

#include <stddef.h>

struct buffer;

/*
 * Appends an address list: 8-bit names and comments become encoded words (RFC
 * 2047); a mailbox whose address itself is not ASCII becomes an empty group whose
 * name shows it (RFC 6857 section 3.1.3). Elements that are ASCII stay as they are.
 */
void mailboxes_encode(struct buffer *, const char *list, size_t n);

#endif

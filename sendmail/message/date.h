/*
 * Dates of header fields, without the C library's calendar: no locale, no time
 * zone file, no environment.
 */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include <stdint.h>

struct buffer;

/* Appends the moment as RFC 5322 3.3 wants it: "Mon, 23 Nov 2026 19:48:00 +0000". */
void date_add(struct buffer *, int64_t seconds_since_1970, int minutes_east);

#endif

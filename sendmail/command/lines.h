/*
 * Lines that are too long for SMTP: they are encoded while sending, but not
 * where a signature covers them.
 */
#ifndef COMMAND_LINES_H
#define COMMAND_LINES_H

#include "queue/queue.h"

/*
 * Looks at a stored message that has a line over TEXT_LINE_MAX. EX_OK when it can
 * be sent; else EX_DATAERR, or EX_IOERR when it cannot be read, with a reason.
 */
int check_lines(const struct entry *, struct reason *);

#endif

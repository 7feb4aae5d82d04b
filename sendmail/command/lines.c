/*
 * Only a message with such a line is read again, and only up to the first one
 * that is signed.
 */
#include "command/lines.h"

#include <sysexits.h>

#include "message/longline.h"
#include "message/outgoing.h"

enum { BLOCK = 32768 };

int
check_lines(const struct entry *entry, struct reason *reason)
{
	struct longline lines;
	char block[BLOCK];
	off_t offset = 0;
	ssize_t n = 0;

	longline_init(&lines);
	while (lines.found == 0 && (n = entry_read(entry, block, sizeof(block), offset)) > 0) {
		longline_add(&lines, block, (size_t)n);
		offset += n;
	}
	longline_end(&lines);
	longline_free(&lines);
	if (n < 0) {
		reason_set(reason, "the stored message cannot be read; check the disk");
		return EX_IOERR;
	}
	if (lines.found == 0)
		return EX_OK;
	reason_set(reason, "a signed part holds a line of %zu bytes, %d is all that mail allows; sign after wrapping",
	    lines.found, TEXT_LINE_MAX);
	return EX_DATAERR;
}

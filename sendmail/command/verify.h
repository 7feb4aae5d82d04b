/*
 * sendmail -bv: what would become of each recipient, without sending anything.
 */
#ifndef COMMAND_VERIFY_H
#define COMMAND_VERIFY_H

#include "command/caller.h"
#include "command/options.h"

/*
 * Prints a line an address: those of the arguments and, with -t, of the header
 * on stdin, completed and with aliases expanded. EX_OK; EX_NOUSER when one of them
 * cannot be used; another status with a reason when there is none to look at.
 */
int verify(struct caller *, const struct options *, struct reason *);

#endif

/*
 * sendmail -bs: SMTP on stdin and stdout, for programs that speak it to a
 * process of their own.
 */
#ifndef COMMAND_SERVE_H
#define COMMAND_SERVE_H

#include "command/caller.h"
#include "command/options.h"

/*
 * Serves until QUIT or the end of stdin, then EX_OK: what was wrong was told in
 * replies. EX_IOERR when nothing can be heard or told. broken, when not NULL: the configuration
 * is, and messages are only stored; the reason goes to whoever cannot be served.
 */
int serve(struct caller *, const struct options *, const struct reason *broken);
/* Greets with a refusal and reads no further: the service is not there. */
void serve_refusal(const struct caller *, const struct reason *);

#endif

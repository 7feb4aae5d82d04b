/*
 * sendmailctl queue hold, release, delete and retry (sendmailctl.8). Each is a
 * subcommand: see struct control_row.
 */
#ifndef COMMAND_STEER_H
#define COMMAND_STEER_H

#include "base/buffer.h"
#include "command/caller.h"

int steer_hold(struct caller *, int argc, char **argv, struct reason *);
int steer_release(struct caller *, int argc, char **argv, struct reason *);
int steer_delete(struct caller *, int argc, char **argv, struct reason *);
int steer_retry(struct caller *, int argc, char **argv, struct reason *);

#endif

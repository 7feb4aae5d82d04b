/*
 * The smarthost of development and tests: a Maildir.
 */
#ifndef DELIVERY_MAILDIR_H
#define DELIVERY_MAILDIR_H

#include "base/buffer.h"
#include "queue/queue.h"

/*
 * Stores the message in the Maildir at path (made when missing), durably, with
 * Return-Path and one Delivered-To line a recipient in front. 0, or -1 with a reason.
 */
int maildir_deliver(const char *path, const struct entry *, struct reason *);

#endif

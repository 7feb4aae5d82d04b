/*
 * What people are told: exit status and the one line on stderr (sendmail.8,
 * "Exit status"), and the dialogue.
 */
#ifndef COMMAND_STATUS_H
#define COMMAND_STATUS_H

#include "delivery/session.h"
#include "message/envelope.h"

/* The status of a message with refused recipients: 65, 67 or 69. provider: as for explain_reply(), here and below. */
int refused_status(const struct envelope *, const char *provider);
/* The status of a message that could neither be sent nor stored. */
int unsent_status(const struct trouble *);
/* Appends "to ADDRESS: what the server said; what to do (and N more)" for the recipients with this verdict. */
void explain_recipients(const struct envelope *, enum verdict, const char *provider, struct buffer *);
/* For session_hooks.trace: a line of the dialogue, on stdout. */
void print_dialogue(void *context, bool from_server, const char *line);

#endif

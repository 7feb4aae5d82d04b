/*
 * Who calls, on which machine, with which configuration: everything the pure
 * layers take as arguments is collected here, once.
 */
#ifndef COMMAND_CALLER_H
#define COMMAND_CALLER_H

#include "base/buffer.h"
#include "config/config.h"
#include "message/compose.h"

enum { LOGIN_MAX = 64, HOST_MAX = 256 };

struct caller {
	char login[LOGIN_MAX]; /* of the real user; "uid-1000" without a passwd entry */
	char *gecos; /* owned; NULL: none */
	char *home; /* owned; NULL: none */
	char *name; /* owned; NAME of the environment; NULL: none */
	char host[HOST_MAX]; /* of this machine */
	bool privileged; /* set-id: the environment is not honoured */
	bool from_environment; /* the configuration, or its path, came by a variable */
	struct config config;
};

/*
 * Fills everything but the configuration. Nothing here fails: what is missing has a substitute.
 */
void caller_init(struct caller *);
/*
 * Reads the configuration, opens its log, wipes the environment's secrets.
 * EX_OK, or EX_CONFIG with a reason.
 */
int caller_configure(struct caller *, struct reason *);
void caller_free(struct caller *);

/* Builds the identity; its arrays live until caller_free(). */
void caller_identity(struct caller *, struct identity *);
void identity_free(struct identity *);
/* Minutes east of UTC, by the local time zone; 0 when privileged. */
int caller_zone(const struct caller *);
/* The moment. id is borrowed. */
void caller_stamp(const struct caller *, const char *id, struct stamp *);

#endif

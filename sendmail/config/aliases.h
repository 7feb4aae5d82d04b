/*
 * Aliases: the rows of the configuration, and files in the form of sendmail's
 * /etc/aliases. Nothing in such a file is an error: what cannot be used is a
 * line in config->warnings, and the rest counts.
 */
#ifndef CONFIG_ALIASES_H
#define CONFIG_ALIASES_H

#include <stddef.h>

#include "config/source.h"

struct alias;
struct config;
struct reason;

enum { ALIASES_FILE_MAX = 1 << 20 };

/* The alias of that name, without regard to case, added when there is none; NULL when there are ALIASES_MAX. */
struct alias *alias_get(struct config *, const char *name);
/*
 * Adds the rows of a text, those of names that are new: earlier rows win. A
 * name at host_name (may be NULL), at its first label or at localhost is the
 * bare name. path stands in warnings.
 */
void aliases_parse(struct config *, const char *path, const char *text, size_t length, const char *host_name);
/* The same for a file; FILE_MISSING and FILE_BAD come with a reason, without the path, and nothing was added. */
enum file_result aliases_read(struct config *, const char *path, const char *host_name, struct reason *);

#endif

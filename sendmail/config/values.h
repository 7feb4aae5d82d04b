/*
 * Kinds of values: how each is read from text, written back and freed. A field
 * is a pointer to the member that the key table names.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct list;
struct reason;

struct kind {
	/* Sets the field; 0, or -1 with `"x" is not a port, write ...`. A list is appended to. */
	int (*parse)(void *field, const char *text, struct reason *);
	/* Appends item number index (0 but for lists); false when there is none. */
	bool (*print)(const void *field, size_t index, struct buffer *);
	void (*release)(void *field); /* NULL: owns nothing */
	bool list; /* the key may be repeated */
	bool secret; /* never shown; any byte but NUL */
};

extern const struct kind kind_text, kind_secret, kind_path, kind_host, kind_port, kind_domain, kind_helo, kind_address,
    kind_tls, kind_auth, kind_yes_no, kind_delivery, kind_target, kind_format, kind_directory, kind_duration,
    kind_timeout, kind_size, kind_reserve, kind_retry, kind_connections, kind_messages, kind_recipients,
    kind_unsent_status, kind_patterns, kind_targets;

/* Sets the reason `"text" is not WHAT, write CURE`; returns -1. */
int value_refuse(struct reason *, const char *text, const char *what, const char *cure);

/* A domain or host name: labels of letters, digits, '-' and '_'. */
bool valid_domain(const char *);
/* The same with at least one dot between labels. */
bool valid_dotted_domain(const char *);
/* local@domain without quotes, comments and blanks. */
bool valid_address(const char *);
/* A name without a domain. */
bool valid_local_part(const char *, size_t);

#endif

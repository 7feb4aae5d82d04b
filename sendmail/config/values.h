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

extern const struct kind kind_text, kind_secret, kind_path, kind_host, kind_domain, kind_helo, kind_address,
    kind_source_address, kind_provider, kind_region, kind_stream, kind_command, kind_tls, kind_tls_version, kind_family,
    kind_auth, kind_yes_no, kind_delivery, kind_target, kind_format, kind_directory; /* values.c */
extern const struct kind kind_duration, kind_timeout, kind_size, kind_reserve, kind_retry, kind_connections,
    kind_messages, kind_recipients, kind_unsent_status; /* numbers.c */
extern const struct kind kind_ports, kind_pins, kind_password_files, kind_fields, kind_patterns,
    kind_targets; /* lists.c */

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
/* What mail may be sent on to: an address or a name. */
bool valid_target(const char *);

/* Calls add() for every item between commas, without its blanks; 0, or -1 with the reason of the first that fails. */
int
value_split(const char *text, void *field, int (*add)(void *field, const char *item, struct reason *), struct reason *);
/* Adds a copy; false when the list has LIST_MAX items. */
bool list_append(struct list *, const char *);
/* Wipes and frees the items. */
void list_free(struct list *);

#endif

/*
 * The key table: every key of sendmail.ini.5 in one row. It drives parsing,
 * defaults, printing, freeing and the test of the man page.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct kind;

enum section { SECTION_SMARTHOST, SECTION_IDENTITY, SECTION_ALIASES, SECTION_QUEUE, SECTION_LOG, SECTION_COUNT };

enum { KEYS_MAX = 64 };

struct key {
	enum section section;
	const char *name;
	const struct kind *kind; /* NULL: known, but not built yet */
	size_t offset; /* in struct smarthost for [smarthost], else in struct config */
	const char *initial; /* the default as one would write it; NULL: none, or found by a rule in complete.c */
	const char *help;
};

extern const struct key config_keys[];
extern const size_t config_key_count; /* at most KEYS_MAX */
/* In the order of enum section, without brackets. */
extern const char *const section_names[SECTION_COUNT];

/* The row of a key, or NULL. */
const struct key *key_find(enum section, const char *name);
/* The row of a key of that name in any section, or NULL. */
const struct key *key_find_anywhere(const char *name);
/* The nearest name of a built key of the section; NULL when none is near. */
const char *key_nearest(enum section, const char *name);
/* The nearest name of a section; NULL when none is near. */
const char *section_nearest(const char *name);
/* How many letters two names differ in, without regard to case; from NAME_FAR on nobody meant the other one. */
enum { NAME_FAR = 3 };
size_t name_distance(const char *, const char *);
/* Where the value of a key lives; base is the struct smarthost or the struct config. */
void *key_field(const struct key *, void *base);
/* Sets the default, if there is one, through the parser that reads what people write. */
void key_default(const struct key *, void *base);

#endif

/*
 * Whole header fields made legal: ASCII, and no line over TEXT_LINE_MAX.
 */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* What the value of a field consists of: how it is encoded. */
enum field_kind {
	FIELD_TEXT, /* unstructured, and every field that is not known */
	FIELD_ADDRESSES,
	FIELD_PARAMETERS,
	FIELD_TOKENS, /* ids, dates, domains: no word can be encoded there, 8-bit bytes become '?' */
};

enum field_kind field_kind_of(const char *name, size_t length);

/*
 * Appends "NAME:" (nothing when length is 0: a continuation), the value, which
 * holds its folding, and a line end. encode: what is 8-bit becomes ASCII; fold: long lines are folded,
 * also those that become long by it. What needs neither stays byte for byte.
 */
void field_add(struct buffer *, const char *name, size_t length, const char *value, size_t n, bool encode, bool fold);
/* The same with the kind of another field: pieces of one that came before. */
void field_add_kind(struct buffer *, enum field_kind, const char *name, size_t length, const char *value, size_t n,
    bool encode, bool fold);

#endif

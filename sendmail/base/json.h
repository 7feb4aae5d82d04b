/*
 * Strings of JSON (RFC 8259 section 7); all else of a JSON text is punctuation,
 * which whoever writes it writes.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

struct buffer;

/*
 * Appends the text as a string with its quotes. ASCII comes out, whatever goes
 * in: control characters are escaped, bytes beyond become the replacement character.
 */
void json_string(struct buffer *, const char *text);

#endif

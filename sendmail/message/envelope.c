/*
 * Envelope, verdicts and the facts counted while a message is stored. With ten
 * thousand recipients at most, a hash kept beside each address makes looking
 * for a duplicate a walk over numbers: no table to maintain.
 */
#include "message/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"

enum { FIRST_ROOM = 4 };

void
envelope_init(struct envelope *e)
{
	*e = (struct envelope){ .count = 0 };
}

void
envelope_free(struct envelope *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->recipients[i].address);
	free(e->recipients);
	free(e->sender);
	free(e->message_id);
	free(e->envid);
	envelope_init(e);
}

/* The bit of one word (RFC 3461 4.1); 0: no such word. */
static unsigned
notify_bit(const char *word, size_t length)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {
		{ "never", NOTIFY_NEVER },
		{ "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE },
		{ "delay", NOTIFY_DELAY },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (same_text(word, length, words[i].word))
			return words[i].bit;
	return 0;
}

unsigned
notify_bits(const char *words)
{
	unsigned notify = 0, bit;
	size_t length;

	do {
		length = strcspn(words, ",");
		bit = notify_bit(words, length);
		notify |= bit;
		words += length;
	} while (bit != 0 && *words++ == ',');
	return bit == 0 || ((notify & NOTIFY_NEVER) != 0 && notify != NOTIFY_NEVER) ? 0 : notify;
}

/* The domain, with its '@'; the empty end of a bare name. */
static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? at : address + strlen(address);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* FNV-1a over the local part as it is and the domain in lower case. */
static uint32_t
hash_address(const char *address)
{
	const char *domain = domain_of(address);
	uint32_t hash = 2166136261u;

	for (const char *c = address; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)(c < domain ? *c : lower(*c))) * 16777619u;
	return hash;
}

static bool
same_address(const char *a, const char *b)
{
	size_t local = (size_t)(domain_of(a) - a);

	return (size_t)(domain_of(b) - b) == local && memcmp(a, b, local) == 0 &&
	       same_text(a + local, strlen(a + local), b + local);
}

struct recipient *
envelope_add(struct envelope *e, const char *address)
{
	uint32_t hash = hash_address(address);

	for (size_t i = 0; i < e->count; i++) {
		if (e->recipients[i].hash == hash && same_address(e->recipients[i].address, address))
			return &e->recipients[i];
	}
	if (e->count == RECIPIENTS_MAX)
		return NULL;
	if (e->count == e->room) {
		e->room = e->room > 0 ? 2 * e->room : FIRST_ROOM;
		e->recipients = reallocate(e->recipients, e->room, sizeof(*e->recipients));
	}
	e->recipients[e->count] = (struct recipient){ .address = copy_string(address), .hash = hash };
	return &e->recipients[e->count++];
}

size_t
envelope_tally(const struct envelope *e, enum verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < e->count; i++)
		n += e->recipients[i].verdict == verdict;
	return n;
}

void
envelope_settle(struct envelope *e, enum verdict verdict, const struct reply *reply)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->recipients[i].verdict != DEFERRED)
			continue;
		e->recipients[i].verdict = verdict;
		e->recipients[i].reply = *reply;
	}
}

uint64_t
facts_stored(const struct facts *facts)
{
	return facts->size - facts->lines;
}

void
facts_add(struct facts *f, const char *bytes, size_t n)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= (unsigned char)bytes[i];
	f->eight_bit |= seen > 0x7f;
	if (seen > 0x7f || f->utf8.need > 0)
		utf8_add(&f->utf8, bytes, n);
	f->not_utf8 = f->utf8.broken;
	f->size += n;
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t length = end != NULL ? (size_t)(end - bytes) : n, taken = length + (end != NULL);

		f->line_length += length;
		if (f->line_length > f->longest_line)
			f->longest_line = f->line_length;
		if (end != NULL) {
			f->line_length = 0;
			f->lines++;
			f->size++; /* the CR that the wire form adds */
		}
		bytes += taken;
		n -= taken;
	}
}

void
reply_set(struct reply *reply, int code, const char *enhanced, const char *text)
{
	reply->code = code;
	printable(reply->enhanced, sizeof(reply->enhanced), enhanced, strlen(enhanced));
	printable(reply->text, sizeof(reply->text), text, strlen(text));
}

void
reply_format(const struct reply *reply, char *out, size_t size)
{
	if (reply->code == 0)
		snprintf(out, size, "%s", reply->text);
	else
		snprintf(out, size, "%03d%s%s %s", reply->code, reply->enhanced[0] != '\0' ? " " : "", reply->enhanced,
		    reply->text);
}

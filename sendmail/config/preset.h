/*
 * What is known of providers, as one table sorted by name (preset_table.c). A
 * member acts only where a source is sure of it; what is only believed is text
 * in `maybe`. Facts age: each row says when and where they were read.
 */
#ifndef CONFIG_PRESET_H
#define CONFIG_PRESET_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct reason;
struct smarthost;

enum { PRESET_PLACES = 4 };

/* A host and the region or stream that leads to it. */
struct place {
	const char *key; /* NULL in the first one: without that key */
	const char *host; /* in which {region} stands for the region */
};

enum user_kind {
	USER_OWN, /* whatever the provider gave */
	USER_ADDRESS, /* a full address */
	USER_WORD, /* the same for everybody */
	USER_SECRET, /* the secret itself, unless another one is written */
};

struct preset {
	const char *name;
	const char *aliases; /* other names, with blanks between; "" for none */
	struct place hosts[PRESET_PLACES]; /* by region; the first is the default */
	bool any_region; /* {region} may be any label; else one of regions, or of hosts */
	bool needs_region;
	const char *region; /* the default for {region} */
	const char *regions; /* known values, with blanks between */
	struct place stream_host; /* for one stream only */
	const char *stream_field; /* name of the header field that carries the stream */
	const char *ports; /* in the order to try; 25 is left out: most networks close it */
	const char *no_implicit; /* why there is no TLS from the first byte; NULL: there is, on 465 and its like */
	enum user_kind user_kind;
	const char *word; /* for USER_WORD */
	const char *user, *secret; /* what they are, for people */
	const char *auth; /* value of `auth` when there is a password, or NULL */
	const char *token_auth; /* the same when there is a token */
	const char *password_notice; /* to be told to those who log in with a password */
	bool derives; /* a secret key is turned into a password, see ses.h */
	const char *max_size, *recipients, *messages; /* values of max_size, ..._per_message, ..._per_connection */
	const char *limits; /* others, for people */
	const char *from; /* what From must be */
	const char *spf; /* what the SPF record of the domain includes */
	const char *status; /* page that says whether the service is up */
	const char *maybe; /* what is believed, not sure */
	const char *checked, *source;
};

extern const struct preset presets[];
extern const size_t preset_count;

/* By any of its names, without regard to case; NULL. */
const struct preset *preset_find(const char *name);
/* The one whose host this is, for a smarthost without `provider`; NULL. */
const struct preset *preset_of_host(const char *host);
/* The smarthost's own, by provider; NULL. */
const struct preset *preset_of(const struct smarthost *);

/* The name of its provider, by `provider` or by its host, for explanations; NULL. */
const char *preset_name(const struct smarthost *);

/* Whether `stream` means anything to the provider. */
bool preset_has_streams(const struct preset *);
/*
 * Appends the host for these (each may be NULL). -1 with a reason that names
 * what to write when the provider does not have that region, or needs one.
 */
int preset_host(const struct preset *, const char *region, const char *stream, struct buffer *out, struct reason *);

/* Appends one line: name, date, source, host; the heading for NULL. */
void preset_line(const struct preset *, struct buffer *out);
/* Appends all that is known, one fact a line. */
void preset_facts(const struct preset *, struct buffer *out);

#endif

/*
 * Aliases are a graph that may have loops: a name met again while it is being
 * expanded is meant literally ("root = root, ops@example.com"). A name expanded
 * before has nothing new to give, so no graph makes this slow.
 */
#include "message/recipients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/address.h"
#include "message/compose.h"
#include "message/envelope.h"

enum { ALIAS_DEPTH_MAX = 10 };

enum alias_state { UNUSED, EXPANDING, EXPANDED };

static void add_list(struct recipients *, const char *list, size_t length, unsigned depth);

void
recipients_init(struct recipients *r, const struct identity *identity, struct envelope *envelope)
{
	*r = (struct recipients){ .identity = identity, .envelope = envelope };
	r->alias_states = allocate(identity->alias_count, 1);
}

void
recipients_free(struct recipients *r)
{
	free(r->alias_states);
}

void
recipients_add(struct recipients *r, const char *list, size_t length)
{
	add_list(r, list, length, 0);
}

/* A good address wins over a bad one that looks the same once it is printable. */
static void
add_address(struct recipients *r, const char *address)
{
	struct recipient *recipient = envelope_add(r->envelope, address);

	if (recipient == NULL)
		r->full = true;
	else if (recipient->verdict == FAILED) {
		recipient->verdict = DEFERRED;
		recipient->reply = (struct reply){ .code = 0 };
	}
}

static void
add_bad(struct recipients *r, const struct address *a, const char *reason)
{
	size_t count = r->envelope->count;
	struct recipient *recipient;
	char text[ADDRESS_MAX + 1];

	printable(text, sizeof(text), a->start, a->length);
	recipient = envelope_add(r->envelope, text);
	if (recipient == NULL)
		r->full = true;
	else if (r->envelope->count > count) {
		recipient->verdict = FAILED;
		reply_set(&recipient->reply, 553, "5.1.3", reason);
	}
}

/* The alias for a name: its own, else that for every name. */
static size_t
find_alias(const struct identity *identity, const char *name, size_t length)
{
	size_t any = identity->alias_count;

	for (size_t i = 0; i < identity->alias_count; i++) {
		if (same_text(name, length, identity->aliases[i].name))
			return i;
		if (strcmp(identity->aliases[i].name, "*") == 0)
			any = i;
	}
	return any;
}

/* A name of this machine: through its alias or, having none, completed. */
static void
add_local(struct recipients *r, const struct address *a, unsigned depth)
{
	size_t row = find_alias(r->identity, a->text, a->local_length);
	char address[2 * ADDRESS_MAX + 2];

	if (row == r->identity->alias_count || r->alias_states[row] == EXPANDING || depth == ALIAS_DEPTH_MAX) {
		snprintf(address, sizeof(address), "%.*s@%s", (int)a->local_length, a->text, r->identity->domain);
		if (strlen(address) > ADDRESS_MAX)
			add_bad(r, a, "address is too long");
		else
			add_address(r, address);
	} else if (r->alias_states[row] == UNUSED) {
		const struct alias_row *alias = &r->identity->aliases[row];

		r->alias_states[row] = EXPANDING;
		for (size_t i = 0; i < alias->target_count; i++)
			add_list(r, alias->targets[i], strlen(alias->targets[i]), depth + 1);
		r->alias_states[row] = EXPANDED;
	}
}

static bool
is_local(const struct identity *identity, const struct address *a)
{
	const char *domain = a->text + a->local_length + 1;

	return a->bare || same_text(identity->host, strlen(identity->host), domain);
}

static void
add_list(struct recipients *r, const char *list, size_t length, unsigned depth)
{
	struct address_list addresses;
	enum address_result result;
	struct address a;

	address_list_init(&addresses, list, length);
	while (!r->full && (result = address_next(&addresses, &a)) != ADDRESS_END) {
		if (result == ADDRESS_BAD)
			add_bad(r, &a, a.reason);
		else if (result == ADDRESS_NULL)
			add_bad(r, &a, "empty address");
		else if (is_local(r->identity, &a))
			add_local(r, &a, depth);
		else
			add_address(r, a.text);
	}
}

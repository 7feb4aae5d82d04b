/*
 * A state file `door-KEY` holds `port=N secret=N until=SECONDS`. A port is
 * forgotten after a day, because a firewall that blocked the first one may have
 * been opened; a secret is not, because the first one would be refused again,
 * and a smarthost counts refused logins.
 */
#include "delivery/route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "config/secret.h"
#include "delivery/pause.h"

enum { DOOR_NAME_MAX = SMARTHOST_KEY_MAX + 8, PORT_SECONDS = 24 * 60 * 60 };

static bool
names_sender(const struct smarthost *host, const char *sender)
{
	for (size_t i = 0; i < host->only_from.count; i++)
		if (matches(host->only_from.items[i], sender))
			return true;
	return false;
}

size_t
route_order(const struct config *config, const char *sender, const struct smarthost *order[SMARTHOSTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < config->smarthost_count; i++)
		if (names_sender(&config->smarthosts[i], sender))
			order[count++] = &config->smarthosts[i];
	for (size_t i = 0; i < config->smarthost_count; i++)
		if (config->smarthosts[i].only_from.count == 0)
			order[count++] = &config->smarthosts[i];
	/* A report has the null sender: any smarthost will do. */
	if (count == 0 && *sender == '\0')
		order[count++] = &config->smarthosts[0];
	return count;
}

bool
route_by_sender(const struct config *config)
{
	for (size_t i = 0; i < config->smarthost_count; i++)
		if (config->smarthosts[i].only_from.count > 0)
			return true;
	return false;
}

static void
door_name(char name[DOOR_NAME_MAX], const struct smarthost *host)
{
	char key[SMARTHOST_KEY_MAX];

	smarthost_key(key, host);
	snprintf(name, DOOR_NAME_MAX, "door-%s", key);
}

struct door
door_recall(struct queue *queue, const struct smarthost *host, int64_t now)
{
	struct door door = { 0, 0 };
	char name[DOOR_NAME_MAX];
	struct buffer content;
	int64_t until;

	if (queue == NULL)
		return door;
	door_name(name, host);
	buffer_init(&content, STATE_MAX);
	if (!queue_read_state(queue, name, &content) ||
	    sscanf(buffer_string(&content), "port=%u secret=%u until=%" SCNd64, &door.port, &door.secret, &until) != 3)
		door = (struct door){ 0, 0 };
	else if (until < now || until - now > PORT_SECONDS)
		door.port = 0;
	if (door.port >= host->ports.count)
		door.port = 0;
	if (door.secret >= secret_count(host))
		door.secret = 0;
	buffer_free(&content);
	return door;
}

void
door_remember(struct queue *queue, const struct smarthost *host, const struct door *door, int64_t now)
{
	char name[DOOR_NAME_MAX], text[STATE_MAX];
	struct door known;

	if (queue == NULL)
		return;
	known = door_recall(queue, host, now);
	if (known.port == door->port && known.secret == door->secret)
		return;
	door_name(name, host);
	snprintf(
	    text, sizeof(text), "port=%u secret=%u until=%" PRId64 "\n", door->port, door->secret, now + PORT_SECONDS);
	queue_write_state(queue, name, text);
}

#include "delivery/pause.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"

enum {
	NAME_LIMIT = SMARTHOST_KEY_MAX + 8,
	STEPS_LIMIT = 100,
	JITTER = 100, /* thousandths of a pause, either way: machines that failed together return apart */
};

static const char *const kinds[] = {
	[TROUBLE_NONE] = "none",
	[TROUBLE_HOST] = "host",
	[TROUBLE_SERVICE] = "service",
	[TROUBLE_LOGIN] = "login",
	[TROUBLE_PROTOCOL] = "protocol",
	[TROUBLE_SYSTEM] = "system",
};

void
smarthost_key(char key[SMARTHOST_KEY_MAX], const struct smarthost *host)
{
	snprintf(
	    key, SMARTHOST_KEY_MAX, "%s-%s%s%s", host->host, host->port, host->name[0] != '\0' ? "-" : "", host->name);
	for (char *c = key; *c != '\0'; c++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.", *c) == NULL)
			*c = '-';
}

static void
state_name(char name[NAME_LIMIT], const struct smarthost *host)
{
	char key[SMARTHOST_KEY_MAX];

	smarthost_key(key, host);
	snprintf(name, NAME_LIMIT, "pause-%s", key);
}

/* The number behind a key of the line; 0 when there is none. */
static int64_t
number_of(const char *line, const char *key)
{
	const char *found = strstr(line, key);

	return found != NULL ? strtoll(found + strlen(key), NULL, 10) : 0;
}

bool
pause_read(struct queue *queue, const struct smarthost *host, struct pause *pause)
{
	char name[NAME_LIMIT];
	const char *line, *text;
	struct buffer content;
	bool found;

	if (host->host == NULL)
		return false; /* a Maildir has no pauses */
	state_name(name, host);
	buffer_init(&content, STATE_MAX);
	found = queue_read_state(queue, name, &content);
	if (found) {
		line = buffer_string(&content);
		text = strstr(line, "text=");
		pause->until = number_of(line, "until=");
		pause->steps = (unsigned)number_of(line, "steps=");
		printable(pause->text, sizeof(pause->text), text != NULL ? text + 5 : "",
		    text != NULL ? strlen(text + 5) : 0);
	}
	buffer_free(&content);
	return found;
}

bool
pause_stands(const struct pause *pause, const struct schedule *schedule, int64_t now)
{
	return pause->until > now && pause->until - now <= 2 * schedule->longest;
}

static int64_t
pause_length(unsigned steps, const struct schedule *schedule)
{
	int64_t length = schedule->first;
	uint16_t random = 0;

	for (unsigned i = 1; i < steps && length < schedule->longest; i++)
		length *= 2;
	if (length > schedule->longest)
		length = schedule->longest;
	if (getentropy(&random, sizeof(random)) != 0)
		random = (uint16_t)getpid();
	return length * (1000 - JITTER + random % (2 * JITTER + 1)) / 1000;
}

void
pause_begin(struct queue *queue, const struct smarthost *host, const struct schedule *schedule,
    const struct trouble *trouble, int64_t now)
{
	char name[NAME_LIMIT], text[STATE_MAX], length[32];
	struct pause pause = { 0 };
	int64_t seconds;

	/* Several processes may have met the same trouble: it counts once. */
	if (pause_read(queue, host, &pause) && pause_stands(&pause, schedule, now))
		return;
	if (pause.steps < STEPS_LIMIT)
		pause.steps++;
	seconds = pause_length(pause.steps, schedule);
	if (seconds < trouble->least_pause)
		seconds = trouble->least_pause < schedule->longest ? trouble->least_pause : schedule->longest;
	state_name(name, host);
	snprintf(text, sizeof(text), "until=%" PRId64 " steps=%u kind=%s text=%.*s\n", now + seconds, pause.steps,
	    kinds[trouble->kind], PAUSE_TEXT_MAX - 1, trouble->reason.text);
	queue_write_state(queue, name, text);
	snprintf(length, sizeof(length), "%" PRId64, seconds);
	log_event(LEVEL_ERROR, "paused",
	    (struct log_field[]){
		{ "smarthost", host->host }, { "seconds", length }, { "text", trouble->reason.text }, { NULL, NULL } });
}

void
pause_lift(struct queue *queue, const struct smarthost *host)
{
	char name[NAME_LIMIT];

	state_name(name, host);
	queue_remove_state(queue, name);
}

/*
 * Looking things up in the table of providers, and showing it.
 */
#include "config/preset.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "config/config.h"

enum { WORD_MAX = 64 };

#define REGION "{region}"

/* True when word is one of those between blanks in words. */
static bool
among(const char *words, const char *word)
{
	for (size_t length; words != NULL && *words != '\0'; words += length + strspn(words + length, " ")) {
		length = strcspn(words, " ");
		if (same_text(words, length, word))
			return true;
	}
	return false;
}

const struct preset *
preset_find(const char *name)
{
	for (const struct preset *preset = presets; preset < presets + preset_count; preset++)
		if (same_text(name, strlen(name), preset->name) || among(preset->aliases, name))
			return preset;
	return NULL;
}

const struct preset *
preset_of(const struct smarthost *smarthost)
{
	return smarthost->provider != NULL ? preset_find(smarthost->provider) : NULL;
}

/* Whether the host is what the place says, for any region. */
static bool
host_fits(const struct place *place, const char *host)
{
	char pattern[WORD_MAX];
	const char *region;

	if (place->host == NULL)
		return false;
	region = strstr(place->host, REGION);
	if (region == NULL)
		return same_text(host, strlen(host), place->host);
	snprintf(
	    pattern, sizeof(pattern), "%.*s*%s", (int)(region - place->host), place->host, region + strlen(REGION));
	return matches(pattern, host);
}

/* An address is nobody's name: 127.0.0.1 says nothing about who listens there. */
const struct preset *
preset_of_host(const char *host)
{
	if (strspn(host, "0123456789.") == strlen(host))
		return NULL;
	for (const struct preset *preset = presets; preset < presets + preset_count; preset++) {
		if (host_fits(&preset->stream_host, host))
			return preset;
		for (size_t i = 0; i < PRESET_PLACES; i++)
			if (host_fits(&preset->hosts[i], host))
				return preset;
	}
	return NULL;
}

/* The place of this region, or NULL. */
static const struct place *
find_place(const struct preset *preset, const char *region)
{
	const struct place *first = &preset->hosts[0];

	if (region == NULL)
		return preset->needs_region ? NULL : first;
	if (strstr(first->host, REGION) != NULL)
		return preset->any_region || among(preset->regions, region) ? first : NULL;
	for (size_t i = 0; i < PRESET_PLACES && preset->hosts[i].host != NULL; i++)
		if (preset->hosts[i].key != NULL && strcmp(preset->hosts[i].key, region) == 0)
			return &preset->hosts[i];
	return NULL;
}

/* The regions there are, for people. */
static void
add_regions(const struct preset *preset, struct buffer *out)
{
	const char *separator = "";

	if (preset->regions != NULL)
		buffer_add_string(out, preset->regions);
	for (size_t i = 0; preset->regions == NULL && i < PRESET_PLACES; i++)
		if (preset->hosts[i].key != NULL) {
			buffer_format(out, "%s%s", separator, preset->hosts[i].key);
			separator = " ";
		}
	if (preset->any_region)
		buffer_add_string(out, " ...");
}

static int
refuse_region(const struct preset *preset, const char *region, struct reason *why)
{
	struct buffer known;

	buffer_init(&known, REASON_MAX);
	add_regions(preset, &known);
	if (known.length == 0)
		reason_set(why, "%s has no regions, remove it", preset->name);
	else if (region == NULL)
		reason_set(why, "%s has a host for each region, write \"region = ...\" with one of: %s", preset->name,
		    buffer_string(&known));
	else
		reason_set(
		    why, "\"%s\" is not a region of %s, write one of: %s", region, preset->name, buffer_string(&known));
	buffer_free(&known);
	return -1;
}

const char *
preset_name(const struct smarthost *smarthost)
{
	const struct preset *preset = NULL;

	if (smarthost->provider != NULL)
		preset = preset_of(smarthost);
	else if (smarthost->host != NULL)
		preset = preset_of_host(smarthost->host);
	return preset != NULL ? preset->name : NULL;
}

bool
preset_has_streams(const struct preset *preset)
{
	return preset->stream_host.key != NULL || preset->stream_field != NULL;
}

int
preset_host(const struct preset *preset, const char *region, const char *stream, struct buffer *out, struct reason *why)
{
	const struct place *place = find_place(preset, region);
	const char *hole;

	if (place == NULL)
		return refuse_region(preset, region, why);
	if (stream != NULL && preset->stream_host.key != NULL && strcmp(stream, preset->stream_host.key) == 0)
		place = &preset->stream_host;
	hole = strstr(place->host, REGION);
	if (hole == NULL)
		buffer_add_string(out, place->host);
	else
		buffer_format(out, "%.*s%s%s", (int)(hole - place->host), place->host,
		    region != NULL ? region : preset->region, hole + strlen(REGION));
	return 0;
}

void
preset_line(const struct preset *preset, struct buffer *out)
{
	if (preset == NULL)
		buffer_format(out, "%-14s %-8s %-28s %s\n", "provider", "checked", "source", "host");
	else
		buffer_format(
		    out, "%-14s %-8s %-28s %s\n", preset->name, preset->checked, preset->source, preset->hosts[0].host);
}

static void
add_fact(struct buffer *out, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		buffer_format(out, "%-14s %s\n", name, value);
}

/* One line for each host. */
static void
add_hosts(const struct preset *preset, struct buffer *out)
{
	const struct place *stream = &preset->stream_host;

	for (size_t i = 0; i < PRESET_PLACES && preset->hosts[i].host != NULL; i++)
		buffer_format(out, "%-14s %s%s%s%s\n", "host", preset->hosts[i].host,
		    preset->hosts[i].key != NULL ? " (region " : "",
		    preset->hosts[i].key != NULL ? preset->hosts[i].key : "", preset->hosts[i].key != NULL ? ")" : "");
	if (stream->host != NULL)
		buffer_format(out, "%-14s %s (stream %s)\n", "host", stream->host, stream->key);
}

/* "465 implicit, 587 starttls" */
static void
add_ports(const struct preset *preset, struct buffer *out)
{
	static const char *const names[] = { "implicit", "starttls", "none" };
	const struct smarthost any = { .host = (char *)"", .tls_given = false };
	const char *separator = "";
	char port[8];

	buffer_format(out, "%-14s ", "port");
	for (const char *c = preset->ports; *c != '\0'; c += strspn(c, ", ")) {
		size_t length = strcspn(c, ",");

		snprintf(port, sizeof(port), "%.*s", (int)length, c);
		buffer_format(out, "%s%s %s", separator, port, names[smarthost_tls(&any, port)]);
		separator = ", ";
		c += length;
	}
	buffer_add_char(out, '\n');
}

void
preset_facts(const struct preset *preset, struct buffer *out)
{
	struct buffer regions;

	buffer_init(&regions, REASON_MAX);
	add_regions(preset, &regions);
	add_fact(out, "provider", preset->name);
	add_fact(out, "also called", preset->aliases);
	add_hosts(preset, out);
	add_fact(out, "region", buffer_string(&regions));
	add_ports(preset, out);
	add_fact(out, "user", preset->user_kind == USER_WORD ? preset->word : preset->user);
	add_fact(out, "password", preset->secret);
	add_fact(out, "auth", preset->auth);
	add_fact(out, "with a token", preset->token_auth);
	add_fact(out, "notice", preset->password_notice);
	add_fact(out, "stream", preset->stream_field);
	add_fact(out, "max_size", preset->max_size);
	add_fact(out, "recipients", preset->recipients);
	add_fact(out, "per connection", preset->messages);
	add_fact(out, "limits", preset->limits);
	add_fact(out, "from", preset->from);
	add_fact(out, "no tls port", preset->no_implicit);
	add_fact(out, "spf", preset->spf);
	add_fact(out, "status", preset->status);
	add_fact(out, "perhaps", preset->maybe);
	add_fact(out, "checked", preset->checked);
	add_fact(out, "source", preset->source);
	buffer_free(&regions);
}

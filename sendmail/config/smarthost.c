/*
 * One smarthost as a whole: what its provider's preset fills in, which keys
 * contradict each other, and what it logs in with.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/encode.h"
#include "config/load.h"
#include "config/preset.h"
#include "config/secret.h"
#include "config/values.h"

enum {
	TOKEN_MECHANISMS = SMTP_AUTH_XOAUTH2 | SMTP_AUTH_OAUTHBEARER,
	CERTIFICATE_MECHANISMS = SMTP_AUTH_EXTERNAL,
	PASSWORD_MECHANISMS = SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN | SMTP_AUTH_CRAM_MD5 | SMTP_AUTH_DIGEST_MD5 |
			      SMTP_AUTH_SCRAM_SHA_1 | SMTP_AUTH_SCRAM_SHA_256,
};

/* Ways to give a secret; at most one is used. */
static const struct secret_key {
	const char *name;
	bool token;
} secret_keys[] = {
	{ "password", false },
	{ "password_file", false },
	{ "password_command", false },
	{ "token_file", true },
	{ "token_command", true },
};
enum { SECRET_KEYS = sizeof(secret_keys) / sizeof(secret_keys[0]) };

/* The first secret that is given, after the row `after` if that is not NULL; NULL. */
static const struct secret_key *
given_secret(const struct part *part, const struct secret_key *after)
{
	for (const struct secret_key *key = after != NULL ? after + 1 : secret_keys; key < secret_keys + SECRET_KEYS;
	     key++)
		if (load_line(part, key->name) != 0)
			return key;
	return NULL;
}

/* Sets a key that the file leaves out; from then on it stands, for messages, where the provider does. */
static int
fill(struct load *load, struct part *part, const char *key, const char *value)
{
	if (value == NULL || load_line(part, key) != 0)
		return 0;
	return load_set(load, part, key, value, load_line(part, "provider"));
}

static int
fill_host(struct load *load, struct part *part, const struct preset *preset)
{
	const struct smarthost *smarthost = part->base;
	int region = load_line(part, "region"), stream = load_line(part, "stream");
	struct buffer host;
	struct reason why;
	int result;

	if (stream != 0 && !preset_has_streams(preset))
		return load_error(load, stream, "stream: %s has no message streams, remove the line", preset->name);
	if (region == 0 && load_line(part, "host") != 0)
		return 0;
	buffer_init(&host, SOURCE_MAX);
	if (preset_host(preset, smarthost->region, smarthost->stream, &host, &why) != 0)
		result = load_error(load, region != 0 ? region : load_line(part, "provider"), "%s: %s",
		    region != 0 ? "region" : "provider", why.text);
	else
		result = fill(load, part, "host", buffer_string(&host));
	buffer_free(&host);
	return result;
}

/* The stream's field joins those that the file adds, unless it is among them. */
static int
fill_stream_field(struct load *load, struct part *part, const struct preset *preset)
{
	struct smarthost *smarthost = part->base;
	struct reason field, why;

	if (smarthost->stream == NULL || preset->stream_field == NULL)
		return 0;
	for (size_t i = 0; i < smarthost->add_header.count; i++)
		if (same_text(smarthost->add_header.items[i], strcspn(smarthost->add_header.items[i], ":"),
			preset->stream_field))
			return 0;
	reason_set(&field, "%s: %s", preset->stream_field, smarthost->stream);
	if (kind_fields.parse(&smarthost->add_header, field.text, &why) != 0)
		return load_error(load, load_line(part, "stream"), "add_header: %s", why.text);
	return 0;
}

static void
warn_of_user(struct load *load, const struct part *part, const struct preset *preset)
{
	const struct smarthost *smarthost = part->base;
	bool address = smarthost->user != NULL && strchr(smarthost->user, '@') != NULL;
	int line = load_line(part, "user");

	if (line != 0 && preset->user_kind == USER_WORD && address)
		load_warn(
		    load, line, "the user name of %s is the word %s, remove the line", preset->name, preset->word);
	else if (line != 0 && preset->user_kind == USER_ADDRESS && !address)
		load_warn(load, line, "the user name of %s is a full address, write it with \"@\"", preset->name);
}

static int
fill_login(struct load *load, struct part *part, const struct preset *preset)
{
	struct smarthost *smarthost = part->base;
	const struct secret_key *secret = given_secret(part, NULL);

	warn_of_user(load, part, preset);
	smarthost->user_is_secret = preset->user_kind == USER_SECRET && load_line(part, "user") == 0;
	if (fill(load, part, "user", preset->user_kind == USER_WORD ? preset->word : NULL) != 0)
		return -1;
	return secret == NULL ? 0 : fill(load, part, "auth", secret->token ? preset->token_auth : preset->auth);
}

int
smarthost_fill(struct load *load, struct part *part)
{
	const struct preset *preset = preset_of(part->base);
	int region = load_line(part, "region"), stream = load_line(part, "stream");

	if (preset == NULL && (region != 0 || stream != 0))
		return load_error(load, region != 0 ? region : stream,
		    "%s belongs to a provider, write \"provider = ...\" or remove it",
		    region != 0 ? "region" : "stream");
	if (preset == NULL)
		return 0;
	if (fill_host(load, part, preset) != 0 || fill_stream_field(load, part, preset) != 0 ||
	    fill_login(load, part, preset) != 0 || fill(load, part, "port", preset->ports) != 0 ||
	    fill(load, part, "max_size", preset->max_size) != 0 ||
	    fill(load, part, "recipients_per_message", preset->recipients) != 0)
		return -1;
	return fill(load, part, "messages_per_connection", preset->messages);
}

static bool
is_local(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (host[0] == '/' || strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

enum smtp_tls
smarthost_tls(const struct smarthost *smarthost, const char *port)
{
	static const char *const implicit[] = { "443", "465", "2465", "8465" };

	if (smarthost->tls_given)
		return smarthost->tls;
	if (smarthost->host != NULL && smarthost->host[0] == '/')
		return SMTP_TLS_NONE;
	for (size_t i = 0; i < sizeof(implicit) / sizeof(implicit[0]); i++)
		if (strcmp(port, implicit[i]) == 0)
			return SMTP_TLS_IMPLICIT;
	return SMTP_TLS_STARTTLS;
}

/* Keys that only TLS gives a meaning. */
static int
check_without_tls(struct load *load, const struct part *part, const struct smarthost *smarthost)
{
	static const char *const keys[] = { "tls_name", "pin", "client_cert", "client_key" };

	if (!smarthost->insecure && !is_local(smarthost->host))
		return load_error(load, load_line(part, "tls"),
		    "tls = none sends mail and password readable by everybody on the way, write \"tls = starttls\", or "
		    "add \"insecure = yes\" if you mean it");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (load_line(part, keys[i]) != 0)
			return load_error(load, load_line(part, keys[i]),
			    "%s is of use in TLS only, and there is none to %s: remove the line or write "
			    "\"tls = starttls\"",
			    keys[i], smarthost->host);
	return 0;
}

/* The provider's ports that would hang or break. */
static int
check_implicit(struct load *load, const struct part *part, const struct smarthost *smarthost)
{
	const struct preset *preset = preset_of(smarthost);
	int line = load_line(part, "tls") != 0 ? load_line(part, "tls") : load_line(part, "port");

	for (size_t i = 0; preset != NULL && preset->no_implicit != NULL && i < smarthost->ports.count; i++)
		if (smarthost_tls(smarthost, smarthost->ports.items[i]) == SMTP_TLS_IMPLICIT)
			return load_error(load, line,
			    "%s has no TLS from the first byte (%s), write \"port = 587\" and no tls", preset->name,
			    preset->no_implicit);
	return 0;
}

static int
complete_tls(struct load *load, const struct part *part, struct smarthost *smarthost)
{
	int certificate = load_line(part, "client_cert"), key = load_line(part, "client_key");

	smarthost->port = smarthost->ports.items[0];
	smarthost->tls_given = load_line(part, "tls") != 0;
	smarthost->tls = smarthost_tls(smarthost, smarthost->port);
	if (smarthost->maildir != NULL)
		return 0;
	if (smarthost->tls == SMTP_TLS_NONE && check_without_tls(load, part, smarthost) != 0)
		return -1;
	if (smarthost->insecure && smarthost->tls != SMTP_TLS_NONE)
		return load_error(load, load_line(part, "insecure"),
		    "insecure only permits \"tls = none\" and never skips a certificate check, remove it; for a "
		    "certificate of your own write ca_file");
	if ((certificate == 0) != (key == 0))
		return load_error(load, certificate + key, "%s without %s, write both",
		    certificate != 0 ? "client_cert" : "client_key", certificate != 0 ? "client_key" : "client_cert");
	return check_implicit(load, part, smarthost);
}

static int
check_family(struct load *load, const struct part *part, const struct smarthost *smarthost)
{
	const char *const keys[] = { "source_address", "host" }, *const values[] = { smarthost->source_address,
		smarthost->host };
	struct in_addr v4;
	struct in6_addr v6;
	int families[2];

	for (size_t i = 0; i < 2; i++) {
		families[i] = values[i] == NULL                          ? 0
			      : inet_pton(AF_INET, values[i], &v4) == 1  ? 4
			      : inet_pton(AF_INET6, values[i], &v6) == 1 ? 6
									 : 0;
		if (smarthost->family != 0 && families[i] != 0 && families[i] != smarthost->family)
			return load_error(load, load_line(part, "family"),
			    "family = %d contradicts the %s in line %d, remove one of them", smarthost->family, keys[i],
			    load_line(part, keys[i]));
	}
	if (families[0] != 0 && families[1] != 0 && families[0] != families[1])
		return load_error(load, load_line(part, "source_address"),
		    "source_address is IPv%d and the host in line %d IPv%d, remove one of them", families[0],
		    load_line(part, "host"), families[1]);
	return 0;
}

static int
check_no_user(struct load *load, const struct part *part, const struct smarthost *smarthost)
{
	const struct secret_key *secret = given_secret(part, NULL);
	int auth = load_line(part, "auth");

	if (secret != NULL)
		return load_error(load, load_line(part, secret->name),
		    "a %s without user, write \"user = ...\" or remove it", secret->token ? "token" : "password");
	if (auth != 0 && smarthost->auth == 0)
		return 0;
	if (smarthost->client_cert != NULL && (smarthost->auth & CERTIFICATE_MECHANISMS) != 0)
		return 0;
	return load_error(load, auth != 0 ? auth : part->line,
	    "no user, write \"user = ...\" and \"password_file = /path\", or \"auth = none\" for a smarthost that "
	    "wants no login");
}

/* Whether the mechanisms can use what there is. */
static int
check_mechanisms(
    struct load *load, const struct part *part, const struct smarthost *smarthost, const struct secret_key *secret)
{
	unsigned usable = secret->token ? TOKEN_MECHANISMS : PASSWORD_MECHANISMS;

	if ((smarthost->auth & usable) != 0)
		return 0;
	return load_error(load, load_line(part, "auth"),
	    "auth names no way to log in with the %s of line %d, write \"auth = auto\"",
	    secret->token ? "token" : "password", load_line(part, secret->name));
}

/* Reads the files at once: later this process may have lost the right to. */
static int
read_passwords(struct load *load, const struct part *part, struct smarthost *smarthost)
{
	const struct list *files = &smarthost->password_files;
	char **passwords[PASSWORD_FILES_MAX] = { &smarthost->password, &smarthost->other_password };
	struct reason why;

	for (size_t i = 0; i < files->count && i < PASSWORD_FILES_MAX; i++) {
		*passwords[i] = secret_read_named(files->items[i], load->world, &why);
		if (*passwords[i] == NULL)
			return load_error(load, load_line(part, "password_file"), "password_file: %s", why.text);
	}
	return 0;
}

static int
complete_login(struct load *load, const struct part *part, struct smarthost *smarthost)
{
	int user = load_line(part, smarthost->user_is_secret ? "provider" : "user");
	int password = load_line(part, "password");
	const struct secret_key *secret = given_secret(part, NULL);
	const struct secret_key *second = secret != NULL ? given_secret(part, secret) : NULL;
	struct reason why;

	if (user == 0)
		return check_no_user(load, part, smarthost);
	if (smarthost->auth == 0)
		return load_error(
		    load, load_line(part, "auth"), "auth = none contradicts user in line %d, remove one of them", user);
	if (second != NULL)
		return load_error(load,
		    load_line(part, secret->name) > load_line(part, second->name) ? load_line(part, secret->name)
										  : load_line(part, second->name),
		    "%s and %s contradict each other, remove one of them", secret->name, second->name);
	if (secret == NULL && smarthost->client_cert != NULL && (smarthost->auth & CERTIFICATE_MECHANISMS) != 0)
		return 0;
	if (secret == NULL)
		return load_error(load, user, "user without password, write \"password_file = /path\"");
	if (check_mechanisms(load, part, smarthost, secret) != 0)
		return -1;
	if (password != 0 && load->status != NULL &&
	    secret_check(load->name, load->status, load->world->uid, load->at_home, &why) != 0)
		return load_error(load, password, "password: %s", why.text);
	return read_passwords(load, part, smarthost);
}

int
smarthost_complete(struct load *load, struct part *part)
{
	struct smarthost *smarthost = part->base;
	const char *host_name = load->world->host_name;

	smarthost->auth_given = load_line(part, "auth") != 0;
	if (smarthost->helo == NULL)
		smarthost->helo =
		    copy_string(host_name != NULL && valid_dotted_domain(host_name) ? host_name : "[127.0.0.1]");
	if (smarthost->maildir != NULL && smarthost->host != NULL)
		return load_error(load, load_line(part, "maildir"),
		    "maildir stands instead of the host in line %d, remove one of them", load_line(part, "host"));
	if (smarthost->maildir == NULL && smarthost->host == NULL)
		return load_error(load, part->line,
		    "this smarthost has no host, write \"host = smtp.example.com\", or \"provider = ...\"");
	if (complete_tls(load, part, smarthost) != 0)
		return -1;
	if (smarthost->maildir != NULL)
		return 0;
	if (check_family(load, part, smarthost) != 0)
		return -1;
	return complete_login(load, part, smarthost);
}

/*
 * What can only be judged or filled in when everything was read: defaults, keys
 * that contradict each other, the password, the names this machine goes by.
 */
#include <arpa/inet.h>
#include <string.h>

#include "config/load.h"
#include "config/secret.h"
#include "config/values.h"

static struct part *
part_of(struct load *load, enum section section)
{
	for (struct part *part = load->parts; part < load->parts + load->part_count; part++)
		if (part->section == section)
			return part;
	return NULL;
}

static void
set_defaults(struct part *part)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].section == part->section && part->key_lines[i] == 0)
			key_default(&config_keys[i], part->base);
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

static int
complete_tls(struct load *load, struct part *part, struct smarthost *smarthost)
{
	smarthost->tls_given = load_line(part, "tls") != 0;
	if (!smarthost->tls_given && smarthost->host != NULL && smarthost->host[0] == '/')
		smarthost->tls = SMTP_TLS_NONE;
	else if (!smarthost->tls_given)
		smarthost->tls = strcmp(smarthost->port, "465") == 0 ? SMTP_TLS_IMPLICIT : SMTP_TLS_STARTTLS;
	if (smarthost->maildir != NULL)
		return 0;
	if (smarthost->tls == SMTP_TLS_NONE && !smarthost->insecure && !is_local(smarthost->host))
		return load_error(load, load_line(part, "tls"),
		    "tls = none sends mail and password readable by everybody on the way, write \"tls = starttls\", or "
		    "add "
		    "\"insecure = yes\" if you mean it");
	if (smarthost->insecure && smarthost->tls != SMTP_TLS_NONE)
		return load_error(load, load_line(part, "insecure"),
		    "insecure only permits \"tls = none\" and never skips a certificate check, remove it; for a "
		    "certificate "
		    "of your own write ca_file");
	return 0;
}

static int
check_no_login(struct load *load, const struct part *part, const struct smarthost *smarthost)
{
	int password = load_line(part, "password"), file = load_line(part, "password_file");
	int auth = load_line(part, "auth");

	if (password != 0 || file != 0)
		return load_error(load, password != 0 ? password : file,
		    "a password without user, write \"user = ...\" or remove it");
	if (auth != 0 && smarthost->auth == 0)
		return 0;
	return load_error(load, auth != 0 ? auth : part->line,
	    "no user, write \"user = ...\" and \"password_file = /path\", or \"auth = none\" for a smarthost that "
	    "wants no login");
}

static int
complete_login(struct load *load, const struct part *part, struct smarthost *smarthost)
{
	int user = load_line(part, "user"), password = load_line(part, "password"),
	    file = load_line(part, "password_file");
	struct reason why;

	if (user == 0)
		return check_no_login(load, part, smarthost);
	if (smarthost->auth == 0)
		return load_error(
		    load, load_line(part, "auth"), "auth = none contradicts user in line %d, remove one of them", user);
	if (password != 0 && file != 0)
		return load_error(load, password > file ? password : file,
		    "password and password_file contradict each other, remove one of them");
	if (password == 0 && file == 0)
		return load_error(load, user, "user without password, write \"password_file = /path\"");
	if (password != 0 && load->status != NULL &&
	    secret_check(load->name, load->status, load->world->uid, load->at_home, &why) != 0)
		return load_error(load, password, "password: %s", why.text);
	if (file != 0 && (smarthost->password = secret_read(smarthost->password_file, load->world->uid, &why)) == NULL)
		return load_error(load, file, "password_file: %s", why.text);
	return 0;
}

static int
complete_smarthost(struct load *load, struct part *part)
{
	struct smarthost *smarthost = part->base;
	const char *host_name = load->world->host_name;

	smarthost->auth_given = load_line(part, "auth") != 0;
	smarthost->ports.items = allocate(1, sizeof(char *));
	smarthost->ports.items[0] = smarthost->port;
	smarthost->ports.count = 1;
	if (smarthost->helo == NULL)
		smarthost->helo =
		    copy_string(host_name != NULL && valid_dotted_domain(host_name) ? host_name : "[127.0.0.1]");
	if (smarthost->maildir != NULL && smarthost->host != NULL)
		return load_error(load, load_line(part, "maildir"),
		    "maildir stands instead of the host in line %d, remove one of them", load_line(part, "host"));
	if (smarthost->maildir == NULL && smarthost->host == NULL)
		return load_error(load, part->line, "this smarthost has no host, write \"host = smtp.example.com\"");
	if (complete_tls(load, part, smarthost) != 0)
		return -1;
	return smarthost->maildir == NULL ? complete_login(load, part, smarthost) : 0;
}

/* The domain of an address; NULL when it is none. */
static const char *
domain_of(const char *address)
{
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	return at != NULL && valid_dotted_domain(at + 1) ? at + 1 : NULL;
}

/* The first line of /etc/mailname; NULL when that is no full name. Owned by the caller. */
static char *
read_mailname(const char *path)
{
	struct buffer text;
	struct stat status;
	struct reason why;
	char *name = NULL;

	buffer_init(&text, 1024);
	if (path != NULL && source_read_file(path, &text, &status, &why) == FILE_READ) {
		const char *start = buffer_string(&text);

		start += strspn(start, " \t");
		name = copy_bytes(start, strcspn(start, " \t\r\n"));
		if (!valid_dotted_domain(name)) {
			free_secret(name);
			name = NULL;
		}
	}
	buffer_free(&text);
	return name;
}

/* The domain that completes bare names, from the surest source to the vaguest. Owned by the caller. */
static char *
guess_domain(const struct config *config, const struct config_world *world)
{
	const char *domain = NULL;
	char *mailname;

	for (size_t i = 0; i < config->smarthost_count && domain == NULL; i++)
		domain = domain_of(config->smarthosts[i].from);
	if (domain == NULL)
		domain = domain_of(config->identity.from);
	for (size_t i = 0; i < config->smarthost_count && domain == NULL; i++)
		domain = domain_of(config->smarthosts[i].user);
	if (domain != NULL)
		return copy_string(domain);
	if ((mailname = read_mailname(world->mailname_path)) != NULL)
		return mailname;
	return world->host_name != NULL && valid_dotted_domain(world->host_name) ? copy_string(world->host_name) : NULL;
}

static int
complete_domain(struct load *load)
{
	char **domain = &load->config->identity.domain;
	int line = part_of(load, SECTION_IDENTITY)->line;

	if (*domain == NULL)
		*domain = guess_domain(load->config, load->world);
	if (*domain != NULL)
		return 0;
	if (load->from_url)
		return load_error(
		    load, 0, "no domain to complete names such as \"root\" with, set SENDMAIL_FROM=app@example.com");
	return load_error(load, line != 0 ? line : part_of(load, SECTION_SMARTHOST)->line,
	    "no domain to complete names such as \"root\" with, write \"domain = example.com\" into [identity]");
}

char *
default_queue(const struct config_world *world, bool personal, bool at_home)
{
	struct buffer path;
	char *result;

	if (!personal || (world->uid == 0 && !at_home))
		return copy_string(world->system_queue);
	if (world->home == NULL)
		return NULL;
	buffer_init(&path, SOURCE_MAX);
	buffer_format(&path, "%s/.local/state/sendmail-submit", world->home);
	result = copy_string(buffer_string(&path));
	buffer_free(&path);
	return result;
}

int
load_complete(struct load *load)
{
	struct config *config = load->config;
	int last_line = load->source.line > 0 ? load->source.line : 1;

	if (config->smarthost_count == 0)
		return load_error(load, last_line, "no [smarthost], write one with host, user, password_file and from");
	for (int section = SECTION_IDENTITY; section < SECTION_COUNT; section++)
		if (part_of(load, (enum section)section) == NULL)
			load_open(load, section_names[section], 0);
	for (struct part *part = load->parts; part < load->parts + load->part_count; part++) {
		set_defaults(part);
		if (part->section == SECTION_SMARTHOST && complete_smarthost(load, part) != 0)
			return -1;
	}
	if (load_line(part_of(load, SECTION_QUEUE), "directory") == 0)
		config->queue.directory = default_queue(load->world, config->personal, load->at_home);
	return complete_domain(load);
}

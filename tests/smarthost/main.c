/*
 * The throw-away smarthost: an SMTP submission server for tests, demo and bench. It believes nothing, follows the
 * protocol strictly, answers as scripted and records exactly what came. One process a connection.
 *
 *   --implicit --starttls --plain   listen with TLS from the start, with STARTTLS, without TLS; any of them
 *   --unix PATH                     the same without TLS on a unix socket
 *   --bind ADDRESS                  where the ports are (127.0.0.1); they are chosen by the system
 *   --cert FILE --key FILE          needed for TLS
 *   --protocols LIST                TLS versions as in tls_config_parse_protocols(3)
 *   --ciphers LIST                  as in tls_config_set_ciphers(3); "ALL:@SECLEVEL=0" for a --cert too weak for today
 *   --staple FILE                   an OCSP answer to show with the certificate
 *   --client-ca FILE                a client must show a certificate of this CA; --client-optional: or none at all
 *   --user NAME --password TEXT     the login; AUTH is offered where TLS stands, or on --plain and --unix
 *   --auth LIST                     mechanisms offered ("PLAIN LOGIN")
 *   --require-auth                  no MAIL before AUTH
 *   --forgetful                     EHLO ends the login, as at Brevo
 *   --ehlo LIST                     keywords, separated by commas; STARTTLS and AUTH are added
 *   --ehlo-before LIST              the keywords before STARTTLS, when they differ
 *   --no-starttls                   --starttls does not offer it: somebody stripped it
 *   --delay MS                      wait before every flight of replies; what arrives meanwhile is answered with it
 *   --record FOLDER                 where files about all that came go: see record.c
 *   --reply STAGE[:ADDRESS][/N][*TIMES]=WHAT   may be repeated, the first that fits is taken
 *       STAGE    banner tls ehlo starttls auth mail rcpt data bdat dot rset quit (dot: the end of a message, also by
 * BDAT) ADDRESS  only for this sender (mail) or recipient (rcpt) /N       only the Nth time in a connection *TIMES only
 * the first TIMES times over all connections WHAT     a reply ("550 5.1.1 no such user"; \n starts another line, \xHH
 * is a byte; 421 also closes), or drop (close), rst (reset), hang (say nothing until the client leaves), garbage (not
 * SMTP), slow:MS, inject:TEXT (the normal reply and TEXT in one segment), accept-drop (dot: store, then close
 * unanswered)
 *
 * Prints "ready implicit=PORT starttls=PORT plain=PORT unix=PATH" when it listens. Ends by SIGTERM or with its parent.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "smarthost.h"

enum { LISTENERS = 4 };

struct options options = {
	.bind = "127.0.0.1",
	.mechanisms = "PLAIN LOGIN",
	.ehlo = "PIPELINING,CHUNKING,8BITMIME,ENHANCEDSTATUSCODES,SIZE 67108864",
};

/* A row of the script. */
struct row {
	const char *stage;
	const char *address; /* NULL: any */
	const char *what;
	unsigned nth; /* 0: every time */
	unsigned seen; /* in this connection */
};

enum { ROWS_MAX = 64, FOR_EVER = -1 };

static struct row rows[ROWS_MAX];
static size_t row_count;
static atomic_int *left; /* how often each row may still be used, over all connections */

const char *
scripted(const char *stage, const char *address)
{
	for (size_t i = 0; i < row_count; i++) {
		struct row *row = &rows[i];
		int times;

		if (strcmp(row->stage, stage) != 0 ||
		    (row->address != NULL && (address == NULL || strcasecmp(row->address, address) != 0)))
			continue;
		if (++row->seen != row->nth && row->nth != 0)
			continue;
		do
			times = atomic_load(&left[i]);
		while (times > 0 && !atomic_compare_exchange_weak(&left[i], &times, times - 1));
		if (times != 0)
			return row->what;
	}
	return NULL;
}

/* Cuts /N or *TIMES off the end: an address may hold these signs too. 0 when there is none. */
static char
cut_number(char *text, int *number)
{
	size_t length = strlen(text), digits = 0;
	char sign;

	while (digits < length && strchr("0123456789", text[length - 1 - digits]) != NULL)
		digits++;
	if (digits == 0 || digits == length || strchr("/*", text[length - 1 - digits]) == NULL)
		return '\0';
	*number = atoi(text + length - digits);
	sign = text[length - 1 - digits];
	text[length - 1 - digits] = '\0';
	return sign;
}

/* STAGE[:ADDRESS][/N][*TIMES]=WHAT */
static void
add_row(char *text)
{
	static const char stages[] = " banner tls ehlo helo starttls auth mail rcpt data bdat dot rset quit ";
	struct row *row = &rows[row_count];
	char *equals = strchr(text, '='), *colon, sign, stage[32];
	int number;

	if (equals == NULL || row_count == ROWS_MAX)
		errx(2, "smarthost: --reply %s: STAGE=WHAT wanted", text);
	*equals = '\0';
	row->what = equals + 1;
	atomic_store(&left[row_count], FOR_EVER);
	while ((sign = cut_number(text, &number)) != '\0')
		if (sign == '*')
			atomic_store(&left[row_count], number);
		else
			row->nth = (unsigned)number;
	if ((colon = strchr(text, ':')) != NULL) {
		*colon = '\0';
		row->address = colon + 1;
	}
	row->stage = text;
	snprintf(stage, sizeof(stage), " %s ", text);
	if (strstr(stages, stage) == NULL)
		errx(2, "smarthost: --reply %s: no such stage", text);
	row_count++;
}

/* Options that hold a text or are just there; the others have a case of their own. */
static const struct {
	const char *name;
	const char **text;
	bool *flag;
} settings[] = {
	{ "implicit", NULL, &options.listen[LISTEN_IMPLICIT] },
	{ "starttls", NULL, &options.listen[LISTEN_STARTTLS] },
	{ "plain", NULL, &options.listen[LISTEN_PLAIN] },
	{ "unix", &options.unix_path, NULL },
	{ "bind", &options.bind, NULL },
	{ "cert", &options.cert, NULL },
	{ "key", &options.key, NULL },
	{ "protocols", &options.protocols, NULL },
	{ "ciphers", &options.ciphers, NULL },
	{ "staple", &options.staple, NULL },
	{ "client-ca", &options.client_ca, NULL },
	{ "client-optional", NULL, &options.client_optional },
	{ "user", &options.user, NULL },
	{ "password", &options.password, NULL },
	{ "auth", &options.mechanisms, NULL },
	{ "require-auth", NULL, &options.require_auth },
	{ "forgetful", NULL, &options.forgetful },
	{ "ehlo", &options.ehlo, NULL },
	{ "ehlo-before", &options.ehlo_before, NULL },
	{ "no-starttls", NULL, &options.no_starttls },
	{ "record", &options.record, NULL },
	{ "delay", NULL, NULL },
	{ "reply", NULL, NULL },
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static void
set_option(int i)
{
	if (settings[i].flag != NULL)
		*settings[i].flag = true;
	else if (settings[i].text != NULL)
		*settings[i].text = optarg;
	else if (strcmp(settings[i].name, "delay") == 0)
		options.delay = atoi(optarg);
	else
		add_row(optarg);
}

static void
parse_options(int argc, char **argv)
{
	struct option list[SETTINGS + 1] = { { 0 } };
	int c, i;

	for (i = 0; i < SETTINGS; i++)
		list[i] = (struct option){ .name = settings[i].name,
			.has_arg = settings[i].flag == NULL ? required_argument : no_argument };
	left = mmap(NULL, ROWS_MAX * sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED)
		err(1, "smarthost: mmap");
	while ((c = getopt_long(argc, argv, "", list, &i)) != -1) {
		if (c != 0)
			exit(2);
		set_option(i);
	}
	if (optind < argc)
		errx(2, "smarthost: what is %s?", argv[optind]);
	if (options.user != NULL && options.password == NULL)
		errx(2, "smarthost: --user needs --password");
}
static int
listen_inet(const char *name)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *found;
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	char port[NI_MAXSERV];
	int fd;

	if (getaddrinfo(options.bind, "0", &hints, &found) != 0)
		errx(2, "smarthost: --bind %s: not an address", options.bind);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &length) != 0)
		err(1, "smarthost: %s", options.bind);
	getnameinfo((struct sockaddr *)&bound, length, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	printf(" %s=%s", name, port);
	freeaddrinfo(found);
	return fd;
}

static int
listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "smarthost: %s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0)
		err(1, "smarthost: %s", path);
	printf(" unix=%s", path);
	return fd;
}

/* Whoever started us is gone: so are we. */
static void
follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(0);
}

static void
accept_one(int listening, enum listener listener)
{
	pid_t parent = getpid();
	int fd = accept(listening, NULL, NULL);

	if (fd < 0)
		return;
	switch (fork()) {
	case -1:
		warn("smarthost: fork");
		break;
	case 0:
		follow_parent(parent);
		serve(fd, listener);
		_exit(0);
	}
	close(fd);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "implicit", "starttls", "plain" };
	struct pollfd listeners[LISTENERS] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	follow_parent(getppid());
	parse_options(argc, argv);
	record_prepare();
	if (options.listen[LISTEN_IMPLICIT] || options.listen[LISTEN_STARTTLS])
		prepare_tls();
	printf("ready");
	for (int i = 0; i < LISTEN_UNIX; i++)
		if (options.listen[i])
			listeners[i] = (struct pollfd){ .fd = listen_inet(names[i]), .events = POLLIN };
	if (options.unix_path != NULL)
		listeners[LISTEN_UNIX] = (struct pollfd){ .fd = listen_unix(options.unix_path), .events = POLLIN };
	putchar('\n');
	fflush(stdout);
	for (;;) {
		if (poll(listeners, LISTENERS, -1) <= 0)
			continue;
		for (int i = 0; i < LISTENERS; i++)
			if (listeners[i].revents != 0)
				accept_one(listeners[i].fd, (enum listener)i);
	}
}

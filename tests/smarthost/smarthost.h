/* What the files of the throw-away smarthost share; main.c says what it does. */
#ifndef SMARTHOST_H
#define SMARTHOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct tls;

enum { LINE_LIMIT = 65536 };

enum listener { LISTEN_IMPLICIT, LISTEN_STARTTLS, LISTEN_PLAIN, LISTEN_UNIX };

struct options {
	bool listen[LISTEN_UNIX];
	const char *unix_path, *bind;
	const char *cert, *key, *protocols, *ciphers, *staple, *client_ca;
	const char *user, *password, *mechanisms;
	bool require_auth, forgetful, no_starttls, client_optional;
	const char *ehlo, *ehlo_before;
	int delay; /* milliseconds */
	const char *record; /* folder, or NULL */
};

extern struct options options;

/* How a session ended; END_NOT while it lives. */
enum ending {
	END_NOT,
	END_QUIT,
	END_CLOSED, /* 421 */
	END_LEFT, /* the client closed */
	END_LOST, /* reset, TLS broken, endless line */
	END_TLS, /* the handshake failed */
	END_DROPPED, /* as scripted, these three */
	END_RESET,
	END_HUNG,
};

struct session {
	int fd;
	enum listener listener;
	unsigned number;
	enum ending ending;
	struct tls *tls; /* NULL: in plain text */
	const char *version; /* of TLS; "" */
	const char *client; /* subject of the certificate the client showed; "" */
	char tls_error[256];
	bool handshake, wrote; /* in a handshake: we wrote last */

	struct buffer in, out, line;
	struct buffer commands; /* complete command lines not yet recorded */
	struct buffer verbs; /* " EHLO MAIL ..." */
	size_t bytes; /* received by the SMTP server, after TLS */
	unsigned waits; /* round trips the client waited for: connect 1, handshake 1, each flight of replies 1 */
	unsigned flights; /* the same up to the answer to the last message; 0 before */
	bool answered; /* that answer is in out */
	unsigned pipelined; /* commands that came before the previous one was answered */

	bool greeted;
	const char *user; /* logged in */
	bool mail;
	unsigned accepted, chunks; /* recipients, BDAT commands of this transaction */
	unsigned messages; /* stored in this session */
	struct buffer envelope; /* what becomes NNNN.envelope */
	struct buffer wire; /* the message as it came */
};

/* session.c: bytes and replies. */
void prepare_tls(void);
void serve(int fd, enum listener);
/* The handshake; false when the session is over. */
bool secure_session(struct session *);
/* Sends the replies gathered so far. */
void flush(struct session *);
/* Gets more input; false when the client is gone. middle: of a command. */
bool fill(struct session *, bool middle);
/* One line without its CRLF, valid until the next; NULL when the session is over. */
const char *read_line(struct session *);
/* Appends a reply, "\n" in it starts another line; returns its code. */
int reply(struct session *, const char *);
/* The same unless the script says otherwise; -1 when what was done is no reply. */
int answer(struct session *, const char *stage, const char *address, const char *normal);

/* verbs.c */
void run_command(struct session *, const char *line);

/* main.c: what the script wants now, or NULL. */
const char *scripted(const char *stage, const char *address);

/* record.c */
void record_prepare(void);
void record_start(struct session *);
/* Writes NNNN.commands and NNNN.session as of now. */
void record_session(struct session *);
/* Writes the message; how: DATA or BDAT. */
void record_message(struct session *, const char *how);

#endif

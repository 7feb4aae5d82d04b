/*
 * Secrets in files. The mode is checked on the descriptor that is read, so
 * nobody can exchange the file in between.
 */
#include "config/secret.h"

#include <string.h>

#include "base/buffer.h"
#include "config/config.h"
#include "config/source.h"

int
secret_check(const char *path, const struct stat *status, uid_t uid, bool private, struct reason *why)
{
	unsigned mode = status->st_mode & 07777;
	unsigned forbidden = private ? 077 : 07;

	if (status->st_uid != 0 && status->st_uid != uid)
		return reason_set(why, "it holds a password and belongs to uid %lu, run: chown %lu %s",
		    (unsigned long)status->st_uid, (unsigned long)uid, path);
	if ((mode & forbidden) != 0)
		return reason_set(why, "it holds a password and is open to %s (mode %04o), run: chmod %s %s",
		    (mode & 07) != 0 ? "everybody" : "its group", mode, private ? "600" : "640", path);
	return 0;
}

/* The secret in text, or NULL with a reason. */
static char *
take_secret(const struct buffer *text, struct reason *why)
{
	size_t length = text->length;

	if (length > 0 && text->data[length - 1] == '\n')
		length--;
	if (length == 0 || memchr(text->data, '\0', length) != NULL) {
		reason_set(why, "%s",
		    length == 0 ? "it is empty, write the password into it" : "it holds a NUL byte, remove it");
		return NULL;
	}
	return copy_bytes(text->data, length);
}

char *
secret_read(const char *path, uid_t uid, struct reason *why)
{
	struct buffer text;
	struct stat status;
	struct reason detail;
	char *secret = NULL;

	buffer_init(&text, SECRET_MAX);
	if (source_read_file(path, &text, &status, &detail) == FILE_READ &&
	    secret_check(path, &status, uid, false, &detail) == 0)
		secret = take_secret(&text, &detail);
	if (secret == NULL)
		reason_set(why, "%s: %s", path, detail.text);
	buffer_free(&text);
	return secret;
}

unsigned
secret_count(const struct smarthost *smarthost)
{
	return smarthost->password != NULL;
}

int
secret_obtain(const struct smarthost *smarthost, unsigned which, char **secret, struct reason *why)
{
	(void)which;
	(void)why;
	*secret = copy_string(smarthost->password);
	return 0;
}

enum smtp_tls
smarthost_tls(const struct smarthost *smarthost, const char *port)
{
	(void)port;
	return smarthost->tls;
}

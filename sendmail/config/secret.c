/*
 * Secrets in files and from commands. The mode of a file is checked on the
 * descriptor that is read, so nobody can exchange it in between.
 */
#include "config/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/command.h"
#include "base/process.h"
#include "config/config.h"
#include "config/preset.h"
#include "config/ses.h"
#include "config/source.h"

enum { SECRET_KEY_LENGTH = 40 }; /* of an AWS secret access key; the SMTP password has 44 */

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

char *
secret_read_named(const char *path, const struct config_world *world, struct reason *why)
{
	const char *folder = strchr(path, '/') == NULL ? world->environment("CREDENTIALS_DIRECTORY") : "";
	struct buffer whole;
	char *secret;

	if (folder == NULL || (folder[0] != '/' && folder[0] != '\0')) {
		reason_set(why,
		    "%s: a bare name is a systemd credential and CREDENTIALS_DIRECTORY is not set, write an absolute "
		    "path",
		    path);
		return NULL;
	}
	buffer_init(&whole, SOURCE_MAX);
	buffer_format(&whole, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", path);
	secret = secret_read(buffer_string(&whole), world->uid, why);
	buffer_free(&whole);
	return secret;
}

unsigned
secret_count(const struct smarthost *smarthost)
{
	if (smarthost->other_password != NULL)
		return 2;
	return smarthost->password != NULL || smarthost->password_command != NULL || secret_is_token(smarthost);
}

bool
secret_is_token(const struct smarthost *smarthost)
{
	return smarthost->token_file != NULL || smarthost->token_command != NULL;
}

/* The first line of what the command prints; NULL with a reason. */
static char *
run_command(const char *line, struct reason *why)
{
	char **words = NULL, *secret = NULL;
	struct buffer text;

	if (process_is_privileged()) {
		reason_set(why, "not run with more privilege than the caller has, write password_file");
		return NULL;
	}
	if ((words = command_words(line, why)) == NULL)
		return NULL;
	buffer_init(&text, SECRET_MAX);
	if (command_run(words, SECRET_SECONDS, &text, why) == 0) {
		const char *start = buffer_string(&text);
		size_t length = strcspn(start, "\n");

		if (length < text.length && start[length] == '\0')
			reason_set(why, "it printed a NUL byte");
		else if (length == 0)
			reason_set(why, "its first line is empty, it must be the secret");
		else if (length == text.length && text.overflow)
			reason_set(why, "its first line is longer than %d bytes", SECRET_MAX);
		else
			secret = copy_bytes(start, length);
	}
	buffer_free(&text);
	command_words_free(words);
	return secret;
}

/* What the provider wants instead of the secret that was given, which it takes over. */
static char *
derive(const struct smarthost *smarthost, char *secret)
{
	const struct preset *preset = preset_of(smarthost);
	char *password;

	if (preset == NULL || !preset->derives || smarthost->region == NULL || strlen(secret) != SECRET_KEY_LENGTH)
		return secret;
	password = ses_password(secret, smarthost->region);
	free_secret(secret);
	return password;
}

int
secret_obtain(const struct smarthost *smarthost, unsigned which, char **secret, struct reason *reason)
{
	const char *password = which == 0 ? smarthost->password : smarthost->other_password;
	const char *key = NULL;
	struct reason why;

	*secret = NULL;
	if (password != NULL)
		*secret = copy_string(password);
	else if (which > 0)
		return reason_set(reason, "there is no other password");
	else if (smarthost->password_command != NULL) {
		key = "password_command";
		*secret = run_command(smarthost->password_command, &why);
	} else if (smarthost->token_command != NULL) {
		key = "token_command";
		*secret = run_command(smarthost->token_command, &why);
	} else if (smarthost->token_file != NULL) {
		key = "token_file";
		*secret = secret_read(smarthost->token_file, geteuid(), &why);
	} else
		return reason_set(reason, "there is no password");
	if (*secret == NULL)
		return reason_set(reason, "%s: %s", key, why.text);
	*secret = derive(smarthost, *secret);
	return 0;
}

const char *
secret_user(const struct smarthost *smarthost, const char *secret)
{
	return smarthost->user_is_secret ? secret : smarthost->user;
}

/*
 * Own reader under libinih. The packaged library cuts long lines, cuts values at
 * " ;", joins indented lines, drops what stands behind "]" and does not tell
 * line numbers; other builds differ. So every line is checked here first, and
 * what is handed on means the same to every build.
 */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

/* Fills the buffer from the descriptor; a file longer than the limit is refused, not cut. */
static enum file_result
read_all(int fd, struct buffer *out, struct reason *why)
{
	char block[4096];
	ssize_t n;

	do {
		n = read(fd, block, sizeof(block));
		if (n > 0)
			buffer_add(out, block, (size_t)n);
	} while ((n > 0 && !out->overflow) || (n < 0 && errno == EINTR));
	explicit_bzero(block, sizeof(block));
	if (n < 0) {
		reason_set(why, "cannot be read: %s", strerror(errno));
		return FILE_BAD;
	}
	if (out->overflow) {
		reason_set(why, "longer than %zu bytes, is this the right file?", out->limit);
		return FILE_BAD;
	}
	return FILE_READ;
}

/* Which permission is missing: the caller's mistake is mostly a mode or a group. */
static void
explain_denial(const char *path, struct reason *why)
{
	struct stat status;
	unsigned long uid = geteuid();

	if (stat(path, &status) != 0)
		reason_set(why, "uid %lu may not enter one of its folders, run: chmod o+x on them", uid);
	else if (status.st_uid == uid)
		reason_set(
		    why, "its owner may not read it (mode %04o), run: chmod u+r %s", status.st_mode & 07777, path);
	else
		reason_set(why, "uid %lu may not read it (uid %lu, gid %lu, mode %04o), run: chgrp and chmod g+r %s",
		    uid, (unsigned long)status.st_uid, (unsigned long)status.st_gid, status.st_mode & 07777, path);
}

static enum file_result
cannot_open(const char *path, int error, struct reason *why)
{
	if (error == ENOENT || error == ENOTDIR) {
		reason_set(why, "there is no such file");
		return FILE_MISSING;
	}
	if (error == EACCES)
		explain_denial(path, why);
	else
		reason_set(why, "cannot be opened: %s", strerror(error));
	return FILE_BAD;
}

enum file_result
source_read_file(const char *path, struct buffer *out, struct stat *status, struct reason *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum file_result result = FILE_BAD;

	if (fd < 0)
		return cannot_open(path, errno, why);
	if (fstat(fd, status) != 0)
		reason_set(why, "cannot be examined: %s", strerror(errno));
	else if (!S_ISREG(status->st_mode))
		reason_set(why, "%s, write the path of a regular file",
		    S_ISDIR(status->st_mode) ? "it is a directory" : "it is a pipe or device");
	else
		result = read_all(fd, out, why);
	close(fd);
	return result;
}

void
source_start(struct source *source, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";

	*source = (struct source){ .text = text, .length = length };
	if (length >= 3 && memcmp(text, mark, 3) == 0)
		source->position = 3;
}

bool
source_next(struct source *source, const char **line, size_t *length)
{
	size_t left = source->length - source->position;
	const char *start, *end;

	if (left == 0)
		return false;
	start = source->text + source->position;
	end = memchr(start, '\n', left);
	*line = start;
	*length = end != NULL ? (size_t)(end - start) : left;
	source->position += *length + (end != NULL);
	source->line++;
	if (end != NULL && end > start && end[-1] == '\r')
		--*length;
	return true;
}

/* Length of the UTF-8 sequence at the start of text, 0 when there is none (RFC 3629 section 4). */
static size_t
utf8_length(const unsigned char *text, size_t left)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = text[0] < 0x80   ? 1
		   : text[0] < 0xc0 ? 0
		   : text[0] < 0xe0 ? 2
		   : text[0] < 0xf0 ? 3
		   : text[0] < 0xf8 ? 4
				    : 0;
	uint32_t code = n > 1 ? text[0] & (0x7fu >> n) : text[0];

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (n > 1 && (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
		return 0;
	return n;
}

int
text_check(const char *text, size_t length, struct reason *why)
{
	const unsigned char *bytes = (const unsigned char *)text;

	for (size_t i = 0, n; i < length; i += n) {
		n = utf8_length(bytes + i, length - i);
		if (n == 0)
			return reason_set(why, "byte 0x%02x is not UTF-8, save the file as UTF-8", bytes[i]);
		if (bytes[i] == '\0')
			return reason_set(why, "a NUL byte, remove it");
		if (bytes[i] == '\r')
			return reason_set(why, "a CR without LF, end lines with LF or CRLF");
		if ((bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f ||
		    (n == 2 && bytes[i] == 0xc2 && bytes[i + 1] < 0xa0))
			return reason_set(why, "control character 0x%02x, remove it", bytes[i + n - 1]);
	}
	return 0;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* libinih takes a ';' after a blank as the start of a comment, wherever it is. */
static bool
has_inline_comment(const char *text, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if (text[i] == ';' && blank(text[i - 1]))
			return true;
	return false;
}

static enum line_shape
bad_line(struct reason *why, const char *text)
{
	reason_set(why, "%s", text);
	return LINE_BAD;
}

static enum line_shape
section_shape(const char *line, size_t length, struct reason *why)
{
	const char *end = memchr(line, ']', length);

	if (end == NULL)
		return bad_line(why, "\"]\" is missing, write \"[section]\"");
	for (const char *c = end + 1; c < line + length; c++)
		if (!blank(*c))
			return bad_line(why, "text after \"]\", put it into a line of its own");
	return LINE_SECTION;
}

static enum line_shape
key_shape(const char *line, size_t length, struct reason *why)
{
	size_t name = 0;

	while (name < length && line[name] != '=' && line[name] != ':')
		name++;
	if (name == length || line[name] == ':')
		return bad_line(why, "no \"=\", write \"key = value\", \"[section]\" or \"# comment\"");
	while (name > 0 && blank(line[name - 1]))
		name--;
	if (name == 0)
		return bad_line(why, "no key before \"=\", write \"key = value\"");
	if (name > NAME_BYTES_MAX) {
		reason_set(why, "a key of %zu bytes, use at most %d", name, NAME_BYTES_MAX);
		return LINE_BAD;
	}
	return LINE_KEY;
}

enum line_shape
line_shape(const char *line, size_t length, struct reason *why)
{
	size_t start = 0;

	if (text_check(line, length, why) != 0)
		return LINE_BAD;
	if (length > LINE_BYTES_MAX) {
		reason_set(why,
		    "a line of %zu bytes, at most %d are read: repeat the key of a list, put a long password into "
		    "password_file",
		    length, LINE_BYTES_MAX);
		return LINE_BAD;
	}
	while (start < length && blank(line[start]))
		start++;
	if (start == length || line[start] == '#' || line[start] == ';')
		return LINE_EMPTY;
	if (start > 0)
		return bad_line(why, "the line is indented, start it in the first column");
	if (has_inline_comment(line, length))
		return bad_line(why,
		    "\";\" after a blank: put a comment into a line of its own, and such a password into "
		    "password_file");
	return line[0] == '[' ? section_shape(line, length, why) : key_shape(line, length, why);
}

bool
value_fits(const char *value)
{
	struct reason ignored;
	size_t length = strlen(value);

	return length > 0 && !blank(value[0]) && !blank(value[length - 1]) && !has_inline_comment(value, length) &&
	       value[0] != ';' && text_check(value, length, &ignored) == 0;
}

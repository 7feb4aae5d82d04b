#include "base/encode.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789ABCDEF";

void
base64_encode(struct buffer *out, const void *bytes, size_t n)
{
	const unsigned char *in = bytes;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t group = (uint32_t)in[i] << 16;

		if (left > 1)
			group |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			group |= in[i + 2];
		buffer_add_char(out, base64_letters[group >> 18]);
		buffer_add_char(out, base64_letters[group >> 12 & 63]);
		buffer_add_char(out, left > 1 ? base64_letters[group >> 6 & 63] : '=');
		buffer_add_char(out, left > 2 ? base64_letters[group & 63] : '=');
	}
}

bool
base64_decode(struct buffer *out, const char *text, size_t n)
{
	if (n % 4 != 0)
		return false;
	for (size_t i = 0; i < n; i += 4) {
		uint32_t group = 0;
		size_t padding = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *letter = text[i + k] != '\0' ? strchr(base64_letters, text[i + k]) : NULL;

			if (letter == NULL && (text[i + k] != '=' || i + 4 != n || k < 2))
				return false;
			if (letter != NULL && padding > 0)
				return false;
			padding += letter == NULL;
			group = group << 6 | (letter != NULL ? (uint32_t)(letter - base64_letters) : 0);
		}
		buffer_add_char(out, (char)(group >> 16));
		if (padding < 2)
			buffer_add_char(out, (char)(group >> 8));
		if (padding < 1)
			buffer_add_char(out, (char)group);
	}
	return true;
}

void
xtext_encode(struct buffer *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > 0x20 && c < 0x7f && c != '+' && c != '=') {
			buffer_add_char(out, (char)c);
			continue;
		}
		buffer_add_char(out, '+');
		buffer_add_char(out, hex_digits[c >> 4]);
		buffer_add_char(out, hex_digits[c & 15]);
	}
}

static int
hex_value(char c)
{
	const char *digit = c != '\0' ? strchr(hex_digits, c) : NULL;

	return digit != NULL ? (int)(digit - hex_digits) : -1;
}

bool
xtext_decode(struct buffer *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		int high, low;

		if (c <= 0x20 || c >= 0x7f || c == '=')
			return false;
		if (c != '+') {
			buffer_add_char(out, (char)c);
			continue;
		}
		if (n - i < 3 || (high = hex_value(text[i + 1])) < 0 || (low = hex_value(text[i + 2])) < 0)
			return false;
		buffer_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

void
printable(char *out, size_t size, const char *text, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 1 < size; i++) {
		unsigned char c = (unsigned char)text[i];
		bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';

		if (blank && used > 0 && out[used - 1] == ' ')
			continue;
		out[used++] = blank ? ' ' : c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}

bool
same_text(const char *a, size_t length, const char *b)
{
	return strlen(b) == length && strncasecmp(a, b, length) == 0;
}

/* Greedy with one point to return to: the last '*' seen. */
bool
matches(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (strncasecmp(pattern, text, 1) == 0) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++retry;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

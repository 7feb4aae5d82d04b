/*
 * One function, because a log line and a list of the queue must escape alike.
 */
#include "base/json.h"

#include "base/buffer.h"

void
json_string(struct buffer *out, const char *text)
{
	buffer_add_char(out, '"');
	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (c >= 0x80)
			buffer_add_string(out, "\\ufffd");
		else if (c < 0x20 || c == 0x7f)
			buffer_format(out, "\\u%04x", c);
		else {
			if (c == '"' || c == '\\')
				buffer_add_char(out, '\\');
			buffer_add_char(out, (char)c);
		}
	}
	buffer_add_char(out, '"');
}

/*
 * Address lists: elements lie in order inside the list, and what is found can
 * be carried by SMTP and read again as the same address.
 */
#include "message/address.h"
#include "message/mailboxes.h"
#include "message/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
check_text(const struct address *a)
{
	struct address_list list;
	struct address again;
	size_t length = strlen(a->text);

	must(length > 0 && length <= ADDRESS_MAX && a->local_length > 0 && a->local_length <= length);
	must(a->bare == (a->text[a->local_length] == '\0') && (a->bare || a->text[a->local_length] == '@'));
	for (size_t i = 0; i < length; i++)
		must((unsigned char)a->text[i] >= ' ' && a->text[i] != 0x7f);
	must(utf8_is_valid(a->text, length));
	address_list_init(&list, a->text, length);
	must(address_next(&list, &again) == ADDRESS_FOUND);
	must(strcmp(a->text, again.text) == 0 && a->bare == again.bare && a->local_length == again.local_length);
	must(address_next(&list, &again) == ADDRESS_END);
}

static void
check_name(const struct buffer *name)
{
	for (size_t i = 0; i < name->length; i++)
		must((unsigned char)name->data[i] >= ' ' && name->data[i] != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *before = text;
	struct address_list list;
	enum address_result result;
	struct address a;
	struct buffer name;

	buffer_init(&name, 256);
	address_list_init(&list, text, size);
	while ((result = address_next(&list, &a)) != ADDRESS_END) {
		must(a.start >= before && a.length > 0 && a.length <= (size_t)(text + size - a.start));
		must((result == ADDRESS_BAD) == (a.reason != NULL));
		before = a.start + a.length;
		if (result == ADDRESS_FOUND) {
			must(a.spec >= a.start && a.spec_length > 0 && a.spec + a.spec_length <= before);
			check_text(&a);
		}
		buffer_clear(&name);
		address_name(&a, &name);
		check_name(&name);
		buffer_clear(&name);
		address_comment(&a, &name);
		check_name(&name);
	}
	buffer_free(&name);
	return 0;
}

/*
 * The pages are the specification: a row of the option or subcommand table that
 * its page does not name fails. (The keys of sendmail.ini.5 have their own test.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "command/control.h"
#include "command/options.h"
#include "unit/tap.h"

enum { PAGE_MAX = 1 << 20 };

static char *
read_page(const char *path)
{
	char *text = allocate(PAGE_MAX, 1);
	FILE *file = fopen(path, "r");

	if (file != NULL) {
		text[fread(text, 1, PAGE_MAX - 1, file)] = '\0';
		fclose(file);
	}
	return text;
}

/* True when the page has the letter behind an Fl macro: ".Fl X" or "Fl X" within a line. */
static bool
names_option(const char *page, char letter)
{
	for (const char *at = strstr(page, "Fl "); at != NULL; at = strstr(at + 1, "Fl ")) {
		const char *word = at + 3;

		if (*word == letter && strchr(" \n", word[1]) != NULL)
			return true;
	}
	return false;
}

int
main(void)
{
	char *page = read_page("sendmail/sendmail.8"), *options = strstr(page, ".Ss Options");
	char *control = read_page("sendmail/sendmailctl.8");
	char macro[64];

	if (!ok(options != NULL && strstr(options, "\n.Sh") != NULL, "sendmail.8 has a section of options"))
		return tap_done();
	*strstr(options, "\n.Sh") = '\0'; /* what is named elsewhere is not described */
	for (size_t i = 0; i < option_row_count; i++)
		ok(names_option(options, option_rows[i].letter), "sendmail.8 names -%c", option_rows[i].letter);
	for (size_t i = 0; i < control_row_count; i++) {
		snprintf(macro, sizeof(macro), ".It Cm %s", control_rows[i].name);
		ok(strstr(control, macro) != NULL, "sendmailctl.8 names %s", control_rows[i].name);
	}
	free(page);
	free(control);
	return tap_done();
}

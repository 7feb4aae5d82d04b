/*
 * One slip of the finger is looked for, never more: of two slips too many
 * domains are the result. Domains of the table are never taken for another one.
 */
#include "smtp/typo.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Many people have their mail there, and few else have a name so near. */
static const char *const domains[] = {
	"aol.com",
	"comcast.net",
	"fastmail.com",
	"free.fr",
	"gmail.com",
	"gmx.at",
	"gmx.com",
	"gmx.de",
	"gmx.net",
	"googlemail.com",
	"hotmail.com",
	"hotmail.co.uk",
	"hotmail.fr",
	"icloud.com",
	"laposte.net",
	"libero.it",
	"live.com",
	"mail.com",
	"mail.ru",
	"me.com",
	"msn.com",
	"orange.fr",
	"outlook.com",
	"outlook.de",
	"proton.me",
	"protonmail.com",
	"t-online.de",
	"verizon.net",
	"wanadoo.fr",
	"web.de",
	"yahoo.com",
	"yahoo.co.jp",
	"yahoo.co.uk",
	"yahoo.de",
	"yahoo.fr",
	"yandex.ru",
	"ymail.com",
};
enum { DOMAINS = sizeof(domains) / sizeof(domains[0]), SHORTEST = 8 }; /* shorter ones are near too many others */

/* What follows the first difference must be equal once one letter is left out of either, changed or swapped. */
static bool
one_slip(const char *a, const char *b)
{
	while (*a != '\0' && strncasecmp(a, b, 1) == 0) {
		a++;
		b++;
	}
	if (*a == '\0')
		return *b != '\0' && b[1] == '\0';
	if (strcasecmp(a + 1, b) == 0 || (*b != '\0' && (strcasecmp(a, b + 1) == 0 || strcasecmp(a + 1, b + 1) == 0)))
		return true;
	return *b != '\0' && strncasecmp(a, b + 1, 1) == 0 && strncasecmp(a + 1, b, 1) == 0 &&
	       strcasecmp(a + 2, b + 2) == 0;
}

const char *
typo_meant(const char *address)
{
	const char *at = strrchr(address, '@'), *domain = at != NULL ? at + 1 : address, *meant = NULL;

	for (size_t i = 0; i < DOMAINS; i++) {
		if (strcasecmp(domain, domains[i]) == 0)
			return NULL;
		if (meant == NULL && strlen(domains[i]) >= SHORTEST && one_slip(domain, domains[i]))
			meant = domains[i];
	}
	return meant;
}

/*
 * Mechanisms without SMTP around them. A row is a dialogue: "C: " what we say,
 * "S: " a challenge, "* " why we cancel, "? " the note that is left, "+ " and
 * "- " the text of a 235 that counts, or does not. The vectors of the RFCs
 * stand first in each group.
 */
#include "smtp/login.h"

#include <string.h>

#include "base/buffer.h"
#include "smtp/mechanism.h"
#include "smtp/smtp.h"
#include "tap.h"

enum { LINES = 8 };

#define NONCE_1 "fyko+d2lbbFgONRv9qkxdawL"
#define SERVER_1 "r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
#define FINAL_1 "c=biws,r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
#define FIRST_1 "C: n,,n=user,r=" NONCE_1
#define NONCE_2 "rOprNGfwEbeRWgbNEkqO"
#define MORE_2 NONCE_2 "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SCRAM_1                                                                                                        \
	SMTP_AUTH_SCRAM_SHA_1,                                                                                         \
	{                                                                                                              \
		.user = "user", .password = "pencil", .nonce = NONCE_1                                                 \
	}
#define DIGEST_1                                                                                                       \
	SMTP_AUTH_DIGEST_MD5,                                                                                          \
	{                                                                                                              \
		.user = "chris", .password = "secret", .nonce = "OA6MHXh6VqTrRk", .host = "elwood.innosoft.com"        \
	}
#define PARSED(challenge, realm, charset)                                                                              \
	"S: " challenge, "C: username=\"chris\"," realm "nonce=\"n\",cnonce=\"OA6MHXh6VqTrRk\","                       \
			 "digest-uri=\"smtp/elwood.innosoft.com\",nc=00000001,qop=auth," charset "response="
#define NO_DIGEST "* the server sent a DIGEST-MD5 challenge that is none"
#define NO_SCRAM "* the server sent a SCRAM challenge that is none"
#define UNPROVEN "? the server could not prove that it knows the password"
#define BEARER                                                                                                         \
	SMTP_AUTH_OAUTHBEARER,                                                                                         \
	{                                                                                                              \
		.user = "user@example.com", .token = "vF9d==", .host = "server.example.com", .port = "143"             \
	}
#define BEARER_FIRST "C: n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer vF9d==\1\1"
#define XOAUTH2                                                                                                        \
	SMTP_AUTH_XOAUTH2,                                                                                             \
	{                                                                                                              \
		.user = "u", .token = "t"                                                                              \
	}
#define XOAUTH2_FIRST "C: user=u\1auth=Bearer t\1\1"
#define N32 "0123456789abcdef0123456789abcdef"
#define N256 N32 N32 N32 N32 N32 N32 N32 N32

static const struct {
	const char *name;
	unsigned mechanism;
	struct smtp_options options;
	const char *lines[LINES];
} rows[] = {
	{ "PLAIN", SMTP_AUTH_PLAIN, { .user = "tim", .password = "x" }, { "+ ok" } },
	{ "PLAIN answers nothing", SMTP_AUTH_PLAIN, { .user = "tim", .password = "x" },
	    { "S: more", "* the server asks something this login mechanism has no answer to" } },
	{ "LOGIN", SMTP_AUTH_LOGIN, { .user = "tim", .password = "x" }, { "C: tim", "S: Password:", "C: x", "+ ok" } },
	{ "LOGIN that asks for all", SMTP_AUTH_LOGIN, { .user = "tim", .password = "x" },
	    { "C: tim", "S: Username:", "C: tim", "S: anything", "C: x", "+ ok" } },

	{ "CRAM-MD5 (RFC 2195)", SMTP_AUTH_CRAM_MD5, { .user = "tim", .password = "tanstaaftanstaaf" },
	    { "S: <1896.697170952@postoffice.reston.mci.net>", "C: tim b913a602c7eda7a495b4e6e7334d3890", "+ ok" } },
	{ "CRAM-MD5, nothing to sign", SMTP_AUTH_CRAM_MD5, { .user = "tim", .password = "x" },
	    { "S: ", "* the server sent a CRAM-MD5 challenge of 0 bytes" } },
	{ "CRAM-MD5, too much to sign", SMTP_AUTH_CRAM_MD5, { .user = "tim", .password = "x" },
	    { "S: " N256 N256 N256 N256 "!", "* the server sent a CRAM-MD5 challenge of 1025 bytes" } },
	{ "CRAM-MD5, twice", SMTP_AUTH_CRAM_MD5, { .user = "tim", .password = "x" },
	    { "S: a", "C: tim a134ae3670a0254e7acec6bb476da5da", "S: a",
		"* the server asks something this login mechanism has no answer to" } },

	{ "SCRAM-SHA-1 (RFC 5802)", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "S: v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "C: ", "+ ok" } },
	{ "SCRAM-SHA-256 (RFC 7677)", SMTP_AUTH_SCRAM_SHA_256,
	    { .user = "user", .password = "pencil", .nonce = NONCE_2 },
	    { "C: n,,n=user,r=" NONCE_2, "S: r=" MORE_2 ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"C: c=biws,r=" MORE_2 ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"S: v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "C: ", "+ ok" } },
	{ "SCRAM, extensions of the server", SCRAM_1,
	    { FIRST_1, "S: r=" NONCE_1 "x,s=QSXCR+Q6sek8bf92,i=1,t=new",
		"C: c=biws,r=" NONCE_1 "x,p=tAud+yi2IGA76MZtFYqL5AGgqf4=", "S: v=3e8/2tBELgCP+w0q8iyZw9DkcLA=,t=new",
		"C: ", "+ ok" } },
	{ "SCRAM, the proof in the text of the success", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "+ 2.7.0 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9" } },
	{ "SCRAM, a wrong proof there", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "- 2.7.0 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS0E9", UNPROVEN } },
	{ "SCRAM, no proof", SCRAM_1, { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "- 2.7.0 welcome", UNPROVEN } },
	{ "SCRAM, success at once", SCRAM_1, { FIRST_1, "- 2.7.0 welcome", UNPROVEN } },
	{ "SCRAM, success at once with a word", SCRAM_1, { FIRST_1, "- 2.7.0 dj0=", UNPROVEN } },
	{ "SCRAM, a wrong proof", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1,
		"S: v=rmF9pqV8S7suAoZWja4dJRkFsKA=", "* the server could not prove that it knows the password" } },
	{ "SCRAM, half a proof", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "S: v=rmF9pqV8",
		"* the server could not prove that it knows the password" } },
	{ "SCRAM, no proof but another name", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1,
		"S: ", "* the server could not prove that it knows the password" } },
	{ "SCRAM, a third challenge", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "S: v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "C: ", "S: ",
		"* the server asks something this login mechanism has no answer to" } },
	{ "SCRAM, an error", SCRAM_1,
	    { FIRST_1, "S: " SERVER_1, "C: " FINAL_1, "S: e=invalid-proof,x=y", "C: ", "? invalid-proof", "- ok" } },
	{ "SCRAM, an error first, then our own words as a proof", SCRAM_1,
	    { FIRST_1, "S: e=other-error", "C: ", "S: n=user,r=" NONCE_1,
		"* the server could not prove that it knows the password", "- ok" } },
	{ "SCRAM, another nonce", SCRAM_1,
	    { FIRST_1, "S: r=fyko+d2lbbFgONRv9qkxdawM3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		"* the server's SCRAM nonce does not continue ours" } },
	{ "SCRAM, our nonce alone", SCRAM_1,
	    { FIRST_1, "S: r=" NONCE_1 ",s=QSXCR+Q6sek8bf92,i=4096",
		"* the server's SCRAM nonce does not continue ours" } },
	{ "SCRAM, a nonce too long", SCRAM_1,
	    { FIRST_1, "S: r=" NONCE_1 N256 N256 ",s=QSXCR+Q6sek8bf92,i=4096",
		"* the server's SCRAM nonce is longer than 512 bytes" } },
	{ "SCRAM, a salt too long", SCRAM_1,
	    { FIRST_1, "S: r=" NONCE_1 "x,s=" N256 N256 N256 ",i=4096",
		"* the server's SCRAM salt is no base64, or longer than 512 bytes" } },
	{ "SCRAM, no salt", SCRAM_1, { FIRST_1, "S: r=" NONCE_1 "x,s=,i=4096", NO_SCRAM } },
	{ "SCRAM, a salt that is no base64", SCRAM_1,
	    { FIRST_1, "S: r=" NONCE_1 "x,s=abc,i=4096",
		"* the server's SCRAM salt is no base64, or longer than 512 bytes" } },
#define ITERATIONS(text)                                                                                               \
	{                                                                                                              \
		"SCRAM iterations " text, SCRAM_1,                                                                     \
		{                                                                                                      \
			FIRST_1, "S: r=" NONCE_1 "x,s=QSXC,i=" text,                                                   \
			    "* the server wants " text " iterations for SCRAM, 1 to 1000000 are allowed"               \
		}                                                                                                      \
	}
	ITERATIONS("0"),
	ITERATIONS("-1"),
	ITERATIONS("+1"),
	ITERATIONS("01"),
	ITERATIONS("1e3"),
	ITERATIONS("1000001"),
	ITERATIONS("4294967297"),
	{ "SCRAM, a mandatory extension", SCRAM_1, { FIRST_1, "S: m=x," SERVER_1, NO_SCRAM } },
	{ "SCRAM, no iterations", SCRAM_1, { FIRST_1, "S: r=" NONCE_1 "x,s=QSXC", NO_SCRAM } },
	{ "SCRAM, an empty challenge", SCRAM_1, { FIRST_1, "S: ", NO_SCRAM } },
	{ "SCRAM, a user with comma and equals sign", SMTP_AUTH_SCRAM_SHA_1,
	    { .user = "a,b=c", .password = "p", .nonce = "n" }, { "C: n,,n=a=2Cb=3Dc,r=n" } },

	{ "DIGEST-MD5", DIGEST_1,
	    { "S: realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8",
		"C: "
		"username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",cnonce=\"OA6MHXh6VqTrRk\","
		"digest-uri=\"smtp/"
		"elwood.innosoft.com\",nc=00000001,qop=auth,charset=utf-8,response=52ff44907f72314481b5c098c708ebf3",
		"S: rspauth=84106ee5cb85c426e7ef928db0e49bfa", "C: ", "+ ok" } },
	{ "DIGEST-MD5, a wrong proof", DIGEST_1,
	    { PARSED("nonce=\"n\",algorithm=md5-sess", "", "") "5c7face4552fbceb1e7a76dedc7c95b3",
		"S: rspauth=ea40f60335c427b5527b84dbabcdfffd",
		"* the server could not prove that it knows the password" } },
	{ "DIGEST-MD5, no proof", DIGEST_1,
	    { PARSED("nonce=\"n\",algorithm=md5-sess", "", "") "5c7face4552fbceb1e7a76dedc7c95b3", "- ok", UNPROVEN } },
	{ "DIGEST-MD5, the first of several realms", DIGEST_1,
	    { PARSED("realm=\"a\",realm=\"b\",nonce=\"n\",algorithm=md5-sess", "realm=\"a\",",
		"") "f4aff2e45e164abdf844432c4f3ade9c" } },
	{ "DIGEST-MD5, the realm of the user", SMTP_AUTH_DIGEST_MD5,
	    { .user = "c@b", .password = "secret", .nonce = "m", .host = "h" },
	    { "S: realm=\"a\",realm=\"B\",nonce=\"n\",algorithm=md5-sess",
		"C: "
		"username=\"c@b\",realm=\"B\",nonce=\"n\",cnonce=\"m\",digest-uri=\"smtp/"
		"h\",nc=00000001,qop=auth,response=f7d5ce1edc326dd0329ebad4223b9494" } },
	{ "DIGEST-MD5, quotes in quotes", DIGEST_1,
	    { PARSED("realm=\"a\\\"\\\\,b\",nonce=\"n\",algorithm=md5-sess", "realm=\"a\\\"\\\\,b\",",
		"") "4fd4935d91b6f4e2c791ba755301b53c" } },
	{ "DIGEST-MD5, blanks, tokens, unknown directives", DIGEST_1,
	    { PARSED(" nonce = n ,, x=\"y,z\",Algorithm=MD5-sess,qop=\"auth-int, auth\",maxbuf=9", "",
		"") "5c7face4552fbceb1e7a76dedc7c95b3" } },
	{ "DIGEST-MD5, only with a layer", DIGEST_1,
	    { "S: nonce=\"n\",algorithm=md5-sess,qop=\"auth-int,auth-conf\"",
		"* the server wants more of DIGEST-MD5 than a login (qop without auth)" } },
	{ "DIGEST-MD5, no nonce", DIGEST_1, { "S: algorithm=md5-sess", NO_DIGEST } },
	{ "DIGEST-MD5, two nonces", DIGEST_1, { "S: nonce=\"a\",nonce=\"b\",algorithm=md5-sess", NO_DIGEST } },
	{ "DIGEST-MD5, another algorithm", DIGEST_1, { "S: nonce=\"a\",algorithm=md5", NO_DIGEST } },
	{ "DIGEST-MD5, a quote that does not end", DIGEST_1, { "S: algorithm=md5-sess,nonce=\"a", NO_DIGEST } },
	{ "DIGEST-MD5, a backslash at the end", DIGEST_1, { "S: algorithm=md5-sess,nonce=\"a\\", NO_DIGEST } },
	{ "DIGEST-MD5, no value", DIGEST_1, { "S: algorithm=md5-sess,nonce", NO_DIGEST } },
	{ "DIGEST-MD5, no name", DIGEST_1, { "S: =a,algorithm=md5-sess,nonce=\"a\"", NO_DIGEST } },
	{ "DIGEST-MD5, text behind a quote", DIGEST_1, { "S: algorithm=md5-sess,nonce=\"a\"b", NO_DIGEST } },
	{ "DIGEST-MD5, a nonce too long", DIGEST_1, { "S: algorithm=md5-sess,nonce=\"" N256 N256 "!\"", NO_DIGEST } },
	{ "DIGEST-MD5, a challenge too long", DIGEST_1,
	    { "S: algorithm=md5-sess,nonce=a,b=" N256 ",b=" N256 ",b=" N256 ",b=" N256 ",b=" N256 ",b=" N256 ",b=" N256
	      ",b=" N256,
		NO_DIGEST } },

	{ "OAUTHBEARER (RFC 7628 4.1)", SMTP_AUTH_OAUTHBEARER,
	    { .user = "user@example.com",
		.token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
		.host = "server.example.com",
		.port = "143" },
	    { "C: n,a=user@example.com,\1host=server.example.com\1port=143\1"
	      "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
		"+ ok" } },
	{ "OAUTHBEARER, refused (RFC 7628 4.3)", BEARER,
	    { BEARER_FIRST,
		"S: {\"status\":\"invalid_token\",\"scope\":\"example_scope\",\"openid-configuration\":"
		"\"https://example.com/.well-known/openid-configuration\"}",
		"C: \1", "? token refused: status invalid_token, scope example_scope" } },
	{ "OAUTHBEARER, a user with comma and equals sign", SMTP_AUTH_OAUTHBEARER, { .user = "a,b=c", .token = "t" },
	    { "C: n,a=a=2Cb=3Dc,\1auth=Bearer t\1\1" } },
	{ "OAUTHBEARER, refused twice", BEARER,
	    { BEARER_FIRST, "S: {}", "C: \1", "S: {}",
		"* the server asks something this login mechanism has no answer to" } },
	{ "XOAUTH2 (Google's example)", SMTP_AUTH_XOAUTH2,
	    { .user = "someuser@example.com", .token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg" },
	    { "C: user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1", "+ ok" } },
	{ "XOAUTH2, refused (Google's example)", XOAUTH2,
	    { XOAUTH2_FIRST, "S: {\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"https://mail.google.com/\"}",
		"C: ", "? token refused: status 401, scope https://mail.google.com/, schemes bearer" } },
	{ "XOAUTH2, a bare number and blanks", XOAUTH2,
	    { XOAUTH2_FIRST, "S: { \"status\" : 400 , \"schemes\":\"Bearer\" }\r\n",
		"C: ", "? token refused: status 400, schemes Bearer" } },
	{ "XOAUTH2, escapes", XOAUTH2,
	    { XOAUTH2_FIRST, "S: {\"scope\":\"https:\\/\\/x\\\"y\"}", "C: ", "? token refused: scope https://x\"y" } },
	{ "XOAUTH2, no JSON", XOAUTH2, { XOAUTH2_FIRST, "S: :\"::{no\\", "C: ", "? token refused" } },
	{ "XOAUTH2, a name as value", XOAUTH2,
	    { XOAUTH2_FIRST, "S: {\"x\":\"status\",\"y\":\"z\"}", "C: ", "? token refused" } },

	{ "EXTERNAL", SMTP_AUTH_EXTERNAL, { .certificate = true }, { "C: ", "+ ok" } },
	{ "EXTERNAL as somebody", SMTP_AUTH_EXTERNAL, { .certificate = true, .user = "u@x" }, { "C: u@x", "+ ok" } },
};

/* One line of a row; says what was instead when that is wrong. response: of the challenge before. */
static bool
play_line(struct login *login, const char *line, bool *answered, struct buffer *response, struct buffer *had)
{
	const char *text = line + (line[1] == ':' ? 3 : 2);

	buffer_clear(had);
	switch (line[0]) {
	case 'S':
		buffer_clear(response);
		*answered = login_next(login, text, strlen(text), response);
		return true;
	case 'C':
		buffer_add(had, response->data, response->length);
		return *answered && strcmp(buffer_string(had), text) == 0;
	case '*':
	case '?':
		buffer_add_string(had, login->note);
		return *answered == (line[0] == '?') && strcmp(login->note, text) == 0;
	default:
		return login_done(login, text) == (line[0] == '+');
	}
}

static void
check_row(size_t i)
{
	struct login login;
	struct smtp_options options = rows[i].options;
	struct buffer response, had;
	bool answered = true, good;

	options.mechanisms = rows[i].mechanism;
	buffer_init(&response, 12288);
	buffer_init(&had, 12288);
	login_init(&login, &options);
	good = ok(login_choose(&login, SMTP_AUTH_AUTO), "%s: possible", rows[i].name);
	if (good)
		login_first(&login, &response);
	for (size_t k = 0; good && k < LINES && rows[i].lines[k] != NULL; k++) {
		good = play_line(&login, rows[i].lines[k], &answered, &response, &had);
		if (!good)
			note("%s, but: %s", rows[i].lines[k], buffer_string(&had));
	}
	ok(good, "%s", rows[i].name);
	login_free(&login);
	buffer_free(&response);
	buffer_free(&had);
}

static const struct {
	const char *name;
	struct digest_login login;
	const char *response, *rspauth;
} digests[] = {
	{ "DIGEST-MD5 for IMAP (RFC 2831 section 4)",
	    { "chris", "secret", "elwood.innosoft.com", "OA6MG9tEQGm2hh", "OA6MHXh6VqTrRk",
		"imap/elwood.innosoft.com" },
	    "d388dad90d4bbd760a152321f2143af7", "ea40f60335c427b5527b84dbabcdfffd" },
	{ "DIGEST-MD5 for ACAP (RFC 2831 section 4)",
	    { "chris", "secret", "elwood.innosoft.com", "OA9BSXrbuRhWay", "OA9BSuZWMSpW8m",
		"acap/elwood.innosoft.com" },
	    "6084c6db3fede7352c551284490fd0fc", "2f0b3d7c3c2e486600ef710726aa2eae" },
};

static void
check_digest(size_t i)
{
	struct buffer value;

	buffer_init(&value, 100);
	ok(digest_value(&value, &digests[i].login, "AUTHENTICATE") &&
		strcmp(buffer_string(&value), digests[i].response) == 0,
	    "%s: ours", digests[i].name);
	buffer_clear(&value);
	ok(digest_value(&value, &digests[i].login, "") && strcmp(buffer_string(&value), digests[i].rspauth) == 0,
	    "%s: theirs", digests[i].name);
	buffer_free(&value);
}

enum { ALL = SMTP_AUTH_AUTO };

static const struct {
	const char *name;
	struct smtp_options options;
	unsigned offered;
	const char *want, *lacks; /* want: chosen, or the one that lacks something */
} choices[] = {
	{ "a password under TLS", { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL }, ALL, "PLAIN",
	    NULL },
	{ "a password without TLS",
	    { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL, .tls = SMTP_TLS_NONE }, ALL,
	    "SCRAM-SHA-256", NULL },
	{ "MD5 before what reveals, without TLS",
	    { .user = "u", .password = "p", .mechanisms = ALL, .tls = SMTP_TLS_NONE },
	    ALL & ~(SMTP_AUTH_SCRAM_SHA_256 | SMTP_AUTH_SCRAM_SHA_1), "CRAM-MD5", NULL },
	{ "PLAIN without TLS, for want of others",
	    { .user = "u", .password = "p", .mechanisms = ALL, .tls = SMTP_TLS_NONE },
	    SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN, "PLAIN", NULL },
	{ "SCRAM before LOGIN", { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL },
	    ALL & ~SMTP_AUTH_PLAIN, "SCRAM-SHA-256", NULL },
	{ "SHA-1 before LOGIN", { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL },
	    SMTP_AUTH_LOGIN | SMTP_AUTH_SCRAM_SHA_1, "SCRAM-SHA-1", NULL },
	{ "LOGIN before MD5", { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL },
	    SMTP_AUTH_LOGIN | SMTP_AUTH_CRAM_MD5 | SMTP_AUTH_DIGEST_MD5, "LOGIN", NULL },
	{ "CRAM before DIGEST", { .user = "u", .password = "p", .nonce = "n", .mechanisms = ALL },
	    SMTP_AUTH_CRAM_MD5 | SMTP_AUTH_DIGEST_MD5, "CRAM-MD5", NULL },
	{ "a token", { .user = "u", .token = "t", .mechanisms = ALL }, ALL, "OAUTHBEARER", NULL },
	{ "a token at Microsoft", { .user = "u", .token = "t", .mechanisms = ALL }, SMTP_AUTH_LOGIN | SMTP_AUTH_XOAUTH2,
	    "XOAUTH2", NULL },
	{ "a token before a password", { .user = "u", .token = "t", .password = "p", .mechanisms = ALL }, ALL,
	    "OAUTHBEARER", NULL },
	{ "a certificate", { .certificate = true, .mechanisms = ALL }, ALL, "EXTERNAL", NULL },
	{ "a password before a certificate", { .certificate = true, .user = "u", .password = "p", .mechanisms = ALL },
	    ALL, "PLAIN", NULL },
	{ "only what is named", { .user = "u", .password = "p", .nonce = "n", .mechanisms = SMTP_AUTH_DIGEST_MD5 }, ALL,
	    "DIGEST-MD5", NULL },
	{ "what is named is not offered", { .user = "u", .password = "p", .mechanisms = SMTP_AUTH_DIGEST_MD5 },
	    SMTP_AUTH_PLAIN, NULL, NULL },
	{ "no token", { .user = "u", .password = "p", .mechanisms = ALL }, SMTP_AUTH_XOAUTH2, "XOAUTH2", "a token" },
	{ "no password", { .user = "u", .token = "t", .mechanisms = ALL }, SMTP_AUTH_PLAIN, "PLAIN", "a password" },
	{ "no certificate", { .user = "u", .password = "p", .mechanisms = ALL }, SMTP_AUTH_EXTERNAL, "EXTERNAL",
	    "a client certificate" },
	{ "a newline in a password", { .user = "u", .password = "a\n", .nonce = "n", .mechanisms = ALL },
	    SMTP_AUTH_SCRAM_SHA_1, "SCRAM-SHA-1", "user and password without control characters" },
	{ "a newline in a token", { .user = "u", .token = "a\n", .mechanisms = ALL }, SMTP_AUTH_XOAUTH2, "XOAUTH2",
	    "user and token without control characters" },
	{ "a newline in a password is nothing to LOGIN",
	    { .user = "u", .password = "a\n", .nonce = "n", .mechanisms = ALL },
	    SMTP_AUTH_SCRAM_SHA_1 | SMTP_AUTH_LOGIN, "LOGIN", NULL },
};

static void
check_choice(size_t i)
{
	struct login login;
	const char *name = NULL, *lacks = NULL;
	bool chosen;

	login_init(&login, &choices[i].options);
	chosen = login_choose(&login, choices[i].offered);
	if (chosen)
		name = login_name(&login);
	else
		lacks = login_lacks(&login, choices[i].offered, &name);
	if (!ok(chosen == (choices[i].want != NULL && choices[i].lacks == NULL) &&
		    (name == NULL ? choices[i].want == NULL
				  : choices[i].want != NULL && strcmp(name, choices[i].want) == 0) &&
		    (lacks == NULL ? choices[i].lacks == NULL
				   : choices[i].lacks != NULL && strcmp(lacks, choices[i].lacks) == 0),
		"%s", choices[i].name))
		note("%s lacks %s", name != NULL ? name : "none", lacks != NULL ? lacks : "nothing");
	login_free(&login);
}

int
main(void)
{
	const char *name;
	unsigned bit, all = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		check_digest(i);
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		check_choice(i);
	for (size_t i = 0; (name = login_row(i, &bit)) != NULL; i++) {
		ok((all & bit) == 0 && login_bit(name, strlen(name)) == bit, "%s is found by its name", name);
		all |= bit;
	}
	ok(login_bit("scram-sha-256", 13) == SMTP_AUTH_SCRAM_SHA_256 && login_bit("scram", 5) == 0, "in any case");
	return tap_done();
}

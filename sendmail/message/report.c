/*
 * A report is multipart/report: sentences, fields, and what is returned. The
 * first two are ASCII, each line of them indented or begun by us, so that
 * nothing from outside can look like a line of ours. The third is the sender's
 * own text: as it is where mail can carry it, else quoted-printable.
 */
#include "message/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/encode.h"
#include "message/ascii.h"
#include "message/date.h"

enum {
	WIDTH = 76, /* of a line; a longer word stands alone */
	LINE_MAX_SMTP = 998, /* RFC 5322 2.1.1 */
	OUTSIDE_MAX = 512, /* bytes of one text from outside */
	BOUNDARY_MAX = ID_MAX + 16,
	DAY = 86400,
};

static const struct kind {
	enum verdict verdict;
	const char *action; /* RFC 3464 2.3.3 */
	const char *classes; /* of the status codes that go with it; the first is the default */
	const char *subject;
	const char *happened, *next;
} kinds[] = {
	[REPORT_FAILED] = { FAILED, "failed", "54", "Mail could not be delivered to", "could not be delivered",
	    "It will not be tried again for the addresses above. When the reason is mended, send it anew." },
	[REPORT_DELAYED] = { DEFERRED, "delayed", "4", "Mail is delayed to", "has not been delivered yet",
	    "You need not do anything: it will be tried again until" },
	[REPORT_HELD] = { DEFERRED, "delayed", "4", "It is not known whether mail arrived at",
	    "may have arrived or not, because twice the connection broke before the answer",
	    "It is held in the queue, lest it arrive twice. Whoever runs this machine can send or delete it: "
	    "sendmailctl queue release, sendmailctl queue delete." },
	[REPORT_DELIVERED] = { DELIVERED, "relayed", "2", "Mail was sent on to", "was accepted by the smarthost",
	    "The smarthost takes it further. It does not report back when mail arrives." },
};

/* A report while it is written. */
struct writing {
	const struct report *report;
	const struct kind *kind;
	const struct envelope *envelope;
	size_t affected; /* recipients that the report is about */
	struct buffer *out;
	bool full; /* the body is returned, too */
	bool eight_bit; /* in what is returned */
	bool encode; /* the header has to be encoded */
	char boundary[BOUNDARY_MAX];
};

/* Appends the words of a text from outside behind `first`, further lines behind `next`. */
static void
add_wrapped(struct buffer *out, const char *first, const char *next, const char *text)
{
	char words[OUTSIDE_MAX], *word = words;
	size_t column = strlen(first);

	printable(words, sizeof(words), text, strlen(text));
	buffer_add_string(out, first);
	for (size_t length; *word != '\0'; word += length + (word[length] == ' ')) {
		length = strcspn(word, " ");
		if (word > words && column + 1 + length > WIDTH) {
			buffer_format(out, "\n%s", next);
			column = strlen(next);
		} else if (word > words) {
			buffer_add_char(out, ' ');
			column++;
		}
		buffer_add(out, word, length);
		column += length;
	}
	buffer_add_char(out, '\n');
}

static void
add_paragraph(struct buffer *out, const char *text)
{
	add_wrapped(out, "", "", text);
}

static void
add_field(struct buffer *out, const char *name, const char *text)
{
	add_wrapped(out, name, "\t", text);
}

static void
add_date(const struct writing *w, const char *name, int64_t when)
{
	buffer_add_string(w->out, name);
	date_add(w->out, when, w->report->zone);
	buffer_add_char(w->out, '\n');
}

/* A refused recipient counts as settled, too, once he was reported: he was not delivered. */
static bool
is_affected(const struct writing *w, const struct recipient *r)
{
	return r->verdict == w->kind->verdict && (r->verdict != DELIVERED || r->reply.code / 100 == 2);
}

/* The next recipient that the report is about, from index i on; the count of all when there is none. */
static size_t
next_affected(const struct writing *w, size_t i)
{
	while (i < w->envelope->count && !is_affected(w, &w->envelope->recipients[i]))
		i++;
	return i;
}

/* An address that no server was asked about has 553 5.1.3, a failure on the way no code at all. */
static bool
is_answer(const struct reply *reply)
{
	return reply->code != 0 && (reply->code != 553 || strcmp(reply->enhanced, "5.1.3") != 0);
}

/* Given up because it lasted too long, not because somebody refused. */
static bool
is_expired(const struct writing *w, const struct reply *reply)
{
	return w->report->kind == REPORT_FAILED && reply->code / 100 != 5 && w->report->now >= w->report->until;
}

static bool
same_reply(const struct reply *a, const struct reply *b)
{
	return a->code == b->code && strcmp(a->enhanced, b->enhanced) == 0 && strcmp(a->text, b->text) == 0;
}

/* What was said about the recipients just named, and what it means. */
static void
write_answer(const struct writing *w, const struct reply *reply)
{
	const struct report *r = w->report;
	const char *meaning, *cure;
	char text[OUTSIDE_MAX];

	if (is_answer(reply)) {
		snprintf(text, sizeof(text), "The smarthost %s answered:", r->smarthost != NULL ? r->smarthost : "");
		add_paragraph(w->out, text);
	} else
		add_paragraph(w->out, "The reason:");
	buffer_add_char(w->out, '\n');
	reply_format(reply, text, sizeof(text));
	add_wrapped(w->out, "    ", "    ", text);
	buffer_add_char(w->out, '\n');
	if (r->kind == REPORT_DELIVERED)
		return;
	if (is_expired(w, reply))
		add_paragraph(w->out, "This was the last answer; the time to try is over.");
	r->explain(reply, &meaning, &cure);
	snprintf(text, sizeof(text), "What it means: %s.", meaning);
	add_paragraph(w->out, text);
	if (r->kind == REPORT_FAILED) {
		snprintf(text, sizeof(text), "What to do: %s.", cure);
		add_paragraph(w->out, text);
	}
	buffer_add_char(w->out, '\n');
}

static void
write_address(const struct writing *w, const struct recipient *recipient)
{
	const char *meant = recipient->verdict == FAILED ? w->report->meant(recipient->address) : NULL;
	char text[OUTSIDE_MAX];

	snprintf(text, sizeof(text), "%s%s%s%s", recipient->address, meant != NULL ? " (is " : "",
	    meant != NULL ? meant : "", meant != NULL ? " meant?)" : "");
	add_wrapped(w->out, "    ", "    ", text);
}

/* Neighbours with the same answer share it. */
static void
write_recipients(const struct writing *w)
{
	const struct recipient *recipients = w->envelope->recipients;
	size_t i = next_affected(w, 0), next;

	for (size_t n = 0; i < w->envelope->count && n < REPORT_RECIPIENTS_MAX; n++, i = next) {
		write_address(w, &recipients[i]);
		next = next_affected(w, i + 1);
		if (next < w->envelope->count && n + 1 < REPORT_RECIPIENTS_MAX &&
		    same_reply(&recipients[i].reply, &recipients[next].reply))
			continue;
		buffer_add_char(w->out, '\n');
		write_answer(w, &recipients[i].reply);
	}
	if (w->affected > REPORT_RECIPIENTS_MAX)
		buffer_format(
		    w->out, "And %zu more recipients, not named here.\n\n", w->affected - REPORT_RECIPIENTS_MAX);
}

static void
write_sentences(const struct writing *w)
{
	const struct report *r = w->report;
	struct buffer text;

	buffer_init(&text, OUTSIDE_MAX);
	buffer_format(&text, "This is the mail program of %s. Your mail of ", r->host);
	date_add(&text, w->envelope->birth, r->zone);
	buffer_format(&text, " %s", w->kind->happened);
	if (w->affected < w->envelope->count)
		buffer_format(&text, " to %zu of its %zu recipients", w->affected, w->envelope->count);
	buffer_add_char(&text, ':');
	buffer_format(w->out, "--%s\nContent-Type: text/plain; charset=us-ascii\n\n", w->boundary);
	add_paragraph(w->out, buffer_string(&text));
	buffer_add_char(w->out, '\n');
	write_recipients(w);
	buffer_clear(&text);
	buffer_format(&text, "%s", w->kind->next);
	if (r->kind == REPORT_DELAYED) {
		buffer_add_char(&text, ' ');
		date_add(&text, r->until, r->zone);
		buffer_add_char(&text, '.');
	}
	add_paragraph(w->out, buffer_string(&text));
	buffer_format(w->out, "\n%s\n\n",
	    w->full ? "Your mail is attached; of a large one the beginning." : "The header of your mail is attached.");
	buffer_free(&text);
}

/* RFC 3464 2.3.4: the server's code where its class goes with what became of the mail. */
static void
write_status(const struct writing *w, const struct reply *reply)
{
	const char *classes = w->kind->classes;

	if (reply->enhanced[0] != '\0' && strchr(classes, reply->enhanced[0]) != NULL)
		add_field(w->out, "Status: ", reply->enhanced);
	else if (is_expired(w, reply))
		buffer_add_string(w->out, "Status: 4.4.7\n"); /* delivery time expired */
	else
		buffer_format(w->out, "Status: %c.0.0\n", classes[0]);
}

/* The name in "host:port"; nothing for a folder or a socket. */
static void
write_remote(const struct writing *w)
{
	const char *name = w->report->smarthost, *colon = name != NULL ? strrchr(name, ':') : NULL;
	char host[OUTSIDE_MAX];

	if (colon == NULL || strchr(name, '/') != NULL)
		return;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - name), name);
	add_field(w->out, "Remote-MTA: dns; ", host);
}

static void
write_recipient_fields(const struct writing *w, const struct recipient *recipient)
{
	char text[OUTSIDE_MAX];

	buffer_add_char(w->out, '\n');
	add_field(w->out, "Final-Recipient: rfc822; ", recipient->address);
	buffer_format(w->out, "Action: %s\n", w->kind->action);
	write_status(w, &recipient->reply);
	if (is_answer(&recipient->reply))
		write_remote(w);
	reply_format(&recipient->reply, text, sizeof(text));
	add_field(w->out, recipient->reply.code != 0 ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: x-local; ", text);
	add_date(w, "Last-Attempt-Date: ", w->report->now);
	if (w->report->kind == REPORT_DELAYED)
		add_date(w, "Will-Retry-Until: ", w->report->until);
}

/* Of the envelope id, which RFC 3461 6.3 wants without its xtext. */
static void
write_envelope_id(const struct writing *w)
{
	const char *envid = w->envelope->envid;
	struct buffer plain;

	if (envid == NULL)
		return;
	buffer_init(&plain, OUTSIDE_MAX);
	if (xtext_decode(&plain, envid, strlen(envid)))
		envid = buffer_string(&plain);
	add_field(w->out, "Original-Envelope-Id: ", envid);
	buffer_free(&plain);
}

static void
write_fields(const struct writing *w)
{
	size_t i = next_affected(w, 0);

	buffer_format(w->out, "--%s\nContent-Type: message/delivery-status\n\n", w->boundary);
	write_envelope_id(w);
	add_field(w->out, "Reporting-MTA: dns; ", w->report->host);
	add_field(w->out, "X-Queue-Id: ", w->envelope->id);
	add_date(w, "Arrival-Date: ", w->envelope->birth);
	for (size_t n = 0; i < w->envelope->count && n < REPORT_RECIPIENTS_MAX; n++, i = next_affected(w, i + 1))
		write_recipient_fields(w, &w->envelope->recipients[i]);
	buffer_add_char(w->out, '\n');
}

/* Quoted-printable (RFC 2045 6.7): lines of at most WIDTH bytes, and no blank at the end of one. */
static void
add_quoted(struct buffer *out, const char *text, size_t n)
{
	size_t column = 0;

	for (size_t i = 0; i < n; i++) {
		bool at_end = i + 1 == n || text[i + 1] == '\n';
		bool plain =
		    text[i] != '=' && !is_eight_bit(text[i]) && !is_control(text[i]) && (text[i] != ' ' || !at_end);

		if (text[i] == '\n') {
			buffer_add_char(out, '\n');
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) >= WIDTH) {
			buffer_add_string(out, "=\n");
			column = 0;
		}
		if (plain)
			buffer_add_char(out, text[i]);
		else
			buffer_format(out, "=%02X", (unsigned char)text[i]);
		column += plain ? 1 : 3;
	}
}

static void
write_returned(const struct writing *w)
{
	const struct report *r = w->report;

	buffer_format(
	    w->out, "--%s\nContent-Type: %s\n", w->boundary, w->full ? "message/rfc822" : "text/rfc822-headers");
	if (w->full && w->eight_bit)
		buffer_add_string(w->out, "Content-Transfer-Encoding: 8bit\n");
	else if (w->encode)
		buffer_add_string(w->out, "Content-Transfer-Encoding: quoted-printable\n");
	buffer_add_char(w->out, '\n');
	if (w->encode)
		add_quoted(w->out, r->header, r->header_length);
	else
		buffer_add(w->out, r->header, r->header_length);
	if (w->full) {
		buffer_add_char(w->out, '\n');
		buffer_add(w->out, r->body, r->body_length);
	}
	buffer_format(w->out, "\n--%s--\n", w->boundary);
}

/* One that is none would spoil the field; a long one was cut in the queue. */
static bool
is_message_id(const char *id)
{
	size_t length = strlen(id);

	return length > 2 && id[0] == '<' && strcspn(id, " >") == length - 1 && id[length - 1] == '>';
}

static void
write_header(const struct writing *w)
{
	const struct report *r = w->report;
	const char *id = w->envelope->message_id, *first = w->envelope->recipients[next_affected(w, 0)].address;
	char text[OUTSIDE_MAX];

	snprintf(text, sizeof(text), "Mail Delivery System <%s%s>", r->from != NULL ? "" : "MAILER-DAEMON@",
	    r->from != NULL ? r->from : r->domain);
	add_field(w->out, "From: ", text);
	add_field(w->out, "To: ", r->to);
	snprintf(text, sizeof(text), "%s %s", w->kind->subject, first);
	if (w->affected > 1)
		snprintf(text, sizeof(text), "%s %s and %zu other%s", w->kind->subject, first, w->affected - 1,
		    w->affected > 2 ? "s" : "");
	add_field(w->out, "Subject: ", text);
	add_date(w, "Date: ", r->now);
	snprintf(text, sizeof(text), "<%s@%s>", r->id, r->domain);
	add_field(w->out, "Message-ID: ", text);
	if (id != NULL && is_message_id(id)) {
		add_field(w->out, "In-Reply-To: ", id);
		add_field(w->out, "References: ", id);
	}
	buffer_add_string(w->out, "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n");
	buffer_format(
	    w->out, "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"%s\"\n", w->boundary);
	if (w->full && w->eight_bit)
		buffer_add_string(w->out, "Content-Transfer-Encoding: 8bit\n");
	buffer_add_char(w->out, '\n');
}

/* True when a line of the text begins with the boundary. */
static bool
holds_boundary(const char *text, size_t n, const char *boundary)
{
	const char *end = text + n, *line_end;
	size_t length = strlen(boundary);

	for (; text < end; text = line_end + 1) {
		if ((size_t)(end - text) >= length + 2 && memcmp(text, "--", 2) == 0 &&
		    memcmp(text + 2, boundary, length) == 0)
			return true;
		line_end = memchr(text, '\n', (size_t)(end - text));
		if (line_end == NULL)
			return false;
	}
	return false;
}

/* The id makes it one that nobody could foresee; still it is looked for. */
static void
choose_boundary(struct writing *w)
{
	const struct report *r = w->report;
	unsigned n = 0;

	do
		snprintf(w->boundary, sizeof(w->boundary), "=_%s.%u", r->id, n++);
	while (holds_boundary(r->header, r->header_length, w->boundary) ||
	       (w->full && holds_boundary(r->body, r->body_length, w->boundary)));
}

static struct facts
facts_of(const char *text, size_t n)
{
	struct facts facts = { 0 };

	facts_add(&facts, text, n);
	return facts;
}

/* What mail can carry as it is, maybe as 8-bit. */
static bool
is_legal(const char *text, size_t n)
{
	return memchr(text, '\0', n) == NULL && memchr(text, '\r', n) == NULL &&
	       facts_of(text, n).longest_line <= LINE_MAX_SMTP;
}

static bool
has_control(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_control(text[i]) && text[i] != '\n' && text[i] != '\t')
			return true;
	return false;
}

void
report_write(const struct report *report, struct buffer *out)
{
	struct writing w = { .report = report, .kind = &kinds[report->kind], .envelope = report->envelope, .out = out };
	bool legal = is_legal(report->header, report->header_length);

	for (size_t i = 0; i < w.envelope->count; i++)
		w.affected += is_affected(&w, &w.envelope->recipients[i]);
	w.full = report->body != NULL && legal && is_legal(report->body, report->body_length);
	w.eight_bit = facts_of(report->header, report->header_length).eight_bit ||
		      (w.full && facts_of(report->body, report->body_length).eight_bit);
	w.encode = !w.full && (!legal || w.eight_bit || has_control(report->header, report->header_length));
	choose_boundary(&w);
	write_header(&w);
	write_sentences(&w);
	write_fields(&w);
	write_returned(&w);
}

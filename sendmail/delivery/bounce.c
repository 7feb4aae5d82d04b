/*
 * A report goes the way of every message: tmp/, sync, new/. It never causes
 * another one, because a message without a sender is never reported, whatever
 * bounce_to says: no loop can begin.
 */
#include "delivery/bounce.h"

#include "base/log.h"
#include "smtp/explain.h"
#include "smtp/typo.h"

enum { BLOCK = 16384 };

/* What asks for a report, and what it is called in the log. */
static const struct {
	unsigned bit;
	const char *event;
} kinds[] = {
	[REPORT_FAILED] = { NOTIFY_FAILURE, "failure-reported" },
	[REPORT_DELAYED] = { NOTIFY_DELAY, "delay-reported" },
	[REPORT_HELD] = { NOTIFY_FAILURE, "hold-reported" },
	[REPORT_DELIVERED] = { NOTIFY_SUCCESS, "success-reported" },
};

static bool
is_wanted(enum report_kind kind, const struct envelope *envelope)
{
	unsigned notify = envelope->notify != 0 ? envelope->notify : NOTIFY_FAILURE | NOTIFY_DELAY;

	return (notify & kinds[kind].bit) != 0;
}

static void
explain(const struct reply *reply, const char **meaning, const char **cure)
{
	const struct refusal *refusal = explain_reply(NULL, STEP_ANY, reply);

	*meaning = refusal->meaning;
	*cure = refusal->cure;
}

/* Appends the message from offset on, until the buffer's limit. */
static int
read_message(const struct entry *entry, off_t offset, struct buffer *out, struct reason *reason)
{
	char block[BLOCK];
	ssize_t n;

	while (!out->overflow && (n = entry_read(entry, block, sizeof(block), offset)) != 0) {
		if (n < 0)
			return reason_set(reason, "message %s cannot be read", entry->envelope.id);
		buffer_add(out, block, (size_t)n);
		offset += n;
	}
	return 0;
}

/* Length of the header; of one that is too long, its complete lines. ended: the empty line was seen. */
static size_t
header_length(const struct buffer *text, bool *ended)
{
	size_t whole = 0;

	for (size_t i = 0; i < text->length; i++) {
		if (text->data[i] != '\n')
			continue;
		*ended = i == whole;
		if (*ended)
			break;
		whole = i + 1;
	}
	return whole;
}

/* Reads what is returned: the header, and with RET=FULL the body. */
static int
read_returned(
    const struct entry *entry, struct buffer *header, struct buffer *body, struct report *report, struct reason *reason)
{
	bool ended = false;

	if (read_message(entry, 0, header, reason) < 0)
		return -1;
	report->header = buffer_string(header);
	report->header_length = header_length(header, &ended);
	if (!ended || entry->envelope.ret != 'F')
		return 0;
	if (read_message(entry, (off_t)report->header_length + 1, body, reason) < 0)
		return -1;
	report->body = buffer_string(body);
	report->body_length = body->length;
	return 0;
}

/* Appends the report's text. */
static int
build(const struct entry *about, struct report *report, struct buffer *text, struct reason *reason)
{
	struct buffer header, body;
	int result;

	buffer_init(&header, RETURNED_HEADER_MAX);
	buffer_init(&body, RETURNED_BODY_MAX);
	result = read_returned(about, &header, &body, report, reason);
	if (result == 0)
		report_write(report, text);
	if (text->overflow)
		result = reason_set(reason, "a report is larger than %d bytes", REPORT_MAX);
	buffer_free(&header);
	buffer_free(&body);
	return result;
}

/* Like a submission: everything is counted, written and synced before it has its name. */
static int
store(struct entry *entry, const struct buffer *text, struct reason *reason)
{
	facts_add(&entry->envelope.facts, text->data, text->length);
	if (entry_start(entry, reason) < 0 || entry_write(entry, text->data, text->length, reason) < 0)
		return -1;
	return entry_commit(entry, reason);
}

static void
fill_envelope(struct envelope *envelope, const struct report *report)
{
	struct buffer id;

	buffer_init(&id, REASON_MAX);
	buffer_format(&id, "<%s@%s>", report->id, report->domain);
	envelope->birth = report->now;
	envelope->uid = report->envelope->uid;
	envelope->sender = copy_string("");
	envelope->message_id = copy_string(buffer_string(&id));
	envelope_add(envelope, report->to);
	buffer_free(&id);
}

static int
create(struct queue *queue, const struct entry *about, struct report *report, struct reason *reason)
{
	struct entry entry;
	struct buffer text;
	int result = entry_create(&entry, queue, report->id, reason);

	buffer_init(&text, REPORT_MAX);
	if (result == 0) {
		fill_envelope(&entry.envelope, report);
		result = build(about, report, &text, reason);
	}
	if (result == 0)
		result = store(&entry, &text, reason);
	if (result == 0)
		entry_close(&entry);
	else
		entry_abandon(&entry);
	buffer_free(&text);
	return result;
}

enum report_result
report_store(const struct reporter *reporter, const struct entry *entry, enum report_kind kind, struct reason *reason)
{
	const struct envelope *envelope = &entry->envelope;
	char id[ID_MAX];
	struct report report = {
		.kind = kind,
		.id = id,
		.host = reporter->host,
		.domain = reporter->domain,
		.from = reporter->from,
		.to = reporter->bounce_to != NULL ? reporter->bounce_to : envelope->sender,
		.smarthost = reporter->smarthost,
		.now = reporter->now,
		.until = envelope->birth + reporter->lifetime,
		.zone = reporter->zone,
		.envelope = envelope,
		.explain = explain,
		.meant = typo_meant,
	};

	if (!is_wanted(kind, envelope))
		return REPORT_UNWANTED;
	if (envelope->sender[0] == '\0')
		return REPORT_IMPOSSIBLE;
	queue_new_id(id, reporter->now);
	if (create(reporter->queue, entry, &report, reason) < 0)
		return REPORT_ERROR;
	log_event(LEVEL_NOTICE, kinds[kind].event,
	    (struct log_field[]){ { "id", envelope->id }, { "report", id }, { "to", report.to }, { NULL, NULL } });
	return REPORT_STORED;
}

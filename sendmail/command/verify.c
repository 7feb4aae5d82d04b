/*
 * The message is composed like one to be sent, then only its recipients are
 * looked at: so what -bv says is what a submission does.
 */
#include "command/verify.h"

#include <stdio.h>
#include <sysexits.h>

#include "command/submit.h"
#include "delivery/route.h"
#include "message/reader.h"

enum { BLOCK = 32768, VERIFY_BODY_MAX = BLOCK };

/* All of stdin is read; only its header is kept. */
static void
read_header(struct buffer *header, bool dot_ends)
{
	struct reader reader;
	struct buffer body;
	char block[BLOCK];
	ssize_t n;

	reader_init(&reader, dot_ends);
	buffer_init(&body, VERIFY_BODY_MAX);
	while ((n = read_stdin(block, sizeof(block))) > 0) {
		reader_input(&reader, block, (size_t)n, header, &body);
		buffer_clear(&body);
	}
	reader_end(&reader, header, &body);
	buffer_free(&body);
}

static int
print_recipients(const struct caller *caller, const struct envelope *envelope)
{
	const struct smarthost *order[SMARTHOSTS_MAX];
	bool routed = route_order(&caller->config, envelope->sender, order) > 0;
	int status = EX_OK;

	for (size_t i = 0; i < envelope->count; i++) {
		const struct recipient *r = &envelope->recipients[i];

		printf("%s... ", r->address);
		if (r->verdict == FAILED) {
			puts(r->reply.text);
			status = EX_NOUSER;
		} else if (!routed) {
			printf("no smarthost takes mail of %s\n", envelope->sender);
			status = EX_NOUSER;
		} else if (order[0]->maildir != NULL)
			printf("deliverable: maildir %s\n", order[0]->maildir);
		else
			printf("deliverable: smarthost %s\n", order[0]->host);
	}
	return status;
}

int
verify(struct caller *caller, const struct options *options, struct reason *reason)
{
	const struct submission submission = { options->recipients, options->recipient_count, options->from_header,
		options->sender, options->full_name };
	struct buffer header, composed;
	struct identity identity;
	struct envelope envelope;
	struct stamp stamp;
	int status;

	buffer_init(&header, HEADER_MAX);
	buffer_init(&composed, COMPOSED_MAX);
	envelope_init(&envelope);
	if (options->from_header)
		read_header(&header, !options->ignore_dots);
	caller_identity(caller, &identity);
	caller_stamp(caller, "verify", &stamp);
	switch (compose(&header, &submission, &identity, &stamp, &envelope, &composed, reason)) {
	case COMPOSE_OK:
		status = print_recipients(caller, &envelope);
		break;
	case COMPOSE_NO_RECIPIENTS:
		status = EX_USAGE;
		break;
	default:
		status = EX_DATAERR;
	}
	identity_free(&identity);
	envelope_free(&envelope);
	buffer_free(&composed);
	buffer_free(&header);
	return status;
}

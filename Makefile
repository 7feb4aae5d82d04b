# sendmail-submit. GNU make and BSD make; no configure step.
#
#   make          builds sendmail/sendmail
#   make demo     builds, sends messages to a throw-away smarthost, shows what arrived
#   make test     every kind of test in small repetitions; make test-long: the full figures
#   make fuzz     a minute for each fuzz target; make coverage: lines the fuzzers reach
#   make bench    one message beside the least that a client can do
#   make install, uninstall, clean
#
# CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR and PKG_CONFIG_PATH are yours to set.

PREFIX = /usr/local
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
HARDENING = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LANGUAGE = -std=c11 -D_GNU_SOURCE -Isendmail -Itests

# The layers from the bottom up; each folder includes only what stands above it here.
OBJECTS = \
	sendmail/base/buffer.o \
	sendmail/base/certificate.o \
	sendmail/base/command.o \
	sendmail/base/crypto.o \
	sendmail/base/encode.o \
	sendmail/base/json.o \
	sendmail/base/log.o \
	sendmail/base/process.o \
	sendmail/message/address.o \
	sendmail/message/body.o \
	sendmail/message/compose.o \
	sendmail/message/date.o \
	sendmail/message/envelope.o \
	sendmail/message/fields.o \
	sendmail/message/fold.o \
	sendmail/message/header.o \
	sendmail/message/longline.o \
	sendmail/message/mailboxes.o \
	sendmail/message/mime.o \
	sendmail/message/origin.o \
	sendmail/message/outgoing.o \
	sendmail/message/parameters.o \
	sendmail/message/phrase.o \
	sendmail/message/quoted.o \
	sendmail/message/reader.o \
	sendmail/message/recipients.o \
	sendmail/message/report.o \
	sendmail/message/sender.o \
	sendmail/message/utf8.o \
	sendmail/message/words.o \
	sendmail/smtp/auth.o \
	sendmail/smtp/bearer.o \
	sendmail/smtp/capability.o \
	sendmail/smtp/digest.o \
	sendmail/smtp/commands.o \
	sendmail/smtp/explain.o \
	sendmail/smtp/form.o \
	sendmail/smtp/explain_code.o \
	sendmail/smtp/explain_provider.o \
	sendmail/smtp/explain_text.o \
	sendmail/smtp/login.o \
	sendmail/smtp/reply.o \
	sendmail/smtp/scram.o \
	sendmail/smtp/server.o \
	sendmail/smtp/smtp.o \
	sendmail/smtp/transaction.o \
	sendmail/smtp/typo.o \
	sendmail/config/aliases.o \
	sendmail/config/complete.o \
	sendmail/config/config.o \
	sendmail/config/keys.o \
	sendmail/config/lists.o \
	sendmail/config/load.o \
	sendmail/config/numbers.o \
	sendmail/config/preset.o \
	sendmail/config/preset_table.o \
	sendmail/config/print.o \
	sendmail/config/secret.o \
	sendmail/config/ses.o \
	sendmail/config/smarthost.o \
	sendmail/config/source.o \
	sendmail/config/url.o \
	sendmail/config/values.o \
	sendmail/network/connect.o \
	sendmail/network/connection.o \
	sendmail/network/explain.o \
	sendmail/network/resolve.o \
	sendmail/network/tls.o \
	sendmail/network/wait.o \
	sendmail/queue/entry.o \
	sendmail/queue/folder.o \
	sendmail/queue/format.o \
	sendmail/queue/move.o \
	sendmail/queue/open.o \
	sendmail/queue/queue.o \
	sendmail/queue/schedule.o \
	sendmail/queue/state.o \
	sendmail/delivery/bounce.o \
	sendmail/delivery/deliver.o \
	sendmail/delivery/maildir.o \
	sendmail/delivery/pause.o \
	sendmail/delivery/route.o \
	sendmail/delivery/run.o \
	sendmail/delivery/session.o \
	sendmail/delivery/settle.o \
	sendmail/command/caller.o \
	sendmail/command/control.o \
	sendmail/command/lines.o \
	sendmail/command/explain.o \
	sendmail/command/intake.o \
	sendmail/command/mailq.o \
	sendmail/command/options.o \
	sendmail/command/outcome.o \
	sendmail/command/run.o \
	sendmail/command/serve.o \
	sendmail/command/spool.o \
	sendmail/command/status.o \
	sendmail/command/steer.o \
	sendmail/command/submit.o \
	sendmail/command/verify.o

UNIT_TESTS = \
	build/unit/address \
	build/unit/buffer \
	build/unit/command \
	build/unit/compose \
	build/unit/config \
	build/unit/config_aliases \
	build/unit/config_bad \
	build/unit/config_preset \
	build/unit/config_secret \
	build/unit/connection \
	build/unit/connection_addresses \
	build/unit/connection_explain \
	build/unit/connection_tls \
	build/unit/connection_trust \
	build/unit/crypto \
	build/unit/dialog \
	build/unit/encode \
	build/unit/envelope \
	build/unit/explain \
	build/unit/header \
	build/unit/json \
	build/unit/log \
	build/unit/login \
	build/unit/message_rows \
	build/unit/options \
	build/unit/outgoing \
	build/unit/pages \
	build/unit/process \
	build/unit/queue \
	build/unit/queue_foreign \
	build/unit/queue_format \
	build/unit/queue_parts \
	build/unit/queue_schedule \
	build/unit/queue_state \
	build/unit/reader \
	build/unit/reply \
	build/unit/report \
	build/unit/server \
	build/unit/smtp \
	build/unit/status

PROGRAM = sendmail/sendmail
LIBRARY = build/libsubmit.a

all: $(PROGRAM)

.SUFFIXES: .c .o

.c.o:
	$(CC) $(LANGUAGE) $(WARNINGS) $(HARDENING) $$(cat build/cflags) $(CFLAGS) -c -o $@ $<

$(PROGRAM): sendmail/main.o $(LIBRARY)
	$(CC) $(CFLAGS) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) -o $@ sendmail/main.o $(LIBRARY) $$(cat build/libs)

$(LIBRARY): $(OBJECTS)
	rm -f $@
	ar rc $@ $(OBJECTS)

# Every object depends on every header: the whole is small, and a stale object is worse than some seconds.
$(OBJECTS) sendmail/main.o: build/libs sendmail/*/*.h

# pkg-config runs once; a missing library is one sentence that names the package.
build/libs: Makefile etc/find-libraries
	@mkdir -p build/unit
	@sh etc/find-libraries build

$(UNIT_TESTS): $(LIBRARY) tests/unit/*.[ch]
	$(CC) $(LANGUAGE) $(WARNINGS) $$(cat build/cflags) $(CFLAGS) -o $@ tests/unit/$(@F).c $(LIBRARY) $(LDFLAGS) $$(cat build/libs)

build/smarthost: $(LIBRARY) tests/smarthost/*.[ch]
	$(CC) $(LANGUAGE) $(WARNINGS) $$(cat build/cflags) $(CFLAGS) -o $@ tests/smarthost/*.c $(LIBRARY) $(LDFLAGS) $$(cat build/libs)

build/measure: tests/measure.c
	$(CC) $(LANGUAGE) $(WARNINGS) -O2 -static -o $@ tests/measure.c

build/floor: $(LIBRARY) tests/bench/floor.c
	$(CC) $(LANGUAGE) $(WARNINGS) $$(cat build/cflags) $(CFLAGS) -o $@ tests/bench/floor.c $(LIBRARY) $(LDFLAGS) $$(cat build/libs)

# Everything that demo and test run; they install what is missing first and then make again.
tests-built: $(PROGRAM) $(UNIT_TESTS) build/smarthost build/measure

demo:
	@tests/setup demo
	@$(MAKE) $(PROGRAM) build/smarthost
	@tests/demo

test:
	@tests/setup
	@$(MAKE) tests-built
	@tests/run

test-long:
	@tests/setup
	@$(MAKE) tests-built
	@tests/run --long

fuzz:
	@tests/setup
	@tests/fuzz/build
	@tests/fuzz/run 60

coverage:
	@tests/setup
	@tests/fuzz/coverage

bench: $(PROGRAM) build/smarthost build/floor build/measure
	@tests/bench/run

install: $(PROGRAM)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh etc/install

uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh etc/uninstall

clean:
	rm -rf build sendmail/*.o sendmail/*/*.o $(PROGRAM)

.PHONY: all tests-built demo test test-long fuzz coverage bench install uninstall clean

# sendmail-submit. GNU make and BSD make; no configure step.
#
#   make          builds sendmail/sendmail
#   make demo     builds, sends a message to a throw-away smarthost, shows what arrived
#   make test     every kind of test in small repetitions
#   make test-long, fuzz, coverage, bench, install, uninstall, clean
#
# CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR and PKG_CONFIG_PATH are yours to set.

PREFIX = /usr/local
SYSCONFDIR = /etc
CFLAGS = -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
HARDENING = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE

OBJECTS = \
	sendmail/base/buffer.o \
	sendmail/base/encode.o \
	sendmail/base/log.o

PROGRAM = sendmail/sendmail
LIBRARY = build/libsubmit.a

all: $(PROGRAM)

.SUFFIXES: .c .o

# Every object depends on every header: the whole is small, and a stale object is worse than ten seconds.
.c.o:
	$(CC) -std=c11 -D_GNU_SOURCE -Isendmail $(WARNINGS) $(HARDENING) $$(cat build/cflags) $(CFLAGS) -c -o $@ $<

$(PROGRAM): build/libs sendmail/main.o $(LIBRARY)
	$(CC) $(CFLAGS) -pie -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ sendmail/main.o $(LIBRARY) $$(cat build/libs)

$(LIBRARY): $(OBJECTS)
	rm -f $@
	ar rc $@ $(OBJECTS)

$(OBJECTS) sendmail/main.o: build/libs build/headers

# pkg-config runs once; a missing library is one sentence that names the package.
build/libs: Makefile
	@mkdir -p build
	@sh etc/find-libraries build

build/headers: sendmail/*/*.h
	@mkdir -p build
	@touch $@

clean:
	rm -rf build sendmail/*.o sendmail/*/*.o $(PROGRAM)

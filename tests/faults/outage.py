#!/usr/bin/env python3
"""The smarthost is away: everything is kept, it is asked seldom, and all is delivered when it is back.

Trouble of the smarthost (connection, TLS, login, account) pauses it: runs meanwhile do not ask. A message that was told
to come later waits for its own time, whatever the others do.
"""
import os
import re
import subprocess

from helpers.faults import *
from lab import *

MESSAGES = 100 if LONG else 12
RUNS = 4
PAUSES = 3
MACHINES, OUTAGE, DRAWS = 10000, 3600, 200      # messages of machines, seconds, repetitions
LONGEST_PAUSE = 4 * 3600


def mail(token):
    return f'Subject: {token}\nTo: bob@x.test\n\nhello\n'.encode()


def store(lab):
    tokens = [f'm{i}' for i in range(MESSAGES)]
    for token in tokens:
        assert lab.sendmail('-odq', '-t', stdin=mail(token)).status == 0
    return tokens


def attempts(lab, config=None, wrapper=()):
    """A queue run: how many connections (or questions for the name) it began."""
    trace = lab.path / 'connects'
    lab.sendmail('-q', config=config, timeout=100,
                 wrapper=[*wrapper, 'strace', '-f', '-qq', '-o', trace, '-e', 'trace=connect'])
    return len(re.findall(r'connect\(\d+, \{sa_family=AF_INET', trace.read_text()))


def pauses(lab):
    return sorted(lab.queue.glob('pause-*'))


def end_pauses(lab):
    """As if their time were over."""
    for path in pauses(lab):
        path.write_text(re.sub(r'until=\d+', 'until=1', path.read_text()))


def delivered(lab, what, tokens):
    """After the recovery."""
    good = lab.smarthost(listen=['plain'], user=None)
    lab.config(good, 'none', smarthost=NO_TLS)
    left = recover(lab, lab.queue)
    copies = count_tokens(good)
    is_(left, [], f'{what}: the queue is empty after the recovery')
    ok(all(copies[t] == 1 for t in tokens) and len(copies) == len(tokens),
       f'{what}: each of {len(tokens)} messages is delivered once', copies)


def outage(lab, what, config, at_most=1, wrapper=()):
    """Runs over stored messages while the smarthost is in trouble."""
    tokens = store(lab)
    asked = []
    for _ in range(RUNS):
        make_due(lab.queue)
        asked.append(attempts(lab, config, wrapper))
    ok(0 < asked[0] <= at_most and not any(asked[1:]),
       f'{what}: one attempt in {RUNS} runs: the smarthost is paused', asked)
    is_(len(lab.queued()), MESSAGES, f'{what}: all {MESSAGES} kept')
    ok(pauses(lab), f'{what}: the pause is on disk')
    like(lab.sendmail(name='mailq').out.splitlines()[0].decode(), 'pause|127|smarthost',
         f'{what}: the first line of mailq tells')
    got = lab.sendmail('-t', stdin=mail('meanwhile'))
    is_((got.status, got.err), (0, b''), f'{what}: a message is taken meanwhile')
    for number in range(1, PAUSES):
        end_pauses(lab)
        make_due(lab.queue)
        again = [attempts(lab, config, wrapper) for _ in range(2)]
        ok(0 < again[0] <= at_most and again[1] == 0, f'{what}: one attempt after pause {number}', again)
    delivered(lab, what, [*tokens, 'meanwhile'])


def answering(lab, what, reply):
    host = lab.smarthost(reply=reply)
    outage(lab, what, lab.config(host))


@test
def login_refused(lab):
    answering(lab, '535', 'auth=535 5.7.8 bad credentials')


@test
def login_deferred(lab):
    answering(lab, '454', 'auth=454 4.7.0 temporary authentication failure')


@test
def service_closing(lab):
    answering(lab, '421', 'banner=421 4.3.2 service shutting down')


@test
def connection_reset(lab):
    answering(lab, 'reset', 'ehlo=rst')


@test
def connection_refused(lab):
    host = lab.smarthost()
    host.stop()
    outage(lab, 'refused', lab.config(host))


@test
def dead_name_server(lab):
    """In a network of its own with a name server that never answers."""
    need_root()
    need_program('ip', 'unshare')
    resolver = lab.path / 'resolv.conf'
    resolver.write_text('nameserver 192.0.2.1\noptions timeout:1 attempts:1\n')
    inside = ['unshare', '--net', '--mount', 'sh', '-c',
              f'ip link set lo up && ip route add 192.0.2.1 dev lo && mount --bind {resolver} /etc/resolv.conf && '
              'exec "$@"', 'sh']
    # The questions: over UDP, for two kinds of addresses, and with the search list.
    outage(lab, 'dead DNS', lab.config(lab.smarthost(), smarthost={'host': 'smarthost.example.net'}), at_most=8,
           wrapper=inside)


@test
def messages_deferred(lab):
    """450 to every recipient is no trouble of the smarthost: each message has its own time."""
    host = lab.smarthost(listen=['plain'], user=None, reply='rcpt=450 4.2.0 greylisted')
    config = lab.config(host, 'none', smarthost=NO_TLS)
    tokens = store(lab)
    asked = [attempts(lab, config) for _ in range(RUNS)]
    ok(0 < asked[0] <= 4 and not any(asked[1:]), f'450: {RUNS} runs ask once, over few connections', asked)
    tried = sum(s.commands.count('MAIL') for s in host.sessions())
    is_(tried, MESSAGES, '450: each message was tried once')
    is_(len(lab.queued()), MESSAGES, f'450: all {MESSAGES} kept')
    stored = lab.queued()
    lab.sendmail('-t', stdin=mail('another'))
    is_(attempts(lab, config), 0, '450: another mail does not change their time')
    ok(set(stored) <= set(lab.queued()), '450: they wait')
    delivered(lab, '450', [*tokens, 'another'])


def schedule_program():
    program = BUILD / 'schedule'
    libraries = (BUILD / 'libs').read_text().split()
    subprocess.run([*os.environ.get('CC', 'cc').split(), '-std=c11', '-D_GNU_SOURCE', '-O2',
                    *os.environ.get('CFLAGS', '').split(), f'-I{ROOT}/sendmail', '-o', program,
                    ROOT / 'tests/faults/helpers/schedule.c', BUILD / 'libsubmit.a',
                    *os.environ.get('LDFLAGS', '').split(), *libraries], check=True)
    return program


@test
def many_machines(lab):
    """They return to a smarthost that was away for an hour, with the schedule as it is compiled. The load of a second
    is the mean of many such outages: among 10 000 machines chance alone makes one second busier than another."""
    program = schedule_program()
    for when, births in (('in the first second', 1), ('in the first minute', 60), ('at any time', OUTAGE)):
        counts = subprocess.check_output([program, str(MACHINES * DRAWS), str(OUTAGE), str(births)])
        load = [int(n) / DRAWS for n in counts.split()]
        most = next(t for t in range(len(load)) if sum(load[:t + 1]) >= 0.9 * MACHINES)
        mean = 0.9 * MACHINES / (most + 1)
        ok(most <= LONGEST_PAUSE, f'mails written {when} of the outage: 90 % are tried again within {most} s')
        ok(max(load) <= 3 * mean, f'mails written {when} of the outage: the busiest second has {max(load):.1f} tries, '
           f'{max(load) / mean:.1f} times the mean of {mean:.1f} of that time')


run(threads=2)

#!/usr/bin/env python3
"""A long queue: listing it and starting a run cost the same a message at every length, and little memory."""
import os
import random
import time

from helpers.faults import *
from lab import *

FEW, MANY = (1000, 100000) if LONG else (200, 2000)
REPEATS = 3                     # the quickest counts: others use the machine too
LIMIT = 32 * 1024               # KiB
WITHIN = 2                      # times the time a message at a smaller length


def fill(lab, count):
    """The queue holds so many messages, copies of one, each with its own id."""
    real = waiting(lab.queue)[0]
    content, identity = real.read_bytes(), real.name.encode()
    assert content.count(identity) >= 1
    numbers = random.Random(count)
    birth = int(identity[:8], 16) - 86400
    when = os.stat(real).st_mtime
    for i in range(count - len(waiting(lab.queue))):
        name = b'%08X%010X' % (birth + i % 80000, numbers.getrandbits(40))
        with open(lab.queue / 'new' / name.decode(), 'xb', 0) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content.replace(identity, name))
        os.utime(lab.queue / 'new' / name.decode(), (when, when))
    assert len(waiting(lab.queue)) == count


def quickest(lab, check, *argv, **options):
    """Seconds and KiB of the quickest and of the largest of some runs."""
    results = [lab.sendmail(*argv, measure=True, timeout=600, **options) for _ in range(REPEATS)]
    for result in results:
        check(result)
    return min(r.seconds for r in results), max(r.rss for r in results)


def compare(what, few, many):
    a, b = few / FEW * 1e6, many / MANY * 1e6
    ok(b < a * WITHIN, f'{what}: {b:.0f} microseconds a message of {MANY}, {a:.0f} of {FEW}')


@test
def long_queues(lab):
    host = lab.smarthost(listen=['plain'], user=None, reply='rcpt=450 4.2.0 later')
    gone = lab.smarthost(listen=['plain'], user=None)
    gone.stop()
    lab.config(host, 'none', smarthost=NO_TLS)
    lab.sendmail('-t', stdin=b'Subject: one\nTo: bob@x.test\n\nhello\n')        # tried, so that it is not due now
    bad = []

    def listed(count):
        def check(result):
            if result.status != 0 or result.out.count(b'bob@x.test') != count:
                bad.append(str(result)[:300])
        return check

    def ran(result):
        if result.status not in (0, 69):
            bad.append(str(result)[:300])
    times = {}
    for count in (FEW, MANY):
        fill(lab, count)
        lab.config(host, 'none', smarthost=NO_TLS)
        times['mailq', count] = quickest(lab, listed(count), name='mailq')
        times['a run with nothing due', count] = quickest(lab, ran, '-q')
        make_due(lab.queue)
        lab.config(gone, 'none', smarthost=NO_TLS)
        lift_pauses(lab)
        make_due(lab.queue)
        times['a run that finds nobody there', count] = quickest(lab, ran, '-q')
        lift_pauses(lab)
        now = time.time()
        for path in waiting(lab.queue):
            os.utime(path, (now, now))
    is_(bad, [], 'every listing is complete, every run ends')
    is_(len(host.sessions()), 1, 'a run with nothing due asks nobody')
    for what in ('mailq', 'a run with nothing due', 'a run that finds nobody there'):
        (few, _), (many, memory) = times[what, FEW], times[what, MANY]
        compare(what, few, many)
        ok(memory <= LIMIT, f'{what}: {memory} KiB for {MANY} messages')


run()

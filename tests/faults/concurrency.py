#!/usr/bin/env python3
"""Many at once: submitters, runners, stopped processes. Each message arrives once, and nobody waits for ever."""
import collections
import fcntl
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from helpers.faults import *
from lab import *

BESIDE_A_RUN = 1000 if LONG else 150    # messages of
SUBMITTERS = 4                          # so many submitters
PARALLEL, EACH = (100, 100) if LONG else (30, 5)
CROWD = 300 if LONG else 60             # simultaneous submissions
WAIT = 2                                # seconds, wait in [queue]
SLACK = 15 + CROWD / 15                 # seconds more until a caller is back: two processors for all of them


def plain(lab, *, reply=(), delay=0, **queue):
    host = lab.smarthost(listen=['plain'], user=None, reply=reply, delay=delay)
    lab.config(host, 'none', smarthost=NO_TLS, queue=queue)
    return host


def mail(token):
    return f'Subject: {token}\nTo: bob@x.test\n\nhello\n'.encode()


def each_once(lab, host, tokens, what):
    """After all: every token once at the smarthost, and an empty queue."""
    left = recover(lab, lab.queue)
    copies = count_tokens(host)
    is_(left, [], f'{what}: the queue is empty')
    wrong = {t: copies[t] for t in {*tokens, *copies} if copies[t] != 1 or t not in tokens}
    ok(not wrong and tokens, f'{what}: each of {len(tokens)} messages arrived exactly once', sorted(wrong.items())[:50])


@test
def a_run_beside_submitters(lab):
    host = plain(lab)
    tokens = [f'm{i}' for i in range(BESIDE_A_RUN)]
    done = threading.Event()
    results, runs = {}, []

    def submit(number):
        for i in range(number, BESIDE_A_RUN, SUBMITTERS):
            argv = ['-odq'] if i % 2 else []        # half of them leave it to the run
            results[tokens[i]] = lab.sendmail(*argv, '-t', stdin=mail(tokens[i])).status

    def run_queue():
        while not done.is_set():
            runs.append(lab.sendmail('-q').status)
    runner = threading.Thread(target=run_queue)
    runner.start()
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        list(pool.map(submit, range(SUBMITTERS)))
    done.set()
    runner.join()
    is_(set(results.values()), {0}, f'{BESIDE_A_RUN} submissions: status')
    is_(set(runs), {0}, f'{len(runs)} runs meanwhile: status')
    each_once(lab, host, tokens, 'run and 4 submitters')


@test
def many_submitters(lab):
    host = plain(lab)
    tokens = [f's{i}' for i in range(PARALLEL * EACH)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        statuses = list(pool.map(lambda t: lab.sendmail('-t', stdin=mail(t), timeout=600).status, tokens))
    is_(set(statuses), {0}, f'{PARALLEL} submitters at once, {EACH} messages each: status')
    stored = len(lab.queued())      # first: a message on its way out may count twice, but never not at all
    copies = count_tokens(host)
    ok(len(copies) + stored >= len(tokens), f'{len(copies)} have arrived, {stored} wait')
    each_once(lab, host, tokens, 'parallel submitters')


def locked(path):
    with open(path, 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@test
def a_second_run(lab):
    host = plain(lab, reply='banner*1=slow:1500')
    lab.sendmail('-odq', '-t', stdin=mail('only'))
    first = lab.start('-q')
    wait_until(lambda: all(map(locked, lab.queued('new'))), what='its hold on the message')
    second = lab.sendmail('-q')
    is_((second.status, first.poll()), (0, None), 'a second run ends while the first one goes on')
    ok(second.seconds < 1, f'at once: {second.seconds:.3f} s')
    is_(first.wait(), 0, 'the first one ends')
    each_once(lab, host, ['only'], 'two runs')
    tokens = [f'r{i}' for i in range(200 if LONG else 30)]
    for token in tokens:
        lab.sendmail('-odq', '-t', stdin=mail(token))
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: lab.sendmail('-q').status, range(8)))
    is_(set(statuses), {0}, 'eight runs at once: status')
    each_once(lab, host, ['only', *tokens], 'eight runs')


@test
def stopped_submitters(lab):
    """They hold their locks and connections; others get through nevertheless, and they themselves in the end."""
    host = plain(lab, reply='banner*4=slow:1000', wait=f'{WAIT}s')
    stopped = [lab.start('-t', stdin=mail(f'stopped-{i}')) for i in range(4)]
    wait_until(lambda: len(lab.queued('new')) == 4, what='their commits')
    time.sleep(0.1)                 # now they are on their way to the smarthost's greeting
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    others = [f'other-{i}' for i in range(20 if LONG else 6)]
    results = [lab.sendmail('-t', stdin=mail(t)) for t in others]
    is_({r.status for r in results}, {0}, 'others: status')
    slowest = max(r.seconds for r in results)
    ok(slowest < WAIT + 5, f'others: back within {slowest:.3f} s')
    got = lab.sendmail('-q', timeout=60)
    is_(got.status, 0, 'a run: status')
    copies = count_what_came(host)
    ok(all(copies[t] == 1 for t in others), 'all others have arrived', copies)
    for process in stopped:
        process.send_signal(signal.SIGCONT)
    is_([p.wait() for p in stopped], [0] * 4, 'the stopped ones end with 0')
    wait_until(lambda: not busy(lab), what='the end of their children')
    each_once(lab, host, [*others, *(f'stopped-{i}' for i in range(4))], 'stopped submitters')


def count_what_came(host):
    """Without waiting for the end of the sessions: some hang."""
    copies = collections.Counter()
    for message in host.messages():
        copies[message.field('Subject').decode()] += 1
    return copies


def busy(lab):
    """A process of the program is still there (children of callers that are gone)."""
    found = lab.run(['pgrep', '-f', str(lab.path / 'bin/sendmail')])
    return found.status == 0


@test
def a_crowd(lab):
    """Simultaneous submissions and a slow smarthost."""
    host = plain(lab, reply='dot=slow:200', wait=f'{WAIT}s')
    tokens = [f'c{i}' for i in range(CROWD)]
    with ThreadPoolExecutor(CROWD) as pool:
        results = list(pool.map(lambda t: lab.sendmail('-t', stdin=mail(t), timeout=600), tokens))
    is_({r.status for r in results}, {0}, f'{CROWD} at once: status')
    slowest = max(r.seconds for r in results)
    ok(slowest < WAIT + SLACK, f'{CROWD} at once: each is back within {slowest:.1f} s')
    wait_until(lambda: not busy(lab), 120, 'the end of their children')
    each_once(lab, host, tokens, 'a crowd')


run()

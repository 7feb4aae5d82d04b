#!/usr/bin/env python3
"""SIGKILL at every system call: no message of an exit 0, or of a 250, is lost, none comes twice but where it must
(promises 1, 2).

A clean run lists the calls. Then a run is killed at the first of them, another one at the second, and so on, each
with a queue of its own; queue runs follow until it is empty. A copy too many is allowed when the run was killed between
the end of the message and the record of its answer, as its own calls show.
"""
import itertools
from concurrent.futures import ThreadPoolExecutor

from helpers.faults import *
from lab import *

POINTS = 50                     # of a mode, without LONG; and all of these:
ALWAYS = ('fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'unlinkat', 'unlink', 'pwrite64', 'connect',
          'sendto', 'fork', 'vfork', 'clone', 'clone3', 'exit_group')
LINE = b'x' * 70 + b'\n'
IN_A_RUN = 3                    # messages
IN_A_DIALOGUE = 2
THREADS = 3
serial = itertools.count()


class Mode:
    """How messages are handed over: one submission, several in a dialogue, or a queue run over several that were
    stored."""

    def __init__(self, name, *argv, queued=0, served=0, lines=2500, points=POINTS, **keys):
        self.name, self.argv, self.queued, self.served = name, argv, queued, served
        self.lines, self.points, self.keys = lines, points, keys

    def mail(self, token):
        return f'Subject: {token}\nTo: bob@x.test\n\n'.encode() + LINE * self.lines + f'end-of-{token}\n'.encode()

    def stdin(self, tokens):
        if self.queued:
            return b''
        if not self.served:
            return self.mail(tokens[0])
        return b''.join(b'MAIL FROM:<a@y.test>\nRCPT TO:<bob@x.test>\nDATA\n' + self.mail(t) + b'.\n' for t in tokens)


MODES = (Mode('enqueue and deliver', '-t'), Mode('background', '-odb', '-t'),
         Mode('none', '-t', lines=6500, directory='none'), Mode('queue run', '-q', queued=IN_A_RUN),
         Mode('dialogue', '-bs', served=IN_A_DIALOGUE, points=20))


class Point:
    """One submission or queue run with its queue, and what became of it."""

    def __init__(self, lab, host, mode):
        self.lab, self.mode = lab, mode
        self.name = f'p{next(serial)}'
        self.queue = lab.path / self.name
        self.config = lab.config(host, 'none', path=lab.path / f'{self.name}.ini', smarthost=NO_TLS,
                                 queue={'directory': self.queue, **mode.keys})
        self.tokens = [f'{self.name}-{i}' for i in range(mode.queued or mode.served or 1)]
        self.ids = {}                                   # token: name of the file
        for token in self.tokens[:mode.queued]:
            known = set(waiting(self.queue))
            assert lab.sendmail('-odq', '-t', stdin=mode.mail(token), config=self.config).status == 0
            self.ids[token] = (set(waiting(self.queue)) - known).pop().name

    def stdin(self):
        return self.mode.stdin(self.tokens)

    def trace(self):
        """The calls of a clean run."""
        calls, self.result = calls_of(self.lab, *self.mode.argv, stdin=self.stdin(), config=self.config)
        return calls

    def strike(self, call):
        self.run = Struck(self.lab, call, self.lab.path / f'{self.name}.report', *self.mode.argv, stdin=self.stdin(),
                          config=self.config)
        self.left = recover(self.lab, self.queue, self.config) if self.mode.keys.get('directory') != 'none' else []
        return self

    def safe(self, token):
        """True when exit 0, or a 250, had promised that the message is kept, or its file was durable."""
        if self.mode.served:
            return self.tokens.index(token) < self.run.result.out.count(b'queued as')
        return bool(self.mode.queued) or self.run.result.status == 0 or self.run.committed

    def may_double(self, token):
        return self.run.unrecorded(token, self.ids.get(token))

    def __repr__(self):
        return f'{self.name} killed at {self.run.call}; status {self.run.result.status}, then {self.run.events}'


def choose(calls, count):
    if LONG:
        return calls
    few = spread(calls, count)
    return [c for c in calls if c in few or c.name in ALWAYS and '/nscd/' not in c.text]


def judge(mode, points, copies):
    messages = [(point, token, copies[token]) for point in points for token in point.tokens]
    lost = [(p, t) for p, t, n in messages if n == 0 and p.safe(t)]
    between = [(p, t) for p, t, n in messages if p.may_double(t)]
    twice = sum(n == 2 for _, _, n in messages)
    wrong = [(p, t, n) for p, t, n in messages if n > 1 + p.may_double(t)]
    stuck = [(p, p.left) for p in points if p.left]
    reached = sum(p.run.reached for p in points)
    ok(not lost, f'{mode.name}: killed at {len(points)} points: 0 messages lost', *lost)
    ok(not wrong, f'{mode.name}: none came twice where it need not ({twice} did, at {len(between)} points between end '
       'and record)', *wrong)
    ok(between, f'{mode.name}: there are such points')
    ok(not stuck, f'{mode.name}: the queue is empty after recovery', *stuck)
    ok(reached >= len(points) * 0.9, f'{mode.name}: {reached} of {len(points)} points were reached')
    if mode.served:
        answered = {p.run.result.out.count(b'queued as') for p in points}
        is_(answered, set(range(mode.served + 1)), f'{mode.name}: killed before the first answer, and behind each')
    if LONG:
        ok(len(points) >= 150, f'{mode.name}: {len(points)} points are at least 150')


@test
def sweep(lab):
    helper('strike')
    host = lab.smarthost(listen=['plain'], user=None)
    swept = []
    with ThreadPoolExecutor(THREADS) as pool:
        for mode in MODES:
            clean = Point(lab, host, mode)
            calls = clean.trace()
            is_((clean.result.status, clean.result.out.count(b'queued as')), (0, mode.served), f'{mode.name}: a clean run')
            chosen = choose(calls, mode.points)
            points = list(pool.map(lambda call: Point(lab, host, mode).strike(call), chosen))
            swept.append((mode, points))
    copies = count_tokens(host)
    for mode, points in swept:
        judge(mode, points, copies)


run()

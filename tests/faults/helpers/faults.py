"""What the proofs of tests/faults share: system calls of a run, processes killed at one of them, recovery."""
import collections
import os
import re
import subprocess
import time

import lab as _lab
from lab import BUILD, ROOT, need_program

LONG = os.environ.get('LONG') == '1'
LINE = re.compile(r'(\d+) +\[ *(\d+)\] (\w+)\((.*)')
NO_TLS = {'user': None, 'password_file': None, 'auth': 'none'}      # for lab.config(host, 'none', smarthost=NO_TLS)


def helper(name):
    """build/NAME, compiled from helpers/NAME.c."""
    return _lab._program(name, [f'tests/faults/helpers/{name}.c'])


def helper_library(name):
    """build/NAME.so of helpers/NAME.c, for LD_PRELOAD."""
    library = BUILD / f'{name}.so'
    fresh = BUILD / f'{name}.{os.getpid()}.so'
    subprocess.run([*os.environ.get('CC', 'cc').split(), '-std=c11', '-D_GNU_SOURCE', '-O2', '-shared', '-fPIC',
                    '-o', fresh, ROOT / f'tests/faults/helpers/{name}.c'], check=True)
    fresh.rename(library)
    return library


class Call:
    """One system call of a run: by which process (0, 1, ...), number, name, its how-manieth of that number by this
    process, and the rest of strace's line (arguments and result)."""

    def __init__(self, process, number, name, nth, text):
        self.process, self.number, self.name, self.nth, self.text = process, number, name, nth, text

    def __repr__(self):
        return f'{self.name} {self.nth} of process {self.process}: {self.text[:120]}'


def calls_of(lab, *argv, **options):
    """(calls, result) of a run under strace, without those of the start-up (loading of libraries)."""
    need_program('strace')
    trace = lab.path / 'trace'
    result = lab.sendmail(*argv, **options, wrapper=['strace', '-f', '-n', '-y', '-s', '200000', '-o', trace])
    processes, counts, calls, started = [], collections.Counter(), [], False
    for line in trace.read_text(errors='replace').splitlines():
        found = LINE.match(line)
        if found is None or found[3] == 'execve':
            continue
        if found[1] not in processes:
            processes.append(found[1])
        process = processes.index(found[1])
        counts[process, found[2]] += 1
        if started:
            calls.append(Call(process, int(found[2]), found[3], counts[process, found[2]], found[4]))
        started = started or found[3] == 'munmap'       # the cache of the loader: its last act
    return calls, result


class Struck:
    """A run that was killed at a call: result, whether the point was reached, and what had happened by its end."""

    def __init__(self, lab, call, report, *argv, **options):
        self.call = call
        self.result = lab.sendmail(*argv, **options, wrapper=[helper('strike'), report, str(call.process),
                                                              str(call.number), str(call.nth)])
        self.events = [line.split() for line in report.read_text().splitlines()]
        self.reached = ['killed'] in self.events
        self.committed = ['sync', 'new'] in self.events     # in a submission: its file is durable

    def removed(self, identity):
        """True when the record that the message was sent is durable."""
        records = [i for i, e in enumerate(self.events) if e == ['record', identity]]
        return bool(records) and any(e in (['sync', 'new'], ['sync', identity]) for e in self.events[records[0]:])

    def unrecorded(self, token, identity=None):
        """True when the end of the message went out, and the file of this name (or any) has no record of it."""
        if ['end', token] not in self.events:
            return False
        later = self.events[self.events.index(['end', token]):]
        return not any(e[0] == 'record' and identity in (None, e[1]) for e in later)


def spread(things, count):
    """So many of them, evenly taken, with the first and the last."""
    if len(things) <= count:
        return list(things)
    return [things[round(i * (len(things) - 1) / (count - 1))] for i in range(count)]


def waiting(queue):
    return sorted(f for name in ('new', 'cur') for f in (queue / name).glob('*'))


def make_due(queue, seconds=5 * 3600):
    """As if the last try of every message were so long ago."""
    for path in waiting(queue):
        try:
            os.utime(path, (time.time() - seconds,) * 2)
        except FileNotFoundError:
            pass


def lift_pauses(lab, config=None):
    """The smarthost's pauses end now."""
    lab.control('queue', 'retry', '--all', config=config)


def recover(lab, queue, config=None, seconds=15):
    """Queue runs until the queue is empty; what is left. Another runner may still be at it, so that ours leave."""
    deadline = time.monotonic() + seconds + len(waiting(queue)) / 20
    while waiting(queue) and time.monotonic() < deadline:
        lift_pauses(lab, config)
        make_due(queue)
        lab.sendmail('-q', config=config)
        time.sleep(0.02 if waiting(queue) else 0)
    return waiting(queue)


def count_tokens(host, pattern=rb'(?im)^Subject: (\S+)'):
    """How many copies of each message (a word in its subject) the smarthost accepted."""
    host.sessions(0)            # when they have ended
    copies = collections.Counter()
    for path in host.folder.glob('*.envelope'):
        message = path.with_suffix('.message').read_bytes()
        copies.update(word.decode() for word in re.findall(pattern, message.partition(b'\r\n\r\n')[0]))
    return copies

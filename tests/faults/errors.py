#!/usr/bin/env python3
"""Every error that system and disk can give: exit 0 is never a lie, a failure leaves nothing behind (promise 1).

After each of them: 0 only when the message arrived or waits whole in the queue, so that a run sends it, once; any other
status only when it did not arrive and is not in the queue. tmp/ is empty. In a dialogue the same holds for 250 and each
of its messages, and 0 only when all of them were answered.
"""
import itertools
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

from helpers.faults import *
from lab import *

LINE = b'z' * 70 + b'\n'
DISK_ERRORS = ('ENOSPC', 'EDQUOT', 'EFBIG', 'EIO')
DISK_CALLS = ('write', 'pwrite64', 'fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'openat', 'mkdirat',
              'flock', 'unlinkat', 'ftruncate', 'utimensat', 'linkat')
INTERRUPTIBLE = ('read', 'pread64', 'write', 'pwrite64', 'openat', 'flock', 'fsync', 'fdatasync', 'poll', 'connect',
                 'sendto', 'recvfrom', 'wait4', 'fcntl', 'ftruncate', 'close')
MUST_GO_ON = ('read', 'pread64', 'write', 'pwrite64', 'poll', 'sendto', 'recvfrom')
THREADS = 3
serial = itertools.count()


class Trial:
    """One submission under an error."""

    def __init__(self, lab, host, what, *argv, lines=1000, tls='implicit', queue=None, reserve=None, at_end=None,
                 **options):
        self.what, self.token = what, f't{next(serial)}'
        queue = queue or lab.path / self.token
        config = lab.config(host, tls, path=lab.path / f'{self.token}.ini', smarthost=NO_TLS if tls == 'none' else {},
                            queue={'directory': queue, 'min_free': reserve})
        mail = f'Subject: {self.token}\nTo: bob@x.test\n\n'.encode() + LINE * lines
        self.result = lab.sendmail('-t', *argv, stdin=mail, config=config, **options)
        self.in_tmp = sorted((queue / 'tmp').glob('*'))
        self.stored = len(waiting(queue))
        if at_end is not None:
            at_end()
        self.left = recover(lab, queue, config) if host.process.poll() is None else []

    def __repr__(self):
        return f'{self.what}: status {self.result.status}, {self.result.err!r}, stored {self.stored}, left {self.left}'


def judge(what, trials, host, may_die=False):
    """may_die: the error may be one that ends the program after the server's answer and before its record (promise 2);
    then a second copy is right."""
    copies = count_tokens(host)
    lies = [t for t in trials if t.result.status == 0 and copies[t.token] == 0]
    twice = [t for t in trials if copies[t.token] > 1 + (may_die and t.stored)]
    wrong = [t for t in trials if t.result.status != 0 and (copies[t.token] > 0 or t.stored)]
    crashed = [t for t in trials if t.result.status < 0]
    mute = [t for t in trials if t.result.status != 0 and not t.result.err]
    debris = [(t, t.in_tmp) for t in trials if t.in_tmp]
    died = sum(copies[t.token] == 2 for t in trials)
    failed = sum(t.result.status != 0 for t in trials)
    ok(trials, f'{what}: {len(trials)} trials, {failed} of them ended with an error')
    ok(not lies, f'{what}: 0 is never a lie', *lies)
    ok(not wrong, f'{what}: an error is never a lie', *wrong)
    ok(not twice, f'{what}: nothing is sent twice{f", but for {died} that died behind the answer" if may_die else ""}',
       *twice)
    ok(not crashed, f'{what}: no crash', *crashed)
    ok(not mute, f'{what}: every error is explained', *mute)
    ok(not debris, f'{what}: tmp/ is empty', *debris)
    return copies


def together(work, things):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, things))


def injected(call, error):
    return ['strace', '-o', '/dev/null', '-e', f'trace={call.name}', '-e',
            f'inject={call.name}:error={error}:when={call.nth}']


def clean_calls(lab, host, tls='none'):
    lab.config(host, tls, smarthost=NO_TLS if tls == 'none' else {})
    calls, result = calls_of(lab, '-t', stdin=b'Subject: clean\nTo: bob@x.test\n\n' + LINE * 1000)
    assert result.status == 0, str(result)
    # The next run finds another queue, which is not there, as this one did.
    return calls


@test
def errors_of_the_disk(lab):
    host = lab.smarthost(listen=['plain'], user=None)
    calls = [c for c in clean_calls(lab, host) if c.name in DISK_CALLS and str(lab.queue) in c.text]
    pairs = list(itertools.product(calls, DISK_ERRORS))
    if not LONG:
        pairs = [(c, DISK_ERRORS[i % len(DISK_ERRORS)]) for i, c in enumerate(calls)]
    trials = together(lambda p: Trial(lab, host, f'{p[1]} at {p[0]}', tls='none', wrapper=injected(*p)), pairs)
    judge(f'{len(calls)} calls', trials, host)


@test
def interrupted_calls(lab):
    host = lab.smarthost(listen=['plain'], user=None)
    calls = [c for c in clean_calls(lab, host) if c.name in INTERRUPTIBLE]
    calls = calls if LONG else spread(calls, 40)
    trials = together(lambda c: Trial(lab, host, f'EINTR at {c}', tls='none', wrapper=injected(c, 'EINTR')), calls)
    copies = judge('EINTR', trials, host)
    stopped = [t for t, c in zip(trials, calls) if c.name in MUST_GO_ON and '/etc/' not in c.text and
               (t.result.status, copies[t.token]) != (0, 1)]
    ok(not stopped, 'an interrupted call is made again', *stopped)


@test
def errors_of_standard_input(lab):
    host = lab.smarthost(listen=['plain'], user=None)
    calls = [c for c in clean_calls(lab, host) if c.name == 'read' and c.text.startswith('0<')]
    ok(len(calls) > 2, f'{len(calls)} reads')
    trials = together(lambda c: Trial(lab, host, f'EIO at {c}', tls='none', wrapper=injected(c, 'EIO')), calls)
    judge('EIO on standard input', trials, host)
    is_([t.result.status for t in trials], [74] * len(calls), 'status')


@test
def limit_of_the_file_size(lab):
    host = lab.smarthost(listen=['plain'], user=None)

    def limited(size):
        return Trial(lab, host, f'RLIMIT_FSIZE {size}', tls='none',
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    trials = together(limited, [0, 1, 100, 1000, 20000, 70000, 72000, 1 << 20])
    judge('RLIMIT_FSIZE', trials, host)


def small_disk(lab, host, number, options, kibibytes, hold=(), reserve='0'):
    """A submission to a queue on a tmpfs with these limits; hold: files to make there first; reserve: min_free."""
    root = lab.path / f'disk-{number}'
    root.mkdir()
    lab.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', root])
    try:
        for name in hold:
            (root / name).touch()
        return Trial(lab, host, f'tmpfs {options}, {len(hold)} files, {kibibytes} KiB', tls='none',
                     queue=root / 'queue', reserve=reserve, lines=kibibytes * 1024 // len(LINE),
                     at_end=lambda: [(root / n).unlink() for n in hold])
    finally:
        lab.run(['umount', root])


@test
def small_disks(lab):
    need_root()
    host, nobody = lab.smarthost(listen=['plain'], user=None), lab.smarthost(listen=['plain'], user=None)
    nobody.stop()
    sizes = [4, 8, 16, 24, 40, 60, 100, 200] if LONG else [8, 40, 100]
    disks = [(f'size={size}k', 70, ()) for size in sizes]
    disks += [(f'size={size}k', 3, ()) for size in sizes]
    disks += [('size=10m', 3, (), None), ('size=20m', 3, (), None)]         # with the reserve that nobody sets
    # Inodes: the root, queue, tmp, new, cur, the message, and whatever else the program wants.
    disks += [(f'size=10m,nr_inodes=40', 70, [f'held-{i}' for i in range(held)])
              for held in (range(25, 40) if LONG else (30, 33, 34, 35, 36, 37, 39))]
    for up, smarthost in (('smarthost up', host), ('smarthost down', nobody)):
        trials = [small_disk(lab, smarthost, f'{smarthost.plain}-{i}', *d) for i, d in enumerate(disks)]
        if smarthost is host:
            judge(f'full disks, {up}', trials, host)
            continue
        # What was stored is still there when the disk goes with its test: a whole file is promise enough.
        wrong = [t for t in trials if (t.result.status == 0) != (t.stored == 1) or t.in_tmp]
        ok(not wrong, f'full disks, {up}: {len(trials)} trials: 0 when and only when it is stored', *wrong)


def allocations(lab, host, library, **limits):
    count = lab.path / f'count-{next(serial)}'
    env = {'LD_PRELOAD': library, 'FAIL_COUNT': count, **limits}
    trial = Trial(lab, host, f'allocations {limits}', lines=100, env=env)
    return trial, int.from_bytes(count.read_bytes(), sys.byteorder)


@test
def failing_allocations(lab):
    library = helper_library('failing')
    host = lab.smarthost(listen=['implicit'])
    clean, total = allocations(lab, host, library)
    is_(clean.result.status, 0, f'a clean run makes {total} allocations')
    numbers = range(1, total + 1)
    # The program's own come first and last; those between are the TLS library's.
    few = numbers if LONG else sorted({*numbers[:40], *spread(numbers, 60), *numbers[-10:]})
    trials = [t for t, _ in together(lambda n: allocations(lab, host, library, FAIL_AT=n), few)]
    judge(f'one of {total} allocations fails', trials, host, may_die=True)
    few = spread(numbers, 500 if LONG else 40)
    trials = [t for t, _ in together(lambda n: allocations(lab, host, library, FAIL_FROM=n), few)]
    judge('no memory from an allocation on', trials, host, may_die=True)


class Dialogue:
    """Three messages in one session of -bs under an error. codes: the answers to their ends, '' without one."""

    def __init__(self, lab, host, what, **options):
        self.what, self.tokens = what, [f't{next(serial)}' for _ in range(3)]
        self.queue = lab.path / self.tokens[0]
        self.config = lab.config(host, 'none', path=lab.path / f'{self.tokens[0]}.ini', smarthost=NO_TLS,
                                 queue={'directory': self.queue})
        self.stdin = b''.join(b'MAIL FROM:<a@y.test>\nRCPT TO:<bob@x.test>\nDATA\nSubject: %s\n\n%s.\n' %
                              (token.encode(), LINE * 1000) for token in self.tokens) + b'QUIT\n'
        self.hold(lab, **options)

    def hold(self, lab, **options):
        self.result = lab.sendmail('-bs', stdin=self.stdin, config=self.config, **options)
        ends = self.result.out.split(b'354 ')[1:] + [b''] * 3
        self.codes = [end.split(b'\r\n')[1][:3].decode() if end.count(b'\r\n') > 1 else '' for end in ends[:3]]
        self.in_tmp = sorted((self.queue / 'tmp').glob('*'))
        self.left = recover(lab, self.queue, self.config)

    def __repr__(self):
        return f'{self.what}: status {self.result.status}, {self.result.out!r}, {self.result.err!r}, left {self.left}'


class Traced(Dialogue):
    """One without an error, and its calls."""

    def hold(self, lab, **options):
        self.calls, self.result = calls_of(lab, '-bs', stdin=self.stdin, config=self.config)
        assert self.result.out.count(b'queued as') == 3, str(self.result)


def judge_dialogues(what, trials, host, may_die=False):
    copies = count_tokens(host)
    answers = [(t, code, copies[token]) for t in trials for token, code in zip(t.tokens, t.codes)]
    refused = sum(code[:1] in ('4', '5') for _, code, _ in answers)
    ok(trials, f'{what}: {len(trials)} dialogues, {refused} messages were refused')
    lies = [a for a in answers if a[1] == '250' and a[2] == 0]
    ok(not lies, f'{what}: 250 is never a lie', *lies)
    wrong = [a for a in answers if a[1][:1] in ('4', '5') and a[2] > 0]
    ok(not wrong, f'{what}: a refusal is never a lie', *wrong)
    twice = [a for a in answers if a[2] > 1 + may_die]
    ok(not twice, f'{what}: nothing is sent twice', *twice)
    mute = [t for t in trials if t.result.status == 0 and '' in t.codes]
    ok(not mute, f'{what}: 0 only when all were answered', *mute)
    crashed = [t for t in trials if t.result.status < 0]
    ok(not crashed, f'{what}: no crash', *crashed)
    debris = [(t, t.in_tmp, t.left) for t in trials if t.in_tmp or t.left]
    ok(not debris, f'{what}: nothing is left', *debris)


@test
def errors_of_the_disk_in_a_dialogue(lab):
    host = lab.smarthost(listen=['plain'], user=None)
    clean = Traced(lab, host, 'clean')
    calls = [c for c in clean.calls if c.name in DISK_CALLS and str(clean.queue) in c.text]
    pairs = [(c, DISK_ERRORS[i % len(DISK_ERRORS)]) for i, c in enumerate(calls if LONG else spread(calls, 40))]
    trials = together(lambda p: Dialogue(lab, host, f'{p[1]} at {p[0]}', wrapper=injected(*p)), pairs)
    judge_dialogues('errors of the disk', trials, host)


@test
def failing_allocations_in_a_dialogue(lab):
    library, count = helper_library('failing'), lab.path / 'count'
    host = lab.smarthost(listen=['plain'], user=None)
    Dialogue(lab, host, 'clean', env={'LD_PRELOAD': library, 'FAIL_COUNT': count})
    total = int.from_bytes(count.read_bytes(), sys.byteorder)
    numbers = range(1, total + 1) if LONG else spread(range(1, total + 1), 60)
    trials = together(lambda n: Dialogue(lab, host, f'allocation {n} of {total}', env={
        'LD_PRELOAD': library, 'FAIL_COUNT': lab.path / f'count-{n}', 'FAIL_AT': n}), numbers)
    judge_dialogues('an allocation fails', trials, host, may_die=True)


# The mounts end with this process, whatever becomes of it.
if os.geteuid() == 0 and os.environ.get('OWN_MOUNTS') != '1':
    os.environ['OWN_MOUNTS'] = '1'
    os.execvp('unshare', ['unshare', '--mount', sys.executable, *sys.argv])
run()

#!/usr/bin/env python3
"""The power goes: what an exit 0 promised is on the disk, and what was delivered does not come back (promises 1, 3).

The queue lies on a file system in an image. A copy of the image, taken while it is mounted, holds what the disk would:
nothing that only the kernel's memory has. The copy is mounted like the disk after the power is back, and a queue run
over it shows what is there.
"""
import contextlib
import os
import sys

from helpers.faults import *
from lab import *

MIB = 1 << 20
# make, options of the mount (of the copy too: a second file system of the same name)
KINDS = {
    'ext4': (64, ['mkfs.ext4', '-q', '-F'], 'loop,commit=300'),
    'xfs': (300, ['mkfs.xfs', '-q', '-f'], 'loop,nouuid'),
    'btrfs': (128, ['mkfs.btrfs', '-q', '-f'], 'loop,commit=300'),
}
CUTS = 20 if LONG else 3        # after an exit 0
POINTS = 30 if LONG else 7      # in the middle of a submission, and as many in the middle of a run
BODY = (b'y' * 70 + b'\n') * 300


def mail(token, recipients='bob@x.test'):
    return f'Subject: {token}\nTo: {recipients}\n\n'.encode() + BODY + f'end-of-{token}\n'.encode()


class Disk:
    """A mounted image with a queue, its smarthost, and what is known of the messages."""

    def __init__(self, lab, kind):
        need_root()
        self.lab, self.kind = lab, kind
        size, make, self.options = KINDS[kind]
        need_program(make[0], 'mount', 'losetup')
        self.image, self.root = lab.path / f'{kind}.img', lab.path / 'disk'
        self.root.mkdir()
        with open(self.image, 'wb') as image:
            image.truncate(size * MIB)
        self.must([*make, self.image])
        self.host = lab.smarthost(listen=['plain'], user=None)
        self.stored = {}                # token: name of its file; durable, not sent
        self.cuts = 0

    def must(self, command):
        got = self.lab.run(command)
        if got.status != 0:
            raise RuntimeError(str(got))

    @contextlib.contextmanager
    def mounted(self, image, root):
        self.must(['mount', '-o', self.options, image, root])
        try:
            yield
        finally:
            # A child of a caller that is gone may still have to close its files.
            wait_until(lambda: self.lab.run(['umount', root]).status == 0, what=f'the end of the mount of {image}')

    def config(self, root, name='sendmail.ini', **keys):
        return self.lab.config(self.host, 'none', path=self.lab.path / name, smarthost=NO_TLS,
                               queue={'directory': root / 'queue', **keys})

    def copy(self):
        """A copy of the image as it stands, not while it is being written to."""
        to = self.lab.path / f'{self.kind}-cut.img'
        for _ in range(100):
            before = os.stat(self.image).st_mtime_ns
            self.must(['cp', '--sparse=always', '--reflink=never', self.image, to])
            if os.stat(self.image).st_mtime_ns == before:
                return to
        raise RuntimeError('the image is written to without end')

    def cut(self):
        """{token: recipients} of what a queue run sends after a power cut now, and the queue's files."""
        self.cuts += 1
        root = self.lab.path / 'after'
        root.mkdir(exist_ok=True)
        image = self.copy()
        with self.mounted(image, root):
            files = {p.name: p.read_bytes() for p in waiting(root / 'queue')}
            config = self.config(root, 'after.ini')
            left = recover(self.lab, root / 'queue', config)
        image.unlink()
        return self.arrived(), files, left

    def arrived(self):
        """{token: recipients of each copy} of what the smarthost has got since the last time."""
        sent = {}
        self.host.sessions(0)           # when they have ended
        for message in self.host.messages():
            sent.setdefault(message.field('Subject').decode(), []).append(message.recipients)
        for suffix in ('envelope', 'message', 'wire'):
            for path in self.host.folder.glob(f'*.{suffix}'):
                path.unlink()
        return sent

    def tidy(self):
        """Takes away what is in the queue and was not stored by store()."""
        for path in waiting(self.root / 'queue'):
            if path.name not in self.stored.values():
                path.unlink()
        for name in ('new', 'cur'):
            folder = os.open(self.root / 'queue' / name, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def store(self, token):
        known = set(waiting(self.root / 'queue'))
        got = self.lab.sendmail('-odq', '-t', stdin=mail(token))
        assert got.status == 0, str(got)
        self.stored[token] = (set(waiting(self.root / 'queue')) - known).pop().name
        return got

    def whole(self, files):
        """The names of stored messages that are not there as they were."""
        return [n for n in self.stored.values() if files.get(n) != (self.root / 'queue/new' / n).read_bytes()]


def after_exit(disk):
    """Stored, exit 0, cut."""
    wrong = []
    for i in range(CUTS):
        disk.store(f'stored-{i}')
        sent, files, left = disk.cut()
        if disk.whole(files) or left or sent != {t: [['bob@x.test']] for t in disk.stored}:
            wrong.append((i, disk.whole(files), left, sent))
    ok(not wrong, f'{disk.kind}: {CUTS} cuts after an exit 0: all stored messages are whole', *wrong)


def without_syncs(disk):
    """The proof of the proof: a program whose syncs do nothing would lose the message."""
    lab = disk.lab
    got = lab.sendmail('-odq', '-t', stdin=mail('unsynced'), wrapper=[
        'strace', '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:retval=0'])
    is_(got.status, 0, f'{disk.kind}: a run whose syncs do nothing')
    sent, _, _ = disk.cut()
    ok('unsynced' not in sent, f'{disk.kind}: loses its message, so that the cut is one')
    disk.tidy()


def from_the_queue_on(calls):
    first = next(i for i, c in enumerate(calls) if c.name == 'openat' and '/queue"' in c.text)
    return calls[first:]


def in_a_submission(disk):
    lab = disk.lab
    calls, _ = calls_of(lab, '-odq', '-t', stdin=mail('clean'))
    disk.tidy()
    wrong, points = [], spread(from_the_queue_on(calls), POINTS)
    for i, call in enumerate(points):
        token = f'killed-{i}'
        run = Struck(lab, call, lab.path / 'report', '-odq', '-t', stdin=mail(token))
        sent, files, left = disk.cut()
        wanted = {t: [['bob@x.test']] for t in disk.stored}
        if token in sent or run.committed:
            wanted[token] = [['bob@x.test']]
        if disk.whole(files) or left or sent != wanted:
            wrong.append((call, run.events, disk.whole(files), left, sent))
        disk.tidy()
    ok(not wrong, f'{disk.kind}: {len(points)} cuts in the middle of a submission: nothing lost, nothing torn', *wrong)


def after_delivery(disk):
    lab = disk.lab
    wrong = []
    recover(lab, disk.root / 'queue')       # else the submissions take what waits along
    disk.arrived()
    disk.stored = {}
    for i in range(CUTS):
        token = f'sent-{i}'
        got = lab.sendmail('-t', stdin=mail(token))
        arrived = disk.arrived()
        sent, _, left = disk.cut()
        if got.status != 0 or arrived != {token: [['bob@x.test']]} or token in sent or left:
            wrong.append((i, str(got), arrived, sent, left))
    ok(not wrong, f'{disk.kind}: {CUTS} cuts after a delivery: nothing comes back', *wrong)


def after_half_a_delivery(disk):
    """One recipient accepted, one told to come later."""
    lab = disk.lab
    deferring = lab.smarthost(listen=['plain'], user=None, reply='rcpt:late@x.test=450 4.2.0 later')
    config = lab.config(deferring, 'none', path=lab.path / 'deferring.ini', smarthost=NO_TLS,
                        queue={'directory': disk.root / 'queue'})
    got = lab.sendmail('bob@x.test', 'late@x.test', stdin=mail('half'), config=config)
    is_((got.status, len(deferring.messages())), (0, 1), f'{disk.kind}: one recipient accepted, one deferred')
    sent, _, _ = disk.cut()
    is_(sent.get('half'), [['late@x.test']], f'{disk.kind}: after a cut only the deferred one is sent')
    recover(lab, disk.root / 'queue')
    disk.arrived()
    disk.stored = {}


def in_a_run(disk):
    lab = disk.lab
    for i in range(2):
        disk.store(f'listed-{i}')
    calls, _ = calls_of(lab, '-q')
    disk.stored = {}
    disk.arrived()
    chosen = spread(from_the_queue_on(calls), POINTS)
    few = [c for c in calls if c.name in ('unlinkat', 'fsync', 'fdatasync', 'pwrite64')]
    chosen += [c for c in spread(few, POINTS) if c not in chosen]
    lost, back = [], []
    for i, call in enumerate(chosen):
        tokens = [f'run-{i}-{n}' for n in range(2)]
        for token in tokens:
            disk.store(token)
        run = Struck(lab, call, lab.path / 'report', '-q')
        before = disk.arrived()
        sent, _, left = disk.cut()
        lost += [(call, run.events, t, left) for t in tokens if t not in sent and t not in before or left]
        back += [(call, run.events, t) for t in tokens if t in sent and run.removed(disk.stored[t])]
        recover(lab, disk.root / 'queue')
        disk.arrived()
        disk.stored = {}
    ok(not lost, f'{disk.kind}: {len(chosen)} cuts in the middle of a run: nothing lost', *lost)
    ok(not back, f'{disk.kind}: and no recorded delivery comes back', *back)


def cuts(lab, kind):
    disk = Disk(lab, kind)
    with disk.mounted(disk.image, disk.root):
        disk.config(disk.root)
        after_exit(disk)
        without_syncs(disk)
        in_a_submission(disk)
        after_delivery(disk)
        after_half_a_delivery(disk)
        in_a_run(disk)
    note(f'{kind}: {disk.cuts} cuts')


@test
def ext4(lab):
    cuts(lab, 'ext4')


@test
def xfs(lab):
    cuts(lab, 'xfs')


@test
def btrfs(lab):
    cuts(lab, 'btrfs')


# The mounts end with this process, whatever becomes of it.
if os.geteuid() == 0 and os.environ.get('OWN_MOUNTS') != '1':
    os.environ['OWN_MOUNTS'] = '1'
    os.execvp('unshare', ['unshare', '--mount', sys.executable, *sys.argv])
run(threads=3)

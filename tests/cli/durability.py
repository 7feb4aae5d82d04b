#!/usr/bin/env python3
"""Stored before the first packet, gone after the answer, through SIGKILL (design, "The way of a message")."""
import os
import re
import signal
import subprocess

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
CALLS = 'openat,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,connect,exit_group,pwrite64,flock'


def calls(lab, *argv):
    """System calls of a run as lines, paths resolved; and the result."""
    need_program('strace')
    trace = lab.path / 'trace'
    got = lab.sendmail(*argv, stdin=MAIL, wrapper=['strace', '-f', '-y', '-o', trace, '-e', 'trace=' + CALLS])
    return trace.read_text().splitlines(), got


def index(lines, pattern, start=0):
    for i in range(start, len(lines)):
        if re.search(pattern, lines[i]) and '= -1' not in lines[i]:
            return i
    raise AssertionError(f'{pattern} not found behind line {start} in:\n' + '\n'.join(lines[start:]))


@test
def order_of_a_submission(lab):
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-bp')
    lines, got = calls(lab, '-t')
    is_(got.status, 0, 'sent')
    queue = re.escape(str(lab.queue))
    sync = index(lines, rf'fsync\(\d+<{queue}/tmp/')
    moved = index(lines, r'renameat', sync)
    folder = index(lines, rf'fsync\(\d+<{queue}/new>', moved)
    connected = next(i for i, line in enumerate(lines) if 'connect(' in line and 'sin_port' in line)
    gone = index(lines, r'unlinkat', connected)
    folder_again = index(lines, rf'fsync\(\d+<{queue}/new>', gone)
    end = index(lines, r'exit_group', folder_again)
    ok(sync < moved < folder < connected < gone < folder_again < end,
       'fsync(file) < rename < fsync(directory) < connect < unlink < fsync(directory) < exit')
    is_(len([line for line in lines if 'fsync(' in line or 'fdatasync(' in line]), 3, 'and no other sync')


@test
def order_of_a_stored_message(lab):
    lab.config()
    lines, got = calls(lab, '-odq', '-t')
    is_(got.status, 0, 'stored')
    ok(not any('sin_port' in line for line in lines), 'no packet')
    index(lines, 'fsync', index(lines, 'renameat', index(lines, 'fsync')))
    is_(len(lab.queued('new')), 1, 'in new/')


def kill_at(lab, call, when=1):
    """SIGKILL on entry of the call: it is not executed."""
    need_program('strace')
    got = lab.sendmail('-t', stdin=MAIL, wrapper=[
        'strace', '-f', '-o', '/dev/null', '-e', f'trace={call}', '-e', f'inject={call}:signal=SIGKILL:when={when}'])
    is_(got.status, -signal.SIGKILL, f'killed at {call} {when}')


@test
def killed_before_the_rename(lab):
    host = lab.smarthost()
    lab.config(host)
    kill_at(lab, 'renameat2')
    is_((len(lab.queued('tmp')), len(lab.queued('new', 'cur'))), (1, 0), 'only tmp/ holds anything')
    is_(lab.sendmail('-q').status, 0, 'a run')
    is_(host.messages(), [], 'does not send it')


def check_sent_once(lab, host, queue, name):
    lab.config(host, queue={'directory': queue})
    before = len(host.messages())
    is_(len(list((queue / 'new').iterdir())), 1, f'{name}: in new/')
    for run in ('a run sends it', 'another run does not'):
        is_(lab.sendmail('-q').status, 0, f'{name}: status')
        is_(len(host.messages()) - before, 1, f'{name}: {run}')
    is_(list((queue / 'new').iterdir()), [], f'{name}: the queue is empty')


@test
def killed_after_the_rename(lab):
    host = lab.smarthost()
    for call in ('fsync', 'connect'):
        queue = lab.path / f'queue-{call}'
        lab.config(host, queue={'directory': queue})
        lab.sendmail('-bp')                     # makes the queue, so that the second fsync is the one behind the rename
        kill_at(lab, *(('fsync', 2) if call == 'fsync' else ('connect', connects(lab))))
        check_sent_once(lab, host, queue, call)


def connects(lab):
    """Which connect() goes to the smarthost: others look for nscd and the like."""
    trace = lab.path / 'connects'
    lab.sendmail('-bp', wrapper=['strace', '-f', '-o', trace, '-e', 'trace=connect'])
    return len(re.findall('connect\\(', trace.read_text())) + 1


@test
def killed_while_waiting(lab):
    slow, host = lab.smarthost(reply='banner=hang'), lab.smarthost()
    lab.config(slow)
    process = lab.start('-t', stdin=MAIL)
    wait_until(lambda: list(slow.folder.glob('*.session')), what='a connection, which comes after the commit')
    process.send_signal(signal.SIGKILL)
    process.wait()
    check_sent_once(lab, host, lab.queue, 'waiting')


@test
def signals(lab):
    """SIGTERM before the commit: nothing is kept, not 0; after it: 0, kept."""
    lab.config()
    reader, writer = os.pipe()
    process = subprocess.Popen([lab.program(), '-t'], stdin=reader, env=lab.environment(), stderr=subprocess.PIPE)
    os.close(reader)
    os.write(writer, MAIL)
    wait_until(lambda: lab.queued('tmp'), what='a file in tmp/')
    process.send_signal(signal.SIGTERM)
    is_(process.wait(), 69, 'SIGTERM while reading')
    process.stderr.close()
    os.close(writer)
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is kept')
    slow = lab.smarthost(reply='banner=hang')
    lab.config(slow)
    process = lab.start('-t', stdin=MAIL)
    wait_until(lambda: list(slow.folder.glob('*.session')), what='a connection, which comes after the commit')
    process.send_signal(signal.SIGTERM)
    is_(process.wait(), 0, 'SIGTERM while sending')
    is_(len(lab.queued('new')), 1, 'kept')


@test
def disk_full(lab):
    """ENOSPC, EIO at every write, sync and rename before the commit: never 0, nothing left."""
    need_program('strace')
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-t', stdin=MAIL)
    for call, when in (('write', '1+'), ('pwrite64', '1'), ('fsync', '1'), ('fsync', '2'), ('renameat2', '1'),
                       ('renameat,renameat2', '1')):
        for error in ('ENOSPC', 'EIO', 'EDQUOT'):
            before = len(host.messages())
            inject = f'inject={call}:error={error}:when={when}'
            got = lab.sendmail('-t', stdin=MAIL, wrapper=['strace', '-f', '-o', '/dev/null', '-P', lab.queue / 'tmp', '-P',
                                                          lab.queue / 'new', '-e', 'trace=' + call, '-e', inject])
            arrived = len(host.messages()) - before
            left = lab.queued('tmp', 'new', 'cur')
            ok((got.status == 0 and arrived == 1) or (got.status != 0 and arrived == 0), f'{call} {error}: the truth',
               got, arrived)
            is_(left, [], f'{call} {error}: nothing left')


run(threads=4)

#!/usr/bin/env python3
"""mailq: Postfix's shape, read by the programs that watch queues; what keeps mail from being sent stands above it."""
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def check_mailq_postfix(text):
    """monitoring-plugins, -M postfix: the number, or None for UNKNOWN."""
    last = text.rstrip('\n').split('\n')[-1]
    if 'Mail queue is empty' in last:
        return 0
    found = re.search(r'^--\s(\d+)\sKbytes\sin\s(\d+)\sRequest', last) and re.search(r'Kbytes in (\d+)', last)
    return int(found[1]) if found else None


def check_mailq_sendmail(text):
    """The same without -M: sums what its two patterns find."""
    found = [int(n) for n in re.findall(r'(?im)mqueue.*\((\d+) request', text)]
    return sum(found + [int(n) for n in re.findall(r'(?im)^\s+Total requests:\s(\d+)$', text)])


def zabbix(text):
    """grep -v "Mail queue is empty" | grep -c '^[0-9A-Z]'"""
    return sum(bool(re.match('[0-9A-Z]', line)) for line in text.splitlines() if 'Mail queue is empty' not in line)


def checkmk(text):
    """postfix_mailq: what the trailers say, each as it is found."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if line.endswith('is empty'):
            found.append(0)
        elif line.startswith('--') and len(words) >= 5:
            found.append(int(words[4]))
        elif words[:2] == ['Total', 'requests:']:
            found.append(int(words[2]))
    return found


def netdata(text):
    words = text.rstrip('\n').split('\n')[-1].split(' ')
    return 0 if words[0] + words[1] == 'Mailqueue' else int(words[4])


def read_by_all(text, number, name):
    is_(check_mailq_postfix(text), number, f'{name}: check_mailq -M postfix')
    is_(check_mailq_sendmail(text), number, f'{name}: check_mailq -M sendmail')
    is_(zabbix(text), number, f'{name}: Zabbix')
    is_(set(checkmk(text)), {number}, f'{name}: Checkmk')
    is_(netdata(text), number, f'{name}: netdata')


def store(lab, count=1, *argv):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: lab.sendmail('-odq', '-f', 'me@y.test', *argv, '-t', stdin=MAIL).status,
                             range(count)))
    is_(set(done), {0}, f'{count} stored')


def born(lab, path, when):
    """As if the message had come then: its id tells, in its name and inside."""
    old, new = path.name, f'{int(when):08X}{path.name[8:]}'
    path.with_name(new).write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    path.with_name(new).chmod(0o600)
    path.unlink()


@test
def monitoring(lab):
    lab.config(lab.smarthost())
    read_by_all(lab.sendmail(name='mailq').out.decode(), 0, 'none')
    store(lab)
    read_by_all(lab.sendmail(name='mailq').out.decode(), 1, 'one')
    store(lab, 249)
    got = lab.sendmail(name='mailq')
    is_(got.status, 0, 'status with a full queue')
    read_by_all(got.out.decode(), 250, '250')
    identity = lab.queued('new')[0].name
    is_(lab.control('queue', 'hold', identity).status, 0, 'one is held')
    got = lab.sendmail(name='mailq').out.decode()
    read_by_all(got, 250, 'one of them held')
    like(got, f'(?m)^{identity}! ', 'and marked')


@test
def being_delivered(lab):
    lab.config(lab.smarthost(reply='banner=slow:3000'))
    lab.sendmail('-odb', '-t', stdin=MAIL)
    like(lab.sendmail(name='mailq').out, rb'(?m)^[0-9A-F]{18}\* ', 'a star')


@test
def a_paused_smarthost(lab):
    host = lab.smarthost(reply='auth=535 5.7.8 bad credentials')
    lab.config(host)
    store(lab)
    is_(lab.sendmail('-q').status, 69, 'a run fails')
    got = lab.sendmail(name='mailq')
    is_(got.status, 0, 'status')
    first = got.out.decode().splitlines()[0]
    like(first, r'\A\(smarthost paused until \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d: .*535 5\.7\.8 bad credentials.*\)\Z',
         'stands in the first line')
    like(first, 'check user and password', 'with the cure')
    read_by_all(got.out.decode(), 1, 'paused')
    is_(lab.control('queue', 'retry', '--all').status, 0, 'retry')
    ok(b'paused' not in lab.sendmail(name='mailq').out, 'ends it')


@test
def nobody_runs_the_queue(lab):
    lab.config(lab.smarthost())
    store(lab)
    ok(b'nothing runs' not in lab.sendmail(name='mailq').out, 'a fresh message is no reason to worry')
    born(lab, lab.queued('new')[0], time.time() - 3700)
    got = lab.sendmail(name='mailq').out.decode()
    like(got, r'\A\(nothing runs this queue: last run never; see sendmail\(8\)\)\n-Queue ID', 'after an hour it is')
    read_by_all(got, 1, 'neglected')
    wake = lab.queue / 'last-run'
    wake.touch()
    ok('nothing runs' not in lab.sendmail(name='mailq').out.decode(), 'a run a moment ago')
    os.utime(wake, (time.time() - 3700,) * 2)
    like(lab.sendmail(name='mailq').out, rb'\A\(nothing runs this queue: last run \w{3} \w{3} [ \d]\d \d\d:',
         'an hour ago')
    lab.config(lab.smarthost(), queue={'retry': '30m 4h'})
    ok(b'nothing runs' not in lab.sendmail(name='mailq').out, 'three first pauses are not over')
    os.utime(wake, (time.time() - 5500,) * 2)
    born(lab, lab.queued('new')[0], time.time() - 5500)
    ok(b'nothing runs' in lab.sendmail(name='mailq').out, 'they are')


@test
def a_run_is_seen(lab):
    lab.config(lab.smarthost(reply='rcpt=450 4.2.0 later'))
    store(lab)
    born(lab, lab.queued('new')[0], time.time() - 8000)
    lab.sendmail('-q')
    got = lab.sendmail(name='mailq').out
    ok(b'nothing runs' not in got and b'450 4.2.0 later' in got, 'a run counts', got)


@test
def what_is_not_mine(lab):
    need_root()
    lab.config(lab.smarthost())
    store(lab, 2)
    os.chown(lab.queued('new')[0], 65534, 65534)
    got = lab.sendmail(name='mailq').out.decode()
    like(got, r"(?m)^[0-9A-F]{18}  +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d  \(another user's\)$", 'listed, no address')
    is_(got.count('bob@x.test'), 1, "one's own with addresses")
    read_by_all(got, 2, 'both')


@test
def hostile_bytes(lab):
    """A queue file that another user made: nothing of it reaches the terminal."""
    lab.config(lab.smarthost())
    store(lab)
    path = lab.queued('new')[0]
    text = path.read_bytes()
    at = text.index(b'bob@x.test')
    path.write_bytes(text[:at] + b'+1B+5Bx.tt' + text[at + 10:])
    got = lab.sendmail(name='mailq').out + lab.control('queue', 'list').out + lab.control('queue', 'show',
                                                                                         path.name).out
    ok(b'\x1b' not in got, 'no escape', got)


run(threads=4)

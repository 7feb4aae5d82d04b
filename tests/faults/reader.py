#!/usr/bin/env python3
"""mutt reads the queue as the Maildir that it is; what it does to the files costs no message and sends none twice."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from helpers.faults import *
from lab import *

MESSAGES = 5
SCREEN = re.compile(rb'\x1b[\[(][0-9;?]*[A-Za-z]|\x1b[=>]|[\x0e\x0f]')


def mail(token):
    return f'Subject: {token}\nTo: bob@x.test\n\nthe body of {token}\n'.encode()


def mutt(lab, keys, *options):
    """A session with these keys; its exit status and what the screen showed."""
    need_program('mutt')
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 132, 0, 0))
    process = subprocess.Popen(
        ['mutt', '-n', '-F', '/dev/null', *options, '-f', lab.queue,
         '-e', f'set folder={lab.queue} move=no quit=yes wait_key=no', '-e', f'push "{keys}"'],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={'PATH': os.environ['PATH'], 'HOME': str(lab.path), 'TERM': 'xterm', 'LC_ALL': 'C'})
    os.close(theirs)
    shown, deadline = b'', time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(terminal, 65536)
        except OSError:                 # the session has ended
            break
    process.kill()
    os.close(terminal)
    return process.wait(), SCREEN.sub(b'', shown)


def session(lab, name, keys, *options):
    host = lab.smarthost(listen=['plain'], user=None)
    lab.config(host, 'none', smarthost=NO_TLS)
    tokens = [f'{name}-{i}' for i in range(MESSAGES)]
    for token in tokens:
        lab.sendmail('-odq', '-t', stdin=mail(token))
    status, shown = mutt(lab, f'<pipe-message>cat > {lab.path}/piped<enter>{keys}', *options)
    is_(status, 0, f'{name}: mutt ends')
    ok(all(t.encode() in shown for t in tokens), f'{name}: it lists {MESSAGES} messages', shown[-3000:])
    piped = (lab.path / 'piped').read_text()
    like(piped, rf'\nSubject: {name}-\d\n(.*\n)*\nthe body of {name}-\d\n', f'{name}: and reads one')
    is_(len(lab.queued()), MESSAGES, f'{name}: all are there')
    listed = lab.sendmail(name='mailq').out
    is_(listed.count(b'bob@x.test'), MESSAGES, f'{name}: mailq lists all', listed)
    folders = [p.parent.name for p in lab.queued()]
    is_(lab.sendmail('-q').status, 0, f'{name}: a run')
    is_(recover(lab, lab.queue), [], f'{name}: the queue is empty')
    copies = count_tokens(host)
    is_([copies[t] for t in tokens], [1] * MESSAGES, f'{name}: each message was delivered once')
    ok(all(m.body == b'the body of ' + m.field('Subject') + b'\r\n' for m in host.messages()), f'{name}: whole')
    return folders


@test
def reading_only(lab):
    folders = session(lab, 'readonly', '<display-message><exit><next-entry><display-message><exit><quit>', '-R')
    is_(set(folders), {'new'}, 'no file was moved')


@test
def writing(lab):
    """Messages become read and flagged: mutt moves and renames their files."""
    folders = session(lab, 'writable', '<display-message><exit><next-entry><flag-message><next-entry><display-message>'
                      '<exit><sync-mailbox><quit>')
    ok('cur' in folders, 'files were moved', folders)


run()

#!/usr/bin/env python3
"""What callers stumble over elsewhere: early ends, signals, names, numbers, and what they make of an exit status."""
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
PARALLEL = 50
MANY = 5000


def plain(lab, **script):
    """A smarthost without TLS, configured."""
    host = lab.smarthost(listen=('plain',), user=None, **script)
    configure(lab, host)
    return host


def configure(lab, host=None, **sections):
    sections.setdefault('smarthost', {}).update(user=None, password_file=None, auth='none', ca_file=None)
    lab.config(host, tls='none', **sections)


# ---- a caller that writes more than is wanted ---------------------------

@test
def the_writer_is_never_cut_off(lab):
    """It writes 8 MB behind what ends or spoils the message, with SIGPIPE as it is: its status must be 0."""
    rows = (
        ('behind a lone dot', 'Subject: x\\n\\na\\n.\\n', 'bob@x.test', 0),
        ('no recipients', 'Subject: x\\n\\n', '', 64),
        ('none in the header', 'Subject: x\\n\\n', '-t', 64),
        ('a bad recipient', 'Subject: x\\n\\n', 'a@@x.test', 65),
        ('a bad sender', 'Subject: x\\n\\n', "-f 'a b@y' bob@x.test", 65),
        ('a refused mode', 'Subject: x\\n\\n', '-bd', 64),
        ('a header without end', 'Subject: x\\nX-Long: y', 'bob@x.test', 65),
        ('too large', 'Subject: x\\n\\n', 'bob@x.test', 65),
    )
    host = lab.smarthost(listen=('plain',), user=None)
    for name, begin, arguments, status in rows:
        configure(lab, host, queue={'max_message': '1M'} if name == 'too large' else {})
        line = (f"{{ printf '{begin}'; head -c 8000000 /dev/zero | tr '\\0' x; echo writer $? >&2; }} | "
                f'{lab.program()} -i {arguments}').replace('-i bob', 'bob' if status == 0 else '-i bob')
        got = lab.run(['sh', '-c', line], env=lab.environment())
        is_(got.status, status, f'{name}: status')
        ok(b'writer 0\n' in got.err, f'{name}: the writer ended well', got)
    is_([m.body for m in host.messages()], [b'a\r\n'], 'and one message arrived')


@test
def nobody_reads_what_it_prints(lab):
    host = plain(lab)
    for name, signals in (('ignored', signal.SIG_IGN), ('default', signal.SIG_DFL)):
        process = subprocess.Popen([lab.program(), '-v', '-t'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=lab.environment(), preexec_fn=lambda s=signals: signal.signal(signal.SIGPIPE, s))
        process.stdout.close()
        process.stdin.write(MAIL)
        process.stdin.close()
        is_(process.wait(), 0, f'SIGPIPE {name}: -v into a pipe without a reader')
    is_(len(host.messages()), 2, 'both arrived')


# ---- signals ------------------------------------------------------------

def reading(lab, prepare=None):
    """The program, with half a message read."""
    reader, writer = os.pipe()
    process = subprocess.Popen([lab.program(), '-t'], stdin=reader, env=lab.environment(), stderr=subprocess.PIPE,
                               preexec_fn=prepare)
    os.close(reader)
    os.write(writer, MAIL)
    wait_until(lambda: lab.queued('tmp'), what='a file in tmp/')
    return process, writer


@test
def interrupted_while_it_reads(lab):
    """nodemailer sends SIGINT lest a broken message goes out, and takes death by a signal for success."""
    plain(lab)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process, writer = reading(lab)
        process.send_signal(number)
        is_(process.wait(), 69, f'{number.name}: a status, no signal')
        os.close(writer)
        process.stderr.close()
        is_(lab.queued('tmp', 'new', 'cur'), [], f'{number.name}: nothing is kept')


@test
def killed_while_it_reads(lab):
    """Gitea's patience ends after five minutes; the runner must not send half a message then."""
    host = plain(lab)
    process, writer = reading(lab)
    process.kill()
    process.wait()
    os.close(writer)
    process.stderr.close()
    is_(lab.sendmail('-q').status, 0, 'a run')
    is_((host.messages(), lab.queued()), ([], []), 'nothing is sent')


@test
def ignored_signals_stay_ignored(lab):
    """nohup, and the background jobs of a shell."""
    host = plain(lab)

    def nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    process, writer = reading(lab, nohup)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(BrokenPipeError):
        os.write(writer, b'more\n')
    os.close(writer)
    is_(process.wait(), 0, 'it goes on')
    process.stderr.close()
    is_([m.body for m in host.messages()], [b'hello\r\nmore\r\n'], 'and the whole message arrives')


# ---- descriptors --------------------------------------------------------

@test
def the_background_keeps_nothing_open(lab):
    """A caller that waits for the end of a pipe is not kept by a delivery in the background."""
    host = plain(lab, reply='banner=hang')
    reader, writer = os.pipe()
    process = subprocess.Popen([lab.program(), '-odb', '-t'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=lab.environment(), pass_fds=[writer])
    os.close(writer)
    out, err = process.communicate(MAIL, timeout=60)
    is_((process.returncode, out, err), (0, b'', b''), 'both streams end')
    ok(select.select([reader], [], [], 10)[0] and os.read(reader, 1) == b'', 'and a pipe that it inherited')
    wait_until(lambda: list(host.folder.glob('*.session')), what='a connection')
    os.close(reader)


@test
def from_a_terminal(lab):
    """A message typed in, ended by ^D, or by a dot, behind which nobody types an end of file."""
    host = plain(lab)
    for number, (name, end) in enumerate((('^D', b'\x04'), ('a dot', b'.\n')), 1):
        leader, follower = pty.openpty()
        process = subprocess.Popen([lab.program(), 'bob@x.test'], stdin=follower, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=lab.environment())
        os.close(follower)
        os.write(leader, b'Subject: typed\n\nhello\n' + end)
        out, err = process.communicate(timeout=60)
        os.close(leader)
        is_((process.returncode, out, err), (0, b'', b''), f'{name}: sent, silent')
        is_(host.messages(number)[-1].body, b'hello\r\n', f'{name}: arrived')


# ---- names --------------------------------------------------------------

@test
def called_by_any_name(lab):
    host = plain(lab)
    links = [lab.path / 'usr/sbin/sendmail', lab.path / 'usr/lib/sendmail', lab.path / 'alternatives/mta']
    for link in links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(BINARY)
    names = [str(link) for link in links]
    names += ['sendmail', 'send-mail', '/usr/sbin/send-mail', 'sendmail.postfix', 'sendmail-msp', '-sendmail',
              'mta-argv0', '', 'sendmail/', '/']
    for name in names:
        got = lab.run([name, '-t'], MAIL, lab.environment(), executable=BINARY)
        is_((got.status, got.out, got.err), (0, b'', b''), f'{name!r} submits')
    is_(len(host.messages()), len(names), 'all arrived')
    for name, want in (('mailq', b'Mail queue is empty\n'), ('/usr/bin/mailq', b'Mail queue is empty\n'),
                       ('newaliases', b''), ('/usr/bin/newaliases', b'')):
        got = lab.run([name], b'', lab.environment(), executable=BINARY)
        is_((got.status, got.out, got.err), (0, want, b''), name)
    got = lab.run(['newaliases', '-v'], b'', lab.environment(), executable=BINARY)
    is_((got.status, got.out), (0, b''), 'newaliases -v')


# ---- numbers ------------------------------------------------------------

@test
def many_recipients(lab):
    """In the header and as arguments, at a server that takes a hundred at once."""
    wanted = [f'r{i}@x.test' for i in range(MANY)]
    half = MANY // 2
    header = ',\n '.join(wanted[:half])
    host = plain(lab, ehlo='PIPELINING,CHUNKING,LIMITS RCPTMAX=100')
    got = lab.sendmail('-t', *wanted[half:], stdin=f'Subject: hi\nTo: {header}\n\nhello\n'.encode())
    is_((got.status, got.out, got.err), (0, b'', b''), 'sent, silent')
    messages = host.messages(MANY // 100)
    is_(sorted(r for m in messages for r in m.recipients), sorted(wanted), f'each of {MANY} exactly once')
    is_({len(m.recipients) for m in messages}, {100}, 'a hundred at once')
    is_(len({m.message for m in messages}), 1, 'the same message each time')
    is_(lab.queued(), [], 'nothing is left')


def start_many(lab, wrapper, name):
    before = len(lab.host.messages())
    with ThreadPoolExecutor(PARALLEL) as pool:
        done = list(pool.map(lambda i: lab.sendmail('-i', f'r{i}@x.test', stdin=MAIL, wrapper=wrapper, timeout=300),
                             range(PARALLEL)))
    is_({(d.status, d.out, d.err) for d in done}, {(0, b'', b'')}, f'{name}: all with 0, silent')
    lab.sendmail('-q')
    messages = wait_until(lambda: len(found := lab.host.messages()[before:]) >= PARALLEL and not lab.queued() and found,
                          60, 'all of them')
    is_(sorted(m.recipients[0] for m in messages), sorted(f'r{i}@x.test' for i in range(PARALLEL)),
        f'{name}: each arrived exactly once')
    is_(len({m.field('Message-ID') for m in messages}), PARALLEL, f'{name}: each has a Message-ID of its own')
    is_(len({re.search(rb'\tid (\w+);', m.head)[1] for m in messages}), PARALLEL, f'{name}: and a queue id')


@test
def minute_zero(lab):
    """Dozens of cron jobs at once."""
    lab.host = plain(lab)
    start_many(lab, (), f'{PARALLEL} at once')


@test
def many_containers(lab):
    """So many over one queue; in each of them it is the first process."""
    need_root()
    need_program('unshare')
    lab.host = plain(lab)
    start_many(lab, ('unshare', '--pid', '--fork', '--kill-child'), f'{PARALLEL} times process 1')


# ---- what is made of the status -----------------------------------------

def bugzilla(status):
    """Email::Sender in Bugzilla's queue: 67 and 68 are final, the job is dropped as done."""
    return 'sent' if status == 0 else 'dropped' if status in (67, 68) else 'again'


def horde(status):
    """Horde's Mail_Transport_Sendmail: a text for each of sysexits.h."""
    texts = {0: 'sent', 64: 'usage', 65: 'data', 67: 'no user', 68: 'no host', 69: 'unavailable', 70: 'internal',
             71: 'system', 74: 'disk', 75: 'temporary', 76: 'protocol', 77: 'permission', 78: 'configuration'}
    return texts.get(status, 'unknown')


def php(status):
    """mail(): up to 8.4 only 0 is true, from 8.5 on also 75. Both must say the same."""
    return {status == 0, status in (0, 75)}


def pipe_of_a_server(status):
    """procmail, maildrop, Dovecot: all but 0 leave the mail where it came from."""
    return 'delivered' if status == 0 else 'kept'


@test
def what_callers_make_of_the_status(lab):
    later = 'rcpt=450 4.2.0 later'
    rows = (    # case, script of the server, queue, recipient, Bugzilla, Horde, PHP, a server's pipe
        ('accepted', None, True, 'bob@x.test', 'sent', 'sent', True, 'delivered'),
        ('no such user', 'rcpt=550 5.1.1 no', True, 'bob@x.test', 'dropped', 'no user', False, 'kept'),
        ('policy', 'rcpt=554 5.7.1 no', True, 'bob@x.test', 'again', 'unavailable', False, 'kept'),
        ('sender refused', 'mail=550 5.7.1 no', True, 'bob@x.test', 'again', 'unavailable', False, 'kept'),
        ('content refused', 'dot=554 5.6.0 no', True, 'bob@x.test', 'again', 'unavailable', False, 'kept'),
        ('greylisted, stored', later, True, 'bob@x.test', 'sent', 'sent', True, 'delivered'),
        ('down, stored', 'banner=drop', True, 'bob@x.test', 'sent', 'sent', True, 'delivered'),
        ('greylisted, no queue', later, False, 'bob@x.test', 'again', 'unavailable', False, 'kept'),
        ('down, no queue', 'banner=drop', False, 'bob@x.test', 'again', 'unavailable', False, 'kept'),
        ('no recipients', None, True, '--', 'again', 'usage', False, 'kept'),
        ('a bad address', None, True, 'a@@x.test', 'again', 'data', False, 'kept'),
    )
    for number, (name, reply, queue, recipient, by_bugzilla, by_horde, by_php, by_server) in enumerate(rows):
        host = lab.smarthost(listen=('plain',), user=None, reply=[reply] if reply else ())
        configure(lab, host, queue={'directory': lab.path / f'queue-{number}' if queue else 'none'})
        status = lab.sendmail('-i', recipient, stdin=MAIL).status
        is_((bugzilla(status), horde(status), php(status), pipe_of_a_server(status)),
            (by_bugzilla, by_horde, {by_php}, by_server), name)


run(threads=3)

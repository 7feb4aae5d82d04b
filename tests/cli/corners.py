#!/usr/bin/env python3
"""What a review found, each once: the test failed before the mend."""
import os
import signal
import subprocess
import time

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def store(lab, *argv, stdin=MAIL):
    is_(lab.sendmail('-odq', '-f', 'me@y.test', *(argv or ('-t',)), stdin=stdin).status, 0, 'stored')


def second(lab, port, extra=''):
    return (f'[smarthost second]\nhost = 127.0.0.1\nport = {port}\ntls = implicit\nca_file = {lab.ca}\nuser = app\n'
            f'password_file = {lab.path}/password\n{extra}')


def failed(lab):
    folder = lab.queue / '.Failed' / 'new'
    return list(folder.iterdir()) if folder.exists() else []


@test
def a_bad_sector_is_no_end(lab):
    library = lab.path / 'shortread.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-o', library, ROOT / 'tests/faults/helpers/shortread.c', '-ldl'], check=True)
    host = lab.smarthost()
    lab.config(host)
    store(lab, stdin=b'Subject: large\nTo: bob@x.test\n\n' + b'0123456789\n' * 25000)
    lab.sendmail('-q', env={'LD_PRELOAD': library, 'BAD': '100000'})
    is_((host.messages(), len(lab.queued())), ([], 1), 'a message that cannot be read is not sent, and kept')
    lab.control('queue', 'retry', '--all')
    lab.control('queue', 'retry', '*')
    lab.sendmail('-q')
    is_([len(m.body) for m in host.messages()], [25000 * 12], 'later, whole')


@test
def two_accounts_on_one_host(lab):
    host = lab.smarthost()
    wrong = lab.path / 'wrong'
    wrong.write_text('wrong\n')
    wrong.chmod(0o600)
    lab.config(host, smarthost={'password_file': wrong}, extra=second(lab, host.implicit))
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'sent')
    is_(len(host.messages()), 1, 'by the second account')


@test
def the_other_smarthost_goes_on(lab):
    one, other = lab.smarthost(reply='mail/3=421 enough'), lab.smarthost()
    lab.config(one, extra=second(lab, other.implicit))
    for _ in range(7):
        store(lab)
    lab.sendmail('-q')
    is_(len(one.messages()) + len(other.messages()), 7, 'all seven, though the first stopped')
    box = lab.path / 'box'
    lab.config(lab.smarthost(reply='banner=554 no'), extra=f'[smarthost second]\nmaildir = {box}\n')
    for _ in range(5):
        store(lab)
    lab.sendmail('-q')
    is_(len(list((box / 'new').iterdir())), 5, 'a Maildir behind a smarthost in trouble')


@test
def so_many_a_connection(lab):
    """A server that ends a session after some messages is in no trouble."""
    for action, sent in (('421 4.7.0 too many messages on this connection', 7), ('drop', 6)):
        host = lab.smarthost(reply=f'mail/4={action}')
        lab.config(host, queue={'directory': lab.path / f'queue-{sent}'})
        for _ in range(7):
            store(lab)
        is_(lab.sendmail('-q').status, 0, f'{action}: a run')
        is_(len(host.messages()), sent, f'{action}: all but the one whose end was on its way already')
        is_(list((lab.path / f'queue-{sent}').glob('pause-*')), [], f'{action}: no pause')


@test
def reset_at_mail_is_an_outage(lab):
    host = lab.smarthost(reply='mail=rst')
    lab.config(host)
    for _ in range(5):
        store(lab)
    is_(lab.sendmail('-q').status, 69, 'a run')
    is_(len(host.sessions()), 1, 'one attempt')


@test
def success_report_while_waiting(lab):
    host = lab.smarthost()
    lab.config(host)
    is_(lab.sendmail('-N', 'success', '-f', 'me@y.test', '-t', stdin=MAIL).status, 0, 'sent')
    is_([m.recipients for m in host.messages(2)], [['bob@x.test'], ['me@y.test']], 'and reported')
    wait_until(lambda: not lab.queued(), what='an empty queue')


@test
def some_refused_of_a_null_sender(lab):
    host = lab.smarthost(reply='rcpt:no@x.test=550 5.1.1 no')
    lab.config(host)
    is_(lab.sendmail('-f', '<>', 'no@x.test', 'bob@x.test', stdin=MAIL).status, 0, 'a caller that repeats sends nothing twice')
    is_((len(host.messages()), len(lab.queued()), len(failed(lab))), (1, 0, 1), 'one sent, the refusal kept for people')


@test
def stopping_the_runner_is_no_poison(lab):
    host = lab.smarthost(reply='mail=hang')
    lab.config(host)
    store(lab)
    for tries in range(1, 5):
        lab.control('queue', 'retry', '*')
        process = lab.start('-q')
        wait_until(lambda tries=tries: sum(b'MAIL' in p.read_bytes() for p in host.folder.glob('*.commands')) == tries,
                   what='MAIL')
        process.send_signal(signal.SIGTERM)
        is_(process.wait(), 69, 'stopped')
    is_((len(lab.queued()), failed(lab)), (1, []), 'the message waits')


@test
def process_one_can_be_stopped(lab):
    need_root()
    lab.config(lab.smarthost())
    process = subprocess.Popen(['unshare', '-pf', '--kill-child', lab.program(), '-q1h'], env=lab.environment())
    wait_until(lambda: (lab.queue / 'last-run').exists(), what='the first run')
    time.sleep(0.1)
    child = int(open(f'/proc/{process.pid}/task/{process.pid}/children', encoding='ascii').read())
    os.kill(child, signal.SIGTERM)
    is_(process.wait(timeout=10), 69, 'SIGTERM ends sendmail -q1h as process 1')


@test
def looking_keeps_nothing_from_being_sent(lab):
    host = lab.smarthost()
    lab.config(host)
    for _ in range(3):
        store(lab, *(f'recipient-{i}@x.test' for i in range(900)))
    reader = lab.start(name='mailq')
    wait_until(lambda: len(reader.stdout.peek(1)) > 0, what='the first line')
    time.sleep(0.05)
    is_(lab.sendmail('-q').status, 0, 'a run while mailq waits for its pager')
    is_(len(host.messages()), 3, 'sends all')


@test
def lifting_pauses_forgets_no_doubt(lab):
    host = lab.smarthost(reply='dot*3=accept-drop')
    lab.config(host)
    store(lab)
    for _ in range(4):
        lab.control('queue', 'retry', '--all')
        lab.control('queue', 'retry', '*')
        lab.sendmail('-q')
    copies = [m for m in host.messages() if m.recipients == ['bob@x.test']]
    is_((len(copies), len(list((lab.queue / '.Held' / 'new').iterdir()))), (2, 1), 'two copies at most, then held')


run(threads=4)

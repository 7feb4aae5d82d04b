#!/usr/bin/env python3
"""Queue runs: pauses, fail-over, limits, slots, messages that are given up, held or put aside."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def store(lab, *argv):
    got = lab.sendmail('-odq', '-f', 'me@y.test', *(argv or ('-t',)), stdin=MAIL)
    is_(got.status, 0, 'stored')


def age(lab, seconds, birth=False):
    """As if the last try, or the birth too, were so long ago."""
    for path in lab.queued():
        if birth:
            text = path.read_bytes()
            born = re.search(rb'X-Queue-Birth: (\d+)', text)[1]
            path.write_bytes(text.replace(b'X-Queue-Birth: ' + born, b'X-Queue-Birth: %d' % (int(born) - seconds)))
        when = time.time() - seconds
        os.utime(path, (when, when))


def log_has(lab, *words):
    return any(all(word in line for word in words) for line in lab.log_lines())


@test
def one_attempt_a_pause(lab):
    host = lab.smarthost(reply='auth*2=535 5.7.8 bad credentials')
    lab.config(host)
    for _ in range(5):
        store(lab)
    for _ in range(3):
        got = lab.sendmail('-q')
        is_(got.status, 69, 'a run in trouble')
        like(got.err, rb'535 5.7.8 bad credentials .*; check user', 'says why')
    is_(lab.control('run').status, 69, 'so does sendmailctl run')
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'a submission meanwhile is stored')
    is_(len(host.sessions()), 1, 'and one attempt was made in all')
    like(lab.sendmail('-bp').out, rb'\A\(smarthost paused until .*535 5.7.8 bad credentials', 'mailq says so first')
    ok(log_has(lab, 'error: paused', '535 5.7.8'), 'and the log loudly')
    is_(lab.control('queue', 'retry', '--all').status, 0, 'lifted')
    is_(lab.sendmail('-q').status, 69, 'still refused')
    pause = next(lab.queue.glob('pause-*')).read_text()
    like(pause, r'\Auntil=\d+ steps=1 kind=login text=', 'lifting begins anew')
    lab.control('queue', 'retry', '--all')
    is_(lab.sendmail('-q').status, 0, 'recovered')
    is_(len(host.messages()), 6, 'all sent, once')
    is_(list(lab.queue.glob('pause-*')), [], 'no pause is left')


@test
def pauses_grow(lab):
    lab.config(queue={'retry': '10s 1h'})
    store(lab)
    lengths = []
    for _ in range(8):
        lab.sendmail('-q')
        path = next(lab.queue.glob('pause-*'))
        until, steps = map(int, re.match(r'until=(\d+) steps=(\d+)', path.read_text()).groups())
        lengths.append(until - time.time())
        path.write_text(path.read_text().replace(f'until={until}', f'until={int(time.time())}'))
    ok(all(8 <= length * 10 / want <= 115 / 10 + 1 for length, want in zip(lengths, [10, 20, 40, 80, 160, 320, 640, 1280])),
       'each twice the one before, give or take the jitter', lengths)
    path.write_text('until=99999999999 steps=1 kind=service text=a clock that was wrong\n')
    lab.sendmail('-q')
    like(path.read_text(), r'\Auntil=1\d{9} steps=2 ', 'no pause lasts longer than the longest')
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-q')
    is_(len(host.messages()), 1, 'another port is another smarthost, which serves')


@test
def fail_over(lab):
    bad, good = lab.smarthost(reply='banner=554 not today'), lab.smarthost()
    lab.config(bad, extra=f'[smarthost second]\nhost = 127.0.0.1\nport = {good.implicit}\ntls = implicit\nca_file = {lab.ca}\n'
               f'user = app\npassword_file = {lab.path}/password\n')
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'sent')
    is_(len(good.messages()), 1, 'by the second')
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'again')
    is_((len(good.messages()), len(bad.sessions())), (2, 1), 'the first is left alone while it pauses')


@test
def limited_runs(lab):
    host = lab.smarthost(reply='rcpt*3=450 4.2.0 later')
    lab.config(host)
    for rcpt, sender in (('ann@x.test', 's1@y.test'), ('bob@x.test', 's2@y.test'), ('cem@z.test', 's3@y.test')):
        lab.sendmail('-f', sender, rcpt, stdin=MAIL)
    lab.sendmail('-q')
    is_(host.messages(), [], 'nothing is due')
    lab.sendmail('-qRz.test')
    is_([m.recipients for m in host.messages()], [['cem@z.test']], '-qR')
    lab.sendmail('-qSs2@')
    is_([m.recipients for m in host.messages()][1:], [['bob@x.test']], '-qS')
    lab.sendmail('-qI' + lab.queued()[0].name)
    is_([m.recipients for m in host.messages()][2:], [['ann@x.test']], '-qI')


@test
def every_so_often(lab):
    """-q1s stays in the foreground, for containers without cron."""
    host = lab.smarthost()
    lab.config(host)
    process = lab.start('-q1s')
    store(lab)
    host.messages(1)
    store(lab)
    host.messages(2)
    is_(process.poll(), None, 'still there')
    process.send_signal(signal.SIGTERM)
    ok(process.wait() != 0, 'until a signal ends it')


@test
def workers(lab):
    """Two sessions, each message once; a connection serves so many messages and no more."""
    host = lab.smarthost(delay=5)
    lab.config(host, smarthost={'connections': 3, 'messages_per_connection': 10})
    for _ in range(60):
        lab.sendmail('-odq', '-t', stdin=MAIL)
    is_(lab.sendmail('-q').status, 0, 'a run')
    sessions = host.sessions(6)
    is_(sum(s.messages for s in sessions), 60, 'each once')
    ok(all(s.messages <= 10 for s in sessions), 'at most ten a connection', [s.messages for s in sessions])
    is_(lab.queued(), [], 'nothing is left')


@test
def a_hung_session(lab):
    """One message hangs in the middle: after a while another session serves the rest."""
    host = lab.smarthost(reply='rcpt:hang@x.test=hang')
    lab.config(host, smarthost={'timeout': '16s'})
    for rcpt in ('a@x.test', 'hang@x.test', 'b@x.test', 'c@x.test'):
        store(lab, rcpt)
    process = lab.start('-q')
    arrived = host.messages(3)
    is_(process.poll(), None, 'while the first still hangs')
    is_(sorted(m.recipients[0] for m in arrived), ['a@x.test', 'b@x.test', 'c@x.test'], 'the others have arrived')
    wait_until(lambda: len(lab.queued()) == 1, what='their removal')
    process.terminate()
    process.wait()
    is_(len(lab.queued()), 1, 'the one that hung waits')


@test
def slots(lab):
    """Many at once: few sessions, the others store at once, and all is sent right after."""
    host = lab.smarthost(reply='ehlo=slow:300')
    lab.config(host, smarthost={'connections': 2})
    results = []

    def submit():
        results.append(lab.sendmail('-t', stdin=MAIL))
    threads = [threading.Thread(target=submit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    is_({r.status for r in results}, {0}, 'all stored or sent')
    host.messages(20)
    wait_until(lambda: not lab.queued(), what='an empty queue')
    is_(len(host.messages()), 20, 'each once')
    ok(len(host.sessions()) <= 8, 'by few sessions', len(host.sessions()))


@test
def a_second_runner_leaves(lab):
    host = lab.smarthost(reply='banner=slow:700')
    lab.config(host)
    store(lab)
    first = lab.start('-q')
    wait_until(lambda: list(host.folder.glob('*.session')), what='a connection')
    got = lab.sendmail('-q')
    is_(got.status, 0, 'it ends with 0')
    ok(got.seconds < 0.5, 'at once', got.seconds)
    is_(first.wait(), 0, 'the first goes on')
    is_(len(host.messages()), 1, 'and sends')


@test
def given_up(lab):
    host = lab.smarthost(reply='rcpt:late@x.test=450 4.2.0 mailbox busy')
    lab.config(host, queue={'lifetime': '2d'})
    store(lab, 'late@x.test')
    lab.sendmail('-q')
    age(lab, 3 * 86400, birth=True)
    os.utime(lab.queued()[0], (time.time() - 2.9 * 86400,) * 2)
    lab.sendmail('-q')
    is_(len(lab.queued()), 1, 'old, but its previous try was not: a clock that jumped expires nothing')
    ok(not log_has(lab, 'expired'), 'not expired')
    age(lab, 3 * 86400, birth=True)
    for path in lab.queued():
        os.utime(path, (time.time() - 3600 * 5,) * 2)
    lab.sendmail('-q')
    reports = [m for m in host.messages() if m.recipients == ['me@y.test'] and b'could not' in m.field('Subject')]
    is_(len(reports), 1, 'given up and reported')
    ok(b'mailbox busy' in reports[0].message, 'with the last answer')
    is_(lab.queued(), [], 'nothing waits')


@test
def delay_notice(lab):
    host = lab.smarthost(reply='rcpt:late@x.test=450 4.2.0 mailbox busy')
    lab.config(host)
    store(lab, 'late@x.test')
    lab.sendmail('-q')
    for _ in range(2):
        age(lab, 5 * 3600, birth=True)
        lab.sendmail('-q')
    notices = [m for m in host.messages() if m.recipients == ['me@y.test']]
    is_(len(notices), 1, 'told once')
    like(notices[0].field('Subject'), rb'(?i)delayed', 'in words')
    is_(len(lab.queued()), 1, 'and it goes on waiting')


@test
def unknown_twice(lab):
    """The connection breaks between the end of the message and its answer: after the second time a person decides."""
    host = lab.smarthost(reply='dot*2=accept-drop')
    lab.config(host)
    store(lab)
    lab.sendmail('-q')
    is_(len(lab.queued()), 1, 'once: it is tried again')
    age(lab, 600)
    lab.sendmail('-q')
    is_((len(lab.queued()), len(list((lab.queue / '.Held' / 'new').iterdir()))), (0, 1), 'twice: held')
    host.messages(3)
    ok(log_has(lab, 'error: held'), 'logged loudly')
    reports = [m for m in host.messages() if m.recipients == ['me@y.test']]
    is_(len(reports), 1, 'and reported')
    copies = [m for m in host.messages() if m.recipients == ['bob@x.test']]
    is_(len({m.field('Message-ID') for m in copies}), 1, 'the copies have one Message-ID')
    is_(lab.control('queue', 'release', '*').status, 0, 'released')
    slow = lab.smarthost(reply='rcpt:bob@x.test*1=450 4.2.0 later')
    lab.config(slow)
    age(lab, 600)
    lab.sendmail('-q')
    is_(len(lab.queued()), 1, 'its doubts are forgotten: a later deferral does not hold it again')


@test
def poison(lab):
    """Whoever touches it dies: after three times it is put aside, and others are served."""
    host, hang = lab.smarthost(), lab.smarthost(reply='mail=hang')
    lab.config(hang)
    store(lab)
    for tries in range(1, 4):
        age(lab, 6 * 3600)
        process = lab.start('-q')
        wait_until(lambda tries=tries: sum(b'MAIL' in p.read_bytes() for p in hang.folder.glob('*.commands')) == tries,
                   what='MAIL')
        process.send_signal(signal.SIGKILL)
        process.wait()
    age(lab, 6 * 3600)
    lab.config(host)
    store(lab, 'eve@x.test')
    is_(lab.sendmail('-q').status, 0, 'a run')
    is_([m.recipients for m in host.messages()], [['eve@x.test'], ['me@y.test']], 'the other one is sent, and a report')
    is_(len(list((lab.queue / '.Failed' / 'new').iterdir())), 1, 'it is put aside')
    ok(log_has(lab, 'error: poison'), 'logged')


@test
def a_broken_configuration_keeps_the_mail(lab):
    """The user's own file has a mistake: stored in his queue, 0, and mailq names file and line."""
    need_root()
    host = lab.smarthost()
    program = shutil.copy(BINARY, lab.path / 'sendmail')        # /root, which is hidden, may hold the checkout
    lab.ca = shutil.copy(lab.ca, lab.path / 'ca.pem')
    good = lab.config(host, queue={'directory': None}).read_text()
    bad = lab.path / 'bad.ini'
    bad.write_text(good.replace('host =', 'hots ='))
    script = lab.path / 'script'
    script.write_text(f'''set -e
mount -t tmpfs tmpfs /root
mkdir -p /root/.config
install -m 600 {bad} /root/.config/sendmail.ini
printf 'Subject: x\\n\\ny\\n' | {program} bob@x.test; echo "status $?"
{program} -bp
install -m 600 {lab.ini} /root/.config/sendmail.ini
{program} -q; echo "run $?"
{program} -bp
''')
    env = lab.environment({'SENDMAIL_INI': None})
    got = lab.run(['unshare', '-m', 'sh', script], env=env)
    like(got.out, rb'status 0\n\(/root/.config/sendmail.ini:2: .*hots.*host', 'kept, and mailq says where the mistake is')
    like(got.out, rb'run 0\nMail queue is empty', 'repaired: sent')
    is_(len(host.messages()), 1, 'arrived')


@test
def progress_on_a_terminal(lab):
    host = lab.smarthost()
    lab.config(host)
    for _ in range(3):
        store(lab)
    master, slave = os.openpty()
    process = subprocess.Popen([lab.program(), '-q'], env=lab.environment(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    process.wait()
    said = b''
    with contextlib.suppress(OSError):      # a terminal ends with EIO
        while block := os.read(master, 65536):
            said += block
    os.close(master)
    like(said, rb'3 of 3 messages looked at, 3 tried, 3 sent', 'counts')


@test
def disk_reserve(lab):
    """Less is free than min_free: the message is not stored, but sent while the caller waits."""
    host = lab.smarthost()
    lab.config(host, queue={'min_free': '900000G'})
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'sent')
    host.stop()
    is_(lab.sendmail('-t', stdin=MAIL).status, 69, 'or refused truthfully')
    is_(lab.queued('tmp', 'new'), [], 'nothing stored')


run(threads=4)

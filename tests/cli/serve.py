#!/usr/bin/env python3
"""sendmail -bs: SMTP on stdin and stdout, as Symfony, nmh, Alpine and Cyrus speak it; and sendmail -bv."""
import fcntl
import os
import re
import select
import shutil
import signal
import subprocess
import time

from lab import *

TEXT = b'Subject: hi\r\nTo: bob@x.test\r\nBcc: secret@x.test\r\n\r\nhello\r\n'


class Client:
    """sendmail -bs on two pipes; stderr is joined with stdout as nmh does it, so a word there is a bad reply."""

    def __init__(self, lab, *argv, greeting=b'220 ', wrapper=(), **popen):
        self.process = subprocess.Popen([*wrapper, lab.program(), '-bs', *argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=lab.environment(),
                                        bufsize=0, **popen)
        lab._started.append(self.process)
        self.pending = b''
        if greeting:
            like(self.reply(), rb'\A' + greeting, 'greeting')

    def send(self, data):
        self.process.stdin.write(data)

    def line(self, seconds=60):
        while b'\n' not in self.pending:
            if not select.select([self.process.stdout], [], [], seconds)[0]:
                raise TimeoutError('no reply')
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                return b''
            self.pending += got
        line, self.pending = self.pending.split(b'\n', 1)
        return line + b'\n'

    def reply(self):
        """A whole reply."""
        lines = [self.line()]
        while lines[-1][3:4] == b'-':
            lines.append(self.line())
        return b''.join(lines)

    def say(self, command, want):
        self.send(command.encode() + b'\r\n')
        return like(self.reply(), rb'\A' + want.encode(), command)

    def mail(self, text=TEXT, sender='app@y.test', to=('bob@x.test',), want='250 2.0.0 Ok: queued as [0-9A-F]{18}\r\n'):
        self.say(f'MAIL FROM:<{sender}>', '250 ')
        for address in to:
            self.say(f'RCPT TO:<{address}>', '250 ')
        self.say('DATA', '354 ')
        self.send(text + b'.\r\n')
        got = self.reply()
        like(got, rb'\A' + want.encode(), 'the end of the message')
        return got

    def quit(self, status=0):
        self.say('QUIT', '221 ')
        is_((self.process.wait(60), self.line()), (status, b''), 'QUIT: exit status, and nothing else was said')


def pipeline(*messages, end=b'\r\n'):
    """The whole dialogue in one piece."""
    lines = [b'EHLO x']
    for sender, to, text in messages:
        lines += [b'MAIL FROM:<%s>' % sender, b'RCPT TO:<%s>' % to, b'DATA', *text.split(b'\n'), b'.']
    return end.join(lines + [b'QUIT', b''])


def idle_sessions(host):
    """How many sessions with the smarthost have not ended."""
    return [s for s in host.folder.glob('*.session') if b'end=\n' in s.read_bytes()]


@test
def like_symfony(lab):
    """HELO, NOOP pings, several messages and hours between them; the header is completed and Bcc taken out."""
    host = lab.smarthost()
    lab.config(host)
    client = Client(lab, '-v')
    client.say('HELO [127.0.0.1]', '250 ')
    client.mail()
    client.say('NOOP', '250 ')
    client.say('NOOP', '250 ')
    client.mail(b'Subject: second\r\n\r\n..a dot\r\n', 'app@y.test', ('bob@x.test', 'root'))
    client.say('RSET', '250 ')
    client.quit()
    one, two = host.messages()
    is_((one.sender, one.recipients), ('app@y.test', ['bob@x.test']), 'envelope')
    is_(one.fields('Bcc'), [], 'no Bcc')
    for name in ('Date', 'Message-ID', 'From', 'Received'):
        ok(one.field(name), f'{name} was added')
    is_((two.recipients, two.body), (['bob@x.test', 'root@client.test'], b'.a dot\r\n'), 'the second; a bare name is completed')
    session, = host.sessions()
    is_((session.commands.count('AUTH'), session.commands[-1]), (1, 'QUIT'), 'one login, and a good-bye')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')


@test
def like_nmh(lab):
    """EHLO, -odb, -oem, -ov, stderr joined: nothing but replies, and no waiting."""
    host = lab.smarthost()
    lab.config(host, aliases={'root': 'ops@x.test'})
    client = Client(lab, '-odb', '-oem', '-om', '-ov', '-f', 'ignored@x.test', 'ignored@x.test')
    client.say('EHLO box', '250-[^\n]*\n(250-[^\n]*\n)*250-SIZE 52428800\r\n(250-[^\n]*\n)*250 ')
    client.say('VRFY root', '252 ')
    client.mail(to=('root',))
    client.quit()
    message, = host.messages(1)
    is_((message.sender, message.recipients), ('app@y.test', ['ops@x.test']), 'MAIL and RCPT count, aliases too')
    wait_until(lambda: not lab.queued('tmp', 'new', 'cur'), what='the end of the child')


@test
def in_one_write(lab):
    """A client that does not wait, with CRLF or with LF, before the greeting: all answers, in order."""
    host = lab.smarthost()
    lab.config(host)
    messages = [(b'a%d@y.test' % i, b'b%d@x.test' % i, b'Subject: %d\n\nx\n..y' % i) for i in range(3)]
    for end in (b'\r\n', b'\n'):
        got = lab.sendmail('-bs', stdin=pipeline(*messages, end=end))
        codes = [line[:3] for line in got.out.split(b'\r\n') if line[3:4] == b' ']
        is_((got.status, got.err, codes), (0, b'', [b'220', b'250'] + [b'250', b'250', b'354', b'250'] * 3 + [b'221']), f'{end}')
    arrived = host.messages()
    is_([m.sender for m in arrived], [m[0].decode() for m in messages] * 2, 'all arrived')
    ok(all(m.body == b'x\r\n.y\r\n' for m in arrived), 'with their bodies')
    is_(len(host.sessions(2)), 2, 'one session each time')


@test
def chunks(lab):
    host = lab.smarthost()
    lab.config(host)
    got = lab.sendmail('-bs', stdin=b'EHLO x\r\nMAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nBDAT 14\r\nSubject: x\r\n\r\n'
                       b'BDAT 10 LAST\r\n.\r\nQUIT\n\r\nQUIT\r\n')
    is_((got.status, host.messages()[0].body), (0, b'.\r\nQUIT\r\n\r\n'), 'BDAT')


@test
def ends_of_input(lab):
    """EOF anywhere: status 0, and only what was answered exists."""
    host = lab.smarthost()
    lab.config(host)
    whole = pipeline((b'a@y.test', b'b@x.test', b'Subject: x\n\ntext'))
    dot = whole.index(b'\r\n.\r\n') + 5
    for cut in (0, 3, 8, 30, dot - 20, dot - 3, dot - 1):
        got = lab.sendmail('-bs', stdin=whole[:cut])
        is_((got.status, got.err), (0, b''), f'after {cut} bytes')
    is_((host.messages(), lab.queued('tmp', 'new', 'cur')), ([], []), 'nothing was sent or kept')
    is_(lab.sendmail('-bs', stdin=whole[:dot]).status, 0, 'after the dot')
    is_(len(host.messages()), 1, 'it is sent')
    is_(lab.sendmail('-bs', stdin=b'EHLO x\r\nMAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nBDAT 100 LAST\r\nSubject: x\r\n').status, 0,
        'within a chunk')
    is_((len(host.messages()), lab.queued('tmp', 'new', 'cur')), (1, []), 'nothing')


@test
def a_stop_signal(lab):
    lab.config(lab.smarthost())
    client = Client(lab)
    client.send(b'MAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: x\r\n\r\n' + b'text\r\n' * 10000)
    wait_until(lambda: lab.queued('tmp'), what='a file in tmp')
    client.process.send_signal(signal.SIGTERM)
    is_((client.process.wait(20), lab.queued('tmp', 'new')), (69, []), 'SIGTERM within a message: nothing is left')


@test
def a_stop_signal_within_a_later_message(lab):
    """That an earlier message was safe says nothing about this one, wherever it is kept."""
    host = lab.smarthost(reply=['dot*3=slow:9000'])
    lab.config(host)
    client = Client(lab)
    client.mail()
    client.send(b'MAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: x\r\n\r\n' + b'text\r\n' * 10000)
    wait_until(lambda: lab.queued('tmp'), what='a file in tmp')
    client.process.send_signal(signal.SIGTERM)
    is_((client.process.wait(20), lab.queued('tmp', 'new')), (69, []), 'in the queue')
    client = Client(lab)
    client.mail()
    shutil.rmtree(lab.queue / 'tmp')
    client.send(b'MAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n')
    host.messages(3)
    client.process.send_signal(signal.SIGTERM)
    is_(client.process.wait(20), 69, 'in an unnamed file, its answer still on the way')
    (lab.queue / 'tmp').mkdir()
    client = Client(lab)
    client.mail()
    client.process.send_signal(signal.SIGTERM)
    is_(client.process.wait(20), 69, 'between two messages: one that comes is not safe')


@test
def refused(lab):
    host = lab.smarthost(reply=['rcpt:bad@x.test=550 5.1.1 no such user', 'rcpt:odd@x.test=550 go away'])
    lab.config(host)
    client = Client(lab, '-oem')
    client.mail(to=('bad@x.test',), want=r'554 5\.1\.1 smarthost 127\.0\.0\.1 to <bad@x\.test>: 550 5\.1\.1 no such user; [^\n]*\r\n\Z')
    client.mail(to=('odd@x.test',), want=r'554 5\.0\.0 [^\n]*550 go away')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is kept, no report is made: the client knows')
    client.mail(to=('bad@x.test', 'good@x.test'))
    client.quit()
    is_([m.recipients for m in host.messages(1)][0], ['good@x.test'], 'one of two refused: the other one is sent')
    report = lab.queued()[0].read_bytes() if lab.queued() else host.messages(2)[1].message
    like(report, rb'no such user', 'and a report stored')
    is_(len([s for s in host.sessions() if 'AUTH' in s.commands][:1]), 1, 'logged in')


@test
def bad_messages(lab):
    lab.config(queue={'max_message': '64K'})
    client = Client(lab)
    client.mail(b'Subject: x\r\n\r\n' + b'x' * 70 * 1000 + b'\r\n', want=r'552 5\.3\.4 ')
    client.mail(b'Subject: x\r\n\r\n' + b'x' * 999 + b'\r\n', want=r'250 ')
    client.say('MAIL FROM:<a@y.test> SIZE=70000', '552 5.3.4 ')
    client.quit()


@test
def addresses_in_utf8(lab):
    host = lab.smarthost(ehlo='PIPELINING,8BITMIME,SMTPUTF8')
    lab.config(host)
    client = Client(lab)
    client.say('MAIL FROM:<a@y.test> SMTPUTF8', '250 ')
    client.say('RCPT TO:<gr\u00fcn@x.test>', '250 ')
    client.say('DATA', '354 ')
    client.say('Subject: x\r\n\r\nhi\r\n.', '250 ')
    client.quit()
    got = host.messages()[0]
    ok('SMTPUTF8' in got.mail, 'asked for at the smarthost', got)


@test
def smarthost_down(lab):
    lab.config()
    client = Client(lab)
    client.mail()
    client.mail()
    client.quit()
    is_(len(lab.queued()), 2, 'stored')


@test
def without_a_queue(lab):
    host = lab.smarthost(reply=['mail*1=451 4.3.0 later', 'rcpt:bad@x.test=550 5.1.1 no such user'])
    lab.config(host, queue={'directory': 'none'})
    client = Client(lab)
    client.mail(want=r'451 4\.[0-9.]+ smarthost 127\.0\.0\.1 to <bob@x.test>: 451 4\.3\.0 later')
    client.mail()
    client.mail(to=('bad@x.test',), want='554 5.1.1 ')
    client.quit()
    is_(len(host.messages()), 1, 'one was accepted')
    host.stop()
    client = Client(lab)
    client.mail(want=r'451 4\.[0-9.]+ ')
    client.quit()


@test
def queue_that_cannot_be_used(lab):
    """Without a place on disk the message is sent while the client waits."""
    host = lab.smarthost()
    (lab.path / 'file').write_text('')
    lab.config(host, queue={'directory': lab.path / 'file' / 'queue'})
    client = Client(lab)
    client.mail()
    client.mail()
    client.quit()
    is_((len(host.messages()), len(host.sessions())), (2, 1), 'both sent, one session')


@test
def queue_that_is_lost_on_the_way(lab):
    """A message that cannot be stored is not safe when `wait` is over, whatever became of the one before it."""
    host = lab.smarthost(reply=['dot*2=slow:2500', 'mail:later@y.test=451 4.3.0 later'])
    lab.config(host, queue={'wait': '1s'})
    client = Client(lab)
    client.mail()
    shutil.rmtree(lab.queue / 'tmp')
    start = time.monotonic()
    client.mail()
    ok(time.monotonic() - start >= 2.5, 'answered when the smarthost has it')
    client.mail(sender='later@y.test', want=r'451 4\.[0-9.]+ [^\n]*451 4\.3\.0 later')
    (lab.queue / 'tmp').mkdir()
    client.quit()
    is_((len(host.messages()), lab.queued('tmp', 'new')), (2, []), 'both that were answered')


@test
def only_stored(lab):
    lab.config(lab.smarthost())
    client = Client(lab, '-odq')
    client.mail()
    client.quit()
    is_(len(lab.queued()), 1, '-odq')


@test
def one_login_for_many(lab):
    host = lab.smarthost()
    lab.config(host)
    client = Client(lab)
    for i in range(20):
        client.mail(b'Subject: %d\r\n\r\n' % i)
    client.quit()
    is_(len(host.messages()), 20, 'messages')
    is_([s.commands.count('AUTH') for s in host.sessions()], [1], 'logins')


@test
def refusals_keep_the_session(lab):
    host = lab.smarthost(reply=['rcpt:bad@x.test=550 5.1.1 no such user', 'mail:full@y.test=451 4.3.0 full'])
    lab.config(host)
    client = Client(lab)
    client.mail()
    client.mail(to=('bad@x.test',), want='554 ')
    client.mail(sender='full@y.test')
    client.mail()
    client.quit()
    is_((len(host.messages(2)), len(lab.queued())), (2, 1), 'two sent, the deferred one stored')
    is_(len(host.sessions()), 1, 'one session')


@test
def idle_client(lab):
    """Five seconds without a word, also within a message: session and slot are for others."""
    host = lab.smarthost()
    lab.config(host, smarthost={'connections': 1})
    client = Client(lab)
    client.mail()
    wait_until(lambda: not idle_sessions(host), 30, 'the end of the session')
    is_(host.sessions()[0].commands[-1], 'QUIT', 'with a good-bye')
    is_(lab.sendmail('-t', stdin=TEXT).status, 0, 'the only slot is free')
    is_(len(host.messages()), 2, 'for somebody else')
    client.mail()
    client.send(b'MAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: slow\r\n\r\n')
    for _ in range(3):
        client.reply()
    wait_until(lambda: not idle_sessions(host), 30, 'the end of the next session')
    client.send(b'.\r\n')
    like(client.reply(), rb'\A250 2\.0\.0 Ok: queued', 'the slow message is sent')
    client.quit()
    is_([len(host.messages()), len(host.sessions(4))], [4, 4], 'all sent')


@test
def client_that_does_not_read(lab):
    """The same when we wait for the client to read: nobody else has to wait for him."""
    host = lab.smarthost()
    lab.config(host)
    client = Client(lab)
    client.mail()
    fcntl.fcntl(client.process.stdin, fcntl.F_SETFL, os.O_NONBLOCK)
    sent = 0
    while select.select([], [client.process.stdin], [], 1)[1]:
        sent += client.process.stdin.write(b'HELP\r\n' * 500) or 0
    wait_until(lambda: not idle_sessions(host), 30, 'the end of the session')
    is_(host.sessions()[0].commands[-1], 'QUIT', 'with a good-bye')
    fcntl.fcntl(client.process.stdin, fcntl.F_SETFL, 0)
    is_([client.reply()[:4] for _ in range(sent // 6)], [b'214 '] * (sent // 6), 'he gets every reply')
    if sent % 6:
        client.send(b'HELP\r\n'[sent % 6:])
        client.reply()
    client.mail()
    client.quit()
    is_(len(host.sessions(2)), 2, 'and is served on')


@test
def patience_ends(lab):
    """Behind `wait` a child goes on with the message, and the next one gets its own session."""
    host = lab.smarthost(reply='dot*1=slow:3000')
    lab.config(host, queue={'wait': '1s'})
    client = Client(lab)
    start = time.monotonic()
    client.mail(b'Subject: slow\r\n\r\n')
    ok(time.monotonic() - start < 2.8, 'released')
    client.mail(b'Subject: quick\r\n\r\n')
    is_([m.field('Subject') for m in host.messages()], [b'quick'], 'the next one overtakes it')
    client.quit()
    is_(len(host.messages(2)), 2, 'both arrive')
    wait_until(lambda: not lab.queued(), what='the removal')
    is_(len(host.sessions(2)), 2, 'each in its session')


@test
def children_say_good_bye(lab):
    """Whoever goes on in the background ends his session as RFC 5321 4.1.1.10 wants it, and runs the queue, too."""
    host = lab.smarthost(reply='dot*1=slow:1500')
    lab.config(host, queue={'wait': '1s'})
    client = Client(lab)
    client.mail(b'Subject: slow\r\n\r\n')
    client.quit()
    is_([s.commands[-1] for s in host.sessions()], ['QUIT'], 'behind wait')
    lab.sendmail('-odq', '-t', stdin=TEXT)
    client = Client(lab, '-odb')
    client.mail()
    client.quit()
    is_([s.commands[-1] for s in host.sessions(3)], ['QUIT'] * 3, '-odb, and the run for others')
    is_(len(host.messages()), 3, 'all arrive')


@test
def no_session_is_shared(lab):
    """-odb, and for a while no child can be made: the session of the caller's process is not the next child's."""
    need_program('strace')
    host = lab.smarthost(delay=100)
    lab.config(host, smarthost={'connections': 9})
    calls = 'clone,clone3,fork,vfork'
    client = Client(lab, '-odb', wrapper=['strace', '-f', '-o', lab.path / 'trace', '-e', f'trace={calls}', '-e',
                                          f'inject={calls}:error=EAGAIN:when=1..2'])
    for _ in range(4):
        client.mail()
    client.quit()
    host.messages(4)
    wait_until(lambda: not lab.queued(), what='an empty queue')
    is_(sorted(s.messages for s in host.sessions(3)), [1, 1, 2], 'the first child took it over, the others have their own')
    is_([line for line in lab.log_lines() if ' deferred ' in line], [], 'nobody met the bytes of another process')


@test
def children_are_collected(lab):
    host = lab.smarthost()
    lab.config(host, smarthost={'connections': 9})
    client = Client(lab, '-odb')
    for _ in range(5):
        client.mail()
    host.messages(5)

    def states():
        with open(f'/proc/{client.process.pid}/task/{client.process.pid}/children', encoding='ascii') as children:
            return [open(f'/proc/{pid}/stat', encoding='latin-1').read().rsplit(')', 1)[1].split()[0]
                    for pid in children.read().split()]
    wait_until(lambda: set(states()) <= {'Z'}, what='the end of the children')
    client.mail()
    ok(len(states()) <= 1, 'those that have ended are gone with the next message')
    client.quit()


@test
def others_messages(lab):
    """What others left in the queue goes out once the client has gone."""
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-odq', '-t', stdin=TEXT)
    client = Client(lab)
    client.mail()
    client.quit()
    is_(len(host.messages(2)), 2, 'both')


@test
def broken_configuration(lab):
    lab.config(lab.smarthost())
    lab.ini.write_text('[smarthost]\nnonsense\n')
    client = Client(lab, greeting=b'421 4\\.3\\.5 [^\n]*sendmail.ini:2: ')
    is_((client.process.wait(20), client.line()), (78, b''), 'a variable names it: said at once, status 78')
    lab.ini.unlink()
    client = Client(lab, greeting=b'421 ')
    is_(client.process.wait(20), 78, 'no configuration')


@test
def broken_configuration_of_a_user(lab):
    """Messages are stored in his queue for the day it is repaired."""
    need_root()
    host = lab.smarthost()
    program = shutil.copy(BINARY, lab.path / 'sendmail')        # /root, which is hidden, may hold the checkout
    lab.ca = shutil.copy(lab.ca, lab.path / 'ca.pem')
    good = lab.config(host, queue={'directory': None}).read_text()
    bad, dialogue, script = lab.path / 'bad.ini', lab.path / 'dialogue', lab.path / 'script'
    bad.write_text(good.replace('host =', 'hots ='))
    dialogue.write_bytes(pipeline((b'a@y.test', b'b@x.test', b'Subject: x\n\ntext')))
    script.write_text(f'''set -e
mount -t tmpfs tmpfs /root
mkdir -p /root/.config
install -m 600 {bad} /root/.config/sendmail.ini
{program} -bs <{dialogue} 2>&1; echo "status $?"
install -m 600 {lab.ini} /root/.config/sendmail.ini
{program} -q; echo "run $?"
''')
    got = lab.run(['unshare', '-m', 'sh', script], env=lab.environment({'SENDMAIL_INI': None}))
    like(got.out, rb'250 2\.0\.0 Ok: queued as [0-9A-F]+\r\n221 [^\n]*\nstatus 0\nrun 0\n', 'stored; repaired: sent')
    is_(len(host.messages()), 1, 'arrived')


@test
def smuggling(lab):
    """Thirty ways to end a message early: one message arrives each time, without bare CR or LF."""
    host = lab.smarthost()
    lab.config(host)
    ends = [b'\n.\n', b'\n.\r\n', b'\r.\r', b'\r.\r\n', b'\r\n.\n', b'\r\n.\r', b'\n.\r', b'\r.\n', b'\r\n.\r\r\n',
            b'\r\n.\0\r\n', b'\r\n\0.\r\n', b'\r\0\n.\r\n', b'\r\n.\r\0\n', b'\n\n.\n', b'\r\r.\r\r\n', b'\r\n. \r\n',
            b'\r\n.\x0b\r\n', b'\r\n.\x0c\r\n', b'\x0b.\r\n', b'\x0c.\r\n', b'\x85.\r\n', b'\n\r.\n\r', b'\n\r.\r\n',
            b'\0\n.\n\0', b'\r\n.\t\r\n', b'\r\n.\x7f\r\n', b'\r\n.\xff\r\n', b'\x8d\x8a.\x8d\x8a', b'\n.\n.\n', b'\r\n..\r\n']
    dialogue = b'EHLO x\r\n'
    for number, end in enumerate(ends):
        dialogue += (b'MAIL FROM:<a@y.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: %d\r\n\r\nx' % number + end +
                     b'MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@x.test>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n')
    got = lab.sendmail('-bs', stdin=dialogue + b'QUIT\r\n')
    is_((got.status, got.out.count(b'queued as')), (0, 30), 'thirty messages are answered')
    arrived = host.messages()
    is_([m.field('Subject') for m in arrived], [b'%d' % i for i in range(30)], 'thirty arrive')
    ok(all(m.sender == 'a@y.test' and m.recipients == ['b@x.test'] for m in arrived), 'from and to whom they should')
    ok(all(b'evil@x.test' in m.message for m in arrived), 'what was smuggled in is text')
    ok(not any(re.search(rb'(?<!\r)\n|\r(?!\n)|\0', m.wire) for m in arrived), 'no bare CR, LF or NUL left')


@test
def verify(lab):
    lab.config(aliases={'root': 'ops@x.test, second@x.test'})
    got = lab.sendmail('-bv', 'root', 'joe', 'Bob <bob@x.test>')
    is_((got.status, got.err), (0, b''), 'all are fine')
    is_(got.out, b''.join(a + b'... deliverable: smarthost 127.0.0.1\n' for a in
                          (b'ops@x.test', b'second@x.test', b'joe@client.test', b'bob@x.test')), 'a line an address')
    got = lab.sendmail('-bv', '|id', 'joe')
    is_((got.status, got.err), (67, b''), 'one is bad')
    like(got.out, rb'\A\|id\.\.\. files, programs and lists are no recipients\njoe@client.test\.\.\. deliverable: ', 'and says so')
    got = lab.sendmail('-t', '-i', '-bv', stdin=TEXT)
    is_((got.status, got.out.count(b'\n')), (0, 2), '-t: those of the header')
    is_(lab.sendmail('-bv').status, 64, 'nobody')
    lab.config(smarthost={'only_from': 'app@y.test'})
    got = lab.sendmail('-bv', '-f', 'app@y.test', 'bob@x.test')
    is_((got.status, got.out), (0, b'bob@x.test... deliverable: smarthost 127.0.0.1\n'), 'a sender with a route')
    got = lab.sendmail('-bv', '-f', 'joe@y.test', 'bob@x.test')
    is_((got.status, got.out), (67, b'bob@x.test... no smarthost takes mail of joe@y.test\n'), 'one without')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is stored')


@test
def odd_descriptors(lab):
    """Non-blocking pipes, a client that does not read, one that left, stdout on a full disk."""
    host = lab.smarthost()
    lab.config(host)
    client = Client(lab, preexec_fn=lambda: [fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(fd, fcntl.F_GETFL))
                                             for fd in (0, 1)])
    client.mail()
    client.send(b'NOOP\r\n' * 10000)
    is_([client.reply() for _ in range(10000)], [b'250 2.0.0 Ok\r\n'] * 10000, 'non-blocking')
    client.quit()
    client = Client(lab)
    client.process.stdout.close()
    client.send(b'QUIT\r\n')
    is_(client.process.wait(20), 0, 'a client that leaves before the last reply')
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([lab.program(), '-bs'], input=b'QUIT\r\n', stdout=full, stderr=subprocess.PIPE,
                              env=lab.environment(), check=False)
    is_((done.returncode, done.stderr), (74, b''), 'replies that cannot be written')
    folder = os.open('/', os.O_RDONLY)
    done = subprocess.run([lab.program(), '-bs'], stdin=folder, capture_output=True, env=lab.environment(), check=False)
    os.close(folder)
    is_((done.returncode, done.stderr), (74, b''), 'commands that cannot be read')


run(threads=4)

#!/usr/bin/env python3
"""Exit status, both streams and the faces of the program (sendmail.8, "Exit status")."""
import os
import stat

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def fails(got, status, pattern, name):
    is_(got.status, status, name + ': status')
    is_(got.out, b'', name + ': nothing on stdout')
    like(got.err, rb'\Asendmail(ctl)?: [^\n]*' + pattern + rb'[^\n]*\n\Z', name + ': one line on stderr')


@test
def silent_success(lab):
    host = lab.smarthost()
    lab.config(host)
    got = lab.sendmail('-t', stdin=MAIL)
    is_((got.status, got.out, got.err), (0, b'', b''), 'accepted')
    is_(host.messages()[0].recipients, ['bob@x.test'], 'recipient')
    is_(host.messages()[0].user, 'app', 'logged in')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'queue empty')


@test
def without_recipients(lab):
    lab.config()
    fails(lab.sendmail('-t', stdin=b'Subject: x\n\ny\n'), 64, b'recipient', 'header names none')
    fails(lab.sendmail(stdin=b'To: a@x.test\n\ny\n'), 64, b'recipient', 'no argument')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')


@test
def stdin_is_drained(lab):
    """A big writer gets no EPIPE, whatever is wrong."""
    lab.config()
    big = b'Subject: x\n\n' + b'0123456789\n' * 100000
    is_(lab.sendmail(stdin=big).status, 64, 'no recipients')
    is_(lab.sendmail('-bd', stdin=big).status, 64, 'refused mode')
    is_(lab.sendmail('a@x.test', stdin=big, config='/nonexistent').status, 78, 'no configuration')
    host = lab.smarthost()
    lab.config(host)
    is_(lab.sendmail('a@x.test', stdin=b'Subject: x\n\na\n.\n' + big).status, 0, 'after a lone dot')
    is_(host.messages()[0].body, b'a\r\n', 'what is behind the dot is not sent')


@test
def missing_value(lab):
    got = lab.sendmail('-F', stdin=b'')
    is_((got.status, got.out, got.err), (64, b'', b'sendmail: option requires an argument -- F\n'), 'netdata probes so')


@test
def faces(lab):
    lab.config()
    for argv, name in ((['-bp'], 'sendmail'), ([], 'mailq')):
        got = lab.sendmail(*argv, name=name)
        is_((got.status, got.out, got.err), (0, b'Mail queue is empty\n', b''), f'{name} {argv}')
    for argv, name in ((['-bi'], 'sendmail'), (['-I'], 'sendmail'), ([], 'newaliases'), (['-bh'], 'sendmail')):
        got = lab.sendmail(*argv, name=name)
        is_((got.status, got.out, got.err), (0, b'', b''), f'{name} {argv}')
    like(lab.sendmail('--version').out, rb'\Asendmail-submit [0-9.]+\n\Z', '--version')
    like(lab.sendmail('--help').out, rb'\Ausage: sendmail ', '--help')
    fails(lab.sendmail('-bd'), 64, b'-bd: this program never listens', '-bd')
    fails(lab.sendmail('-be'), 64, b'unsupported mode', 'a mode that is not there')
    fails(lab.sendmail(name='sendmailctl'), 64, b'usage: sendmailctl config', 'sendmailctl alone')
    host = lab.smarthost()
    lab.config(host)
    for name in ('send-mail', 'mta-argv0'):
        is_(lab.sendmail('bob@x.test', stdin=MAIL, name=name).status, 0, f'submission as {name}')
    is_(len(host.messages()), 2, 'both arrived')


@test
def unknown_option_is_logged(lab):
    host = lab.smarthost()
    lab.config(host)
    got = lab.sendmail('-Z', '-t', '--long=x', stdin=MAIL)
    is_((got.status, got.err), (0, b''), 'sent, silently')
    ok(any('unknown options' in line and 'Z-' in line for line in lab.log_lines()), 'named in the log', lab.log_lines())


@test
def no_option_names_a_file(lab):
    """PHP's fifth argument is the attacker's (CVE-2016-10033)."""
    host = lab.smarthost()
    lab.config(host)
    target = lab.path / 'written'
    for argv in (['-X', target], [f'-X{target}'], ['-OQueueDirectory=' + str(target)], [f'-oQ{target}'],
                 ['-C', target], [f'-C{target}'], ['-D', target], [f'-oA{target}'], ['-be', '-bm']):
        lab.sendmail(*argv, 'bob@x.test', stdin=MAIL)
        ok(not target.exists(), f'nothing written by {argv[0]}')
    ok(len(host.messages()) >= 8, 'and the mail is sent', host.messages())


@test
def no_configuration(lab):
    got = lab.sendmail('a@x.test', stdin=MAIL, config=lab.path / 'none.ini')
    fails(got, 78, b'none.ini', 'a named file that is not there')


@test
def refused(lab):
    host = lab.smarthost(reply=['rcpt:no@x.test=550 5.1.1 no such user', 'rcpt:policy@x.test=554 5.7.1 not you',
                                'mail:bad@x.test=550 5.7.1 sender rejected', 'rcpt:old@x.test=550 gone'])
    lab.config(host)
    fails(lab.sendmail('no@x.test', stdin=MAIL), 67, rb'127.0.0.1 .*no@x.test.*550 5.1.1 no such user; check', '550 5.1.1')
    fails(lab.sendmail('old@x.test', stdin=MAIL), 67, rb'550 gone', '550 without enhanced code')
    fails(lab.sendmail('policy@x.test', stdin=MAIL), 69, rb'554 5.7.1 not you', '554 5.7.1')
    fails(lab.sendmail('-f', 'bad@x.test', 'bob@x.test', stdin=MAIL), 69, rb'550 5.7.1 sender rejected', 'MAIL refused')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is kept: the caller knows')
    got = lab.sendmail('-f', 'me@x.test', 'bob@x.test', 'no@x.test', stdin=MAIL)
    is_((got.status, got.out, got.err), (0, b'', b''), 'one of two: 0, lest a caller that repeats sends twice')
    messages = host.messages(2)
    is_([m.recipients for m in messages], [['bob@x.test'], ['me@x.test']], 'one is served, the other one reported')
    ok(b'no@x.test' in messages[1].message, 'the report names him')
    lab.config(host, queue={'directory': 'none'})
    fails(lab.sendmail('bob@x.test', 'no@x.test', stdin=MAIL), 67, rb'no@x.test', 'one of two without a queue')


@test
def bad_addresses(lab):
    host = lab.smarthost()
    lab.config(host)
    fails(lab.sendmail('a@@x.test', '|prog', stdin=MAIL), 65, rb'no usable recipient', 'all bad')
    fails(lab.sendmail('-f', 'a\r\nb@x', 'bob@x.test', stdin=MAIL), 65, b'', 'bad sender')
    is_(host.messages(), [], 'nothing sent')
    got = lab.sendmail('-f', 'me@x.test', 'bob@x.test', 'a@@x.test', stdin=MAIL)
    is_(got.status, 0, 'one bad')
    messages = host.messages(2)
    is_([m.recipients for m in messages], [['bob@x.test'], ['me@x.test']], 'the good one is served, the bad one reported')
    ok(b'a@@x.test' in messages[1].message, 'the report names it')


@test
def limits(lab):
    lab.config(lab.smarthost(), queue={'max_message': '10K'})
    fails(lab.sendmail('a@x.test', stdin=b'Subject: x\n\n' + b'x\n' * 6000), 65, b'max_message', 'too large')
    fails(lab.sendmail('a@x.test', stdin=b'DKIM-Signature: x\n\n' + b'x' * 999 + b'\n'), 65, b'999 bytes.*998.*wrapping',
          'a long line that is signed')
    is_(lab.sendmail('a@x.test', stdin=b'DKIM-Signature: x\n\n' + b'x' * 998 + b'\n').status, 0, 'the longest line')
    is_(lab.sendmail('a@x.test', stdin=b'Subject: x\n\n' + b'x' * 999 + b'\n').status, 0, 'a long line')
    lab.config(lab.smarthost())
    fails(lab.sendmail('a@x.test', stdin=b'A: ' + b'b\n c' * (1 << 19) + b'\n\n'), 65, b'header', 'header over 1 MiB')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')


@test
def without_queue(lab):
    """Only then a smarthost in trouble costs the mail, and the status says why."""
    rows = (
        ('refused connection', {'port': 1}, {}, 69, rb'connection refused'),
        ('unknown host', {'host': 'nowhere.invalid'}, {}, 69, rb'nowhere.invalid'),
        ('greeting', {}, {'reply': 'banner=554 go away'}, 69, rb'greeting: 554 go away'),
        ('not SMTP', {}, {'reply': 'banner=garbage'}, 76, rb'check host and port'),
        ('login', {}, {'reply': 'auth=535 5.7.8 bad credentials'}, 77, rb'AUTH: 535 5.7.8 bad credentials .*; check user'),
        ('4xx', {}, {'reply': 'rcpt=450 4.2.0 greylisted'}, 69, rb'450 4.2.0 greylisted.*not sent'),
        ('4xx at the end', {}, {'reply': 'dot=451 4.3.0 later'}, 69, rb'451 4.3.0 later'),
        ('421', {}, {'reply': 'mail=421 4.3.2 closing'}, 69, rb'421 4.3.2 closing'),
        ('lost', {}, {'reply': 'dot=drop'}, 69, rb'may .*twice'),
        ('size', {}, {'ehlo': 'PIPELINING,SIZE 100'}, 69, rb'100 bytes'),
    )
    for name, keys, script, status, pattern in rows:
        host = lab.smarthost(**script)
        lab.config(host, queue={'directory': 'none'}, smarthost=keys)
        fails(lab.sendmail('-f', 'me@x.test', 'bob@x.test', stdin=MAIL + b'x\n' * 200), status, pattern, name)


@test
def with_queue(lab):
    """The same troubles: stored, 0, silent; -v says why."""
    for name, script in (('greeting', 'banner=554 go away'), ('login', 'auth=535 5.7.8 bad'), ('421', 'mail=421 bye'),
                         ('4xx', 'rcpt=450 4.2.0 greylisted'), ('not SMTP', 'banner=garbage'), ('lost', 'dot=drop')):
        host = lab.smarthost(reply=script)
        lab.config(host, queue={'directory': lab.path / f'queue-{name[:3]}'})
        got = lab.sendmail('bob@x.test', stdin=MAIL)
        is_((got.status, got.out, got.err), (0, b'', b''), name)
        is_(len(list((lab.path / f'queue-{name[:3]}' / 'new').iterdir())), 1, name + ': stored')
    lab.config(queue={'directory': lab.queue})
    got = lab.sendmail('-v', 'bob@x.test', stdin=MAIL)
    is_(got.status, 0, '-v status')
    like(got.err, rb'\Asendmail: .*refused.*stored, will be tried again\n\Z', '-v says why')


@test
def unwritable_queue(lab):
    """Then the program waits for the smarthost as without a queue."""
    host = lab.smarthost()
    lab.config(host, queue={'directory': '/proc/nowhere'})
    is_(lab.sendmail('bob@x.test', stdin=MAIL).status, 0, 'sent')
    is_(len(host.messages()), 1, 'arrived')
    host.stop()
    is_(lab.sendmail('bob@x.test', stdin=MAIL).status, 69, 'not sent')


@test
def verbose_masks_the_login(lab):
    for auth, mechanism in (('PLAIN', b'PLAIN'), ('LOGIN', b'LOGIN')):
        host = lab.smarthost('--auth', auth)
        lab.config(host)
        got = lab.sendmail('-v', 'bob@x.test', stdin=MAIL)
        is_(got.status, 0, auth)
        like(got.out, rb'-> AUTH ' + mechanism + rb' \*\*\*\n', 'masked')
        for secret in (b'secret', b'c2VjcmV0', b'AGFwcABzZWNyZXQ=', b'YXBw'):
            ok(secret not in got.out + got.err + lab.log.read_bytes(), f'{auth}: no {secret!r}')


@test
def log_line(lab):
    host = lab.smarthost(reply='rcpt:no@x.test=550 5.1.1 no \x1b[31m such user')
    lab.config(host)
    lab.sendmail('-f', 'me@y.test', 'bob@x.test', 'no@x.test', stdin=b'Subject: x\nMessage-ID: <1@y>\n\ny\n')
    lines = lab.log_lines()
    like('\n'.join(lines), r'notice: sent id=[0-9A-F]{18} message-id=<1@y> uid=%d from=me@y.test to=bob@x.test size=\d+ '
         r'smarthost=127.0.0.1:%d reply="250 [^"]*" delay=\d+ milliseconds=\d+' % (os.getuid(), host.implicit), 'sent')
    like('\n'.join(lines), r'error: refused id=.* to=no@x.test .*reply="550 5.1.1 no \?\[31m such user"', 'refused')
    is_(stat.S_IMODE(lab.log.stat().st_mode), 0o600, 'mode of a new log')


@test
def a_semicolon_of_the_server_is_no_cure(lab):
    host = lab.smarthost(reply=['auth=250 fine; go on'])
    lab.config(host, queue={'directory': 'none'})
    got = lab.sendmail('r@x.test', stdin=b'Subject: a\n\nb\n')
    like(got.err, rb'250 fine; go on; is this an SMTP server', 'what it said, and our cure')


run(threads=4)

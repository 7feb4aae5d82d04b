#!/usr/bin/env python3
"""What waits in the queue: stored, listed, tried again, removed."""
import os
import re
import time

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
ONE = re.compile(rb'''\A-Queue ID-----[-]*  --Size-- ----Arrival Time---- -Sender/Recipient-------
([0-9A-F]{18})  +(\d+) [A-Z][a-z][a-z] [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d  (\S+)
 {28}\((.*)\)
 {48} (\S+)

\t\tTotal requests: 1
-- 0 Kbytes in 1 Request\.\n\Z''')


def age(lab, seconds):
    """As if the last try were so long ago."""
    for path in lab.queued():
        when = time.time() - seconds
        os.utime(path, (when, when))


@test
def a_day_offline(lab):
    host = lab.smarthost(reply='rcpt*1=450 4.2.0 greylisted')
    lab.config(host)
    is_(lab.sendmail('-f', 'me@y.test', '-t', stdin=MAIL).status, 0, 'deferred: stored')
    got = lab.sendmail(name='mailq')
    is_(got.status, 0, 'mailq status')
    listed = ONE.match(got.out)
    ok(listed, 'mailq in Postfix\'s shape', got.out)
    is_(listed and listed.group(3, 4, 5), (b'me@y.test', b'450 4.2.0 greylisted: the server wants to be asked again later, as it does with strangers '
         b'(greylisting): this is normal', b'bob@x.test'), 'sender, reply, recipient')
    is_(lab.sendmail('-q').status, 0, 'a run at once')
    is_(host.messages(), [], 'it is not due')
    age(lab, 6 * 60)
    is_(lab.sendmail('-q').status, 0, 'a run after six minutes')
    is_([m.recipients for m in host.messages()], [['bob@x.test']], 'sent')
    is_(lab.sendmail('-bp').out, b'Mail queue is empty\n', 'and gone')


@test
def store_only(lab):
    host = lab.smarthost()
    for option in ('-odq', '-odd', '-ODeliveryMode=q'):
        lab.config(host)
        is_(lab.sendmail(option, '-t', stdin=MAIL).status, 0, option)
    lab.config(host, queue={'delivery': 'queue'})
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'delivery = queue')
    is_((len(lab.queued('new')), host.messages()), (4, []), 'stored, not sent')
    is_(lab.sendmail('-odi', '-t', stdin=MAIL).status, 0, '-odi')
    is_(len(host.messages()), 1, 'is sent at once')
    is_(lab.sendmail('-q').status, 0, 'a run')
    is_(len(host.messages(5)), 5, 'sends what was never tried; so does the one that comes after a success')
    is_(len(host.sessions(2)), 2, 'over one connection')


@test
def background(lab):
    """-odb and a smarthost slower than wait: the caller is released, its pipes closed, the mail is sent once."""
    host = lab.smarthost(reply='banner=slow:1500')
    for name, argv, keys in (('-odb', ['-odb'], {}), ('wait = 0', [], {'wait': '0'}), ('wait', [], {'wait': '1s'})):
        before = len(host.messages())
        lab.config(host, queue=keys)
        got = lab.sendmail(*argv, '-t', stdin=MAIL)
        is_((got.status, got.out, got.err), (0, b'', b''), f'{name}: released')
        ok(got.seconds < 1.4, f'{name}: early', got.seconds)
        is_(len(lab.queued('new')), 1, f'{name}: safe meanwhile')
        is_(lab.sendmail('-q').status, 0, f'{name}: a run leaves it alone')
        host.messages(before + 1)
        wait_until(lambda: not lab.queued('new', 'cur'), what='the end of the child')
        is_(len(host.messages()), before + 1, f'{name}: sent once')


@test
def refused_later(lab):
    """Nobody waits for the answer: the sender gets a report; when there is none the message is kept and the log loud."""
    host = lab.smarthost(reply='rcpt:no@x.test=550 5.1.1 no such user')
    lab.config(host)
    lab.sendmail('-odq', '-f', 'me@y.test', 'no@x.test', stdin=MAIL)
    is_(lab.sendmail('-q').status, 0, 'a run')
    is_([m.recipients for m in host.messages()], [['me@y.test']], 'a report in the same run')
    is_(lab.queued(), [], 'nothing waits')
    lab.sendmail('-odq', '-f', '<>', 'no@x.test', stdin=MAIL)
    lab.sendmail('-q')
    is_((len(lab.queued()), len(list((lab.queue / '.Failed' / 'new').iterdir()))), (0, 1), 'null sender: moved to .Failed')
    ok(any('error: refused' in line and '550 5.1.1 no such user' in line for line in lab.log_lines()), 'logged')


@test
def only_the_deferred_are_tried_again(lab):
    host = lab.smarthost(reply='rcpt:late@x.test*1=450 4.2.0 later')
    lab.config(host)
    is_(lab.sendmail('bob@x.test', 'late@x.test', stdin=MAIL).status, 0, 'one accepted, one deferred')
    got = lab.sendmail('-bp')
    ok(b'late@x.test' in got.out and b'bob@x.test' not in got.out, 'mailq lists the one that waits', got.out)
    age(lab, 600)
    lab.sendmail('-q')
    is_([m.recipients for m in host.messages()], [['bob@x.test'], ['late@x.test']], 'each once')


@test
def one_login_for_many(lab):
    host = lab.smarthost()
    lab.config(host)
    for _ in range(12):
        lab.sendmail('-odq', '-t', stdin=MAIL)
    lab.sendmail('-q')
    is_(len(host.messages()), 12, 'all sent')
    is_([s.commands.count('AUTH') for s in host.sessions()], [1], 'one session, one login')


@test
def trouble_ends_the_run(lab):
    host = lab.smarthost(reply='auth=535 5.7.8 bad credentials')
    lab.config(host)
    for _ in range(5):
        lab.sendmail('-odq', '-t', stdin=MAIL)
    got = lab.sendmail('-q')
    is_(got.status, 69, 'visible to a timer')
    like(got.err, rb'535 5.7.8 bad credentials .*; check user', 'and said')
    is_(len(host.sessions()), 1, 'one attempt')
    is_(len(lab.queued()), 5, 'all kept')


@test
def foreign_objects(lab):
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-odq', '-t', stdin=MAIL)
    real = lab.queued()[0]
    identity = real.name[:-1]
    os.symlink('/etc/passwd', real.with_name(identity + 'X'))
    os.symlink('/etc/passwd', real.with_name('0000000A' + '0' * 10))
    os.mkfifo(real.with_name('0000000B' + '0' * 10))
    real.with_name('0000000C' + '0' * 10).mkdir()
    real.with_name('0000000D' + '0' * 10).write_bytes(b'X-Queue: 9 from the future\n\n')
    real.with_name('0000000E' + '0' * 10).write_bytes(b'no message of ours')
    got = lab.sendmail('-q', timeout=20)
    is_(got.status, 0, 'the run goes on')
    is_(len(host.messages()), 1, 'and sends the real one')
    is_(len(lab.queued()), 6, 'the others are left alone')


@test
def a_mail_reader_moved_it(lab):
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-odq', '-t', stdin=MAIL)
    new = lab.queued('new')[0]
    new.rename(lab.queue / 'cur' / (new.name + ':2,S'))
    ok(b'bob@x.test' in lab.sendmail('-bp').out, 'still listed')
    lab.sendmail('-q')
    is_(len(host.messages()), 1, 'still sent')
    is_(lab.queued(), [], 'still removed')


@test
def maildir_instead_of_a_smarthost(lab):
    box = lab.path / 'box'
    lab.config(text=f'[smarthost]\nmaildir = {box}\n[identity]\ndomain = c.test\n[queue]\ndirectory = {lab.queue}\n'
               f'[log]\ntarget = {lab.log}\n')
    is_(lab.sendmail('-f', 'me@y.test', '-t', stdin=MAIL).status, 0, 'delivered')
    got = next((box / 'new').iterdir()).read_bytes()
    like(got, rb'\AReturn-Path: <me@y.test>\nDelivered-To: bob@x.test\nReceived: .*', 'envelope in front')
    like(got, rb'\nSubject: hi\n', 'the message behind')


run(threads=4)

#!/usr/bin/env python3
"""sendmailctl explain, and where else the words stand: queue show, the log, error lines, reports."""
import re

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


@test
def pasted(lab):
    """However it was copied, the same reply is read."""
    text = '550 5.1.1 <bob@x.test>: no such user'
    for name, argv in (
            ('one word', [text]),
            ('several words', text.split()),
            ('several lines', ['550-5.1.1 <bob@x.test>:\r\n550 5.1.1 no such user\r\n']),
            ('several lines joined', ['550-5.1.1 <bob@x.test>: 550 5.1.1 no such user']),
            ('only lines that go on', ['550-5.1.1 <bob@x.test>:\n550-5.1.1 no such user']),
            ('from a report', ['smtp; 550 5.1.1 <bob@x.test>: no such user']),
            ('from our own error line', ['sendmail: 127.0.0.1:465 RCPT TO: 550 5.1.1 <bob@x.test>: no such user']),
            ('from the log', ['refused to=bob@x.test reply="550 5.1.1 <bob@x.test>: no such user']),
            ('broken by a terminal', ['550 5.1.1 <bob@x.test>:\n  no such user'])):
        got = lab.control('explain', *argv)
        is_((got.status, got.out, got.err),
            (0, f'reply: {text}\nmeaning: there is no such mailbox\ncure: check the address\n'
                'sendmail-submit: gives the message up for this recipient and tells the sender\n'.encode(), b''), name)


@test
def provider_and_step(lab):
    got = lab.control('explain', '--provider', 'brevo', '--step', 'auth', '535 5.7.8 Authentication failed')
    like(got.out, rb'\ncure: use SMTP login and SMTP key', 'the provider makes it exact')
    got = lab.control('explain', '--step', 'greeting', '554 no')
    like(got.out, rb'\nmeaning: the server refuses this machine.*\ncure: .*\nsendmail-submit: keeps all mail', 'the step too')
    got = lab.control('explain', '--provider', 'm365', '--step', 'auth', '535 5.7.8 no')
    like(got.out, rb'\nmeaning: Microsoft refused user or secret', 'a provider by any of its names')
    like(lab.control('explain', '452 4.2.2 full').out, rb'sendmail-submit: keeps the message', 'kept')
    like(lab.control('explain', '--step', 'rcpt', '452 4.5.3 x').out, rb'sendmail-submit: names the other', 'split')
    like(lab.control('explain', '550 5.1.1 <bob@gmial.com>').out, rb'cure: check the address, is gmail.com meant\?', 'typo')


@test
def unknown(lab):
    for code, after in (('499', 'keeps the message and tries'), ('599', 'gives the message up')):
        got = lab.control('explain', f'{code} xyzzy')
        is_(got.status, 0, 'no error')
        like(got.out, rf'meaning: .* unknown to this program\n(.*\n)sendmail-submit: {after}'.encode(), 'said, and what follows')


@test
def usage(lab):
    for argv, text in (([], rb'usage: sendmailctl explain \[--provider name\] \[--step step\] reply'),
                       (['--step', 'auth'], rb'usage'), (['--what', 'x', '550 no'], rb'usage'),
                       (['--step', 'lunch', '550 no'], rb'--step is greeting'),
                       (['--provider', 'brewo', '550 no'], rb'--provider .*sendmailctl providers'),
                       (['hello'], rb'no reply of a server'), ([''], rb'usage'), (['5500 no'], rb'no reply'),
                       (['127.0.0.1:465'], rb'no reply'), (['150 no'], rb'no reply'), (['550x'], rb'no reply'),
                       (['550 ' + 'a' * 70000], rb'usage')):
        got = lab.control('explain', *argv)
        is_((got.status, got.out), (64, b''), f'{[a[:20] for a in argv]}: status')
        like(got.err, rb'\Asendmailctl: [^\n]*' + text, f'{[a[:20] for a in argv]}: text')


@test
def printable(lab):
    got = lab.control('explain', '550 5.1.1 \x1b[31mred\x07')
    like(got.out, rb'\Areply: 550 5\.1\.1 \?\[31mred\?\n', 'no control byte reaches the terminal')


@test
def elsewhere(lab):
    host = lab.smarthost(reply=['rcpt:late@x.test=450 4.2.2 full', 'rcpt:no@gmial.com=550 5.1.1 nobody'])
    lab.config(host)
    got = lab.sendmail('no@gmial.com', stdin=MAIL)
    like(got.err, rb'550 5.1.1 nobody; check the address, is gmail.com meant\?\n\Z', 'the error line guesses')
    lab.sendmail('-f', 'me@y.test', 'late@x.test', 'no@gmial.com', stdin=MAIL)
    lab.sendmail('-q')
    like(host.messages(1)[0].message, rb'\n    no@gmial\.com \(is gmail\.com meant\?\)\r\n', 'so does the report')
    id = re.search(rb'^(\w+) .*late@x.test', lab.control('queue', 'list').out, re.M)[1].decode()
    like(lab.control('queue', 'show', id).out,
         rb'recipient: late@x.test deferred: 450 4.2.2 full\n  meaning: the mailbox is full\n  cure: send again later', 'show')
    log = '\n'.join(lab.log_lines())
    like(log, r'deferred .*reply="450 4.2.2 full" .*cause="the mailbox is full"', 'the log: deferred')
    like(log, r'refused .*reply="550 5.1.1 nobody" .*cause="there is no such mailbox"', 'the log: refused')


run(threads=4)

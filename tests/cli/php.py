#!/usr/bin/env python3
"""Real PHP mail(): true exactly when the mail is accepted or stored, and nothing on stderr then."""
from lab import *

SCRIPT = '''<?php
$headers = "From: shop@client.test\\r\\nX-Mailer: test";
echo mail("bob@x.test", "Grüße", "line one\\nline two\\n.\\nend\\n", $headers%s) ? "true" : "false";
'''


def mail(lab, extra=''):
    need_program('php')
    script = lab.path / 'mail.php'
    script.write_text(SCRIPT % extra)
    return lab.run(['php', '-n', '-d', f'sendmail_path={lab.program()} -t -i', script], env=lab.environment())


@test
def accepted(lab):
    host = lab.smarthost()
    lab.config(host)
    got = mail(lab)
    is_((got.out, got.err), (b'true', b''), 'true, silent')
    message = host.messages()[0]
    is_(message.recipients, ['bob@x.test'], 'recipient')
    is_(message.body, b'line one\r\nline two\r\n.\r\nend\r\n\r\n', 'CRLF headers and an LF body: one kind of line end')
    ok(b'\r\r' not in message.wire and b'\n' not in message.wire.replace(b'\r\n', b''), 'no bare CR or LF')
    is_(message.field('From'), b'shop@client.test', 'From')
    ok(message.field('Date') and message.field('Message-ID'), 'completed')


@test
def fifth_parameter(lab):
    host = lab.smarthost()
    lab.config(host)
    for extra, sender in ((', "-fbounce@client.test"', 'bounce@client.test'), (', "-f bounce@client.test"', 'bounce@client.test')):
        got = mail(lab, extra)
        is_((got.out, got.err), (b'true', b''), extra)
        is_(host.messages()[-1].sender, sender, 'envelope sender')
    target = lab.path / 'written.php'
    got = mail(lab, f', "-OQueueDirectory=/tmp -X{target} -C{target} -be"')
    ok(not target.exists(), 'an attacker\'s options write nothing')


@test
def down_with_a_queue(lab):
    lab.config()
    got = mail(lab)
    is_((got.out, got.err), (b'true', b''), 'true, silent')
    is_(len(lab.queued()), 1, 'stored')


@test
def down_without_a_queue(lab):
    lab.config(queue={'directory': 'none'})
    got = mail(lab)
    is_(got.out, b'false', 'false')
    like(got.err, rb'sendmail: .*connection refused', 'and why')


@test
def refused(lab):
    host = lab.smarthost(reply='rcpt=550 5.1.1 no such user')
    lab.config(host)
    got = mail(lab)
    is_(got.out, b'false', 'false')
    like(got.err, rb'550 5.1.1 no such user', 'and why')


run(threads=2)

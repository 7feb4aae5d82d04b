#!/usr/bin/env python3
"""Debian cron's exact argv, environment and message, and at's unlinked file."""
import tempfile

from lab import *

MESSAGE = (b'From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> backup\nMIME-Version: 1.0\n'
           b'Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n'
           b'X-Cron-Env: <SHELL=/bin/sh>\nX-Cron-Env: <HOME=/root>\nX-Cron-Env: <LOGNAME=root>\n\n'
           b'Sicherung: gr\xc3\xbc\xc3\x9fe\n.\nend\n')


@test
def debian_cron(lab):
    host = lab.smarthost()
    lab.config(host, aliases={'root': 'ops@client.test'})
    got = lab.sendmail('-FCronDaemon', '-i', '-B8BITMIME', '-oem', 'root', stdin=MESSAGE,
                       env={'PATH': '/usr/bin:/bin', 'SHELL': '/bin/sh', 'HOME': '/root', 'LOGNAME': 'root'})
    is_((got.status, got.out, got.err), (0, b'', b''), 'sent, silent')
    message = host.messages()[0]
    is_(message.recipients, ['ops@client.test'], 'root goes to the alias')
    is_(message.fields('From'), [b'"Cron Daemon" <root@client.test>'], 'a From that providers accept')
    is_(message.field('To'), b'root@client.test', 'To is completed')
    like(message.mail.encode(), rb'BODY=8BITMIME', '8-bit body announced')
    is_(message.body, 'Sicherung: grüße\r\n.\r\nend\r\n'.encode(), 'body byte for byte, lone dot included')
    is_(len(message.fields('X-Cron-Env')), 3, 'other fields stay')


@test
def two_addresses_in_mailto(lab):
    """MAILTO="a@x, b@y" is split on blanks by cron: the comma stays."""
    host = lab.smarthost()
    lab.config(host)
    lab.sendmail('-FCronDaemon', '-i', '-B8BITMIME', '-oem', 'a@x.test,', 'b@x.test', stdin=MESSAGE)
    is_(host.messages()[0].recipients, ['a@x.test', 'b@x.test'], 'both')


@test
def at_daemon(lab):
    host = lab.smarthost()
    lab.config(host)
    with tempfile.TemporaryFile() as output:
        output.write(b'Subject: Output from your job        1\nTo: root\n\nhello\n')
        output.seek(0)
        is_(lab.sendmail('-i', 'root', stdin=output).status, 0, 'an unlinked file on stdin')
    is_(host.messages()[0].recipients, ['root@client.test'], 'recipient')


run(threads=3)

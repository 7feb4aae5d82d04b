#!/usr/bin/env python3
"""What the configuration does beyond one process: presets shown, warnings told, aliases of a file used, secrets kept."""
import re

from lab import *

MAIL = b'Subject: hi\n\nhello\n'


@test
def providers_without_any_configuration(lab):
    env = {'SENDMAIL_INI': None}
    got = lab.control('providers', env=env)
    is_((got.status, got.err), (0, b''), 'the list')
    lines = got.out.decode().splitlines()
    ok(len(lines) > 25 and lines[1:] == sorted(lines[1:]), 'one sorted line each')
    ok(all(re.fullmatch(r'[a-z0-9-]+ +2\d\d\d-\d\d +[a-z, ]+ +[a-z0-9{}.-]+', line) for line in lines[1:]),
       'name, date, source, host')
    got = lab.control('providers', 'SendGrid', env=env)
    like(got.out, rb'\Aprovider +sendgrid\n(?s:.*)\nuser +apikey\n(?s:.*)\nchecked +2\d\d\d-\d\d\n', 'one of them')
    got = lab.control('providers', 'nobody', env=env)
    is_((got.status, got.out), (66, b''), 'none of that name')
    like(got.err, rb'no provider is called "nobody", see: sendmailctl providers\n', 'and said')
    is_(lab.control('providers', 'a', 'b', env=env).status, 64, 'two names')


@test
def aliases_of_a_file(lab):
    host = lab.smarthost()
    aliases = lab.path / 'aliases'
    aliases.write_text('# ours\nroot: "|/bin/false", ops@client.test,\n\tbob\nbob: \\bob, /dev/null\nroot: x\n')
    lab.config(host, aliases={'file': aliases, 'alice': 'own@client.test'})
    is_(lab.sendmail('root', 'alice', stdin=MAIL).status, 0, 'sent')
    is_(sorted(host.messages(1)[0].recipients), ['bob@client.test', 'ops@client.test', 'own@client.test'],
        'to the addresses of both')
    log = lab.log.read_text()
    for text in (rf'warning: config text=.*{aliases}:2: ."\|/bin/false." runs a command',
                 rf'{aliases}:4: ."/dev/null." writes a file', rf'{aliases}:5: ."root." stands there twice'):
        like(log.encode(), text.encode(), f'the log has {text}')
    got = lab.control('config')
    like(got.out, rb'\n# warning: .*runs a command', 'sendmailctl config shows the warnings')
    like(got.out, rb'\nfile = .*/aliases\nalice = own@client.test\n# .*/aliases: root = ops@client.test\n', 'and the rows')


@test
def a_preset_with_a_smarthost_of_ones_own(lab):
    host = lab.smarthost('--require-auth', user='apikey')
    lab.config(host, tls='starttls', smarthost={'provider': 'sendgrid', 'user': None})
    is_(lab.sendmail('bob@x.test', stdin=MAIL).status, 0, 'sent')
    is_(host.messages(1)[0].user, 'apikey', 'under the name that the preset knows')


@test
def secrets_stay_where_they_are(lab):
    """Two files and a command are written as such; what they hold appears nowhere."""
    lab.config(lab.smarthost())
    new = lab.path / 'new-password'
    new.write_text('s3cret-new\n')
    new.chmod(0o600)
    (lab.path / 'password').write_text('s3cret-old\n')
    text = (f'[smarthost]\nprovider = brevo\nuser = me@x.test\npassword_file = {lab.path}/password, {new}\n'
            f'[smarthost b]\nprovider = microsoft365\nuser = me@x.test\npassword_command = echo s3cret-printed\n'
            f'[smarthost c]\nprovider = postmark\npassword = s3cret-token\n')
    lab.config(text=text)
    got = lab.control('config')
    is_(got.status, 0, 'config')
    ok(b's3cret-old' not in got.out and b's3cret-new' not in got.out and b's3cret-token' not in got.out, 'masked')
    like(got.out, rb'\npassword_file = .*/password\npassword_file = .*/new-password\n', 'two files')
    like(got.out, rb'\npassword_command = echo s3cret-printed\n', 'a command is no secret')
    like(got.out, rb'\n# microsoft365: passwords work until the end of December 2026', 'a date that nears')
    written = lab.path / 'written.ini'
    is_(lab.control('config', '--write', written).status, 0, 'config --write')
    again = lab.control('config', config=written)
    is_(again.out.splitlines()[1:], got.out.splitlines()[1:], 'what was written is in force')
    ok('s3cret-token' in written.read_text() and 's3cret-old' not in written.read_text(), 'secrets in files stay there')


run(threads=4)

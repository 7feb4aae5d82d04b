#!/usr/bin/env python3
"""Programs people write mail with, and what their mail arrives as."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

from lab import *
from world import *

enter()

ALICE = dict(user='alice', sender='alice@programs.test')
NAMED = '"Alice Example" <alice@programs.test>'


def home(name, text):
    """A file in the home of alice."""
    path = pathlib.Path('/run/alice', name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    subprocess.run(['chown', '-R', 'alice:alice', '/run/alice'], check=True)
    return path


@test
def mutt(lab):
    shown(lab, ['mutt', '-n', '-F', '/dev/null', '-e', 'set copy=no', '-s', 'Grüße', '-c', 'carol@x.test',
                '-b', 'dave@x.test', 'bob@x.test'], TEXT, **ALICE,
          to=['bob@x.test', 'carol@x.test', 'dave@x.test'],
          header={'From': 'Alice Example <alice@programs.test>', 'To': 'bob@x.test', 'Cc': 'carol@x.test',
                  'Subject': 'Grüße'}, text=TEXT, notices=(1, rb'550 5.1.1'))


@test
def neomutt(lab):
    shown(lab, ['neomutt', '-n', '-F', '/dev/null', '-e', 'set copy=no write_bcc=yes', '-s', 'Grüße',
                '-b', 'dave@x.test', 'bob@x.test'], TEXT, **ALICE, to=['bob@x.test', 'dave@x.test'],
          header={'From': 'Alice Example <alice@programs.test>', 'Subject': 'Grüße'}, text=TEXT,
          notices=(1, rb'550 5.1.1'))


@test
def s_nail(lab):
    shown(lab, ['s-nail', '-:/', '-Ssendwait', '-Sttycharset=utf-8', '-s', 'Grüße', '-b', 'dave@x.test',
                'bob@x.test'], TEXT, **ALICE, to=['bob@x.test', 'dave@x.test'],
          header={'From': NAMED, 'To': 'bob@x.test', 'Subject': 'Grüße'}, text=TEXT, notices=(4, rb'550 5.1.1'))


@test
def bsd_mailx(lab):
    shown(lab, ['bsd-mailx', '-s', 'report', '-c', 'carol@x.test', '-b', 'dave@x.test', 'bob@x.test'], TEXT, **ALICE,
          to=['bob@x.test', 'carol@x.test', 'dave@x.test'],
          header={'From': NAMED, 'To': 'bob@x.test', 'Cc': 'carol@x.test', 'Subject': 'report'}, text=TEXT)


@test
def mailutils(lab):
    shown(lab, ['mail.mailutils', '-s', 'report', '-a', 'Bcc: dave@x.test', 'bob@x.test'], TEXT, user='alice',
          sender='alice@box.programs.test', to=['bob@x.test', 'dave@x.test'],
          header={'From': 'alice@box.programs.test', 'To': '<bob@x.test>', 'Subject': 'report'}, text=TEXT,
          notices=(1, rb'cannot send message: Process exited with a non-zero status'))


def nmh_draft(mts):
    home('.mh_profile', 'Path: Mail\n')
    home('Mail/drafts/.keep', '')
    pathlib.Path('/etc/nmh/mts.conf').write_text(f'mts: {mts}\n')
    return home('draft', 'From: alice\nTo: bob@x.test\nCc: carol@x.test\nBcc: dave@x.test\nSubject: nmh\n--------\n' +
                TEXT.decode())


def nmh(lab, mts, says):
    """A message for those who are named, and one for the blind, which holds a copy."""
    host = begin(lab)
    got = use(lab, ['send', nmh_draft(mts)], user='alice')
    quiet(got)
    arrived(host, 'alice@programs.test', ['bob@x.test', 'carol@x.test'],
            {'From': 'alice@programs.test', 'To': 'bob@x.test', 'Cc': 'carol@x.test', 'Subject': 'nmh'}, TEXT)
    arrived(host, 'alice@programs.test', ['dave@x.test'], {'From': 'alice@programs.test', 'Subject': 'nmh', 'To': None},
            re.compile(b'^------- Blind-Carbon-Copy\n(?s:.*)' + re.escape(TEXT)), number=1)
    host = begin(lab, reply='rcpt=550 5.1.1 no such user')
    got = use(lab, ['send', nmh_draft(mts)], user='alice')
    like(got.out + got.err, says, 'the refusal is shown')
    is_(host.messages(), [], 'nothing arrived')


@test
def nmh_pipe(lab):
    nmh(lab, 'sendmail/pipe', rb'550 5.1.1')


@test
def nmh_smtp(lab):
    nmh(lab, 'sendmail/smtp', rb'550 5.1.1')


@test
def nmh_mhmail(lab):
    nmh_draft('sendmail/pipe')
    shown(lab, ['mhmail', 'bob@x.test', '-subject', 'nmh'], b'one line\n', **ALICE, to=['bob@x.test'],
          header={'From': 'Alice Example <alice@box.programs.test>', 'Subject': 'nmh'}, text=b'one line\n')


@test
def git_send_email(lab):
    repository = lab.path / 'repository'
    author = {'GIT_AUTHOR_NAME': 'Zoë Example', 'GIT_AUTHOR_EMAIL': 'zoe@x.test', 'GIT_COMMITTER_NAME': 'A',
              'GIT_COMMITTER_EMAIL': 'a@x.test', 'GIT_CONFIG_NOSYSTEM': '1'}
    use(lab, ['git', 'init', '-q', repository])
    (repository / 'file').write_text('Grüße\n.\n')
    use(lab, ['git', 'add', 'file'], cwd=repository)
    use(lab, ['git', 'commit', '-q', '-m', 'Add a greeting'], cwd=repository, env=author)
    got = use(lab, ['git', 'format-patch', '-1', '-o', lab.path], cwd=repository, env=author)
    patch = got.out.decode().strip()
    shown(lab, ['git', 'send-email', '--quiet', '--confirm=never', '--from=Zoë Example <zoe@x.test>',
                '--suppress-cc=all', '--8bit-encoding=UTF-8', '--envelope-sender=bounce@x.test', '--to=bob@x.test',
                '--cc=carol@x.test', '--bcc=dave@x.test', patch],
          env={'GIT_CONFIG_NOSYSTEM': '1'}, sender='bounce@x.test',
          to=['bob@x.test', 'carol@x.test', 'dave@x.test'],
          header={'From': 'Zoë Example <zoe@x.test>', 'To': 'bob@x.test', 'Subject': '[PATCH] Add a greeting'},
          text=re.compile('\\+Grüße\n\\+\\.\n-- \n'.encode()),
          out=rb'^Sent \[PATCH\] Add a greeting\n$', notices=(67, rb'550 5.1.1'))


@test
def mercurial(lab):
    repository = lab.path / 'repository'
    use(lab, ['hg', 'init', repository])
    (repository / 'file').write_text('Grüße\n')
    use(lab, ['hg', '-R', repository, 'commit', '-A', '-q', '-u', 'a@x.test', '-m', 'Add a greeting'])
    shown(lab, ['hg', '-R', repository, '--config', 'extensions.patchbomb=', '--config',
                'email.method=/usr/sbin/sendmail', 'email', '-r', 'tip', '-q', '--from', 'Zoe <zoe@x.test>',
                '--to', 'bob@x.test', '--cc', 'carol@x.test', '--bcc', 'dave@x.test'], env={'HGPLAIN': '1'},
          sender='zoe@x.test', to=['bob@x.test', 'carol@x.test', 'dave@x.test'],
          out=rb'^this patch series consists of 1 patches.\n\n\n$',
          header={'From': 'Zoe <zoe@x.test>', 'To': 'bob@x.test', 'Subject': '[PATCH] Add a greeting'},
          text=re.compile('\\+Grüße\n$'.encode()), notices=(255, rb'550 5.1.1'))


@test
def reportbug(lab):
    body = home('body', TEXT.decode())
    shown(lab, ['reportbug', '--no-config-files', '--no-query-bts', '--no-check-available', '--no-check-installed',
                '--no-verify', '--no-tags-menu', '--no-compress', '--no-cc-menu', '--no-debconf',
                '--no-bug-script', '--quiet', '--ui=text', '--mode=expert', '--mta=/usr/sbin/sendmail',
                '--email=zoe@lists.test.org', '--realname=Zoë Example', '--severity=normal', '--class=normal',
                '--subject=a subject', f'--body-file={body}',
                '--package-version=1', '--envelope-from=bounce@x.test', '--offline', 'hello'], user='alice',
          sender='bounce@x.test', to=['submit@bugs.debian.org', 'zoe@lists.test.org'],
          header={'Subject': re.compile('a subject')},
          text=re.compile(re.escape(TEXT)), notices=(0, rb'550 5.1.1'))


@test
def bts(lab):
    shown(lab, ['bts', '--no-conf', '--no-interactive', '--no-offline', 'retitle', '123456', 'a better title'],
          env={'DEBEMAIL': 'zoe@x.test', 'DEBFULLNAME': 'Zoe Example'}, sender='root@programs.test',
          to=['control@bugs.debian.org'], header={'From': 'Zoe Example <zoe@x.test>'},
          text=re.compile(rb'^retitle 123456 a better title$', re.M), notices=(67, rb'550 5.1.1'))


@test
def swaks(lab):
    shown(lab, ['swaks', '--pipe', '/usr/sbin/sendmail -bs', '--from', 'zoe@x.test', '--to', 'bob@x.test,carol@x.test',
                '--header', 'Subject: swaks', '--body', 'one\\n.\\ntwo', '--silent', '2', '--timeout', '5'],
          sender='zoe@x.test', to=['bob@x.test', 'carol@x.test'], header={'From': 'zoe@x.test', 'Subject': 'swaks'},
          text=b'one\n.\ntwo\n\n\n', notices=(26, rb'550 5.1.1'))


class Terminal:
    """A program on a terminal."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        self.seen = b''

    def until(self, pattern, seconds=10):
        """Reads until this is shown; all of it."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            try:
                more = os.read(self.fd, 65536) if ready else b''
            except OSError:
                more = b''
            if not more:
                raise TimeoutError(f'{pattern!r} was not shown: {self.seen[-3000:]!r}')
            self.seen += more.replace(b'\0', b'')
        shown, self.seen = self.seen, b''
        return shown

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def send_with_alpine(lab):
    """Types a message; what is shown then."""
    home('pinerc', 'last-version-used=9.99\nsmtp-server=\ninbox-path=/run/alice/inbox\ndefault-fcc=""\n')
    terminal = Terminal(['runuser', '-u', 'alice', '--', 'env', '-i', 'HOME=/run/alice', 'TERM=vt100', 'LANG=C.UTF-8',
                         'PATH=/usr/bin', 'alpine', '-p', '/run/alice/pinerc', 'bob@x.test'])
    terminal.until(rb'To AddrBk')
    terminal.type(b'carol@x.test\r\ralpine\r' + TEXT.replace(b'\n', b'\r') + b'\x18')
    terminal.until(b'Send message')
    terminal.type(b'y')
    shown = terminal.until(rb'Alpine finished|not sent')
    terminal.end()
    return shown


@test
def alpine(lab):
    host = begin(lab)
    like(send_with_alpine(lab), rb'Alpine finished', 'it ends content')
    arrived(host, 'alice@box.programs.test', ['bob@x.test', 'carol@x.test'],
            {'From': 'Alice Example <alice@box.programs.test>', 'To': 'bob@x.test', 'Cc': 'carol@x.test',
             'Subject': 'alpine'}, TEXT)
    host = begin(lab, reply='rcpt=550 5.1.1 no such user')
    like(send_with_alpine(lab), rb'Mail not sent', 'the refusal is shown')
    is_(host.messages(), [], 'nothing arrived')


run()

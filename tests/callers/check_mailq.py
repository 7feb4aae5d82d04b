#!/usr/bin/env python3
"""The real check_mailq of the monitoring plugins (unpacked, not installed) counts our queue, as an unprivileged user.
The readers whose patterns are known only from their source are in tests/cli/mailq.py."""
import os
import re
import shutil

import peer
from lab import *

NOBODY = 65534
MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def unpacked():
    """Its folder; the plugin and the module that names the paths of other programs."""
    need_program('perl', 'apt-get', 'dpkg')
    peer.PACKAGES['monitoring'] = ['monitoring-plugins-standard', 'monitoring-plugins-common']
    return peer._fetch('monitoring') / 'usr/lib/nagios/plugins'


def lay_out(lab):
    """The plugin beside its module, in which mailq is ours."""
    folder = unpacked()
    shutil.copy(folder / 'check_mailq', lab.path / 'check_mailq')
    paths = (folder / 'utils.pm').read_text()
    ours = re.sub(r'(\$PATH_TO_MAILQ\s*=).*', rf'\1 "{lab.path}/mailq";', paths)
    (lab.path / 'utils.pm').write_text(ours)
    for name in ('sendmail', 'mailq'):
        shutil.copy(BINARY, lab.path / name)        # the checkout may be out of nobody's reach


def nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def run_as_nobody(lab, argv, stdin=b''):
    return lab.run(argv, stdin, lab.environment(), preexec_fn=nobody)


def store(lab, count):
    for _ in range(count):
        run_as_nobody(lab, [lab.path / 'sendmail', '-odq', '-f', 'me@y.test', '-t'], MAIL)


def counted(lab, status, words, name):
    for mode in ('postfix', 'sendmail'):
        got = run_as_nobody(lab, ['perl', lab.path / 'check_mailq', '-M', mode, '-w', '5', '-c', '100'])
        is_((got.status, got.err), (status, b''), f'{name}: -M {mode}: status')
        like(got.out.decode(), words.replace('MODE', mode), f'{name}: -M {mode}: what it says')


@test
def counts(lab):
    lay_out(lab)
    host = lab.smarthost(listen=('plain',), user=None, reply='banner=554 go away')
    lab.config(host, tls='none', smarthost={'user': None, 'password_file': None, 'auth': 'none', 'ca_file': None})
    lab.path.chmod(0o755)
    if os.geteuid() == 0:
        for path in (lab.path, lab.ini):
            os.chown(path, NOBODY, NOBODY)
    counted(lab, 0, 'OK: MODE mailq (reports queue )?is empty', 'none')
    store(lab, 1)
    counted(lab, 0, r'OK: MODE mailq \(1\) is below threshold \(5/100\)', 'one')
    store(lab, 4)
    counted(lab, 1, r'WARNING: MODE mailq is 5 \(threshold w = 5\)', 'five')
    run_as_nobody(lab, [lab.path / 'sendmail', '-q'])
    got = run_as_nobody(lab, [lab.path / 'mailq'])
    like(got.out, rb'\A\(smarthost paused ', 'the smarthost is paused')
    counted(lab, 1, r'WARNING: MODE mailq is 5 \(threshold w = 5\)', 'five, and a paused smarthost')
    store(lab, 245)
    counted(lab, 2, r'CRITICAL: MODE mailq is 250 \(threshold c = 100\)', '250')


run()

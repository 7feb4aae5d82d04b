#!/usr/bin/env python3
"""make install and uninstall: only below PREFIX, never over a file of somebody else's, configuration and queue kept."""
import os
import subprocess

from lab import *


def make(lab, *words):
    root = lab.path / 'root'
    return lab.run(['make', '-s', f'DESTDIR={root}', *words], cwd=ROOT, env={**os.environ, 'MAKEFLAGS': ''}), root


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob('*') if not p.is_dir() or p.is_symlink())


@test
def below_a_prefix(lab):
    got, root = make(lab, 'install', 'PREFIX=/usr/local')
    is_(got.status, 0, 'installed')
    found = files(root)
    ok(all(name.startswith('usr/local/') for name in found), 'nothing outside', found)
    for name in ('sbin/sendmail', 'bin/mailq', 'bin/newaliases', 'sbin/sendmailctl', 'share/man/man8/sendmail.8',
                 'share/man/man5/sendmail.ini.5', 'share/man/man1/mailq.1', 'share/man/man8/sendmailctl.8',
                 'share/sendmail-submit/sendmail.ini', 'share/sendmail-submit/sendmail-submit.cron',
                 'share/sendmail-submit/systemd/system/sendmail-submit-queue.service',
                 'share/sendmail-submit/systemd/user/sendmail-submit-queue.path'):
        ok('usr/local/' + name in found, name, found)
    ok(b' /usr/local/sbin/sendmailctl run ' in (root / 'usr/local/share/sendmail-submit/sendmail-submit.cron').read_bytes(),
       'the crontab line names the program by its place')
    is_((root / 'usr/local/sbin/sendmail').stat().st_mode & 0o7777, 0o755, 'no set-id bit')
    is_(make(lab, 'install', 'PREFIX=/usr/local')[0].status, 0, 'again, over itself')
    (root / 'etc').mkdir()
    (root / 'etc/sendmail.ini').write_text('mine')
    got, root = make(lab, 'uninstall', 'PREFIX=/usr/local')
    is_(files(root), ['etc/sendmail.ini'], 'uninstalled; the configuration is kept')
    ok(not (root / 'usr/local/share/sendmail-submit').exists(), 'no folder of ours is left')
    like(got.out, rb'kept: .*/etc/sendmail.ini', 'and named')


@test
def with_prefix_usr(lab):
    got, root = make(lab, 'install', 'PREFIX=/usr')
    is_(got.status, 0, 'installed')
    is_(os.readlink(root / 'usr/lib/sendmail'), '/usr/sbin/sendmail', '/usr/lib/sendmail for those who want it there')
    for unit in ('system', 'user'):
        for kind in ('service', 'timer', 'path'):
            ok((root / f'usr/lib/systemd/{unit}/sendmail-submit-queue.{kind}').exists(), f'{unit} {kind}')


@test
def units(lab):
    """What systemd says of them, with the program in its place."""
    need_program('systemd-analyze')
    prefix = lab.path / 'prefix'
    is_(lab.run(['make', '-s', f'PREFIX={prefix}', 'install'], cwd=ROOT, env={**os.environ, 'MAKEFLAGS': ''}).status, 0,
        'installed')
    for unit in ('system', 'user'):
        folder = prefix / 'share/sendmail-submit/systemd' / unit
        got = lab.run(['systemd-analyze', '--man=no', f'--{unit}', 'verify', *sorted(folder.iterdir())],
                      env={**os.environ, 'XDG_RUNTIME_DIR': str(lab.path)})
        is_((got.status, got.out, got.err), (0, b'', b''), f'{unit}: verified')
        like((folder / 'sendmail-submit-queue.service').read_text(), f'\nExecStart={prefix}/sbin/sendmailctl run\n',
             f'{unit}: starts what was installed')


@test
def the_crontab_line(lab):
    """Five times, a user, a command, as cron reads it; nothing is printed that cron would mail."""
    lines = [line for line in (ROOT / 'etc/sendmail-submit.cron').read_text().splitlines() if line[0] != '#']
    is_(len(lines), 1, 'one line')
    like(lines[0], r'\A(\* ){5}root (/usr/sbin/sendmailctl run) >/dev/null 2>&1\Z', 'its form')
    lab.config(lab.smarthost(reply='auth=535 5.7.8 no'))
    lab.sendmail('-odq', 'bob@x.test', stdin=b'Subject: hi\n\nhello\n')
    command = lines[0].split(' ', 6)[6].replace('/usr/sbin/sendmailctl', str(lab.program('sendmailctl')))
    got = lab.run(['/bin/sh', '-c', command], env=lab.environment())
    is_((got.status, got.out, got.err), (69, b'', b''), 'silent in trouble')


@test
def somebody_elses(lab):
    root = lab.path / 'root'
    (root / 'usr/sbin').mkdir(parents=True)
    (root / 'usr/sbin/sendmail').write_text('the real one')
    got, root = make(lab, 'install', 'PREFIX=/usr')
    ok(got.status != 0, 'refused')
    like(got.err, rb'/usr/sbin/sendmail exists and is not ours: remove the package', 'and why')
    is_(files(root), ['usr/sbin/sendmail'], 'nothing was installed')


@test
def a_missing_library_is_one_sentence(lab):
    done = subprocess.run(['sh', 'etc/find-libraries', lab.path], cwd=ROOT, capture_output=True, check=False,
                          env={'PATH': os.environ['PATH'], 'PKG_CONFIG_LIBDIR': str(lab.path)})
    ok(done.returncode != 0, 'fails')
    like(done.stderr, rb'\Amake: the library libtls is missing: install .*libtls-dev\)\n\Z', 'and names the package')


run()

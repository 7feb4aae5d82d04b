#!/usr/bin/env python3
"""Whatever a caller hands down: closed descriptors, ignored signals, no passwd entry, an odd environment."""
import os
import resource
import shutil
import signal
import subprocess

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


@test
def closed_descriptors(lab):
    host = lab.smarthost()
    lab.config(host)
    env = lab.environment()
    mail = lab.path / 'mail'
    mail.write_bytes(MAIL)
    for closing in ('1>&-', '2>&-', '1>&- 2>&-'):
        done = subprocess.run(['sh', '-c', f'exec "$0" -t {closing} <"$1"', lab.program(), mail], env=env, check=False)
        is_(done.returncode, 0, f'{closing}: sent')
    done = subprocess.run(['sh', '-c', 'exec "$0" bob@x.test 0<&-', lab.program()], env=env, check=False)
    is_(done.returncode, 0, '0<&-: an empty message')
    is_(len(host.messages()), 4, 'all arrived')
    ok(all(m.body in (b'hello\r\n', b'') for m in host.messages()), 'and nothing was mixed in')


@test
def signals_ignored_or_blocked(lab):
    host = lab.smarthost()
    lab.config(host)

    def odd():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    is_(lab.sendmail('-t', stdin=MAIL, preexec_fn=odd).status, 0, 'all signals blocked')
    is_(lab.sendmail('-odb', '-t', stdin=MAIL, preexec_fn=odd).status, 0, 'background')
    is_(len(host.messages(2)), 2, 'both arrived')


@test
def umask_directory_and_limits(lab):
    host = lab.smarthost()
    lab.config(host)

    def odd():
        gone = lab.path / 'gone'
        gone.mkdir(mode=0o700)
        os.chdir(gone)
        gone.rmdir()
        os.umask(0o777)
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    is_(lab.sendmail('-t', stdin=MAIL, preexec_fn=odd).status, 0, 'umask 777, deleted directory, 16 descriptors')

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    got = lab.sendmail('-t', stdin=MAIL, preexec_fn=small)
    ok(got.status > 0, 'RLIMIT_FSIZE: an error, no signal', got)
    is_(lab.queued('tmp', 'new', 'cur'), [], 'and nothing left')


@test
def no_environment_at_all(lab):
    host = lab.smarthost()
    lab.config(host)
    is_(lab.sendmail('-t', stdin=MAIL, env={'PATH': None, 'TZ': None, 'ASAN_OPTIONS': None}).status, 0, 'only the configuration')
    for name, value in (('HOME', '/nonexistent'), ('LC_ALL', 'de_DE.UTF-8'), ('TZ', ':/etc/passwd'), ('OPENSSL_CONF', '/etc/passwd'),
                        ('NAME', 'A\nBcc: x@y'), ('LOGNAME', ''), ('TMPDIR', '/nonexistent'), ('RES_OPTIONS', 'x' * 9000)):
        is_(lab.sendmail('-t', stdin=MAIL, env={name: value}).status, 0, f'{name}={value[:20]!r}')
    for message in host.messages():
        is_(message.fields('Bcc'), [], 'no header injected')
        like(message.field('Date'), rb'\A(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d [+-]\d{4}\Z', 'English date')


@test
def uid_without_passwd_entry(lab):
    need_root()
    host = lab.smarthost()
    os.chmod(lab.path, 0o755)
    program = shutil.copy(BINARY, lab.path / 'sendmail')    # the checkout may be out of his reach, ...
    lab.ca = shutil.copy(lab.ca, lab.path / 'ca.pem')       # ... and so the certificates
    os.chmod(lab.ca, 0o644)
    lab.config(host, queue={'directory': 'none'}, log={'target': 'stderr'})
    for path in (lab.ini, lab.path / 'password'):
        os.chown(path, 54321, 54321)

    def nobody():
        os.setgid(54321)
        os.setuid(54321)
    got = lab.run([program, 'bob@x.test'], b'Subject: x\n\ny\n', lab.environment(), preexec_fn=nobody)
    is_(got.status, 0, 'sent')
    is_(host.messages()[0].sender, 'uid-54321@client.test', 'sender')
    is_(host.messages()[0].field('From'), b'uid-54321@client.test', 'From')


@test
def configuration_from_the_environment(lab):
    host = lab.smarthost()
    env = {'SENDMAIL_INI': None, 'SENDMAIL_SMARTHOST': f'smtps://app:se%63ret@localhost:{host.implicit}',
           'SENDMAIL_FROM': 'app@client.test'}
    got = lab.control('config', env=env)
    like(got.out, rb'\A# source: .*SENDMAIL_SMARTHOST(?s:.*)\nhost = localhost\nport = %d\ntls = implicit' % host.implicit,
         'SENDMAIL_SMARTHOST')
    ok(b'secret' not in got.out, 'its password is masked', got.out)
    text = (f'[smarthost]\nhost = localhost\nport = {host.implicit}\ntls = implicit\nca_file = {lab.ca}\nuser = app\n'
            f'password = secret\nfrom = app@client.test\n[queue]\ndirectory = none\n')
    got = lab.sendmail('bob@x.test', stdin=MAIL, env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text})
    is_((got.status, got.err), (0, b''), 'SENDMAIL_CONFIG')
    is_(host.messages()[0].sender, 'app@client.test', 'forced sender')
    got = lab.control('config', env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text})
    like(got.out, rb'\A# source: .*SENDMAIL_CONFIG', 'sendmailctl config names its source')
    ok(b'secret' not in got.out, 'and masks the password', got.out)
    written = lab.path / 'written.ini'
    got = lab.control('config', '--write', written, env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text})
    is_((got.status, written.stat().st_mode & 0o777), (0, 0o600), 'written, mode 0600')
    is_(lab.sendmail('bob@x.test', stdin=MAIL, config=written).status, 0, 'and it works')
    got = lab.control('config', '--write', written, env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text})
    ok(got.status != 0, 'never over a file that exists', got)
    got = lab.control('config', '--write', 'relative.ini', env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text}, cwd=lab.path)
    ok(got.status == 0 and (lab.path / 'relative.ini').exists(), 'a relative name is relative to where the user stands', got)


@test
def secrets_of_a_running_process(lab):
    """The password is in no argument and in no environment while the program runs."""
    host = lab.smarthost(reply='banner=hang')
    text = (f'[smarthost]\nhost = localhost\nport = {host.implicit}\ntls = implicit\nca_file = {lab.ca}\nuser = app\n'
            f'password = Geheim!77\nfrom = app@client.test\n[queue]\ndirectory = {lab.queue}\n')
    process = lab.start('-t', stdin=MAIL, env={'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': text})
    wait_until(lambda: lab.queued('new'), what='the commit')
    for name in ('cmdline', 'environ'):
        with open(f'/proc/{process.pid}/{name}', 'rb') as shown:
            ok(b'Geheim!77' not in shown.read(), f'not in {name}')


run(threads=4)

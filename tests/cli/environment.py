#!/usr/bin/env python3
"""Whatever a caller hands down: closed descriptors, ignored signals, no passwd entry, an odd environment."""
import contextlib
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

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


DIALOGUE = (b'EHLO x\r\nMAIL FROM:<a@y.test>\r\nRCPT TO:<bob@x.test>\r\nDATA\r\n' + MAIL.replace(b'\n', b'\r\n') +
            b'.\r\nQUIT\r\n')


@test
def closed_descriptors_in_a_dialogue(lab):
    host = lab.smarthost()
    lab.config(host)
    path = lab.path / 'dialogue'
    path.write_bytes(DIALOGUE)
    for closing in ('1>&-', '2>&-', '1>&- 2>&-'):
        done = subprocess.run(['sh', '-c', f'exec "$0" -bs {closing} <"$1"', lab.program(), path], env=lab.environment(),
                              stdout=subprocess.DEVNULL, check=False)
        is_(done.returncode, 0, f'-bs {closing}')
    done = subprocess.run(['sh', '-c', 'exec "$0" -bs 0<&-', lab.program()], env=lab.environment(), capture_output=True,
                          check=False)
    is_((done.returncode, done.stdout[:4], done.stderr), (0, b'220 ', b''), '-bs 0<&-: the end of input')
    is_([m.body for m in host.messages()], [b'hello\r\n'] * 3, 'all arrived')


@test
def signals_in_a_dialogue(lab):
    host = lab.smarthost()
    lab.config(host)

    def odd():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        os.umask(0o777)
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    for argv in (['-bs'], ['-bs', '-odb']):
        got = lab.sendmail(*argv, stdin=DIALOGUE, preexec_fn=odd)
        is_((got.status, got.out.count(b'queued as'), got.err), (0, 1, b''), ' '.join(argv))
    is_(len(host.messages(2)), 2, 'both arrived')


@test
def stdin_of_any_kind(lab):
    """A file without a name (at, cron), at its beginning or not; a terminal; a socket; one that never blocks."""
    host = lab.smarthost()
    lab.config(host)
    with tempfile.TemporaryFile() as file:
        file.write(b'not this\n' + MAIL)
        file.seek(9)
        is_(lab.sendmail('-t', stdin=file).status, 0, 'an unlinked file, from where it stands')
        file.seek(0)
        file.truncate()
        file.write(DIALOGUE)
        file.seek(0)
        is_(lab.sendmail('-bs', stdin=file).status, 0, 'the same, -bs')
    for argv, text in (['-t'], MAIL), (['-bs'], DIALOGUE):
        master, slave = pty.openpty()
        # The terminal turns CR into LF.
        os.write(master, text.replace(b'\r', b'') + (b'\x04' if argv == ['-t'] else b''))
        with os.fdopen(slave, 'rb') as terminal:
            is_(lab.sendmail(*argv, stdin=terminal).status, 0, f'a terminal, {argv[0]}')
        os.close(master)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with os.fdopen(reader, 'rb') as pipe:
            process = subprocess.Popen([lab.program(), *argv], stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env=lab.environment())
            for byte in range(0, len(text), 40):
                os.write(writer, text[byte:byte + 40])
            os.close(writer)
            is_((process.communicate()[1], process.returncode), (b'', 0), f'non-blocking, {argv[0]}')
    is_([m.body for m in host.messages()], [b'hello\r\n'] * 6, 'each time the same message')
    with open('/dev/null', 'rb') as nothing:
        is_(lab.sendmail('bob@x.test', stdin=nothing).status, 0, '/dev/null: an empty message')
        is_(lab.sendmail('-bs', stdin=nothing).status, 0, '/dev/null, -bs')
    directory = os.open(lab.path, os.O_RDONLY)
    got = lab.run(['sh', '-c', f'exec "$0" bob@x.test <&{directory}', lab.program()], env=lab.environment(), pass_fds=[directory])
    os.close(directory)
    is_(got.status, 74, 'a directory: an input error')
    like(got.err, rb'reading the message: .*; nothing was sent', 'which is said')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')


@test
def stdin_without_end(lab):
    """It is read for ever, as sendmail does, but nothing grows; a signal ends it and nothing is left."""
    lab.config(queue={'max_message': '1M'})
    for argv, name in ((['bob@x.test'], 'zero'), (['bob@x.test'], 'urandom')):
        with open(f'/dev/{name}', 'rb') as endless:
            process = subprocess.Popen([lab.program(), *argv], stdin=endless, stderr=subprocess.PIPE, env=lab.environment())
            wait_until(lambda: int(open(f'/proc/{process.pid}/io').read().split()[1]) > 20 << 20, what='20 MiB')
            with open(f'/proc/{process.pid}/status', encoding='ascii') as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
            process.terminate()
            is_((process.communicate()[0], process.wait(20)), (None, 69), f'/dev/{name}: stopped')
            ok(peak < 24 * 1024, f'/dev/{name}: memory is bounded', peak)
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')
    for name in ('zero', 'urandom'):
        with open(f'/dev/{name}', 'rb') as endless:
            got = lab.sendmail('-bs', stdin=endless)
            is_((got.status, got.err), (0, b''), f'/dev/{name}, -bs: it ends')
            like(got.out, rb'\n421 4\.7\.0 [^\n]*\n\Z', 'and says why')


@test
def inherited_descriptors(lab):
    """Whoever waits for the end of a pipe of his is not kept waiting by a child in the background."""
    host = lab.smarthost(reply='dot=slow:4000')
    lab.config(host)
    for argv, text in (['-odb', '-t'], MAIL), (['-bs', '-odb'], DIALOGUE):
        pipes = [os.pipe() for _ in range(3)]
        process = subprocess.Popen([lab.program(), *argv], stdin=subprocess.PIPE, stdout=pipes[0][1], stderr=pipes[1][1],
                                   pass_fds=[pipes[2][1]], env=lab.environment())
        for _, writer in pipes:
            os.close(writer)
        process.communicate(text)
        start = time.monotonic()
        for reader, _ in pipes:
            while os.read(reader, 65536):
                pass
            os.close(reader)
        ok(time.monotonic() - start < 3, f'{argv}: all pipes end with the caller')
        is_(process.returncode, 0, 'status')
    is_(len(host.messages(2)), 2, 'and both arrive')


@test
def umask_of_nothing(lab):
    """Files are private whatever the umask says."""
    lab.config()
    for argv, text in (['-odq', '-t'], MAIL), (['-odq', '-bs'], DIALOGUE):
        is_(lab.sendmail(*argv, stdin=text, preexec_fn=lambda: os.umask(0)).status, 0, f'umask 0, {argv[1]}')
    is_({path.stat().st_mode & 0o777 for path in lab.queued()}, {0o600}, 'mode 0600')


@test
def little_memory(lab):
    """RLIMIT_AS: out of memory is one line and 71, or sent; never a crash, never half a message."""
    host = lab.smarthost()
    lab.config(host)
    for megabytes in (12, 16, 24, 64):
        def small(size=megabytes << 20):
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
        got = lab.sendmail('-t', stdin=MAIL, preexec_fn=small, env={'ASAN_OPTIONS': None})
        ok(got.status in (0, 71, 127) or b'AddressSanitizer' in got.err, f'{megabytes} MiB', got)



# ---- rows: one oddity each; the outcome is told by outcome_of() -------------

def outcome_of(lab, host, got, name):
    """0 and the mail delivered or stored, or another status and one clear line. Takes the mail away again."""
    def new_mail():
        lab.now = len(host.messages())
        return lab.now - getattr(lab, 'arrived', 0) + len(lab.queued())
    with contextlib.suppress(TimeoutError):     # in the background it may be there already and here still
        wait_until(lambda: got.status != 0 or new_mail() == 1, 5)
    new = new_mail()
    lab.arrived = lab.now
    for path in lab.queued('tmp', 'new', 'cur'):
        path.unlink()
    lab.control('queue', 'retry', '--all')      # the pause of a failure
    if got.status == 0:
        return is_((new, got.err), (1, b''), f'{name}: one mail sent or stored, in silence', got)
    clear = got.err.startswith(b'sendmail: ') and got.err.count(b'\n') == 1 and len(got.err) > 20
    return ok(got.status in (64, 65, 69, 71, 74, 78) and clear and new == 0, f'{name}: nothing sent, one line says why', got)


def limits(**values):
    def set_them():
        for name, value in values.items():
            resource.setrlimit(getattr(resource, f'RLIMIT_{name}'), (value, value))
    return set_them


KIB, MIB = 1024, 1024 * 1024
LIMITS = [{'NOFILE': n} for n in (4, 5, 6, 7, 8, 9, 10, 12, 16)] + [{'FSIZE': n} for n in (0, 1, 100, 1000)] + [
    {'NPROC': 0}, {'DATA': MIB}, {'STACK': 48 * KIB}, {'STACK': 64 * KIB},
    {'STACK': 128 * KIB}, {'CORE': 0}, {'CPU': 1}, {'MEMLOCK': 0}, {'SIGPENDING': 0}, {'MSGQUEUE': 0}, {'NOFILE': 8, 'FSIZE': 0, 'NPROC': 0}]


@test
def limits_of_resources(lab):
    host = lab.smarthost()
    lab.config(host)
    sanitized = b'__asan' in BINARY.read_bytes()    # takes terabytes of addresses
    for row in LIMITS:
        if sanitized and row.keys() & {'DATA', 'STACK'}:
            continue
        for option in ((), ('-odb',), ('-odq',)):
            name = f'{" ".join(f"{k} {v}" for k, v in row.items())} {" ".join(option)}'
            got = lab.sendmail(*option, '-t', stdin=MAIL, preexec_fn=limits(**row))
            if option == ('-odb',) and got.status == 0:
                wait_until(lambda: len(host.messages()) > getattr(lab, 'arrived', 0) or lab.queued() and not busy(lab), what=f'{name}: its end')
            outcome_of(lab, host, got, name)


def busy(lab):
    """A process of the program is still there."""
    return lab.run(['pgrep', '-f', str(lab.path / 'bin/sendmail')]).status == 0


@test
def every_set_of_closed_descriptors(lab):
    host = lab.smarthost()
    lab.config(host)
    for bits in range(1, 8):
        closed = [n for n in range(3) if bits >> n & 1]

        def close():
            for number in closed:
                os.close(number)
        got = lab.sendmail('bob@x.test', stdin=MAIL, preexec_fn=close)
        name = ' and '.join(map(str, closed))
        is_((got.status, len(host.messages())), (0, bits), f'{name} closed: sent')
        got = lab.sendmail('-t', '-f', 'bad\naddress', stdin=MAIL, preexec_fn=close)
        ok(got.status in (64, 65) and not lab.queued('tmp', 'new', 'cur'), f'{name} closed: a mistake is one, and nothing is left', got)
    ok(all(b'sendmail:' not in m.message for m in host.messages()), 'no error text got into a message')


HOSTILE = {'LD_LIBRARY_PATH': '/nonexistent', 'LD_BIND_NOW': '1', 'OPENSSL_CONF': '/etc/passwd', 'OPENSSL_MODULES': '/nonexistent',
           'OPENSSL_ENGINES': '/nonexistent', 'SSL_CERT_FILE': '/nonexistent', 'SSL_CERT_DIR': '/nonexistent', 'SSLKEYLOGFILE': '/nonexistent/keys',
           'RES_OPTIONS': 'debug attempts:99 timeout:99', 'HOSTALIASES': '/etc/passwd', 'LOCALDOMAIN': 'evil.test', 'RESOLV_HOST_CONF': '/nonexistent',
           'TZ': '../../../../etc/shadow', 'TZDIR': '/nonexistent', 'LC_ALL': 'tr_TR.UTF-8', 'LANG': '../../x', 'LOCPATH': '/nonexistent',
           'NLSPATH': '%n%n%n', 'GCONV_PATH': '/nonexistent', 'HOME': '', 'TMPDIR': '/dev/null', 'IFS': 'ns/e', 'PATH': '', 'SHELL': '/bin/false',
           'USER': 'x' * 5000, 'LOGNAME': 'a b', 'NAME': '\x1b[2J', 'MAILRC': '/etc/passwd', 'POSIXLY_CORRECT': '1', 'MALLOC_ARENA_MAX': '0',
           'GLIBC_TUNABLES': 'glibc.malloc.check=3', 'BIG': 'x' * 100000}


@test
def hostile_environment(lab):
    host = lab.smarthost()
    lab.config(host, smarthost={'host': 'localhost'})
    for env in (*({name: value} for name, value in HOSTILE.items()), HOSTILE):
        name = ' '.join(env) if len(env) == 1 else 'all of them'
        outcome_of(lab, host, lab.sendmail('-t', stdin=MAIL, env=env), name)
    ok(all(re.fullmatch(rb'\w{3}, \d\d? \w{3} \d{4} [\d:]{8} [+-]\d{4}', m.field('Date')) for m in host.messages()), 'an English date in all')
    is_(len(host.messages()), len(HOSTILE) + 1, 'all were sent')


@test
def folder_full_of_traps(lab):
    """Files that libraries look for where they stand."""
    host = lab.smarthost()
    lab.config(host)
    trap = lab.path / 'trap'
    trap.mkdir()
    for name in ('sendmail.ini', 'openssl.cnf', 'DB_CONFIG', '.netrc', '.mailrc', 'resolv.conf'):
        (trap / name).write_text('[smarthost]\nhost = evil.test\n')
    outcome_of(lab, host, lab.sendmail('-t', stdin=MAIL, cwd=trap), 'readable')

    def without_rights():
        os.chdir(trap)
        trap.chmod(0)
    outcome_of(lab, host, lab.sendmail('-t', stdin=MAIL, preexec_fn=without_rights), 'mode 000')
    trap.chmod(0o700)


@test
def more_kinds_of_stdin(lab):
    host = lab.smarthost()
    lab.config(host)

    def fed_by(file, name, *argv):
        with file:
            return outcome_of(lab, host, lab.sendmail(*(argv or ['bob@x.test']), stdin=file), name)
    fed_by(open(lab.path / 'only', 'wb'), 'a file open for writing only')
    near, far = socket.socketpair()
    far.sendall(MAIL)
    far.close()
    with near:
        fed_by(near.makefile('rb', 0), 'a socket', '-t')
    master, slave = os.openpty()
    os.close(master)
    fed_by(_Raw(slave), 'a terminal that is gone')


class _Raw:
    """A descriptor as a file that subprocess takes."""

    def __init__(self, number):
        self.number = number

    def fileno(self):
        return self.number

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.close(self.number)


@test
def never_ending_stdin(lab):
    """No session while it is read; a signal ends it, and nothing is left."""
    host = lab.smarthost()
    lab.config(host)
    for what, stopper in (('SIGTERM', signal.SIGTERM), ('SIGKILL', signal.SIGKILL)):
        reading, writing = os.pipe()
        process = subprocess.Popen([lab.program(), '-t'], stdin=reading, stderr=subprocess.PIPE, env=lab.environment())
        os.close(reading)
        os.write(writing, MAIL * 100)
        wait_until(lambda: lab.queued('tmp'), what='the header on disk')
        is_(list(host.folder.glob('*.session')), [], f'{what}: no session while the message is read')
        process.send_signal(stopper)
        status = process.wait(10)
        process.stderr.close()
        os.close(writing)
        ok(status != 0 and lab.queued() == [], f'{what}: nothing is sent', status)
    is_(len(lab.queued('tmp')), 1, 'only SIGKILL leaves its half')
    is_(host.messages(), [], 'and nothing arrived')


@test
def endless_input_is_refused(lab):
    """Larger than max_message: refused when it ends; nothing was sent meanwhile."""
    host = lab.smarthost()
    lab.config(host, queue={'max_message': '100K'})
    got = lab.run(['sh', '-c', 'yes "a line" | head -c 3000000 | "$0" bob@x.test', lab.program()], env=lab.environment())
    ok(got.status == 65 and b'max_message' in got.err, 'refused, and why', got)
    is_((host.messages(), lab.queued('tmp', 'new', 'cur')), ([], []), 'nothing is left')


run(threads=4)

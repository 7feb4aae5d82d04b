"""What command-line tests are written with: TAP, a Lab (folder, configuration,
the program) and throw-away smarthosts. Standard library only.

    from lab import *          # run with PYTHONPATH=tests, cwd = root of the repository

    @test
    def refused_recipient(lab):
        host = lab.smarthost(reply=['rcpt:bad@x.test=550 5.1.1 no such user'])
        lab.config(host)
        got = lab.sendmail('bad@x.test', stdin=b'Subject: a\\n\\nb\\n')
        is_(got.status, 67, 'exit status')
        is_(host.messages(), [], 'nothing accepted')

    run()

Environment: SENDMAIL_BINARY (sendmail/sendmail), REQUIRE_ALL (the runner's).
"""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

__all__ = ['test', 'run', 'ok', 'is_', 'like', 'note', 'Skip', 'skip', 'need_root', 'need_program', 'need_file',
           'wait_until', 'Lab', 'Result', 'Smarthost', 'Message', 'Session', 'ROOT', 'BUILD', 'BINARY',
           'certificates']

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / 'build'
BINARY = pathlib.Path(os.environ.get('SENDMAIL_BINARY', ROOT / 'sendmail' / 'sendmail')).absolute()

# ---- TAP ----------------------------------------------------------------

_lock = threading.Lock()
_count = 0
_failed = 0
_here = threading.local()     # .name of the running test, .lab
_tests = []


class Skip(Exception):
    """Raised by need_*(): the rest of the test is skipped, visibly."""


def _line(good, name, notes=()):
    global _count, _failed
    test_name = getattr(_here, 'name', None)
    with _lock:
        _count += 1
        _failed += not good
        print(f'{"ok" if good else "not ok"} {_count} - {test_name + ": " if test_name else ""}{name}')
        for text in notes:
            for line in str(text).splitlines() or ['']:
                print('#', line[:2000])
        sys.stdout.flush()


def note(text):
    """A line of explanation."""
    with _lock:
        for line in str(text).splitlines():
            print('#', line, flush=True)


def ok(good, name, *notes):
    """One check. notes are shown when it failed, with what the program last said. Returns good."""
    lab = getattr(_here, 'lab', None)
    if not good and lab is not None and lab.last is not None:
        notes += (lab.last,)
    _line(bool(good), name, () if good else notes)
    return bool(good)


def is_(got, want, name, *notes):
    return ok(got == want, name, f'got:  {got!r}', f'want: {want!r}', *notes)


def like(got, pattern, name, *notes):
    """re.search; pattern and got both text or both bytes."""
    return ok(re.search(pattern, got), name, f'got:     {got!r}', f'pattern: {pattern!r}', *notes)


def skip(name, reason):
    """A check that cannot be made here."""
    _line(True, f'{name} # SKIP {reason}')


def need_root():
    if os.geteuid() != 0:
        raise Skip('needs root')


def need_program(*names):
    for name in names:
        if shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin') is None:
            raise Skip(f'needs the program {name}')


def need_file(path):
    if not os.path.exists(path):
        raise Skip(f'needs {path}')


def test(function):
    """Marks a test. It gets a fresh Lab when it takes an argument."""
    _tests.append(function)
    return function


def _run_one(function):
    _here.name = function.__name__.replace('_', ' ')
    _here.lab = None
    try:
        if function.__code__.co_argcount == 0:
            function()
        else:
            with Lab() as lab:
                _here.lab = lab
                function(lab)
    except Skip as reason:
        skip('all', reason)
    except Exception:
        ok(False, 'runs to its end', traceback.format_exc())


def run(threads=1):
    """Runs the marked tests (those named in argv, else all) in order, or so many at once; ends the program."""
    wanted = [f for f in _tests if len(sys.argv) < 2 or f.__name__ in sys.argv[1:]]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_run_one, wanted))
    print(f'1..{_count}', flush=True)
    sys.exit(1 if _failed or not _count else 0)


def wait_until(predicate, seconds=20, what='what was waited for'):
    """Polls; the truthy result, or TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f'{what} did not happen within {seconds} s')
        time.sleep(0.005)


# ---- things built once --------------------------------------------------

@contextlib.contextmanager
def _build_lock():
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / '.lab-lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _program(name, sources, libraries=()):
    """build/NAME, compiled here when make has not done it."""
    program = BUILD / name
    sources = [ROOT / s for s in sources]
    newest = max(s.stat().st_mtime for s in [*sources, *(ROOT / 'sendmail/base').glob('*.h'),
                                             *(ROOT / 'tests/smarthost').glob('*.h')])
    with _build_lock():
        if not program.exists() or program.stat().st_mtime < newest:
            fresh = BUILD / f'{name}.{os.getpid()}'
            subprocess.run([*os.environ.get('CC', 'cc').split(), '-std=c11', '-D_GNU_SOURCE', '-O2', '-g',
                            f'-I{ROOT}/sendmail', '-o', fresh, *sources, *libraries], check=True)
            fresh.rename(program)
    return program


def smarthost_program():
    return _program('smarthost', [*sorted((ROOT / 'tests/smarthost').glob('*.c')), 'sendmail/base/buffer.c',
                                  'sendmail/base/encode.c'], ['-ltls'])


def measure_program():
    return _program('measure', ['tests/measure.c'])


def certificates():
    """build/certificates, made by tests/certificates when they are not there."""
    folder = BUILD / 'certificates'
    with _build_lock():
        subprocess.run(['sh', ROOT / 'tests/certificates', folder], check=True)
    return folder


# ---- the smarthost ------------------------------------------------------

def _pairs(path):
    """Lines key=value of a file, in order."""
    return [line.split('=', 1) for line in path.read_text('latin-1').splitlines()]


class Message:
    """One message a smarthost accepted."""

    def __init__(self, folder, number):
        pairs = _pairs(folder / f'{number}.envelope')
        values = dict(pairs)
        self.wire = (folder / f'{number}.wire').read_bytes()          # as it came: dots doubled when DATA
        self.message = (folder / f'{number}.message').read_bytes()    # the message itself, CRLF
        self.mail = values['mail']                                    # 'MAIL FROM:<a@x> SIZE=12'
        self.rcpt = [v for k, v in pairs if k == 'rcpt']              # accepted 'RCPT TO:<b@x>'
        self.refused = [v for k, v in pairs if k == 'refused']
        self.how, self.user, self.tls = values['how'], values['user'], values['tls']
        self.chunks, self.session = int(values['chunks']), int(values['session'])

    @property
    def sender(self):
        return re.search('<(.*?)>', self.mail)[1]

    @property
    def recipients(self):
        return [re.search('<(.*)>', r)[1] for r in self.rcpt]

    @property
    def head(self):
        return self.message.partition(b'\r\n\r\n')[0] + b'\r\n'

    @property
    def body(self):
        return self.message.partition(b'\r\n\r\n')[2]

    def fields(self, name):
        """Values of the header fields of this name (bytes, folds kept, no CRLF at the end)."""
        pattern = rb'(?im)^' + name.encode() + rb':[ \t]*((?:.*\r\n(?:[ \t].*\r\n)*))'
        return [v.rstrip(b'\r\n') for v in re.findall(pattern, self.head)]

    def field(self, name):
        """The one field of this name; None when there is none or more than one."""
        found = self.fields(name)
        return found[0] if len(found) == 1 else None

    def __repr__(self):
        return f'<message {self.mail} {self.rcpt} {self.how} {self.message!r}>'


class Session:
    """One connection. commands: list of verbs; raw: bytes of all complete command lines (login included); bytes: all
    that came after TLS; flights: round trips from connect to the answer to the last message; waits: to the end."""

    def __init__(self, folder, number):
        values = dict(_pairs(folder / f'{number}.session'))
        self.raw = (folder / f'{number}.commands').read_bytes()
        self.commands = values['commands'].split()
        self.listener, self.tls, self.tls_error = values['listener'], values['tls'], values['tls_error']
        self.client, self.user, self.end = values['client'], values['user'], values['end']
        for key in ('bytes', 'flights', 'waits', 'pipelined', 'messages'):
            setattr(self, key, int(values[key]))

    def __repr__(self):
        return f'<session {vars(self)}>'


class Smarthost:
    """A running throw-away smarthost: .implicit .starttls .plain are its ports (or None), .unix its socket."""

    def __init__(self, folder, arguments, wrapper=()):
        self.folder = folder
        self._taken = []
        self.process = subprocess.Popen([*wrapper, smarthost_program(), *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.ready = self.process.stdout.readline().decode()
        if not self.ready.startswith('ready'):
            raise RuntimeError(f'the smarthost did not start: {arguments}')
        found = dict(word.split('=', 1) for word in self.ready.split()[1:])
        self.implicit, self.starttls, self.plain = (
            int(found[k]) if k in found else None for k in ('implicit', 'starttls', 'plain'))
        self.unix = found.get('unix')

    def _numbers(self, suffix):
        return sorted(p.stem for p in self.folder.glob(f'*.{suffix}'))

    def messages(self, count=None, seconds=20):
        """The accepted messages, in order. With count, waits until there are so many. (A message is on disk before
        its answer leaves: after a synchronous run of the program no waiting is needed.)"""
        if count is not None:
            wait_until(lambda: len(self._numbers('envelope')) >= count, seconds, f'{count} messages')
        return [Message(self.folder, n) for n in self._numbers('envelope')]

    def sessions(self, count=1, seconds=20):
        """The sessions, in order, when there are at least count and all of them have ended."""
        def ended():
            found = [Session(self.folder, n) for n in self._numbers('session')]
            return len(found) >= count and all(s.end for s in found) and (found or [None])
        return [s for s in wait_until(ended, seconds, f'the end of {count} sessions') if s]

    def stop(self):
        """Nobody listens any more. The ports stay taken, lest another test's smarthost gets them, and our mail."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
            for port in filter(None, (self.implicit, self.starttls, self.plain)):
                taken = socket.socket()
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    taken.bind(('127.0.0.1', port))
                self._taken.append(taken)
        self.process.stdout.close()

    def release(self):
        for taken in self._taken:
            taken.close()


# ---- the lab ------------------------------------------------------------

class Result:
    """What a run gave: status (negative: signal), out, err (bytes), seconds, rss (KiB, with measure=True)."""

    def __init__(self, argv, status, out, err, seconds, rss=None):
        self.argv, self.status, self.out, self.err, self.seconds, self.rss = argv, status, out, err, seconds, rss

    def __str__(self):
        return f'last run: {self.argv}\nstatus {self.status}, stdout {self.out!r}\nstderr {self.err!r}'


class Lab:
    """A temporary folder (.path) with configuration (.ini), queue (.queue), log (.log); ends what it started."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))
        self.certificates = certificates()
        self.ca = self.certificates / 'ca.pem'
        self.ini = self.path / 'sendmail.ini'
        self.queue = self.path / 'queue'
        self.log = self.path / 'log'
        self.last = None
        self._started = []
        self._hosts = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for thing in self._started:
            if isinstance(thing, Smarthost):
                thing.stop()
                thing.release()
            elif thing.poll() is None:
                thing.kill()
                thing.wait()
        # A smarthost's sessions may write a last file while they die with it.
        wait_until(self._removed, what=f'the end of {self.path}')

    def _removed(self):
        shutil.rmtree(self.path, ignore_errors=True)
        return not self.path.exists()

    def smarthost(self, *options, listen=('implicit', 'starttls'), cert='good', user='app', password='secret',
                  ehlo=None, reply=(), delay=0, wrapper=()):
        """Starts one. options: further command-line options of it ('--no-starttls', '--require-auth', ...; its manual is
        the head of tests/smarthost/main.c). listen: of implicit, starttls, plain. cert: name in the certificates
        folder. user=None: no AUTH. reply: script rows. For an exact count of flights give delay=5 or more: what a
        client sends within that time without waiting is then one flight."""
        self._hosts += 1
        folder = self.path / f'smarthost-{self._hosts}'
        folder.mkdir()
        arguments = [f'--{name}' for name in listen] + ['--record', folder, '--delay', str(delay)]
        arguments += ['--cert', self.certificates / f'{cert}.pem', '--key', self.certificates / f'{cert}.key']
        if user is not None:
            arguments += ['--user', user, '--password', password]
        if ehlo is not None:
            arguments += ['--ehlo', ehlo]
        for row in [reply] if isinstance(reply, str) else reply:
            arguments += ['--reply', row]
        host = Smarthost(folder, [*arguments, *options], wrapper)
        self._started.append(host)
        return host

    def config(self, host=None, tls='implicit', *, path=None, text=None, extra='', **sections):
        """Writes self.ini (mode 0600) for a smarthost and returns its path. tls: which of its listeners. Keyword
        arguments are sections: smarthost={'helo': 'x', 'user': None}: None takes a default away. text: all of the
        file instead. extra: more lines at the end. The log goes to self.log."""
        path = path or self.ini
        secret = self.path / 'password'
        secret.write_text('secret\n')
        secret.chmod(0o600)
        port = getattr(host, {'none': 'plain'}.get(tls, tls)) if host is not None else 1
        defaults = {
            'smarthost': {'host': '127.0.0.1', 'port': port, 'tls': tls, 'ca_file': self.ca, 'user': 'app',
                          'password_file': secret},
            'identity': {'domain': 'client.test'},
            'aliases': {'file': 'none'},
            'queue': {'directory': self.queue},
            'log': {'target': self.log},
        }
        for name, keys in sections.items():
            defaults.setdefault(name, {}).update(keys)
        if text is None:
            text = extra if not defaults else ''.join(
                f'[{name}]\n' + ''.join(f'{k} = {v}\n' for k, v in keys.items() if v is not None) + '\n'
                for name, keys in defaults.items()) + extra
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return path

    def program(self, name='sendmail'):
        """A path by which the program is called under this name."""
        link = self.path / 'bin' / name
        link.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(BINARY)
        return link

    def environment(self, env=None, config=None):
        """What the program is given: nothing inherited but PATH. env adds; a None in it takes away."""
        merged = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TZ': 'UTC',
                  'SENDMAIL_INI': str(config or self.ini), 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '')}
        merged.update(env or {})
        return {k: str(v) for k, v in merged.items() if v is not None}

    def run(self, argv, stdin=b'', env=None, timeout=120, **popen):
        """Runs any command; a Result. stdin: bytes, or an open file."""
        start = time.monotonic()
        given = {'input': stdin} if isinstance(stdin, bytes) else {'stdin': stdin}
        done = subprocess.run([os.fspath(a) for a in argv], capture_output=True, env=env, timeout=timeout, **given,
                              **popen)
        self.last = Result([os.fspath(a) for a in argv], done.returncode, done.stdout, done.stderr,
                           time.monotonic() - start)
        return self.last

    def sendmail(self, *argv, stdin=b'', env=None, config=None, name='sendmail', wrapper=(), measure=False,
                 timeout=120, **popen):
        """Runs the program under the name ('mailq', 'sendmailctl', ...) with self.ini or config. wrapper: a command
        before it (['strace', ...]). measure: also its peak memory, Result.rss."""
        figure = self.path / f'rss-{threading.get_ident()}'
        command = [self.program(name), *argv]
        if measure:
            command = [measure_program(), figure, *command]
        result = self.run([*wrapper, *command], stdin, self.environment(env, config), timeout, **popen)
        if measure:
            result.rss = int(figure.read_text())
        return result

    def control(self, *argv, **options):
        return self.sendmail(*argv, name='sendmailctl', **options)

    def start(self, *argv, stdin=b'', env=None, config=None, name='sendmail', wrapper=(), **popen):
        """Starts the program and returns its Popen (stdout, stderr are pipes); killed at the end of the test."""
        feed = tempfile.TemporaryFile()
        feed.write(stdin)
        feed.seek(0)
        process = subprocess.Popen([os.fspath(a) for a in (*wrapper, self.program(name), *argv)], stdin=feed,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment(env, config), **popen)
        self._started.append(process)
        return process

    def queued(self, *folders):
        """Files in these folders of the queue (new and cur)."""
        return sorted(f for name in folders or ('new', 'cur') for f in (self.queue / name).glob('*'))

    def log_lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

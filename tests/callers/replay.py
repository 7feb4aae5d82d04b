#!/usr/bin/env python3
"""What known programs do with sendmail, replayed: the .txt files here hold, for each of them, how it starts the
program, what it writes, and every byte that must arrive at the smarthost for it.

    === 1 Debian cron                the program's number in the survey, and what it is; a number may come again
    note: TEXT                       what is special about it
    argv: WORDS                      as execve sees them, the first too; quoted as for sh
    sh: LINE                         instead: through /bin/sh, with the program under its usual paths
    many: N r%d@x.test               so many more arguments (and recipients)
    env: NAME=VALUE ...              all of its environment (PATH and nothing else)
    user: NAME                       runs as this user (or number) when the tests run as root
    cwd: FOLDER
    stdin: pipe|file|unlinked|open   open: a pipe that nobody writes to (pipe)
    signals: ignore PIPE, block TSTP
    streams: joined                  one pipe for stdout and stderr
    config: SECTION KEY = VALUE      a line of sendmail.ini
    ehlo: KEYWORDS  reply: ROW       of the smarthost
    eol: LF                          of the client's lines of a dialogue
    <TEXT                            a line of stdin
    C: TEXT   S: TEXT                instead: a dialogue on stdin and stdout, closed at its end
    then: WORDS                      sendmail called again, as when the queue is run
    sender: ADDRESS PARAMETERS       a message that arrives (or "sender: none"): of MAIL, SIZE left out
    to: ADDRESSES                    all recipients, in order
    >TEXT                            a line of it, without its CRLF
    ~TEXT                            or, where it has to be encoded on its way, of what its reader sees: Received, the
                                     fields that tell of the encoding, and BODY, are not compared then
    report: ADDRESS                  a delivery report that arrives
    status: N                        (0)
    stdout: TEXT  stderr: TEXT       a line of the stream; without any it is empty

In TEXT of < and >: \\r \\t \\0 \\\\ \\xHH, \\*N*C = N times C, \\c at the end = no line end. In TEXT of >, S, stdout
and stderr also: {Received} {date} {id} {host} {uid} {login}, {caller} = the caller's mailbox; dates and ids must be
equal wherever they are named in one message. In S, stdout and stderr * is any text. "S: 250+ SIZE !AUTH" are the lines
of one reply to EHLO, with and without these keywords.
"""
import contextlib
import difflib
import email
import email.header
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile

from lab import *

FOLDER = ROOT / 'tests' / 'callers'
FILES = ('schedulers', 'daemons', 'agents', 'applications', 'plumbing')
ROWS = set(range(1, 94)) - {39, 84, 93}     # 39 goes through mail(1), 84 speaks SMTP, 93 are not programs
DOMAIN = 'client.test'
EHLO = 'PIPELINING,CHUNKING,8BITMIME,ENHANCEDSTATUSCODES,SIZE 67108864'
KEYS = ('note', 'argv', 'sh', 'many', 'env', 'user', 'cwd', 'stdin', 'signals', 'streams', 'config', 'ehlo', 'reply',
        'eol', 'then', 'status', 'stdout', 'stderr')
PATIENCE = 10       # seconds: for one answer in a dialogue, for what is done in the background
RECEIVED = 'Received: by {host} (sendmail-submit, from userid {uid})\r\n\tid {id}; {date}'
VOLATILE = {'id': r'\b[0-9A-F]{18}\b',
            'date': r'[A-Z][a-z]{2}, [ \d]?\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}'}


# ---- the entries --------------------------------------------------------

class Expected:
    """A message that must arrive."""

    def __init__(self, sender, report=False):
        self.sender, self.report, self.to, self.lines, self.decoded = sender, report, [], [], False


class Entry:
    def __init__(self, where, number, name):
        self.where, self.number, self.name = where, number, name
        self.keys, self.input, self.dialogue, self.messages = {}, [], [], []
        self.silent = False                 # "sender: none"

    def first(self, key, default=None):
        return self.keys.get(key, [default])[0]

    def take(self, line):
        if line[0] == '<':
            self.input.append(line[1:])
        elif line[0] in '>~':
            self.messages[-1].lines.append(line[1:])
            self.messages[-1].decoded = line[0] == '~'
        elif line[:2] in ('C:', 'S:'):
            self.dialogue.append((line[0], line[3:]))
        else:
            key, colon, value = line.partition(':')
            self.set(key, value.strip(), colon)

    def set(self, key, value, colon):
        if key == 'sender' and value == 'none':
            self.silent = True
        elif key in ('sender', 'report'):
            self.messages.append(Expected(value, key == 'report'))
        elif key == 'to':
            self.messages[-1].to += value.split()
        elif colon and key in KEYS:
            self.keys.setdefault(key, []).append(value)
        else:
            raise ValueError(f'{self.where}: {key!r}?')

    def lacks(self):
        """What an entry must not be without."""
        if not self.keys.get('argv') and not self.keys.get('sh'):
            return 'argv or sh'
        if not self.messages and not self.silent:
            return 'a message, or "sender: none"'
        for message in self.messages:
            if not message.report and not message.to and 'many' not in self.keys:
                return 'recipients'
            if not message.report and '' not in message.lines:
                return 'the bytes of its message'
        return None


def read_entries():
    entries = []
    for name in FILES:
        for number, line in enumerate((FOLDER / f'{name}.txt').read_text('utf-8').split('\n'), 1):
            where = f'{name}.txt:{number}'
            if line.startswith('=== '):
                row, _, title = line[4:].partition(' ')
                entries.append(Entry(where, int(row), title))
            elif line and not line.startswith('#'):
                entries[-1].take(line)
    return entries


def unescape(line):
    """Bytes of one line of TEXT, its line end included."""
    ends = not line.endswith('\\c')
    line = line if ends else line[:-2]
    line = re.sub(r'\\\*(\d+)\*(.)', lambda m: m[2] * int(m[1]), line)
    plain = {'r': b'\r', 't': b'\t', '0': b'\0', '\\': b'\\'}
    parts = re.split(r'\\(x[0-9A-Fa-f]{2}|.)', line)
    out = b''
    for text, escape in zip(parts[::2], [*parts[1::2], '']):
        out += text.encode()
        if escape:
            out += bytes([int(escape[1:], 16)]) if escape[0] == 'x' else plain[escape]
    return out + (b'\n' if ends else b'')


# ---- the caller ---------------------------------------------------------

class Caller:
    """Who starts the program, and the paths under which he finds it."""

    def __init__(self, lab, entry):
        self.lab, self.entry = lab, entry
        user = entry.first('user') if os.geteuid() == 0 else None
        self.uid = os.geteuid() if user is None else int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        self.folder = lab.path / 'tree'
        binary = BINARY
        if self.uid != os.geteuid():            # the checkout may be out of his reach
            binary = shutil.copy(BINARY, lab.path / 'sendmail')
            lab.path.chmod(0o755)
        for name in ('usr/sbin/sendmail', 'usr/lib/sendmail', 'usr/sbin/send-mail', 'usr/bin/mailq'):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).symlink_to(binary)

    def own_configuration(self):
        for path in (self.lab.path, self.lab.ini, self.lab.path / 'password'):
            os.chown(path, self.uid, -1)

    def environment(self):
        given = self.entry.keys.get('env')
        names = dict(word.split('=', 1) for line in given or ['PATH=/usr/bin:/bin'] for word in shlex.split(line))
        if 'sh' in self.entry.keys:
            names['PATH'] = f'{self.folder}/usr/sbin:{names.get("PATH", "/bin")}'
        names['SENDMAIL_INI'] = str(self.lab.ini)
        return {**names, **{k: os.environ[k] for k in ('ASAN_OPTIONS',) if k in os.environ}}

    def command(self):
        """Arguments for Popen."""
        if 'sh' in self.entry.keys:
            line = re.sub(r'/usr/(?:sbin|lib)/sendmail', lambda m: f'{self.folder}{m[0]}', self.entry.first('sh'))
            argv = ['sh', '-c', ' '.join([line, *self.many()])]
            given = {'executable': '/bin/sh'}
        else:
            argv = shlex.split(self.entry.first('argv')) + self.many()
            name = argv[0] if argv[0].startswith('/usr/') else f'/usr/sbin/{os.path.basename(argv[0])}'
            given = {'executable': f'{self.folder}{name}'}
        return {'args': argv, 'env': self.environment(), 'cwd': self.entry.first('cwd'), 'preexec_fn': self.prepare,
                'stdout': subprocess.PIPE,
                'stderr': subprocess.STDOUT if self.entry.first('streams') == 'joined' else subprocess.PIPE, **given}

    def many(self):
        count, pattern = self.entry.first('many', '0 %d').split()
        return [pattern % i for i in range(int(count))]

    def prepare(self):
        for what in filter(None, self.entry.first('signals', '').split(', ')):
            action, name = what.split()
            number = getattr(signal, f'SIG{name}')
            if action == 'ignore':
                signal.signal(number, signal.SIG_IGN)
            else:
                signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        if self.uid != os.geteuid():
            os.setgroups([])
            os.setgid(self.uid)
            os.setuid(self.uid)

    def names(self):
        """What the placeholders stand for."""
        try:
            known = pwd.getpwuid(self.uid)
            login, gecos = known.pw_name, known.pw_gecos.split(',')[0].replace('&', known.pw_name.capitalize())
        except KeyError:
            login, gecos = f'uid-{self.uid}', ''
        name = gecos if re.fullmatch(r"[\w!#$%&'*+/=?^`{|}~-]*", gecos, re.A) else f'"{gecos}"'
        return {'host': socket.gethostname(), 'uid': str(self.uid), 'login': login,
                'caller': f'{name} <{login}@{DOMAIN}>' if name else f'{login}@{DOMAIN}'}


def run_once(caller, entry):
    """Writes stdin, reads the streams: status, stdout, stderr."""
    data = b''.join(map(unescape, entry.input))
    kind = entry.first('stdin', 'pipe')
    if kind in ('pipe', 'open'):
        process = subprocess.Popen(**caller.command(), stdin=subprocess.PIPE)
        if kind == 'open':
            status = process.wait(60)
            process.stdin.close()
            return status, process.stdout.read(), process.stderr.read()
        out, err = process.communicate(data, 120)
    else:
        with (tempfile.TemporaryFile() if kind == 'unlinked' else open(caller.lab.path / 'stdin', 'w+b')) as file:
            file.write(data)
            file.seek(0)
            process = subprocess.Popen(**caller.command(), stdin=file)
            out, err = process.communicate(timeout=120)
    return process.returncode, out, err or b''


# ---- dialogues ----------------------------------------------------------

class Talk:
    """A client of -bs: writes its lines, and stops at the first answer that is not as expected."""

    def __init__(self, caller, entry):
        self.entry, self.names, self.ids = entry, caller.names(), []
        self.process = subprocess.Popen(**caller.command(), stdin=subprocess.PIPE, bufsize=0)
        self.held = b''

    def line(self):
        while b'\n' not in self.held:
            ready = select.select([self.process.stdout], [], [], PATIENCE)[0]
            more = os.read(self.process.stdout.fileno(), 4096) if ready else b''
            if not more:
                break
            self.held += more
        line, _, self.held = self.held.partition(b'\n')
        return line.rstrip(b'\r').decode('latin-1')

    def answer(self, want):
        """None, or what was said instead."""
        if want.startswith('250+'):
            said = [self.line()]
            while said[-1][3:4] == '-':
                said.append(self.line())
            keywords = {line[4:].split(' ')[0] for line in said[1:]}
            good = said[-1].startswith('250 ') and all((w[0] == '!') == (w.lstrip('!') not in keywords)
                                                       for w in want.split()[1:])
            return None if good else said
        line = self.line()
        found = re.fullmatch(text_pattern(want, self.names), line)
        if found and 'id' in found.groupdict():
            self.ids.append(found['id'])
        return None if found else line

    def hold(self):
        """The conversation, then status and streams. The first answer that was wrong, or None."""
        wrong, pending = None, b''
        end = '\n' if self.entry.first('eol') == 'LF' else '\r\n'
        try:
            for who, text in [*self.entry.dialogue, ('C', None)]:
                if who == 'C':
                    pending += (unescape(text + '\\c') + end.encode()) if text is not None else b''
                    continue
                self.process.stdin.write(pending)
                pending = b''
                said = self.answer(text)
                if said is not None:
                    wrong = f'want {text!r}, got {said!r}'
                    break
            self.process.stdin.write(pending)
        except BrokenPipeError:
            wrong = 'it hung up'
        out, err = self.process.communicate(timeout=60)
        return wrong, self.process.returncode, self.held + out, err or b''


# ---- what arrived -------------------------------------------------------

def fill(text, names, seen):
    """A regular expression for text with placeholders."""
    text = text.replace('{Received}', RECEIVED)
    out = ''
    for part in re.split(r'(\{(?:id|date|host|uid|login|caller)\})', text):
        name = part[1:-1]
        if not re.fullmatch(r'\{\w+\}', part):
            out += re.escape(part)
        elif name in names:
            out += re.escape(names[name])
        elif name in seen:
            out += f'(?P={name})'
        elif name in VOLATILE:
            seen.add(name)
            out += f'(?P<{name}>{VOLATILE[name]})'
        else:
            out += re.escape(part)
    return out


def text_pattern(text, names):
    return fill(text, names, set()).replace(r'\*', '.*')


def template(expected):
    """The wanted message as text (latin-1), lines with CRLF."""
    return ''.join(unescape(line).decode('latin-1').replace('\n', '\r\n') for line in expected.lines)


def difference(got, want):
    """Lines of got and want that differ, placeholders left out of account."""
    def rough(text):
        for name, pattern in VOLATILE.items():
            text = re.sub(pattern, f'{{{name}}}', text)
        return text.replace('{Received}', RECEIVED).split('\r\n')
    return '\n'.join(line for line in difflib.ndiff(rough(want), rough(got)) if line[0] in '+-?')[:3000]


def decoded(message):
    """What a reader sees of a message: header fields on one line each, encoded words and body decoded."""
    parsed = email.message_from_bytes(message)
    lines = []
    for name, value in parsed.items():
        words = email.header.decode_header(re.sub(r'\r?\n', '', value))
        text = ''.join(t if isinstance(t, str) else t.decode(c or 'latin-1') for t, c in words)
        if name not in ('Received', 'MIME-Version', 'Content-Transfer-Encoding'):
            lines.append(f'{name}: {text}')
    body = parsed.get_payload(decode=True).replace(b'\r\n', b'\n').decode()
    return '\r\n'.join(lines) + '\r\n\r\n' + body.replace('\n', '\r\n')


def check_bytes(message, expected, names):
    """The bytes, and the id of the message."""
    if expected.report:
        like(message.message, rb'(?i)\nContent-Type: multipart/report;', 'a report')
        return None
    want = ''.join(line + '\r\n' for line in map(lambda l: unescape(l + '\\c').decode(), expected.lines)) \
        if expected.decoded else template(expected)
    for key, value in names.items():
        want = want.replace(f'{{{key}}}', value)
    if expected.decoded:
        got = decoded(message.message)
        longest = max(map(len, message.message.split(b'\r\n')))
        head = message.head
        ok(longest <= 998 and head.isascii(), 'legal lines and header', longest, head)
    else:
        got = message.message.decode('latin-1')
    found = re.fullmatch(fill(want, names, set()), got, re.S)
    ok(found, 'every byte of the message', difference(got, want))
    return found and found.groupdict().get('id')


def check_arrivals(host, entry, caller, status):
    names, wanted = caller.names(), entry.messages
    if status == 0:         # it may come from the background
        with contextlib.suppress(TimeoutError):
            host.messages(len(wanted), PATIENCE)
    arrived = host.messages()
    if not is_(len(arrived), len(wanted), 'messages', arrived):
        return []
    ids = []
    for message, expected in zip(arrived, wanted):
        if expected.report:
            is_((message.sender, message.recipients), ('', [expected.sender]), 'a report to the sender')
        else:
            sender = expected.sender
            for key, value in names.items():
                sender = sender.replace(f'{{{key}}}', value)
            address, _, parameters = sender.partition(' ')
            mail = re.sub(r' SIZE=\d+', '', message.mail)
            if expected.decoded:        # how it is encoded is not said
                mail = mail.replace(' BODY=8BITMIME', '')
            is_(mail, f'MAIL FROM:<{address.strip("<>")}>' + (f' {parameters}' if parameters else ''), 'sender')
            is_(message.recipients, [r.replace('{login}', names['login']) for r in expected.to] + caller.many(),
                'recipients')
        ids.append(check_bytes(message, expected, names))
    return ids


def check_stream(got, lines, names, name):
    want = ''.join(text_pattern(line, names) + '\n' for line in lines)
    ok(re.fullmatch(want, got.decode('latin-1')), name, got, lines)


def replay(entry, lab):
    host = lab.smarthost(listen=('plain',), user=None, ehlo=entry.first('ehlo', EHLO),
                         reply=entry.keys.get('reply', ()))
    sections = {'smarthost': {'user': None, 'password_file': None, 'auth': 'none', 'ca_file': None}}
    for line in entry.keys.get('config', ()):
        section, key, value = re.fullmatch(r'(\w+) (\S+) = (.*)', line).groups()
        sections.setdefault(section, {})[key] = value
    lab.config(host, tls='none', **sections)
    caller = Caller(lab, entry)
    if caller.uid != os.geteuid():
        caller.own_configuration()
    talk = wrong = None
    if entry.dialogue:
        talk = Talk(caller, entry)
        wrong, status, out, err = talk.hold()
    else:
        status, out, err = run_once(caller, entry)
    for words in entry.keys.get('then', ()):
        lab.sendmail(*shlex.split(words))
    notes = [f'{entry.where}', *entry.keys.get('note', ()), f'status {status}', out, err]
    if talk:
        ok(wrong is None, 'dialogue', wrong, *notes)
    is_(status, int(entry.first('status', '0')), 'status', *notes)
    check_stream(out, entry.keys.get('stdout', ()), caller.names(), 'stdout')
    check_stream(err, entry.keys.get('stderr', ()), caller.names(), 'stderr')
    ids = check_arrivals(host, entry, caller, status)
    if status == 0:
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not lab.queued(), PATIENCE)
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')
    if talk and talk.ids:
        is_(talk.ids, ids, 'the ids that the client was told')


# ---- the tests ----------------------------------------------------------

ENTRIES = read_entries()


@test
def every_caller_has_its_entry():
    is_({e.number for e in ENTRIES}, ROWS, 'the numbers of the survey')
    for entry in ENTRIES:
        lacks = entry.lacks()
        ok(lacks is None, f'{entry.number} {entry.name}: is complete', f'{entry.where} lacks {lacks}')


def make_test(entry):
    def one(lab):
        replay(entry, lab)
    one.__name__ = re.sub(r'\W+', '_', f'{entry.number}_{entry.name}')
    test(one)


for each in ENTRIES:
    make_test(each)
run(threads=4)

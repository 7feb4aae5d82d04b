#!/usr/bin/env python3
"""Injection: every byte value in every field that reaches a header, a command, a log line or a queue file. What comes
of it has as many header fields, commands, recipients and lines as with a harmless byte, or it is refused in one line."""
import ctypes
import json
import os
import re
from random import Random

from helpers.faults import *
from lab import *

HARMLESS = b'-'
SINGLE = [bytes([n]) for n in range(256)]
SEQUENCES = [b'\r\n', b'\n\n', b'\r\n\r\n', b'\r\n ', b'\n.\n', b'\n.\r\n', b'\0\n', b'%n%s', b'%0d%0a', b'\\n', b'\xe2\x80\xa8', b'=0A=0D',
             b'=?utf-8?q?=0A?=', b'\x1b[2J', b'\xff\xff']
BYTES = SINGLE + SEQUENCES
ODD = [b for b in BYTES if len(b) > 1 or b[0] < 0x21 or b in b'"%(),.:;<>@\\=?`|$&+\x7f\x80\x85\x9b\xa0\xff'] if not LONG else BYTES
LOG_LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ sendmail\[\d+\] (error|warning|notice): [a-z][\w -]*( [a-z-]+=("([^"\\]|\\.)*"|[^ "=]*))*\Z')
COMMAND = re.compile(rb'(?:EHLO [!-~]+|AUTH [!-~ ]+|MAIL FROM:<("[ -~]+"@)?[!-~]*>( [A-Z0-9]+(=[!-~]+)?)*|RCPT TO:<("[ -~]+"@)?[!-~]+>( [A-Z0-9]+(=[!-~]+)?)*'
                     rb'|DATA|BDAT \d+( LAST)?|RSET|QUIT|STARTTLS)\Z')
STATUSES = (0, 64, 65, 67, 69, 78)
CLONE_NEWNS, CLONE_NEWUTS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x4000000, 0x1000, 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)


def payload(byte):
    return b'a' + byte + b'Bcc: evil@evil.test' + byte + b'RCPT TO:<evil@evil.test>' + byte + b'z'


def at_evil(byte):
    """For addresses."""
    return b'a' + byte + b'evil@evil.test'


# ---- what is expected of each place ---------------------------------------

def text_faults(what, text, limit=None, allowed=rb'\n\t -~'):
    """A stream: printable ASCII and line ends."""
    faults = []
    if re.search(rb'[^' + allowed + rb']', text):
        faults.append(f'{what} is not printable: {text!r}')
    if limit is not None and text.count(b'\n') > limit:
        faults.append(f'{what} has more than {limit} lines: {text!r}')
    return faults


def head_names(head):
    """Names of the fields of a header; None when a line is neither a field nor a continuation. (A control byte that the
    caller himself wrote into a header of his goes out as it is.)"""
    names = []
    for line in head.replace(b'\r\n', b'\n').rstrip(b'\n').split(b'\n'):
        field = re.match(rb'([!-9;-~]+)[ \t]*:', line)
        if field:
            names.append(field[1].lower())
        elif line[:1] not in (b' ', b'\t') or not names:
            return None
    return names


def foreign(head):
    """Control bytes in a header."""
    return re.search(rb'[\0-\x08\x0b-\x1f\x7f]', head.replace(b'\r\n', b'\n')) is not None


def log_faults(lab, as_json=False):
    faults = []
    lines = lab.log.read_bytes().split(b'\n') if lab.log.exists() else [b'']
    for line in lines[:-1]:
        if re.search(rb'[^ -~]', line):
            faults.append(f'log: not printable: {line!r}')
        elif as_json:
            try:
                json.loads(line)['event']
            except (ValueError, KeyError):
                faults.append(f'log: no JSON: {line!r}')
        elif not LOG_LINE.match(line.decode()):
            faults.append(f'log: no line of ours: {line!r}')
    return faults + ([] if lines[-1] == b'' else ['log: ends within a line'])


def session_faults(session):
    lines = session.raw.replace('\u2028'.encode(), b'u').split(b'\r\n')     # the one valid UTF-8 among the values
    return [f'command {line!r}' for line in lines[:-1] if not COMMAND.match(line)] + ([] if lines[-1] == b'' else ['half a command'])


# ---- what a caller gives --------------------------------------------------

class Field:
    """A way in. harmless: what the same run looks like with HARMLESS. structural: bytes that mean something here, so
    that a caller who writes them may make more, or other, recipients of it (never commands, lines or fields)."""

    def __init__(self, name, argv=(), mail=b'Subject: a\n\nb\n', env=(), structural=b'', bytes_=None, recipient=True):
        self.name, self.structural, self.bytes = name, structural, bytes_ or BYTES
        self._argv, self._mail, self._env, self._recipient = argv, mail, env, recipient

    @staticmethod
    def _fill(template, byte):
        return template.replace(b'PAYLOAD', payload(byte)).replace(b'EVIL', at_evil(byte)).replace(b'BYTE', byte)

    def possible(self, byte):
        return b'\0' not in byte or not (self._argv or self._env)

    def run(self, lab, byte, index):
        argv = [self._fill(a, byte) for a in self._argv]
        env = {k: os.fsdecode(self._fill(v, byte)) for k, v in self._env}
        own = [f'r{index:05}@x.test'] if self._recipient else []
        return lab.sendmail('-odq', *argv, *own, stdin=self._fill(self._mail, byte), env=env)


SYNTAX = b' \t\n\r,;:<>()"@\\'
FIELDS = [
    # Nothing of these is ever refused: all at once.
    Field('options and values', (b'-F', b'PAYLOAD', b'-V', b'PAYLOAD', b'-N', b'success,PAYLOAD', b'-R', b'PAYLOAD', b'-BPAYLOAD',
                                 b'-oPAYLOAD', b'-OPAYLOAD=PAYLOAD', b'-ePAYLOAD', b'-pPAYLOAD', b'-hPAYLOAD')),
    Field('unknown option', (b'-BYTE',), bytes_=[b for b in BYTES if not b.isalnum()]),
    Field('NAME', env=(('NAME', b'PAYLOAD'), ('LOGNAME', b'PAYLOAD'), ('USER', b'PAYLOAD'), ('TZ', b'PAYLOAD'), ('HOME', b'PAYLOAD'))),
    Field('-f', (b'-f', b'EVIL'), structural=SYNTAX),
    Field('-r', (b'-r', b'EVIL'), structural=SYNTAX, bytes_=ODD),
    Field('recipient', (b'EVIL',), structural=SYNTAX),
    Field('bare recipient', (b'aBYTEevil',), structural=SYNTAX, bytes_=ODD),
    Field('To with -t', (b'-t',), b'To: EVIL, ok@x.test\nCc: "BYTE" <ccBYTE@x.test>\nSubject: a\n\nb\n', structural=SYNTAX + b'\0', recipient=False),
    Field('From', (), b'From: PAYLOAD <aBYTE@x.test>\nSender: EVIL\nReply-To: EVIL\nSubject: a\n\nb\n', structural=SYNTAX),
    Field('From with a comment', (), b'From: rootBYTE (Cron BYTE Daemon)\nSubject: a\n\nb\n', structural=SYNTAX, bytes_=ODD),
    Field('values', (), b'Subject: PAYLOAD\nMessage-ID: <aBYTEb@x.test>\nDate: BYTE\nX-Queue: BYTE\nX: BYTE\n\nb\n'),
    Field('name', (), b'Subject: a\nX-BYTEBcc: evil@evil.test\nBcc\n\nb\n'),
    Field('first line', (), b'BYTEBcc: evil@evil.test\nSubject: a\n\nb\n', bytes_=ODD),
]


class Outcome:
    """What a run left: result, lines of the envelope and names of the fields in the queue, recipients there."""

    def __init__(self, lab, field, byte, index):
        self.result = field.run(lab, byte, index)

    def look(self, files):
        self.lines = self.names = self.recipients = None
        if len(files) != 1:
            return
        content = files[0].read_bytes()
        envelope = re.match(rb'(?:X-Queue[^\n]*\n)+', content)[0]
        head = content[len(envelope):].partition(b'\n\n')[0]
        self.lines = [line.partition(b':')[0] for line in envelope.splitlines()]
        self.recipients = re.findall(rb'(?m)^X-Queue-To: \S+ \S+ \S+ (\S+)', envelope)
        self.names, self.foreign = head_names(head), foreign(head)
        self.printable = re.search(rb'[^\n -~]', envelope) is None


def judge(field, byte, got, harmless):
    faults = [] if got.result.status in STATUSES else [f'status {got.result.status}']
    faults += text_faults('stderr', got.result.err, 1)
    if (got.result.status == 0) != (got.lines is not None) or (got.result.status != 0) != bool(got.result.err):
        faults.append(f'status {got.result.status}, {got.lines}, stderr {got.result.err}')
    structural = any(bytes([b]) in byte for b in field.structural)
    own_header = not field._argv and not field._env or field.name.startswith('To ')
    if got.lines is not None:
        if not got.printable:
            faults.append('queue: not printable')
        if not structural and got.lines != harmless.lines and set(got.lines) - {b'X-Queue-Envid', b'X-Queue-Notify'} != \
                set(harmless.lines) - {b'X-Queue-Envid', b'X-Queue-Notify'}:
            faults.append(f'queue: lines {got.lines}')
        if not structural and len(got.recipients) > len(harmless.recipients):
            faults.append(f'recipients {got.recipients}')
        if got.names is None:
            faults.append('header: a line that is no field')
        elif not own_header and got.foreign:
            faults.append('header: a control byte')
        elif not (own_header and (b'\n' in byte or field.name in ('name', 'first line'))) and sorted(got.names) != sorted(harmless.names):
            faults.append(f'header: {got.names}, not {harmless.names}')
        if not own_header and got.names and b'bcc' in got.names:
            faults.append('header: Bcc')
    return faults


def smarthost(lab, as_json=False, **config):
    host = lab.smarthost(listen=['plain'], user=None, ehlo='PIPELINING,CHUNKING,8BITMIME,SMTPUTF8,ENHANCEDSTATUSCODES')
    lab.config(host, 'none', smarthost={**NO_TLS, 'messages_per_connection': 1000}, log={'target': lab.log, 'format': 'json' if as_json else 'text'}, **config)
    return host


def each_byte(field, as_json):
    """Every byte in this field: into the queue, then all of it to a smarthost."""
    @test
    def injected(lab):
        host = smarthost(lab, as_json)
        bad, outcomes, accepted = [], {}, []
        cases = [HARMLESS] + [b for b in field.bytes if field.possible(b)]
        for index, byte in enumerate(cases):
            before = set(lab.queued())
            outcomes[byte] = got = Outcome(lab, field, byte, index)
            got.look(sorted(set(lab.queued()) - before))
            faults = judge(field, byte, got, outcomes[HARMLESS])
            accepted += [got] if got.lines is not None else []
            if faults:
                bad.append((byte, faults, str(got.result)))
        ok(not bad and len(cases) > 30, f'{field.name}: {len(cases)} values, {len(accepted)} stored: nothing injected', *bad[:6])
        is_(outcomes[HARMLESS].result.status, 0, f'{field.name}: the harmless one is stored')
        lab.sendmail('-q')
        got = lab.sendmail('-q')        # the reports of those that nobody could be sent to
        messages = host.messages()
        ok(len(messages) >= len(accepted) and lab.queued() == [], f'{field.name}: all {len(accepted)} are sent', got, lab.queued()[:3])
        is_([f for s in host.sessions() for f in session_faults(s)][:5], [], f'{field.name}: only commands of ours')
        wrong = [m for m in messages if head_names(m.head) is None or re.search(rb'\0|\r(?!\n)|(?<!\r)\n', m.wire)]
        ok(not wrong, f'{field.name}: legal headers', *wrong[:4])
        is_(log_faults(lab, as_json)[:5], [], f'{field.name}: legal log')
    injected.__name__ = f'every_byte_in_{field.name}{", json" if as_json else ""}'


for number, row in enumerate(FIELDS):
    each_byte(row, number % 2 == 1)
    if LONG or row.name == 'unknown option':        # which the log shows as it came
        each_byte(row, number % 2 == 0)


@test
def addresses_that_mean_something_elsewhere(lab):
    """T4: pipes, files, includes, expansions in 500 addresses: no program is run, no file opened, nobody else gets mail."""
    need_program('strace')
    host = smarthost(lab)
    canary = lab.path / 'canary'
    pieces = ['|', '/', ':include:', '${run{', '}}', '`', '$(', ')', '%n', '%s', '\\\\', '!', '%', '~root', '@', ';', '&', '"', 'bob', 'x.test', '-X',
              '-C', ',', f'/bin/touch {canary}', str(canary), '${lookup{', '<', '>', ' ', '(c)', '[127.0.0.1]', '=', '#', '*', '.']
    random = Random(1)
    addresses = [''.join(random.choices(pieces, k=random.randint(1, 6))) for _ in range(500)]
    trace = lab.path / 'trace'
    for number in range(0, 500, 25):
        group = addresses[number:number + 25]
        lab.sendmail('-odi', '--', f'ok{number}@x.test', *group, stdin=b'Subject: a\n\nb\n',
                     wrapper=['strace', '-f', '-s', '300', '-e', 'trace=execve,openat,open,connect', '-A', '-o', trace])
        lab.sendmail('-odq', '-t', stdin=b'To: ' + ',\n '.join(group).encode() + b'\nSubject: a\n\nb\n')
    calls = trace.read_text(errors='replace').splitlines()
    executed = [c for c in calls if 'execve(' in c and str(lab.program()) not in c.partition(',')[0]]
    is_((executed, canary.exists(), len(calls) > 20), ([], False, True), 'no program is run')
    is_([c for c in calls if 'open' in c and 'canary' in c], [], 'no file is opened')
    is_([c for c in calls if 'AF_INET' in c and f'htons({host.plain})' not in c], [], 'no other connection')
    ok(sum(f'ok{n}@x.test' in m.recipients for n in range(0, 500, 25) for m in host.messages()) == 20, 'the good ones got it')
    is_([f for s in host.sessions() for f in session_faults(s)][:5] + log_faults(lab)[:5], [], 'only commands and lines of ours')


# ---- what the machine says ------------------------------------------------

def in_a_world(host_name=None, passwd=None):
    """For preexec_fn: a host name and a passwd file of its own."""
    def enter():
        if host_name is not None:
            _libc.unshare(CLONE_NEWUTS)
            _libc.sethostname(host_name, len(host_name))
        if passwd is not None:
            _libc.unshare(CLONE_NEWNS)
            _libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None)
            _libc.mount(os.fsencode(passwd), b'/etc/passwd', None, MS_BIND, None)
    return enter


def machine(name, make):
    """A value of the machine: make(lab, byte) gives preexec_fn and what else lab.sendmail needs."""
    @test
    def injected(lab):
        need_root()
        if lab.run(['unshare', '-m', '-u', 'true']).status != 0:
            raise Skip('needs the right to make namespaces')
        host = smarthost(lab)
        harmless, bad, sent = None, [], 0
        cases = [HARMLESS] + [b for b in (BYTES if LONG else ODD) if b'\0' not in b]
        for byte in cases:
            got = lab.sendmail('bob@x.test', stdin=b'Subject: a\n\nb\n', **make(lab, byte))
            messages = host.messages()
            faults = text_faults('stderr', got.err, 1) + ([] if got.status in STATUSES else [f'status {got.status}'])
            if len(messages) > sent:
                names = head_names(messages[-1].head)
                harmless = harmless or names
                faults += [] if names == harmless and not foreign(messages[-1].head) else [f'header {messages[-1].head}']
                faults += [] if len(messages) == sent + 1 and messages[-1].recipients == ['bob@x.test'] else ['envelope']
            elif got.status in (0, 67, 69):
                faults.append('not sent')
            sent = len(messages)
            if faults:
                bad.append((byte, faults, str(got)))
        ok(not bad and sent >= 5, f'{name}: {len(cases)} values, {sent} sent: nothing injected', *bad[:6])
        is_([f for s in host.sessions() for f in session_faults(s)][:5] + log_faults(lab)[:5], [], f'{name}: commands and log')
    injected.__name__ = f'every_byte_in_the_{name}'


def gecos(lab, byte):
    path = lab.path / 'passwd'
    path.write_bytes(b'root:x:0:0:' + payload(byte) + b':/root:/bin/sh\n')
    return {'preexec_fn': in_a_world(passwd=path)}


def login(lab, byte):
    path = lab.path / 'passwd'
    path.write_bytes(b'a' + byte + b'evil:x:0:0:root:/root:/bin/sh\n')
    return {'preexec_fn': in_a_world(passwd=path)}


machine('GECOS', gecos)
machine('login', login)
machine('host name', lambda lab, byte: {'preexec_fn': in_a_world(host_name=b'a' + byte + b'Bcc.evil.test')})


# ---- what the configuration says ------------------------------------------

KEYS = {
    'from_name': b'[identity]\nfrom = app@client.test\nfrom_name = PAYLOAD\n',
    'domain': b'[identity]\ndomain = aBYTEevil.test\n',
    'from': b'[identity]\nfrom = aBYTEevil@evil.test\n',
    'alias': b'[aliases]\nbob = aBYTEevil@evil.test\n',
    'helo': b'helo = aBYTEevil.test\n',
    'add_header': b'add_header = X-A: PAYLOAD\n',
    'forced from': b'from = aBYTEevil@evil.test\n',
    'user': b'user = PAYLOAD\npassword = PAYLOAD\nauth = PLAIN\n',
}


@test
def every_byte_in_the_configuration(lab):
    host = lab.smarthost(listen=['plain'], user=None)
    with_login = lab.smarthost(listen=['plain'], reply='auth=235 2.7.0 welcome')
    for key, text in KEYS.items():
        it = with_login if key == 'user' else host
        bad, sent = [], len(it.messages())
        before, harmless = sent, None
        cases = [HARMLESS] + ODD
        for byte in cases:
            config = lab.path / 'x.ini'
            base = b'[smarthost]\nhost = 127.0.0.1\nport = %d\ntls = none\n' % it.plain + (b'' if key == 'user' else b'auth = none\n')
            own = text.replace(b'PAYLOAD', payload(byte)).replace(b'BYTE', byte)
            config.write_bytes(base + own + b'[queue]\ndirectory = none\n[log]\ntarget = ' + os.fsencode(lab.log) + b'\n'
                               + (b'' if b'[identity]' in text else b'[identity]\ndomain = client.test\n'))
            config.chmod(0o600)
            got = lab.sendmail('bob', stdin=b'Subject: a\n\nb\n', config=config)
            shown = lab.control('config', config=config)
            messages = it.messages()
            # Quotations from the administrator's own file may be UTF-8.
            faults = text_faults('stderr', got.err, 1, rb'\n\t -~\x80-\xff') + ([] if got.status in STATUSES else [f'status {got.status}'])
            faults += text_faults('sendmailctl config', shown.out + shown.err, None, rb'\n\t -~\x80-\xff')
            if len(messages) > sent:
                names = head_names(messages[-1].head)
                harmless = harmless or names
                faults += [] if names == harmless and not foreign(messages[-1].head) else [f'header {messages[-1].head}']
                faults += [] if len(messages) == sent + 1 and len(messages[-1].recipients) <= 1 + (key == 'alias' and b',' in byte) else ['envelope']
            elif got.status in (0, 67):
                faults.append('not sent')
            sent = len(messages)
            if faults:
                bad.append((byte, faults, str(got)))
        ok(not bad and sent > before, f'{key}: {len(cases)} values, {sent - before} sent: nothing injected', *bad[:6])
    is_([f for h in (host, with_login) for s in h.sessions() for f in session_faults(s)][:5] + log_faults(lab)[:5], [], 'commands and log')


# ---- what the server says -------------------------------------------------

STAGES = ['banner', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'dot', 'quit']


def script(stage, code, bytes_):
    text = ''.join(f'\\x{n:02x}' for n in bytes_)
    return f'{stage}={code} 5.1.1 a{text}Bcc: evil@evil.test{text}X-Queue-To: D 000 evil@evil.test{text}2026-11-23T00:00:00Z{text}z'


def reply_groups():
    """All bytes, some at a time, those that matter alone; and replies of several lines."""
    alone = [b'\r', b'\n', b'\0', b'\x1b', b'\r\n ', b'\r\n550 ', b'\r\n550-x\r\n550 ', b'\r\r\n', b'"', b'\\', b'%s%n']
    size = 1 if LONG else 32
    return alone + [bytes(n for n in range(start, start + size) if n not in b'\r\n') for start in range(0, 256, size) if size > 1 or start not in b'\r\n']


def see(lab, stage, code, bytes_, as_json):
    """Faults of one message that meets this reply, in all that the program then shows and keeps."""
    host = lab.smarthost(listen=['plain'], reply=[script(stage, code, bytes_)], ehlo='PIPELINING,8BITMIME')
    lab.config(host, 'none', log={'target': lab.log, 'format': 'json' if as_json else 'text'}, smarthost={'auth': 'PLAIN'})
    mail = b'Subject: a\n\nb\n'
    got = lab.sendmail('-v', 'bob@x.test', stdin=mail, timeout=60)
    faults = ([] if got.status in STATUSES + (75, 76, 77) else [f'status {got.status}']) + text_faults('-v', got.out) + text_faults('stderr', got.err, 1)
    if max(map(len, got.out.split(b'\n') + got.err.split(b'\n'))) > 2100:
        faults.append('a line of more than 2100 bytes')
    for path in lab.queued():
        envelope = re.match(rb'(?:X-Queue[^\n]*\n)+', path.read_bytes())[0]
        recipients = re.findall(rb'(?m)^X-Queue-To: \S+ \S+ \S+ (\S+)', envelope)
        report = b'multipart/report' in path.read_bytes()
        if re.search(rb'[^\n -~]', envelope) or len(recipients) != 1 or recipients[0] not in (b'bob@x.test', b'root@client.test'):
            faults.append(f'queue {envelope}')
        if report and (head_names(path.read_bytes()[len(envelope):].partition(b'\n\n')[0]) is None or foreign(path.read_bytes().replace(b'\t', b' '))):
            faults.append(f'report {path.read_bytes()}')
    listed = lab.sendmail(name='mailq')
    lab.log_faults = log_faults(lab, as_json)
    faults += text_faults('mailq', listed.out + listed.err) + lab.log_faults
    host.stop()
    for path in lab.queue.glob('*/*'):
        if path.is_file():
            path.unlink()
    for path in lab.queue.iterdir():
        if path.is_file():
            path.unlink()       # the pause
    lab.log.unlink(missing_ok=True)
    return faults


def each_stage(stage):
    @test
    def told(lab):
        bad, count = [], 0
        for as_json, code in ((False, 550), (True, 450)):
            for bytes_ in reply_groups():
                if stage == 'banner' and code == 450 and not LONG:
                    continue
                count += 1
                faults = see(lab, stage, code, bytes_, as_json)
                if faults:
                    bad.append((code, bytes_, faults))
        ok(not bad, f'{stage}: {count} replies: one printable line wherever it is shown', f'{len(bad)} bad', *bad[:5])
    told.__name__ = f'replies_to_{stage}'


for each in STAGES:
    each_stage(each)


@test
def keywords_and_certificates(lab):
    """EHLO keywords with every byte; the names of a certificate that is refused."""
    need_program('openssl')
    bad = []
    for start in range(0, 256, 8):
        text = ''.join(f'\\x{n:02x}' for n in range(start, start + 8) if n not in b'\r\n')
        row = (f'ehlo=250-x{text}\\n250-{text}\\n250-SIZE {text}\\n250-AUTH {text} PLAIN\\n250-LIMITS RCPTMAX={text}\\n250-PIPELINING{text}\\n250 DSN')
        host = lab.smarthost(listen=['plain'], user='app', reply=[row])
        lab.config(host, 'none', queue={'directory': 'none'}, smarthost={'auth': 'auto'})
        got = lab.sendmail('-v', '-V', 'x', '-N', 'success', 'bob@x.test', stdin=b'Subject: a\n\nb\n')
        faults = text_faults('-v', got.out) + text_faults('stderr', got.err, 1) + log_faults(lab) + [f for s in host.sessions() for f in session_faults(s)]
        faults += [] if got.status in STATUSES + (76, 77) else [f'status {got.status}']
        if faults:
            bad.append((start, faults, str(got)))
        host.stop()
    ok(not bad, 'EHLO keywords', *bad[:4])
    name = 'a' + ''.join(chr(n) for n in (*range(1, 32), 127, 155) if n not in (10, 13)) + '\nBcc: evil\r\n"z'
    pem, key = lab.path / 'odd.pem', lab.path / 'odd.key'
    made = lab.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', pem, '-days', '30', '-utf8',
                    '-subj', '/CN=' + name.replace('/', '')])
    is_(made.status, 0, 'a certificate with an odd name is made')
    host = lab.smarthost('--cert', str(pem), '--key', str(key))
    for as_json in (False, True):
        lab.log.unlink(missing_ok=True)
        lab.config(host, log={'target': lab.log, 'format': 'json' if as_json else 'text'})
        got = lab.sendmail('-v', 'bob@x.test', stdin=b'Subject: a\n\nb\n')
        is_(text_faults('-v', got.out) + text_faults('stderr', got.err, 1) + log_faults(lab, as_json), [], 'its names are printable')
        ok(b'Bcc: evil' in got.err, 'and shown')
        lab.control('queue', 'retry', '--all')


run(threads=4)

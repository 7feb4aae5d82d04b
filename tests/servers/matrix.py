"""The interoperability matrix: matrix.rows says beforehand what becomes of each cell; here it is tried.

    matrix.py [WORD ...]    only the cells that have all these words
    matrix.py --list        prints the table and the counts, tries nothing
"""
import email
import email.header
import pathlib
import re
import smtplib
import ssl
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from lab import *
from peer import enter_namespaces

THREADS = 8
SECONDS = 60        # for all that is under way to arrive


# ---- rows ---------------------------------------------------------------

# The keywords of EHLO that can be switched off, and those that cannot, as far as the matrix is about them.
SWITCHES = {
    'postfix': ('8BITMIME', 'CHUNKING', 'DSN', 'PIPELINING', 'SIZE', 'SMTPUTF8'),
    'exim': ('8BITMIME', 'CHUNKING', 'DSN', 'PIPELINING', 'SMTPUTF8'),
    'opensmtpd': ('DSN',),
    'dovecot': ('8BITMIME', 'DSN'),
}
FIXED = {
    'postfix': (),
    'exim': ('SIZE',),
    'opensmtpd': ('8BITMIME', 'SIZE'),
    'dovecot': ('CHUNKING', 'PIPELINING', 'SIZE'),
}

class Cell:
    """A row: server, port, tls, off (tuple of keywords), auth, kind; arrives: 'exactly', 'decoded' or None;
    status and pattern of a refusal."""

    def __init__(self, number, line):
        given, arrow, outcome = (' '.join(part.split()) for part in line.partition('->'))
        self.server, port, self.tls, off, self.auth, self.kind = given.split(' ')
        self.text, self.name, self.port = f'{given} -> {outcome}', f'c{number:03}', int(port)
        self.off = {'-': (), 'all': SWITCHES[self.server]}.get(off, tuple(off.split(',')))
        verb, *words = outcome.split(' ', 2)
        self.arrives = {'arrives': ' '.join(words) or 'exactly'}.get(verb)
        assert arrow and verb in ('arrives', 'refused') and self.arrives in (None, 'exactly', 'decoded'), line
        self.status, self.pattern = (None, None) if self.arrives else (int(words[0]), words[1])
        self.result = None


def read_rows():
    path = pathlib.Path(__file__).with_suffix('.rows')
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith('#')]
    cells = [Cell(number, line) for number, line in enumerate(lines, 1)]
    words = {word for word in sys.argv[1:] if not word.startswith('--')}
    return [cell for cell in cells if words <= set(cell.text.split())], len({cell.text for cell in cells}) == len(cells)


def counts(cells):
    arrive = sum(cell.arrives is not None for cell in cells)
    return f'{len(cells)} cells: {arrive} arrive, {len(cells) - arrive} refused'


cells, all_differ = read_rows()
if '--list' in sys.argv:
    print('\n'.join(cell.text for cell in cells))
    print(counts(cells))
    sys.exit(0)
enter_namespaces('servers')

# The servers are of use only inside.
from peers.common import PASSWORD, SIZE_MAX, USER, issue_certificates, places_of, token  # noqa: E402
from peers.dovecot import Dovecot  # noqa: E402
from peers.exim import Exim  # noqa: E402
from peers.opensmtpd import OpenSMTPD  # noqa: E402
from peers.postfix import RELAY, Postfix  # noqa: E402


# ---- kinds of messages --------------------------------------------------

MIME = b'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n'
GREETING = 'gr\u00fc\u00dfe'
DOTS = b'.\n..\n.dot\n...\n \n.\n\n'
# A dot begins a line at every place where a block of ours or of a server's may end.
EDGES = b''.join(b'%s\n.\n' % (b'e' * (size - 3)) for size in [512] * 31 + [509] + [1000 - 2] * 16)

BODIES = {
    'ascii': b'hello\n',
    'eight': f'{GREETING}, {GREETING}\n'.encode(),
    'dots': DOTS,
    'edge': b'\n\n' + EDGES + b'\nFrom here\n\n\nend\n',
    'long': b'x' * 998 + b'\n',
    'overlong': b'x' * 2000 + b'\nshort\n',
    'large': b''.join(b'%07d %s\n' % (i, b'x' * 60) for i in range(SIZE_MAX // 60)),
}
ARGUMENTS = {'dsn': ['-N', 'failure,delay', '-R', 'hdrs', '-V', 'matrix']}
MANY = 12


def message(cell):
    """What is given to the program, with LF; complete, so that nothing has to be added."""
    subject = GREETING if cell.kind == 'header' else 'matrix'
    head = (f'From: {USER}@client.test\nTo: all@example.test\nSubject: {subject}\n'
            f'Date: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <{cell.name}@client.test>\n').encode()
    return head + (MIME if cell.kind == 'eight' else b'') + b'\n' + BODIES.get(cell.kind, BODIES['ascii'])


def recipients(cell):
    """Address to box."""
    if cell.kind == 'utf8':
        return {f'gr\u00fcn-{cell.name}@example.test': cell.name}
    if cell.kind == 'many':
        return {f'{cell.name}-{i}@example.test': f'{cell.name}-{i}' for i in range(MANY)}
    return {f'{cell.name}@example.test': cell.name}


# ---- the servers --------------------------------------------------------

class Servers:
    """All of them, started at once; mail: server to the folder of its boxes."""

    def __init__(self, folder):
        self.folder = folder
        self.places = places_of([(cell.server, cell.off, cell.port) for cell in cells])
        issue_certificates(folder)
        for name, text in (('secret', PASSWORD), ('wrong', 'guess'), ('token', token()),
                           ('wrong-token', token(b'another key')), ('expired-token', token(lifetime=-60))):
            self.secret(name).write_text(text + '\n')
            self.secret(name).chmod(0o600)
        boxes = {address: box for cell in cells if cell.kind != 'unknown' for address, box in recipients(cell).items()}
        locals_ = {address.partition('@')[0]: box for address, box in boxes.items()}
        certificate, ca = folder / 'server', certificates() / 'ca.pem'
        dovecot = Dovecot(folder / 'dovecot', self._of('dovecot'), certificate, ca, RELAY)
        postfix = Postfix(self._of('postfix'), certificate, boxes, dovecot.auth)
        exim = Exim(folder / 'exim', self._of('exim'), certificate, ca, locals_, dovecot.auth)
        opensmtpd = OpenSMTPD(folder / 'opensmtpd', self._of('opensmtpd'), certificate, locals_)
        self._all = dovecot, postfix, exim, opensmtpd
        for server in self._all:
            server.wait()
        self.mail = {'dovecot': postfix.folder / 'mail', 'postfix': postfix.folder / 'mail',
                     'exim': exim.folder / 'mail', 'opensmtpd': opensmtpd.folder / 'mail'}

    def secret(self, name):
        return self.folder / f'{name}.txt'

    def _of(self, server):
        return [place for place in self.places.values() if place.server == server]

    def box(self, cell, name):
        """The messages in it."""
        return [path.read_bytes() for path in (self.mail[cell.server] / name / 'new').glob('*')]


def promised(place):
    return {*SWITCHES[place.server], *FIXED[place.server]} - set(place.off)


def offered(place):
    """The same as a client that is not ours is told, or what went wrong."""
    trust = ssl.create_default_context(cafile=certificates() / 'ca.pem')
    _, port, tls = place.listeners[0]
    connect, options = (smtplib.SMTP, {}) if tls == 'starttls' else (smtplib.SMTP_SSL, {'context': trust})
    try:
        with connect(place.host, port, 'client.test', timeout=20, **options) as client:
            if tls == 'starttls':
                client.starttls(context=trust)
            client.ehlo()
            return {word.upper() for word in client.esmtp_features} & set(SWITCHES['postfix'])
    except OSError as error:
        return f'{port}: {error}'


# ---- a cell -------------------------------------------------------------

LOGINS = {'wrong': 'wrong', 'wrong-token': 'wrong-token', 'expired-token': 'expired-token'}
TOKENS = ('xoauth2', 'oauthbearer')


def login(cell, servers):
    """Its keys in the section of the smarthost."""
    if cell.auth == 'external':
        name = servers.folder / ('stranger' if cell.kind == 'stranger' else 'client')
        return {'auth': 'external', 'user': None, 'password_file': None, 'client_cert': f'{name}.pem',
                'client_key': f'{name}.key'}
    by_token = cell.auth in TOKENS
    secret = servers.secret(LOGINS.get(cell.kind, 'token' if by_token else 'secret'))
    return {'auth': cell.auth, 'user': USER, 'token_file': secret if by_token else None,
            'password_file': None if by_token else secret}


def send(cell, servers):
    with Lab() as lab:
        place = servers.places[cell.server, cell.off]
        lab.config(tls=cell.tls, queue={'directory': 'none'},
                   smarthost={'host': place.host, 'port': cell.port, 'timeout': '60s', **login(cell, servers)})
        text = message(cell)
        if cell.kind == 'edge':
            text = text[:-1].replace(b'\n', b'\r\n')    # the last line has no end
        cell.result = lab.sendmail('-i', '-f', f'{USER}@client.test', *ARGUMENTS.get(cell.kind, []), '--',
                                   *recipients(cell), stdin=text)


TRACE = re.compile(rb'(?:(?:Return-Path|Delivered-To|X-Original-To|Envelope-to|Delivery-date|Received):.*\n'
                   rb'(?:[ \t].*\n)*)+', re.I)


def fields_and_body(text):
    """Decoded: fields but those of MIME, in order; the bytes of the body."""
    parsed = email.message_from_bytes(text)
    fields = [(name, ' '.join(str(email.header.make_header(email.header.decode_header(value))).split()))
              for name, value in parsed.items() if not name.lower().startswith(('mime-version', 'content-'))]
    return fields, parsed.get_payload(decode=True)


def expected_fields_and_body(cell):
    fields, body = fields_and_body(message(cell))
    return [(name, GREETING if cell.kind == 'header' and name == 'Subject' else value) for name, value in fields], body


def judge_mail(cell, got):
    """None, or what is wrong with a message that arrived."""
    trace = TRACE.match(got)
    if trace is None:
        return 'nothing of the server stands before it'
    got = got[trace.end():]
    if cell.arrives == 'exactly':
        return None if got == message(cell) else 'other bytes'
    if any(len(line) > 998 for line in got.split(b'\n')):
        return 'a line is too long'
    head = got.partition(b'\n\n')[0]
    if not (got if '8BITMIME' in cell.off else head).isascii():
        return 'bytes above 127'
    return None if fields_and_body(got) == expected_fields_and_body(cell) else 'another text'


def judge(cell, servers, deadline):
    boxes = {name: servers.box(cell, name) for name in recipients(cell).values()}
    if cell.arrives and cell.result.status == 0:
        while not all(boxes.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
            boxes = {name: servers.box(cell, name) for name in boxes}
    notes = [str(cell.result)[-1500:]]
    for name, found in boxes.items():
        if len(found) != (cell.arrives is not None):
            notes.append(f'{len(found)} messages in the box {name}')
        wrong = [judge_mail(cell, got) for got in found] if cell.arrives else []
        notes += [f'box {name}: {text}: {got[:2000]!r}' for text, got in zip(wrong, found) if text]
    said = cell.result.err.decode(errors='replace')
    if cell.arrives:
        good = (cell.result.status, said) == (0, '')
    else:
        good = cell.result.status == cell.status and re.search(cell.pattern, said, re.I)
    ok(good and len(notes) == 1, cell.text, *notes)


@test
def matrix():
    ok(all_differ, 'no row stands twice')
    with tempfile.TemporaryDirectory(prefix='matrix-', ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        begin = time.monotonic()
        servers = Servers(folder)
        note(f'servers: {time.monotonic() - begin:.1f} s')
        with ThreadPoolExecutor(THREADS) as pool:
            for place, found in zip(servers.places.values(), pool.map(offered, servers.places.values())):
                is_(found, promised(place), f'keywords of {place.host}')
            list(pool.map(lambda cell: send(cell, servers), cells))
        deadline = time.monotonic() + SECONDS
        for cell in cells:
            judge(cell, servers, deadline)
        ok(all(cell.result for cell in cells), 'every cell was tried')
        note(f'{counts(cells)}; {time.monotonic() - begin:.1f} s')


sys.argv[1:] = []
run()

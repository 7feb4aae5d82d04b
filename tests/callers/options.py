#!/usr/bin/env python3
"""The rows of options.txt, each run; and that they show every option in each form. Then the cases of semantics.txt."""
import contextlib
import os
import pwd
import re
import shlex
import signal

from lab import *

FOLDER = ROOT / 'tests' / 'callers'
DOMAIN = 'client.test'
MESSAGE = b'To: head@x.test\nSubject: options\n\none\n.\ntwo\n'
CHUNKS = 8

# What follows each letter: nothing, a value in the same or the next word, one in the same word.
NONE, VALUE, ATTACHED = 'none', 'value', 'attached'
LETTERS = {**dict.fromkeys('GIUcimnstvx', NONE), **dict.fromkeys('ABCDFLMNORTVXefhopr', VALUE),
           **dict.fromkeys('EJQbdq', ATTACHED)}
FORMS = {NONE: {'alone', 'clustered'}, VALUE: {'attached', 'separate', 'clustered', 'missing'},
         ATTACHED: {'attached', 'alone', 'clustered'}}
# Values that must occur, attached.
VALUES = {
    'b': 'm s p i v t h H P V D d l a z f F e'.split(),
    'q': '15m 0 I R S G Q L f p !'.split(),
    'o': 'i itrue v di db dq dd df em ep eq ew ee m 7 8 o s u T r A Q M S L'.split(),
    'e': 'm p q w e'.split(),
    'O': 'DeliveryMode= ErrorMode= IgnoreDots QueueDirectory='.split(),
    'f': ['<>'], 'A': ['c', 'm'], 'B': ['8BITMIME', '7BIT'], 'R': ['full', 'hdrs'], 'N': ['never', 'failure,delay'],
}
WORDS = ['--', '-', '--help', '--version']
CASES = 45          # rows of the survey of what becomes of a message


class Row:
    def __init__(self, line):
        words, self.sender, self.to, further = (part.strip() for part in (line + ' |').split('|')[:4])
        self.text, self.words = words, shlex.split(words)
        self.further = {}
        for item in filter(None, map(str.strip, further.split(' ; '))):
            key, _, value = item.partition(' ')
            self.further.setdefault(key, []).append(value)

    def pattern(self, stream):
        """The wanted lines of a stream as a regular expression."""
        wanted = ''.join(re.escape(text).replace(r'\*', '.*') + '\n' for text in self.further.get(stream, ()))
        return rf'\A{wanted}' + (r'(.*\n)*\Z' if f'{stream}?' in self.further else r'\Z')


ROWS = [Row(line) for line in (FOLDER / 'options.txt').read_text('utf-8').splitlines() if line and line[0] != '#']


def caller():
    known = pwd.getpwuid(os.geteuid())
    name = known.pw_gecos.split(',')[0].replace('&', known.pw_name.capitalize())
    quoted = name if re.fullmatch(r"[\w!#$%&'*+/=?^`{|}~-]*", name, re.A) else f'"{name}"'
    return known.pw_name, f'{quoted} <{known.pw_name}@{DOMAIN}>' if name else f'{known.pw_name}@{DOMAIN}'


def start(lab, row, stdin):
    """Runs the row's command; one that stays is stopped when it has done its work."""
    if 'stays' not in row.further:
        return lab.sendmail(*row.words, stdin=stdin)
    before = len(lab.host.messages())
    process = lab.start(*row.words, stdin=stdin)
    lab.host.messages(before + 1)
    wait_until(lambda: not lab.queued(), what='an empty queue')
    process.send_signal(signal.SIGTERM)
    process.wait()
    return Result(row.words, 0, process.stdout.read(), process.stderr.read(), 0)


def check_message(row, message):
    login, mailbox = caller()
    stored = 'stored' in row.further
    sender = {'': f'{login}@{DOMAIN}', '<>': ''}.get(row.sender, row.sender)
    if row.sender == 'report':
        sender = ''
    is_(message.sender, 'storer@y.test' if stored else sender, f'{row.text}: sender')
    is_(message.recipients, row.to.split(), f'{row.text}: recipients')
    if row.sender == 'report':
        like(message.message, rb'multipart/report', f'{row.text}: a report')
    elif not stored:
        is_(message.body, b'one\r\n.\r\ntwo\r\n' if 'dots' in row.further else b'one\r\n', f'{row.text}: text')
        want = row.further.get('from', [row.sender or mailbox])[0].replace('{login}', login)
        is_(message.field('From'), want.encode(), f'{row.text}: From')


def check_row(lab, row):
    further = row.further
    if 'stored' in further:
        lab.sendmail('-odq', '-f', 'storer@y.test', 'stored@x.test', stdin=MESSAGE)
    before, logged = len(lab.host.messages()), len(lab.log_lines())
    stdin = ''.join(line + '\r\n' for line in further['in']).encode() if 'in' in further else MESSAGE
    got = start(lab, row, stdin)
    is_(got.status, int(further.get('status', ['0'])[0]), f'{row.text}: status', got)
    for stream, text in (('out', got.out), ('err', got.err)):
        like(text.replace(b'\r', b'').decode(), row.pattern(stream), f'{row.text}: std{stream}')
    for text in further.get('log', ()):
        ok(any(text in line for line in lab.log_lines()[logged:]), f'{row.text}: logged', lab.log_lines()[logged:])
    if 'later' in further:
        is_(len(lab.host.messages()), before, f'{row.text}: not sent yet')
    if 'later' in further or row.sender == 'report' or 'report' in further:
        lab.sendmail('-q')
    wanted = (row.to != '-') + len(further.get('report', ()))
    if got.status == int(further.get('status', ['0'])[0]) and wanted:
        lab.host.messages(before + wanted)
    messages = lab.host.messages()[before:]
    if is_(len(messages), wanted, f'{row.text}: messages', messages) and wanted:
        check_message(row, messages[0])
        is_([m.recipients for m in messages[1:]], [[a] for a in further.get('report', ())], f'{row.text}: reports')
    if 'stored' in further and row.to == '-':
        lab.control('queue', 'delete', '*')
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not lab.queued(), 10)
    is_(lab.queued(), [], f'{row.text}: nothing is left')


def run_rows(lab, rows):
    lab.host = lab.smarthost(listen=('plain',), user=None, reply='rcpt:no@x.test=550 5.1.1 no such user')
    lab.config(lab.host, tls='none', smarthost={'user': None, 'password_file': None, 'auth': 'none', 'ca_file': None})
    for row in rows:
        check_row(lab, row)


def make_chunk(number):
    def rows(lab):
        run_rows(lab, ROWS[number::CHUNKS])
    rows.__name__ = f'rows_{number}'
    test(rows)


# ---- what the rows show -------------------------------------------------

def forms_of(words):
    """(letter, form, value) of each option in the words."""
    words = list(words)
    while words and words[0].startswith('-') and words[0] not in ('-', '--'):
        word = words.pop(0)
        if word.startswith('--'):
            continue
        for at, letter in enumerate(word[1:], 1):
            kind, rest = LETTERS.get(letter, NONE), word[at + 1:]
            if at > 1 or (kind == NONE and rest):
                yield letter, 'clustered', rest
            if kind == NONE:
                if len(word) == 2:
                    yield letter, 'alone', ''
                continue
            if rest:
                yield letter, 'attached', rest
            elif kind == ATTACHED:
                yield letter, 'alone', ''
            elif words:
                yield letter, 'separate', words.pop(0)
            else:
                yield letter, 'missing', ''
            break


@test
def every_option_in_each_form():
    found = {}
    values = {}
    for row in ROWS:
        for letter, form, value in forms_of(row.words):
            found.setdefault(letter, set()).add(form)
            values.setdefault(letter, set()).add(value)
    for letter, kind in LETTERS.items():
        is_(FORMS[kind] - found.get(letter, set()), set(), f'-{letter}: no form is missing')
    for letter, wanted in VALUES.items():
        is_([v for v in wanted if not any(got.startswith(v) for got in values[letter])], [], f'-{letter}: values')
    words = {word for row in ROWS for word in row.words}
    is_([w for w in WORDS if w not in words], [], 'words')


@test
def the_program_knows_no_other():
    source = (ROOT / 'sendmail/command/options.c').read_text()
    is_(set(re.findall(r"^\t\{ '(\w)', VALUE_\w+,", source, re.M)), set(LETTERS), 'letters of the table')


@test
def every_case_has_its_row():
    """semantics.txt: what becomes of a message, case by case, and the row of tests/rows that shows it."""
    names = {f'{p.stem}: {line[4:]}' for p in (ROOT / 'tests/rows').glob('*.row')
             for line in p.read_text('utf-8', 'surrogateescape').splitlines() if line.startswith('=== ')}
    names |= {f'{p.stem}: {name.replace("_", " ")}' for p in (ROOT / 'tests/cli').glob('*.py')
              for name in re.findall(r'^@test\ndef (\w+)', p.read_text('utf-8'), re.M)}
    cases = {}
    for line in (FOLDER / 'semantics.txt').read_text('utf-8').splitlines():
        if line and line[0] not in '# \t':
            key = line
            cases[key] = []
        elif line and line[0] != '#':
            cases[key].append(line.strip())
    is_(len(cases), CASES, 'cases')
    for key, rows in cases.items():
        ok(rows and all(row in names for row in rows), key, [row for row in rows if row not in names] or 'no row')


for each in range(CHUNKS):
    make_chunk(each)
run(threads=4)

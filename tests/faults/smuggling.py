#!/usr/bin/env python3
"""Smuggling: whatever CR, LF and NUL stand around a dot, one message arrives, and what was meant as commands is text."""
import itertools
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor

from helpers.faults import *
from lab import *
from smugglers import DIALOGUE, SEQUENCES, meant

HEAD = b'Subject: a\n\n'
WAYS = {'DATA': 'PIPELINING,8BITMIME,SIZE 67108864', 'BDAT': 'PIPELINING,CHUNKING,8BITMIME,SIZE 67108864'}
STDIN_BLOCK, ENGINE_BLOCK = 32768, 16384
LINE = 64


def filler(length):
    """So many bytes that are lines and do not end with one."""
    return (b'x' * (LINE - 1) + b'\n') * (length // LINE) + b'y' * (length % LINE or 0)


class Run:
    def __init__(self, name, argv, mail, body=None):
        self.name, self.argv, self.mail, self.body = name, argv, mail, body


def places(name, sequence):
    """(place, body): the smuggler's text at every place of a body."""
    yield 'start', sequence + DIALOGUE
    yield 'start, after its dot', sequence.lstrip(b'\r\n\0') + DIALOGUE
    yield 'middle', b'text' + sequence + DIALOGUE + b'more\n'
    yield 'end', b'text\n' + DIALOGUE + b'text' + sequence


def cuts(sequence, block, head):
    """(place, body) with the border between two blocks behind each byte of the sequence."""
    steps = range(len(sequence) + 1) if LONG or len(sequence) < 10 else (0, 1, len(sequence) - 1, len(sequence))
    for cut in steps:
        yield f'cut of {block} after {cut}', filler(block - head - cut) + sequence + DIALOGUE


def runs(composed):
    """All of them; composed: how long the header is that the program makes of ours."""
    for name, sequence in SEQUENCES.items():
        dots = (['-i'], [])
        for (place, body), option in itertools.product(places(name, sequence), dots):
            yield Run(f'{name}, {place} {option}', option, HEAD + body, meant(body, bool(option)))
        for (place, body), option in itertools.product(cuts(sequence, STDIN_BLOCK, len(HEAD)), dots if LONG else dots[:1]):
            yield Run(f'{name}, stdin {place} {option}', option, HEAD + body, meant(body, bool(option)))
        # The engine reads what is stored: without CR and NUL.
        for place, body in cuts(meant(b'a' + sequence + b'a', True)[1:-2], ENGINE_BLOCK, composed):
            yield Run(f'{name}, engine {place}', ['-i'], HEAD + body, meant(body, True))
        for place, mail in (('in a field', b'Subject: a' + sequence + DIALOGUE + b'\n\ntext\n'),
                            ('in a folded field', b'Subject: a\n ' + sequence + b' ' + DIALOGUE + b'\n\ntext\n'),
                            ('in a name', b'X-A' + sequence + DIALOGUE + b': a\n\ntext\n'),
                            ('before the header', sequence + DIALOGUE + b'Subject: a\n\ntext\n')):
            for option in dots:
                yield Run(f'{name}, {place} {option}', option, mail)


def recipient(number):
    return f'r{number:05}@x.test'


def send(lab, number, run):
    with tempfile.TemporaryFile() as stdin:
        stdin.write(run.mail)
        stdin.seek(0)
        return lab.sendmail(*run.argv, '-f', 'app@client.test', recipient(number), stdin=stdin)


def faults_of(message, session, run, how):
    """What is wrong with it; empty when nothing is."""
    end = b'\r\n.\r\n'
    whole = b'\r\n' + message.wire + (b'.\r\n' if how == 'DATA' else b'')
    checks = {
        'a bare CR or LF': re.search(rb'\r(?!\n)|(?<!\r)\n', message.wire) is None,
        'a NUL': b'\0' not in message.wire,
        'another end': how != 'DATA' or whole.count(end) == 1,
        'a lone dot not doubled': how != 'DATA' or re.search(rb'\r\n\.(?!\.)', whole[:-3]) is None,
        'sender': message.sender == 'app@client.test',
        'recipients': len(message.recipients) == 1,
        'commands': re.fullmatch(f'EHLO MAIL RCPT ({how} )+QUIT', ' '.join(session.commands)) is not None,
        'body': run.body is None or message.body == run.body.replace(b'\n', b'\r\n'),
    }
    return [what for what, good in checks.items() if not good]


@test
def one_message_each(lab):
    for how, ehlo in WAYS.items():
        host = lab.smarthost(listen=['plain'], user=None, ehlo=ehlo)
        lab.config(host, 'none', smarthost=NO_TLS, queue={'directory': 'none'})
        probe = Run('probe', ['-i'], HEAD + b'text\n')
        send(lab, 99999, probe)
        table = list(runs(len(host.messages()[0].head.replace(b'\r', b'')) + 1))
        if how == 'BDAT' and not LONG:      # no dots are doubled: less can go wrong
            table = table[::4]
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda pair: send(lab, *pair), enumerate(table)))
        sessions = host.sessions(1 + len(table))
        messages = {}
        for message in host.messages():
            messages.setdefault(message.recipients[0], []).append(message)
        bad = []
        for number, (run, result) in enumerate(zip(table, results)):
            mine = messages.pop(recipient(number), [])
            if result.status != 0 or result.err != b'' or len(mine) != 1:
                bad.append((run.name, f'{len(mine)} messages', str(result)))
                continue
            wrong = faults_of(mine[0], sessions[mine[0].session - 1], run, how)
            if wrong:
                bad.append((run.name, wrong, mine[0].wire[-400:], sessions[mine[0].session - 1].commands, run.body and run.body[-300:]))
        ok(not bad and len(SEQUENCES) >= 30, f'{how}: {len(SEQUENCES)} sequences, {len(table)} messages: each one message, '
           'legal on the wire', f'{len(bad)} bad', *bad[:8])
        is_((list(messages), len(sessions)), ([recipient(99999)], 1 + len(table)), f'{how}: and nothing else arrived')


run()

#!/usr/bin/env python3
"""10 000 mutated messages (3 000 without LONG=1), fixed seed: what leaves is always legal, and Python's email
package, which shares no code with the program, reads the same text out of it as out of what came in.

A message is one of BASES after one to four of MUTATIONS. It goes through build/mutations/pass as for a server with and
one without 8BITMIME. Legal: CRLF ends only, no line over 998 bytes, no NUL; without 8BITMIME nothing but ASCII, in
the header never. Equal: the structure of parts, each part's decoded content, the decoded text of the fields in FIELDS.
Where a mutation broke the structure itself (a boundary that never comes, an encoding that is not kept), so that no
reader could say what is text, nothing may be lost but blanks, line ends and bytes that are not ASCII: LOOSE_MAX of
a thousand may be equal only so.
"""
import base64
import email
import email.header
import email.policy
import os
import quopri
import random
import re
import subprocess
import sys

from lab import BUILD, ROOT, _build_lock

SEED = 20261123
COUNT = 10000 if os.environ.get('LONG') else 3000
FIELDS = ('Subject', 'Comments', 'X-Long', 'To', 'Reply-To')
LINE_MAX = 998
LOOSE_MAX = 10
SIGNED_STATUS = 9

HEAD = b'From: Bob <bob@b.example>\nTo: r@x.example\nSubject: a plain subject\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n'
UTF8 = 'Grüße aus Köln, naïve façade – „Anführung“ 漢字\n'.encode()
LATIN = b'Gr\xfc\xdfe aus K\xf6ln\n'
PROSE = b'A line of text.\n..two dots\n.one dot\n.\nFrom here on\ntrailing blanks  \n\ttab = equals =3D\n--\nsigned\n'
LONG = b'word ' * 400 + b'\n'
BLOB = bytes(range(256)) * 20


def text(kind, body, encoding=None):
    head = b'Content-Type: ' + kind + b'\n'
    return head + (b'Content-Transfer-Encoding: ' + encoding + b'\n' if encoding else b'') + b'\n' + body


def multipart(*parts, kind=b'mixed', boundary=b'=_b1'):
    head = b'MIME-Version: 1.0\nContent-Type: multipart/' + kind + b'; boundary="' + boundary + b'"\n\n'
    return head + b'preamble\n' + b''.join(b'--' + boundary + b'\n' + part + b'\n' for part in parts) + \
        b'--' + boundary + b'--\nepilogue\n'


BASES = {
    'no MIME, ASCII': HEAD + b'\n' + PROSE,
    'no MIME, UTF-8': HEAD + b'\n' + UTF8 + PROSE,
    'no MIME, Latin-1': HEAD + b'\n' + LATIN + PROSE,
    'no MIME, a long line': HEAD + b'\n' + LONG + PROSE,
    'text in 8bit': HEAD + b'MIME-Version: 1.0\n' + text(b'text/plain; charset=utf-8', UTF8 + PROSE, b'8bit'),
    'HTML in one line': HEAD + b'MIME-Version: 1.0\n' + text(b'text/html; charset=utf-8', b'<p>x</p>' * 300 + UTF8),
    'base64 in one line': HEAD + b'MIME-Version: 1.0\n' +
                          text(b'application/octet-stream', base64.b64encode(BLOB) + b'\n', b'base64'),
    'quoted-printable': HEAD + b'MIME-Version: 1.0\n' +
                        text(b'text/plain; charset=utf-8', quopri.encodestring(UTF8 + PROSE), b'quoted-printable'),
    'mixed': HEAD + multipart(text(b'text/plain; charset=utf-8', UTF8 + PROSE, b'8bit'),
                              text(b'text/plain; charset=iso-8859-1', LATIN * 3),
                              text(b'application/pdf; name="x.pdf"', base64.encodebytes(BLOB), b'base64')),
    'alternative within mixed': HEAD + multipart(
        multipart(text(b'text/plain', PROSE), text(b'text/html; charset=utf-8', b'<b>' * 500 + UTF8),
                  kind=b'alternative', boundary=b'inner')[len(b'MIME-Version: 1.0\n'):], text(b'text/plain', LONG)),
    'a message within': HEAD + multipart(text(b'text/plain', PROSE),
                                         text(b'message/rfc822', HEAD + b'\n' + UTF8 + LONG)),
    '8-bit header': b'Subject: ' + UTF8 + b'Comments: caf\xe9 and more\n' + HEAD.replace(
        b'Subject: a plain subject\n', b'') + b'Reply-To: "J\xc3\xb6rg M\xc3\xbcller" <j@x.example>\n\n' + PROSE,
    'signed': HEAD + multipart(text(b'text/plain', PROSE), text(b'application/pgp-signature', b'-----\nAAAA\n-----\n'),
                               kind=b'signed'),
    'DKIM': b'DKIM-Signature: v=1; d=b.example; bh=AAAA; b=BBBB\n' + HEAD + b'\n' + PROSE,
    'long header': HEAD + b'X-Long: ' + b'many words ' * 200 + b'\nX-Long: ' + b'unbroken' * 300 + b'\n\n' + PROSE,
}


def lines_of(message):
    return message.split(b'\n')


def at(r, message):
    return r.randrange(len(message) + 1)


def insert(r, message, piece):
    place = at(r, message)
    return message[:place] + piece + message[place:]


def insert_line(r, message, piece):
    lines = lines_of(message)
    lines.insert(at(r, lines), piece)
    return b'\n'.join(lines)


def change_line(r, message, change):
    lines = lines_of(message)
    i = r.randrange(len(lines))
    lines[i] = change(lines[i])
    return b'\n'.join(lines)


def swap_lines(r, message):
    lines = lines_of(message)
    i, j = r.randrange(len(lines)), r.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return b'\n'.join(lines)


MUTATIONS = {
    'a long line': lambda r, m: insert_line(r, m, b'x y' * r.randrange(330, 900)),
    'a long line without a blank': lambda r, m: insert_line(r, m, b'z' * r.randrange(990, 3000)),
    'a line of 998 bytes': lambda r, m: insert_line(r, m, b'q' * 998),
    'a line made long': lambda r, m: change_line(r, m, lambda line: line + b' and on' * 200),
    'an 8-bit byte': lambda r, m: insert(r, m, bytes([r.randrange(128, 256)])),
    'a UTF-8 character': lambda r, m: insert(r, m, r.choice('äß€漢😀').encode()),
    'a NUL': lambda r, m: insert(r, m, b'\0'),
    'a bare CR': lambda r, m: insert(r, m, b'\r'),
    'CRLF from here on': lambda r, m: (lambda p: m[:p] + m[p:].replace(b'\n', b'\r\n'))(at(r, m)),
    'CR CR LF somewhere': lambda r, m: change_line(r, m, lambda line: line + b'\r\r'),
    'a dot': lambda r, m: insert_line(r, m, b'.'),
    'dots': lambda r, m: change_line(r, m, lambda line: b'..' + line),
    'From': lambda r, m: insert_line(r, m, b'From the start'),
    'an empty line': lambda r, m: insert_line(r, m, b''),
    'a line taken away': lambda r, m: b'\n'.join(line for i, line in enumerate(lines_of(m)) if i != r.randrange(40)),
    'two lines swapped': swap_lines,
    'a line twice': lambda r, m: change_line(r, m, lambda line: line + b'\n' + line),
    'cut off': lambda r, m: m[:max(60, at(r, m))],
    'a byte changed': lambda r, m: (lambda p: m[:p] + bytes([r.randrange(256)]) + m[p + 1:])(at(r, m)),
    'blanks at a line end': lambda r, m: change_line(r, m, lambda line: line + b' \t '),
    'upper case': lambda r, m: change_line(r, m, bytes.upper),
    'an encoding that is none': lambda r, m: re.sub(rb'(?i)(transfer-encoding:) *\S+', rb'\1 8-bit', m),
    'encoding in capitals': lambda r, m: m.replace(b'base64', b'BASE64 ').replace(b'8bit', b'8BIT'),
    'boundary without quotes': lambda r, m: m.replace(b'boundary="inner"', b'boundary=inner'),
    'no last line end': lambda r, m: m.rstrip(b'\n'),
    'a field folded': lambda r, m: m.replace(b'; ', b';\n\t', 1),
}


# ---- the same message as the rules of sendmail.8, "Input", leave it -------

FIELD = re.compile(rb'(?!--)[!-9;-~]{1,255}[ \t]*:')


def cleaned(message):
    """Line ends, NUL, lone CRs, mbox lines, where the header ends; independent of reader.c."""
    message = re.sub(rb'\r+(\n|\Z)', rb'\1', message.replace(b'\0', b'')).replace(b'\r', b' ')
    lines = lines_of(message)
    while lines and re.match(rb'>*From ', lines[0]):
        lines.pop(0)
    end = next((i for i, line in enumerate(lines)
                if not (FIELD.match(line) or (i > 0 and line[:1] in (b' ', b'\t') and line))), len(lines))
    lines[:end] = [re.sub(rb'\A([^\s:]+)[ \t]+:', rb'\1:', line) for line in lines[:end]]
    if end < len(lines) and lines[end] != b'':
        lines.insert(end, b'')
    return b'\n'.join(lines)


# ---- judging ------------------------------------------------------------

def illegal(wire, ascii_only):
    """What is wrong with it; None: nothing."""
    head = wire.partition(b'\r\n\r\n')[0]
    if not wire.endswith(b'\r\n'):
        return 'the end'
    if re.search(rb'(?<!\r)\n|\r(?!\n)|\0', wire):
        return 'bare CR, bare LF or NUL'
    if max(map(len, wire.split(b'\r\n'))) > LINE_MAX:
        return 'a line too long'
    if re.search(rb'[\x80-\xff]', wire if ascii_only else head):
        return '8-bit bytes'
    return None


def plain(content):
    """Content without what a mailer may change: line ends, blank line ends of the last line."""
    return content.replace(b'\r\n', b'\n').rstrip(b'\n')


def words(value):
    """A field's text, decoded. Folds and blanks do not count, nor do quotes, which words that are encoded do without,
    the form of a group, in which an address that only SMTPUTF8 could carry stays readable (RFC 6857), and the domain
    that completes a bare name."""
    parts = email.header.decode_header(value)
    decoded = b''.join(p if isinstance(p, bytes) else p.encode('ascii', 'surrogateescape') for p, _ in parts)
    return re.sub(rb'[\s":;<>]+|@example.test', b'', decoded)


def content_of(part):
    """Of base64 the characters that count, because broken base64 stays as broken as it was."""
    if str(part.get('Content-Transfer-Encoding', '')).strip().lower() == 'base64':
        return re.sub(rb'[^A-Za-z0-9+/=]', b'', part.get_payload().encode('ascii', 'replace').replace(b'?', b''))
    return plain(part.get_payload(decode=True) or b'')


def loosely(read):
    """What may not be lost in any case. Python takes a line "From " for text when a part's header ends with it, else for
    nothing."""
    def bare(content):
        kept = re.sub(rb'[^!-<>-~]|=', b'', quopri.decodestring(content))
        return kept.replace(b'?', b'').replace(b'Fromthestart', b'')
    return [[bare(content) for content in contents] for contents in read]


def type_of(part):
    return re.sub(r'\s+', ' ', part.get_content_type()).encode('ascii', 'replace')


def read(message):
    """(types of all parts, contents of the leaves, decoded fields)."""
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    parts = list(parsed.walk())
    leaves = [content_of(p) for p in parts if not p.is_multipart()]
    fields = [words(value) for name in FIELDS for value in
              (str(v) if not isinstance(v, email.header.Header) else v.encode() for v in parsed.get_all(name, []))]
    return [type_of(p) for p in parts], leaves, [f for f in fields if f]     # an empty address field is dropped


class Pass:
    """The program that does the work."""

    def __init__(self):
        program = BUILD / 'mutations' / 'pass'
        with _build_lock():
            program.parent.mkdir(exist_ok=True)
            libs = (BUILD / 'libs').read_text().split()
            subprocess.run([*os.environ.get('CC', 'cc').split(), '-std=c11', '-D_GNU_SOURCE', '-O2', '-g',
                            f'-I{ROOT}/sendmail', '-o', program, ROOT / 'tests/mutations/pass.c',
                            BUILD / 'libsubmit.a', *libs], check=True)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, message, mode):
        self.process.stdin.write(b'%d %s\n' % (len(message), mode.encode()) + message)
        self.process.stdin.flush()
        length, status = map(int, self.process.stdout.readline().split())
        return status, self.process.stdout.read(length)


def mutated(r):
    name = r.choice(list(BASES))
    kinds = [r.choice(list(MUTATIONS)) for _ in range(r.randrange(1, 5))]
    message = BASES[name]
    for kind in kinds:
        message = MUTATIONS[kind](r, message)
    return f'{name}; {", ".join(kinds)}', message


def main():
    run, r = Pass(), random.Random(SEED)
    wrong, refused, loose = {'legal': [], 'equal': []}, 0, 0
    for number in range(COUNT):
        name, message = mutated(r)
        came = cleaned(message)
        for mode in '87':
            status, wire = run(message, mode)
            if status == SIGNED_STATUS and re.search(b'(?i)dkim-signature|multipart/signed', came):
                refused += 1        # a long line that a signature covers
                continue
            if status != 0:
                wrong['legal'].append((number, name, mode, f'refused, {status}'))
                continue
            fault = illegal(wire, mode == '7')
            if fault:
                wrong['legal'].append((number, name, mode, fault))
            elif read(came) != read(wire):
                loose += 1
                if loosely(read(came)) != loosely(read(wire)):
                    wrong['equal'].append((number, name, mode, ''))
        if '--show' in sys.argv and wrong['legal'] + wrong['equal']:
            show(message, run)
    if loose > 2 * COUNT * LOOSE_MAX // 1000:
        wrong['equal'].append(('too many are equal only loosely',))
    for i, (check, faults) in enumerate(wrong.items(), 1):
        print(f'{"not ok" if faults else "ok"} {i} - {COUNT} messages, to two servers each: {check}')
        for fault in faults[:20]:
            print('#', *fault)
        if faults:
            print(f'# {len(faults)} of {2 * COUNT}')
    print(f'# {loose} of {2 * COUNT} equal loosely, {refused} refused\n1..{len(wrong)}')
    sys.exit(any(wrong.values()))


def show(message, run):
    """The first message that went wrong, in full."""
    came, (_, wire) = cleaned(message), run(message, '7')
    print(message, came, wire, read(came), read(wire), sep='\n\n')
    sys.exit(1)


if __name__ == '__main__':
    main()

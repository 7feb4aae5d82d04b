#!/usr/bin/env python3
"""Memory does not grow with the message: at most 16 MiB at any size (promise 6)."""
from lab import *

MIB = 1 << 20
LIMIT = 16 * 1024                      # KiB
LINE = b'x' * 75 + b'\n'
BODY = LINE * (25 * MIB // len(LINE))


def peak(lab, *argv, stdin, status=0):
    got = lab.sendmail(*argv, stdin=stdin, measure=True)
    is_(got.status, status, f'{len(stdin)} bytes to {len(argv)} recipients: status')
    ok(got.rss <= LIMIT, f'{len(stdin)} bytes to {len(argv)} recipients: {got.rss} KiB')
    return got.rss


def shapes(lab):
    host = lab.smarthost()
    for directory in (lab.queue, 'none'):
        lab.config(host, queue={'directory': directory})
        small = peak(lab, 'a@x.test', stdin=b'Subject: small\n\n' + b'x\n' * 512)
        large = peak(lab, 'a@x.test', stdin=b'Subject: large\n\n' + BODY)
        ok(large - small <= 1024, f'25 MiB costs no more than 1 KiB: {large - small} KiB', directory)
        peak(lab, 'a@x.test', stdin=b'Subject: line\n\n' + b'y' * (25 * MIB))
        peak(lab, 'a@x.test', stdin=b'DKIM-Signature: x\n\n' + b'y' * (25 * MIB), status=65)
        peak(lab, 'a@x.test', stdin=b'Subject: name\n\n' + b'y' * MIB + b': ' + '\xe9 '.encode() * MIB)
        peak(lab, 'a@x.test', stdin=b'Content-Type: message/rfc822\n\nTo: ' + b',(\xff)' * (MIB // 2))
        peak(lab, 'a@x.test', stdin=b'References: ' + b'<0123456789@x.test>\n ' * 49900 + b'\n\nbody\n')
        peak(lab, *(f'recipient-{i}@x.test' for i in range(5000)), stdin=b'Subject: many\n\nx\n')
    is_(len(host.messages()), 14, 'and all that is legal arrived')
    is_(len(host.messages()[1].body), 25 * MIB // len(LINE) * (len(LINE) + 1), 'whole')


@test
def over_tls(lab):
    shapes(lab)


run()

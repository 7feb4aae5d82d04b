"""Mail reaches a real Postfix: implicit TLS and STARTTLS, with CHUNKING, with DATA, and one command at a time."""
from lab import *
from peer import Postfix, enter_namespaces

enter_namespaces('postfix')
postfix = Postfix()
one, two = postfix.boxes

LINES = [b'plain', b'.', b'..', b'.dot', b'From here', b'', b'trailing blank ', b'x' * 998, 'gr\u00fc\u00dfe'.encode(), b'end']
BODY = b'\n'.join(LINES) + b'\n'


def configure(lab, port, tls):
    lab.config(None, tls, smarthost={'port': port, 'user': postfix.user}, queue={'directory': 'none'})


def each_way():
    for variant, ports in postfix.variants.items():
        for tls, port in zip(('implicit', 'starttls'), ports):
            yield variant, tls, port


@test
def exact_message_every_way(lab):
    for variant, tls, port in each_way():
        configure(lab, port, tls)
        postfix.log()
        got = lab.sendmail('-i', '-f', 'app@client.test', one, two, stdin=b'Subject: ' + variant.encode() + b'\n\n' + BODY)
        name = f'{variant}, {tls}'
        is_((got.status, got.out, got.err), (0, b'', b''), f'{name}: sent in silence')
        if got.status != 0:
            continue
        counts = postfix.counts()
        is_((counts.get('bdat', '0') != '0', 'data' in counts), (variant == 'chunking', variant != 'chunking'),
            f'{name}: {"BDAT" if variant == "chunking" else "DATA"} was used', counts)
        is_((counts['mail'], counts['rcpt'], counts['auth']), ('1', '2', '1'), f'{name}: nothing was refused', counts)
        is_(counts['ehlo'], '1' if tls == 'implicit' else '2', f'{name}: EHLO not once too often', counts)
        for box in (one, two):
            head, _, body = postfix.mail(box).partition(b'\n\n')
            is_(body, BODY, f'{name}: the body arrived in {box}')
            ok(b'\nSubject: ' + variant.encode() + b'\n' in head + b'\n', f'{name}: the subject too', head)
            ok(b'Return-Path: <app@client.test>' in head, f'{name}: the sender too', head)


@test
def refused_recipient(lab):
    for variant, tls, port in each_way():
        configure(lab, port, tls)
        got = lab.sendmail('-i', 'nobody@example.test', stdin=b'Subject: a\n\nb\n')
        is_(got.status, 67, f'{variant}, {tls}: no such mailbox')
        ok(b'550' in got.err and b'nobody@example.test' in got.err, f'{variant}, {tls}: the reason is said', got.err)


@test
def one_of_two_refused(lab):
    for variant, tls, port in each_way():
        configure(lab, port, tls)
        got = lab.sendmail('-i', one, 'nobody@example.test', stdin=b'Subject: a\n\nb\n')
        is_(got.status, 67, f'{variant}, {tls}: without a queue the status is that of the refused')
        is_(postfix.mail(one).partition(b'\n\n')[2], b'b\n', f'{variant}, {tls}: the other got it')


@test
def wrong_password(lab):
    _, tls, port = next(each_way())
    secret = lab.path / 'wrong'
    secret.write_text('guess\n')
    secret.chmod(0o600)
    lab.config(None, tls, smarthost={'port': port, 'password_file': secret}, queue={'directory': 'none'})
    got = lab.sendmail('-i', one, stdin=b'Subject: a\n\nb\n')
    is_(got.status, 77, 'login refused')
    ok(b'535' in got.err and b'guess' not in got.err, 'the reason is said, the password is not', got.err)


@test
def large_message(lab):
    body = b''.join(b'%07d %s\n' % (i, b'x' * 60) for i in range(200000))
    for variant, tls, port in each_way():
        configure(lab, port, tls)
        got = lab.sendmail('-i', one, stdin=b'Subject: large\n\n' + body, timeout=100)
        is_(got.status, 0, f'{variant}, {tls}: {len(body)} bytes sent')
        if got.status == 0:
            ok(postfix.mail(one, 60).partition(b'\n\n')[2] == body, f'{variant}, {tls}: and the same arrived')


run()

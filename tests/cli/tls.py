#!/usr/bin/env python3
"""No byte of login or mail before the certificate was verified; every refusal names cause and cure."""
from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
# certificate, what the message must say
BAD = (
    ('wrong-name', rb'other name|not for|name'),
    ('expired', rb'expired'),
    ('self-signed', rb'self-signed|ca_file'),
    ('unknown-ca', rb'unknown|ca_file'),
    ('not-yet-valid', rb'not yet valid'),
)


def saw_nothing(host, name):
    """The server saw no AUTH, no MAIL, and nothing at all behind TLS."""
    for session in host.sessions(1):
        seen = [c for c in session.commands if c not in ('EHLO', 'STARTTLS')]
        is_(seen, [], f'{name}: zero bytes of AUTH or MAIL', session)
    is_(host.messages(), [], f'{name}: nothing arrived')


@test
def bad_certificates(lab):
    for cert, words in BAD:
        host = lab.smarthost(cert=cert)
        for tls in ('implicit', 'starttls'):
            lab.config(host, tls=tls, queue={'directory': 'none'})
            got = lab.sendmail('-t', stdin=MAIL)
            is_(got.status, 69, f'{cert}, {tls}: status')
            like(got.err, rb'(?s)\Asendmail: smarthost 127.0.0.1 .*(' + words + rb')', f'{cert}, {tls}: cause')
            like(got.err, rb'certificate of [^;]*valid \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d',
                 f'{cert}, {tls}: the certificate is described')
            ok(b'error:' not in got.err and got.err.count(b'\n') == 1, f'{cert}, {tls}: no library noise', got.err)
        saw_nothing(host, cert)


@test
def stored_with_a_queue(lab):
    host = lab.smarthost(cert='expired')
    lab.config(host)
    got = lab.sendmail('-t', stdin=MAIL)
    is_((got.status, got.err), (0, b''), 'the smarthost\'s trouble, not the message\'s')
    is_(len(lab.queued()), 1, 'stored')
    saw_nothing(host, 'expired')


@test
def good_forms(lab):
    for host_name in ('localhost', '127.0.0.1'):
        for keys in ({'ca_file': lab.certificates / 'ca.pem'}, {'ca_file': None, 'ca_path': lab.certificates / 'ca-path'}):
            for tls in ('implicit', 'starttls'):
                host = lab.smarthost()
                lab.config(host, tls=tls, smarthost={'host': host_name, **keys})
                is_(lab.sendmail('-t', stdin=MAIL).status, 0, f'{host_name} {list(keys)[-1]} {tls}')
                is_([m.tls for m in host.messages()], ['TLSv1.3'], 'arrived over TLS')


@test
def system_store_does_not_know_our_ca(lab):
    host = lab.smarthost()
    lab.config(host, smarthost={'ca_file': None}, queue={'directory': 'none'})
    got = lab.sendmail('-t', stdin=MAIL, env={'SSL_CERT_FILE': lab.ca, 'SSL_CERT_DIR': lab.certificates / 'ca-path'})
    is_(got.status, 69, 'refused, whatever the environment says')
    like(got.err, rb'ca_file', 'cure')
    saw_nothing(host, 'system store')


@test
def starttls_stripped(lab):
    for name, options in (('not offered', {'reply': ()}), ('refused', {'reply': 'starttls=454 4.7.0 not now'}),
                          ('refused for good', {'reply': 'starttls=502 what'})):
        host = lab.smarthost(*(['--no-starttls'] if name == 'not offered' else []), **options)
        lab.config(host, tls='starttls', queue={'directory': 'none'})
        got = lab.sendmail('-t', stdin=MAIL)
        is_(got.status, 69, f'{name}: status')
        like(got.err, rb'STARTTLS.*(in clear|implicit)', f'{name}: cause and cure')
        saw_nothing(host, name)


@test
def bytes_behind_starttls(lab):
    """CVE-2011-0411: what came before TLS must not count as inside it."""
    for text in (r'250 ok\r\n', r'250-AUTH PLAIN\r\n250 ok\r\n', r'235 ok\r\n250 ok\r\n', '\\n', 'x'):
        host = lab.smarthost(reply=f'starttls=inject:{text}')
        lab.config(host, tls='starttls', queue={'directory': 'none'})
        got = lab.sendmail('-t', stdin=MAIL)
        is_(got.status, 69, f'{text}: status')
        saw_nothing(host, text)


@test
def mode_and_port_mismatch(lab):
    host = lab.smarthost(listen=('implicit', 'plain'))
    lab.config(host, queue={'directory': 'none'}, smarthost={'port': host.plain, 'tls': 'implicit'})
    got = lab.sendmail('-t', stdin=MAIL)
    like(got.err, rb'tls = starttls', 'a plain banner on an implicit port')
    lab.config(host, queue={'directory': 'none'}, smarthost={'port': host.implicit, 'tls': 'starttls', 'timeout': '2s'})
    got = lab.sendmail('-t', stdin=MAIL)
    is_(got.status, 69, 'TLS where plain text was expected: bounded')
    like(got.err, rb'tls = implicit', 'and says so')


@test
def plain_text_only_where_allowed(lab):
    host = lab.smarthost('--require-auth', listen=('plain',))
    lab.config(host, tls='none')
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'loopback may be plain')
    lab.config(host, tls='none', smarthost={'host': 'smtp.example.com'})
    is_(lab.sendmail('-t', stdin=MAIL).status, 78, 'others not')


run(threads=4)

#!/usr/bin/env python3
"""No byte of login or mail before the certificate was verified; every refusal names cause and cure."""
import os

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
CERTIFICATES = BUILD / 'certificates'
WEAK = ('--ciphers', 'ALL:@SECLEVEL=0')
# certificate, host, options of the smarthost, what the message must say
BAD = (
    ('wrong-name', 'localhost', (), rb'for other names .*set host'),
    ('expired', 'localhost', (), rb'has expired .*must renew it'),
    ('self-signed', 'localhost', (), rb'self-signed .*set ca_file to a copy'),
    ('unknown-ca', 'localhost', (), rb'signed by an unknown CA .*set ca_file'),
    ('not-yet-valid', 'localhost', (), rb'not yet valid .*clock'),
    ('wildcard', 'a.mail.wild.test', (), rb'for other names .*set host'),
    ('other-alt-name', 'localhost', (), rb'for other names .*set host'),
    ('nul-in-name', 'localhost', (), rb'a name with a NUL in it'),
    ('revoked', 'localhost', ('--staple', CERTIFICATES / 'revoked.staple'), rb'was revoked .*must replace it'),
    ('weak-key', 'localhost', WEAK, rb'too weak .*must replace it'),
    ('old-signature', 'localhost', WEAK, rb'too weak .*must replace it'),
    ('client-only', 'localhost', (), rb'not made for servers .*must replace it'),
    ('constrained', 'localhost', (), rb'CA may not certify this name .*must replace it'),
)
# certificate, host, keys of the configuration
GOOD = (
    ('good', 'localhost', {'ca_file': 'ca.pem'}),
    ('good', '127.0.0.1', {'ca_file': 'ca.pem'}),
    ('good', '127.0.0.1', {'ca_file': None, 'ca_path': 'ca-path'}),
    ('wildcard', 'mail.wild.test', {'ca_file': 'ca.pem'}),
    ('common-name', 'localhost', {'ca_file': 'ca.pem'}),
    ('intermediate', 'localhost', {'ca_file': 'ca.pem'}),
    ('intermediate', 'localhost', {'ca_file': None, 'ca_path': 'ca-path'}),
    ('rsa', 'localhost', {'ca_file': 'ca.pem'}),
    ('self-signed', 'localhost', {'ca_file': 'self-signed.pem'}),
)


def with_hosts(lab):
    """A wrapper in which the names of these tests are this machine's."""
    hosts = lab.path / 'hosts'
    hosts.write_text('127.0.0.1 localhost mail.wild.test a.mail.wild.test\n')
    wrapper = ['unshare', '-m' if os.geteuid() == 0 else '-rm', 'sh', '-c',
               f'mount --bind {hosts} /etc/hosts && exec "$@"', 'sh']
    if lab.run([*wrapper, 'true']).status != 0:
        raise Skip('needs a mount namespace')
    return wrapper


def saw_nothing(host, name):
    """The server saw no AUTH, no MAIL, and nothing at all behind TLS."""
    for session in host.sessions(1):
        seen = [c for c in session.commands if c not in ('EHLO', 'STARTTLS')]
        is_(seen, [], f'{name}: zero bytes of AUTH or MAIL', session)
    is_(host.messages(), [], f'{name}: nothing arrived')


@test
def bad_certificates(lab):
    wrapper = with_hosts(lab)
    for cert, name, options, words in BAD:
        host = lab.smarthost(*options, cert=cert)
        for tls in ('implicit', 'starttls'):
            lab.config(host, tls=tls, queue={'directory': 'none'}, smarthost={'host': name})
            got = lab.sendmail('-t', stdin=MAIL, wrapper=wrapper)
            is_(got.status, 69, f'{cert}, {tls}: status')
            like(got.err, rb'\Asendmail: smarthost ' + name.encode() + rb' .*(' + words + rb')', f'{cert}, {tls}: cause')
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
    wrapper = with_hosts(lab)
    for cert, name, keys in GOOD:
        keys = {key: value and lab.certificates / value for key, value in keys.items()}
        for tls in ('implicit', 'starttls'):
            host = lab.smarthost(cert=cert)
            lab.config(host, tls=tls, smarthost={'host': name, **keys}, queue={'directory': 'none'})
            is_(lab.sendmail('-t', stdin=MAIL, wrapper=wrapper).status, 0, f'{cert} {name} {list(keys)[-1]} {tls}')
            is_([m.tls for m in host.messages()], ['TLSv1.3'], 'arrived over TLS')


@test
def protocols(lab):
    for version, words in (('tlsv1.2', None), ('tlsv1.1', rb'only TLS 1.0 or 1.1'), ('tlsv1.0', rb'only TLS 1.0 or 1.1')):
        for tls in ('implicit', 'starttls'):
            host = lab.smarthost('--protocols', version, *WEAK)
            lab.config(host, tls=tls, queue={'directory': 'none'})
            got = lab.sendmail('-t', stdin=MAIL)
            is_(got.status, 69 if words else 0, f'{version}, {tls}: status')
            if words:
                like(got.err, words + rb'.*use another host', f'{version}, {tls}: cause and cure')
                saw_nothing(host, version)


@test
def client_certificate_missing(lab):
    for version in ('tlsv1.2', 'tlsv1.3'):
        for tls in ('implicit', 'starttls'):
            host = lab.smarthost('--client-ca', lab.ca, '--protocols', version)
            lab.config(host, tls=tls, queue={'directory': 'none'})
            got = lab.sendmail('-t', stdin=MAIL)
            is_(got.status, 69, f'{version}, {tls}: status')
            like(got.err, rb'wants a client certificate.*set client_cert and client_key', f'{version}, {tls}: cure')
            saw_nothing(host, version)


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
    host = lab.smarthost(listen=('plain', 'starttls'), reply=r'banner=\x15\x03\x01\x00\x02\x02\x46')
    lab.config(host, tls='starttls', queue={'directory': 'none'})
    got = lab.sendmail('-t', stdin=MAIL)
    like(got.err, rb'spoke TLS in place of plain text.*set tls = implicit', 'a TLS alert where plain text was expected')


@test
def plain_text_only_where_allowed(lab):
    host = lab.smarthost('--require-auth', listen=('plain',))
    lab.config(host, tls='none')
    is_(lab.sendmail('-t', stdin=MAIL).status, 0, 'loopback may be plain')
    lab.config(host, tls='none', smarthost={'host': 'smtp.example.com'})
    is_(lab.sendmail('-t', stdin=MAIL).status, 78, 'others not')


run(threads=4)

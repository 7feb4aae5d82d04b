#!/usr/bin/env python3
"""Keys of [smarthost] that decide whom it is and from where: pins, names, versions, certificates of our own, addresses."""
import hashlib
import ssl
import subprocess

from lab import *

MAIL = b'Subject: s\n\nbody\n'


def digest_of_certificate(path):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


def digest_of_key(path):
    public = subprocess.run(['openssl', 'x509', '-in', path, '-noout', '-pubkey'], check=True, capture_output=True)
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=public.stdout, check=True,
                         capture_output=True)
    return hashlib.sha256(der.stdout).hexdigest()


def send(lab, host, tls='implicit', **keys):
    """Configures and sends; (result, how many messages arrived). Nothing may be said to a server that is refused."""
    before, known = len(host.messages()), len(host._numbers('session'))
    lab.config(host, tls, smarthost=keys, queue={'directory': 'none'})
    got = lab.sendmail('r@x.test', stdin=MAIL)
    arrived = len(host.messages()) - before
    if not arrived:
        said = [command for session in host.sessions(known + 1)[known:] for command in session.commands]
        ok(not {'AUTH', 'MAIL'} & set(said), f'{keys}: neither login nor mail was said', said)
    return got, arrived


@test
def pins(lab):
    """A self-signed certificate that no CA vouches for: its pin alone counts."""
    host = lab.smarthost(cert='self-signed')
    path = lab.certificates / 'self-signed.pem'
    whole, key, other = digest_of_certificate(path), digest_of_key(path), 'ab' * 32
    for tls in ('implicit', 'starttls'):
        for name, value in (('of the certificate', f'sha256:{whole}'), ('of the key', f'sha256:{key}'),
                            ('in capitals', f'sha256:{key.upper()}'),
                            ('a backup after a wrong one', f'sha256:{other}\npin = sha256:{key}')):
            got, arrived = send(lab, host, tls, pin=value)
            is_((got.status, arrived), (0, 1), f'{tls}, {name}')
        got, arrived = send(lab, host, tls, pin=f'sha256:{other}')
        is_((got.status, arrived), (69, 0), f'{tls}, a wrong one: status')
        like(got.err, rf'sha256:({whole}|{key})'.encode(), f'{tls}, a wrong one: the right one is shown')


@test
def a_pin_is_no_less_than_a_certificate(lab):
    """With a pin a certificate that is trusted otherwise does not do."""
    host = lab.smarthost()
    got, arrived = send(lab, host, pin='sha256:' + '12' * 32)
    is_((got.status, arrived), (69, 0), 'refused')


@test
def names(lab):
    host = lab.smarthost(cert='wrong-name')
    name = re_names(lab, 'wrong-name')
    is_(send(lab, host)[1], 0, 'the certificate is for another name')
    is_(send(lab, host, tls_name=name)[1], 1, 'which tls_name says')
    is_(send(lab, host, tls_name='third.test')[1], 0, 'and no other')


def re_names(lab, certificate):
    """The first DNS name of a certificate."""
    text = subprocess.run(['openssl', 'x509', '-in', lab.certificates / f'{certificate}.pem', '-noout', '-ext',
                           'subjectAltName'], check=True, capture_output=True, text=True).stdout
    return text.split('DNS:')[1].split(',')[0].strip()


@test
def versions(lab):
    old = lab.smarthost('--protocols', 'tlsv1.2')
    is_(send(lab, old, tls_min='1.2')[1], 1, 'TLS 1.2 is enough')
    got, arrived = send(lab, old, tls_min='1.3')
    is_((got.status, arrived), (69, 0), 'unless 1.3 is the least')
    like(got.err, rb'tls_min', 'the cure names the key')
    new = lab.smarthost('--protocols', 'tlsv1.3')
    is_(send(lab, new, tls_min='1.3')[1], 1, 'TLS 1.3')


@test
def our_own_certificate(lab):
    host = lab.smarthost('--client-ca', lab.ca)
    good = {'client_cert': lab.certificates / 'client.pem', 'client_key': lab.certificates / 'client.key'}
    got, arrived = send(lab, host, **good)
    is_((got.status, arrived), (0, 1), 'shown')
    got, arrived = send(lab, host)
    is_((got.status, arrived), (69, 0), 'missing')
    like(got.err, rb'client_cert and client_key', 'the cure')
    got, arrived = send(lab, host, client_cert=lab.certificates / 'other-client.pem',
                        client_key=lab.certificates / 'other-client.key')
    is_((got.status, arrived), (69, 0), 'of another CA')
    got = send(lab, host, client_cert=good['client_cert'], client_key=lab.certificates / 'other-client.key')[0]
    ok(got.status != 0 and b'client_' in got.err, 'certificate and key that do not belong together', got)


@test
def from_where(lab):
    host = lab.smarthost()
    is_(send(lab, host, source_address='127.0.0.2')[1], 1, 'from another address of this machine')
    lab.config(host, smarthost={'source_address': '192.0.2.1'}, queue={'directory': 'none'})
    got = lab.sendmail('r@x.test', stdin=MAIL)
    ok(got.status != 0, 'from one that is not ours')
    like(got.err, rb'source_address', 'the cure names the key')
    is_(send(lab, host, family='4')[1], 1, 'IPv4 only')
    lab.config(host, smarthost={'family': '6'}, queue={'directory': 'none'})
    got = lab.sendmail('r@x.test', stdin=MAIL)
    is_((got.status, len(host.messages())), (78, 2), 'IPv6 only, to an IPv4 address')
    like(got.err, rb'family = 6 contradicts the host', 'is a mistake in the configuration')


@test
def a_unix_socket(lab):
    path = lab.path / 'smtp.sock'
    host = lab.smarthost('--unix', path, listen=[], user=None)
    lab.config(host=None, smarthost={'host': f'unix:{path}', 'port': None, 'tls': None, 'ca_file': None, 'user': None,
                                     'password_file': None, 'auth': 'none'})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_(len(host.messages()), 1, 'arrived')


@test
def secrets_from_commands(lab):
    """What a command prints is the secret; only a login runs it."""
    host = lab.smarthost()
    command = lab.path / 'print secret'
    command.write_text(f'#!/bin/sh\necho run >>{lab.path}/runs\nenv >{lab.path}/environment\necho secret\necho more\n')
    command.chmod(0o700)
    lab.config(host, smarthost={'password_file': None, 'password_command': f"'{command}' a \"b c\""})
    lab.sendmail('-bp')
    lab.sendmail('-odq', 'r@x.test', stdin=MAIL)
    ok(not (lab.path / 'runs').exists(), 'neither mailq nor storing runs it')
    got = lab.sendmail('r@x.test', stdin=MAIL, env={'SECRET_OF_THE_CALLER': 'x', 'LD_PRELOAD': ''})
    is_(got.status, 0, 'status')
    is_(host.messages(1)[0].user, 'app', 'logged in')
    ok('SECRET_OF_THE_CALLER' not in (lab.path / 'environment').read_text(), 'a clean environment')
    command.write_text('#!/bin/sh\necho out\necho "vault is sealed" >&2\nexit 3\n')
    lab.config(host, smarthost={'password_file': None, 'password_command': f"'{command}'"}, queue={'directory': 'none'})
    got = lab.sendmail('r@x.test', stdin=MAIL)
    is_(got.status, 77, 'it fails: status')
    like(got.err, rb'password_command: .*vault is sealed', 'it fails: what it said')
    ok(b'out' not in got.err.replace(b'without', b''), 'but not what it printed', got)


run(threads=3)

"""What the servers of the matrix share: who may log in, certificates, tokens, and the places where they listen.

A place is one loopback address with a name in /etc/hosts, for one server with some keywords of EHLO switched off; so
every variant of a server has the standard ports."""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

from lab import certificates
from peer import USERS

USER, PASSWORD = 'app', 'secret'
SIGNING_KEY = b'the key that tokens are signed with'
RECIPIENTS_MAX = 5      # of a transaction
SIZE_MAX = 100000       # of a message
TLS_OF_PORT = {25: 'starttls', 465: 'implicit', 587: 'starttls', 2525: 'starttls'}

_NETS = {'postfix': 1, 'exim': 2, 'opensmtpd': 3, 'dovecot': 4}


class Place:
    """server, off (keywords, sorted), ports (a set), host (name), address."""

    def __init__(self, server, off, number):
        self.server, self.off, self.ports = server, off, set()
        self.host = '-without-'.join([server, *(['-'.join(off).lower()] if off else [])]) + '.servers.test'
        self.address = f'127.0.{_NETS[server]}.{number}'

    @property
    def listeners(self):
        return [(self.address, port, TLS_OF_PORT[port]) for port in sorted(self.ports)]


def places_of(rows):
    """{(server, off): Place} of (server, off, port) rows; their names are made known here."""
    places = {}
    for server, off, port in rows:
        if (server, off) not in places:
            number = 1 + sum(place.server == server for place in places.values())
            places[server, off] = Place(server, off, number)
        places[server, off].ports.add(port)
    with open('/etc/hosts', 'a') as hosts:
        hosts.writelines(f'{place.address} {place.host}\n' for place in places.values())
    return places


def _issue(folder, name, subject, extensions):
    """folder/name.pem and .key, of the CA of the tests; RSA, for OpenSMTPD 6.8 cannot use others with OpenSSL 3."""
    ca = certificates() / 'ca'
    request, key, extra = (folder / f'{name}.{suffix}' for suffix in ('request', 'key', 'extensions'))
    extra.write_text(extensions)
    for command in (
            ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN={subject}',
             '-keyout', key, '-out', request],
            ['x509', '-req', '-in', request, '-CA', f'{ca}.pem', '-CAkey', f'{ca}.key', '-CAcreateserial', '-CAserial',
             folder / 'serial', '-days', '30', '-extfile', extra, '-out', folder / f'{name}.pem']):
        subprocess.run(['openssl', *command], check=True, capture_output=True)
    return folder / name


def issue_certificates(folder):
    """server.pem, client.pem (of USER), stranger.pem (of nobody) with their keys."""
    _issue(folder, 'server', 'servers.test', 'subjectAltName = DNS:*.servers.test\nextendedKeyUsage = serverAuth\n')
    (folder / 'server.key').chmod(0o644)    # Exim reads it as its own user
    for name, subject in (('client', USER), ('stranger', 'nobody')):
        _issue(folder, name, subject, 'extendedKeyUsage = clientAuth\n')


def token(key=SIGNING_KEY, lifetime=3600):
    """A JSON Web Token for USER."""
    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')
    now = int(time.time())
    signed = b'.'.join(encoded(json.dumps(part).encode()) for part in (
        {'alg': 'HS256', 'typ': 'JWT'},
        {'sub': USER, 'email': USER, 'iat': now + min(lifetime, 0) - 60, 'exp': now + lifetime}))
    return (signed + b'.' + encoded(hmac.digest(key, signed, hashlib.sha256))).decode()


def make_folder(path, owner='root', mode=0o755):
    path.mkdir()
    path.chmod(mode)
    number = USERS.get(owner, 0)
    os.chown(path, number, number)
    return path

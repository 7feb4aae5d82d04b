"""OpenSMTPD: of its keywords of EHLO only DSN can be switched off."""
import os
import pathlib
import shutil
import subprocess

from lab import BUILD
from peer import start, wait_for_listeners
from peers.common import PASSWORD, RECIPIENTS_MAX, SIZE_MAX, USER, make_folder

_CONFIGURATION = '''pki own cert "{folder}/own.pem"
pki own key "{folder}/own.key"
table logins {{ {user} = "{password}" }}
table boxes file:{folder}/boxes
smtp max-message-size {size}
smtp limit max-rcpt {recipients}
{listeners}
action "box" maildir "{folder}/mail/%{{dest.user}}" virtual <boxes>
match auth from any for domain "example.test" action "box"
'''

_HERE = pathlib.Path(__file__).parent


def _mended_keys():
    """build/opensmtpd-keys.so; its source says what for."""
    source, made = _HERE / 'opensmtpd-keys.c', BUILD / 'opensmtpd-keys.so'
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        fresh = BUILD / f'opensmtpd-keys.{os.getpid()}'
        subprocess.run([*os.environ.get('CC', 'cc').split(), '-D_GNU_SOURCE', '-Wno-deprecated-declarations',
                        '-shared', '-fPIC', '-o', fresh, source], check=True)
        fresh.rename(made)
    return str(made)


_TLS = {'implicit': 'smtps', 'starttls': 'tls-require'}


class OpenSMTPD:
    """boxes: the local parts, each with a box of its name."""

    def __init__(self, folder, places, certificate, boxes):
        self.folder = make_folder(folder)
        make_folder(folder / 'mail', 'vmail')
        for suffix in ('pem', 'key'):
            own = folder / f'own.{suffix}'
            shutil.copy(f'{certificate}.{suffix}', own)
            own.chmod(0o600)
        (folder / 'boxes').write_text(''.join(f'{local}@example.test vmail\n' for local in boxes))
        self._listeners = [where for place in places for where in place.listeners]
        listeners = ''.join(
            f'listen on {address} port {port} {_TLS[tls]} pki own auth <logins>'
            + (' no-dsn\n' if 'DSN' in place.off else '\n')
            for place in places for address, port, tls in place.listeners)
        hashed = subprocess.run(['openssl', 'passwd', '-6', PASSWORD], check=True, capture_output=True, text=True)
        (folder / 'smtpd.conf').write_text(_CONFIGURATION.format(
            folder=folder, user=USER, password=hashed.stdout.strip(), size=SIZE_MAX, recipients=RECIPIENTS_MAX,
            listeners=listeners))
        pathlib.Path('/etc/mailname').write_text('opensmtpd.servers.test\n')    # it wants a name that resolves
        os.makedirs('/var/lib/opensmtpd/empty', mode=0o755, exist_ok=True)
        log = open(folder / 'log', 'w')
        self._process = start(['smtpd', '-d', '-f', folder / 'smtpd.conf'], stdout=log, stderr=log,
                              env={**os.environ, 'LD_PRELOAD': _mended_keys()})

    def wait(self):
        wait_for_listeners(self._process, [where[:2] for where in self._listeners])

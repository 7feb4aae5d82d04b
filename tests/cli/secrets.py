#!/usr/bin/env python3
"""Secrets: password and token are in no stream, log, queue file, argument, environment or core, whatever the server makes
of the login; and in memory nothing but the configuration's own copy is left of them behind a login."""
import base64
import hashlib
import hmac
import json
import os
import re
import resource
import socket
import ssl
import threading

from lab import *

USER, SECRET = 'app@client.test', 'Zt7kGeheim_Schluessel.91'
MAIL = b'Subject: a\n\nb\n'


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode())


def needles(secret=SECRET):
    """Name to bytes: what must not be found. In base64 a secret looks different at each of three offsets."""
    found = {'the secret': secret.encode(), 'its beginning': secret[:10].encode(), 'its end': secret[-10:].encode()}
    for shift in range(3):
        encoded = b64(b'\0' * shift + secret.encode())
        found[f'its base64 at {shift}'] = encoded[4 if shift else 0:-4]
    for name, text in (('PLAIN', f'\0{USER}\0{secret}'), ('XOAUTH2', f'user={USER}\1auth=Bearer {secret}\1\1'),
                       ('OAUTHBEARER', f'n,a={USER},')):
        if name != 'OAUTHBEARER':
            found[f'the response of {name}'] = b64(text)[:-4]
    return found


def hits(data, names=None):
    return [name for name, needle in needles().items() if needle in data and (names is None or name in names)]


# ---- a server that knows every mechanism ----------------------------------

class Server:
    """TLS from the first byte. behaviour: refuse or accept, with an answer that quotes what the client sent and what it
    stands for; or hang: accept like any server, then say nothing to MAIL."""

    def __init__(self, lab, mechanism, behaviour):
        self.mechanism, self.behaviour = mechanism, behaviour
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(lab.certificates / 'good.pem', lab.certificates / 'good.key')
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.implicit = self.listener.getsockname()[1]
        self.hanging = threading.Event()
        self.done = threading.Event()
        self.seen, self.proven = [], False
        self.context = context
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.done.is_set():
            try:
                raw, _ = self.listener.accept()
                with self.context.wrap_socket(raw, server_side=True) as tls:
                    self.session(tls.makefile('rwb'))
            except (OSError, ValueError):
                continue

    def stop(self):
        self.done.set()
        self.listener.close()

    def say(self, file, text):
        file.write(text if isinstance(text, bytes) else text.encode())
        file.write(b'\r\n')
        file.flush()

    def ask(self, file, challenge):
        """The client's answer to a challenge, decoded."""
        self.say(file, b'334 ' + (challenge if challenge is None else b64(challenge)))
        line = file.readline().strip()
        self.seen.append(line)
        return base64.b64decode(line, validate=False) if line != b'*' else b''

    def echo(self):
        """All of it, as it came and decoded, and what the server itself knows."""
        decoded = [re.sub(rb'[^!-~]', b' ', base64.b64decode(s + b'==', validate=False)) for s in self.seen if s]
        return b' '.join([*self.seen, *decoded, SECRET.encode(), b64(SECRET)])

    def session(self, file):
        self.say(file, '220 double ESMTP')
        while line := file.readline():
            verb = line.split()[0].upper()
            if verb == b'EHLO':
                self.say(file, f'250-double\r\n250-PIPELINING\r\n250 AUTH {self.mechanism}')
            elif verb == b'AUTH':
                words = line.split()
                self.seen = [words[2]] if len(words) > 2 else []
                initial = base64.b64decode(words[2]) if len(words) > 2 and words[2] != b'=' else b''
                behaved = self.mechanism not in ('XOAUTH2', 'OAUTHBEARER') or self.behaviour != 'refuse'
                good = getattr(self, self.mechanism.replace('-', '_').lower())(file, initial)
                self.proven = good if behaved else None
                if self.behaviour == 'refuse' or not good:
                    self.say(file, b'535-5.7.8 refused: ' + self.echo() + b'\r\n535 5.7.8 ' + b' '.join(self.seen) + b' ' + SECRET.encode())
                else:
                    self.say(file, b'235 2.7.0 welcome ' + (self.echo() if self.behaviour == 'accept' else b''))
            elif verb == b'DATA':
                self.say(file, '354 go')
                while file.readline() not in (b'.\r\n', b''):
                    pass
                self.say(file, '250 2.0.0 ok')
            elif verb == b'QUIT':
                self.say(file, '221 bye')
            elif verb == b'MAIL' and self.behaviour == 'hang':
                self.hanging.set()
                self.done.wait(60)
                return
            else:
                self.say(file, '250 2.1.0 ok')

    def plain(self, file, initial):
        return initial == f'\0{USER}\0{SECRET}'.encode()

    def login(self, file, initial):
        user = initial or self.ask(file, b'Username:')
        return (user, self.ask(file, b'Password:')) == (USER.encode(), SECRET.encode())

    def cram_md5(self, file, initial):
        challenge = b'<1.2@double>'
        mac = hmac.new(SECRET.encode(), challenge, 'md5').hexdigest()
        return self.ask(file, challenge) == f'{USER} {mac}'.encode()

    def scram_sha_256(self, file, initial):
        bare = initial.split(b',', 2)[2]
        nonce = re.search(rb'r=([^,]*)', bare)[1] + b'server'
        first = b'r=' + nonce + b',s=' + b64(b'saltsalt') + b',i=4096'
        final = self.ask(file, first)
        salted = hashlib.pbkdf2_hmac('sha256', SECRET.encode(), b'saltsalt', 4096)
        signed = b','.join((bare, first, final.rpartition(b',p=')[0]))
        key = hmac.new(salted, b'Client Key', 'sha256').digest()
        proof = bytes(a ^ b for a, b in zip(key, hmac.new(hashlib.sha256(key).digest(), signed, 'sha256').digest()))
        if final.rpartition(b',p=')[2] != b64(proof):
            return False
        server = hmac.new(salted, b'Server Key', 'sha256').digest()
        if self.behaviour != 'refuse':
            self.ask(file, b'v=' + b64(hmac.new(server, signed, 'sha256').digest()))
        return True

    def xoauth2(self, file, initial):
        if self.behaviour == 'refuse':
            return self.told(file)
        return initial == f'user={USER}\1auth=Bearer {SECRET}\1\1'.encode()

    def oauthbearer(self, file, initial):
        if self.behaviour == 'refuse':
            return self.told(file)
        return f'\1auth=Bearer {SECRET}\1\1'.encode() in initial

    def told(self, file):
        """The refusal of a token: JSON in a challenge, which quotes it."""
        self.ask(file, json.dumps({'status': 'invalid_token', 'scope': SECRET}).encode())
        return False


# ---- where it may not be --------------------------------------------------

def with_file(lab, key, text=SECRET + '\n'):
    path = lab.path / 'secret'
    path.write_text(text)
    path.chmod(0o600)
    return {'password_file': None, key: path}


def with_command(lab, key):
    path = with_file(lab, key)[key]
    return {'password_file': None, key: f'/bin/cat {path}'}


# Mechanism, and what the configuration says.
LOGINS = {
    'PLAIN': ('PLAIN', lambda lab: with_file(lab, 'password_file')),
    'PLAIN, inline': ('PLAIN', lambda lab: {'password_file': None, 'password': SECRET}),
    'LOGIN': ('LOGIN', lambda lab: with_file(lab, 'password_file')),
    'CRAM-MD5': ('CRAM-MD5', lambda lab: with_file(lab, 'password_file')),
    'SCRAM-SHA-256': ('SCRAM-SHA-256', lambda lab: with_file(lab, 'password_file')),
    'PLAIN, command': ('PLAIN', lambda lab: with_command(lab, 'password_command')),
    'XOAUTH2': ('XOAUTH2', lambda lab: with_file(lab, 'token_file')),
    'XOAUTH2, command': ('XOAUTH2', lambda lab: with_command(lab, 'token_command')),
    'OAUTHBEARER': ('OAUTHBEARER', lambda lab: with_file(lab, 'token_file')),
}


def files_with_secrets(lab):
    """Everything below the lab's folder but where the secret was put by ourselves."""
    found = []
    for path in lab.path.rglob('*'):
        if path.is_file() and not path.is_symlink() and path.name not in ('secret', 'sendmail.ini', 'trace'):
            found += [(str(path), hit) for hit in hits(path.read_bytes())]
    return found


def streams_and_files(name, mechanism, config):
    @test
    def shown(lab):
        for behaviour in ('refuse', 'accept'):
            for log in ({'target': lab.log, 'format': 'text'}, {'target': lab.log, 'format': 'json'}, {'target': 'stderr'}):
                server = Server(lab, mechanism, behaviour)
                try:
                    lab.config(server, log=log, smarthost={'user': USER, 'auth': mechanism, **config(lab)})
                    # First as a caller, then as a run of what stayed; the pause is lifted in between.
                    got = [lab.sendmail('-v', 'bob@x.test', stdin=MAIL), lab.sendmail('-odq', 'bob@x.test', stdin=MAIL),
                           lab.control('queue', 'retry', '--all'), lab.sendmail('-v', '-q'), lab.sendmail(name='mailq'),
                           lab.control('queue', 'list'), lab.control('config')]
                finally:
                    server.stop()
                what = f'{behaviour}, log {" ".join(str(v) for v in log.values())[-12:]}'
                is_([(r.argv[0][-12:], hit) for r in got for hit in hits(r.out + r.err)], [], f'{what}: not in stdout or stderr')
                is_(files_with_secrets(lab), [], f'{what}: not in log, queue or state')
                told = b'235' in got[0].out if behaviour == 'accept' else b'535' in got[0].err + got[0].out
                ok(told and server.proven in (True, None), f'{what}: and the login was tried', *got[:1])
    shown.__name__ = f'streams_and_files_of_{name}'


for row, (which, settings) in LOGINS.items():
    streams_and_files(row, which, settings)


# ---- the running process --------------------------------------------------

def memory(pid):
    """(region, bytes) of what a process may write to."""
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for line in maps:
            words = line.split(None, 5)
            start, end = (int(x, 16) for x in words[0].split('-'))
            name = words[5].strip() if len(words) > 5 else 'anonymous'
            if 'w' in words[1] and not name.startswith('[v'):
                try:
                    mem.seek(start)
                    yield name, mem.read(end - start)
                except OSError:
                    pass


def remains(pid):
    """Needle to the places where it stands."""
    places = {}
    for region, data in memory(pid):
        for name, needle in needles().items():
            for found in re.finditer(re.escape(needle), data):
                around = data[max(0, found.start() - 16):found.end() + 16]
                places.setdefault(name, []).append((os.path.basename(region), around))
    return places


def cores_wanted():
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def running_process(name, mechanism, config, variable=False):
    """variable: the configuration comes in SENDMAIL_CONFIG."""
    @test
    def behind_the_login(lab):
        need_root()
        server = Server(lab, mechanism, 'hang')
        try:
            lab.config(server, smarthost={'user': USER, 'auth': mechanism, **config(lab)}, queue={'wait': '60s'})
            env = {'SENDMAIL_INI': None, 'SENDMAIL_CONFIG': lab.ini.read_text()} if variable else {}
            process = lab.start('bob@x.test', stdin=MAIL, env=env, preexec_fn=cores_wanted)
            wait_until(lambda: server.hanging.is_set() or process.poll() is not None, what='the login')
            if not ok(process.poll() is None, 'logged in, at MAIL'):
                return
            for what in ('cmdline', 'environ'):
                with open(f'/proc/{process.pid}/{what}', 'rb') as shown:
                    is_(hits(shown.read()), [], f'not in {what}')
            with open(f'/proc/{process.pid}/limits') as limits:
                like(limits.read(), r'Max core file size +0 +0 ', 'and there will be no core file')
            found = remains(process.pid)
            whole = found.pop('the secret', [])
            parts = found.pop('its beginning', []), found.pop('its end', [])
            is_(found, {}, 'no login line or response is left in memory')
            ok(1 <= len(whole) <= 2, 'of the secret itself: the copy of the configuration, and of the session', whole)
            is_(tuple(map(len, parts)), (len(whole),) * 2, 'and no part of another', parts)
        finally:
            server.stop()
    behind_the_login.__name__ = f'memory_behind_{name}'


for row, (which, settings) in LOGINS.items():
    running_process(row, which, settings)
running_process('SENDMAIL_CONFIG', *LOGINS['PLAIN, inline'], variable=True)


run(threads=4)

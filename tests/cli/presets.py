#!/usr/bin/env python3
"""A double of every provider: its preset, with nothing but host and port led to the scripted smarthost, sends a message
with the login, the fields and within the limits that the provider documents."""
import base64
import hashlib
import hmac

from lab import *

MAIL = b'From: app@shop.test\nSubject: s\n\nbody\n'
SECRET = 'kEy/with+signs='

# What the double knows as the user where it is not the one that was configured.
USERS = {'mailtrap': 'api', 'postmark': SECRET, 'resend': 'resend', 'sendgrid': 'apikey', 'sparkpost': 'SMTP_Injection',
         'zeptomail': 'emailapikey'}
# What else has to be written.
KEYS = {'ses': {'region': 'eu-west-1'}, 'microsoft365': {'auth': 'login'}, 'outlook': {'auth': 'login'}}


def names(lab):
    lab.config(text='[smarthost]\nhost = x.test\nauth = none\n[identity]\ndomain = x.test\n')
    return [line.split()[0] for line in lab.control('providers').out.decode().splitlines()[1:]]


def secret(lab, text=SECRET):
    path = lab.path / 'secret'
    path.write_text(text + '\n')
    path.chmod(0o600)
    return path


def double(lab, provider, password=SECRET, ehlo=None, **keys):
    """A smarthost in the provider's place, configured."""
    user = USERS.get(provider)
    host = lab.smarthost('--require-auth', listen=['starttls'], user=user or 'me@shop.test', password=password,
                         ehlo=ehlo)
    keys = {'provider': provider, 'host': '127.0.0.1', 'port': host.starttls, 'tls': 'starttls', 'ca_file': lab.ca,
            'user': None if user else 'me@shop.test', 'password_file': secret(lab), **KEYS.get(provider, {}), **keys}
    lab.config(text='[smarthost]\n' + ''.join(f'{k} = {v}\n' for k, v in keys.items() if v is not None) +
               f'[identity]\ndomain = shop.test\n[queue]\ndirectory = {lab.queue}\n[log]\ntarget = {lab.log}\n')
    return host


@test
def every_provider_takes_a_message(lab):
    found = names(lab)
    ok(len(found) >= 30, f'{len(found)} providers')
    for provider in found:
        lab.queue = lab.path / f'queue-{provider}'
        host = double(lab, provider)
        got = lab.sendmail('-f', 'app@shop.test', 'r@x.test', stdin=MAIL)
        is_((got.status, got.err), (0, b''), f'{provider}: status')
        is_([m.user for m in host.messages()], [USERS.get(provider, 'me@shop.test')], f'{provider}: arrived, and as whom')
        host.stop()


@test
def postmark(lab):
    host = double(lab, 'postmark', stream='receipts')
    lab.sendmail('-f', 'app@shop.test', 'r@x.test', stdin=MAIL)
    is_(host.messages()[0].fields('X-PM-Message-Stream'), [b'receipts'], 'the stream is a field')
    double(lab, 'postmark', tls='implicit')
    got = lab.sendmail('r@x.test', stdin=MAIL)
    is_(got.status, 78, 'TLS from the first byte is a mistake there')
    like(got.err, rb'ini:5: postmark has no TLS from the first byte', 'and said')


@test
def ses(lab):
    """The secret key of the account becomes the SMTP password of the region."""
    key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
    signature = f'AWS4{key}'.encode()
    for word in ('11111111', 'eu-west-1', 'ses', 'aws4_request', 'SendRawEmail'):
        signature = hmac.digest(signature, word.encode(), hashlib.sha256)
    host = double(lab, 'ses', base64.b64encode(b'\x04' + signature).decode())
    secret(lab, key)
    is_(lab.sendmail('-f', 'app@shop.test', 'r@x.test', stdin=MAIL).status, 0, 'status')
    is_(len(host.messages()), 1, 'logged in with what was derived')
    double(lab, 'ses', region=None, host=None)
    like(lab.sendmail('r@x.test', stdin=MAIL).err, rb'region', 'without a region there is no host')


@test
def mailgun_says_more_than_it_takes(lab):
    """EHLO says 50 MB, the documentation 25: the smaller one counts, before anything is uploaded."""
    host = double(lab, 'mailgun', ehlo='PIPELINING,8BITMIME,SIZE 52428800')
    got = lab.sendmail('-f', 'app@shop.test', 'r@x.test', stdin=MAIL + (b'a' * 76 + b'\n') * 360000)
    is_(got.status, 69, 'status')
    like(got.err, rb'28\.1 MB encoded > 2\d\.\d MB that the smarthost accepts: about 19 MB of files fit', 'what fits')
    is_(host.messages(), [], 'nothing was uploaded')


@test
def recipients_of_a_message(lab):
    for provider, most in (('scaleway', 10), ('postmark', 50)):
        lab.queue = lab.path / f'queue-{provider}'
        host = double(lab, provider)
        is_(lab.sendmail('-f', 'app@shop.test', *(f'r{i}@x.test' for i in range(most + 1)), stdin=MAIL).status, 0,
            f'{provider}: status')
        is_([len(m.rcpt) for m in host.messages()], [most, 1], f'{provider}: {most + 1} recipients in two messages')
        host.stop()


@test
def messages_on_a_connection(lab):
    """What the file says counts before what the preset says."""
    host = double(lab, 'mailtrap', messages_per_connection=2)
    for i in range(5):
        lab.sendmail('-odq', '-f', 'app@shop.test', f'r{i}@x.test', stdin=MAIL)
    is_(lab.sendmail('-q').status, 0, 'status')
    is_(sum(s.messages for s in host.sessions()), 5, 'all arrived')
    ok(max(s.messages for s in host.sessions()) <= 2, 'never more than two on a connection')


run(threads=2)

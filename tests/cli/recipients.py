#!/usr/bin/env python3
"""More recipients than one transaction may have, more messages than one connection: each arrives exactly once."""
import socket
import threading
import types

from lab import *

FIVE = [f'r{i}@x.test' for i in range(5)]
MAIL = b'Subject: hi\n\n.hello\n' + b'x' * 60 + b'\n'
LARGE = b'Subject: hi\n\n' + (b'y' * 60 + b'\n') * 3000
# How the message travels: by chunks, in one flight or a command at a time; by DATA likewise.
WAYS = (('PIPELINING,CHUNKING', MAIL), ('PIPELINING,CHUNKING', LARGE), ('CHUNKING', MAIL), ('PIPELINING', MAIL),
        ('PIPELINING', LARGE), ('8BITMIME', LARGE))


def parts(host):
    return [len(m.recipients) for m in host.messages()]


def check(lab, host, want, name):
    """One session in which all five got the same message once, in transactions of these sizes."""
    messages, sessions = host.messages(), host.sessions()
    is_(lab.last.status, 0, f'{name}: status')
    is_(sorted(r for m in messages for r in m.recipients), FIVE, f'{name}: each recipient exactly once')
    is_(parts(host), want, f'{name}: transactions')
    is_(len({m.message for m in messages}), 1, f'{name}: the same message each time')
    is_((len(sessions), sessions[0].commands[-1]), (1, 'QUIT'), f'{name}: one session, ended properly')
    is_(lab.queued(), [], f'{name}: nothing is left')


@test
def limit_of_the_server(lab):
    for ehlo, mail in WAYS:
        host = lab.smarthost(ehlo=f'{ehlo},LIMITS RCPTMAX=2')
        lab.config(host)
        lab.sendmail(*FIVE, stdin=mail)
        check(lab, host, [2, 2, 1], f'{ehlo}, {len(mail)} bytes')
        is_(host.sessions()[0].commands.count('RCPT'), 5, 'nobody is named twice')


@test
def limit_of_the_configuration(lab):
    for ehlo, mail in WAYS:
        host = lab.smarthost(ehlo=ehlo)
        lab.config(host, smarthost={'recipients_per_message': 2})
        lab.sendmail(*FIVE, stdin=mail)
        check(lab, host, [2, 2, 1], f'{ehlo}, {len(mail)} bytes')


@test
def limit_found_out(lab):
    """Three recipients are too many; then as many are named at once as were taken."""
    for reply in ('452 4.5.3 too many recipients', '452 too many', '552 too many'):
        for ehlo, mail in WAYS:
            host = lab.smarthost(ehlo=ehlo, reply=[f'rcpt/3={reply}'] * 3)
            lab.config(host)
            lab.sendmail(*FIVE, stdin=mail)
            check(lab, host, [2, 2, 1], f'{reply}, {ehlo}, {len(mail)} bytes')


@test
def no_limit(lab):
    host = lab.smarthost(ehlo='PIPELINING,CHUNKING', delay=20)
    lab.config(host)
    lab.sendmail(*FIVE, stdin=MAIL)
    check(lab, host, [5], 'all at once')
    is_(host.sessions()[0].flights, 6, 'flights')


@test
def nobody_accepted_is_no_limit(lab):
    host = lab.smarthost(reply='rcpt=452 4.5.3 too many recipients')
    lab.config(host)
    is_(lab.sendmail(*FIVE, stdin=MAIL).status, 0, 'stored')
    is_(host.sessions()[0].commands.count('RCPT'), 5, 'nobody is tried again at once')
    is_(len(lab.queued()), 1, 'it waits')


@test
def session_breaks_in_between(lab):
    host = lab.smarthost(ehlo='PIPELINING,CHUNKING,LIMITS RCPTMAX=2', reply='mail/2=drop')
    lab.config(host)
    is_(lab.sendmail(*FIVE, stdin=MAIL).status, 0, 'stored')
    is_(parts(host), [2], 'the first transaction counts')
    deferred = [line for line in lab.log_lines() if 'not tried, because the session ended' in line]
    is_([FIVE.index(r) for r in FIVE for line in deferred if r in line], [4], 'whose turn did not come is told so')
    is_(len(lab.queued()), 1, 'and waits')


@test
def limit_of_messages(lab):
    for ehlo, keys in (('PIPELINING,CHUNKING,LIMITS MAILMAX=2', {}),
                       ('PIPELINING,CHUNKING', {'messages_per_connection': 2}),
                       ('8BITMIME,LIMITS MAILMAX=2', {'messages_per_connection': 3})):
        host = lab.smarthost(ehlo=ehlo)
        lab.config(host, smarthost=keys, queue={'delivery': 'queue'})
        for recipient in FIVE:
            lab.sendmail(recipient, stdin=MAIL)
        is_(lab.sendmail('-q').status, 0, f'{ehlo}, {keys}: run')
        sessions = host.sessions(3)
        is_(sorted(s.messages for s in sessions), [1, 2, 2], f'{ehlo}, {keys}: messages of the sessions')
        is_({s.commands[-1] for s in sessions}, {'QUIT'}, 'all ended properly')
        is_(sorted(m.recipients[0] for m in host.messages()), FIVE, 'each message exactly once')
        is_(lab.queued(), [], 'nothing is left')


def refuse_in_the_body(listener):
    """A server that answers in the middle of the message and hangs up."""
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b'220 m\r\n')
        lines = connection.makefile('rb')
        for line in lines:
            if line.startswith(b'DATA'):
                break
            connection.sendall(b'250 ok\r\n')
        connection.sendall(b'354 go\r\n')
        lines.read(20000)
        connection.sendall(b'552 5.3.4 heard enough\r\n')
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


@test
def refused_in_the_middle_of_the_message(lab):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=refuse_in_the_body, args=(listener,))
        thread.start()
        lab.config(types.SimpleNamespace(plain=listener.getsockname()[1]), tls='none',
                   smarthost={'user': None, 'password_file': None, 'auth': 'none'}, queue={'directory': 'none'})
        lab.sendmail('a@x.test', stdin=b'Subject: hi\n\n' + (b'y' * 60 + b'\n') * 200000)
        thread.join()
    like(lab.last.err, rb'552 5\.3\.4 heard enough', 'the verdict reaches the caller')
    is_(lab.last.status, 69, 'a refusal')


run(threads=2)

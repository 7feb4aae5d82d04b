#!/usr/bin/env python3
"""Round trips from connect to exit are the protocol's minimum (design, "Cost")."""
from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'
CHUNKING = 'PIPELINING,CHUNKING,8BITMIME,SIZE 1000000'
DATA = 'PIPELINING,8BITMIME,SIZE 1000000'
ONE_BY_ONE = '8BITMIME'
# tls, EHLO list, flights
ROWS = (('implicit', CHUNKING, 6), ('implicit', DATA, 7), ('starttls', CHUNKING, 8), ('starttls', DATA, 9),
        ('implicit', ONE_BY_ONE, 9))


@test
def minimum(lab):
    for tls, ehlo, flights in ROWS:
        host = lab.smarthost(ehlo=ehlo, delay=20)
        lab.config(host, tls=tls)
        is_(lab.sendmail('-t', stdin=MAIL).status, 0, f'{tls}, {ehlo}')
        session = host.sessions()[0]
        is_(session.flights, flights, f'flights with {tls}, {ehlo}', session)
        is_(session.commands[-1], 'QUIT', 'says good-bye')
        if 'PIPELINING' in ehlo:
            is_(session.waits, flights, 'and waits for nothing behind it')


@test
def many_recipients_cost_no_flight(lab):
    host = lab.smarthost(ehlo=CHUNKING, delay=20)
    lab.config(host)
    is_(lab.sendmail(*(f'r{i}@x.test' for i in range(100)), stdin=MAIL).status, 0, '100 recipients')
    is_(host.sessions()[0].flights, 6, 'flights')
    is_(len(host.messages()[0].recipients), 100, 'one transaction')


@test
def never_ehlo_after_auth(lab):
    host = lab.smarthost()
    for tls in ('implicit', 'starttls'):
        lab.config(host, tls=tls)
        lab.sendmail('-t', stdin=MAIL)
    for session in host.sessions(2):
        after = session.commands[session.commands.index('AUTH'):]
        ok('EHLO' not in after and 'HELO' not in after, session.listener, session.commands)


run(threads=2)

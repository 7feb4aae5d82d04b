#!/usr/bin/env python3
"""Several smarthosts, several ports, several secrets: which one gets a message, and which one next."""
from lab import *

MAIL = b'From: Alice <alice@b.test>\nTo: r@x.test\nSubject: s\n\nbody\n'


def section(lab, name, host, tls='implicit', **keys):
    """One more [smarthost NAME]."""
    keys = {'host': '127.0.0.1', 'port': getattr(host, tls), 'tls': tls, 'ca_file': lab.ca, 'user': 'app',
            'password_file': lab.path / 'password', **keys}
    return f'[smarthost {name}]\n' + ''.join(f'{k} = {v}\n' for k, v in keys.items() if v is not None)


def secret(lab, name, text):
    path = lab.path / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def pauses(lab):
    return sorted(p.name for p in lab.queue.glob('pause-*'))


@test
def the_sender_chooses(lab):
    every, ours = lab.smarthost(), lab.smarthost()
    lab.config(every, extra=section(lab, 'ours', ours, only_from='*@b.test, boss@c.test'))
    for sender, host, name in (('alice@b.test', ours, 'a pattern names the sender, though later in the file'),
                               ('BOSS@C.TEST', ours, 'case does not matter'),
                               ('x@c.test', every, 'nobody else'),
                               ('<>', every, 'the null sender')):
        before = len(every.messages()), len(ours.messages())
        is_(lab.sendmail('-f', sender, 'r@x.test', stdin=MAIL).status, 0, f'{name}: status')
        grown = len(every.messages()) - before[0], len(ours.messages()) - before[1]
        is_(grown, (1, 0) if host is every else (0, 1), name)


@test
def nobody_takes_this_sender(lab):
    ours = lab.smarthost()
    lab.config(ours, smarthost={'only_from': '*@b.test'})
    got = lab.sendmail('-v', '-f', 'x@c.test', 'r@x.test', stdin=MAIL)
    is_(got.status, 0, 'stored')
    like(got.err, rb'no smarthost takes mail of x@c\.test; name this sender in only_from', 'what to do')
    is_(len(lab.queued()), 1, 'it waits')
    is_(lab.sendmail('-f', '<>', 'r@x.test', stdin=MAIL).status, 0, 'the null sender goes anyway')
    is_(len(ours.messages()), 1, 'by the first smarthost')
    lab.config(ours, smarthost={'only_from': '*@b.test'}, queue={'directory': 'none'})
    is_(lab.sendmail('-f', 'x@c.test', 'r@x.test', stdin=MAIL).status, 69, 'without a queue')


@test
def a_run_serves_all_routes(lab):
    """One dead route does not stop the other; each has one session."""
    every, ours = lab.smarthost(reply=['banner=421 4.3.2 closed']), lab.smarthost()
    lab.config(every, extra=section(lab, 'ours', ours, only_from='*@b.test'))
    for sender in ('x@c.test', 'a@b.test', 'y@c.test', 'b@b.test', 'c@b.test'):
        lab.sendmail('-odq', '-f', sender, 'r@x.test', stdin=MAIL)
    got = lab.sendmail('-q')
    ok(got.status != 0, 'the trouble is told')
    is_(sorted(m.sender for m in ours.messages()), ['a@b.test', 'b@b.test', 'c@b.test'], 'what could be sent was')
    is_(len(ours.sessions()), 1, 'over one session')
    is_(len(every.sessions()), 1, 'the other smarthost was asked once')
    is_(len(lab.queued()), 2, 'and its mail waits')


@test
def failover_and_return(lab):
    first, second = lab.smarthost(reply=['banner*1=421 4.3.2 closed']), lab.smarthost()
    lab.config(first, smarthost={'from': 'first@b.test'}, extra=section(lab, 'second', second, **{
        'from': 'second@b.test'}))
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    got = second.messages()
    is_([m.sender for m in got], ['second@b.test'], 'the second takes it, with its own sender')
    is_(got[0].field('From'), b'Alice <second@b.test>', 'also in From')
    is_(len(pauses(lab)), 1, 'the first is paused')
    lab.sendmail('r@x.test', stdin=MAIL)
    is_((len(first.sessions()), len(second.messages())), (1, 2), 'and left alone')
    (lab.queue / pauses(lab)[0]).write_text('until=1 steps=1 kind=service text=was down\n')
    lab.sendmail('r@x.test', stdin=MAIL)
    is_([m.sender for m in first.messages()], ['first@b.test'], 'its pause is over: it serves again, first')
    is_(pauses(lab), [], 'and has none any more')


@test
def the_account_is_used_up(lab):
    """A refusal at MAIL that concerns the account: the message goes on to the next smarthost at once."""
    first = lab.smarthost(reply=['mail=550 5.4.5 Daily user sending limit exceeded'])
    second = lab.smarthost()
    lab.config(first, extra=section(lab, 'second', second))
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_((len(second.messages()), len(lab.queued())), (1, 0), 'sent')
    is_(len(pauses(lab)), 1, 'the first is paused')
    third = lab.smarthost(reply=['dot=554 5.7.1 spam'])
    lab.config(third, smarthost={'port': third.implicit}, extra=section(lab, 'second', second))
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 69, 'but what is said of the message counts')
    is_(len(second.messages()), 1, 'it does not go shopping')


@test
def ports_in_turn(lab):
    host, dead = lab.smarthost(listen=['starttls']), lab.smarthost()
    dead.stop()
    lab.config(host, smarthost={'port': f'{dead.implicit}, {host.starttls}', 'tls': 'starttls'})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_(len(host.messages()), 1, 'the next port took it')
    like(lab.log_lines()[-1], rf'smarthost=127\.0\.0\.1:{host.starttls}', 'the log names the port')
    got = lab.sendmail('r@x.test', stdin=MAIL, wrapper=['strace', '-f', '-e', 'trace=connect', '-o', lab.path / 'trace'])
    is_(got.status, 0, 'again')
    ok(f'htons({dead.implicit})' not in (lab.path / 'trace').read_text(), 'the dead port is not asked again')
    host.stop()
    for _ in range(2):
        got = lab.sendmail('-v', 'r@x.test', stdin=MAIL)
    is_(got.status, 0, 'all dead: stored')
    ok(all(f':{port}: connection refused'.encode() in got.err for port in (dead.implicit, host.starttls)),
       'each port with its cause', got)


@test
def one_secret_for_all_ports(lab):
    """A command may ask a person, or a vault that counts: it runs once a login, whatever port answers."""
    host, dead = lab.smarthost(), lab.smarthost()
    dead.stop()
    command = lab.path / 'print-secret'
    command.write_text(f'#!/bin/sh\necho run >>{lab.path}/runs\necho secret\n')
    command.chmod(0o700)
    lab.config(host, smarthost={'port': f'{dead.implicit}, {dead.starttls}, {host.implicit}', 'tls': 'implicit',
                                'password_file': None, 'password_command': command})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_(len(host.messages()), 1, 'sent')
    is_((lab.path / 'runs').read_text(), 'run\n', 'the command ran once')


@test
def nothing_but_silence_leads_to_the_next_port(lab):
    """A refused login, a wrong certificate: the other port is the same smarthost."""
    wrong, refusing, good = lab.smarthost(cert='wrong-name'), lab.smarthost(password='other'), lab.smarthost()
    for host, what in ((wrong, 'certificate'), (refusing, 'login')):
        lab.config(host, smarthost={'port': f'{host.implicit}, {good.implicit}'})
        lab.sendmail('r@x.test', stdin=MAIL)
        is_((len(good.messages()), good._numbers('session')), (0, []), f'{what}: the other port was not asked')


@test
def two_secrets(lab):
    host = lab.smarthost(password='new')
    old, new = secret(lab, 'old', 'old\n'), secret(lab, 'new', 'new\n')
    lab.config(host, smarthost={'password_file': f'{old}\npassword_file = {new}'})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_(len(host.messages()), 1, 'sent')
    is_([s.commands.count('AUTH') for s in host.sessions()], [1, 1], 'two logins')
    like('\n'.join(lab.log_lines()), rf'login smarthost=127.0.0.1 refused={old} accepted={new}', 'the log says which')
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.sessions()), 3, 'the next one knows: one login')
    lab.config(host, smarthost={'password_file': new})
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.messages()), 3, 'the old one removed from the configuration')


@test
def both_secrets_refused(lab):
    host = lab.smarthost(password='other')
    old, new = secret(lab, 'old', 'old\n'), secret(lab, 'new', 'new\n')
    lab.config(host, smarthost={'password_file': f'{old}\npassword_file = {new}'})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'stored')
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.sessions()), 2, 'two logins at most, then the pause')
    is_(len(pauses(lab)), 1, 'it is paused')
    ok('secret' not in ''.join(lab.log_lines()), 'no secret in the log')


@test
def a_busy_account_is_no_wrong_secret(lab):
    host = lab.smarthost(reply=['auth=454 4.7.0 Temporary authentication failure'])
    lab.config(host, smarthost={'password_file': f'{secret(lab, "old", "a")}\npassword_file = {secret(lab, "new", "b")}'})
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.sessions()), 1, 'the second secret is not shown')


@test
def too_many_connections_is_no_wrong_secret(lab):
    """535, but not because of the secret: the log must not call the right one refused."""
    host = lab.smarthost(reply=['auth=535 5.7.8 Too many connections per account'])
    lab.config(host, smarthost={'password_file': f'{secret(lab, "old", "a")}\npassword_file = {secret(lab, "new", "b")}'})
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.sessions()), 1, 'the second secret is not shown')


@test
def a_revoked_secret_is_a_wrong_secret(lab):
    """What a rotation is for: the old key was disabled, and the server says so."""
    host = lab.smarthost(reply=['auth=535 5.7.8 this API key is deactivated'])
    lab.config(host, smarthost={'password_file': f'{secret(lab, "old", "a")}\npassword_file = {secret(lab, "new", "b")}'})
    lab.sendmail('r@x.test', stdin=MAIL)
    is_(len(host.sessions()), 2, 'the second one is shown')


@test
def the_account_pause_grows(lab):
    """The login works and the account does not: a session alone is no reason to begin anew with the shortest pause."""
    host = lab.smarthost(reply=['mail*2=452 4.7.1 sending rate exceeded'])
    lab.config(host)
    lab.sendmail('r@x.test', stdin=MAIL)
    path = lab.queue / pauses(lab)[0]
    like(path.read_text(), r' steps=1 ', 'the first pause')
    path.write_text(path.read_text().replace('until=', 'until=1 was='))
    lab.sendmail('r@x.test', stdin=MAIL)
    like(path.read_text(), r' steps=2 ', 'the second one is longer')
    path.write_text(path.read_text().replace('until=', 'until=1 was='))
    lab.sendmail('r@x.test', stdin=MAIL)
    is_((len(host.messages()), pauses(lab)), (1, []), 'a message that went out lifts it')


@test
def the_end_of_a_message_is_waited_for(lab):
    """Whoever gives up there risks to send it twice: 10 minutes at least, however short timeout is."""
    host = lab.smarthost(reply=['dot*1=slow:2500'])
    lab.config(host, smarthost={'timeout': '1s'})
    is_(lab.sendmail('r@x.test', stdin=MAIL).status, 0, 'status')
    is_((len(host.messages()), lab.queued()), (1, []), 'sent, once')


@test
def size_with_arithmetic(lab):
    host = lab.smarthost(ehlo='PIPELINING,SIZE 52428800')
    lab.config(host, smarthost={'max_size': '2M'})
    got = lab.sendmail('r@x.test', stdin=MAIL + (b'a' * 75 + b'\n') * 40000)
    is_(got.status, 69, 'status')
    like(got.err, rb'3\.1 MB encoded > 2\.1 MB that the smarthost accepts: about 2 MB of files fit', 'what fits')
    is_(host.messages(), [], 'nothing was uploaded')
    is_(lab.queued(), [], 'nothing waits')


@test
def recipients_are_split(lab):
    host = lab.smarthost()
    lab.config(host, smarthost={'recipients_per_message': 2})
    is_(lab.sendmail(*(f'r{i}@x.test' for i in range(5)), stdin=MAIL).status, 0, 'status')
    is_([len(m.rcpt) for m in host.messages()], [2, 2, 1], 'five recipients, three messages')
    is_(len(host.sessions()), 1, 'one session')


@test
def wishes_for_reports(lab):
    host = lab.smarthost(ehlo='DSN,PIPELINING')
    lab.config(host)
    lab.sendmail('-N', 'success,failure', '-R', 'hdrs', '-V', 'my id', '-f', 'a@b.test', 'r@x.test', stdin=MAIL)
    got = host.messages()
    is_(len(got), 1, 'one message: no report of our own')
    like(got[0].mail, r'RET=HDRS ENVID=my\+20id', 'RET and ENVID')
    is_(got[0].rcpt, ['RCPT TO:<r@x.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;r@x.test'], 'NOTIFY and ORCPT')
    is_(lab.queued(), [], 'the queue is empty')
    plain = lab.smarthost()
    lab.config(plain)
    lab.sendmail('-N', 'success', '-f', 'a@b.test', 'r@x.test', stdin=MAIL)
    like('\n'.join(lab.log_lines()), r'wishes-dropped id=\w+ .*offers no DSN', 'dropped with a log line')
    wait_until(lambda: len(plain.messages()) == 2 or lab.queued(), what='the report of our own')


run(threads=3)

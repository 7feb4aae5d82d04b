#!/usr/bin/env python3
"""sendmailctl: the queue looked into and steered, runs whose status tells, the log as JSON."""
import fcntl
import json
import os
import re
import time

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'


def store(lab, *recipients, sender='me@y.test'):
    """Stores a message; its id."""
    before = set(lab.queued('new'))
    is_(lab.sendmail('-odq', '-f', sender, *(recipients or ['bob@x.test']), stdin=b'Subject: hi\n\nhello\n').status, 0,
        'stored')
    return (set(lab.queued('new')) - before).pop().name


def listed(lab, *argv):
    return json.loads(lab.control('queue', 'list', '--json', *argv).out)


@test
def usage(lab):
    lab.config(lab.smarthost())
    for argv, text in ((['queue'], rb'usage: sendmailctl config .* \| queue list .* \| run\n'),
                       ([], rb'usage: sendmailctl config'), (['frobnicate'], rb'usage: sendmailctl config'),
                       (['queue', 'list', 'some'], rb': usage: sendmailctl queue list \[--json\] \[waiting \| held'),
                       (['queue', 'list', 'held', 'failed'], rb'usage: sendmailctl queue list'),
                       (['queue', 'show'], rb'usage: sendmailctl queue show id\n'),
                       (['queue', 'hold'], rb'usage: sendmailctl queue hold pattern \.\.\.\n'),
                       (['queue', 'release'], rb'usage: sendmailctl queue release'),
                       (['queue', 'delete'], rb'usage: sendmailctl queue delete'),
                       (['queue', 'retry'], rb'usage: sendmailctl queue retry --all \|'),
                       (['run', 'now'], rb'usage: sendmailctl run\n')):
        got = lab.control(*argv)
        is_((got.status, got.out), (64, b''), f'{argv}: status')
        like(got.err, text, f'{argv}: synopsis')


@test
def an_empty_queue(lab):
    lab.config(lab.smarthost())
    is_((lab.control('queue', 'list').out, lab.control('queue', 'list', '--json').out), (b'no messages\n', b'[]\n'),
        'nothing listed')
    is_(lab.control('queue', 'retry', '--all').status, 0, 'retry --all')
    got = lab.control('queue', 'delete', 'x@y.test')
    is_(got.status, 66, 'nothing to delete')
    like(got.err, rb'no message matches x@y.test\n', 'and said')
    is_(lab.control('queue', 'show', '0' * 18).status, 66, 'nothing to show')


@test
def no_queue_at_all(lab):
    lab.config(lab.smarthost(), queue={'directory': 'none'})
    for argv in (['list'], ['hold', '*'], ['retry', '--all']):
        got = lab.control('queue', *argv)
        is_(got.status, 69, f'{argv}: status')
        like(got.err, rb'there is no queue: directory = none in /', f'{argv}: why')


@test
def columns_and_json(lab):
    host = lab.smarthost(reply=['rcpt:late@x.test=450 4.2.0 "later", he said', 'rcpt:no@x.test=550 5.1.1 nobody'])
    lab.config(host)
    lab.sendmail('-f', 'me@y.test', 'ok@x.test', 'late@x.test', stdin=MAIL)
    second = store(lab, 'bob@x.test', 'eve@x.test', sender='<>')
    text = lab.control('queue', 'list').out.decode()
    head, *lines = text.splitlines()
    second_line, first_line = sorted(lines, key=lambda line: second not in line)    # ids of one second have no order
    is_(head, 'ID                  STATE        SIZE  ARRIVED           NEXT TRY          SENDER > RECIPIENT', 'head')
    moment = r'\d{4}-\d\d-\d\d \d\d:\d\d'
    like(first_line, rf'\A[0-9A-F]{{18}}  waiting  +\d+  {moment}  {moment}  me@y.test > ok@x.test \(and 1 more\)\Z',
         'tried')
    like(second_line, rf'\A{second}  waiting  +\d+  {moment}  .{{16}}  MAILER-DAEMON > bob@x.test \(and 1 more\)\Z',
         'not tried')
    other, first = sorted(listed(lab), key=lambda message: message['id'] != second)
    now = time.time()
    is_(sorted(first), sorted(['id', 'state', 'arrival', 'size', 'sender', 'recipients', 'last_try', 'next_try']),
        'keys')
    ok(abs(first['arrival'] - now) < 60 and abs(first['last_try'] - now) < 60, 'times')
    ok(first['next_try'] > first['last_try'] + 200, 'the pause')
    is_((first['sender'], first['state']), ('me@y.test', 'waiting'), 'sender and state')
    is_(first['recipients'], [{'address': 'ok@x.test', 'verdict': 'delivered', 'reply': first['recipients'][0]['reply']},
                              {'address': 'late@x.test', 'verdict': 'deferred', 'reply': '450 4.2.0 "later", he said'}],
        'recipients')
    is_((other['id'], other['sender'], other['last_try']), (second, '', None), 'the null sender, never tried')
    got = lab.control('queue', 'show', second.lower()).out.decode()
    like(got, rf'\Aid: {second}\nstate: waiting\nsize: \d+\narrived: .*\nlast try: -\nnext try: .*\nuser: {os.getuid()}\n'
         r'sender: MAILER-DAEMON\nrecipient: bob@x.test deferred\nrecipient: eve@x.test deferred\n\n', 'show')
    like(got, r'(?s)\n\nReceived: .*\nSubject: hi\n', 'with the header')
    ok('hello' not in got, 'and no more')


@test
def hold_and_release(lab):
    host = lab.smarthost()
    lab.config(host)
    kept, sent = store(lab, 'bob@x.test'), store(lab, 'eve@x.test')
    got = lab.control('queue', 'hold', 'BOB@*')
    is_((got.status, got.out, got.err), (0, f'{kept}: held\n'.encode(), b''), 'held by a recipient')
    is_([m['id'] for m in listed(lab, 'held')], [kept], 'listed as held')
    is_([m['id'] for m in listed(lab, 'waiting')], [sent], 'the other one waits')
    is_(lab.control('run').status, 0, 'a run')
    is_([m.recipients for m in host.messages()], [['eve@x.test']], 'leaves it alone')
    is_(lab.control('queue', 'hold', kept).status, 66, 'what is held does not wait')
    got = lab.control('queue', 'release', kept)
    is_((got.status, got.out), (0, f'{kept}: released\n'.encode()), 'released')
    ok((lab.queue / 'wake').exists(), 'and who runs the queue is woken')
    lab.control('run')
    is_(len(host.messages()), 2, 'sent')
    is_(listed(lab), [], 'gone')


@test
def delete(lab):
    host = lab.smarthost()
    lab.config(host)
    ids = [store(lab, 'bob@x.test'), store(lab, 'eve@x.test'), store(lab, 'eve@x.test', 'carl@z.test'),
           store(lab, 'dan@x.test', sender='<>')]
    lab.control('queue', 'hold', ids[1])
    got = lab.control('queue', 'delete', 'eve@*', 'nobody@x.test')
    is_(sorted(got.out.decode().split('\n')), sorted(['', f'{ids[1]}: deleted', f'{ids[2]}: deleted']),
        'by recipient, the held one, too')
    is_(got.status, 66, 'one pattern matched nothing')
    like(got.err, rb'no message matches nobody@x.test\n', 'and is named')
    is_(lab.control('queue', 'delete', 'MAILER-DAEMON').out, f'{ids[3]}: deleted\n'.encode(), 'the null sender')
    is_(lab.control('queue', 'delete', ids[0].lower()).out, f'{ids[0]}: deleted\n'.encode(), 'by id')
    is_((listed(lab), host.messages()), ([], []), 'all gone, nothing sent')


@test
def what_is_being_delivered(lab):
    lab.config(lab.smarthost())
    busy, idle = store(lab), store(lab)
    with open(lab.queue / 'new' / busy, 'rb') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_({m['id']: m['state'] for m in listed(lab)}, {busy: 'active', idle: 'waiting'}, 'active')
        got = lab.control('queue', 'delete', '*')
        is_(got.status, 75, 'status')
        is_(sorted(got.out.decode().splitlines()), sorted([f'{busy}: being delivered, left alone', f'{idle}: deleted']),
            'the other one goes')
        like(got.err, rb'1 being delivered and left alone: try again\n', 'and said')
    is_([m['id'] for m in listed(lab)], [busy], 'it stays')


@test
def retry(lab):
    host = lab.smarthost(reply='rcpt*1=450 4.2.0 later')
    lab.config(host)
    lab.sendmail('-f', 'me@y.test', 'bob@x.test', stdin=MAIL)
    identity = lab.queued()[0].name
    lab.control('run')
    is_(host.messages(), [], 'not due')
    got = lab.control('queue', 'retry', identity)
    is_((got.status, got.out), (0, f'{identity}: due now\n'.encode()), 'made due')
    lab.control('run')
    is_(len(host.messages()), 1, 'sent')


@test
def a_refused_login(lab):
    host = lab.smarthost(reply='auth*1=535 5.7.8 bad credentials')
    lab.config(host)
    store(lab)
    got = lab.control('run')
    is_(got.status, 69, 'a timer sees it')
    like(got.err, rb'\Asendmailctl: .*535 5.7.8 bad credentials', 'and says why')
    got = lab.control('run')
    is_((got.status, len(host.sessions())), (69, 1), 'paused: no second attempt, still seen')
    got = lab.control('queue', 'retry', '--all')
    is_(got.status, 0, 'retry --all')
    like(got.out, rb'(?m)^127\.0\.0\.1: pause lifted\n', 'lifts the pause')
    is_(lab.control('run').status, 0, 'a run')
    is_(len(host.messages()), 1, 'sends')


@test
def failed_messages(lab):
    host = lab.smarthost(reply='rcpt=550 5.1.1 nobody')
    lab.config(host)
    lab.sendmail('-odq', '-f', '<>', 'bob@x.test', stdin=MAIL)
    lab.control('run')
    is_([m['state'] for m in listed(lab, 'failed')], ['failed'], 'a report that could not be sent is kept')
    is_(lab.sendmail(name='mailq').out, b'Mail queue is empty\n', 'not among those that wait')
    is_(lab.control('queue', 'delete', 'bob@x.test').status, 0, 'until somebody removes it')
    is_(listed(lab), [], 'gone')


@test
def configuration(lab):
    lab.config(lab.smarthost(), smarthost={'connections': 7}, queue={'retry': '1m 1h', 'unsent_status': 75})
    got = lab.control('config')
    is_(got.status, 0, 'status')
    for line in (b'connections = 7', b'retry = 1m 1h', b'unsent_status = 75', b'lifetime = 5d', b'min_free = 16M'):
        ok(b'\n' + line + b'\n' in got.out, f'{line}', got.out)
    is_(lab.control('config', '--write', lab.path / 'written.ini').status, 0, 'written')
    again = lab.control('config', config=lab.path / 'written.ini')
    is_(again.out.split(b'\n', 1)[1], got.out.split(b'\n', 1)[1], 'and read back')


@test
def log_as_json(lab):
    host = lab.smarthost(reply='rcpt:late@x.test=450 4.2.0 "later", he said')
    for form in ('text', 'json'):
        lab.config(host, log={'format': form, 'target': lab.path / form})
        lab.sendmail('-f', 'me@y.test', 'ok@x.test', 'late@x.test', stdin=MAIL)
    texts = [line for line in (lab.path / 'text').read_text().splitlines() if re.search(': (sent|deferred) ', line)]
    objects = [json.loads(line) for line in (lab.path / 'json').read_text().splitlines()]
    objects = [found for found in objects if found['event'] in ('sent', 'deferred')]
    is_((len(objects), len(texts)), (2, 2), 'a line a recipient')
    for text, found in zip(texts, objects):
        stamp, _, rest = text.partition(': ')
        is_(list(found)[:3], ['time', 'level', 'event'], 'what stands first')
        is_(list(found)[3:], re.findall(r' ([a-z_-]+)=', re.sub(r'"(?:[^"\\]|\\.)*"', '""', rest)), 'the same keys')
        is_(found['level'], stamp.split()[-1], 'the same level')
        like(found['time'], r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z', 'time')
    is_(objects[1]['reply'], '450 4.2.0 "later", he said', 'escaped by the book')


run(threads=4)

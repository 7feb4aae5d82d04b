#!/usr/bin/env python3
"""Reports to the sender (sendmail.8, "Reports"), as Python's email parser reads them."""
import email
import email.policy
import os
import time

from lab import *

MAIL = b'Subject: hi\nTo: no@x.test\nBcc: secret@x.test\nMessage-ID: <1@client.test>\n\nthe body\n'
REFUSE = ['rcpt:no@x.test=550-5.1.1 no such\\n550 5.1.1 user \x1b[31mhere', 'rcpt:later@x.test=450 4.2.0 greylisted']
HOURS = 3600


def queue_run(lab):
    is_(lab.sendmail('-q').status, 0, 'a run')


def queue_runs(lab):
    """One run refuses, the same or the next one delivers the report."""
    queue_run(lab)
    queue_run(lab)


def submit(lab, *argv, stdin=MAIL, status=0):
    got = lab.sendmail('-odq', *argv, stdin=stdin)
    is_(got.status, status, f'stored: {argv}')


def reports(host):
    """The messages with the null sender, parsed; never with a line too long or a byte that is not ASCII."""
    found = []
    for message in host.messages():
        if message.sender == '':
            ok(all(len(line) <= 998 for line in message.message.split(b'\r\n')), 'lines are legal')
            text = message.message.replace(b'\r\n', b'\n')
            parsed = email.message_from_bytes(text, policy=email.policy.default)
            is_([d for part in parsed.walk() for d in part.defects], [], 'no defects')
            parsed.envelope = message
            found.append(parsed)
    return found


def one_report(host):
    found = reports(host)
    is_(len(found), 1, 'one report')
    return found[0]


def parts(report):
    human, status, returned = report.iter_parts()
    return human.get_content(), list(status.get_payload()), returned


def age(lab, seconds, tried=5 * HOURS):
    """Makes the message of the queue that old, and its last try so many seconds old."""
    (file,) = lab.queued()
    new = file.with_name(f'{int(file.name[:8], 16) - seconds:08X}{file.name[8:]}')
    text = file.read_bytes().replace(file.name[:18].encode(), new.name[:18].encode())
    born = int(time.time()) - seconds
    text = b''.join(b'X-Queue-Birth: %d\n' % born if line.startswith(b'X-Queue-Birth: ') else line
                    for line in text.splitlines(keepends=True))
    file.write_bytes(text)
    file.rename(new)
    os.utime(new, (time.time() - tried, time.time() - tried))


@test
def a_refused_recipient(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    submit(lab, '-f', 'ann@client.test', '-V', 'order+2B7', 'no@x.test', 'bob@x.test')
    queue_runs(lab)
    is_([m.recipients for m in host.messages() if m.sender], [['bob@x.test']], 'the other one is served, once')
    report = one_report(host)
    human, status, returned = parts(report)
    is_(report.envelope.recipients, ['ann@client.test'], 'to the sender')
    is_(report['From'], 'Mail Delivery System <MAILER-DAEMON@client.test>', 'From')
    is_(report['To'], 'ann@client.test', 'To')
    is_(report['Subject'], 'Mail could not be delivered to no@x.test', 'Subject')
    is_(report['Auto-Submitted'], 'auto-replied', 'Auto-Submitted')
    is_(report['In-Reply-To'], '<1@client.test>', 'In-Reply-To')
    is_(report.get_content_type(), 'multipart/report', 'type')
    is_(report.get_param('report-type'), 'delivery-status', 'report-type')
    like(human, r'to 1 of its 2\s+recipients', 'how many')
    like(human, r'\n    no@x\.test\n', 'to whom')
    like(human, r'\n    550 5\.1\.1 no such user \?\[31mhere\n', 'what the server said, printable')
    like(human, r'What it means: there is no such mailbox', 'what it means')
    like(human, r'What to do: check the address', 'what to do')
    ok(all(len(line) <= 76 for line in human.splitlines()), 'wrapped')
    is_(len(status), 2, 'fields of the message, and of one recipient')
    is_(status[0]['Original-Envelope-Id'], 'order+7', 'envelope id')
    like(status[0]['Reporting-MTA'], r'^dns; \S+$', 'Reporting-MTA')
    is_((status[1]['Final-Recipient'], status[1]['Action'], status[1]['Status']),
        ('rfc822; no@x.test', 'failed', '5.1.1'), 'recipient')
    is_(status[1]['Remote-MTA'], 'dns; 127.0.0.1', 'Remote-MTA')
    like(status[1]['Diagnostic-Code'], r'^smtp; 550 5\.1\.1 no such user', 'Diagnostic-Code')
    is_(returned.get_content_type(), 'text/rfc822-headers', 'the header is returned')
    header = returned.get_content()
    like(header, r'(?m)^Subject: hi$', 'all of it')
    ok('secret@x.test' not in header and 'the body' not in header, 'but no Bcc and no body', header)
    is_(lab.queued('tmp', 'new', 'cur'), [], 'nothing is left')


@test
def the_whole_message(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    submit(lab, '-R', 'full', '-f', 'ann@client.test', 'no@x.test',
           stdin='Subject: gr\u00fc\u00df\n\n--x\nd\u00fcnn\n.\n'.encode())
    queue_runs(lab)
    returned = parts(one_report(host))[2]
    is_(returned.get_content_type(), 'message/rfc822', 'returned')
    is_(returned.get_content().get_payload(decode=True), '--x\nd\u00fcnn\n'.encode(), 'body')


@test
def only_the_beginning_of_a_large_one(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    submit(lab, '-Rfull', '-f', 'ann@client.test', 'no@x.test', stdin=b'Subject: x\n\n' + b'0123456789\n' * 300000)
    queue_runs(lab)
    size = len(one_report(host).envelope.message)
    ok(1 << 19 < size < (1 << 19) * 12 // 10, f'{size} bytes of 3.6 MB')


@test
def an_8_bit_header(lab):
    host = lab.smarthost(reply=REFUSE, ehlo='PIPELINING')
    lab.config(host)
    submit(lab, '-f', 'ann@client.test', 'no@x.test', stdin='Subject: gr\u00fc\u00df\n\nx\n'.encode())
    queue_runs(lab)
    report = one_report(host)
    ok(report.envelope.message.isascii(), 'a report of headers is ASCII')
    ok(b'=?utf-8?Q?gr=C3=BC=C3=9F?=' in parts(report)[2].get_payload(decode=True), 'and tells them')


@test
def a_null_sender(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host, queue={'bounce_to': 'ops@client.test'})
    submit(lab, '-f', '<>', 'no@x.test')
    queue_runs(lab)
    is_(reports(host), [], 'no report, whatever bounce_to says')
    is_((lab.queued('tmp', 'new', 'cur'), len(lab.queued('.Failed/new', '.Failed/cur'))), ([], 1), 'kept in .Failed')
    ok(any(line.count('error: ') and 'Failed' in line for line in lab.log_lines()), 'logged', lab.log_lines())


@test
def a_refused_report(lab):
    host = lab.smarthost(reply=[*REFUSE, 'rcpt:ann@client.test=550 5.1.1 she left'])
    lab.config(host)
    submit(lab, '-f', 'ann@client.test', 'no@x.test')
    queue_runs(lab)
    queue_run(lab)
    is_(host.messages(), [], 'nothing arrives')
    failed = lab.queued('.Failed/new', '.Failed/cur')
    is_((lab.queued('tmp', 'new', 'cur'), len(failed)), ([], 1), 'the report alone is kept in .Failed')
    ok(b'multipart/report' in failed[0].read_bytes(), 'it is the report')


@test
def bounce_to(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host, queue={'bounce_to': 'ops@client.test'}, smarthost={'from': 'app@client.test'})
    submit(lab, '-f', 'ann@client.test', 'no@x.test')
    queue_runs(lab)
    report = one_report(host)
    is_(report.envelope.recipients, ['ops@client.test'], 'in place of the sender')
    is_(report['From'], 'Mail Delivery System <app@client.test>', 'the address that the smarthost wants')


@test
def wishes(lab):
    host = lab.smarthost(reply=REFUSE)
    for wish, count in (('never', 0), ('delay', 0), ('success', 0), ('failure', 1), ('success,failure', 1),
                        ('nonsense', 1)):
        queue = lab.path / f'queue-{wish}'
        lab.config(host, queue={'directory': queue})
        before = len(reports(host))
        submit(lab, '-N', wish, '-f', 'ann@client.test', 'no@x.test')
        queue_runs(lab)
        is_(len(reports(host)) - before, count, f'-N {wish}: reports of a refusal')
        is_([f for name in ('new', 'cur', '.Failed/new', '.Failed/cur') for f in (queue / name).glob('*')], [],
            f'-N {wish}: nothing is kept')


@test
def success(lab):
    host = lab.smarthost()
    lab.config(host)
    submit(lab, '-N', 'success', '-f', 'ann@client.test', 'bob@x.test')
    queue_runs(lab)
    report = one_report(host)
    is_(report['Subject'], 'Mail was sent on to bob@x.test', 'Subject')
    is_(parts(report)[1][1]['Action'], 'relayed', 'Action')


@test
def delay_is_told_once(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    submit(lab, '-f', 'ann@client.test', 'later@x.test')
    queue_run(lab)
    is_(reports(host), [], 'not at once')
    age(lab, 5 * HOURS)
    queue_runs(lab)
    report = one_report(host)
    human, status, _ = parts(report)
    is_(report['Subject'], 'Mail is delayed to later@x.test', 'Subject')
    like(human, r'450 4\.2\.0 greylisted', 'why')
    like(human, r'You need not do anything: it will be tried again until', 'what happens next')
    is_((status[1]['Action'], status[1]['Status']), ('delayed', '4.2.0'), 'Action, Status')
    ok(status[1]['Will-Retry-Until'], 'Will-Retry-Until')
    is_(len(lab.queued()), 1, 'the message waits')
    age(lab, 10 * HOURS)
    queue_runs(lab)
    is_(len(reports(host)), 1, 'once')


@test
def given_up(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    submit(lab, '-f', 'ann@client.test', '-N', 'failure', 'later@x.test')
    queue_run(lab)
    age(lab, 6 * 24 * HOURS)
    queue_runs(lab)
    report = one_report(host)
    human, status, _ = parts(report)
    like(human, r'greylisted', 'the last answer')
    is_((status[1]['Action'], status[1]['Status']), ('failed', '4.2.0'), 'Action, Status')
    is_(lab.queued('tmp', 'new', 'cur'), [], 'the message is gone')


@test
def error_modes(lab):
    """All recipients refused while the caller waits."""
    host = lab.smarthost(reply=REFUSE)
    for mode, status, told in (('p', 67, True), ('q', 67, False), ('m', 67, True), ('w', 67, True), ('e', 0, False)):
        lab.config(host, queue={'directory': lab.path / f'queue-{mode}'})
        before = len(reports(host))
        got = lab.sendmail(f'-oe{mode}', '-f', 'ann@client.test', 'no@x.test', stdin=MAIL)
        is_((got.status, got.out, got.err != b''), (status, b'', told), f'-oe{mode}')
        queue_run(lab)
        if mode in 'mwe':
            wait_until(lambda: len(reports(host)) > before, what='the report, which a run after the submission may send')
        is_(len(reports(host)) - before, 1 if mode in 'mwe' else 0, f'-oe{mode}: reports')
        lab.config(host, queue={'directory': 'none'})
        is_(lab.sendmail(f'-oe{mode}', '-f', 'ann@client.test', 'no@x.test', stdin=MAIL).status, 67,
            f'-oe{mode} without a queue')


@test
def some_refused_while_waiting(lab):
    host = lab.smarthost(reply=REFUSE)
    lab.config(host)
    got = lab.sendmail('-f', 'ann@client.test', 'no@x.test', 'bob@x.test', stdin=MAIL)
    is_(got.status, 0, 'a caller that retries must not send twice')
    queue_run(lab)                      # or the run that a submission starts in the background
    is_([m.recipients for m in host.messages(2)], [['bob@x.test'], ['ann@client.test']], 'served, and reported')


@test
def ten_thousand_refused(lab):
    host = lab.smarthost(reply=['rcpt:ann@client.test=250 ok', 'rcpt=550 5.1.1 no'])
    lab.config(host)
    submit(lab, '-t', '-f', 'ann@client.test',
           stdin=b'To: ' + b',\n '.join(b'r%d@x.test' % n for n in range(10000)) + b'\n\nx\n')
    queue_runs(lab)
    report = one_report(host)
    is_(report['Subject'], 'Mail could not be delivered to r0@x.test and 9999 others', 'Subject')
    like(parts(report)[0], r'And 9000 more recipients, not named here\.', 'counted')
    is_(len(parts(report)[1]), 1001, 'a thousand are named')


run(threads=4)

#!/usr/bin/env python3
"""Every provider's documented quirk, played by a scripted double: what is nobody's fault costs no mail, the account is
left alone for a while, and the text names the cure.

Each row: what the double does; keys of [smarthost]; the step at which it answers; what the cure says; kind of the pause.
"""
import re

from lab import *

MAIL = b'Subject: hi\nTo: bob@x.test\n\nhello\n'

# name, script, step, words of the answer that must be shown, kind of the pause
PAUSED = (
    ('brevo forgets the login', 'mail=502 5.7.0 Please authenticate first', 'MAIL FROM', 'authenticate first', 'login'),
    ('brevo, IP not authorised', 'auth=525 5.7.1 Unauthorized IP address', 'AUTH', 'Unauthorized IP', 'login'),
    ('ses, too fast', 'dot=454 Throttling failure: Maximum sending rate exceeded.', 'end of message', 'sending rate',
     'service'),
    ('ses, quota of the day', 'mail=454 Throttling failure: Daily message quota exceeded.', 'MAIL FROM', 'quota',
     'service'),
    ('ses, connections', 'banner=421 Too many concurrent SMTP connections', 'greeting', 'concurrent', 'service'),
    ('ses, login temporarily off', 'auth=454 Temporary authentication failure', 'AUTH', 'Temporary', 'login'),
    ('ses, access denied', "dot=554 Access denied: User `arn:aws:iam::1:user/x' is not authorized to perform "
     "`ses:SendRawEmail'", 'end of message', 'Access denied', 'service'),
    ('ses, suspended', 'dot=554 Message rejected: Sending suspended for this account.', 'end of message', 'suspended',
     'service'),
    ('sendgrid, credits', 'auth=451 Authentication failed: Maximum credits exceeded', 'AUTH', 'credits', 'login'),
    ('sendgrid, no login seen', 'mail=550 Unauthenticated senders not allowed', 'MAIL FROM', 'Unauthenticated', 'login'),
    ('mailgun, login', 'auth=535 5.7.0 Mailgun is not loving your login or password', 'AUTH', 'not loving', 'login'),
    ('postmark, approval', 'dot=550 While your account is pending approval, all recipient addresses must share the same '
     'domain', 'end of message', 'pending approval', 'service'),
    ('gmail, limit of the day', 'mail=550 5.4.5 Daily user sending limit exceeded.', 'MAIL FROM', 'sending limit',
     'service'),
    ('gmail, limit of the day at the end', 'dot=550 5.4.5 Daily user sending limit exceeded.', 'end of message',
     'sending limit', 'service'),
    ('gmail, app password', 'auth=534 5.7.9 Application-specific password required.', 'AUTH', 'Application-specific',
     'login'),
    ('gmail, too many logins', 'auth=454 4.7.0 Too many login attempts, please try again later.', 'AUTH', 'Too many',
     'login'),
    ('gmail relay, who are you', 'mail=550 5.7.1 Invalid credentials for relay [192.0.2.1]', 'MAIL FROM',
     'Invalid credentials', 'login'),
    ('gmail relay, peak', 'mail=450 4.2.1 Peak SMTP relay limit exceeded for customer.', 'MAIL FROM', 'Peak', 'service'),
    ('gmail relay, EHLO', 'ehlo=421 4.7.0 Try again later, closing connection. (EHLO)', 'EHLO', '(EHLO)', 'service'),
    ('microsoft, SMTP AUTH off', 'auth=535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for '
     'the Tenant.', 'AUTH', 'SmtpClientAuthentication', 'login'),
    ('microsoft, basic login ended', 'auth=550 5.7.30 Basic authentication is not supported for Client Submission', 'AUTH',
     'Basic authentication', 'login'),
    ('microsoft, not logged in', 'mail=530 5.7.57 Client not authenticated to send mail.', 'MAIL FROM',
     'Client not authenticated', 'login'),
    ('microsoft, threads', 'dot=432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'end of message',
     'thread limit', 'service'),
    ('microsoft, quota', 'dot=554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException', 'end of message',
     'SubmissionQuota', 'service'),
    ('icloud, limit of the day', 'mail=550 5.7.1 You have exceeded your daily sending limit', 'MAIL FROM', 'daily sending',
     'service'),
    ('yahoo, login', 'auth=535 5.7.0 (#AUTH) failed', 'AUTH', '#AUTH', 'login'),
    ('mailtrap, connections', 'auth=535 5.7.8 Too many connections per account', 'AUTH', 'Too many connections', 'login'),
    ('msndr, too fast', 'auth=550 Too many messages. Try again in 92 seconds', 'AUTH', '92 seconds', 'login'),
)

# name, script, exit status, words of the error line: these are the message's own fault, or its sender's.
REFUSED = (
    ('zoho, another From', 'mail=553 Relaying disallowed as me@y.test', 69, rb'set from in \[smarthost\] to the login'),
    ('microsoft, send as', 'dot=554 5.2.252 SendAsDenied; app not allowed to send as me@y.test', 69, rb'Send As'),
    ('mailgun, no login seen', 'rcpt=550 5.7.1 Relaying denied', 69, rb'set user and password_file'),
    ('gmail, not authenticated', 'dot=550 5.7.26 This mail has been blocked because the sender is unauthenticated.', 69,
     rb'DNS records'),
    ('postmark, inactive', 'rcpt=550 You tried to send to a recipient that has been marked as inactive', 67, rb'reactivate'),
    ('ses, no domain', "dot=554 Transaction failed: Missing final '@domain'", 69, rb'domain in \[identity\]'),
    ('ses, size', 'dot=552 Message is too long.', 69, rb'smaller message'),
)

# name, script: the message waits, the smarthost goes on.
DEFERRED = (
    ('ses, not verified', 'dot=554 Message rejected: Email address is not verified. The '
     'following identities failed the check in region EU-WEST-1: me@y.test', 'is not verified in this region'),
    ('sendgrid, sender', 'dot=550 The from address does not match a verified Sender Identity. '
     'Mail cannot be sent until this error is resolved.', 'not verified at SendGrid'),
    ('sendgrid, a code of its API', 'dot=403 You are not authorized to send from that email '
     'address', 'may not send as this sender'),
    ('postmark, signature', "dot=550 The 'From' address you supplied (me@y.test) is not a Sender "
     'Signature on your account', 'no confirmed signature'),
    ('mailersend, domain', 'dot=450 The from.email domain must be verified in your account to '
     'send emails. #MS42207', 'not verified at MailerSend'),
    ('greylisting', 'rcpt=450 4.2.0 Greylisted, try again in 300 seconds', 'greylisting'),
    ('mailersend, validation', 'dot=450 The subject field is required. #MS42204', 'later try will hardly mend'),
    ('ses, a fault', 'mail=451 Temporary service failure', 'a fault for the moment'),
    ('gmail, recipient is flooded', 'rcpt=550 5.2.1 The user is receiving mail too quickly', 'lets in for now'),
)


def play(lab, name, script):
    queue = lab.path / re.sub(r'\W', '-', name)
    host = lab.smarthost(listen=['implicit'], reply=script)
    lab.config(host, queue={'directory': queue})
    lab.queue = queue
    return host, lab.sendmail('-f', 'me@y.test', 'bob@x.test', stdin=MAIL)


@test
def paused(lab):
    """Exit status 0, the message is kept, nobody is told that it failed, the smarthost is left alone, mailq says why."""
    for name, script, step, words, kind in PAUSED:
        host, got = play(lab, name, script)
        is_((got.status, got.out, got.err), (0, b'', b''), f'{name}: accepted, silently')
        is_(len(lab.queued()), 1, f'{name}: stored, and no report')
        found = [p.read_text() for p in lab.queue.glob('pause-*')]
        is_(len(found), 1, f'{name}: paused')
        like(found[0], rf'\Auntil=\d+ steps=1 kind={kind} text=.*{re.escape(step)}: .*{re.escape(words)}', f'{name}: why')
        is_(lab.sendmail('carol@x.test', stdin=MAIL).status, 0, f'{name}: the next one')
        is_(len(host.sessions()), 1, f'{name}: is stored without asking')
        like(lab.sendmail('-bp').out.decode(), rf'\A\(smarthost paused until .*{re.escape(words)}', f'{name}: mailq')
        host.stop()


@test
def refused(lab):
    for name, script, status, words in REFUSED:
        host, got = play(lab, name, script)
        is_(got.status, status, f'{name}: status')
        like(got.err, words, f'{name}: the cure')
        is_((lab.queued(), list(lab.queue.glob('pause-*'))), ([], []), f'{name}: nothing waits')
        host.stop()


@test
def deferred(lab):
    for name, script, words in DEFERRED:
        host, got = play(lab, name, script)
        is_((got.status, got.err), (0, b''), f'{name}: accepted')
        is_((len(lab.queued()), list(lab.queue.glob('pause-*'))), (1, []), f'{name}: this one waits, others may go')
        ok(any('deferred' in line and words in line for line in lab.log_lines()), f'{name}: the log says why',
           lab.log_lines())
        host.stop()


@test
def ehlo_is_not_said_after_the_login(lab):
    """What Brevo's quirk rests on: the double forgets the login at a second EHLO, and is never given one."""
    host = lab.smarthost('--require-auth', '--forgetful', listen=['implicit', 'starttls'])
    for tls, ehlos in (('implicit', 1), ('starttls', 2)):
        lab.config(host, tls=tls)
        is_(lab.sendmail('-odq', 'bob@x.test', stdin=MAIL).status, 0, 'stored')
        is_(lab.sendmail('-odq', 'carol@x.test', stdin=MAIL).status, 0, 'stored')
        is_(lab.sendmail('-q').status, 0, f'{tls}: two messages over one session')
        commands = host.sessions(1 if tls == 'implicit' else 2)[-1].commands
        is_((commands.count('EHLO'), 'EHLO' in commands[commands.index('AUTH'):]), (ehlos, False), f'{tls}: {commands}')


run(threads=4)

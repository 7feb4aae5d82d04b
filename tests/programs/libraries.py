#!/usr/bin/env python3
"""Mail libraries of five languages: each script sends one message and prints what its program would be told."""
import re

from lab import *
from world import *

enter()

TO = ['bob@x.test', 'carol@x.test', 'dave@x.test']
HEADER = {'From': 'Zoë Example <zoe@x.test>', 'To': 'bob@x.test', 'Cc': 'carol@x.test', 'Subject': 'Grüße'}


def script(lab, command, source, **row):
    """The script prints yes, or no with the reason."""
    path = lab.path / 'script'
    path.write_text(source)
    row = {'sender': 'bounce@x.test', 'to': TO, 'header': HEADER, 'text': TEXT, 'out': rb'^yes$',
           'notices': (0, rb'(?s)^no.*550 5.1.1|550 5.1.1.*no'), **row}
    lab.path.chmod(0o755)
    return shown(lab, [*command, path], **row)


# ---- PHP ----------------------------------------------------------------

PHP = ['php', '-d', 'extension=mbstring']
PHP_TEXT = r'''"Gr\u{fc}\u{df}e,\nFrom here on\n..x\n\nend\n"'''


@test
def php_mail(lab):
    script(lab, PHP, r'''<?php
        $headers = ['From' => '=?UTF-8?Q?Zo=C3=AB?= Example <zoe@x.test>', 'Cc' => 'carol@x.test',
                    'Bcc' => 'dave@x.test', 'Content-Type' => 'text/plain; charset=utf-8'];
        echo mail('bob@x.test', '=?UTF-8?B?R3LDvMOfZQ==?=', "Gr\u{fc}\u{df}e,\nFrom here on\n..x\n\nend", $headers)
            ? 'yes' : 'no';''', user='alice', sender='alice@programs.test')


@test
def php_mail_with_a_sender(lab):
    script(lab, PHP, r'''<?php
        echo mail('bob@x.test', '=?UTF-8?B?R3LDvMOfZQ==?=', "one\r\n.\r\ntwo",
                  "From: zoe@x.test\nCc: carol@x.test\nBcc: dave@x.test", '-f bounce@x.test') ? 'yes' : 'no';''',
           header={**HEADER, 'From': 'zoe@x.test'}, text=b'one\n.\ntwo\n')


@test
def php_mail_and_bytes_that_end_strings(lab):
    """NUL and CRLF in what a form gave: PHP refuses some itself; what comes through injects nothing."""
    host = begin(lab)
    path = lab.path / 'script'
    path.write_text(r'''<?php
        function told($call) { try { return $call() ? 'yes ' : 'no '; } catch (ValueError $e) { return 'refused '; } }
        echo told(fn() => mail("bob@x.test", "a\r\nBcc: eve@x.test", "b", "From: zoe@x.test"));
        echo told(fn() => mail("bob@x.test\r\nBcc: eve@x.test", "a", "b", "From: zoe@x.test"));
        echo told(fn() => mail("bob@x.test", "a", "b\0c\r\n.\r\nd", "From: zoe@x.test"));
        echo told(fn() => mail("bob@x.test", "a\0b", "b", "From: zoe@x.test"));''')
    got = use(lab, [*PHP, path])
    is_(got.out, b'yes no refused refused ', 'what PHP says')
    like(got.err, rb'^sendmail: no usable recipient: to <bob@x.test Bcc: eve@x.test>: [^\n]*\n$', 'and why')
    is_([message.recipients for message in host.messages()], [['bob@x.test']], 'no recipient by the subject')


@test
def phpmailer_mail(lab):
    script(lab, PHP, PHPMAILER % 'isMail', text=TEXT + b'\n')


@test
def phpmailer_sendmail(lab):
    script(lab, PHP, PHPMAILER % 'isSendmail')


PHPMAILER = r'''<?php
foreach (['Exception', 'PHPMailer', 'SMTP'] as $name) require "libphp-phpmailer/src/$name.php";
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
try {
    $mail->%s();
    $mail->CharSet = 'UTF-8';
    $mail->setFrom('zoe@x.test', "Zo\u{eb} Example");
    $mail->Sender = 'bounce@x.test';
    $mail->addAddress('bob@x.test');
    $mail->addCC('carol@x.test');
    $mail->addBCC('dave@x.test');
    $mail->Subject = "Gr\u{fc}\u{df}e";
    $mail->Body = ''' + PHP_TEXT + r''';
    echo $mail->send() ? 'yes' : 'no';
} catch (Exception $e) { echo 'no: ', $e->getMessage(); }'''

SYMFONY = r'''<?php
foreach (['Component/Mailer', 'Component/Mime', 'Component/EventDispatcher'] as $name)
    require "Symfony/$name/autoload.php";
$mail = (new Symfony\Component\Mime\Email())
    ->from(new Symfony\Component\Mime\Address('zoe@x.test', "Zo\u{eb} Example"))->sender('bounce@x.test')
    ->to('bob@x.test')->cc('carol@x.test')->bcc('dave@x.test')->subject("Gr\u{fc}\u{df}e")->text(''' + PHP_TEXT + r''');
try {
    $transport = Symfony\Component\Mailer\Transport::fromDsn('sendmail://default%s');
    (new Symfony\Component\Mailer\Mailer($transport))->send($mail);
    echo 'yes';
} catch (Exception $e) { echo 'no: ', $e->getMessage(); }'''


@test
def symfony_smtp(lab):
    script(lab, PHP, SYMFONY % '', text=TEXT + b'\n')


@test
def symfony_arguments(lab):
    script(lab, PHP, SYMFONY % '?command=/usr/sbin/sendmail%20-t%20-i')


@test
def horde_mail(lab):
    script(lab, PHP, r'''<?php
        spl_autoload_register(fn($name) => include str_replace('_', '/', $name) . '.php');
        try {
            $mail = new Horde_Mail_Transport_Sendmail(['sendmail_path' => '/usr/sbin/sendmail']);
            $mail->send('bob@x.test, carol@x.test, dave@x.test', ['From' => 'zoe@x.test', 'To' => 'bob@x.test',
                        'Cc' => 'carol@x.test', 'Subject' => 'a', 'Return-Path' => 'bounce@x.test'],
                        ''' + PHP_TEXT + r''');
            echo 'yes';
        } catch (Exception $e) { echo 'no: ', $e->getMessage(); }''', header={'From': 'zoe@x.test', 'Subject': 'a'},
           notices=(0, rb'^no: sendmail: addressee unknown \(67\)'))


# ---- Perl ---------------------------------------------------------------

PERL_TEXT = r'''"Gr\xc3\xbc\xc3\x9fe,\nFrom here on\n..x\n\nend\n"'''


@test
def email_sender(lab):
    script(lab, ['perl'], r'''
        use strict;
        use Email::Sender::Simple qw(try_to_sendmail);
        use Email::Sender::Transport::Sendmail;
        use Email::Simple;
        my $mail = Email::Simple->create(header => [From => '=?UTF-8?Q?Zo=C3=AB?= Example <zoe@x.test>',
            To => 'bob@x.test', Cc => 'carol@x.test', Subject => '=?UTF-8?B?R3LDvMOfZQ==?='],
            body => ''' + PERL_TEXT + r''');
        print try_to_sendmail($mail, { from => 'bounce@x.test', to => [qw(bob@x.test carol@x.test dave@x.test)],
            transport => Email::Sender::Transport::Sendmail->new }) ? 'yes' : 'no';''')


@test
def mime_lite(lab):
    script(lab, ['perl'], r'''
        use strict;
        use MIME::Lite;
        my $mail = MIME::Lite->new(From => '=?UTF-8?Q?Zo=C3=AB?= Example <zoe@x.test>', To => 'bob@x.test',
            Cc => 'carol@x.test', Bcc => 'dave@x.test', Subject => '=?UTF-8?B?R3LDvMOfZQ==?=', Type => 'text/plain',
            Encoding => '8bit', Data => ''' + PERL_TEXT + r''');
        $mail->attr('content-type.charset' => 'UTF-8');
        print eval { $mail->send('sendmail', FromSender => 'bounce@x.test'); } ? 'yes' : "no: $@";''')


@test
def mail_mailer(lab):
    script(lab, ['perl'], r'''
        use strict;
        use Mail::Mailer;
        my $mail = Mail::Mailer->new('sendmail', '-fbounce@x.test');
        $mail->open({ From => 'zoe@x.test', To => 'bob@x.test', Cc => 'carol@x.test', Bcc => 'dave@x.test',
            Subject => 'a' });
        print $mail ''' + PERL_TEXT + r''';
        print $mail->close ? 'yes' : 'no';''', header={'From': 'zoe@x.test', 'Subject': 'a'})


# ---- Python, JavaScript, Ruby -------------------------------------------

@test
def python_email(lab):
    script(lab, ['/usr/bin/python3'], r'''
import email.message, subprocess
mail = email.message.EmailMessage()
mail['From'], mail['Subject'] = 'Zoë Example <zoe@x.test>', 'Grüße'
mail['To'], mail['Cc'], mail['Bcc'] = 'bob@x.test', 'carol@x.test', 'dave@x.test'
mail.set_content('Grüße,\nFrom here on\n..x\n\nend\n', cte='8bit')
done = subprocess.run(['/usr/sbin/sendmail', '-t', '-oi', '-f', 'bounce@x.test'], input=mail.as_bytes())
print('no' if done.returncode else 'yes', end='')
''')


@test
def nodemailer(lab):
    need_program('node')
    script(lab, ['node'], r'''
        const mailer = require('nodemailer').createTransport({ sendmail: true, path: '/usr/sbin/sendmail' });
        mailer.sendMail({ from: 'Zo\u00eb Example <zoe@x.test>', to: 'bob@x.test', cc: 'carol@x.test',
            bcc: 'dave@x.test', envelope: { from: 'bounce@x.test', to: ['bob@x.test', 'carol@x.test', 'dave@x.test'] },
            subject: 'Gr\u00fc\u00dfe', text: 'Gr\u00fc\u00dfe,\nFrom here on\n..x\n\nend\n' },
            (error) => process.stdout.write(error ? 'no: ' + error.message : 'yes'));''',
           env={'NODE_PATH': '/usr/share/nodejs'}, notices=(0, rb'^no: Sendmail exited with code 67'))


@test
def ruby_mail(lab):
    script(lab, ['ruby'], r'''
        require 'mail'
        mail = Mail.new(charset: 'UTF-8', from: "Zo\u00eb Example <zoe@x.test>", to: 'bob@x.test', cc: 'carol@x.test',
                        bcc: 'dave@x.test', subject: "Gr\u00fc\u00dfe",
                        body: "Gr\u00fc\u00dfe,\nFrom here on\n..x\n\nend\n")
        mail.smtp_envelope_from = 'bounce@x.test'
        mail.delivery_method :sendmail
        begin
          mail.deliver!
          print $?.success? ? 'yes' : 'no'
        rescue => error
          print 'no: ', error
        end''', text=TEXT.replace(b'\n', b'\r\n'), notices=(0, rb'no'))


run()

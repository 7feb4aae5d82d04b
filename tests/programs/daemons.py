#!/usr/bin/env python3
"""The machine's own mail: schedulers and watchers, as their packages are set up."""
import pathlib
import re
import shutil
import subprocess
import time

from lab import *
from world import *

enter()

ROOT_MAIL = dict(sender='root@programs.test', to=['root@programs.test'])
REFUSED = 'rcpt=550 5.1.1 no such user'


def write(path, text, mode=0o644):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- schedulers ---------------------------------------------------------

@test
def atd(lab):
    """The job's owner is not root; sendmail takes the place of atd's child."""
    spool, jobs = pathlib.Path('/var/spool/cron/atspool'), pathlib.Path('/var/spool/cron/atjobs')
    for folder in (jobs, spool):
        folder.mkdir(parents=True)
        shutil.chown(folder, 'daemon', 'daemon')
        folder.chmod(0o1770)
    write(jobs / '.SEQ', '0')
    shutil.chown(jobs / '.SEQ', 'daemon', 'daemon')
    pathlib.Path('/etc/at.deny').chmod(0o644)
    host = begin(lab)
    got = use(lab, ['at', '-M', 'now'], b'exit\n', user='alice')
    is_(got.status, 0, 'a job that wants no mail')
    got = use(lab, ['at', '-m', 'now'], "printf 'Grüße\\n.\\nend\\n'\n".encode(), user='alice')
    is_(got.status, 0, 'a job that wants some')
    # Begun last, so that it finds both jobs due: a signal might come before it listens to any.
    lab._started.append(subprocess.Popen(['atd', '-f'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    arrived(host, 'alice@programs.test', ['alice@programs.test'],
            {'From': '"Alice Example" <alice@programs.test>', 'To': 'alice@programs.test',
             'Subject': re.compile(r'^Output from your job +2$')}, 'Grüße\n.\nend\n'.encode())


@test
def anacron(lab):
    table = write('/etc/table', 'SHELL=/bin/sh\nPATH=/usr/bin\nMAILTO=bob@x.test\n'
                  '1 0 daily echo Grüße; echo end\n')
    shutil.chown(write('/var/spool/anacron/daily', ''), 'root')
    host = begin(lab)
    quiet(use(lab, ['anacron', '-d', '-f', '-n', '-q', '-t', table]))
    arrived(host, 'root@programs.test', ['bob@x.test'],
            {'From': 'Anacron <root@programs.test>', 'To': 'bob@x.test',
             'Subject': "Anacron job 'daily' on box.programs.test"}, 'Grüße\nend\n'.encode())


@test
def calendar(lab):
    write('/run/alice/.calendar/calendar', time.strftime('%m/%d\ttoday\n', time.gmtime()))
    for path in ('/run/alice/.calendar', '/run/alice/.calendar/calendar'):
        shutil.chown(path, 'alice', 'alice')
    host = begin(lab)
    got = use(lab, ['calendar', '-a'])
    is_((got.status, got.out), (0, b''), 'it succeeds')
    arrived(host, 'alice@programs.test', ['alice@programs.test'],
            {'From': re.compile('alice@programs.test'), 'To': 'alice@programs.test'}, re.compile(rb'today\n'))


# ---- watchers -----------------------------------------------------------

@test
def sudo(lab):
    pathlib.Path('/usr/bin/sudo').chmod(0o4755)
    write('/etc/sudoers', 'Defaults mail_always, mailto="bob@x.test"\nroot ALL=(ALL) ALL\n', 0o440)
    host = begin(lab)
    got = use(lab, ['sudo', '-n', '/usr/bin/id', '-un'])
    is_(got.status, 0, 'the command runs')
    arrived(host, 'root@programs.test', ['bob@x.test'],
            {'From': 'root@programs.test', 'To': 'bob@x.test', 'Auto-Submitted': 'auto-generated',
             'Subject': f'*** SECURITY information for {HOST} ***'},
            re.compile(rb'COMMAND=/usr/bin/id -un( ; EXIT=0)?\n'))


@test
def sudo_refuses(lab):
    pathlib.Path('/usr/bin/sudo').chmod(0o4755)
    write('/etc/sudoers', 'Defaults mailto="bob@x.test", !authenticate\nroot ALL=(ALL) ALL\n', 0o440)
    host = begin(lab)
    got = use(lab, ['sudo', '-n', '/usr/bin/id'], user='alice')
    is_(got.status, 1, 'alice may not')
    arrived(host, 'alice@programs.test', ['bob@x.test'],
            {'From': 'alice@programs.test', 'To': 'bob@x.test'}, re.compile(rb'COMMAND=/usr/bin/id\n'))


@test
def mdadm(lab):
    write('/etc/mdadm/mdadm.conf', 'MAILADDR root\n'
          'ARRAY /dev/md/0 metadata=1.2 UUID=3aaa0122:29827cfa:5331ad66:ca767371\n')
    host = begin(lab)
    got = use(lab, ['mdadm', '--monitor', '--scan', '--oneshot', '--test'])
    is_(got.status, 0, 'it succeeds')
    arrived(host, **ROOT_MAIL, header={'From': f'mdadm monitoring <root@{HOST}>', 'To': 'root@programs.test',
                                       'Subject': re.compile('^TestMessage event on /dev/md/0:box')},
            text=re.compile(rb'md device /dev/md/0\.'))


@test
def smartd(lab):
    shown(lab, ['/usr/share/smartmontools/smartd_warning.sh'],
          env={'SMARTD_ADDRESS': 'bob@x.test carol@x.test', 'SMARTD_MAILER': '',
               'SMARTD_FAILTYPE': 'CurrentPendingSector', 'SMARTD_PREVCNT': '0',
               'SMARTD_MESSAGE': 'Device: /dev/sda, 1 Currently unreadable sectors',
               'SMARTD_NEXTDAYS': '1', 'SMARTD_TFIRST': '', 'SMARTD_DEVICEINFO': 'a disk'},
          sender='root@programs.test', to=['bob@x.test', 'carol@x.test'],
          header={'From': re.compile('root@programs.test'), 'To': 'bob@x.test, carol@x.test',
                  'Subject': 'SMART error (CurrentPendingSector) detected on host: box'},
          text=re.compile(rb'Device: /dev/sda, 1 Currently unreadable sectors\n\nDevice info:\na disk\n'))


@test
def fail2ban(lab):
    write('/etc/fail2ban/jail.d/defaults-debian.conf', '''[DEFAULT]
banaction = noop
[watched]
enabled = true
backend = polling
logpath = /run/watched.log
filter =
failregex = ^bad <HOST>
action = sendmail[name=watched]
''')
    write('/run/watched.log', '')
    pathlib.Path('/run/fail2ban').mkdir()
    host = begin(lab)
    server = subprocess.Popen(['fail2ban-server', '-f', '-x', '--logtarget', '/run/fail2ban.log', 'start'],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={'PATH': '/usr/bin:/usr/sbin'})
    lab._started.append(server)
    wait_until(lambda: use(lab, ['fail2ban-client', 'ping']).status == 0, what='the server')
    mail = dict(sender='fail2ban@programs.test', to=['root@programs.test'])
    header = {'From': 'Fail2Ban <fail2ban@programs.test>', 'To': 'root@programs.test'}
    arrived(host, **mail, header={**header, 'Subject': f'[Fail2Ban] watched: started on {HOST}'},
            text=re.compile(rb'^Hi,\n\nThe jail watched has been started successfully\.\n'))
    use(lab, ['fail2ban-client', 'set', 'watched', 'banip', '192.0.2.9'])
    arrived(host, **mail, header={**header, 'Subject': f'[Fail2Ban] watched: banned 192.0.2.9 from {HOST}'},
            text=re.compile(rb'^Hi,\n\nThe IP 192\.0\.2\.9 has just been banned by Fail2Ban after\n'), number=1)
    host.stop()
    host = begin(lab, reply=REFUSED)
    use(lab, ['fail2ban-client', 'set', 'watched', 'banip', '192.0.2.10'])
    log = pathlib.Path('/run/fail2ban.log')
    wait_until(lambda: 'Failed to execute ban' in log.read_text(), what='a word on the refusal')
    like(log.read_text(), r'550 5\.1\.1 no such user', 'what was refused is in its log')
    use(lab, ['fail2ban-client', 'stop'])
    server.wait(20)


@test
def logwatch(lab):
    write('/var/log/auth.log',
          time.strftime('%b %e %T box sshd[1]: Accepted publickey for alice from 192.0.2.1 port 1 ssh2\n'))
    pathlib.Path('/var/cache/logwatch').mkdir(exist_ok=True)
    shown(lab, ['logwatch', '--output', 'mail', '--mailto', 'bob@x.test,carol@x.test', '--service', 'sshd', '--range',
                'today'], sender='root@programs.test', to=['bob@x.test', 'carol@x.test'],
          header={'From': re.compile('root@programs.test'), 'Subject': re.compile(r'^Logwatch for box')},
          text=re.compile(rb'Logwatch 7'))


# ---- packages' news -----------------------------------------------------

UPGRADES = '''import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader('uu', '/usr/bin/unattended-upgrade')
module = importlib.util.module_from_spec(importlib.util.spec_from_loader('uu', loader))
loader.exec_module(module)
status = module._send_mail_using_sendmail('root', 'root', 'unattended-upgrades result for box: SUCCESS',
    'Gr\\u00fc\\u00dfe\\n.\\nend\\n')
print('status', status)
'''


@test
def unattended_upgrades(lab):
    shown(lab, ['/usr/bin/python3', '-c', UPGRADES], **ROOT_MAIL, out=rb'^status 0\n$',
          header={'From': 'root@programs.test', 'To': 'root@programs.test', 'Auto-Submitted': 'auto-generated',
                  'Subject': 'unattended-upgrades result for box: SUCCESS'}, text='Grüße\n.\nend\n'.encode(),
          notices=(0, rb'550 5\.1\.1(?s:.*)|status 67'))


CHANGES = '''import sys
sys.path.insert(0, '/usr/share/apt-listchanges')
import apt_listchanges
class config: email_address, email_format = 'root', 'text'
apt_listchanges.mail_changes(config, 'Gr\\u00fc\\u00dfe\\n.\\nend\\n', 'apt-listchanges: news for box')
'''


@test
def apt_listchanges(lab):
    shown(lab, ['/usr/bin/python3', '-c', CHANGES], **ROOT_MAIL,
          out=rb'^apt-listchanges: Mailing root: apt-listchanges: news for box\n$',
          header={'From': re.compile('root@programs.test'), 'To': 'root@programs.test',
                  'Subject': 'apt-listchanges: news for box'}, text='Grüße\n.\nend\n'.encode(),
          notices=(0, rb"Failed to send mail to root: .*exit status 67"))


@test
def cron_apt(lab):
    write('/etc/cron-apt/config', 'APTCOMMAND=/usr/bin/true\nMAILON=always\nMAILTO=root\nRUNSLEEP=0\nNOISE=1\n')
    pathlib.Path('/var/log/cron-apt').mkdir()
    for path in pathlib.Path('/etc/cron-apt/action.d').iterdir():
        path.unlink()
    write('/etc/cron-apt/action.d/1-say', 'say\n')
    write('/etc/cron-apt/config.d/1-say', '')
    shown(lab, ['cron-apt'], **ROOT_MAIL,
          header={'From': re.compile('root@programs.test'), 'To': 'root@programs.test',
                  'Subject': re.compile('^CRON-APT')}, text=re.compile(rb'CRON-APT'))


@test
def popularity_contest(lab):
    write('/etc/popularity-contest.conf', 'PARTICIPATE=yes\nMY_HOSTID=0123456789abcdef0123456789abcdef\n'
          'USEHTTP=no\nENCRYPT=no\nMAILTO=survey@x.test\nMAILFROM=zoe@x.test\n')
    shown(lab, ['/etc/cron.daily/popularity-contest', '--crond'], out=rb'^dpkg-query: no packages',
          sender='zoe@x.test', to=['survey@x.test'],
          header={'From': '<zoe@x.test>', 'To': 'survey@x.test', 'Subject': 'popularity-contest submission'},
          text=re.compile(rb'^POPULARITY-CONTEST-0 '))


@test
def ddclient(lab):
    write('/etc/ddclient.conf', 'mail=bob@x.test\nprotocol=dyndns2\nuse=ip\nip=192.0.2.1\nserver=127.0.0.1:1\nssl=no\n'
          'login=a\npassword=b\nname.x.test\n', 0o600)
    pathlib.Path('/var/cache/ddclient').mkdir(exist_ok=True)
    host = begin(lab)
    use(lab, ['ddclient', '-daemon=0', '-file', '/etc/ddclient.conf', '-cache', '/run/ddclient.cache'])
    arrived(host, 'root@programs.test', ['bob@x.test'],
            {'To': 'bob@x.test', 'Subject': re.compile('^status report from ddclient@')},
            re.compile(rb'(?s)cannot connect to 127\.0\.0\.1:1.*regards,\n   ddclient@'))


# ---- deliveries ---------------------------------------------------------

FORWARDED = b'From sender@x.test Mon Jan  1 00:00:00 2024\n' + \
    b'From: zoe@x.test\nTo: alice\nBcc: dave@x.test\nSubject: a\n\n' + TEXT


@test
def procmail(lab):
    write('/run/alice/rc', 'SHELL=/bin/sh\n:0\n! bob@x.test carol@x.test\n')
    host = begin(lab)
    got = use(lab, ['procmail', '-m', '/run/alice/rc'], FORWARDED, user='alice')
    quiet(got)
    arrived(host, 'alice@programs.test', ['bob@x.test', 'carol@x.test'], {'From': 'zoe@x.test'}, TEXT + b'\n')
    begin(lab, reply=REFUSED)
    got = use(lab, ['procmail', '-m', '/run/alice/rc', 'EXITCODE='], FORWARDED, user='alice')
    like(got.err, rb'550 5\.1\.1', 'the refusal is shown')


@test
def maildrop(lab):
    write('/run/alice/.mailfilter', 'to "! bob@x.test"\n', 0o600)
    shutil.chown('/run/alice/.mailfilter', 'alice', 'alice')
    host = begin(lab)
    quiet(use(lab, ['maildrop', '.mailfilter'], FORWARDED, user='alice'))
    arrived(host, '', ['bob@x.test'], {'From': 'zoe@x.test'}, TEXT)
    begin(lab, reply=REFUSED)
    is_(use(lab, ['maildrop', '.mailfilter'], FORWARDED, user='alice').status, 67, 'the refusal is passed on')


@test
def vacation(lab):
    write('/run/alice/.vacation.msg', 'Subject: away\n\nI am away.\n')
    for name in ('', '.vacation.msg'):
        shutil.chown(f'/run/alice/{name}', 'alice', 'alice')
    host = begin(lab)
    quiet(use(lab, ['vacation', '-i'], user='alice'))
    quiet(use(lab, ['vacation', 'alice'], FORWARDED, user='alice'))
    arrived(host, 'alice@programs.test', ['sender@x.test'],
            {'Subject': 'away', 'From': re.compile('alice@programs.test')}, re.compile(b'I am away.\n'))


@test
def dovecot_sieve(lab):
    write('/run/alice/script.sieve', 'redirect "bob@x.test";\n')
    conf = write('/run/alice/dovecot.conf', """sendmail_path = /usr/sbin/sendmail
mail_location = maildir:/run/alice/Maildir
postmaster_address = root@programs.test
log_path = /run/alice/dovecot.log
ssl = no
protocol lda {
  mail_plugins = sieve
}
plugin {
  sieve = file:/run/alice/script.sieve
}
""")
    shutil.chown('/run/alice', 'alice', 'alice')
    command = ['/usr/lib/dovecot/dovecot-lda', '-c', conf, '-f', 'sender@x.test', '-a', 'alice@programs.test']
    host = begin(lab)
    got = use(lab, command, FORWARDED.partition(b'\n')[2], user='alice')
    quiet(got)
    arrived(host, 'sender@x.test', ['bob@x.test'], {'From': 'zoe@x.test'}, TEXT)
    is_(list(pathlib.Path('/run/alice/Maildir/new').glob('*')), [], 'no copy is kept')
    begin(lab, reply=REFUSED)
    is_(use(lab, command, FORWARDED.partition(b'\n')[2], user='alice').status, 75, 'the delivery is tried again')
    like(pathlib.Path('/run/alice/dovecot.log').read_text(), 'sendmail.*67|Sendmail.*67', 'and the log says so')


run()

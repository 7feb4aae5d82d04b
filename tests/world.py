"""A world for real programs: their Debian packages unpacked into build/programs (nothing is installed), laid over this
machine's files in a private mount, process and network namespace with a host name of its own. Inside,
/usr/sbin/sendmail is the program, /etc/sendmail.ini leads to a throw-away smarthost on loopback, and whatever the
programs write vanishes with the test.

    from lab import *
    from world import *

    enter()                             # first: runs this file again inside, or says why all is skipped

    @test
    def mutt(lab):
        shown(lab, ['mutt', '-s', 'a', 'bob@x.test'], TEXT, sender='root@programs.test', to=['bob@x.test'],
              header={'Subject': 'a'}, text=TEXT, notices=(1, rb'550 5.1.1'))
"""
import email
import email.header
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lab import (BINARY, BUILD, Skip, _build_lock, certificates, is_, like, need_program, need_root, ok,
                 smarthost_program)

__all__ = ['enter', 'begin', 'use', 'quiet', 'arrived', 'shown', 'TEXT', 'HOST']

INSIDE = 'SENDMAIL_TEST_WORLD'
TREE = BUILD / 'programs'
HOST = 'box.programs.test'
TEXT = 'Gr\u00fc\u00dfe,\nFrom here on\n..x\n\nend\n'.encode()

PACKAGES = '''alpine anacron apt-listchanges at bsd-mailx calendar cron cron-apt ddclient devscripts dovecot-sieve
    fail2ban git-email libemail-sender-perl libmail-sendmail-perl libmailtools-perl libmime-lite-perl
    libphp-phpmailer logwatch maildrop mailutils mdadm mercurial mutt neomutt nmh node-nodemailer nodejs php-cli
    php-horde-mail php-symfony-mailer popularity-contest procmail reportbug ruby-mail
    s-nail smartmontools sudo swaks unattended-upgrades vacation'''.split()
# Not needed by what is run here: the machine's own service manager, and mail servers.
NEVER = re.compile(r'systemd|udev|lib(udev|nss-|pam-systemd|systemd)|exim4|postfix|mysql-common|mariadb|kmod|init')
APT = ['apt-get', '-qq', '-o', 'APT::Sandbox::User=root']


def _wanted():
    """The packages and what they need that is not on this machine; apt resolves it and installs nothing."""
    for refreshed in (False, True):
        done = subprocess.run([*APT, '-s', 'install', '--no-install-recommends', '--reinstall', *PACKAGES],
                              capture_output=True, text=True)
        if done.returncode == 0:
            return [n for n in re.findall(r'^Inst (\S+)', done.stdout, re.M) if not NEVER.match(n)]
        if not refreshed:
            subprocess.run([*APT, 'update'], capture_output=True)
    raise Skip('the packages cannot be had')


def _merge_usr(tree):
    """Packages may still say /bin and /sbin; this machine has links there."""
    for name in ('bin', 'sbin', 'lib'):
        if (tree / name).is_dir():
            subprocess.run(['cp', '-a', f'{tree / name}/.', tree / 'usr' / name], check=True)
            shutil.rmtree(tree / name)


def fetch():
    """build/programs, once for a list of packages."""
    listed = TREE / 'packages'
    with _build_lock():
        if listed.exists() and listed.read_text() == ' '.join(PACKAGES):
            return
        shutil.rmtree(TREE, ignore_errors=True)
        fresh = pathlib.Path(tempfile.mkdtemp(prefix='programs-', dir=BUILD))
        debs = fresh / 'debs'
        debs.mkdir()
        if subprocess.run([*APT, 'download', *_wanted()], cwd=debs, capture_output=True).returncode != 0:
            shutil.rmtree(fresh)
            raise Skip('the packages cannot be downloaded')
        for deb in debs.glob('*.deb'):
            subprocess.run(['dpkg', '-x', deb, fresh], check=True)
        shutil.rmtree(debs)
        _merge_usr(fresh)
        fresh.chmod(0o755)
        (fresh / 'packages').write_text(' '.join(PACKAGES))
        fresh.rename(TREE)


def _mount(*arguments):
    subprocess.run(['mount', *map(str, arguments)], check=True)


def _cover(upper, name):
    """Lays upper and the packages' files over a folder of this machine."""
    layers = [str(folder) for folder in (TREE / name, pathlib.Path('/', name)) if folder.is_dir()]
    work = upper.parent / f'{upper.name}-work'
    work.mkdir()
    _mount('-t', 'overlay', 'overlay', '-o', f'lowerdir={":".join(layers)},upperdir={upper},workdir={work}', f'/{name}')


def _add_users():
    """The ones some programs want."""
    known = pathlib.Path('/etc/passwd').read_text()
    users = {'alice': (64101, 'Alice Example,,,', '/run/alice'), 'crontab': (64102, '', '/')}
    with open('/etc/passwd', 'a') as passwd, open('/etc/group', 'a') as group, open('/etc/shadow', 'a') as shadow:
        for name, (number, gecos, home) in users.items():
            if f'\n{name}:' not in known:
                passwd.write(f'{name}:x:{number}:{number}:{gecos}:{home}:/bin/sh\n')
                group.write(f'{name}:x:{number}:\n')
                shadow.write(f'{name}:*:19000:0:99999:7:::\n')
    passwd = pathlib.Path('/etc/passwd')
    passwd.write_text(re.sub(r'(?m)^(root:.*?):/root:', r'\1:/run/root:', passwd.read_text()))
    for name, number in (('root', 0), ('alice', 64101)):
        home = pathlib.Path('/run', name)
        home.mkdir(mode=0o755)
        os.chown(home, number, number)


def _lay_out():
    """This machine's files, the packages over them, the program at its places; all that is written goes to memory."""
    layers = BUILD / 'world'         # nothing is left in it: what is mounted there ends with the namespace
    layers.mkdir(exist_ok=True)
    _mount('-t', 'tmpfs', '-o', 'mode=755', 'world', layers)
    for name in ('usr', 'etc'):
        upper = layers / name
        upper.mkdir(mode=0o755)
        if name == 'usr':
            for folder in ('sbin', 'lib', 'bin'):
                (upper / folder).mkdir(mode=0o755)
            shutil.copy(BINARY, upper / 'sbin/sendmail')
            (upper / 'lib/sendmail').symlink_to('../sbin/sendmail')
            (upper / 'bin/mailq').symlink_to('../sbin/sendmail')
            (upper / 'bin/mail').symlink_to('bsd-mailx')
        _cover(upper, name)
    pathlib.Path('/etc/mailname').write_text('programs.test\n')
    pathlib.Path('/etc/aliases').unlink(missing_ok=True)
    pathlib.Path('/etc/hosts').write_text(f'127.0.0.1 localhost\n127.0.1.1 {HOST} box\n')
    for path in ('/run', '/var/spool', '/var/log', '/var/lib', '/var/mail'):
        _mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', path)
    os.mkdir('/run/tmp')
    os.chmod('/run/tmp', 0o1777)
    _add_users()
    shutil.copy(certificates() / 'ca.pem', '/etc/ssl/world.pem')
    os.chmod('/etc/ssl/world.pem', 0o644)
    pathlib.Path('/run/sendmail.log').touch()
    os.chmod('/run/sendmail.log', 0o666)


def enter():
    """Outside: prepares, and runs this program again inside; or says why all is skipped. Inside: returns."""
    if INSIDE not in os.environ:
        try:
            need_root()
            need_program('unshare', 'ip', 'apt-get', 'dpkg')
            if subprocess.run(['unshare', '-m', '-p', '-n', '-u', '-f', 'true'], capture_output=True).returncode != 0:
                raise Skip('needs the right to make namespaces')
            fetch()
            certificates()
            smarthost_program()
        except Skip as reason:
            print(f'1..0 # SKIP {reason}')
            sys.exit(0)
        os.environ[INSIDE] = 'yes'
        os.execvp('unshare', ['unshare', '-m', '-p', '-n', '-u', '-f', '--kill-child', '--mount-proc', sys.executable,
                              *sys.argv])
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    subprocess.run(['hostname', HOST], check=True)
    _lay_out()


# ---- what a test says ---------------------------------------------------

def begin(lab, reply=(), **sections):
    """A smarthost, and /etc/sendmail.ini that leads to it; without a queue, so that callers hear what it answers."""
    host = lab.smarthost(user=None, reply=reply)
    given = {'smarthost': {'ca_file': '/etc/ssl/world.pem', 'user': None, 'password_file': None, 'auth': 'none'},
             'identity': {'domain': None}, 'queue': {'directory': 'none'}, 'log': {'target': '/run/sendmail.log'}}
    for name, keys in sections.items():
        given.setdefault(name, {}).update(keys)
    lab.config(host, path=pathlib.Path('/etc/sendmail.ini'), **given).chmod(0o644)
    return host


def use(lab, argv, stdin=b'', user='root', env=None, **popen):
    """Runs a real program as this user, with little in its environment; a lab.Result."""
    home = f'/run/{user}'
    clean = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/bin/mh', 'HOME': home, 'USER': user,
             'LOGNAME': user, 'SHELL': '/bin/sh', 'LANG': 'C.UTF-8', 'TZ': 'UTC', 'TERM': 'dumb', 'TMPDIR': '/run/tmp'}
    become = {} if user == 'root' else {'user': user, 'group': user, 'extra_groups': []}
    return lab.run(argv, stdin, {**clean, **(env or {})}, **{'cwd': home, **become, **popen})


def quiet(got, name='the program'):
    is_((got.status, got.out, got.err), (0, b'', b''), f'{name} succeeds in silence')


def _decoded(value):
    return str(email.header.make_header(email.header.decode_header(' '.join(value.split()))))


def _text(message):
    """The first text of the message, decoded, with LF."""
    for part in email.message_from_bytes(message.message).walk():
        if part.get_content_maintype() == 'text':
            text = part.get_payload(decode=True).decode(part.get_content_charset('utf-8'), 'surrogateescape')
            return text.encode('utf-8', 'surrogateescape').replace(b'\r\n', b'\n')
    return None


def _same(got, want, name):
    if isinstance(want, re.Pattern):
        ok(got is not None and want.search(got), name, f'got:     {got!r}', f'pattern: {want.pattern!r}')
    else:
        is_(got, want, name)


def arrived(host, sender, to, header, text, number=0):
    """One complete message: envelope, these header fields (decoded; None: not there) and this text (bytes, or a
    pattern for what only the program can know); nothing of Bcc."""
    message = host.messages(number + 1, seconds=5)[number]
    is_((message.sender, sorted(message.recipients)), (sender, sorted(to)), 'the envelope')
    ok(b'\n' not in message.wire.replace(b'\r\n', b'') and b'\r\r' not in message.wire, 'line ends', message.wire)
    parsed = email.message_from_bytes(message.message)
    for name in ('Date', 'Message-ID', 'From'):
        is_(len(parsed.get_all(name, [])), 1, f'one {name}', message.message)
    for name in ('Bcc', 'Resent-Bcc', 'Return-Path'):
        is_(parsed.get_all(name, []), [], f'no {name}')
    for name, want in header.items():
        found = parsed.get_all(name)
        _same(found and ', '.join(map(_decoded, found)), want, name)
    _same(_text(message), text, 'the text')
    return message


def shown(lab, argv, stdin=b'', notices=None, out=b'', user='root', env=None, **want):
    """The program sends in silence (or says out, a pattern), and what arrived is as wanted (see arrived); then the
    smarthost refuses everything, and the program notices: (its status, a pattern of what it says). notices=None:
    nobody waits for the answer."""
    host = begin(lab)
    got = use(lab, argv, stdin, user, env)
    if out:
        is_(got.status, 0, 'the program succeeds')
        like(got.out + got.err, out, 'and says no more than usual')
    else:
        quiet(got)
    message = arrived(host, **want)
    is_(len(host.messages()), 1, 'one message')
    if notices is None:
        return message
    host = begin(lab, reply='rcpt=550 5.1.1 no such user')
    got = use(lab, argv, stdin, user, env)
    is_(got.status, notices[0], 'the status of what was refused')
    like(got.out + got.err, notices[1], 'the refusal is shown')
    is_(host.messages(), [], 'nothing arrived')
    return message

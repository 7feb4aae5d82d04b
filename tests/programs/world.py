"""A world for real programs: their Debian packages unpacked into build/programs (nothing is installed), laid over this
machine's files in a private mount, process and network namespace with a host name of its own. Inside, /usr/sbin/sendmail
is the program, /etc/sendmail.ini leads to a throw-away smarthost on loopback, and whatever the programs write
vanishes with the test.

    from world import enter, PACKAGES
    enter()                 # first: runs this file again inside, or says why all is skipped
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lab import BINARY, BUILD, ROOT, Skip, _build_lock, certificates, need_program, need_root, smarthost_program

INSIDE = 'SENDMAIL_TEST_WORLD'
TREE = BUILD / 'programs'
HOST = 'box.programs.test'

PACKAGES = '''alpine at bsd-mailx cron dovecot-sieve fail2ban git-email libemail-sender-perl libmime-lite-perl
    libphp-phpmailer logwatch mailutils mdadm mutt nmh php-cli php-symfony-mailer procmail reportbug s-nail smartmontools
    sudo swaks unattended-upgrades'''.split()
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
    """build/programs, once."""
    with _build_lock():
        if TREE.exists():
            return
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
    with open('/etc/passwd', 'a') as passwd, open('/etc/group', 'a') as group:
        for name, (number, gecos, home) in users.items():
            if f'\n{name}:' not in known:
                passwd.write(f'{name}:x:{number}:{number}:{gecos}:{home}:/bin/sh\n')
                group.write(f'{name}:x:{number}:\n')
    home = pathlib.Path('/run/alice')
    home.mkdir()
    os.chown(home, 64101, 64101)


def _lay_out():
    """This machine's files, the packages over them, the program at its places; all that is written goes to memory."""
    layers = pathlib.Path(tempfile.mkdtemp(prefix='world-'))
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
        _cover(upper, name)
    pathlib.Path('/etc/mailname').write_text('programs.test\n')
    pathlib.Path('/etc/aliases').unlink(missing_ok=True)
    pathlib.Path('/etc/hosts').write_text(f'127.0.0.1 localhost\n127.0.1.1 {HOST} box\n')
    for path in ('/run', '/var/spool', '/var/log', '/var/lib', '/var/mail'):
        _mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', path)
    _add_users()


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

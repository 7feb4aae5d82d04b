"""A real Postfix for tests: unpacked into build/peers (nothing is installed), run inside private mount, process and
network namespaces, so that ports, users and folders are its own and everything ends with the test.

    from lab import *
    from peer import Postfix, enter_namespaces

    enter_namespaces('postfix')          # first: runs this file again inside
    postfix = Postfix()                  # one for all tests of the file
"""
import atexit
import fcntl
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from lab import BUILD, Skip, certificates, need_program, need_root, wait_until

__all__ = ['Postfix', 'enter_namespaces']

PEERS = BUILD / 'peers'
INSIDE = 'SENDMAIL_TEST_NAMESPACE'

# Of the namespaces only: who the servers are, and vmail, who owns what arrives.
USERS = {'postfix': 64001, 'vmail': 64003, 'dovecot': 64004, 'dovenull': 64005, 'Debian-exim': 64006,
         'opensmtpd': 64007, 'opensmtpq': 64008}
POSTDROP = 64002

# ---- packages -----------------------------------------------------------

_POSTFIX = ['postfix', 'sasl2-bin', 'libsasl2-modules', 'libsasl2-modules-db']
PACKAGES = {'postfix': _POSTFIX,
            'servers': [*_POSTFIX, 'dovecot-core', 'dovecot-submissiond', 'exim4-base', 'exim4-daemon-heavy',
                        'opensmtpd']}
APT_GET = ['apt-get', '-qq', '-o', 'APT::Sandbox::User=root']


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def _installed():
    lines = _output('dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n').splitlines()
    return {package for package, _, status in (line.partition(' ') for line in lines) if status == 'installed'}


def _with_libraries(packages):
    """The packages and those libraries they need, of theirs too, that are not on this machine."""
    found, level, here = set(), set(packages), _installed()
    while level:
        found |= level
        depends = _output('apt-cache', 'depends', '--important', *level)
        level = set(re.findall(r'Depends: (lib[\w.+-]+)', depends)) - here - found
    return sorted(found)


def _download(packages, folder):
    """The packages and libraries, by one call; apt's lists are fetched when they are missing or old."""
    for attempt in (1, 2):
        done = subprocess.run([*APT_GET, 'download', *_with_libraries(packages)], cwd=folder, capture_output=True,
                              text=True)
        if done.returncode == 0:
            return
        if attempt == 1:
            subprocess.run([*APT_GET, 'update'], capture_output=True)
    raise Skip(f'the packages {" ".join(packages)} cannot be had: {done.stderr.strip()[:500]}')


def _fetch(name):
    """build/peers/NAME: the unpacked packages; made once."""
    tree = PEERS / name
    PEERS.mkdir(parents=True, exist_ok=True)
    with open(PEERS / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            return tree
        fresh = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}-', dir=PEERS))
        debs = fresh / 'debs'
        debs.mkdir()
        _download(PACKAGES[name], debs)
        for deb in debs.iterdir():
            subprocess.run(['dpkg', '-x', deb, fresh], check=True)
        if (fresh / 'lib').is_dir():
            shutil.copytree(fresh / 'lib', fresh / 'usr/lib', symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(debs)
        fresh.chmod(0o755)
        fresh.rename(tree)
    return tree


# ---- namespaces ---------------------------------------------------------

def enter_namespaces(name):
    """Outside: fetches the packages of this peer and runs this program again inside, or says why all is skipped.
    Inside: lays them over /usr and gives the processes users of their own."""
    if INSIDE not in os.environ:
        try:
            need_root()
            need_program('unshare', 'ip', 'apt-get', 'dpkg')
            if subprocess.run(['unshare', '-m', '-p', '-n', '-f', 'true'], capture_output=True).returncode != 0:
                raise Skip('needs the right to make namespaces')
            tree = _fetch(name)
            certificates()
        except Skip as reason:
            print(f'1..0 # SKIP {reason}')
            sys.exit(0)
        os.environ[INSIDE] = str(tree)
        os.execvp('unshare', ['unshare', '-m', '-p', '-n', '-f', '--kill-child', '--mount-proc', sys.executable,
                              *sys.argv])
    tree = os.environ[INSIDE]
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    _mount('overlay', '/usr', f'lowerdir={tree}/usr:/usr')
    _mount('tmpfs', '/run', 'mode=755')
    _mount('tmpfs', '/var/spool', 'mode=755')
    for folder in ('/run/etc', '/run/work'):
        os.mkdir(folder)
    _mount('overlay', '/etc', 'lowerdir=/etc,upperdir=/run/etc,workdir=/run/work')
    _rewrite('/etc/passwd', ''.join(f'{name}:x:{number}:{number}::/:/bin/false\n' for name, number in USERS.items()))
    _rewrite('/etc/group', ''.join(f'{name}:x:{number}:\n' for name, number in {**USERS, 'postdrop': POSTDROP}.items()))


def _mount(kind, place, options):
    subprocess.run(['mount', '-t', kind, '-o', options, kind, place], check=True)


def _rewrite(path, lines):
    """The lines instead of those that begin with the same names."""
    names = tuple(line.partition(':')[0] + ':' for line in lines.splitlines())
    kept = [line for line in open(path) if not line.startswith(names)]
    pathlib.Path(path).write_text(''.join(kept) + lines)


def start(command, **options):
    """A daemon that stays in the foreground; ended with the test, as all is by the end of the namespace."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)

    def stop():
        process.terminate()
        process.wait()
    atexit.register(stop)
    return process


def wait_for_listeners(process, places):
    """places: (address, port). The daemon must not end before."""
    def listens(place):
        if process.poll() is not None:
            raise RuntimeError(f'{process.args} ended with {process.returncode}')
        with socket.socket() as s:
            return s.connect_ex(place) == 0
    for place in places:
        wait_until(lambda p=place: listens(p), 30, f'{process.args} listening on {place}')


# ---- Postfix ------------------------------------------------------------

_MAIN = '''compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /usr/share/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.example.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
virtual_mailbox_domains = example.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/boxes
virtual_uid_maps = static:64003
virtual_gid_maps = static:64003
smtpd_tls_cert_file = {certificate}.pem
smtpd_tls_key_file = {certificate}.key
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_data_restrictions = reject_unauth_pipelining
message_size_limit = 40000000
virtual_mailbox_limit = 0
'''

_CYRUS = '''smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.test
cyrus_sasl_config_path = {folder}/etc/sasl
'''

_MASTER = '''postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
'''

# Which keywords of EHLO each pair of ports (submissions, submission) leaves out.
VARIANTS = {
    'chunking': (465, 587, ''),
    'data': (1465, 1587, 'chunking'),
    'one at a time': (2465, 2587, 'chunking,pipelining'),
}


def listener(address, port, tls, discarded='', *options):
    """A line of master.cf. tls: implicit, starttls or none; discarded: keywords of EHLO, with commas."""
    how = {'implicit': ['smtpd_tls_wrappermode=yes'], 'starttls': ['smtpd_tls_security_level=encrypt'], 'none': []}[tls]
    return ''.join([f'{address}:{port} inet n - n - - smtpd\n',
                    *(f' -o {option}\n' for option in (f'smtpd_discard_ehlo_keywords={discarded}', *how, *options))])


class Postfix:
    """Submission with a login (app, secret) for example.test; started when it is made.
    variants: name to (implicit, starttls) ports of 127.0.0.1."""

    boxes = {'one@example.test': 'one', 'two@example.test': 'two'}
    user, password = 'app', 'secret'

    def __init__(self):
        self.variants = {name: row[:2] for name, row in VARIANTS.items()}
        services, places = '', []
        for implicit, starttls, discarded in VARIANTS.values():
            for port, tls in ((implicit, 'implicit'), (starttls, 'starttls')):
                services += listener('127.0.0.1', port, tls, discarded)
                places.append(('127.0.0.1', port))
        self._begin()
        self._configure(_CYRUS.format(folder=self.folder), services, certificates() / 'good')
        self._passwords()
        wait_for_listeners(self._start(), places)

    def _begin(self):
        self._folder = tempfile.TemporaryDirectory(prefix='postfix-', ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._folder.name)
        self.folder.chmod(0o755)
        self._log_offset = 0
        owner = USERS['postfix']
        for path, uid, gid, mode in (
                [('etc', 0, 0, 0o755), ('data', owner, -1, 0o700), ('mail', USERS['vmail'], USERS['vmail'], 0o755),
                 ('spool', 0, 0, 0o755), ('etc/sasl', 0, 0, 0o755), ('spool/pid', 0, 0, 0o755),
                 ('spool/maildrop', owner, POSTDROP, 0o730), ('spool/public', owner, POSTDROP, 0o710)]
                + [(f'spool/{name}', owner, -1, 0o700) for name in
                   'active bounce corrupt defer deferred flush hold incoming private saved trace'.split()]):
            (self.folder / path).mkdir()
            os.chown(self.folder / path, uid, gid)
            (self.folder / path).chmod(mode)

    def _configure(self, main, services, certificate):
        """main: more lines of main.cf; services: of master.cf; certificate: path without .pem and .key."""
        etc = self.folder / 'etc'
        (etc / 'main.cf').write_text(_MAIN.format(folder=self.folder, certificate=certificate) + main)
        (etc / 'master.cf').write_text(_MASTER + services)
        (etc / 'boxes').write_text(''.join(f'{address} {box}/\n' for address, box in self.boxes.items()))

    def _passwords(self):
        """Of Cyrus SASL."""
        etc = self.folder / 'etc'
        (etc / 'sasl' / 'smtpd.conf').write_text('pwcheck_method: auxprop\nauxprop_plugin: sasldb\n'
                                                 f'mech_list: PLAIN LOGIN\nsasldb_path: {etc}/sasldb\n')
        subprocess.run(['saslpasswd2', '-f', etc / 'sasldb', '-c', '-p', '-u', 'example.test', self.user],
                       input=self.password.encode(), check=True)
        os.chown(etc / 'sasldb', USERS['postfix'], -1)

    def _start(self):
        return start(['/usr/lib/postfix/sbin/master', '-d', '-c', self.folder / 'etc'], cwd=self.folder)

    def mail(self, address, seconds=20):
        """The one message in a box (bytes, LF, with the lines Postfix put in front), which is emptied."""
        folder = self.folder / 'mail' / self.boxes[address] / 'new'
        found = wait_until(lambda: list(folder.glob('*')), seconds, f'mail for {address}')
        assert len(found) == 1, found
        content = found[0].read_bytes()
        found[0].unlink()
        return content

    def log(self):
        """What was logged since the last call."""
        text = (self.folder / 'maillog').read_text(errors='replace')
        new, self._log_offset = text[self._log_offset:], len(text)
        return new

    def counts(self, seconds=20):
        """The commands of the one session since the last log(), as Postfix counts them {"ehlo": "1", "rcpt": "1/2", ...}:
        of two figures the first is what it accepted."""
        found = []

        def ended():
            found.append(self.log())
            return re.search(r'disconnect from \S+ (ehlo=.*)', ''.join(found))
        return {k: v for k, v in (pair.split('=') for pair in wait_until(ended, seconds, 'a disconnect')[1].split())}

"""A real Postfix for tests: unpacked into build/peers (nothing is installed), run inside private mount, process and
network namespaces, so that ports, users and folders are its own and everything ends with the test.

    from lab import *
    from peer import Postfix, enter_namespaces

    enter_namespaces('postfix')          # first: runs this file again inside
    postfix = Postfix()                  # one for all tests of the file
"""
import atexit
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from lab import BUILD, ROOT, Skip, _build_lock, certificates, need_program, need_root, wait_until

__all__ = ['Postfix', 'enter_namespaces']

PEERS = BUILD / 'peers'
INSIDE = 'SENDMAIL_TEST_NAMESPACE'

# ---- packages -----------------------------------------------------------

PACKAGES = {'postfix': ['postfix', 'sasl2-bin', 'libsasl2-modules', 'libsasl2-modules-db']}


def _installed(package):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${db:Status-Status}', package], capture_output=True, text=True)
    return done.stdout.startswith('installed')


def _download(package, folder):
    """The package's file; apt's lists are fetched when it does not know the package."""
    command = ['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', package]
    for attempt in (1, 2):
        if subprocess.run(command, cwd=folder, capture_output=attempt == 1).returncode == 0:
            return next(folder.glob(f'{package}_*.deb'))
        if attempt == 1:
            subprocess.run(['apt-get', '-qq', 'update'], capture_output=True)
    raise Skip(f'the package {package} cannot be had')


def _fetch(name):
    """build/peers/NAME: the packages and those libraries they need that are not on this machine."""
    tree = PEERS / name
    with _build_lock():
        if tree.exists():
            return tree
        PEERS.mkdir(exist_ok=True)
        fresh = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}-', dir=PEERS))
        debs = fresh / 'debs'
        debs.mkdir()
        wanted, seen = list(PACKAGES[name]), set()
        while wanted:
            package = wanted.pop()
            if package in seen:
                continue
            seen.add(package)
            deb = _download(package, debs)
            subprocess.run(['dpkg', '-x', deb, fresh], check=True)
            depends = subprocess.run(['dpkg-deb', '-f', deb, 'Depends'], check=True, capture_output=True, text=True)
            libraries = re.findall(r'(?:^|, )(lib[\w.+-]+)', depends.stdout)
            wanted += [lib for lib in libraries if not _installed(lib)]
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
    subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir={tree}/usr:/usr', '/usr'], check=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run'], check=True)
    users = pathlib.Path('/run/users')
    users.mkdir()
    for path, lines in (('/etc/passwd', 'postfix:x:64001:64001::/:/bin/false\nvmail:x:64003:64003::/:/bin/false\n'),
                        ('/etc/group', 'postfix:x:64001:\npostdrop:x:64002:\nvmail:x:64003:\n')):
        kept = [line for line in open(path) if not re.match('postfix:|postdrop:|vmail:', line)]
        own = users / os.path.basename(path)
        own.write_text(''.join(kept) + lines)
        subprocess.run(['mount', '--bind', own, path], check=True)


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
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_uid_maps = static:64003
virtual_gid_maps = static:64003
smtpd_tls_cert_file = {certificates}/good.pem
smtpd_tls_key_file = {certificates}/good.key
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.test
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_data_restrictions = reject_unauth_pipelining
message_size_limit = 40000000
virtual_mailbox_limit = 0
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


class Postfix:
    """Submission with a login (app, secret) for example.test. variants: name to (implicit, starttls) ports."""

    boxes = ('one@example.test', 'two@example.test')
    user, password = 'app', 'secret'

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='postfix-', ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._folder.name)
        self.folder.chmod(0o755)
        self.variants = {name: row[:2] for name, row in VARIANTS.items()}
        self._directories()
        self._configuration()
        self._log_offset = 0
        self.process = subprocess.Popen(['/usr/lib/postfix/sbin/master', '-d', '-c', self.folder / 'etc'],
                                        stdin=subprocess.DEVNULL, cwd=self.folder)
        atexit.register(self.stop)
        for ports in self.variants.values():
            for port in ports:
                wait_until(lambda p=port: self._listens(p), 30, f'a listening Postfix on port {port}')

    def stop(self):
        self.process.terminate()
        self.process.wait()

    @staticmethod
    def _listens(port):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0

    def _directories(self):
        owner, group = pwd.getpwnam('postfix').pw_uid, 64002
        for path, uid, gid, mode in (
                [('etc', 0, 0, 0o755), ('data', owner, -1, 0o700), ('mail', 64003, 64003, 0o755), ('spool', 0, 0, 0o755), ('etc/sasl', 0, 0, 0o755),
                 ('spool/pid', 0, 0, 0o755), ('spool/maildrop', owner, group, 0o730),
                 ('spool/public', owner, group, 0o710)]
                + [(f'spool/{name}', owner, -1, 0o700) for name in
                   'active bounce corrupt defer deferred flush hold incoming private saved trace'.split()]):
            (self.folder / path).mkdir()
            os.chown(self.folder / path, uid, gid)
            (self.folder / path).chmod(mode)

    def _configuration(self):
        etc = self.folder / 'etc'
        boxes = ', '.join(f'{{ {box} = {box.partition("@")[0]}/ }}' for box in self.boxes)
        (etc / 'main.cf').write_text(_MAIN.format(folder=self.folder, certificates=certificates(), boxes=boxes))
        services = ''
        for implicit, starttls, discarded in VARIANTS.values():
            common = f' inet n - n - - smtpd\n -o smtpd_discard_ehlo_keywords={discarded}\n'
            services += f'{implicit}{common} -o smtpd_tls_wrappermode=yes\n'
            services += f'{starttls}{common} -o smtpd_tls_security_level=encrypt\n'
        (etc / 'master.cf').write_text(_MASTER + services)
        (etc / 'sasl' / 'smtpd.conf').write_text('pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n'
                                        f'sasldb_path: {etc}/sasldb\n')
        subprocess.run(['saslpasswd2', '-f', etc / 'sasldb', '-c', '-p', '-u', 'example.test', self.user],
                       input=self.password.encode(), check=True)
        os.chown(etc / 'sasldb', pwd.getpwnam('postfix').pw_uid, -1)

    def mail(self, box, seconds=20):
        """The one message in a box (bytes, LF, with the lines Postfix put in front), which is emptied."""
        folder = self.folder / 'mail' / box.partition('@')[0] / 'new'
        found = wait_until(lambda: list(folder.glob('*')), seconds, f'mail for {box}')
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
        """The commands of the one session since the last log(), as Postfix counts them: {'ehlo': '1', 'rcpt': '1/2', ...}:
        of two figures the first is what it accepted."""
        found = []

        def ended():
            found.append(self.log())
            return re.search(r'disconnect from \S+ (ehlo=.*)', ''.join(found))
        return {k: v for k, v in (pair.split('=') for pair in wait_until(ended, seconds, 'a disconnect')[1].split())}

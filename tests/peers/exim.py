"""Exim: most keywords of EHLO depend on the address that was called, but 8BITMIME on the whole configuration."""
import os
import shutil

from peer import start, wait_for_listeners
from peers.common import PASSWORD, RECIPIENTS_MAX, SIZE_MAX, USER, make_folder

_CONFIGURATION = '''exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = exim.servers.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
daemon_smtp_ports = 25
local_interfaces = {interfaces}
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = {certificate}.pem
tls_privatekey = {certificate}.key
tls_verify_certificates = {ca}
tls_try_verify_hosts = *
accept_8bitmime = {eight_bit}
pipelining_advertise_hosts = {pipelining}
chunking_advertise_hosts = {chunking}
dsn_advertise_hosts = {dsn}
smtputf8_advertise_hosts = {smtputf8}
recipients_max = {recipients}
message_size_limit = {size}
host_lookup =
rfc1413_hosts =
smtp_accept_max = 0
keep_environment =
acl_smtp_mail = login_first
acl_smtp_rcpt = known_only
acl_smtp_data = accept

begin acl

login_first:
  deny !authenticated = *
       message = 5.7.0 Authentication required
  accept

known_only:
  require message = relay not permitted
          domains = example.test
  require verify = recipient
  accept

begin routers

boxes:
  driver = accept
  domains = example.test
  local_parts = lsearch;{folder}/boxes
  transport = maildir

begin transports

maildir:
  driver = appendfile
  directory = {folder}/mail/$local_part_data
  maildir_format
  delivery_date_add
  envelope_to_add
  return_path_add
  user = vmail
  group = vmail

begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}

login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}

cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}

external:
  driver = external
  public_name = EXTERNAL
  server_param2 = ${{certextract{{subject,CN}}{{$tls_in_peercert}}}}
  server_condition = ${{if eq{{$auth2}}{{{user}}}}}
  server_set_id = $auth2
  server_advertise_condition = $tls_in_certificate_verified

{dovecot}'''

# By Dovecot behind Exim's own words.
_DOVECOT = '''{driver}:
  driver = dovecot
  public_name = {name}
  server_socket = {auth}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}

'''


def _offered(word, places):
    """Hosts to whom a keyword is offered: all but those who call an address without it."""
    without = ':'.join(place.address for place in places if word in place.off)
    return '*' if not without else f'${{if inlist{{$received_ip_address}}{{{without}}}{{:}}{{*}}}}'


class Exim:
    """boxes: local part to box. One daemon for the places with 8BITMIME, one for the others; configurations that may be
    used with root's rights stand in a list."""

    def __init__(self, folder, places, certificate, ca, boxes, auth):
        self.folder = make_folder(folder)
        make_folder(folder / 'mail', 'vmail')
        ca = shutil.copyfile(ca, folder / 'ca.pem')     # the project may lie where Exim's user cannot look
        (folder / 'boxes').write_text(''.join(f'{local}: {box}\n' for local, box in boxes.items()))
        groups = [[p for p in places if ('8BITMIME' in p.off) == without] for without in (False, True)]
        self._processes = []
        for number, group in enumerate(groups):
            if group:
                self._begin(make_folder(folder / f'daemon-{number}'), group, number == 0,
                            dict(certificate=certificate, ca=ca, auth=auth))

    def _begin(self, folder, places, eight_bit, given):
        for name in ('spool', 'log'):
            make_folder(folder / name, 'Debian-exim')
        for name in ('boxes', 'mail'):
            (folder / name).symlink_to(self.folder / name)
        configuration = folder / 'exim.conf'
        configuration.write_text(_CONFIGURATION.format(
            folder=folder, user=USER, password=PASSWORD, recipients=RECIPIENTS_MAX, size=SIZE_MAX,
            interfaces=' : '.join(f'{address}.{port}' for p in places for address, port, _ in p.listeners),
            eight_bit='yes' if eight_bit else 'no',
            dovecot=''.join(_DOVECOT.format(driver=name.replace('-', '_').lower(), name=name, auth=given['auth'])
                            for name in ('SCRAM-SHA-1', 'SCRAM-SHA-256')),
            **{word.lower(): _offered(word, places) for word in ('PIPELINING', 'CHUNKING', 'DSN', 'SMTPUTF8')},
            **given))
        _trust(configuration)
        process = start(['exim4', '-C', configuration, '-bdf'])
        self._processes.append((process, [where[:2] for place in places for where in place.listeners]))

    def wait(self):
        for process, listeners in self._processes:
            wait_for_listeners(process, listeners)


def _trust(path):
    """Of the namespace: who names this configuration keeps root's rights."""
    os.makedirs('/etc/exim4', exist_ok=True)
    with open('/etc/exim4/trusted_configs', 'a') as trusted:
        trusted.write(f'{path}\n')

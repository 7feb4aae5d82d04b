"""Dovecot: its submission service, which hands on to a Postfix, and the logins of that and the other servers."""
import base64

from peer import start, wait_for_listeners
from peers.common import PASSWORD, SIGNING_KEY, SIZE_MAX, USER, make_folder

MECHANISMS = 'plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external'

_CONFIGURATION = '''protocols = submission
base_dir = /run/dovecot
state_dir = {folder}
log_path = {folder}/log
auth_verbose = yes
default_login_user = dovenull
default_internal_user = dovecot
default_internal_group = dovecot
hostname = dovecot.servers.test
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}.pem
ssl_key = <{certificate}.key
ssl_ca = <{ca}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_mechanisms = {mechanisms}
auth_ssl_username_from_cert = yes
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256
  args = scheme=PLAIN {folder}/passwords
}}
passdb {{
  driver = passwd-file
  mechanisms = external
  args = {folder}/certified
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={folder}/home
}}
mail_location = maildir:~/unused
service anvil {{
  client_limit = 2000
  # Else whoever fails to log in waits longer each time.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  client_limit = 2000
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service submission-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener submission {{
    port = 0
  }}
  inet_listener submissions {{
    port = 0
  }}
{listeners}
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_max_idle_time = 5 min
submission_max_mail_size = {size}
'''

_LISTENER = '''  inet_listener place-{number} {{
    address = {address}
    port = {port}
    ssl = {ssl}
  }}
'''

# What the service offers is what it believes of the server behind it.
_LOCAL = '''local {address} {{
  protocol submission {{
    submission_backend_capabilities = {capabilities}
  }}
}}
'''


class Dovecot:
    """auth: the socket of the logins. relay: the port of a Postfix at 127.0.0.1 that takes all.

    The limit of recipients is that Postfix's: submission_max_recipients of Dovecot 2.3 hands pipelined recipients on
    before it counts them, and refuses then (451 4.5.3) some who get the mail nevertheless."""

    def __init__(self, folder, places, certificate, ca, relay):
        self.folder = make_folder(folder)
        self.auth = folder / 'auth'
        make_folder(folder / 'home', 'vmail')
        make_folder(folder / 'keys')
        make_folder(folder / 'keys/default')
        make_folder(folder / 'keys/default/HS256')
        (folder / 'keys/default/HS256/default').write_bytes(base64.b64encode(SIGNING_KEY))
        (folder / 'oauth2').write_text('introspection_mode = local\nusername_attribute = email\n'
                                       f'local_validation_key_dict = fs:posix:prefix={folder}/keys/\n')
        (folder / 'passwords').write_text(f'{USER}:{{PLAIN}}{PASSWORD}\n')
        (folder / 'certified').write_text(f'{USER}:::::::nopassword=y\n')
        self._listeners = [listener for place in places for listener in place.listeners]
        listeners = ''.join(
            _LISTENER.format(number=number,
                             address=address, port=port, ssl='yes' if tls == 'implicit' else 'no')
            for number, (address, port, tls) in enumerate(self._listeners))
        text = _CONFIGURATION.format(folder=folder, certificate=certificate, ca=ca, mechanisms=MECHANISMS,
                                     listeners=listeners, relay=relay, size=SIZE_MAX)
        for place in places:
            offered = [word for word in ('8BITMIME', 'DSN') if word not in place.off]
            text += _LOCAL.format(address=place.address, capabilities=' '.join(offered))
        (folder / 'dovecot.conf').write_text(text)
        self._process = start(['dovecot', '-F', '-c', folder / 'dovecot.conf'])

    def wait(self):
        wait_for_listeners(self._process, [listener[:2] for listener in self._listeners])

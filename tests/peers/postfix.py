"""Postfix for the matrix: logins by Dovecot, and a door at the back (RELAY, for Dovecot's submission service)."""
import peer
from peer import listener, wait_for_listeners
from peers.common import RECIPIENTS_MAX, SIZE_MAX

RELAY = 1024

_DOVECOT = '''smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sasl_mechanism_filter = !external, static:rest
smtpd_error_sleep_time = 0
smtpd_recipient_overshoot_limit = 1000
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
'''
_LIMITS = (f'smtpd_recipient_limit={RECIPIENTS_MAX}', f'message_size_limit={SIZE_MAX}')


class Postfix(peer.Postfix):
    """boxes: address to box; auth: the socket of the logins."""

    def __init__(self, places, certificate, boxes, auth):
        self.boxes = boxes
        services = ''.join(listener(*where, ','.join(place.off), *_LIMITS) for place in places
                           for where in place.listeners)
        services += listener('127.0.0.1', RELAY, 'none', '', 'smtpd_client_restrictions=permit',
                             *_LIMITS)
        self._begin()
        self._configure(_DOVECOT.format(auth=auth), services, certificate)
        self._process = self._start()
        self._listeners = [('127.0.0.1', RELAY), *(where[:2] for place in places for where in place.listeners)]

    def wait(self):
        wait_for_listeners(self._process, self._listeners)

"""Smuggling at a real Postfix: of every sequence one message arrives, and nobody hears of the other one."""
from lab import *
from peer import Postfix, enter_namespaces
from smugglers import DIALOGUE, SEQUENCES, meant

enter_namespaces('postfix')
postfix = Postfix()
one, two = postfix.boxes


def boxes():
    return {box: len(list((postfix.folder / 'mail' / box.partition('@')[0] / 'new').glob('*'))) for box in (one, two)}


@test
def one_message_each(lab):
    for variant in ('data', 'chunking', 'one at a time'):
        lab.config(None, 'implicit', smarthost={'port': postfix.variants[variant][0], 'user': postfix.user},
                   queue={'directory': 'none'})
        postfix.log()
        for number, (name, sequence) in enumerate(SEQUENCES.items()):
            options = ['-i'] if number % 3 else []      # without it many are the end of the input
            body = (b'text' if number % 2 else b'') + sequence + DIALOGUE
            got = lab.sendmail(*options, '-f', 'app@client.test', one, stdin=b'Subject: a\n\n' + body)
            is_((got.status, got.err), (0, b''), f'{variant}, {name}: accepted')
            if got.status == 0:
                is_(postfix.mail(one).partition(b'\n\n')[2], meant(body, bool(options)), f'{variant}, {name}: as text')
        is_(boxes(), {one: 0, two: 0}, f'{variant}: nothing else arrived')
        log = ''
        while log.count('to=<') < len(SEQUENCES):       # the last lines come a moment after the mail
            log += wait_until(postfix.log, what='a line for each message')
        ok('evil' not in log and log.count('to=<') == len(SEQUENCES), f'{variant}: Postfix knows of no more', log[-3000:])


run()

#!/usr/bin/env python3
"""A real cron and its crontabs: the jobs of the next minute."""
import pathlib
import re
import subprocess

from lab import *
from world import *

enter()


@test
def cron(lab):
    spool = pathlib.Path('/var/spool/cron/crontabs')
    spool.mkdir(parents=True)
    spool.chmod(0o1730)
    job = "* * * * * printf 'Gr\\303\\274\\303\\237e\\n.\\nend\\n'\n"
    for user, lines in {'root': f'MAILTO=bob@x.test,carol@x.test\n{job}', 'alice': job}.items():
        (spool / user).write_text(lines)
        (spool / user).chmod(0o600)
    subprocess.run(['chown', 'alice:crontab', spool / 'alice'], check=True)
    subprocess.run(['chown', 'root:crontab', spool / 'root'], check=True)
    pathlib.Path('/etc/crontab').write_text('')
    for path in pathlib.Path('/etc/cron.d').iterdir():
        path.unlink()
    host = begin(lab)
    daemon = subprocess.Popen(['cron', '-f'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd='/', env={'PATH': '/usr/bin:/usr/sbin', 'LANG': 'C.UTF-8'})
    lab._started.append(daemon)
    host.messages(2, seconds=80)
    daemon.kill()
    numbers = {message.sender: number for number, message in enumerate(host.messages())}
    command = "Cron <{}@box> printf 'Gr\\303\\274\\303\\237e\\n.\\nend\\n'"
    for user, to, shown_to in (('root', ['bob@x.test', 'carol@x.test'], 'bob@x.test,carol@x.test'),
                               ('alice', ['alice@programs.test'], 'alice@programs.test')):
        arrived(host, f'{user}@programs.test', to,
                {'From': '"Cron Daemon" <root@programs.test>', 'To': shown_to, 'Subject': command.format(user),
                 'X-Cron-Env': re.compile('SHELL=/bin/sh')},
                'Grüße\n.\nend\n'.encode(), number=numbers[f'{user}@programs.test'])


run()

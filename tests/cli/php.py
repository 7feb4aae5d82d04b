#!/usr/bin/env python3
"""Real PHP mail(): true exactly when the mail is accepted or stored, and nothing on stderr then."""
import json
import re

from lab import *

SCRIPT = '''<?php
$headers = "From: shop@client.test\\r\\nX-Mailer: test";
echo mail("bob@x.test", "Grüße", "line one\\nline two\\n.\\nend\\n", $headers%s) ? "true" : "false";
'''


def mail(lab, extra=''):
    need_program('php')
    script = lab.path / 'mail.php'
    script.write_text(SCRIPT % extra)
    return lab.run(['php', '-n', '-d', f'sendmail_path={lab.program()} -t -i', script], env=lab.environment())


@test
def accepted(lab):
    host = lab.smarthost()
    lab.config(host)
    got = mail(lab)
    is_((got.out, got.err), (b'true', b''), 'true, silent')
    message = host.messages()[0]
    is_(message.recipients, ['bob@x.test'], 'recipient')
    is_(message.body, b'line one\r\nline two\r\n.\r\nend\r\n\r\n', 'CRLF headers and an LF body: one kind of line end')
    ok(b'\r\r' not in message.wire and b'\n' not in message.wire.replace(b'\r\n', b''), 'no bare CR or LF')
    is_(message.field('From'), b'shop@client.test', 'From')
    ok(message.field('Date') and message.field('Message-ID'), 'completed')


@test
def fifth_parameter(lab):
    host = lab.smarthost()
    lab.config(host)
    for extra, sender in ((', "-fbounce@client.test"', 'bounce@client.test'), (', "-f bounce@client.test"', 'bounce@client.test')):
        got = mail(lab, extra)
        is_((got.out, got.err), (b'true', b''), extra)
        is_(host.messages()[-1].sender, sender, 'envelope sender')
    target = lab.path / 'written.php'
    got = mail(lab, f', "-OQueueDirectory=/tmp -X{target} -C{target} -be"')
    ok(not target.exists(), 'an attacker\'s options write nothing')


# What a web form lets into the 5th parameter (CVE-2016-10033 and its kin); C is a file that must neither be made nor
# opened, D a folder. Behind the bar: what may come of it beside a mail that arrives or status 64.
ATTACKS = """
-fa@x.test -XC
-fa@x.test -X C
-OQueueDirectory=/tmp -XC
-OQueueDirectory=D -XC
-O QueueDirectory=D
-OLogLevel=99 -XC
-OAliasFile=C
-OTimeout.queuereturn=1s
-OForkEachJob -ODaemonPortOptions=Port=2525
-oQD
-oQ D
-oAC
-oX C -oi
-CC
-C C
-C/etc/passwd -XC
-DC
-D C
-dC
-d0-99.127 -DC
-EC
-JC
-LC
-L C
-AC
-Am -Ac
-be ${run{/bin/touch C}}
-be $(touch C) `touch C` |touch C
-bs | 0
-bd
-bD
-bl
-bt
-bv | 0
-bP
-bp | 0
-bi | 0
-I | 0
-q | 0
-qI | 0
-Mvl C
-M C
-p smtp:evil.test
-ps
-h 99 -hC
-R C -N C -V C
-BC
-Ff\\nBcc:evil@evil.test
-F C -f C
--config=C
--queue=D --config C
-- -XC
-fa@x.test"-XC"
-f "a b"@x.test\ -XC
-oem -oee -oep -oeq
-odq -odb -odd -odi
-t -i -XC
-U -n -m -s -x -c -G
-v -XC
-z -Z -k -K -y -1 -@
"""


def calls_of_sendmail(trace):
    """Lines of strace by the program and its children: (pid, call)."""
    ours = set()
    for line in trace.read_text(errors='replace').splitlines():
        pid, _, call = line.partition(' ')
        call = call.strip()
        if call.startswith('execve('):
            if re.match(r'execve\("[^"]*/bin/sendmail"', call):
                ours.add(pid)
                continue
        if pid in ours:
            child = re.match(r'(?:clone3?|v?fork)\(.* = (\d+)$', call)
            if child:
                ours.add(child[1])
            yield pid, call


@test
def injected_arguments(lab):
    """T1: whatever the arguments: no file but in the queue, no program, no connection but to the smarthost."""
    need_program('php', 'strace')
    host = lab.smarthost(listen=['plain'], user=None)
    lab.config(host, 'none', smarthost={'user': None, 'password_file': None, 'auth': 'none'})
    canary, folder = lab.path / 'canary', lab.path / 'canaries'
    folder.mkdir()
    rows = [line.partition(' | ') for line in ATTACKS.strip().splitlines()]
    sets = [text.replace('touch C', f'touch {canary}').replace(' C', f' {canary}').replace('QD', f'Q{folder}').replace('=D', f'={folder}')
            .replace(' D', f' {folder}').replace('=C', f'={canary}') for text, _, _ in rows]
    sets = [re.sub(r'(-[A-Za-z]{1,2})C\b', rf'\1{canary}', text) for text in sets]
    is_(sum(' C' in s or '=C' in s or s.endswith('C') for s in sets), 0, f'{len(sets)} sets are complete')
    script, trace = lab.path / 'attack.php', lab.path / 'trace'
    script.write_text('<?php foreach (json_decode(file_get_contents($argv[1])) as $i => $extra) '
                      'echo mail("bob@x.test", "s$i", "text\\n", "From: shop@client.test", $extra) ? "\\n#$i true\\n" : "\\n#$i false\\n";')
    (lab.path / 'sets').write_text(json.dumps(sets))
    got = lab.run(['strace', '-f', '-s', '500', '-e', 'trace=file,process,network', '-o', trace, 'php', '-n', '-d',
                   f'sendmail_path={lab.program()} -t -i', script, lab.path / 'sets'], env=lab.environment(), timeout=300)
    said = dict(re.findall(rb'(?m)^#(\d+) (true|false)$', got.out))
    lab.sendmail('-q')
    arrived = {m.field('Subject').decode() for m in host.messages()}
    calls = list(calls_of_sendmail(trace))
    statuses = [int(re.search(r'\d+', call)[0]) for _, call in calls if call.startswith('+++ exited with')]
    bad = []
    for number, (text, _, allowed) in enumerate(rows):
        delivered = f's{number}' in arrived
        if not delivered and allowed != '0' and said.get(b'%d' % number) != b'false':
            bad.append((text, 'neither delivered nor refused'))
    ok(not bad and len(rows) >= 40, f'{len(rows)} argument sets: delivered, or false', *bad, got)
    is_(set(statuses) - {0, 64, 65}, set(), f'{len(statuses)} processes: 0, 64 or, when an address is bad, 65')
    ok(len(statuses) >= len(rows), 'and all were seen')
    is_((canary.exists(), list(folder.iterdir())), (False, []), 'no canary file')
    is_([c for _, c in calls if 'canar' in c and not re.match('execve|send', c)][:5], [], 'nobody looks at one')
    is_([c for _, c in calls if c.startswith('execve')][:5], [], 'no program is run')
    written = [c for _, c in calls if re.search(r'O_WRONLY|O_RDWR|O_CREAT|^(rename|unlink|link|symlink|mkdir|chmod|chown)', c)
               and not re.search(rf'"({lab.path}/(queue|log)|/dev/null")', c) and not re.match(r'\w+at2?\(\d', c)]
    is_(written[:5], [], 'nothing is written but queue and log')
    strange = [c for _, c in calls if c.startswith('connect(') and f'htons({host.plain})' not in c and 'nscd' not in c]
    is_(strange[:5], [], 'no connection but to the smarthost')
    is_({m.sender for m in host.messages()} & {'evil@evil.test'}, set(), 'no other sender')
    ok(all(len(m.recipients) >= 1 and m.fields('Bcc') == [] for m in host.messages()), 'no Bcc')


@test
def down_with_a_queue(lab):
    lab.config()
    got = mail(lab)
    is_((got.out, got.err), (b'true', b''), 'true, silent')
    is_(len(lab.queued()), 1, 'stored')


@test
def down_without_a_queue(lab):
    lab.config(queue={'directory': 'none'})
    got = mail(lab)
    is_(got.out, b'false', 'false')
    like(got.err, rb'sendmail: .*connection refused', 'and why')


@test
def refused(lab):
    host = lab.smarthost(reply='rcpt=550 5.1.1 no such user')
    lab.config(host)
    got = mail(lab)
    is_(got.out, b'false', 'false')
    like(got.err, rb'550 5.1.1 no such user', 'and why')


run(threads=2)

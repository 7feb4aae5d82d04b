#!/usr/bin/env python3
"""Plants a fault for each guard in a copy of the tree and requires the guard to fail: one that passes guards nothing.

(The rules of the message layer have their own planted faults: mutants.rows.)
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAYERS = ['python3', 'tests/shape/layers.py']
PAGES = ['build/unit/pages']
KEYS = ['build/unit/config']
TLS = ['python3', 'tests/cli/tls.py', 'bad_certificates']
PINS = ['build/unit/connection_trust']
INJECTION = ['python3', 'tests/cli/tls.py', 'bytes_behind_starttls']

# name, file, pattern, what stands there instead, what to make again, the guard
FAULTS = (
    ('the queue includes the network', 'sendmail/queue/queue.c', r'#include "queue/folder.h"',
     '#include "network/connection.h"\n#include "queue/folder.h"', None, LAYERS),
    ('a second user of tls.h', 'sendmail/network/resolve.c', r'#include "network/resolve.h"',
     '#include "network/resolve.h"\n#include <tls.h>', None, LAYERS),
    ('the message layer looks at the clock', 'sendmail/message/date.c', r'\Z',
     '\n#include <time.h>\nlong look(void);\nlong\nlook(void)\n{\n\treturn time(NULL);\n}\n',
     'sendmail/message/date.o', LAYERS),
    ('the SMTP engine writes to a descriptor', 'sendmail/smtp/reply.c', r'\Z',
     '\n#include <unistd.h>\nlong say(void);\nlong\nsay(void)\n{\n\treturn write(2, "x", 1);\n}\n',
     'sendmail/smtp/reply.o', LAYERS),
    ('an option is missing in the page', 'sendmail/sendmail.8', r'Fl t\b', 'Cm tee', None, PAGES),
    ('a subcommand is missing in the page', 'sendmail/sendmailctl.8', r'\.It Cm config', '.It Cm settings', None,
     PAGES),
    ('a key is missing in the page', 'sendmail/sendmail.ini.5', r'helo', 'hallo', None, KEYS),
    ('certificates are not verified', 'sendmail/network/tls.c', r'if \(!verify \|\| options->pin_count > 0\) \{',
     'if (true) {', 'sendmail/sendmail', TLS),
    ('names are not verified', 'sendmail/network/tls.c', r'tls_config_verify\(config\);',
     'tls_config_insecure_noverifyname(config);', 'sendmail/sendmail', TLS),
    ('pins are not compared', 'sendmail/network/tls.c', r'if \(is_pinned\(.*\n', 'if (true)\n',
     'build/unit/connection_trust', PINS),
    ('bytes behind STARTTLS are let through', 'sendmail/smtp/smtp.c', r'if \(s->phase == PHASE_SECURE\) \{\n\t\t\tsmtp_fail',
     'if (s->phase == PHASE_SECURE) {\n\t\t\treturn;\n\t\t\tsmtp_fail', 'sendmail/sendmail', INJECTION),
)


def copy_tree(folder):
    for part in ('sendmail', 'tests', 'etc', 'build'):
        shutil.copytree(ROOT / part, folder / part, symlinks=True,
                        ignore=shutil.ignore_patterns('peers', 'fuzz', 'fuzz-*', 'mutants', 'test-logs', 'coverage'))
    shutil.copy(ROOT / 'Makefile', folder)


def guard_fails(folder, command):
    env = {**os.environ, 'PYTHONPATH': str(folder / 'tests'), 'SENDMAIL_BINARY': str(folder / 'sendmail/sendmail')}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode != 0 or re.search('^not ok', done.stdout, re.M), done.stdout[-1000:] + done.stderr[-1000:]


def main():
    count = 0
    with tempfile.TemporaryDirectory(prefix='guards-') as name:
        folder = pathlib.Path(name)
        copy_tree(folder)
        for fault, path, pattern, text, target, command in FAULTS:
            count += 1
            source = folder / path
            whole = source.read_text()
            planted, changes = re.subn(pattern, lambda _, text=text: text, whole)
            source.write_text(planted)
            notes = '' if changes else 'the pattern is not found'
            if target:
                made = subprocess.run(['make', '-s', '-o', 'build/libs', target], cwd=folder, capture_output=True, text=True,
                                      check=False)
                notes += made.stderr if made.returncode else ''
            failed, said = guard_fails(folder, command) if not notes else (False, '')
            print('%s %d - caught: %s' % ('ok' if failed else 'not ok', count, fault))
            for line in (notes or said).splitlines() if not failed else ():
                print('# ' + line)
            source.write_text(whole)
            if target:
                subprocess.run(['make', '-s', '-o', 'build/libs', target], cwd=folder, capture_output=True, check=False)
    print('1..%d' % count)


main()

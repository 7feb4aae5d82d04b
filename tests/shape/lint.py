#!/usr/bin/env python3
"""What tools say of the source: compilers, cppcheck, clang-tidy, clang-format, shellcheck, mandoc, both makes."""
import pathlib
import shutil
import subprocess
import tempfile

FLAGS = ('-std=c11 -D_GNU_SOURCE -Isendmail -Itests -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes '
         '-Werror -D_FORTIFY_SOURCE=2 -O2 -fsyntax-only').split()
TIDY = '-checks=-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,' \
       '-bugprone-narrowing-conversions,-bugprone-assignment-in-if-condition,clang-analyzer-*,' \
       '-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-clang-analyzer-valist.Uninitialized,-clang-analyzer-optin.performance.Padding'
count = 0


def ok(good, name, notes=''):
    global count
    count += 1
    print('%s %d - %s' % ('ok' if good else 'not ok', count, name))
    for note in notes.splitlines()[:20]:
        print('# ' + note)


def run(name, *command):
    """One check that passes when the command prints nothing and ends with 0."""
    global count
    if shutil.which(command[0]) is None:
        count += 1
        print('ok %d - %s # SKIP %s is not installed' % (count, name, command[0]))
        return
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ok(done.returncode == 0 and not done.stdout.strip(), name, done.stdout + done.stderr)


def files(*patterns):
    return sorted(str(path) for pattern in patterns for path in pathlib.Path('.').glob(pattern))


def scripts():
    found = []
    for path in files('tests/**/*', 'etc/*', '.ci/*'):
        if pathlib.Path(path).is_file() and not path.endswith(('.c', '.h', '.o')):
            with open(path, 'rb') as script:
                if script.readline() in (b'#!/bin/sh\n', b'#!/usr/bin/env bash\n', b'#!/bin/bash\n'):
                    found.append(path)
    return found


def build(name, *command):
    """One check that the command builds the program from a copy of the source."""
    global count
    if shutil.which(command[0]) is None:
        run(name, *command)
        return
    with tempfile.TemporaryDirectory() as folder:
        for part in ('sendmail', 'etc', 'tests'):
            shutil.copytree(part, folder + '/' + part, ignore=shutil.ignore_patterns('*.o', 'sendmail-binary'))
        shutil.copy('Makefile', folder)
        pathlib.Path(folder, 'sendmail/sendmail').unlink(missing_ok=True)
        done = subprocess.run([*command, '-j2'], cwd=folder, capture_output=True, text=True, check=False)
        ok(done.returncode == 0 and pathlib.Path(folder, 'sendmail/sendmail').exists() and 'warning' not in done.stderr,
           name, done.stderr)


def pages():
    """mandoc -T lint, but for references to pages that only an installed system has."""
    for page in files('sendmail/*.[158]'):
        if shutil.which('mandoc') is None:
            run('mandoc ' + page, 'mandoc')
            continue
        done = subprocess.run(['mandoc', '-T', 'lint', page], capture_output=True, text=True, check=False)
        complaints = [line for line in done.stdout.splitlines() if 'referenced manual not found' not in line]
        ok(not complaints, 'mandoc -T lint ' + page, '\n'.join(complaints))


sources = files('sendmail/**/*.c')
run('gcc -Werror', 'gcc', *FLAGS, *sources)
run('clang -Werror', 'clang', *FLAGS, *sources)
run('clang-format', 'clang-format', '--dry-run', '-Werror', *sources, *files('sendmail/**/*.h', 'tests/**/*.[ch]'))
run('cppcheck', 'cppcheck', '-q', '--enable=warning,performance,portability', '--inline-suppr', '--error-exitcode=1',
    '--std=c11', '-Isendmail', '-j2', 'sendmail')
run('clang-tidy', 'clang-tidy', '--quiet', '--warnings-as-errors=*', TIDY, *sources, '--', '-std=c11', '-D_GNU_SOURCE',
    '-Isendmail')
run('shellcheck', 'shellcheck', *scripts())
build('bmake builds it with clang', 'bmake', 'CC=clang')
build('make builds it with gcc -Werror', 'make', 'CC=gcc', 'CFLAGS=-O1 -Werror')
pages()
print('1..%d' % count)

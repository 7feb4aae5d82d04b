#!/usr/bin/env python3
"""Includes only point downwards, each foreign library has one user, and the pure layers call nothing impure."""
import pathlib
import re
import subprocess

ALLOWED = {
    'main.c': {'command', 'delivery', 'base'},
    'command': {'command', 'delivery', 'queue', 'network', 'config', 'smtp', 'message', 'base'},
    'delivery': {'delivery', 'queue', 'network', 'config', 'smtp', 'message', 'base'},
    'queue': {'queue', 'message', 'base'},
    'network': {'network', 'base'},
    'config': {'config', 'smtp', 'message', 'base'},
    'smtp': {'smtp', 'message', 'base'},
    'message': {'message', 'base'},
    'base': {'base'},
}
# A foreign header and the files that may include it.
USERS = {
    'tls.h': ('sendmail/network/tls.c',),
    'ini.h': ('sendmail/config/load.c',),
    'syslog.h': ('sendmail/base/log.c',),
    'openssl/': ('sendmail/base/certificate.c', 'sendmail/base/crypto.c'),
}
# All that smtp/ and message/ may ask of libc: memory, strings, formatting.
PURE = set('''calloc free malloc realloc memchr memcmp memcpy memmove memset strchr strcmp strcspn strlen strncmp
strncasecmp strcasecmp strpbrk strrchr strspn strstr strnlen strtol strtoul strtoull snprintf vsnprintf qsort bsearch
explicit_bzero __stack_chk_fail __snprintf_chk __vsnprintf_chk __memcpy_chk __memmove_chk __memset_chk
__explicit_bzero_chk __strcpy_chk __strcat_chk __ctype_b_loc _GLOBAL_OFFSET_TABLE_ __errno_location
__isoc99_sscanf __isoc23_strtoul __isoc23_strtol __isoc23_strtoull'''.split()) - {'__ctype_b_loc'}
# Of base/, only what is itself memory and text; and crypto.o, which may ask libcrypto for nothing but arithmetic.
PURE_BASE = ('sendmail/base/buffer.o', 'sendmail/base/encode.o', 'sendmail/base/crypto.o')
CRYPTO = 'sendmail/base/crypto.o'
ARITHMETIC = set('''CRYPTO_memcmp EVP_Digest EVP_md5 EVP_sha1 EVP_sha256 HMAC OPENSSL_init_crypto
PKCS5_PBKDF2_HMAC'''.split())

count = 0


def ok(good, name, *notes):
    global count
    count += 1
    print('%s %d - %s' % ('ok' if good else 'not ok', count, name))
    for note in notes:
        print('# ' + note)


def layer(path):
    return path.parts[1] if len(path.parts) > 2 else path.name


def symbols(path, option):
    out = subprocess.run(['nm', option, str(path)], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line.strip() and not line.endswith(':')}


def check_includes():
    sources = sorted(pathlib.Path('sendmail').rglob('*.[ch]'))
    wrong = []
    foreign = []
    for path in sources:
        for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            if include.split('/')[0] not in ALLOWED[layer(path)]:
                wrong.append('%s includes %s' % (path, include))
        for include in re.findall(r'^#include <([^>]+)>', path.read_text(), re.M):
            for header, users in USERS.items():
                if include.startswith(header) and str(path) not in users:
                    foreign.append('%s includes <%s>' % (path, include))
    ok(len(sources) > 30 and not wrong, 'includes only point downwards', *wrong)
    ok(not foreign, 'a foreign library is used where it is meant to be', *foreign)


def check_purity():
    objects = sorted(pathlib.Path('sendmail').glob('smtp/*.o')) + sorted(pathlib.Path('sendmail').glob('message/*.o'))
    own = set()
    for path in [*objects, *map(pathlib.Path, PURE_BASE)]:
        own |= symbols(path, '--defined-only')
    wrong = []
    for path in objects:
        for name in symbols(path, '--undefined-only') - own - PURE:
            wrong.append('%s needs %s' % (path, name))
    ok(len(objects) > 8 and not wrong, 'smtp and message are pure', *wrong)
    more = symbols(pathlib.Path(CRYPTO), '--undefined-only') - own - PURE - ARITHMETIC
    ok(not more, 'so is crypto', *sorted(more))


def check_top_level():
    names = subprocess.run(['git', 'ls-files'], capture_output=True, text=True, check=False).stdout.split()
    top = {name.split('/')[0] for name in names}
    extra = sorted(name for name in top
                   if name not in ('sendmail', 'tests', 'etc', 'Makefile', 'README', 'LICENSE') and name[0] != '.')
    ok(not extra, 'the top level holds nothing else', *extra)


check_includes()
check_purity()
check_top_level()
print('1..%d' % count)

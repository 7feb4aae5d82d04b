"""What a smuggler writes: sequences that one program takes for the end of a message and another does not, and a
dialogue behind them. Rows for tests/faults/smuggling.py and tests/servers/smuggling.py."""
import re

SEQUENCES = {
    'LF . LF': b'\n.\n',
    'LF . CR LF': b'\n.\r\n',
    'CR LF . LF': b'\r\n.\n',
    'CR LF . CR LF': b'\r\n.\r\n',
    'CR . CR': b'\r.\r',
    'CR . CR LF': b'\r.\r\n',
    'CR LF . CR': b'\r\n.\r',
    'CR . LF': b'\r.\n',
    'LF . CR': b'\n.\r',
    'LF CR . LF CR': b'\n\r.\n\r',
    'LF CR . CR LF': b'\n\r.\r\n',
    'CR LF NUL . CR LF': b'\r\n\0.\r\n',
    'CR LF . NUL CR LF': b'\r\n.\0\r\n',
    'CR LF . CR NUL LF': b'\r\n.\r\0\n',
    'CR NUL LF . CR LF': b'\r\0\n.\r\n',
    'NUL only around': b'\0.\0',
    'LF NUL . NUL LF': b'\n\0.\0\n',
    'CR CR LF . CR LF': b'\r\r\n.\r\n',
    'CR LF . CR CR LF': b'\r\n.\r\r\n',
    'CR CR . CR CR': b'\r\r.\r\r',
    'CR LF LF . LF LF': b'\r\n\n.\n\n',
    'CR LF . . CR LF': b'\r\n..\r\n',
    'LF . . LF': b'\n..\n',
    'CR LF . . . CR LF': b'\r\n...\r\n',
    'CR LF . LF . CR LF': b'\r\n.\n.\r\n',
    'CR LF . CR LF . CR LF': b'\r\n.\r\n.\r\n',
    'CR LF . blank CR LF': b'\r\n. \r\n',
    'CR LF blank . CR LF': b'\r\n .\r\n',
    'VT . FF': b'\r\n\x0b.\x0c\r\n',
    'NEL . NEL': b'\x85.\x85',
    'U+2028 . U+2028': b'\xe2\x80\xa8.\xe2\x80\xa8',
    'CR x 64 LF . LF': b'\r' * 64 + b'\n.\n',
    'CR x 70 LF . CR x 70 LF': b'\r' * 70 + b'\n.' + b'\r' * 70 + b'\n',
}
DIALOGUE = b'RSET\r\nMAIL FROM:<evil@evil.test>\r\nRCPT TO:<two@example.test>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\nQUIT\r\n'


def meant(body, ignore_dots):
    """The body as sendmail(8) promises to send it, lines ended by LF: no NUL, a CR that ends no line is a blank, more
    than 64 CRs are blanks but for the last 64; without -i a dot alone ends it, and two dots alone are one."""
    lines = []
    for line in re.split(rb'\r{0,64}\n', body.replace(b'\0', b'')):
        lines.append(line.replace(b'\r', b' '))
    if re.search(rb'\r{1,64}\Z', body.replace(b'\0', b'')):      # at the very end it ends a line
        lines[-1:] = [re.split(rb'\r{1,64}\Z', body.replace(b'\0', b''))[-2].rpartition(b'\n')[2].replace(b'\r', b' '), b'']
    if lines[-1] == b'':
        lines.pop()
    if not ignore_dots:
        if b'.' in lines:
            lines = lines[:lines.index(b'.')]
        lines = [b'.' if line == b'..' else line for line in lines]
    return b''.join(line + b'\n' for line in lines)

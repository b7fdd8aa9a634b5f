"""HTML or plain text out of the RTF in which Outlook wraps mail bodies ([MS-OXRTFEX], section 2).

The HTML stands in `{\\*\\htmltag…}` groups and as ordinary text between them; what `\\htmlrtf` encloses is for RTF readers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.reporting.charset import decode

MAX_RTF = 4_000_000  # bytes
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\"
)
_TEXT = {b"par": "\r\n", b"line": "\r\n", b"tab": "\t", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
         b"rdblquote": "\u201d", b"bullet": "\u2022", b"endash": "\u2013", b"emdash": "\u2014", b"emspace": "\u2003", b"enspace": "\u2002"}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "\xad", b"{": "{", b"}": "}", b"\\": "\\"}
_DROPPED = {b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"generator", b"mhtmltag", b"listtable",
            b"listoverridetable", b"rsidtbl", b"themedata", b"latentstyles", b"datastore", b"xmlnstbl"}  # fmt: skip
_CODEPAGES = {0: 1252, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256,
              186: 1257, 204: 1251, 222: 874, 238: 1250}  # fmt: skip  # \fcharset → Windows code page


@dataclass
class _Group:
    """State that braces restore."""

    silent: bool = False  # a destination that holds no text of the mail
    rtf_only: bool = False  # between \htmlrtf and \htmlrtf0
    star: bool = False
    font: int = 0
    skip: int = 1  # characters to skip behind \u


def unwrap(data: bytes) -> tuple[str, str]:
    """`(html, text)`: one of them is filled. `text` also for RTF that was RTF from the start."""
    data = data[:MAX_RTF]
    fonts, page = _fonts(data), _codepage(data)
    html = b"\\fromhtml" in data[:2000]
    out: list[str] = []
    pending = bytearray()
    groups = [_Group()]
    left = 0

    def flush() -> None:
        if pending:
            out.append(decode(bytes(pending), f"cp{fonts.get(groups[-1].font, page)}")[0])
            pending.clear()

    for match in _TOKEN.finditer(data):
        group = groups[-1]
        word, number, code, symbol, brace, text = match.groups()
        shown = not group.silent and not group.rtf_only
        if code is not None:
            if left:
                left -= 1
            elif shown:
                pending.append(int(code, 16))
            continue
        if text is not None:
            skipped, left = min(left, len(text)), max(0, left - len(text))
            if shown:
                pending.extend(text[skipped:])
            continue
        flush()
        if brace == b"{":
            if len(groups) < 2000:
                groups.append(_Group(group.silent, group.rtf_only, False, group.font, group.skip))
        elif brace == b"}":
            if len(groups) > 1:
                groups.pop()
        elif symbol is not None:
            group.star |= symbol == b"*"
            if shown and symbol in _SYMBOLS:
                out.append(_SYMBOLS[symbol])
        elif word is not None:
            left = _word(word, number, group, out, html) or left
    flush()
    result = "".join(out)
    return (result, "") if html else ("", result)


def _word(word: bytes, number: bytes | None, group: _Group, out: list[str], html: bool) -> int:
    """Apply a control word. Returns how many characters the next ones stand in for (`\\uN`)."""
    if word == b"htmltag":
        group.silent = not html
    elif word in _DROPPED or (group.star and word != b"htmltag"):
        group.silent = True
    elif word == b"htmlrtf":
        group.rtf_only = number != b"0"
    elif word == b"f" and number:
        group.font = int(number)
    elif word == b"uc" and number:
        group.skip = max(0, int(number))
    elif word == b"u" and number:
        if not group.silent and not group.rtf_only:
            out.append(_character(int(number)))
        return group.skip
    elif word in _TEXT and not group.silent and not group.rtf_only:
        out.append(_TEXT[word])
    group.star = False
    return 0


def _character(number: int) -> str:
    number &= 0xFFFF
    return "\ufffd" if 0xD800 <= number <= 0xDFFF else chr(number)


def _codepage(data: bytes) -> int:
    hit = re.search(rb"\\ansicpg(\d{3,5})", data[:4000])
    return int(hit[1]) if hit else 1252


def _fonts(data: bytes) -> dict[int, int]:
    """Font number → Windows code page, from the font table."""
    found = re.findall(rb"\{\\f(\d{1,5})[^{}]{0,200}?\\fcharset(\d{1,3})", data[:200_000])
    return {int(font): _CODEPAGES[int(charset)] for font, charset in found if int(charset) in _CODEPAGES}

"""HTML or plain text out of the RTF in which Outlook wraps mail bodies ([MS-OXRTFEX], section 2).

The HTML stands in `{\\*\\htmltag…}` groups and as ordinary text between them; what `\\htmlrtf` encloses is for RTF readers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.reporting.charset import decode

MAX_RTF = 4_000_000  # bytes
MAX_GROUPS = 2_000
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\"
)
_TEXT = {
    b"par": "\r\n", b"line": "\r\n", b"tab": "\t", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
    b"rdblquote": "\u201d", b"bullet": "\u2022", b"endash": "\u2013", b"emdash": "\u2014", b"emspace": "\u2003",
    b"enspace": "\u2002",
}  # fmt: skip
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
    skip: int = 1  # characters that stand in for one \u


class _Unwrapper:
    """Reads tokens, keeps what belongs to the mail."""

    def __init__(self, data: bytes) -> None:
        self.html = b"\\fromhtml" in data[:2000]
        self.out: list[str] = []
        self._fonts, self._page = _fonts(data), _codepage(data)
        self._pending = bytearray()
        self._groups = [_Group()]
        self._left = 0  # characters still to skip

    @property
    def _shown(self) -> bool:
        return not self._groups[-1].silent and not self._groups[-1].rtf_only

    def text(self, text: bytes) -> None:
        skipped, self._left = min(self._left, len(text)), max(0, self._left - len(text))
        if self._shown:
            self._pending.extend(text[skipped:])

    def flush(self) -> None:
        if self._pending:
            page = self._fonts.get(self._groups[-1].font, self._page)
            self.out.append(decode(bytes(self._pending), f"cp{page}")[0])
            self._pending.clear()

    def brace(self, brace: bytes) -> None:
        self.flush()
        top = self._groups[-1]
        if brace == b"{" and len(self._groups) < MAX_GROUPS:
            self._groups.append(_Group(top.silent, top.rtf_only, False, top.font, top.skip))
        elif brace == b"}" and len(self._groups) > 1:
            self._groups.pop()

    def symbol(self, symbol: bytes) -> None:
        self.flush()
        self._groups[-1].star |= symbol == b"*"
        if self._shown and symbol in _SYMBOLS:
            self.out.append(_SYMBOLS[symbol])

    def word(self, word: bytes, number: bytes | None) -> None:
        self.flush()
        group = self._groups[-1]
        if word == b"htmltag":
            group.silent = not self.html
        elif word in _DROPPED or group.star:
            group.silent = True
        elif word == b"htmlrtf":
            group.rtf_only = number != b"0"
        elif word in _TEXT and self._shown:
            self.out.append(_TEXT[word])
        elif number:
            self._number(word, int(number), group)
        group.star = False

    def _number(self, word: bytes, number: int, group: _Group) -> None:
        if word == b"f":
            group.font = number
        elif word == b"uc":
            group.skip = max(0, number)
        elif word == b"u":
            self._left = group.skip
            if self._shown:
                self.out.append(_character(number))


def unwrap(data: bytes) -> tuple[str, str]:
    """`(html, text)`: one of them is filled. `text` also for RTF that was RTF from the start."""
    data = data[:MAX_RTF]
    reader = _Unwrapper(data)
    for match in _TOKEN.finditer(data):
        word, number, code, symbol, brace, text = match.groups()
        if code is not None:
            reader.text(bytes([int(code, 16)]))
        elif text is not None:
            reader.text(text)
        elif brace is not None:
            reader.brace(brace)
        elif symbol is not None:
            reader.symbol(symbol)
        elif word is not None:
            reader.word(word, number)
    reader.flush()
    result = "".join(reader.out)
    return (result, "") if reader.html else ("", result)


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

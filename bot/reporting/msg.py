"""Outlook files: `.msg` ([MS-OXMSG]) with RTF-wrapped HTML and forwarded mails inside, and winmail.dat ([MS-OXTNEF])."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from io import BytesIO

from olefile import OleFileIO  # type: ignore[import-untyped]

from bot.reporting.charset import decode
from bot.reporting.mail_headers import raw_items, unfold, values
from bot.reporting.mail_model import MAX_FILES, MAX_HTML, MAX_INNER, MAX_TEXT
from bot.reporting.mail_parts import Raw
from bot.reporting.rtf import unwrap

MAX_STREAM = 25 * 1024 * 1024
MAX_RTF_SIZE = 4_000_000
# Property ids of [MS-OXPROPS].
SUBJECT, HEADERS, BODY, RTF, HTML, MESSAGE_ID = 0x0037, 0x007D, 0x1000, 0x1009, 0x1013, 0x1035
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
AUTHOR_NAME, AUTHOR_ADDRESS, AUTHOR_SMTP, REPLY_NAMES = 0x0042, 0x0065, 0x5D02, 0x0050
SUBMITTED, DELIVERED, CODEPAGE, WEB_CODEPAGE = 0x0039, 0x0E06, 0x3FFD, 0x3FDE
FILE_DATA, FILE_NAME, FILE_SHORT, FILE_TYPE, FILE_ID = 0x3701, 0x3707, 0x3704, 0x370E, 0x3712


def read_msg(data: bytes) -> Raw:
    """A `.msg` file as `Raw`. A cut or broken one gives what can still be read, and says so in the defects."""
    raw = Raw()
    try:
        ole = OleFileIO(BytesIO(data))
        _shorten(ole, 8 * len(data))
    except Exception as error:
        raw.note(f"the Outlook file is cut or broken ({type(error).__name__})")
        return raw
    try:
        _read(_Store(ole, ""), raw, 0)
    except (RecursionError, Exception) as error:
        raw.note(f"the Outlook file is cut or broken ({type(error).__name__})")
    finally:
        ole.close()
    if not raw.headers and not raw.plains and not raw.htmls:
        raw.note("the Outlook file holds no mail")
    return raw


def _shorten(ole: OleFileIO, most: int) -> None:
    """No stream claims more than this: a chain of sectors that runs in circles is as long as whoever wrote it likes."""
    for entry in ole.direntries:
        if entry is not None:
            entry.size = min(entry.size, most)


class _Store:
    """One storage of the file (a message or an attachment) and its properties."""

    def __init__(self, ole: OleFileIO, path: str) -> None:
        self.ole, self.path = ole, path
        self.fixed: dict[int, bytes] = {}
        header = 32 if not path else 24 if path.endswith("3701000D") else 8
        stream = self.stream("__properties_version1.0")[header:]
        for place in range(0, len(stream) - 15, 16):
            _, number = struct.unpack_from("<HH", stream, place)
            self.fixed[number] = stream[place + 8 : place + 16]

    def stream(self, name: str) -> bytes:
        path = self.path + name
        try:
            return bytes(self.ole.openstream(path).read(MAX_STREAM)) if self.ole.exists(path) else b""
        except Exception:
            return b""

    def binary(self, number: int) -> bytes:
        return self.stream(f"__substg1.0_{number:04X}0102")

    def text(self, number: int) -> str:
        if wide := self.stream(f"__substg1.0_{number:04X}001F"):
            return wide.decode("utf-16-le", "replace").rstrip("\x00")
        narrow = self.stream(f"__substg1.0_{number:04X}001E")
        return decode(narrow, self.codepage(CODEPAGE))[0].rstrip("\x00") if narrow else ""

    def codepage(self, number: int) -> str:
        value = int.from_bytes(self.fixed.get(number, b"")[:4], "little")
        return {65001: "utf-8", 20127: "ascii", 28591: "latin1"}.get(value, f"cp{value}" if value else "")

    def time(self, number: int) -> str:
        """A FILETIME (100 ns since 1601) as an RFC 5322 date."""
        ticks = int.from_bytes(self.fixed.get(number, b""), "little")
        try:
            return (
                format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)) if ticks else ""
            )
        except (OverflowError, ValueError):
            return ""

    def children(self, prefix: str) -> list[str]:
        """Storages below this one whose name begins with `prefix`, in order."""
        depth = len([part for part in self.path.split("/") if part])
        here = self.path.lower()
        found = {
            entry[depth]
            for entry in self.ole.listdir(streams=True, storages=True)
            if len(entry) > depth
            and entry[depth].startswith(prefix)
            and "/".join([*entry[:depth], ""]).lstrip("/").lower() == here
        }
        return sorted(found)


def _read(store: _Store, raw: Raw, level: int) -> None:
    _headers(store, raw)
    if body := store.text(BODY):
        raw.plains.append(body.replace("\r\n", "\n")[:MAX_TEXT])
    if html := store.binary(HTML):
        raw.htmls.append(decode(html, store.codepage(WEB_CODEPAGE) or store.codepage(CODEPAGE))[0][:MAX_HTML])
    elif html_text := store.text(HTML):
        raw.htmls.append(html_text[:MAX_HTML])
    elif rtf := store.binary(RTF):
        _rtf(rtf, raw)
    for name in store.children("__attach_version1.0_")[:MAX_FILES]:
        _attachment(store, name, raw, level)


def _headers(store: _Store, raw: Raw) -> None:
    """The headers as they came over the wire, or made from properties for mails that never did (drafts, sent items)."""
    wire = store.text(HEADERS).encode("utf-8", "surrogatepass")
    if wire:
        wire = wire.lstrip(b"\r\n")
        found, cut = unfold(raw_items(BytesHeaderParser(policy=policy.compat32).parsebytes(wire)))
        raw.headers = found
        if cut:
            raw.note("headers cut: too many or too long")
    name = store.text(SENDER_NAME) or store.text(AUTHOR_NAME)
    address = _smtp(store, SENDER_SMTP, SENDER_ADDRESS) or _smtp(store, AUTHOR_SMTP, AUTHOR_ADDRESS)
    quoted = name.replace("\\", "").replace('"', "")
    made = {
        "From": f'"{quoted}" <{address}>' if address else f'"{quoted}"' if quoted else "",
        "Subject": store.text(SUBJECT),
        "Date": store.time(SUBMITTED) or store.time(DELIVERED),
        "Message-ID": store.text(MESSAGE_ID),
    }
    raw.headers.extend((key, value) for key, value in made.items() if value and not values(raw.headers, key))


def _smtp(store: _Store, *numbers: int) -> str:
    """The first that is an internet address (Exchange's own form begins with /o=)."""
    return next((text for number in numbers if "@" in (text := store.text(number))), "")


def _rtf(data: bytes, raw: Raw) -> None:
    import compressed_rtf  # type: ignore[import-untyped]  # noqa: PLC0415  (only Outlook files need it)

    try:
        html, text = unwrap(compressed_rtf.decompress(data[:MAX_RTF_SIZE]))
    except (RecursionError, Exception) as error:
        raw.note(f"the formatted body is unreadable ({type(error).__name__})")
        return
    if html:
        raw.htmls.append(html[:MAX_HTML])
    elif text and not raw.plains:
        raw.plains.append(text[:MAX_TEXT])


def _attachment(parent: _Store, name: str, raw: Raw, level: int) -> None:
    store = _Store(parent.ole, f"{parent.path}{name}/")
    inner = f"{store.path}__substg1.0_3701000D"
    label = store.text(FILE_NAME) or store.text(FILE_SHORT)
    if parent.ole.exists(inner):
        if level < 3 and len(raw.inner_raw) < MAX_INNER:
            child = Raw()
            _read(_Store(parent.ole, inner + "/"), child, level + 1)
            raw.inner_raw.append(child)
        return
    data = store.binary(FILE_DATA)
    raw.attach(label, store.text(FILE_TYPE), data, inline=bool(store.text(FILE_ID)))


def read_tnef(data: bytes) -> Raw:
    """A winmail.dat as `Raw`: its body and files. Broken ones give what can be read."""
    from tnefparse import TNEF  # type: ignore[import-untyped]  # noqa: PLC0415  (only winmail.dat needs it)

    raw = Raw()
    try:
        found = TNEF(data)
        for file in found.attachments:
            raw.attach(str(file.long_filename()), "", bytes(file.data))
        if body := found.htmlbody:
            raw.htmls.append((decode(body)[0] if isinstance(body, bytes) else str(body))[:MAX_HTML])
        if body := found.body:
            raw.plains.append((decode(body)[0] if isinstance(body, bytes) else str(body))[:MAX_TEXT])
        if not raw.htmls and (body := found.rtfbody):
            html, text = unwrap(bytes(body))
            (raw.htmls if html else raw.plains).append((html or text)[:MAX_TEXT])
    except (RecursionError, Exception) as error:
        raw.note(f"winmail.dat is cut or broken ({type(error).__name__})")
    return raw

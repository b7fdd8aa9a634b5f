"""The MIME tree of a hostile mail: walked without recursion, capped, every fault noted and none raised."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from email.parser import BytesHeaderParser

from bot.reporting.charset import decode
from bot.reporting.codes import wanted
from bot.reporting.mail_files import describe, ending
from bot.reporting.mail_headers import Headers, raw_items, unfold, words
from bot.reporting.mail_model import MAX_DEPTH, MAX_FILES, MAX_HTML, MAX_INNER, MAX_PARTS, MAX_TEXT, Attachment, Email

_KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|mime-version|content-type|content-transfer-encoding|reply-to|received"
    rb"|return-path|sender)[ \t]*:",
    re.I | re.M,
)
_LINE = re.compile(rb"^[!-9;-~]{1,100}[ \t]*:|^[ \t]")
_BOUNDARY = re.compile(r"^--([\w'()+,./:=?-]{1,70})[ \t]*\r?$", re.M)
_BLANKS = b"\r\n\t "
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_META = re.compile(rb"<meta[^>]{0,300}charset\s*=\s*[\"']?([\w:-]{2,40})", re.I)
_NAME = re.compile(r"""\bname\s*=\s*(?:"([^"]{1,500})"|([^\s;]{1,500}))""", re.I)
_AS_SENT = policy.compat32.clone(
    max_line_length=0, linesep="\r\n"
)  # no line folded anew: the bytes should be what was sent
Reader = Callable[[bytes, str], "Email"]


@dataclass
class Raw:
    """A mail taken apart, whatever format it came in. `inner` holds forwarded mails: name and bytes."""

    headers: Headers = field(default_factory=list)
    plains: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    inner: list[tuple[str, bytes]] = field(default_factory=list)
    inner_raw: list[Raw] = field(default_factory=list)  # forwarded mails that are taken apart already (.msg)
    wrapped: list[bytes] = field(default_factory=list)  # winmail.dat, read by the caller
    pictures: list[bytes] = field(default_factory=list)  # files that may hold a code
    defects: list[str] = field(default_factory=list)
    most: int = MAX_INNER  # forwarded mails that are kept
    left_out: int = 0  # and how many were not

    def note(self, defect: str) -> None:
        """Remember a fault once."""
        if defect not in self.defects and len(self.defects) < 50:
            self.defects.append(defect)

    def forwarded(self, name: str, data: bytes) -> None:
        """Keep a mail that is inside."""
        if len(self.inner) < self.most:
            self.inner.append((name, data))
        else:
            self.left_out += 1
            self.note(f"more than {self.most} forwarded mails")

    def attach(self, name: str, declared: str, data: bytes, *, inline: bool = False) -> None:
        """Sort a file in: a forwarded mail, a winmail.dat, or an attachment."""
        if ending(name) in ("eml", "msg") and not data.startswith(b"PK"):
            self.forwarded(name, data)
        elif data.startswith(b"\x78\x9f\x3e\x22"):
            self.wrapped.append(data)
        elif len(self.files) >= MAX_FILES:
            self.note("more than 100 attachments")
        else:
            file = describe(name, declared, data, inline=inline)
            self.files.append(file)
            if wanted(file.type, len(data), self.pictures):
                self.pictures.append(data)


def read_eml(data: bytes, most: int = MAX_INNER) -> Raw:
    """Bytes of an RFC 5322 mail, however broken, as `Raw`, with at most so many forwarded mails."""
    raw = Raw(most=most)
    data = _mend(data, raw)
    try:
        message: Message = message_from_bytes(data, policy=policy.compat32)
    except (RecursionError, Exception) as error:
        raw.note(f"parts nested too deeply ({type(error).__name__})")
        return _flat(data, raw)
    raw.headers, cut = unfold(raw_items(message))
    if cut:
        raw.note("headers cut: too many or too long")
    _walk(message, raw)
    return raw


def _mend(data: bytes, raw: Raw) -> bytes:
    """Undo what mail programs forgive: byte order marks, UTF-16, bare CR, blank lines first, junk between headers."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8")
        raw.note("saved as UTF-16")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in data[:100_000] and b"\r" in data[:100_000]:
        data = data.replace(b"\r", b"\n")
        raw.note("lines end in bare CR")
    data = data.lstrip(b"\r\n")
    end = re.search(rb"\r?\n\r?\n", data[:1_000_000])
    head, body = (data[: end.start()], data[end.start() :]) if end else (data[:1_000_000], data[1_000_000:])
    lines = head.split(b"\n")
    good = [i for i, line in enumerate(lines) if _LINE.match(line) or (i == 0 and line.startswith(b"From "))]
    if len(good) == len(lines):
        return data
    if not _KNOWN.search(head):
        raw.note("no headers")
        return b"\n" + data
    raw.note("a line among the headers is not a header")
    return b"\n".join(lines[i] for i in good) + body


def _flat(data: bytes, raw: Raw) -> Raw:
    """Only the headers and everything else as text, for mails that defeat the parser."""
    head = data[:300_000]
    try:
        raw.headers, _ = unfold(raw_items(BytesHeaderParser(policy=policy.compat32).parsebytes(head)))
    except Exception as error:
        raw.note(f"headers unreadable ({type(error).__name__})")
    raw.plains.append(decode(data[:MAX_TEXT])[0])
    return raw


def _walk(message: Message, raw: Raw) -> None:
    """Parts in order. In an alternative with HTML, the plain text counts as the other form of the same, not as more."""
    stack: list[tuple[Message, int]] = [(message, 0)]
    count = 0
    while stack:
        part, depth = stack.pop()
        count += 1
        if count > MAX_PARTS or depth > MAX_DEPTH:
            raw.note("more than 300 parts" if count > MAX_PARTS else "parts nested deeper than 40")
            return
        for defect in part.defects[:5]:
            raw.note(re.sub(r"(?<!^)(?=[A-Z])", " ", type(defect).__name__).lower().removesuffix(" defect"))
        kind = _kind(part)
        payload = _payload(part, raw)
        if kind in ("message/rfc822", "message/global"):
            _forwarded(part, payload, raw)
        elif kind.startswith("multipart/") and isinstance(payload, str):
            stack.append((_without_boundary(payload, raw), depth + 1))
        elif isinstance(payload, list):
            stack.extend(
                (child, depth + 1) for child in reversed(payload[: MAX_PARTS + 1]) if isinstance(child, Message)
            )
        else:
            _leaf(part, kind, raw)


def _without_boundary(payload: str, raw: Raw) -> Message:
    """A multipart whose boundary is missing or wrong: by the first line that could be one, else as text."""
    raw.note("the boundary between parts is missing or wrong")
    hit = _BOUNDARY.search(payload[:200_000])
    kind = f'Content-Type: multipart/mixed; boundary="{hit[1]}"' if hit else "Content-Type: text/plain"
    body = payload.encode("utf-8", "surrogateescape")
    again = message_from_bytes(kind.encode() + b"\n\n" + body, policy=policy.compat32)
    if again.is_multipart() or not hit:
        return again
    return message_from_bytes(b"Content-Type: text/plain\n\n" + body, policy=policy.compat32)


def _payload(part: Message, raw: Raw) -> object:
    try:
        return part.get_payload()
    except ValueError:  # a zero in the name of the character set; Python knows how to go on with every other nonsense
        raw.note("the name of a character set is unreadable")
        del part["content-type"]
        return part.get_payload()


def _kind(part: Message) -> str:
    try:
        return part.get_content_type()
    except Exception:
        return "text/plain"


def _forwarded(part: Message, payload: object, raw: Raw) -> None:
    """A mail inside the mail, as bytes again. Some senders encode it although the standard forbids that."""
    inner = payload[0] if isinstance(payload, list) and payload else None
    try:
        if isinstance(inner, Message):
            data = inner.as_bytes(policy=_AS_SENT)
            if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64" and not inner.keys():
                data = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", data))
        else:
            data = str(payload).encode("utf-8", "surrogateescape")
    except (RecursionError, binascii.Error, Exception) as error:
        raw.note(f"a forwarded mail is unreadable ({type(error).__name__})")
        return
    raw.forwarded(_filename(part) or "forwarded.eml", data)


def _leaf(part: Message, kind: str, raw: Raw) -> None:
    data = _bytes(part, raw)
    name = _filename(part)
    disposition = str(part.get("content-disposition", "")).strip().lower()
    attached = disposition.startswith("attachment") or (bool(name) and not kind.startswith("text/"))
    if kind == "text/html" and not attached:
        hit = None if part.get_param("charset") else _META.search(data[:3000])
        raw.htmls.append(_text(part, data, raw, hit[1].decode("ascii") if hit else "")[:MAX_HTML])
    elif kind in ("text/plain", "text/enriched", "text/markdown") and not attached:
        raw.plains.append(_text(part, data, raw)[:MAX_TEXT])
    else:
        raw.attach(name, kind, data, inline=disposition.startswith("inline") or "content-id" in part)


def _bytes(part: Message, raw: Raw) -> bytes:
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":
        return _base64(str(part.get_payload()), raw)
    try:
        data = part.get_payload(decode=True)
    except Exception as error:
        raw.note(f"a part is unreadable ({type(error).__name__})")
        return str(part.get_payload()).encode("utf-8", "surrogateescape")
    return data if isinstance(data, bytes) else b""


def _base64(payload: str, raw: Raw) -> bytes:
    """Base64 with what does not belong left out, as mail programs read it. Behind padding only more of the same counts."""
    data = b""
    for block in filter(None, payload.encode("ascii", "replace").split(b"=")):
        clean = block.translate(None, _NOT_BASE64)
        if data and len(clean) != len(block.translate(None, _BLANKS)):
            raw.note("junk behind a coded part")
            break
        data += base64.b64decode(clean[: len(clean) // 4 * 4] + _rest(clean))
    return data


def _rest(clean: bytes) -> bytes:
    left = clean[len(clean) // 4 * 4 :]
    return left + b"=" * (4 - len(left)) if len(left) > 1 else b""


def _text(part: Message, data: bytes, raw: Raw, charset: str = "") -> str:
    try:
        charset = str(part.get_content_charset() or charset)
    except Exception:
        raw.note("a character set is unreadable")
    text, fits = decode(data, charset)
    if not fits and not data.isascii():
        raw.note("text does not fit its character set")
    return text.replace("\r\n", "\n")


def _filename(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except Exception:
        name = ""
    if not name and (hit := _NAME.search(str(part.get("content-type", "")))):
        name = hit[1] or hit[2]
    return re.sub(r"\s+", " ", words(name)).strip()[:255]


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()

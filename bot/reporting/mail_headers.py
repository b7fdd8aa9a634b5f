"""Header lines of hostile mails: unfolding, encoded words (RFC 2047), addresses (RFC 5322, tolerant), dates, results."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime

from bot.reporting.charset import codec, decode
from bot.reporting.mail_model import (
    MAX_ADDRESSES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_VALUE,
    Address,
    AuthResult,
)

Headers = list[tuple[str, str]]
EXCHANGE_ONLINE = "exchange-online"  # its results carry no server name

_WORD = re.compile(r"=\?([A-Za-z0-9_.:+*-]{1,60})\?([bBqQ])\?(.{0,4000}?)\?=")
_FOLD = re.compile(r"\r?\n[ \t]*|\r")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESULT = re.compile(r"\b(spf|dkim|dmarc|compauth|arc)\s*=\s*([a-z]{2,12})\b([^;]{0,500})", re.I)
_DOMAIN_OF = {"spf": ("smtp.mailfrom", "smtp.helo"), "dkim": ("header.d", "header.i"), "dmarc": ("header.from",)}


def unfold(items: Iterable[tuple[str, object]]) -> tuple[Headers, bool]:
    """Names and values with folding undone and bytes decoded (not yet encoded words). True if something was cut off."""
    result: Headers = []
    size, cut = 0, False
    for name, value in items:
        text = str(value)
        cut = cut or len(text) > MAX_VALUE
        text = _text(text[:MAX_VALUE])
        size += len(name) + len(text)
        if len(result) >= MAX_HEADERS or size > MAX_HEADER_BYTES:
            return result, True
        result.append((name.strip()[:200], _FOLD.sub(" ", text).strip()))
    return result, cut


def _text(value: str) -> str:
    """compat32 keeps bytes above 127 as surrogates; mails in the wild mean UTF-8 or cp1252 by them."""
    if value.isascii():
        return value
    return decode(value.encode("utf-8", "surrogateescape"))[0]


def words(text: str) -> str:
    """Encoded words as text. White space between two of them vanishes; a character split over two is joined again."""
    if "=?" not in text:
        return _CONTROL.sub("", text)
    out: list[str] = []
    held, charset, end = b"", "", 0
    for match in _WORD.finditer(text[:MAX_VALUE]):
        between = text[end : match.start()]
        joined = bool(charset) and not between.strip()
        if held and not (joined and match[1].lower() == charset):
            out.append(decode(held, charset)[0])
            held = b""
        if not joined:
            out.append(between)
        held += _unword(match[1], match[2], match[3])
        charset, end = match[1].lower(), match.end()
    if held:
        out.append(decode(held, charset)[0])
    return _CONTROL.sub("", "".join(out) + text[end:])


def _unword(charset: str, coding: str, payload: str) -> bytes:
    data = payload.encode("ascii" if payload.isascii() else codec(charset) or "utf-8", "replace")
    if coding in "qQ":
        return _HEX.sub(lambda m: bytes.fromhex(m[1].decode()), data.replace(b"_", b" "))
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
    except (binascii.Error, ValueError):
        return base64.b64decode(clean[: len(clean) // 4 * 4])


def values(headers: Headers, name: str) -> list[str]:
    """All values of a header, as they stand."""
    wanted = name.lower()
    return [value for key, value in headers if key.lower() == wanted]


def first(headers: Headers, name: str) -> str:
    """The first value with encoded words read, or empty."""
    return next((words(value).strip() for value in values(headers, name)), "")


def addresses(values: Sequence[str]) -> tuple[Address, ...]:
    """Mailboxes of address headers. A display name with a bare comma is put together again, as mail programs show it."""
    result: list[Address] = []
    pending = ""
    for value in values:
        for box in _boxes(value[:MAX_VALUE]):
            if not box.email:
                pending = f"{pending} {box.name}".strip()
            else:
                result.append(Address(f"{pending} {box.name}".strip(), box.email))
                pending = ""
            if len(result) >= MAX_ADDRESSES:
                return tuple(result)
    if pending:
        result.append(Address(pending, ""))
    return tuple(result)


_PIECE = re.compile(r'"((?:[^"\\]|\\.){0,2000})"?|(<)([^<>]{0,1000})>?|([,;])|(:)|([^"<>,;:(]+)|.', re.S)


class _Box:
    """Collects the pieces of one mailbox."""

    def __init__(self) -> None:
        self.name: list[str] = []
        self.angle: str | None = None
        self.comment = ""

    def take(self, piece: re.Match[str]) -> None:
        quoted, opened, address, _, _, plain = piece.groups()
        if opened:
            self.angle = address
        elif quoted is not None:
            self.name.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            self.name.append(plain if plain is not None else piece[0].strip("<>"))

    def address(self) -> Address | None:
        name = words("".join(self.name).strip()).strip(" \t\"'")
        comment = words(self.comment).strip()
        if self.angle is not None:
            return Address((name or comment)[:300], _clean(self.angle))
        if "@" in name:
            token = max(name.split(), key=lambda part: "@" in part, default="")
            rest = " ".join(part for part in name.split() if part != token)
            return Address((rest or comment)[:300], _clean(token))
        return Address((name or comment)[:300]) if name or comment else None


def _clean(address: str) -> str:
    """An address without comments and source route (RFC 5322, section 4.4)."""
    plain = re.sub(r"\([^()]{0,300}\)", "", _CONTROL.sub("", words(address)))
    return re.sub(r"^\s*@[^:<>]{1,300}:", "", plain).strip(" \t<>\"'")[:320]


def _boxes(value: str) -> Iterator[Address]:
    closers = _comments(value)
    box, place = _Box(), 0
    while place < len(value):
        if place in closers:
            box.comment = box.comment or value[place + 1 : closers[place]]
            place = closers[place] + 1
            continue
        piece = _PIECE.match(value, place)
        if piece is None:
            break
        place = piece.end()
        group = piece[5] and box.angle is None and "@" not in "".join(box.name)
        more = box.angle is not None and not piece[4] and piece[0].strip()  # a comma was forgotten
        if piece[4] or group or more:
            found = None if group else box.address()
            box = _Box()
            if found:
                yield found
        if not piece[4] and not group:
            box.take(piece)
    if found := box.address():
        yield found


def _comments(value: str) -> dict[int, int]:
    """Where each outermost comment (RFC 5322, section 3.2.2) opens and closes, outside quotes. One pass: nesting is cheap."""
    found: dict[int, int] = {}
    stack: list[int] = []
    quoted = escaped = False
    for place, char in enumerate(value):
        if escaped or char == "\\":
            escaped = not escaped
        elif char == '"' and not stack:
            quoted = not quoted
        elif char == "(" and not quoted:
            stack.append(place)
        elif char == ")" and stack:
            found[stack.pop()] = place
    return found


def date(value: str) -> str:
    """An RFC 5322 date as ISO 8601 in UTC, or empty."""
    try:
        moment = parsedate_to_datetime(value[:200])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, TypeError, OverflowError, IndexError):
        return ""


def auth_results(headers: Headers, authserv_id: str) -> tuple[AuthResult, ...]:
    """What our own gateway found. Only its topmost header counts, with those directly above the next other header:
    a sender can write any header, but not above ours. Other servers' results are ignored (RFC 8601, section 5).
    """
    if not authserv_id:
        return ()
    found: list[AuthResult] = []
    for name, value in headers:
        if name.lower() == "authentication-results" and _is_ours(value, authserv_id):
            found.extend(_results(value))
        elif found:
            break
    return tuple(found)


def gateway_says(headers: Headers, authserv_id: str, method: str, name: str) -> str | None:
    """The property `name` of a method that passed at our own gateway, e.g. `auth` and `smtp.auth` (RFC 8601, section 2.7.4)."""
    for value in values(headers, "Authentication-Results"):
        if _is_ours(value, authserv_id):
            clean = re.sub(r"\([^()]{0,500}\)", " ", value[:4000])
            passed = re.search(rf"\b{re.escape(method)}\s*=\s*pass\b([^;]{{0,500}})", clean, re.I)
            hit = re.search(rf"\b{re.escape(name)}\s*=\s*([^\s;]{{1,300}})", passed[1], re.I) if passed else None
            return hit[1].strip("<>\"'") if hit else None
    return None


def _is_ours(value: str, authserv_id: str) -> bool:
    server = value.partition(";")[0].strip().lower()
    if authserv_id.lower() == EXCHANGE_ONLINE:
        return "=" in server.partition(" ")[0]
    return server.partition(" ")[0] == authserv_id.lower()


def _results(value: str) -> Iterator[AuthResult]:
    for match in _RESULT.finditer(re.sub(r"\([^()]{0,500}\)", " ", value[:4000])):
        method = match[1].lower()
        domain = ""
        for key in _DOMAIN_OF.get(method, ()):
            if hit := re.search(rf"\b{re.escape(key)}\s*=\s*([^\s;]{{1,300}})", match[3], re.I):
                domain = hit[1].rpartition("@")[2].strip("<>\"'").lower()
                break
        yield AuthResult(method, match[2].lower(), domain)


def raw_items(message: Message) -> Iterable[tuple[str, object]]:
    """Header pairs of a parsed message without any decoding by the standard library."""
    return message.raw_items()

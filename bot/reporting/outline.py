"""What a mail is recognised by: a small sketch of its words, where it leads, whom it went to and when. Pure; run in the sandbox.

The sketch is the set of hashed three-word pieces of the text with the words of subject and sender's name, of which the smallest
`KEPT` hashes stand for the rest (bottom-k, Cohen 1997). Two texts that share most of their pieces share most of those. Bands over
min-hashes (Broder 1997) make an index: near-duplicates meet in at least one of `BANDS` with a chance of 0.997 at `SAME`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b

from bot.reporting.domains import registered
from bot.reporting.folding import fold
from bot.reporting.forward import meant
from bot.reporting.mail import parse
from bot.reporting.mail_headers import addresses, date, values
from bot.reporting.mail_model import Email

KEPT = 256  # hashes of a sketch
BANDS, ROWS = 20, 3
SAME = 0.62  # shared pieces from which two mails are one campaign's
FEWEST = 3  # pieces that a mail needs to be recognised at all
MOST_WORDS = 5_000
_PRIME = (1 << 61) - 1
_WORD = re.compile(r"[^\W\d_]{1,40}")
_MASKED = re.compile(r"(?:https?://|www\.)\S{1,2000}|(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,255}", re.I)
_FOR = re.compile(r"\bfor\s+<?([^\s<>;@]{1,64}@[^\s<>;@]{3,250})>?", re.I)
_RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


@dataclass(frozen=True)
class Outline:
    """How a mail is recognised again. Empty without words.

    `pieces`: the sketch, sorted. `bands`: its keys in an index. `domains`: registered domains of its links. `leads`: hashes of
    the exact places they lead to, without parameters. `files`: SHA-256 of its attachments. `people`: addresses that it went to.
    `delivered`: epoch seconds by our own servers' line, 0 if unknown. `content`: a hash of all that it says, numbers included,
    and of whom an answer goes to.
    """

    pieces: tuple[int, ...] = ()
    bands: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sender: str = ""
    people: tuple[str, ...] = ()
    delivered: float = 0.0
    content: str = ""
    fault: str = ""


def outline(data: bytes, name: str) -> Outline:
    """The outline of a mail, or of the one that was forwarded in it. Raises nothing for what is in the bytes."""
    mail, quoted = meant(parse(data, name))
    pieces = sketch(mail.subject, mail.sender.name, mail.text)
    people = _boxes([quoted.to]) if quoted else _recipients(mail)
    moment = date(quoted.date) if quoted else _delivered(mail)
    return Outline(
        pieces,
        bands(pieces),
        tuple(sorted({registered(link.host) or link.host for link in mail.links if link.host}))[:50],
        tuple(sorted({_place(link.target) for link in mail.links if link.host}))[:200],
        tuple(sorted({file.sha256 for file in mail.attachments if file.size})),
        mail.sender.email.lower(),
        people,
        _epoch(moment),
        _content(mail),
    )


def sketch(subject: str, sender: str, text: str) -> tuple[int, ...]:
    """The smallest hashes of what a mail says, sorted; () if it says too little to be told from others."""
    body = _words(text)
    pieces = {" ".join(body[place : place + 3]) for place in range(len(body) - 2)} or (
        {" ".join(body)} if body else set()
    )
    pieces |= {f"s:{word}" for word in _words(subject)} | {f"f:{word}" for word in _words(sender)}
    if len(pieces) < FEWEST:
        return ()
    return tuple(sorted({_hash(piece) for piece in pieces})[:KEPT])


def _words(text: str) -> list[str]:
    """Words without numbers and addresses, tricks with letters undone."""
    return _WORD.findall(_MASKED.sub(" ", fold(text[:200_000])))[:MOST_WORDS]


def _hash(piece: str) -> int:
    return int.from_bytes(blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")


@cache
def _permutations() -> tuple[tuple[int, int], ...]:
    """Fixed for ever: stored sketches were made with them."""

    def number(kind: str, place: int) -> int:
        return int.from_bytes(blake2b(f"{kind}{place}".encode(), digest_size=7).digest(), "big") % _PRIME

    return tuple((number("a", place) | 1, number("b", place)) for place in range(BANDS * ROWS))


def bands(pieces: Sequence[int]) -> tuple[str, ...]:
    """The keys under which a sketch is found."""
    if not pieces:
        return ()
    least = [min((a * piece + b) % _PRIME for piece in pieces) for a, b in _permutations()]
    keys = ((place, *least[place * ROWS : (place + 1) * ROWS]) for place in range(BANDS))
    return tuple(blake2b(repr(key).encode(), digest_size=8).hexdigest() for key in keys)


def likeness(left: Sequence[int], right: Sequence[int]) -> float:
    """Estimated share of common pieces, 0 to 1: exact for short mails, else over the smallest hashes of both."""
    if not left or not right:
        return 0.0
    a, b = set(left), set(right)
    both = sorted(a | b)
    if len(left) == KEPT or len(right) == KEPT:
        both = both[:KEPT]
    return sum(piece in a and piece in b for piece in both) / len(both)


def _content(mail: Email) -> str:
    """Everything a reader could be moved by, but for where links lead."""
    boxes = [mail.sender.name, mail.sender.email.lower(), *(box.email.lower() for box in mail.reply_to)]
    said = "\x00".join([fold(mail.subject), fold(_MASKED.sub(" ", mail.text)), *boxes])
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _place(target: str) -> str:
    plain = re.split(r"[?#]", target.partition("://")[2], maxsplit=1)[0].rstrip("/")
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _recipients(mail: Email) -> tuple[str, ...]:
    headers = list(mail.headers)
    lines = [line for name in _RECIPIENTS for line in values(headers, name)]
    lines += [hit[1] for line in values(headers, "Received") for hit in _FOR.finditer(line)]
    return _boxes(lines)


def _boxes(lines: Iterable[str]) -> tuple[str, ...]:
    found = (box.email.lower() for box in addresses(list(lines)) if "@" in box.email)
    return tuple(dict.fromkeys(found))[:100]


def _delivered(mail: Email) -> str:
    """When it was delivered: the topmost Received line is the last server's, and that one is ours. Else what the sender says."""
    received = values(list(mail.headers), "Received")
    return (date(received[0].rpartition(";")[2].strip()) if received else "") or mail.date


def _epoch(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except (ValueError, OverflowError):
        return 0.0

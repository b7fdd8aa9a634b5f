"""Forwards: which mail did the reporter mean? The one inside, attached or quoted, but the cover is judged too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.reporting.mail_headers import addresses
from bot.reporting.mail_model import Address, Email

MAX_CANDIDATES = 8
MOST_LINES = 2_000  # of a text that are looked at
_SHORT = 300  # characters of a text that only says: see the mail attached
_GAP = 2  # empty lines that may stand between two lines of a quoted header block (HTML turned into text has one)
_FORWARDED = re.compile(r"^\s*(?:fwd?|wg|tr|rv|enc|doorst|i|vs|pd|vb|ilt|vl)\s*:", re.I)
# What mail programs write above a forwarded mail, and above one that is answered, in the languages they are used in here.
_EDGE = r"^[>\s*_-]*(?:{words})\s*:?[\s*_-]*$"
_MARK = re.compile(_EDGE.format(words=
    "forwarded message|begin forwarded message|weitergeleitete nachricht|anfang der weitergeleiteten nachricht"
    "|message transféré|début du message réexpédié|début du message transféré|mensaje reenviado"
    "|inicio del mensaje reenviado|mensagem encaminhada|início da mensagem reencaminhada|doorgestuurd bericht"
    "|begin doorgestuurd bericht|messaggio inoltrato|inizio messaggio inoltrato"), re.I)  # fmt: skip
_ANSWERED = re.compile(_EDGE.format(words=
    "original message|ursprüngliche nachricht|message d'origine|mensaje original|mensagem original"
    "|oorspronkelijk bericht|messaggio originale"), re.I)  # fmt: skip
_LABELS = {
    "from": "from|von|de|da|van|från|fra|od|expéditeur|remitente|afzender|absender|mittente",
    "subject": "subject|betreff|objet|asunto|assunto|onderwerp|oggetto|ämne|emne|temat",
    "date": "date|sent|datum|gesendet|envoyé|envoyé le|fecha|enviado|enviado el|data|enviada|enviada em|enviado em"
    "|verzonden|inviato|skickat|sendt",
    "to": "to|an|à|a|para|aan|till|til|do|destinataire|empfänger",
    "more": "cc|kopie|copie|copia|reply-to|reply to|antwort an|répondre à|importance|wichtigkeit|bcc|attachments",
}
_LABEL = re.compile(
    r"^[>\s*|]{0,20}(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in _LABELS.items()) + r")\*?\s?:\*?\s*(?P<value>.*)$",
    re.I,
)  # fmt: skip
_MAILTO = re.compile(r"\[mailto:([^\]]+)\]|<mailto:([^>]+)>", re.I)


@dataclass(frozen=True)
class Quoted:
    """A quoted header block. `start` and `end` are line numbers of the text: the block, without the lines above and below.

    `marked`: a mail program's line stands above it that says "forwarded"; such lines belong to the block.
    """

    sender: Address
    subject: str
    date: str
    to: str
    start: int
    end: int
    marked: bool


def candidates(email: Email) -> tuple[Email, ...]:
    """Mails to judge: the one that was sent in, then those forwarded inside it, as attachment or quoted."""
    return tuple(_all(email))[:MAX_CANDIDATES]


def _all(email: Email) -> Iterator[Email]:
    yield email
    if quoted := _inside(email):
        yield quoted
    for inner in email.inner:
        yield from _all(inner)


def meant(email: Email, depth: int = 4) -> tuple[Email, Quoted | None]:
    """The mail that a forward is about, and its quoted header block if it came inline: of one attached, that one."""
    if depth and len(email.inner) == 1 and (is_forward(email.subject) or len(email.text) < _SHORT):
        return meant(email.inner[0], depth - 1)
    found = quoted(email.text)
    if found and (found.marked or is_forward(email.subject)):
        return _as_mail(email, found), found
    return email, None


def _inside(email: Email) -> Email | None:
    """An inline forward as the mail it was."""
    found = quoted(email.text)
    if found is None or not (found.marked or is_forward(email.subject)):
        return None
    return _as_mail(email, found)


def _as_mail(email: Email, found: Quoted) -> Email:
    """Sender, subject and text from the quoted header block."""
    return replace(
        email, sender=found.sender, senders=(found.sender,), sent_by=Address(), reply_to=(), subject=found.subject,
        text="\n".join(email.text.split("\n")[found.end :]).lstrip("\n"), auth=(), inner=(),
    )  # fmt: skip


def is_forward(subject: str) -> bool:
    """Whether a subject begins as mail programs begin those of forwards."""
    return bool(_FORWARDED.match(subject))


def quoted(text: str) -> Quoted | None:
    """The first quoted header block that names a sender with an address, and a subject."""
    lines = text.split("\n", MOST_LINES)[:MOST_LINES]
    place = 0
    while place < len(lines):
        if not _LABEL.match(lines[place]):
            place += 1
            continue
        block, end = _block(lines, place)
        sender = _sender(block.get("from", ""))
        if sender and "subject" in block:
            start, marked = _above(lines, place)
            subject, date, to = (block.get(kind, "").strip(" *\t")[:1000] for kind in ("subject", "date", "to"))
            return Quoted(sender, subject, date, to, start, end, marked)
        place = end
    return None


def _block(lines: list[str], start: int) -> tuple[dict[str, str], int]:
    """Values by kind of the header lines that follow each other, and the line behind the last."""
    block: dict[str, str] = {}
    end = place = start
    while place < len(lines) and place - end <= _GAP:
        if hit := _LABEL.match(lines[place]):
            kind = next(name for name in _LABELS if hit[name] is not None)
            if kind in ("from", "subject") and kind in block:
                break  # the next quoted mail
            block.setdefault(kind, hit["value"])
            end = place + 1
        elif lines[place].strip(" >*"):
            if not _goes_on(block, lines[place]):
                break
            end = place + 1
        place += 1
    return block, end


def _goes_on(block: dict[str, str], line: str) -> bool:
    """Whether a line is the rest of the one above: folded, or of a long list of recipients."""
    return line[:1] in " \t" or ("to" in block and "@" in line and line.rstrip().endswith((">", ";", ",")))


def _sender(value: str) -> Address | None:
    plain = _MAILTO.sub(lambda hit: f"<{hit[1] or hit[2]}>", value.replace("*", ""))
    boxes = addresses([plain])
    return boxes[0] if boxes and "@" in boxes[0].email else None


def _above(lines: list[str], start: int) -> tuple[int, bool]:
    """Where a block begins with the mail program's own line above it, and whether that one says "forwarded"."""
    for place in range(start - 1, max(-1, start - 4), -1):
        if _MARK.match(lines[place]):
            return place, True
        if _ANSWERED.match(lines[place]):
            return place, False
        if lines[place].strip(" >*_-"):
            break
    return start, False

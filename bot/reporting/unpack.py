"""A letter to the reporting mailbox: who sent it, what they wrote, and the mails that they meant. Pure; run in the sandbox.

Forwards as attachment (`.eml`, `.msg`, in a winmail.dat, several at once, by a report button), forwards inline, pasted headers.
What is automatic is named by the headers of RFC 3834 and of what Exchange and common vacation programs set.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from typing import Literal

from bot.reporting.forward import is_forward, quoted
from bot.reporting.mail import assemble, take_apart, unwrap
from bot.reporting.mail_files import PICTURES, sniff
from bot.reporting.mail_headers import EXCHANGE_ONLINE, Headers, auth_results, first, gateway_says, values
from bot.reporting.mail_model import Address, Email
from bot.reporting.mail_parts import Raw, digest

Automatic = Literal["", "ours", "bounce", "reply", "generated", "list"]
Claim = Literal["", "junk", "wanted", "phishing"]
OURS = "X-Secdesk"  # a header of every mail that we send
MOST_MAILS = 30  # in one letter
MOST_PICTURES = 5
MOST_NOTE = 2_000  # characters of what the reporter wrote themselves
MOST_PICTURE_BYTES = 10_000_000
_NOBODY = Address()
_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster|bounces?|double-bounce)(?:[+.=-]|$)", re.I)
_ID = re.compile(r"<[^<>\s]{1,300}>")
_BUTTON = re.compile(r"^\s*(?:(?P<code>[123])\||(?P<word>junk|not junk|phishing|not phishing)\s*:)", re.I)
# How Outlook's report button begins its subjects ("Message format" of Microsoft's page on user reported settings).
_SAYS: dict[str, Claim] = {
    "1": "junk", "2": "wanted", "3": "phishing", "junk": "junk", "not junk": "wanted", "phishing": "phishing",
    "not phishing": "wanted",
}  # fmt: skip
_ANSWERED = re.compile(
    r"^(?:>|on .{5,120} wrote:|am .{5,120} schrieb|le .{5,120} a écrit|el .{5,120} escribió|op .{5,120} schreef|-- ?$)",
    re.I,
)


@dataclass(frozen=True)
class Enclosed:
    """A file of a letter, base64 coded since it crosses a pipe as JSON."""

    name: str
    coded: str

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.coded)


@dataclass(frozen=True)
class Letter:
    """A mail to the reporting mailbox, taken apart.

    `digest` names what the sender sent, whatever way it took: a second copy has the same. `proved`: our own gateway vouches for
    the sender's address. `automatic`: no person wrote it. `says`: what a report button was pressed for. `note`: what the
    reporter wrote above what they forwarded. `whole`: the letter itself holds what was meant (an inline forward, pasted headers),
    else `mails` do. `fault`: nothing can be read.
    """

    digest: str
    sender: Address = _NOBODY
    senders: int = 0
    proved: bool = False
    subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    automatic: Automatic = ""
    silent: bool = False  # its sender's system asks for no automatic answer
    says: Claim = ""
    note: str = ""
    whole: bool = False
    mails: tuple[Enclosed, ...] = ()
    pictures: tuple[Enclosed, ...] = ()
    dropped: int = 0  # mails over `MOST_MAILS`, left out
    fault: str = ""


def unpack(data: bytes, authserv_id: str) -> Letter:
    """Take a letter apart. `authserv_id`: our own gateway's name in Authentication-Results."""
    form, raw = take_apart(data, MOST_MAILS)
    if form != "eml":  # over IMAP everything is RFC 5322
        return Letter(digest(data), fault="no mail")
    unwrap(raw)
    mails = _mails(raw)
    raw.inner, raw.inner_raw = [], []
    email = assemble(raw, "", len(data), form, authserv_id, 0)
    block = quoted(email.text)
    forward = is_forward(email.subject) or (block is not None and block.marked)
    button = _BUTTON.match(email.subject)
    return Letter(
        digest=_digest(email, mails),
        sender=email.sender,
        senders=len(email.senders),
        proved=_proved(raw.headers, email, authserv_id),
        subject=email.subject[:300],
        message_id=email.message_id,
        references=_references(raw.headers),
        automatic=automatic(raw.headers, email.sender),
        silent=_silent(raw.headers),
        says=_SAYS.get((button["code"] or button["word"]).lower(), "") if button else "",
        note="" if forward and block is None and not mails else _note(email, block.start if block else None),
        whole=forward if mails and block else not mails and (forward or block is not None),
        mails=tuple(Enclosed(name, base64.b64encode(inner).decode()) for name, inner in mails),
        pictures=() if mails else tuple(_pictures(data)),
        dropped=raw.left_out,
        fault="" if email.sender.email else "no sender",
    )


def _digest(email: Email, mails: Sequence[tuple[str, bytes]]) -> str:
    """What its sender made of a letter, without what servers on the way wrote on it."""
    dated = next((value for name, value in email.headers if name.lower() == "date"), "")
    files = [file.sha256 for file in email.attachments] + [digest(inner) for _, inner in mails]
    parts = [email.message_id, email.sender.email.lower(), dated, email.subject, email.plain, email.html, *files]
    return digest("\x00".join(parts).encode("utf-8", "surrogatepass"))


def _mails(raw: Raw) -> list[tuple[str, bytes]]:
    """The enclosed mails without our own, once each."""
    kept: dict[bytes, str] = {}
    for name, inner in raw.inner:
        if inner.strip() and not _is_ours(inner):
            kept.setdefault(inner, name)
    return [(name, inner) for inner, name in kept.items()]


def _is_ours(data: bytes) -> bool:
    head = data[:20_000].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return re.search(rb"^" + OURS.encode() + rb"\s*:", head, re.I | re.M) is not None


def automatic(headers: Headers, sender: Address) -> Automatic:
    """What sort of machine sent a mail; "" for a person."""
    kind = first(headers, "Content-Type").lower()
    precedence = first(headers, "Precedence").lower()
    submitted = first(headers, "Auto-Submitted").lower().partition(";")[0].strip()
    if values(headers, OURS):
        return "ours"
    if kind.startswith("multipart/report") or _DAEMON.match(sender.email.partition("@")[0]):
        return "bounce"
    if submitted == "auto-replied" or precedence == "auto_reply" or _any(headers, "X-Autoreply", "X-Autorespond"):
        return "reply"
    if first(headers, "Return-Path").strip() == "<>":
        return "reply"
    if submitted not in ("", "no"):
        return "generated"
    if precedence in ("bulk", "list", "junk") or _any(headers, "List-Id", "List-Unsubscribe"):
        return "list"
    return ""


def _any(headers: Headers, *names: str) -> bool:
    return any(values(headers, name) for name in names)


def _silent(headers: Headers) -> bool:
    """X-Auto-Response-Suppress ([MS-OXCMAIL]): the sender's system wants no answer from a machine."""
    asked = first(headers, "X-Auto-Response-Suppress").lower()
    return any(word in asked for word in ("all", "autoreply"))


def _references(headers: Headers) -> tuple[str, ...]:
    """The mails that this one answers, the nearest first."""
    named = [first(headers, "In-Reply-To"), *reversed(_ID.findall(first(headers, "References")))]
    return tuple(dict.fromkeys(found for text in named for found in _ID.findall(text)))[:50]


def _proved(headers: Headers, email: Email, authserv_id: str) -> bool:
    """Whether our gateway says that the sender's address is the sender's: DMARC passed, or they signed in to send it."""
    if not authserv_id or len(email.senders) != 1 or not email.sender.domain:
        return False
    results = auth_results(headers, authserv_id)
    if any(
        item.method == "dmarc" and item.result == "pass" and item.domain in ("", email.sender.domain)
        for item in results
    ):
        return True
    if authserv_id.lower() == EXCHANGE_ONLINE:  # Exchange takes this header out of whatever comes from outside
        return first(headers, "X-MS-Exchange-Organization-AuthAs").lower() == "internal"
    signed_in = gateway_says(headers, authserv_id, "auth", "smtp.auth")
    return signed_in is not None and signed_in.lower() == email.sender.email.lower()


def _note(email: Email, quote: int | None) -> str:
    """What the reporter wrote: the text above a quoted mail, without the signature."""
    kept: list[str] = []
    for line in email.text.split("\n")[:quote]:
        if _ANSWERED.match(line.strip()):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()[:MOST_NOTE]


def _pictures(data: bytes) -> Iterable[Enclosed]:
    """Pictures that came with a letter: screenshots, mostly."""
    message: Message = message_from_bytes(data, policy=policy.compat32)
    found = 0
    for part in _some(message.walk(), 100):
        if part.get_content_maintype() not in ("image", "application") or found >= MOST_PICTURES:
            continue
        try:
            body = part.get_payload(decode=True)
            name = str(part.get_filename() or "picture")
        except Exception:  # noqa: S112 # nosec B112 (what cannot be read is no picture)
            continue
        if isinstance(body, bytes) and len(body) <= MOST_PICTURE_BYTES and sniff(body) in PICTURES - {"svg"}:
            found += 1
            yield Enclosed(name[:200], base64.b64encode(body).decode())


def _some(parts: Iterable[Message], most: int) -> Iterable[Message]:
    for number, part in enumerate(parts):
        if number >= most:
            return
        yield part

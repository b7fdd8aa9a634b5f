"""What other systems can look for: addresses, links, domains, files of a mail. As sent, not defanged: machines read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.reporting.domains import host_of, registered, scheme_of, valid_domain
from bot.reporting.mail_model import Email

MOST = 200
KINDS = ("email", "reply_to", "url", "domain", "file", "subject", "message_id")
_LONGEST = 2_000


@dataclass(frozen=True)
class Indicator:
    """`kind` is one of `KINDS`; `value` an address, a URL, a domain, a SHA-256 … `name` is a file's name."""

    kind: str
    value: str
    name: str = ""


def indicators(mail: Email) -> tuple[Indicator, ...]:
    """Each once, in the order of `KINDS`."""
    found = dict.fromkeys(item for item in _found(mail) if item.value)
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda item: order[item.kind])[:MOST])


def _found(mail: Email) -> Iterator[Indicator]:
    if valid_domain(mail.sender.domain):
        yield Indicator("email", mail.sender.email.lower()[:320])
    for box in mail.reply_to[:5]:
        if valid_domain(box.domain):
            yield Indicator("reply_to", box.email.lower()[:320])
    for link in mail.links:
        if scheme_of(link.target) in ("http", "https", "ftp"):
            yield Indicator("url", link.target[:_LONGEST])
            yield Indicator("domain", registered(host_of(link.target)))
    for file in mail.attachments:
        yield Indicator("file", file.sha256, " ".join(file.name.split())[:200])
    yield Indicator("subject", " ".join(mail.subject.split())[:300])
    yield Indicator("message_id", mail.message_id)

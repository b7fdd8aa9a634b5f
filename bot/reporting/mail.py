"""Hostile bytes in, a frozen `Email` out. Never raises for what a mail contains: faults land in `Email.defects`.

The standard library's `compat32` policy reads the structure and nothing else; headers, addresses, HTML and files are decoded
here, with caps on everything (see `mail_model`). Run it in the sandbox: a cap is a promise about size, not about time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.reporting.codes import find_codes
from bot.reporting.domains import clean_url, host_of
from bot.reporting.mail_headers import addresses, auth_results, date, first, values
from bot.reporting.mail_html import read_html, tidy
from bot.reporting.mail_model import (
    MAX_HTML,
    MAX_INNER,
    MAX_INNER_DEPTH,
    MAX_LINKS,
    MAX_TEXT,
    MAX_URL,
    Address,
    Attachment,
    AuthResult,
    Email,
    Link,
    Page,
)
from bot.reporting.mail_parts import Raw, digest, read_eml
from bot.reporting.msg import read_msg, read_tnef

__all__ = ["Address", "Attachment", "AuthResult", "Email", "Link", "Page", "parse"]

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TNEF = b"\x78\x9f\x3e\x22"
_TYPED = re.compile(r"(?:https?://|www\.)[^\s<>\"'\u2028|\\^`{}]{3,2000}", re.I)
_HOSTED = re.compile(r"(?:[\w-]{1,63}\.){1,6}[a-z]{2,18}(?:[/?#]\S*)?$", re.I)
_TAIL = ".,;:!?)]}>*_'\"\u201d\u2019"


def parse(data: bytes, name: str = "", *, authserv_id: str = "", depth: int = 0) -> Email:
    """The mail in `data` (`.eml`, `.msg` or winmail.dat, told by content; `name` is not trusted).

    `authserv_id`: our own gateway's name; results of any other are dropped. `depth`: how many mails this one is inside.
    """
    form, raw = take_apart(data)
    return assemble(raw, digest(data), len(data), form, authserv_id, depth)


def take_apart(data: bytes, most: int = MAX_INNER) -> tuple[str, Raw]:
    """The format by content (`msg`, `tnef` or `eml`), and the parts, with at most so many forwarded mails."""
    if data.startswith(OLE):
        return "msg", read_msg(data)
    if data.startswith(TNEF):
        return "tnef", read_tnef(data)
    return "eml", read_eml(data, most)


def assemble(raw: Raw, sha256: str, size: int, form: str, authserv_id: str, depth: int) -> Email:
    """The mail of its parts, with the mails inside it."""
    unwrap(raw)
    page = read_html("\n".join(raw.htmls)[:MAX_HTML]) if raw.htmls else Page()
    if page.cut:
        raw.note("HTML nested too deeply or too long")
    plain = tidy("\n".join(raw.plains))[:MAX_TEXT]
    senders = addresses(values(raw.headers, "From"))
    if len(values(raw.headers, "From")) > 1:
        raw.note("more than one From header")
    codes = _codes(raw)
    return Email(
        sha256=sha256,
        size=size,
        form=form,
        sender=next((box for box in senders if box.email), senders[0] if senders else Address()),
        senders=senders,
        sent_by=next(iter(addresses(values(raw.headers, "Sender"))), Address()),
        reply_to=addresses(values(raw.headers, "Reply-To")),
        subject=first(raw.headers, "Subject")[:1000],
        date=date(first(raw.headers, "Date")),
        message_id=first(raw.headers, "Message-ID")[:300],
        text=page.text or plain,
        plain=plain,
        html="\n".join(raw.htmls)[:MAX_HTML],
        hidden=page.hidden,
        links=(*_links(page, plain), *_code_links(codes)),
        pictures=page.pictures,
        trackers=page.trackers,
        linked_pictures=page.linked_pictures,
        password_field=page.password_field,
        script=page.script,
        attachments=tuple(raw.files),
        codes=codes,
        auth=auth_results(raw.headers, authserv_id),
        headers=tuple((key, value[:1000]) for key, value in raw.headers[:200]),
        inner=tuple(_inner(raw, authserv_id, depth)),
        defects=tuple(raw.defects),
    )


def _codes(raw: Raw) -> tuple[str, ...]:
    """What QR codes in the mail say."""
    html = "\n".join(raw.htmls)[:MAX_HTML]
    try:
        return find_codes(raw.pictures, html, "\n".join(raw.plains)[:MAX_TEXT])
    except Exception as error:
        raw.note(f"pictures unreadable ({type(error).__name__})")
        return ()


def _code_links(codes: tuple[str, ...]) -> Iterable[Link]:
    """Codes that lead to a page."""
    for text in codes:
        typed = text if re.match(r"https?://", text, re.I) else f"http://{text}" if _HOSTED.match(text) else ""
        if typed and (host := host_of(target := clean_url(typed[:MAX_URL]))):
            yield Link("", target, host, "code", True)


def unwrap(raw: Raw) -> None:
    """Put in what a winmail.dat holds. Once is enough: it changes `raw`."""
    wrapped, raw.wrapped = raw.wrapped[:3], []
    for data in wrapped:
        _merge(raw, read_tnef(data))


def _merge(raw: Raw, more: Raw) -> None:
    raw.plains.extend(more.plains if not raw.plains else ())
    raw.htmls.extend(more.htmls)
    raw.files.extend(more.files)
    raw.inner.extend(more.inner)
    raw.pictures.extend(more.pictures)
    for defect in more.defects:
        raw.note(defect)


def _inner(raw: Raw, authserv_id: str, depth: int) -> Iterable[Email]:
    """Forwarded mails. Results of our gateway inside them were never seen by it, so they do not count."""
    if depth >= MAX_INNER_DEPTH and (raw.inner or raw.inner_raw):
        raw.note("mails forwarded in mails, deeper than 3")
        return
    for name, data in raw.inner:
        yield parse(data, name, depth=depth + 1)
    for child in raw.inner_raw:
        yield assemble(child, "", 0, "msg", "", depth + 1)


def _links(page: Page, plain: str) -> tuple[Link, ...]:
    """Links of the HTML, then addresses typed into the text that no link leads to (mail programs make them clickable)."""
    links = list(page.links)
    hosts = {link.host for link in links}
    for typed in typed_urls(page.text or plain):
        target = clean_url(typed if typed.lower().startswith("http") else "http://" + typed)
        host = host_of(target)
        if host and host not in hosts and len(links) < MAX_LINKS:
            links.append(Link(typed[:500], target, host, "text"))
    return tuple(links)


def typed_urls(text: str) -> list[str]:
    """Web addresses as somebody typed them."""
    return [hit.rstrip(_TAIL)[:MAX_URL] for hit in _TYPED.findall(text)[:MAX_LINKS]]

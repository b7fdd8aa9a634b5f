"""A card as a mail: plain text that is complete, and the same as simple HTML. No picture, no address of ours on the web.

A button is a mail too: a `mailto:` link whose subject carries a code, or the button's number as an answer to this mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape
from urllib.parse import quote

from bot.cards import (
    Attached,
    Block,
    Button,
    Buttons,
    Card,
    Choices,
    Facts,
    Input,
    Link,
    Steps,
    Text,
    as_text,
    pressables,
)

OURS = "X-Secdesk"  # what our own mails are known by when they come back
STOP = "learning.stop"  # the button that ends tips


@dataclass(frozen=True)
class Letterhead:
    """What every mail says of itself. `code` makes the part of a subject that presses the n-th button (1-based)."""

    name: str
    address: str
    subject: str
    how_to_answer: str
    footer: str
    code: Callable[[int], str]


def compose(
    card: Card, head: Letterhead, to: str, message_id: str, answers: str, at: float,
    files: Sequence[tuple[str, bytes]] = (),
) -> EmailMessage:  # fmt: skip
    """The mail. `answers` is the Message-ID of what it answers, "" for nothing; `files` (name, bytes) are attached.

    Marked so that no machine answers it: Auto-Submitted (RFC 3834) and X-Auto-Response-Suppress ([MS-OXCMAIL]). A tip names
    the mail that ends tips (List-Unsubscribe, RFC 2369), so that the button of a mail program does what ours does.
    """
    mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
    mail["From"] = formataddr((head.name, head.address))
    mail["To"] = to
    mail["Subject"] = _line(card.title or head.subject)
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = message_id
    if answers:
        mail["In-Reply-To"] = mail["References"] = _line(answers)
    stop = next((n for n, button in enumerate(pressables(card), 1) if button.action == STOP), 0)
    mail["Auto-Submitted"] = "auto-generated" if stop else "auto-replied"
    if stop:
        mail["List-Unsubscribe"] = f"<mailto:{quote(head.address, safe='@')}?subject={quote(head.code(stop), safe='')}>"
    mail["X-Auto-Response-Suppress"] = "All"
    mail[OURS] = "1"
    numbered = any(True for _ in pressables(card))
    plain = [as_text(card), *([head.how_to_answer] if numbered else []), "-- ", head.footer]
    mail.set_content("\n\n".join(plain) + "\n")
    mail.add_alternative(_page(card, head, numbered=numbered), subtype="html")
    mail["Content-Language"] = card.lang
    for name, data in files:
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=_line(name)[:80])
    return mail


def _page(card: Card, head: Letterhead, *, numbered: bool) -> str:
    title = f"<h2>{escape(card.title)}</h2>" if card.title else ""
    body = "\n".join(_html(card, head))
    how = f"<p>{escape(head.how_to_answer)}</p>" if numbered else ""
    footer = f"<hr><p><small>{escape(head.footer)}</small></p>"
    return (
        f'<!doctype html>\n<html lang="{escape(card.lang)}"><body>\n{title}\n{body}\n{how}\n{footer}\n</body></html>\n'
    )


def _html(card: Card, head: Letterhead) -> Iterator[str]:
    numbers = {id(button): place for place, button in enumerate(pressables(card), 1)}
    for block in card.blocks:
        yield _block(block, lambda button: _link(button, numbers[id(button)], head))


def _block(block: Block, link: Callable[[Button], str]) -> str:
    match block:
        case Text(text=text, style=style):
            tag = {"muted": "small", "strong": "strong", "quote": "q"}.get(style, "span")
            return f"<p><{tag}>{_text(text)}</{tag}></p>"
        case Facts(pairs=pairs):
            rows = "".join(
                f"<tr><th align='left'>{_text(label)}</th><td>{_text(value)}</td></tr>" for label, value in pairs
            )
            return f"<table>{rows}</table>"
        case Steps(items=items, heading=heading, ordered=ordered):
            tag = "ol" if ordered else "ul"
            above = f"<p><strong>{_text(heading)}</strong></p>" if heading else ""
            return above + f"<{tag}>" + "".join(f"<li>{_text(item)}</li>" for item in items) + f"</{tag}>"
        case Buttons(buttons=buttons):
            return "<p>" + " &nbsp; ".join(link(button) for button in buttons) + "</p>"
        case Choices(prompt=prompt, options=options):
            return f"<p>{_text(prompt)}</p><p>" + "<br>".join(link(button) for button in options) + "</p>"
        case Input(label=label):
            return f"<p>{_text(label)}</p>"
        case Attached(name=name):
            return f"<p>[{_text(name)}]</p>"
        case Link(label=label, url=url):
            return (
                f'<p><a href="{escape(url)}">{_text(label)}</a></p>'
                if block.opens
                else f"<p>{_text(f'{label}: {url}')}</p>"
            )


def _link(button: Button, number: int, head: Letterhead) -> str:
    subject = f"{button.label} {head.code(number)}"
    href = f"mailto:{quote(head.address, safe='@')}?subject={quote(subject, safe='')}"
    return f'<a href="{escape(href)}">{_text(button.label)}</a>'


def _text(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _line(text: str) -> str:
    """One line that cannot end a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:300]

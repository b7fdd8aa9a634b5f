"""A hostile mail as an analyst may look at it: made inside the sandbox, so that nothing of the mail's own reaches a browser.

Of the HTML only the names of some harmless tags survive, without any attribute. Links become words (`shown → goes to hxxps://…`),
pictures a note. What is left can load nothing, run nothing, and lead nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bot.reporting.desk_view import marked, safe_text, short_line
from bot.reporting.domains import clean_url
from bot.reporting.explain import defang, short, where
from bot.reporting.forward import meant
from bot.reporting.indicators import Indicator, indicators
from bot.reporting.mail import parse
from bot.reporting.mail_html import too_deep

MAX_TEXT = 50_000  # characters of plain text
MAX_HTML = 200_000  # characters of cleaned HTML
MAX_NODES = 20_000
MAX_HEADERS = 120
_KEPT = frozenset(
    [
        "p",
        "div",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "caption",
        "b",
        "i",
        "u",
        "s",
        "em",
        "strong",
        "small",
        "blockquote",
        "pre",
        "code",
        "center",
    ]
)
_DROPPED = frozenset(
    [
        "script",
        "style",
        "title",
        "template",
        "head",
        "meta",
        "base",
        "link",
        "object",
        "embed",
        "applet",
        "iframe",
        "frame",
        "frameset",
        "svg",
        "math",
        "form-data",
        "audio",
        "video",
        "source",
        "track",
        "noscript",
        "textarea",
        "select",
        "option",
    ]
)
_EMPTY = frozenset({"br", "hr"})


@dataclass(frozen=True)
class SafeView:
    """`text` and `headers` are plain text with defanged links; `html` is safe to show in a sandboxed frame, empty if there is
    none (or it nests too deeply to be shown). `message_id` and `sender` are as sent. `fault` says why nothing could be read.
    """

    text: str = ""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    indicators: tuple[Indicator, ...] = ()
    sender: str = ""
    message_id: str = ""
    subject: str = ""
    defects: tuple[str, ...] = ()
    fault: str = ""


def safe_view(data: bytes, name: str) -> SafeView:
    """The view of a reported mail; of a forward, of the mail that it is about. Raises nothing for what is in the bytes."""
    mail, _ = meant(parse(data, name))
    return SafeView(
        text=safe_text((mail.plain if mail.plain.strip() else mail.text)[:MAX_TEXT]),
        html=clean(mail.html),
        headers=tuple((marked(short_line(key, 80)), safe_text(value)) for key, value in mail.headers[:MAX_HEADERS]),
        indicators=indicators(mail),
        sender=mail.sender.email,
        message_id=mail.message_id,
        subject=marked(short_line(mail.subject)),
        defects=mail.defects,
    )


def clean(html: str) -> str:
    """HTML of allowed tags without attributes; "" if there is nothing to show."""
    if not html.strip() or too_deep(html):
        return ""
    body = LexborHTMLParser(html).body
    if body is None:
        return ""
    maker = _Maker()
    maker.children(body)
    return "".join(maker.out)


class _Maker:
    """Walks the tree and writes it anew. Depth is bounded by `too_deep`."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._nodes = self._size = 0

    def children(self, node: LexborNode) -> None:
        child = node.child
        while child is not None and self._nodes < MAX_NODES and self._size < MAX_HTML:
            self._nodes += 1
            self._node(child)
            child = child.next

    def _node(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._write(escape(safe_text(node.text_content or "")))
        elif tag in _DROPPED or tag.startswith("-"):
            return
        elif tag == "img":
            alt = short_line(str(node.attributes.get("alt") or ""), 80)
            self._write(escape(f"[picture{': ' + safe_text(alt) if alt else ''}]"))
        elif tag in _EMPTY:
            self._write(f"<{tag}>")
        elif tag in _KEPT:
            self._write(f"<{tag}>")
            self.children(node)
            self._write(f"</{tag}>")
        else:
            self.children(node)
            self._target(tag, node)

    def _target(self, tag: str, node: LexborNode) -> None:
        """Where something leads that was a link, a form or a button."""
        name = {"a": "href", "area": "href", "form": "action", "button": "formaction"}.get(tag)
        target = clean_url(str(node.attributes.get(name) or "")) if name else ""
        if target and not target.startswith("#"):
            self._write(escape(f" [→ {where(target) or defang(short(target))}] "))

    def _write(self, text: str) -> None:
        self._size += len(text)
        self.out.append(text)

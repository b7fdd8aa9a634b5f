"""HTML of a hostile mail: what the reader sees, what is hidden from them, and where things lead. Nothing is fetched."""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bot.reporting.domains import clean_url, host_of, scheme_of
from bot.reporting.mail_model import MAX_HTML, MAX_HTML_DEPTH, MAX_LINKS, MAX_TEXT, MAX_URL, Link, Page

MAX_NODES = 60_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})\b([^<>]{0,20000})>")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
_LAYOUT = re.compile(
    r"</?(?:div|table|tbody|thead|tr|td|th|span|font|center|b|i|u|p|section|article|blockquote|ul|ol|li)\b[^<>]*>", re.I
)
_SKIPPED = {"script", "style", "title", "template", "-comment", "svg", "object"}
_BLOCKS = {
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
_REFRESH = re.compile(r"url\s*=\s*['\"]?([^'\"\s]+)", re.I)
_RULE = re.compile(r"(?:^|[}\s,])\.([\w-]{1,60})\s*\{([^{}]{0,500})\}")
_MEDIA = re.compile(r"@media[^{]{0,300}\{(?:[^{}]|\{[^{}]*\})*\}", re.I)
_HIDING = re.compile(
    r"display:none|visibility:hidden|mso-hide:all|opacity:0(?:\.0+)?(?:;|$)|font-size:0*[012]?(?:\.\d+)?(?:px|pt|em|%|;|$)"
    r"|max-height:0(?:px|;|$)|text-indent:-\d{3}|(?:left|top):-\d{3}|font:0px|(?<![-\w])(?:width|height):0(?:px|;|$)"
)
_COLOUR = re.compile(r"(?<![-\w])color:([^;!]{1,40})")
_GROUND = re.compile(r"background(?:-color)?:([^;!]{1,80})")
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "whitesmoke": (245, 245, 245)}
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class _Style:
    """What a node inherits."""

    hidden: bool = False
    colour: Colour = (0, 0, 0)
    ground: Colour | None = None
    link: int = -1  # index into the open links


@dataclass
class _Reader:
    """Collects while walking."""

    classes: frozenset[str]
    seen: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)  # kind, raw target
    words: list[list[str]] = field(default_factory=list)  # visible text of each link
    images: list[int] = field(default_factory=list)  # pictures in each link
    pictures: list[str] = field(default_factory=list)
    trackers: list[str] = field(default_factory=list)
    linked: int = 0
    password: bool = False
    script: bool = False
    base: str = ""


def read_html(html: str) -> Page:
    """The page of a mail. Nesting over `MAX_HTML_DEPTH` is flattened first, as the parser's time grows with its square."""
    cut = len(html) > MAX_HTML
    html = html[:MAX_HTML].replace("\x00", "")
    if _depth(html) > MAX_HTML_DEPTH:
        html, cut = _LAYOUT.sub("\n", html), True
        if _depth(html) > MAX_HTML_DEPTH:
            return _plain_page(html)
    reader = _Reader(_hidden_classes(html))
    root = LexborHTMLParser(html).root
    if root is not None:
        cut = _walk(root, reader) or cut
    return _page(reader, cut)


def too_deep(html: str) -> bool:
    """Whether the tree of this HTML would take long to build."""
    return _depth(html) > MAX_HTML_DEPTH


def _depth(html: str) -> int:
    """How deep tags could nest: an upper bound, cheap. Comments can only raise it."""
    depth = deepest = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _VOID or match[3].endswith("/"):
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _hidden_classes(html: str) -> frozenset[str]:
    """Classes that a style sheet of the mail hides everywhere (rules for small screens do not count)."""
    found: set[str] = set()
    for sheet in re.findall(r"<style[^>]{0,200}>(.{0,100000}?)</style", html, re.I | re.S)[:10]:
        found.update(name for name, body in _RULE.findall(_MEDIA.sub(" ", sheet)) if _hides(body))
    return frozenset(found)


def _hides(style: str) -> bool:
    return bool(_HIDING.search(re.sub(r"\s+", "", style.lower())))


def _walk(root: LexborNode, reader: _Reader) -> bool:
    """Depth first, without recursion. True if the page had too many nodes."""
    stack: list[tuple[LexborNode | None, _Style]] = [(root, _Style())]
    count = 0
    while stack:
        node, style = stack.pop()
        if node is None:  # the end of a block
            reader.seen.append("\n")
            continue
        count += 1
        if count > MAX_NODES:
            return True
        if node.next is not None:
            stack.append((node.next, style))
        tag = node.tag or ""
        if tag == "-text":
            _text(node.text_content or "", style, reader)
            continue
        if tag in _SKIPPED:
            reader.script |= tag == "script"
            continue
        inner = _enter(tag, node, style, reader)
        if tag in _BLOCKS:
            stack.append((None, style))
        if node.first_child is not None:
            stack.append((node.first_child, inner))
    return False


def _text(text: str, style: _Style, reader: _Reader) -> None:
    if style.hidden or (style.ground is not None and _close(style.colour, style.ground)):
        reader.hidden.append(text)
        return
    reader.seen.append(text)
    if style.link >= 0:
        reader.words[style.link].append(text)


def _enter(tag: str, node: LexborNode, style: _Style, reader: _Reader) -> _Style:
    attributes = {key: value or "" for key, value in node.attributes.items()}
    if tag in _BLOCKS:
        reader.seen.append("\n")
    elif tag in ("td", "th"):
        reader.seen.append(" ")
    style = _styled(tag, attributes, style, reader.classes)
    if tag in ("a", "area") and attributes.get("href", "").strip():
        return _Style(style.hidden, style.colour, style.ground, _open(reader, "a", attributes["href"]))
    if tag == "form":
        _open(reader, "form", attributes.get("action", ""))
    elif tag in ("button", "input") and attributes.get("formaction"):
        _open(reader, "form", attributes["formaction"])
    elif tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
        if hit := _REFRESH.search(attributes.get("content", "")):
            _open(reader, "refresh", hit[1])
    elif tag == "base":
        reader.base = reader.base or attributes.get("href", "")
    elif tag == "img":
        _picture(attributes, style, reader)
    if tag == "input" and (
        attributes.get("type", "").lower() == "password" or "passw" in attributes.get("name", "").lower()
    ):
        reader.password = True
    return style


def _open(reader: _Reader, kind: str, target: str) -> int:
    if len(reader.links) >= MAX_LINKS:
        return -1
    reader.links.append((kind, target[:MAX_URL]))
    reader.words.append([])
    reader.images.append(0)
    return len(reader.links) - 1


def _picture(attributes: dict[str, str], style: _Style, reader: _Reader) -> None:
    source = clean_url(attributes.get("src", "")[:MAX_URL])
    scheme = scheme_of(source)
    tiny = {attributes.get("width", "").strip("px "), attributes.get("height", "").strip("px ")} & {"0", "1"}
    if tiny or style.hidden:
        if scheme in ("http", "https") and len(reader.trackers) < 50:
            reader.trackers.append(host_of(source))
        return  # a counting pixel
    if len(reader.pictures) < MAX_LINKS:
        reader.pictures.append(f"{scheme}:" if scheme in ("data", "cid") else host_of(source))
    if style.link >= 0:
        reader.images[style.link] += 1
        reader.linked += 1
        reader.words[style.link].append(" " + attributes.get("alt", "")[:200] + " ")


def _styled(tag: str, attributes: dict[str, str], style: _Style, classes: frozenset[str]) -> _Style:
    css = re.sub(r"\s+", "", attributes.get("style", "")[:2000].lower())
    hidden = style.hidden or "hidden" in attributes
    if css and not hidden:
        hidden = bool(_HIDING.search(css)) and not ("overflow" not in css and css.startswith(("width:0", "height:0")))
    if not hidden and classes and "class" in attributes:
        hidden = not classes.isdisjoint(attributes["class"].split())
    colour, ground = style.colour, style.ground
    if "bgcolor" in attributes:
        ground = _colour(attributes["bgcolor"]) or ground
    if hit := _GROUND.search(css):
        ground = _colour(hit[1]) or ground
        if "url(" in hit[1] or "gradient" in hit[1]:
            ground = None
    if tag == "font" and "color" in attributes:
        colour = _colour(attributes["color"]) or colour
    if hit := _COLOUR.search(css):
        colour = _colour(hit[1]) or colour
    if (hidden, colour, ground) == (style.hidden, style.colour, style.ground):
        return style
    return _Style(hidden, colour, ground, style.link)


def _colour(text: str) -> Colour | None:
    text = text.strip().lower()
    if text in _NAMED:
        return _NAMED[text]
    if hit := re.match(r"#?([0-9a-f]{6})", text):
        return int(hit[1][:2], 16), int(hit[1][2:4], 16), int(hit[1][4:], 16)
    if hit := re.match(r"#([0-9a-f]{3})\Z", text):
        return int(hit[1][0] * 2, 16), int(hit[1][1] * 2, 16), int(hit[1][2] * 2, 16)
    if hit := re.match(r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})", text):
        return int(hit[1]), int(hit[2]), int(hit[3])
    return None


def _close(left: Colour, right: Colour) -> bool:
    return sum(abs(a - b) for a, b in zip(left, right, strict=True)) < 30


def tidy(text: str) -> str:
    """Runs of blanks and empty lines as one, control characters gone."""
    return _LINES.sub("\n", _BLANK.sub(" ", _CONTROL.sub("", text.replace("\xa0", " ")))).strip()


def _page(reader: _Reader, cut: bool) -> Page:
    links = []
    for (kind, raw), seen, pictures in zip(reader.links, reader.words, reader.images, strict=True):
        target = _absolute(clean_url(raw), reader.base)
        shown = tidy("".join(seen))[:500]
        links.append(Link(shown, target, host_of(target), kind, bool(pictures)))
    return Page(
        text=tidy("".join(reader.seen))[:MAX_TEXT],
        hidden=tidy(" ".join(reader.hidden))[:MAX_TEXT],
        links=tuple(links),
        pictures=tuple(reader.pictures),
        trackers=tuple(dict.fromkeys(reader.trackers)),
        linked_pictures=reader.linked,
        password_field=reader.password,
        script=reader.script,
        cut=cut,
    )


def _absolute(target: str, base: str) -> str:
    if scheme_of(target) or not base or target.startswith("#"):
        return target
    return clean_url(base.rstrip("/") + "/" + target.lstrip("/"))


def _plain_page(html: str) -> Page:
    """Without a parser: tags out, links by pattern."""
    links = []
    for raw in re.findall(r"""href\s*=\s*["']?([^"'\s>]{1,4000})""", html)[:MAX_LINKS]:
        target = clean_url(entities.unescape(raw))
        links.append(Link("", target, host_of(target)))
    text = entities.unescape(re.sub(r"<[^<>]{0,20000}>", "\n", html))
    return Page(text=tidy(text)[:MAX_TEXT], links=tuple(links), cut=True)

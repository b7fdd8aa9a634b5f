"""Findings in plain words. Everything from a mail is defanged here, once, so that no chat program makes it a link again."""

from __future__ import annotations

import re
from string import Formatter

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import host_of, to_unicode
from bot.reporting.folding import visible
from bot.reporting.mail_model import Link

MAX_VALUE = 70
_SCHEMES = re.compile(r"\b(h)tt(ps?)\b(?=:)|\bf(t)p(?=:)|\b(javascript|data|mailto)(?=:)", re.I)
_DOT = re.compile(r"(?<=[\w\-\]])\.(?=\w)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def defang(text: str) -> str:
    """`https://a.example/x` → `hxxps://a[.]example/x`: readable, never clickable. Invisible characters are dropped."""
    text = _CONTROL.sub(" ", visible(text))
    text = _SCHEMES.sub(lambda m: m[0].replace("t", "x").replace("T", "X") if m[1] else m[0][:-1] + "x", text)
    return _DOT.sub("[.]", text)


def short(text: str, limit: int = MAX_VALUE) -> str:
    """One line, cut with a mark."""
    line = re.sub(r"\s+", " ", visible(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def where(url: str) -> str:
    """A target as people should see it: scheme, host, and a hint of the path."""
    host = host_of(url)
    if not host:
        return defang(short(url, 40))
    scheme = url.partition(":")[0]
    tail = url.partition(host)[2].lstrip("/") if host in url else ""
    return defang(f"{scheme}://{host}") + ("/…" if tail else "")


def mismatch(link: Link) -> str:
    """`shown www[.]bank[.]example → goes to hxxps://evil[.]example/…`."""
    return f"shown {defang(short(link.shown, 50))} → goes to {where(link.target)}"


def domain(name: str) -> str:
    """A domain for reading: its Unicode form beside the wire form if they differ."""
    shown = to_unicode(name)
    return defang(name) if shown == name else f"{defang(shown)} ({defang(name)})"


def found(context: Context, sign: str, *, confidence: float = 1.0, **values: str) -> Finding:
    """The finding of a sign (`check.sign`), with its sentence and weights from the context. Values must be defanged or ours."""
    weight, spam = context.weights.get(sign, (0.0, 0.0))
    return Finding(sign, say(context, sign, **values), weight, confidence, spam)


def say(context: Context, sign: str, **values: str) -> str:
    """The sentence of a sign. A placeholder without a value becomes `?`: an explanation never fails."""
    template = context.signs.get(sign, sign)
    wanted = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format(**{name: values.get(name, "?") for name in wanted})


def could_not(context: Context, check: str) -> Finding:
    """A check that could not run. It never counts as innocence."""
    return Finding(check, say(context, "inconclusive", check=say(context, f"check.{check}")), 0.0, 0.0, 0.0, True)

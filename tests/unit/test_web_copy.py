"""Every text that pages ask for is there, and none is left over."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from bot.organisation import Words
from tests.fakes.web import sample_words

MADE = re.compile(r"""["']((?:web|console)\.[a-z0-9_.]+\.)["']\s*~|f["']((?:web|console)\.[a-z_.]+\.)\{""")
NO_TEXTS = {
    "web.signed",
    "web.event",
    "console.js",
    "console.link",
    "console.signin",
    "console.signout",
    "console.refused",
    "console.subject",
    "console.stranger",
    "console.released",
    "console.ended",
}
PREFIXES = ("console.queue.state.", "console.mail.state.", "console.content.")  # handed to a macro, or named by content
QUOTED = re.compile(r"""["']((?:web|console)\.[a-zA-Z0-9_.]+[a-zA-Z0-9])["']""")


def sources() -> str:
    texts = []
    for folder in ("", "templates", "templates/console"):
        for item in (files("adapters.web") / folder).iterdir() if folder else files("adapters.web").iterdir():
            if item.name.endswith((".py", ".html")):
                texts.append(item.read_text("utf-8"))
    return "\n".join(texts)


@pytest.fixture(scope="module")
def words() -> Words:
    return sample_words()


def test_every_key_has_its_text(words: Words) -> None:
    wanted = set(QUOTED.findall(sources())) - NO_TEXTS
    assert sorted(key for key in wanted if key not in words.by_language["en"] and not key.endswith(".")) == []


def test_no_text_is_left_over(words: Words) -> None:
    source = sources()
    wanted = set(QUOTED.findall(source))
    wanted |= {f"{key}.title" for key in wanted}
    made = tuple(first or second for first, second in MADE.findall(source))
    own = [key for key in words.by_language["en"] if key.startswith(("web.", "console."))]
    spare = [key for key in own if key not in wanted and not key.startswith((*made, *PREFIXES))]
    assert spare == []

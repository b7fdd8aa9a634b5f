"""The web chat gives out a file that was handed to somebody, to them alone, as a download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.web.app import create_web
from adapters.web.pages import environment
from adapters.web.render import Post, render_card
from bot.cards import Attached, Card
from bot.errors import NotFound
from bot.learning.mydata import HANDED
from tests.fakes.web import Fixture


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def test_a_file_goes_to_whom_it_was_handed(fixture: Fixture) -> None:
    dana = fixture.person("dana.reyes")

    def handed(file: str, person: str) -> tuple[str, bytes]:
        if (file, person) != ("f1", dana.key):
            raise NotFound(file)
        return "my-data.json", b"{}"

    fixture.app = create_web(replace(fixture.services, handed=handed))
    browser = fixture.client()
    assert browser.get("/chat/file/f1").status_code == 303  # nobody is chosen yet
    browser.post("/who", data={"person": "dana.reyes"})
    answer = browser.get("/chat/file/f1")
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''my-data.json"
    assert answer.headers["cache-control"] == "no-store"
    assert browser.get("/chat/file/f2").status_code == 404
    browser.post("/who", data={"person": "tom.whitaker"})
    assert browser.get("/chat/file/f1").status_code == 404


def test_only_the_card_that_hands_it_over_has_a_link() -> None:
    file = Attached("f1", "my-data.json", 2)

    def html(source: str, *, live: bool = True) -> str:
        return str(render_card(environment(), lambda key, **_: key, Post(Card("", (file,), source=source), live=live)))

    assert 'href="/chat/file/f1" download>my-data.json</a>' in html(HANDED)
    assert "href" not in html("") + html(HANDED, live=False)

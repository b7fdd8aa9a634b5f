"""Standard replies: an answer of the knowledge base goes into the reply, and is shown as the person will read it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.answering.standard import StandardReplies
from bot.app.contents import Contents
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, House
from tests.fakes.web_roles import form_of, signed_in_as, whole_app

contents, home = fakes.contents, fakes.home
TEXT = re.compile(r'<textarea id="reply"[^>]*>([^<]*)</textarea>')


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


@pytest.fixture
def sam(house: House) -> Any:
    return signed_in_as(house, "analyst", app=whole_app(house))


def ticket(house: House, who: str) -> str:
    house.press(who, "tickets.person", "", {"text": "Is this real?"})
    return house.tickets()[-1].number


def offered(page: str) -> list[str]:
    (choices,) = re.findall(r'<select id="answer".*?</select>', page, re.DOTALL)
    return re.findall(r'<option value="([^"]+)">', choices)


def test_an_answer_goes_into_the_reply_without_its_buttons(house: House, sam: Any) -> None:
    number, jonas = ticket(house, JONAS), house.person(JONAS)
    library = house.app.contents.knowledge.current.library
    shown = offered(sam.get(f"/console/tickets/{number}").text)
    visible = library.visible(jonas.roles)
    assert sorted(shown) == sorted(id_ for id_ in visible if library.entries[id_].severity != "S3")
    (text,) = TEXT.findall(sam.get(f"/console/tickets/{number}?answer={shown[0]}").text)
    standard = StandardReplies(lambda: library, house.app.organisation, house.app.authoring.today)
    assert html.unescape(text).strip() == standard.text(shown[0], jonas).strip()
    assert ("[1]" in text, "last reviewed" in text) == (False, False)


def test_it_is_chosen_in_the_analysts_language_and_sent_in_the_persons(house: House) -> None:
    library = house.app.contents.knowledge.current.library
    standard = StandardReplies(lambda: library, house.app.organisation, house.app.authoring.today)
    jonas = house.person(JONAS)
    id_, title = standard.titles(jonas, "fr")[0]
    assert title == library.entries[id_].title["fr"]
    texts = [standard.text(id_, replace(jonas, language=lang)) for lang in ("en", "de", "fr", "es")]
    assert len(set(texts)) == 4


def test_what_the_person_is_not_shown_is_not_offered_and_not_given(house: House, sam: Any) -> None:
    number = ticket(house, DANA)
    library, dana = house.app.contents.knowledge.current.library, house.person(DANA)
    hidden = sorted({entry.id for entry in library.published()} - library.visible(dana.roles))
    assert hidden
    assert sam.get(f"/console/tickets/{number}?answer={hidden[0]}").status_code == 404
    assert sam.get(f"/console/tickets/{number}?answer=nothing").status_code == 404


def test_a_reply_is_shown_as_it_will_be_read_and_nothing_is_sent(house: House, sam: Any) -> None:
    number = ticket(house, JONAS)
    before = house.counts()["delivery"]
    path = f"/console/tickets/{number}/reply"
    page = sam.post(path, data={**form_of(sam), "do": "preview", "text": "Ja, <b>das</b> ist echt."})
    assert page.status_code == 200
    assert TEXT.findall(page.text) == ["Ja, &lt;b&gt;das&lt;/b&gt; ist echt."]
    card = page.text[page.text.index('<div class="preview" inert>') :]
    assert "Ja, &lt;b&gt;das&lt;/b&gt; ist echt." in card[:3000]
    assert (house.counts()["delivery"], house.app.undo.waiting(number)) == (before, [])
    empty = sam.post(path, data={**form_of(sam), "do": "preview", "text": " "})
    assert "There was no text" in sam.get(empty.headers["location"]).text

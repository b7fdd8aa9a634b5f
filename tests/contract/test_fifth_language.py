"""A fifth language is YAML alone: files in the organisation's folder, and Dutch is understood, answered and helped in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app.contents import Contents, lint, load_contents
from bot.cards import as_text
from bot.content import packaged_shelf
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, House

pytestmark = pytest.mark.slow

home = fakes.home

COPY = {
    "button.report": "Mail melden", "button.person": "Met iemand praten", "button.emergency": "Het is al gebeurd",
    "button.why": "Waarom dit antwoord?", "button.none": "Geen van deze", "small.hello": "Hallo, ik ben Secdesk.",
    "answer.source": "Uit “{title}”, van {owner}, nagekeken op {reviewed}, weer op {due}.",
    "suggest.title": "Bedoelt u een van deze?",
    "answer.overdue": "Dit antwoord moest voor {due} worden nagekeken.",
    "answer.other_language": "Dit antwoord is er nog niet in uw taal.",
}  # fmt: skip
QUESTIONS = [
    "hoe meld ik een verdachte mail", "waar stuur ik een phishing mail heen", "ik heb een rare mail gekregen",
    "waar is de knop om phishing te melden", "aan wie moet ik een vreemde mail doorgeven",
]  # fmt: skip


def packaged(name: str) -> Any:
    return yaml.safe_load(packaged_shelf().packaged.joinpath(name).read_text("utf-8"))


def write(folder: Path, name: str, value: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), "utf-8")


@pytest.fixture(scope="module")
def dutch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files somebody writes who wants Dutch."""
    folder = tmp_path_factory.mktemp("dutch")
    write(folder, "copy/nl.yaml", COPY)
    write(folder, "smalltalk.yaml", packaged("smalltalk.yaml") | {"hello": {"nl": ["hallo", "goedemorgen"]}})
    lists = packaged("search/languages.yaml")
    small = packaged("search/other_languages.yaml")["words"]["nl"] + " ik heb een de het mijn hoe meld"
    lists["words"]["nl"] = small
    write(folder, "search/languages.yaml", lists)
    entry = packaged("answers/report-suspicious-email.yaml")
    entry["title"]["nl"], entry["questions"]["nl"] = "Hoe meld ik een verdachte mail?", QUESTIONS
    entry["answer"]["nl"] = {"short": "Open de mail en druk op {report_button}.", "ring": "Bel {helpdesk_phone}."}
    write(folder, "answers/report-suspicious-email.yaml", entry)
    card = packaged("emergencies/clicked.yaml")
    card["title"]["nl"], card["summary"]["nl"] = "U hebt op een link geklikt", "op een link geklikt"
    card["card"]["nl"] = {"lead": "Goed dat u het zegt. Hulp is onderweg ({number}).", "steps": ["Sluit die pagina."]}
    card["seeds"] = {"nl": ["ik heb op de link in die mail geklikt", "ik klikte op een foute link"]}
    write(folder, "emergencies/clicked.yaml", card)
    words = {"schema": "emergency-words/1", "verbs": {"click": {"done": {"nl": ["geklikt", "klikte"]}}}, "things": {},
             "marks": {}, "mend": {}, "languages": {"nl": ["ik", "heb", "op", "de", "een", "het", "mijn", "die"]}}  # fmt: skip
    write(folder, "emergencies/_words.yaml", words)
    return folder


@pytest.fixture(scope="module")
def contents(dutch: Path) -> Contents:
    return load_contents(dutch, None, date.today, "words")


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


def test_the_files_have_no_fault(dutch: Path) -> None:
    assert [str(fault) for fault in lint(dutch)[0]] == []


def test_dutch_is_spoken(house: House) -> None:
    assert as_text(house.say(DANA, "Goedemorgen!").card).startswith("Hallo, ik ben Secdesk.")
    asked = house.say(DANA, "Hoe meld ik een verdachte mail?")
    assert (asked.card.lang, asked.card.title) == ("nl", "Hoe meld ik een verdachte mail?")
    assert "Open de mail en druk op Report phishing." in as_text(asked.card)
    why = house.press_label(DANA, asked.card, "Waarom dit antwoord?")
    assert as_text(why.card).startswith("Uit “Hoe meld ik een verdachte mail?”, van Security awareness, nagekeken op")


def test_an_emergency_in_dutch_brings_the_dutch_card(house: House) -> None:
    card = house.say(DANA, "Ik heb op de link in die mail geklikt").card
    assert (card.tone, card.lang, card.title) == ("emergency", "nl", "U hebt op een link geklikt")
    assert "SEC-101" in as_text(card)
    assert house.ticket().severity == "S3"


def test_what_is_not_there_in_dutch_comes_in_english_and_says_so(house: House) -> None:
    person = replace(house.person(DANA), language="nl")
    shown = as_text(house.app.answers.card("public-wifi", person, house.clock.now()))
    assert "Dit antwoord is er nog niet in uw taal." in shown


def test_without_the_files_dutch_is_foreign(db: Db, home: Path, request: pytest.FixtureRequest) -> None:
    house = House(home, db, fakes.shared(fakes.cache_folder(request.config)))
    text = as_text(house.say(DANA, "Hoe moet ik een verdachte mail naar jullie sturen?").card)
    assert "It has already happened" in text
    assert "Talk to a person" in text or "SEC-101" in text
    house.close()

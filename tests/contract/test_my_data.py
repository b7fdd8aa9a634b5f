"""`my data` on both databases, end to end: everything that is stored about somebody, for them and for nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.export import SqlExport
from bot.app.contents import Contents
from bot.cards import Attached, Card, as_text
from bot.errors import NotFound
from bot.ports import Db
from tests.contract.test_forget import live
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, House

contents, home = fakes.contents, fakes.home


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


GROWING = {"audit", "utterance", "delivery", "event", "outbox"}  # while the file is being made
THEIRS = [
    "identity",
    "utterance",
    "ticket",
    "ticket_event",
    "submission",
    "mail",
    "nudge",
    "lesson_answer",
    "memory",
    "web_post",
]


def handed(house: House, who: str = DANA) -> tuple[Card, dict[str, list[dict[str, Any]]]]:
    shown = house.say(who, "my data").card
    card = house.press_label(who, shown, "Get it all as a file").card
    (file,) = [block for block in card.blocks if isinstance(block, Attached)]
    name, data = house.app.handing.out(file.id, house.key(who))
    assert (name, file.size) == ("my-data.json", len(data))
    tables: dict[str, list[dict[str, Any]]] = json.loads(data)["tables"]
    return card, tables


def lived(house: House) -> None:
    """A tip that is answered, then traces everywhere."""
    house.say(DANA, "hello")
    house.app.nudge_send(now=True)
    house.settle()
    house.say(DANA, "a")
    live(house, DANA)


def test_the_file_holds_every_row_of_every_table_that_is_theirs(house: House) -> None:
    lived(house)
    _, tables = handed(house)
    key, found = house.key(DANA), {(name, str(row)) for name, rows in tables.items() for row in rows}
    missing = []
    for table in SqlExport(house.db).tables():
        for row in house.db.query(f'SELECT * FROM "{table}"'):
            mine = key in [row.get(name) for name in ("person", "requester", "author", "pseudonym")]
            plain = not any(isinstance(value, bytes | memoryview) for value in row.values())
            if mine and plain and table not in GROWING and (table, str(row)) not in found:
                missing.append((table, row))
    assert missing == []
    assert {
        "identity",
        "utterance",
        "ticket",
        "ticket_event",
        "submission",
        "mail",
        "nudge",
        "lesson_answer",
        "memory",
    } <= set(tables)
    assert tables["identity"][0]["sealed"]["email"] == house.person(DANA).email


def test_nothing_of_anybody_else_is_in_it(house: House) -> None:
    lived(house)
    _, tables = handed(house)
    others = {row["pseudonym"] for row in house.db.query("SELECT pseudonym FROM identity")} - {house.key(DANA)}
    people = [
        row[name]
        for rows in tables.values()
        for row in rows
        for name in ("person", "requester", "author")
        if name in row
    ]
    assert others.intersection(people) == set()
    assert [row for row in tables["ticket_event"] if row["actor"] != house.key(DANA) and not row["visible"]] == []


def test_the_file_is_for_them_alone_and_for_a_day(house: House) -> None:
    house.say(DANA, "hello")
    house.say(JONAS, "hello")
    card, _ = handed(house)
    (file,) = [block for block in card.blocks if isinstance(block, Attached)]
    with pytest.raises(NotFound):
        house.app.handing.out(file.id, house.key(JONAS))
    house.clock.forward(86_401)
    house.app.work(house.app.nudges.prune)
    with pytest.raises(NotFound):
        house.app.handing.out(file.id, house.key(DANA))


def test_forgetting_takes_the_file_and_the_answers_along(house: House) -> None:
    lived(house)
    _, tables = handed(house)
    code = tables["lesson_answer"][0]["who"]
    house.app.forget(DANA)
    left = house.everything()
    assert [trace for trace in (code, tables["memory"][0]["person"], "my-data.json") if trace in left] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [("my data", "What we keep about your tips"), ("meine Daten", "Was wir über Ihre Tipps"), ("mes données", "conseils"),
     ("mis datos", "consejos"), ("privacy", "What is kept about you"), ("Datenschutz", "Was über Sie behalten wird"),
     ("confidentialité", "Ce qui est gardé sur vous"), ("privacidad", "Qué se guarda de usted")],
)  # fmt: skip
def test_it_is_reached_by_a_word_in_four_languages(house: House, typed: str, said: str) -> None:
    assert re.search(said, as_text(house.say(DANA, typed).card))

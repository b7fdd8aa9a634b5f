"""One-time links into the console: whom they let in as what, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.directories.file import FileDirectory
from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.errors import NotFound
from tests.fakes import desk as fakes
from tests.fakes.desk import SAM, House

contents, home = fakes.contents, fakes.home
INES = "ines.brandt"
Make = Callable[..., House]


@pytest.fixture
def make(tmp_path: Path, home: Path, contents: Contents) -> Iterator[Make]:
    made: list[House] = []

    def one(roles: dict[str, frozenset[str]] | None = None, **settings: Any) -> House:
        people = [
            replace(person, roles=(roles or {}).get(person.id, person.roles)) for person in contents.directory.people()
        ]
        directory = FileDirectory(None)
        directory.replace(people)
        made.append(House(home, open_db("", tmp_path), replace(contents, directory=directory), settings=settings))
        return made[-1]

    yield one
    for house in made:
        house.close()


def told(house: House) -> dict[str, str]:
    """What was said of links, by who reads it."""
    rows = house.db.query("SELECT person, card FROM delivery WHERE key LIKE 'console.link:%'")
    return {house.app.identities.name(row["person"]): row["card"] for row in rows}


def as_admin(house: House) -> bool:
    return bool(house.db.query("SELECT admin FROM console_link ORDER BY created_at DESC LIMIT 1")[0]["admin"])


def test_while_nobody_is_administrator_whoever_comes_by_link_is(make: Make) -> None:
    house = make()
    person, link = house.app.console_link("")
    assert (person.id in {SAM, INES}, "/console/sign-in?token=" in link, as_admin(house)) == (True, True, True)
    assert told(house) == {}  # the ordinary way in of a local installation is no news


def test_with_an_administrator_in_the_directory_a_link_gives_what_the_directory_says(make: Make) -> None:
    house = make({INES: frozenset({"it_helpdesk", "console_admin"})})
    house.app.console_link(SAM)
    assert (as_admin(house), told(house)) == (False, {})


def test_beside_a_provider_every_link_is_told_to_administrators_and_to_whose_name_it_bears(make: Make) -> None:
    house = make(
        {INES: frozenset({"console_admin"}), "dana.reyes": frozenset({"regular"})},
        issuer="https://id.example", signin_client="c", signin_roles=("a=admin",), host="0.0.0.0",
    )  # fmt: skip
    for who in (SAM, INES):
        house.say(who, "hello")  # so that we know where they are
    house.app.console_link(SAM)
    assert set(told(house)) == {"Sam Ortiz", "Ines Brandt"}
    assert "in the name of Sam Ortiz" in told(house)["Ines Brandt"]
    assert "every right" not in told(house)["Ines Brandt"]
    assert not as_admin(house)


def test_a_link_with_every_right_is_always_told(make: Make) -> None:
    house = make({INES: frozenset({"it_helpdesk", "console_admin"})})
    house.app.console_link(SAM, admin=True)
    assert as_admin(house)
    assert set(told(house)) == {"Sam Ortiz", "Ines Brandt"}
    assert "every right" in told(house)["Ines Brandt"]
    assert house.audited()[-1] == "console.link"


def test_viewers_get_links_by_name_alone_and_others_none(make: Make) -> None:
    house = make({"dana.reyes": frozenset({"regular", "console_viewer"})})
    assert house.app.console_link("dana.reyes@northwind.example")[0].id == "dana.reyes"
    assert house.app.console_link("")[0].id in {SAM, INES}
    with pytest.raises(NotFound):
        house.app.console_link("jonas.keller")

"""The procedures that ship, run to their end by the people of the sample organisation: by one way and by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.contents import Contents
from bot.content import packaged_shelf
from bot.model import File, Person
from bot.ports import Db
from bot.procedures.evidence import Evidence
from bot.procedures.library import FOLDER
from bot.procedures.shapes import Step
from bot.procedures.state import Run
from tests.fakes import desk as fakes
from tests.fakes.desk import SAM, House

contents, home = fakes.contents, fakes.home

MOST = 60  # steps of one run
PROOF = {
    "text": Evidence("text", "Seen and noted."),
    "any": Evidence("text", "Seen and noted."),
    "link": Evidence("link", "https://intranet.northwind.example/ticket"),
    "file": Evidence("file", file=File("list.txt", b"one line\n", "text/plain")),
}
SHIPPED = sorted(Path(file).stem for file, _, _ in packaged_shelf().folder(FOLDER))


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


@pytest.mark.parametrize("way", ["smooth", "hard"])
@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_every_procedure_comes_to_its_end(house: House, way: str) -> None:
    """Smooth: the first answer to each question. Hard: the last one, and what leads on when it fails does so at first."""
    people = [house.analyst(person.id) for person in house.app.directory.people()]
    assert {name: run_to_end(house, name, way, people) for name in SHIPPED} == dict.fromkeys(SHIPPED, "done")


def run_to_end(house: House, name: str, way: str, people: list[Person]) -> str:
    """How a run ended; else the step at which nobody could go on."""
    runs = house.app.procedures.runs
    now = house.app.work(lambda work: runs.start(work, name, house.analyst(SAM)))
    failed: set[str] = set()
    for _ in range(MOST):
        if not now.running:
            return now.state
        step, at = runs.pinned(now).step(now.step), (now.id, now.step, now.step_seq)
        able = [person for person in people if runs.may(now, person)]
        if not able:
            return f"nobody may do {now.step}"
        house.clock.forward(60)
        fails = way == "hard" and step.on_failure.go is not None and step.id not in failed
        failed.add(step.id)
        now = go_on(house, at, step, able[0], way, fails=fails)
    return f"still at {now.step}"


def go_on(house: House, at: tuple[str, str, int], step: Step, who: Person, way: str, *, fails: bool) -> Run:
    runs = house.app.procedures.runs
    if fails:
        return house.app.work(lambda work: runs.cannot(work, *at, who, "It is not there."))
    if step.options:
        option = step.options[-1 if way == "hard" else 0].id
        return house.app.work(lambda work: runs.answer(work, *at, who, option))
    return house.app.work(lambda work: runs.done(work, *at, who, PROOF.get(step.evidence)))

"""A move to another mail protection system, told in steps (`learning/migration.yaml`): the shape, and what must hold.

A wave is who moves and when. What is said, and how many days before or after, is the same for all waves.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.learning.shapes import ALL, PLACEHOLDER, Id, Language, Line, Name, Texts, Vocabulary

FILE = "learning/migration.yaml"
DAY = "day"  # the placeholder of the day of the switch
MOST_STEPS = 4  # messages a wave (content 1.6)
Said = Annotated[dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=600)]], Field(min_length=1)]


class Step(Shape):
    """One message. `days` from the day of the switch; `entries`: answers, the first that can be shown stands under the text."""

    days: int = Field(ge=-60, le=60)
    title: Texts
    text: Said
    entries: list[Id] = []


class WaveFile(Shape):
    """Who moves on which day: people with one of the roles and of one of the entities; empty: whatever role or entity."""

    title: Line
    day: date
    roles: list[Name] = []
    entities: list[str] = []
    people: list[str] = []


class MigrationFile(Shape):
    """`learning/migration.yaml`."""

    schema_: str = Field(alias="schema", pattern="^migration/1$")
    steps: Annotated[dict[Name, Step], Field(min_length=1, max_length=MOST_STEPS)]
    waves: dict[Id, WaveFile] = {}

    def ordered(self) -> list[tuple[str, Step]]:
        """The steps, the earliest first."""
        return sorted(self.steps.items(), key=lambda item: item[1].days)


def read_migration(shelf: Shelf, known: Vocabulary, faults: Faults) -> MigrationFile | None:
    """The steps and waves of a shelf. Faults name what does not exist, texts without English, and two steps on one day."""
    found = shelf.file(FILE)
    document = parse(found[0], found[1], faults) if found else None
    file = read(MigrationFile, document, faults) if document else None
    if document is None or file is None:
        return None
    days = [step.days for step in file.steps.values()]
    for name, step in file.steps.items():
        if days.count(step.days) > 1:
            faults.add(
                document.file, document.place("steps", name), "two steps are on one day", "leave a day between them"
            )
        _step(document, name, step, known, faults)
    for name, wave in file.waves.items():
        for role in wave.roles:
            if role != ALL and role not in known.roles:
                mend = f"use one of: {', '.join(sorted(known.roles))}"
                faults.add(
                    document.file, document.place("waves", name, "roles"), f'the role "{role}" is not known', mend
                )
    return file


def _step(document: Document, name: str, step: Step, known: Vocabulary, faults: Faults) -> None:
    for part, texts in (("title", step.title), ("text", step.text)):
        place = document.place("steps", name, part)
        if "en" not in texts:
            faults.add(document.file, place, "there is no English text", "add en:")
        for text in texts.values():
            for used in PLACEHOLDER.findall(text):
                if used != DAY and used not in known.placeholders:
                    faults.add(
                        document.file,
                        place,
                        f"{{{used}}} is no value of org.yaml",
                        "use {day} or a value of values.yaml",
                    )
    for entry in step.entries:
        if known.answers is not None and entry not in known.answers:
            place = document.place("steps", name, "entries")
            faults.add(document.file, place, f'the answer "{entry}" does not exist', "check its id, or remove it")

"""What is stored about people, declared once: every table and column, what it holds, what for, who sees it, how long.

`privacy/data-map.yaml` ships with the migrations it describes and has no overlay. The console's page and `secdesk privacy map`
are made of it; a test compares it with the tables that the migrations make, on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.content import Faults, Shape, packaged_shelf, parse, read

FILE = "privacy/data-map.yaml"
Texts = Mapping[str, Annotated[str, StringConstraints(min_length=1, max_length=400)]]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Held(Shape):
    """What a column can hold. `personal`: it is about somebody, or leads to them."""

    personal: bool
    says: Texts


class Elsewhere(Shape):
    """A place outside of the tables; `of` names tables of which something goes there."""

    name: Texts
    says: Texts
    of: list[Name] = []


class Table(Shape):
    """One table: codes of the lists of the file. `open` and `sealed` name columns by what they hold."""

    purpose: Name
    seen: list[Name] = Field(min_length=1)
    kept: Name
    open: dict[Name, list[Name]] = {}
    sealed: dict[Name, list[Name]] = {}

    def columns(self) -> Iterator[tuple[str, str, bool]]:
        """(column, what it holds, whether it is sealed)."""
        for columns, sealed in ((self.open, False), (self.sealed, True)):
            yield from ((column, held, sealed) for held, names in columns.items() for column in names)


class DataMap(Shape):
    """The whole declaration."""

    schema_: str = Field(alias="schema", pattern="^data-map/1$")
    holds: dict[Name, Held]
    purposes: dict[Name, Texts]
    viewers: dict[Name, Texts]
    elsewhere: dict[Name, Elsewhere]
    tables: dict[Name, Table]

    def goes(self, table: str) -> list[Elsewhere]:
        """The places outside that something of a table goes to."""
        return [place for place in self.elsewhere.values() if table in place.of]

    def personal(self, table: str) -> bool:
        """Whether anything in the table is about somebody."""
        return any(self.holds[held].personal for _, held, _ in self.tables[table].columns())


@cache
def load_data_map() -> DataMap:
    """The declaration that ships, read once. Raises `ContentError`."""
    faults = Faults()
    found = packaged_shelf().file(FILE)
    document = parse(found[0], found[1], faults) if found else None
    made = read(DataMap, document, faults) if document else None
    faults.check()
    assert made is not None  # noqa: S101 (check() has raised otherwise)
    return made

"""The directory in a file: `people.yaml` in your knowledge folder, else the sample organisation's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.model import Person


class PersonLine(Shape):
    """One person. `roles` holds roles and tags of roles.yaml."""

    id: str = Field(min_length=1, max_length=120)
    name: str = Field(min_length=1)
    email: str = ""
    roles: list[str]
    entity: str = ""
    language: str = ""
    timezone: str = ""
    phone: str = ""


class PeopleFile(Shape):
    """`people.yaml`."""

    schema_: str = Field(alias="schema", pattern="^people/1$")
    sample: bool = False
    people: list[PersonLine]


def load_people(
    shelf: Shelf, roles: Collection[str], entities: Collection[str], language: str, timezone: str
) -> tuple[Person, ...]:
    """Everybody in people.yaml. Raises `ContentError` with every fault."""
    faults = Faults()
    found = shelf.file("people.yaml")
    if found is None:
        faults.add("people.yaml", (0, 0), "the file is missing", "run `secdesk init` or restore it")
        faults.check()
        return ()
    document = parse(found[0], found[1], faults)
    file = read(PeopleFile, document, faults) if document else None
    faults.check()
    assert file is not None  # noqa: S101 (check() has raised otherwise)
    assert document is not None  # noqa: S101
    zones, seen = available_timezones(), set[str]()
    for i, line in enumerate(file.people):
        names = {name.casefold(): name for name in (line.id, line.email) if name}  # the id may be the address
        for name in (names[key] for key in names if key in seen):
            faults.add(document.file, document.place("people", i), f'"{name}" stands here twice', "keep one of them")
        seen.update(names)
        for role in line.roles:
            if role not in roles:
                place = document.place("people", i, "roles")
                faults.add(document.file, place, f'"{role}" is not in roles.yaml', "correct it or add the role")
        if line.entity and line.entity not in entities:
            place = document.place("people", i, "entity")
            faults.add(document.file, place, f'"{line.entity}" is not an entity of org.yaml', "correct it or add it")
        if line.timezone and line.timezone not in zones:
            place = document.place("people", i, "timezone")
            faults.add(document.file, place, f'"{line.timezone}" is not a time zone', "write one like Europe/Berlin")
    faults.check()
    return tuple(
        Person(
            id=line.id, name=line.name, email=line.email, roles=frozenset(line.roles), entity=line.entity,
            language=line.language or language, timezone=line.timezone or timezone, phone=line.phone,
        )
        for line in file.people
    )  # fmt: skip


class FileDirectory:
    """Implements `bot.ports.Directory` over a loader that is watched for edits."""

    def __init__(self, overlay: Path | None) -> None:
        self._overlay = overlay
        self._people: tuple[Person, ...] = ()
        self._by_name: dict[str, Person] = {}

    def replace(self, people: Iterable[Person]) -> None:
        """Take a newly loaded list."""
        self._people = tuple(people)
        self._by_name = {
            name.casefold(): person for person in self._people for name in (person.id, person.email) if name
        }

    def find(self, who: str) -> Person | None:
        return self._by_name.get(who.strip().casefold())

    def people(self) -> Iterable[Person]:
        return self._people

    def forget(self, who: str) -> str:
        """Take the person's block out of the overlay's people.yaml, comments kept; the packaged sample is not ours to write."""
        person, path = self.find(who), (self._overlay / "people.yaml" if self._overlay else None)
        if person is None:
            return ""
        if path is None or not path.is_file():
            return f"{person.id} is still listed in the packaged sample people.yaml; put your own file in place"
        from ruamel.yaml import YAML  # noqa: PLC0415 (only here; slow to import)

        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096  # one person a line stays one line
        data = yaml.load(path.read_text("utf-8"))
        lines = data["people"]
        offset = max(0, lines.lc.item(0)[1] - 2)  # of the dashes, as the author wrote them
        yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
        for i in reversed(range(len(lines))):
            if str(lines[i]["id"]).strip() == person.id:
                del lines[i]
        partial = path.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as file:
            yaml.dump(data, file)
        partial.replace(path)
        self.replace(other for other in self._people if other.id != person.id)
        named = sorted(
            str(file.relative_to(path.parent)) for file in path.parent.rglob("*.yaml") if _names(file, person)
        )
        return f"{person.id} is still named in {', '.join(named)}; take the name out there" if named else ""


def _names(file: Path, person: Person) -> bool:
    text = file.read_text("utf-8", errors="replace").casefold()
    return any(name.casefold() in text for name in (person.id, person.email, person.name) if len(name) > 2)

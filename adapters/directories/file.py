"""The directory in a file: `people.yaml` in your knowledge folder, else the sample organisation's."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.directory import DESK, FILE, SOURCES, Profile, Roll, Rules, Said, known_zone, merged, said_by_file
from bot.directory_forms import read_days, read_hours, read_span
from bot.directory_roster import Delta
from bot.errors import StoreUnavailable
from bot.model import Person

log = logging.getLogger(__name__)


class PersonLine(Shape):
    """One person. `roles` holds roles and tags of roles.yaml. `days` like mon-fri, `hours` like 09:00-17:00, `region` like DE-BY
    (for public holidays), `leave` days or first/last, `end` the last day. `mailboxes`: of others that they may open."""

    id: str = Field(min_length=1, max_length=120)
    name: str = Field(min_length=1)
    email: str = ""
    roles: list[str]
    entity: str = ""
    language: str = ""
    timezone: str = ""
    phone: str = ""
    title: str = ""
    department: str = ""
    days: str = ""
    hours: str = ""
    region: str = ""
    leave: list[str] = []
    start: date | None = None
    end: date | None = None
    kind: Literal["", "employee", "contractor", "guest"] = ""
    groups: list[str] = []
    mailboxes: list[str] = []


class PeopleFile(Shape):
    """`people.yaml`."""

    schema_: str = Field(alias="schema", pattern="^people/1$")
    sample: bool = False
    people: list[PersonLine]


def load_people(
    shelf: Shelf, roles: Collection[str], entities: Collection[str], language: str, timezone: str
) -> tuple[Person, ...]:
    """Everybody in people.yaml, as this file alone has them. Raises `ContentError` with every fault."""
    rules = Rules(language=language, timezone=timezone, entities={entity.casefold(): entity for entity in entities})
    return tuple(merged([said], rules).person for said in load_said(shelf, roles, entities))


def load_said(shelf: Shelf, roles: Collection[str], entities: Collection[str]) -> tuple[Said, ...]:
    """What people.yaml says of everybody in it. Raises `ContentError` with every fault."""
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
    seen = set[str]()
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
        if line.timezone and not known_zone(line.timezone):
            place = document.place("people", i, "timezone")
            faults.add(document.file, place, f'"{line.timezone}" is not a time zone', "write one like Europe/Berlin")
        for name in ("days", "hours", "leave"):
            try:
                _read(name, line)
            except ValueError as error:
                what, _, mend = str(error).partition("; ")
                faults.add(document.file, document.place("people", i, name), what, mend or "correct it")
        if line.start and line.end and line.end < line.start:
            faults.add(document.file, document.place("people", i, "end"), "this ends before it starts", "correct it")
    faults.check()
    return tuple(_said(line) for line in file.people)


def _read(name: str, line: PersonLine) -> Any:
    """One of the fields that are written as text. Raises `ValueError`."""
    if name == "leave":
        return tuple(read_span(text) for text in line.leave)
    text = getattr(line, name)
    return {"days": read_days, "hours": read_hours}[name](text) if text else None


def _said(line: PersonLine) -> Said:
    return Said(
        FILE, line.id, line.id, (line.email.casefold(),) if line.email else (), line.name, frozenset(line.roles),
        line.entity, line.language, line.timezone, line.phone, line.title, line.department, line.region,
        _read("days", line), _read("hours", line), _read("leave", line), line.start, line.end, None, line.kind,
        frozenset(line.groups), frozenset(box.casefold() for box in line.mailboxes),
    )  # fmt: skip


class Feed(Protocol):
    """Where entries of other sources come from (`bot.directory_roster.Roster`)."""

    def delta(self) -> Delta | None: ...

    def stamp(self) -> object: ...


class FileDirectory:
    """Implements `bot.ports.Directory`: people.yaml, watched for edits, and what other sources say, merged.

    Whoever has left, has not begun or is a guest is not found: for the desk they are somebody from outside.
    Everything is in memory, and looking never asks the database: people are known while it cannot be read. `refresh` does.
    """

    def __init__(self, overlay: Path | None, now: Callable[[], float] = lambda: 0.0) -> None:
        self._overlay = overlay
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._roll = Roll()
        self._feed: Feed | None = None
        self._forget: Callable[[Profile], list[str]] = lambda _profile: []
        self._now = now
        self._stamp: object = None
        self._here: list[Person] | None = None
        self._dated: list[tuple[Profile, bool]] = []

    def replace(self, people: Iterable[Person | Said], rules: Rules | None = None) -> None:
        """Take a newly loaded list, and how it is to be merged."""
        said = [said_by_file(one) if isinstance(one, Person) else one for one in people]
        with self._lock:
            self._roll.replace(FILE, said, rules)
            self._here = None

    def attach(
        self, feed: Feed, now: Callable[[], float], forget: Callable[[Profile], list[str]] = lambda _profile: []
    ) -> None:
        """Merge what another source says. `forget` takes somebody out there; what is left to do by hand."""
        with self._reading, self._lock:
            self._alone()
            self._feed, self._now, self._forget = feed, now, forget
        self.refresh()

    def detach(self, feed: Feed) -> None:
        """Let go of a feed that is being closed."""
        with self._reading, self._lock:
            if self._feed is feed:
                self._feed = None
                self._alone()

    def refresh(self) -> None:
        """Take in what has changed, now. With the database away, what is known stays."""
        with self._reading:
            try:
                delta = self._feed.delta() if self._feed else None
            except StoreUnavailable:
                log.warning("the people of other sources cannot be read; those known are kept")
                return
            with self._lock:
                if delta and delta.whole:
                    self._alone()
                if delta:
                    self._roll.put(delta.entries)
                    self._here = None

    def stamp(self) -> object:
        """What changes when there is something to refresh."""
        feed = self._feed
        with contextlib.suppress(StoreUnavailable):
            self._stamp = feed.stamp() if feed else None
        return self._stamp

    def _alone(self) -> None:
        for source in (*SOURCES, DESK):
            if source != FILE:
                self._roll.replace(source, ())
        self._here = None

    def find(self, who: str) -> Person | None:
        profile = self.profile(who)
        return profile.person if profile and profile.state(self._now()) == "here" else None

    def people(self) -> Iterable[Person]:
        with self._lock:
            at = self._now()
            if self._here is None or any((one.state(at) == "here") != here for one, here in self._dated):
                profiles = self._roll.profiles()
                self._here = [one.person for one in profiles if one.state(at) == "here"]
                self._dated = [(one, one.state(at) == "here") for one in profiles if one.dated]
            return tuple(self._here)

    def profile(self, who: str) -> Profile | None:
        """All that is known of somebody, by id or address, whether they are here or not."""
        with self._lock:
            return self._roll.called(who.strip().casefold())

    def profiles(self) -> list[Profile]:
        """All that is known of everybody."""
        with self._lock:
            return self._roll.profiles()

    def forget(self, who: str) -> str:
        """Take the person out of the other sources and of the overlay's people.yaml; what is left to do by hand."""
        profile = self.profile(who)
        if profile is None:
            return ""
        by_hand = self._forget(profile)
        if any(said.source == FILE for said in profile.said):
            by_hand = [*by_hand, self._forget_line(profile.person)]
        else:
            by_hand = [*by_hand, self._named_elsewhere(profile.person)]
        self.refresh()
        return "; ".join(text for text in by_hand if text)

    def _forget_line(self, person: Person) -> str:
        """Their block out of the overlay's people.yaml, comments kept; the packaged sample is not ours to write."""
        path = self._overlay / "people.yaml" if self._overlay else None
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
        with self._lock:
            self._roll.replace(FILE, [said for said in self._roll.said(FILE) if said.id != person.id])
            self._here = None
        return self._named_elsewhere(person)

    def _named_elsewhere(self, person: Person) -> str:
        folder = self._overlay
        if folder is None or not folder.is_dir():
            return ""
        named = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.yaml") if _names(file, person))
        return f"{person.id} is still named in {', '.join(named)}; take the name out there" if named else ""


def _names(file: Path, person: Person) -> bool:
    text = file.read_text("utf-8", errors="replace").casefold()
    return any(name.casefold() in text for name in (person.id, person.email, person.name) if len(name) > 2)

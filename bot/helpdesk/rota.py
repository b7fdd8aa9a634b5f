"""The rota: who is called, first to last. `oncall.yaml`, and what people have handed over since.

A week ends at the hand-over: a weekday and a time in the rota's zone. An overrides entry or a hand-over wins over the weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.directory import Zone


class Override(Shape):
    """Somebody else from `start` to `end`. Days are whole ones, both included; with a time it is until that moment."""

    start: date | datetime
    end: date | datetime
    who: str


class RotaFile(Shape):
    """`oncall.yaml`: ids of people in the directory. Weeks are counted from `start`, the day of a hand-over."""

    schema_: str = Field(alias="schema", pattern="^oncall/1$")
    sample: bool = False
    start: date
    timezone: Zone = "UTC"
    handover: str = Field(default="00:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    weekly: list[str] = []
    second: list[str] = []
    manager: str = ""
    partner: str = ""  # the partner's line for incidents in progress, as a person of the directory
    overrides: list[Override] = []


@dataclass(frozen=True)
class Stint:
    """Duty that somebody took over: from `start` to `end`, epoch seconds."""

    who: str
    start: float
    end: float


@dataclass(frozen=True)
class Rota:
    """The loaded rota. `works_here` says who can be called at all: people leave before rotas are edited."""

    file: RotaFile
    works_here: Callable[[str], bool] = lambda _who: True

    def on_duty(self, at: float, stints: Sequence[Stint] = ()) -> list[str]:
        """Who to call, first to last, without repeats. Empty when the rota is."""
        week = self._week(at)
        order = [stint.who for stint in reversed(stints) if stint.start <= at < stint.end]
        order += [item.who for item in self.file.overrides if self._holds(item, at)]
        order += [people[week % len(people)] for people in (self.file.weekly, self.file.second) if people]
        order += [self.file.manager] if self.file.manager else []
        return [who for who in dict.fromkeys(order) if self.works_here(who)]

    def manager(self) -> str:
        return self.file.manager if self.works_here(self.file.manager) else ""

    def partner(self) -> str:
        return self.file.partner if self.works_here(self.file.partner) else ""

    def names(self) -> set[str]:
        """Everybody the rota names."""
        file = self.file
        return {*file.weekly, *file.second, file.manager, *(item.who for item in file.overrides)} - {""}

    def handover_after(self, at: float) -> float:
        """The next hand-over after `at`."""
        start = self.file.start + timedelta(weeks=self._week(at) + 1)
        return self._moment(start)

    def turns(self, at: float, until: float, stints: Sequence[Stint] = ()) -> list[Stint]:
        """Who is called first, from `at` to `until`, without gaps; empty when nobody is."""
        found: list[Stint] = []
        edges = sorted({at, until, *(edge for edge in self._edges(at, until, stints) if at < edge < until)})
        for start, end in pairwise(edges):
            first = next(iter(self.on_duty(start, stints)), "")
            if found and found[-1].who == first:
                found[-1] = replace(found[-1], end=end)
            else:
                found.append(Stint(first, start, end))
        return [one for one in found if one.who]

    def _edges(self, at: float, until: float, stints: Sequence[Stint]) -> Iterator[float]:
        """Moments at which somebody else may be first."""
        for stint in stints:
            yield from (stint.start, stint.end)
        zone = ZoneInfo(self.file.timezone)
        for item in self.file.overrides:
            end = self._local(item.end, zone) + timedelta(days=not isinstance(item.end, datetime))
            yield from (moment.replace(tzinfo=zone).timestamp() for moment in (self._local(item.start, zone), end))
        moment = self.handover_after(at)
        while moment < until:
            yield moment
            moment = self.handover_after(moment)

    def _week(self, at: float) -> int:
        """Weeks since the start, by the wall clock: the day on which clocks change moves no hand-over."""
        hour, minute = (int(part) for part in self.file.handover.split(":"))
        local = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.file.timezone)).replace(tzinfo=None)
        return (local - datetime.combine(self.file.start, time(hour, minute))) // timedelta(weeks=1)

    def _moment(self, day: date) -> float:
        hour, minute = (int(part) for part in self.file.handover.split(":"))
        return datetime.combine(day, time(hour, minute), ZoneInfo(self.file.timezone)).timestamp()

    def _holds(self, item: Override, at: float) -> bool:
        zone = ZoneInfo(self.file.timezone)
        start, end = (self._local(moment, zone) for moment in (item.start, item.end))
        if not isinstance(item.end, datetime):
            end += timedelta(days=1)
        return start <= datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None) < end

    @staticmethod
    def _local(moment: date | datetime, zone: ZoneInfo) -> datetime:
        """As the wall clock of the rota's zone shows it."""
        if not isinstance(moment, datetime):
            return datetime.combine(moment, time())
        return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def load_rota(shelf: Shelf, faults: Faults, known: Sequence[str]) -> Rota | None:
    """Read oncall.yaml. An empty rota or an unknown person is a fault; the last good rota stays in use."""
    found = shelf.file("oncall.yaml")
    if found is None:
        faults.add("oncall.yaml", (0, 0), "the file is missing", "name who is on call")
        return None
    document = parse(found[0], found[1], faults)
    rota = read(RotaFile, document, faults) if document else None
    if rota is None or document is None:
        return None
    _check(rota, document, faults, known)
    return Rota(rota)


def _check(rota: RotaFile, document: Document, faults: Faults, known: Sequence[str]) -> None:
    if not rota.weekly and not rota.manager:
        place = document.place("weekly")
        faults.add(document.file, place, "nobody is on call", "put at least one person under weekly")
    groups = (
        ("weekly", rota.weekly),
        ("second", rota.second),
        ("manager", [rota.manager]),
        ("partner", [rota.partner]),
    )
    for key, people in groups:
        for who in people:
            if who and who not in known:
                faults.add(document.file, document.place(key), f'"{who}" is not in people.yaml', "correct the id")
    for number, item in enumerate(rota.overrides):
        if item.who not in known:
            place = document.place("overrides", number, "who")
            faults.add(document.file, place, f'"{item.who}" is not in people.yaml', "correct the id")

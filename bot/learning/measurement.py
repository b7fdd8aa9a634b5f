"""What has changed: figures of finished months and quarters, made once, about ten people or more, for whom there is an agreement.

Reports count by month, what is rarer by quarter; periods don't overlap, and no sum over them is shown, so that one figure
cannot be taken from another. Nothing here ranks people or teams, and nothing feeds anybody's appraisal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from statistics import median
from typing import Protocol

from bot.errors import Conflict
from bot.learning.experiments import FEWEST_STAFF, SWITCH, Claim, Experiment, claim, running
from bot.learning.finished import HIDDEN, UNKNOWN, Figure, Period, last_month, last_quarter
from bot.learning.guardrails import GUARDS, precision, unwanted, wishes
from bot.learning.privacy import allowed
from bot.learning.pseudonym import Codes
from bot.learning.shapes import TRACKS, Library, track_of
from bot.learning.store import LearningStore
from bot.learning.suppression import SMALLEST, Row, Shown, suppress
from bot.model import Person
from bot.ports import Row as Found
from bot.ports import Tx
from bot.turn import Work

SHORT, LONG = 30, 120  # days after the first answer
_SINCE = "since."


class MeasureStore(Protocol):
    """SQL of measurement. Times are UTC epoch seconds: from `start` on, before `end`."""

    def reports(self, start: float, end: float) -> list[Found]:
        """(person, n): who made how many reports that turned out to be real attacks or practice mails."""
        ...

    def first_reports(self, start: float, end: float) -> list[float]:
        """Minutes from first delivery to first report, one a case of a real attack."""
        ...

    def told(self, start: float, end: float) -> list[Found]:
        """(person, soon): who told us of a click, and whether within 15 minutes."""
        ...

    def clicks_found(self, start: float, end: float) -> int | None:
        """Clicks that gateways counted besides; None if nobody noted any."""
        ...

    def answers_of(self, months: Sequence[str]) -> list[Found]:
        """(who, track, correct, age_days) of every answer in these months, in an order that says nothing."""
        ...

    def tips(self, start: float, end: float) -> list[Found]:
        """(person, stops, snoozes, useless): who got tips, and whether they stopped them, put one off, called one not useful."""
        ...

    def useless(self, start: float, end: float) -> list[Found]:
        """(person, lesson): who called which tip not useful."""
        ...

    def verdicts(self, start: float, end: float) -> list[Found]:
        """(person, kind, n): who made how many reports that got which verdict; those that wait for a person are not in it."""
        ...

    def note_clicks(self, tx: Tx, ticket: str, n: int, by: str, at: float) -> None: ...

    def put(self, tx: Tx, figures: Iterable[Figure], at: float) -> None:
        """Once a period, metric and cell."""
        ...

    def figures(self) -> list[Figure]:
        """All of them, by period."""
        ...


@dataclass(kw_only=True)
class Measures:
    """Closes periods and says what may be said. `values` are those of a legal entity."""

    store: MeasureStore
    learning: LearningStore
    people: Callable[[], Iterable[Person]]
    library: Callable[[], Library]
    values: Callable[[str], Mapping[str, str]]
    codes: Codes
    _looked: tuple[float, Mapping[str, str]] = field(default=(0.0, {}), init=False)

    # closing

    def close(self, work: Work) -> int:
        """Make the figures of periods that are over and have none; how many."""
        since = self._since(work)
        done = {(figure.period, figure.metric) for figure in self.store.figures()}
        month, quarter = last_month(work.at), last_quarter(work.at)
        made: list[Figure] = []
        for metric, period, make in (
            ("reports", month, self._reports), ("first_report", month, self._first), ("tell_us", quarter, self._told),
            ("answers", quarter, self._answers), ("guards", quarter, self._guards), ("precision", quarter, self._precision),
        ):  # fmt: skip
            if (period.name, metric) not in done:
                module = "answers" if metric == "answers" else "reporting"
                staff = self._staff(module, since, period.start)
                made += make(period, staff) if staff else ()
        made += self._finished(work.at, done, since)
        self.store.put(work.tx, made, work.at)
        self._heed(work, made)
        return len(made)

    def _since(self, work: Work) -> dict[str, float]:
        """Since when each module may run in each legal entity: what was before the agreement is not counted."""
        switches = dict(self.learning.switches())
        entities = {person.entity for person in self.people()}
        for module in ("reporting", "answers", "comparison"):
            for entity in entities:
                name = f"{_SINCE}{module}.{entity}"
                may = allowed(self.library().privacy, module, self.values(entity))
                if may != (name in switches):
                    self.learning.switch(work.tx, name, str(work.at) if may else "", work.at)
                    switches = (
                        {**switches, name: str(work.at)} if may else {k: v for k, v in switches.items() if k != name}
                    )
        return {name.removeprefix(_SINCE): float(at) for name, at in switches.items() if name.startswith(_SINCE)}

    def _staff(self, module: str, since: Mapping[str, float], start: float) -> list[Person]:
        """People who may be counted from that time on."""
        ready = {name for name, at in since.items() if at <= start}
        return [person for person in self.people() if person.known and f"{module}.{person.entity}" in ready]

    def _reports(self, period: Period, staff: Sequence[Person]) -> list[Figure]:
        found = {row["person"]: int(row["n"]) for row in self.store.reports(period.start, period.end)}
        rows = _by_track((track_of(person.roles), person.key in found) for person in staff)
        count = sum(found.get(person.key, 0) for person in staff)
        return _figures(period, "reports", rows, 100 * count / len(staff))

    def _first(self, period: Period, _staff: Sequence[Person]) -> list[Figure]:
        minutes = self.store.first_reports(period.start, period.end)
        if len(minutes) < SMALLEST:
            return [Figure(period.name, "first_report", "total", HIDDEN)]
        return [Figure(period.name, "first_report", "total", len(minutes), 0, float(median(minutes)))]

    def _told(self, period: Period, staff: Sequence[Person]) -> list[Figure]:
        keys = {person.key for person in staff}
        told = {row["person"]: bool(row["soon"]) for row in self.store.told(period.start, period.end)}
        mine = [soon for person, soon in told.items() if person in keys]
        others = self.store.clicks_found(period.start, period.end)
        if others is None:
            return [Figure(period.name, "tell_us", "total", UNKNOWN)]
        whole, _ = suppress([Row("total", len(mine) + others, sum(mine))])
        return [_figure(period.name, "tell_us", "total", whole)]

    def _answers(self, period: Period, _staff: Sequence[Person]) -> list[Figure]:
        """How many know: at the first try, after a month, after four. Each person counts once, with one answer of the quarter."""
        figures, rows = list[Figure](), self.store.answers_of(period.months())
        for metric, low, high in (("first_try", 0, 1), ("after_30", SHORT, LONG), ("after_120", LONG, 10_000)):
            once = {row["who"]: row for row in rows if low <= int(row["age_days"]) < high}
            table = _by_track((row["track"], int(row["correct"]) == 1) for row in once.values())
            figures += _figures(period, metric, table)
        return [*figures, Figure(period.name, "answers", "made", 0)]

    def _guards(self, period: Period, staff: Sequence[Person]) -> list[Figure]:
        keys = {person.key for person in staff}
        rows = [row for row in self.store.tips(period.start, period.end) if row["person"] in keys]
        named = [row["lesson"] for row in self.store.useless(period.start, period.end) if row["person"] in keys]
        return [Figure(period.name, "guards", "made", 0), *wishes(period, rows), *unwanted(period, named)]

    def _precision(self, period: Period, staff: Sequence[Person]) -> list[Figure]:
        keys = {person.key for person in staff}
        return precision(
            period, [row for row in self.store.verdicts(period.start, period.end) if row["person"] in keys]
        )

    def _heed(self, work: Work, made: Iterable[Figure]) -> None:
        """A guardrail that is broken ends every comparison until somebody looks."""
        if any(figure.metric in GUARDS and figure.value > 0 for figure in made):
            for name, state in self.learning.switches().items():
                if name.startswith(SWITCH) and state == "on":
                    self.learning.switch(work.tx, name, "paused", work.at)
                    work.audit("secdesk", "learning.comparison", name.removeprefix(SWITCH), state="paused")

    # comparison groups

    def held_out(self, person: str, values: Mapping[str, str], at: float) -> bool:
        """Whether a pseudonym gets no weekly tips now. Switches are looked at once a minute: this is asked for everybody."""
        library = self.library()
        if not 0 <= at - self._looked[0] < 60:
            self._looked = (at, dict(self.learning.switches()))
        day = datetime.fromtimestamp(at, UTC).date()
        found = running(library.experiments, self._looked[1], day)
        if not found or not person or not allowed(library.privacy, "comparison", values):
            return False
        return any(self.codes.arm(person, name) < library.experiments[name].percent for name in found)

    def switch(self, work: Work, actor: str, name: str, on: bool) -> None:
        """Start a comparison, or end it. Raises `Conflict` (few: it could not show anything) and `KeyError`."""
        experiment = self.library().experiments[name]
        staff = [person for person in self.people() if person.known and self._may_compare(person)]
        if on and (len(staff) < FEWEST_STAFF or len(staff) * experiment.percent / 100 < experiment.needed()):
            raise Conflict("few")
        self.learning.switch(work.tx, SWITCH + name, "on" if on else "", work.at)
        self._looked = (0.0, {})
        work.audit(actor, "learning.comparison", name, state="on" if on else "off")

    def standing(self, name: str, at: float) -> str:
        """`off`, `waits` (for its day), `on`, `paused` or `over`."""
        experiment, day = self.library().experiments[name], datetime.fromtimestamp(at, UTC).date()
        state = self.learning.switches().get(SWITCH + name, "off")
        if state != "on":
            return state
        return "on" if experiment.runs(day) else "waits" if day < experiment.start else "over"

    def _may_compare(self, person: Person) -> bool:
        return allowed(self.library().privacy, "comparison", self.values(person.entity))

    def _finished(self, at: float, done: set[tuple[str, str]], since: Mapping[str, float]) -> list[Figure]:
        """Figures of comparisons whose last day is over."""
        made, switches = list[Figure](), self.learning.switches()
        for name, item in self.library().experiments.items():
            start, end = _moment(item.start), _moment(item.stop) + 86_400
            period = Period(f"{item.start}/{item.stop}", start, end)
            if switches.get(SWITCH + name) == "on" and end <= at and (period.name, SWITCH + name) not in done:
                made += self._arms(period, name, item, self._staff("comparison", since, start))
        return made

    def _arms(self, period: Period, name: str, item: Experiment, staff: Sequence[Person]) -> list[Figure]:
        found = {row["person"] for row in self.store.reports(period.start, period.end)}
        met = [person.key for person in staff if person.key]
        arms = [("held", [k for k in met if self.codes.arm(k, name) < item.percent])]
        arms.append(("treated", [k for k in met if self.codes.arm(k, name) >= item.percent]))
        _, shown = suppress([Row(arm, len(keys), len(found.intersection(keys))) for arm, keys in arms])
        return [_figure(period.name, SWITCH + name, row.name, row) for row in shown]

    def claim(self, name: str) -> Claim:
        """What may be said of a comparison that is over."""
        cells = {figure.cell: figure.shown for figure in self.store.figures() if figure.metric == SWITCH + name}
        none = Shown("", None, None)
        least = self.library().experiments[name].needed()
        return claim(cells.get("held", none), cells.get("treated", none), least)


def _by_track(found: Iterable[tuple[str, bool]]) -> list[Row]:
    """Rows by kind of work: how many people, how many of them did."""
    counts = {track: [0, 0] for track in TRACKS}
    for track, hit in found:
        counts.setdefault(track, [0, 0])
        counts[track][0] += 1
        counts[track][1] += hit
    return [Row(track, n, hits) for track, (n, hits) in counts.items() if n]


def _figures(period: Period, metric: str, rows: Sequence[Row], value: float = 0.0) -> list[Figure]:
    whole, shown = suppress(rows) if rows else (Shown("total", None, None), ())
    return [
        _figure(period.name, metric, "total", whole, value),
        *(_figure(period.name, metric, s.name, s) for s in shown),
    ]


def _figure(period: str, metric: str, cell: str, row: Shown, value: float = 0.0) -> Figure:
    if row.n is None or row.hits is None:
        return Figure(period, metric, cell, HIDDEN)
    return Figure(period, metric, cell, row.n, row.hits, value)


def _moment(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()

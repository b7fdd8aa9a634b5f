"""Clocks: working time over calendars, clock changes and pauses, against a count minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.calendars import ALWAYS, DAYS, Calendar, CalendarFile
from bot.content import Faults, packaged_shelf
from bot.helpdesk import clocks
from bot.helpdesk.clocks import Mark
from bot.helpdesk.sla import NEVER, STILL, Owed, Sla, Step, Target, load_sla

ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
CHANGES = (  # epoch minutes shortly before clocks change somewhere: London spring and autumn, New York spring, Lord Howe autumn
    datetime(2030, 3, 29, 12, tzinfo=UTC), datetime(2030, 10, 25, 9, tzinfo=UTC), datetime(2030, 3, 8, 20, tzinfo=UTC),
    datetime(2030, 4, 5, 3, tzinfo=UTC), datetime(2030, 6, 12, 3, tzinfo=UTC),
)  # fmt: skip
SPANS = (["08:00-18:00"], ["00:00-24:00"], ["08:00-12:00", "13:00-17:30"], ["01:00-02:30"], ["22:00-24:00"], [])
MINUTE = 60.0


def calendar(zone: str, hours: Sequence[Sequence[str]], closed: Sequence[date] = ()) -> Calendar:
    named = {day: list(spans) for day, spans in zip(DAYS, hours, strict=True)}
    return Calendar.of(CalendarFile.model_validate({"timezone": zone, "hours": named, "closed": list(closed)}))


def works(made: Calendar, at: float) -> bool:
    """Whether the minute that starts at `at` is working time, asked of the wall clock alone."""
    if not made.hours:
        return True
    local = datetime.fromtimestamp(at, ZoneInfo(made.zone))
    minute = 60 * local.hour + local.minute
    inside = any(begin <= minute < end for begin, end in made.hours.get(local.weekday(), ()))
    return inside and local.date() not in made.closed


def counted(made: Calendar, start: float, minutes: int, stops: Sequence[tuple[float, float]] = ()) -> float:
    """When so many working minutes have gone by, by counting them."""
    at, left = start, minutes
    while left:
        stopped = any(begin <= at < (end or NEVER) for begin, end in stops)
        if stopped and any(begin <= at and not end for begin, end in stops):
            return STILL
        left -= not stopped and works(made, at)
        at += MINUTE
    return at


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = draw(st.lists(st.sampled_from(SPANS), min_size=7, max_size=7))
    assume(sum(bool(spans) for spans in hours) >= 3)
    # an hour that a zone has twice is one span of ours only if it starts before: 01:00-02:30 in London has it once
    zone = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from(CHANGES)).date() + timedelta(days=draw(st.integers(0, 3)))
    return calendar(zone, hours, [day])


@settings(max_examples=60, deadline=None)
@given(calendars(), st.sampled_from(CHANGES), st.integers(0, 3000), st.integers(1, 1500))
def test_working_time_is_what_the_wall_clock_says(made: Calendar, day: datetime, after: int, minutes: int) -> None:
    start = day.timestamp() + after * MINUTE
    due = made.add(start, minutes * MINUTE)
    assert due == counted(made, start, minutes)
    assert made.between(start, due) == minutes * MINUTE
    assert made.between(start, due - MINUTE) == (minutes - 1) * MINUTE


def sla(made: Calendar) -> Sla:
    ours = Target(acknowledge=30, update=45, resolve=240, calendar="office")
    theirs = Target(acknowledge=20, update=50, resolve=120, calendar="office")
    steps = (Step(at=75, to=["holder"]), Step(at=100, to=["second"]), Step(at=150, to=["manager"]))
    severities = ("S0", "S1", "S2", "S3")
    return Sla(
        {
            "": Owed("", "", dict.fromkeys(severities, ours), frozenset({"person"}), steps),
            "p": Owed("p", "Partner", dict.fromkeys(severities, theirs), frozenset({"us", "person"}), steps),
        },
        {"office": made, "always": ALWAYS},
    )


KINDS = ("claimed", "reply", "paused", "resumed", "handed", "back", "partner", "resolved", "reopened", "note")


def due_by_counting(marks: Sequence[Mark], made: Calendar) -> float:
    """The next due time by a second way: one walk over the lines for each clock, and minutes counted one by one."""
    start = max(m.at for m in marks if m.kind in {"opened", "reopened"})
    now = [m for m in marks if m.at >= start and m.kind != "opened"]
    if any(m.kind == "resolved" for m in now):
        return NEVER
    stops: list[tuple[float, float]] = []
    for mark in now:
        if mark.kind in {"paused", "resumed"}:
            stops = [(begin, end or mark.at) for begin, end in stops]
        if mark.kind == "paused":
            stops.append((mark.at, 0.0))
    taken = [m.at for m in now if m.kind in {"claimed", "reply", "paused", "handed"}]
    heard = [m.at for m in now if m.kind in {"claimed", "reply", "paused", "reopened"}]
    found = [counted(made, start, 30, stops)]
    if taken:
        last = max([taken[0], *heard])
        found = [
            counted(made, start, 240, stops),
            counted(made, last, 45, [s for s in stops if not s[1] or s[1] > last]),
        ]
    handed = [m for m in marks if m.kind == "handed"]
    if handed and handed[-1].detail:
        since = max(handed[-1].at, start)
        answers = [m.at for m in marks[marks.index(handed[-1]) :] if m.kind == "partner" and m.at >= since]
        later = [s for s in stops if not s[1] or s[1] > since]
        if answers:
            words = [s for s in stops if not s[1] or s[1] > answers[-1]]
            found += [counted(made, since, 120, later), counted(made, answers[-1], 50, words)]
        else:
            found.append(counted(made, since, 20, later))
    return min(found)


@settings(max_examples=80, deadline=None)
@given(
    calendars(), st.sampled_from(CHANGES),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 200)), max_size=9),
)  # fmt: skip
def test_the_next_due_time_is_what_counting_minutes_gives(
    made: Calendar, day: datetime, steps: list[tuple[str, int]]
) -> None:
    at, marks, closed = day.timestamp(), [Mark(day.timestamp(), "opened", "S2")], False
    for kind, minutes in steps:
        if (kind == "reopened") != closed:  # the state machine lets nothing but that happen to a closed ticket
            continue
        at += minutes * MINUTE
        detail = {"paused": "person", "handed": "p"}.get(kind, "")
        marks.append(Mark(at, "handed" if kind == "back" else kind, detail))
        closed = kind == "resolved"
    assert clocks.next_due(clocks.follow(marks), sla(made)) == due_by_counting(marks, made)


def test_a_pause_moves_every_threshold_by_its_working_time() -> None:
    targets, noon = sla(ALWAYS), 1_900_065_600.0
    marks = [Mark(noon, "opened", "S2"), Mark(noon + 600, "claimed"), Mark(noon + 1200, "paused", "person")]
    still = clocks.follow(marks)
    assert (still.waiting, clocks.next_due(still, targets), clocks.thresholds(still, targets)) == ("person", STILL, [])
    going = clocks.follow([*marks, Mark(noon + 9000, "resumed")])
    resolve = [one for one in clocks.thresholds(going, targets) if one.clock.what == "resolve"]
    moved = 9000 - 1200
    assert [(one.at, one.when) for one in resolve] == [
        (75, noon + 0.75 * 14400 + moved), (100, noon + 14400 + moved), (150, noon + 1.5 * 14400 + moved),
    ]  # fmt: skip


def test_an_automatic_message_acknowledges_nothing() -> None:
    opened = Mark(0.0, "opened", "S1")
    assert clocks.follow([opened, Mark(5.0, "told"), Mark(6.0, "paged")]).acknowledged == 0
    assert clocks.follow([opened, Mark(7.0, "acknowledged")]).acknowledged == 7.0


def test_a_public_holiday_is_no_working_day() -> None:
    file = {
        "timezone": "Europe/Berlin",
        "hours": {"wed": ["08:00-17:00"], "thu": ["08:00-17:00"]},
        "holidays_of": "DE-BY",
    }
    made = Calendar.of(CalendarFile.model_validate(file))
    start = datetime(2030, 5, 29, 16, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()  # Thursday is Ascension Day
    due = datetime.fromtimestamp(made.add(start, 2 * 3600), ZoneInfo("Europe/Berlin"))
    assert (due.isoformat(), made.between(start, due.timestamp())) == ("2030-06-05T09:00:00+02:00", 7200.0)


@pytest.mark.parametrize(
    "file",
    [
        {"timezone": "Mars/Base", "hours": {"mon": ["08:00-17:00"]}},
        {"timezone": "UTC", "hours": {"monday": ["08:00-17:00"]}},
        {"timezone": "UTC", "hours": {"mon": ["17:00-08:00"]}},
        {"timezone": "UTC", "hours": {"mon": ["08:00-12:00", "11:00-17:00"]}},
        {"timezone": "UTC", "hours": {"mon": ["8-17"]}},
        {"timezone": "UTC", "hours": {"mon": ["08:00-25:00"]}},
        {"timezone": "UTC", "hours": {"mon": []}},
        {"timezone": "UTC", "hours": {"mon": ["08:00-17:00"]}, "holidays_of": "ATLANTIS"},
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(file: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CalendarFile.model_validate(file)


def test_what_ships_names_only_calendars_it_has() -> None:
    faults = Faults()
    assert load_sla(packaged_shelf(), faults) is not None
    assert [] == faults.found

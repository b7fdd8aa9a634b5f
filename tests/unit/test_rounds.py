"""What became of promises, against the clocks that warn: minute by minute, over changes of the clocks, and for good."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import periods
from bot.calendars import ALWAYS, Calendar
from bot.helpdesk import clocks
from bot.helpdesk.clocks import Mark
from bot.helpdesk.rounds import rounds
from bot.helpdesk.sla import STILL
from bot.partners.figures import Case, before, figures, month_of, quarter_of, span
from tests.unit.test_clocks import CHANGES, MINUTE, calendars, sla

Drawn = list[tuple[int, str, str]]
KINDS = ("claimed", "paused", "resumed", "handed", "back", "partner", "resolved", "reopened", "severity", "note")


def lines(start: float, drawn: Sequence[tuple[int, str, str]]) -> list[Mark]:
    """A timeline: opened, then what was drawn, each so many minutes after the one before."""
    found, at = [Mark(start, "opened", "S2")], start
    for minutes, kind, who in drawn:
        at += minutes * MINUTE
        detail = {"paused": who, "handed": "p", "severity": "S1"}.get(kind, "")
        found.append(Mark(at, "handed" if kind == "back" else kind, detail))
    return found


drawn = st.lists(
    st.tuples(st.integers(1, 700), st.sampled_from(KINDS), st.sampled_from(("us", "person"))), min_size=1, max_size=9
)


@settings(max_examples=60, deadline=None)
@given(calendars(), st.sampled_from(CHANGES), drawn)
def test_a_promise_is_missed_if_and_only_if_its_clock_ran_out(made: Calendar, day: datetime, given_: Drawn) -> None:
    terms = sla(made)
    marks = lines(day.timestamp(), given_)
    end = marks[-1].at + 90 * MINUTE
    ran_out: dict[str, float] = {}
    for count in range(1, len(marks) + 1):  # the clocks as they stood between every two lines
        course = clocks.follow(marks[:count])
        until = marks[count].at if count < len(marks) else end
        for clock in clocks.promised(course, terms):
            if clock.due < until:
                ran_out.setdefault(clock.name, clock.due)
    found = rounds(marks, terms, end)
    missed = {f"{one.owner}.{one.what}.{one.since:.3f}": one.due for one in found if one.result == "missed"}
    assert missed == ran_out


@settings(max_examples=60, deadline=None)
@given(calendars(), st.sampled_from(CHANGES), drawn, drawn)
def test_what_was_decided_stays_decided(made: Calendar, day: datetime, first: Drawn, then: Drawn) -> None:
    terms = sla(made)
    marks = lines(day.timestamp(), [*first, *then])
    at = lines(day.timestamp(), first)[-1].at
    early, late = (
        {(one.owner, one.what, one.since): (one.result, one.due if one.result == "missed" else one.ended) for one in found
         if one.result not in {"running"} and one.decided <= at}
        for found in (rounds(marks[: len(first) + 1], terms, at), rounds(marks, terms, marks[-1].at))
    )  # fmt: skip
    assert early == {key: value for key, value in late.items() if key in early}
    assert set(late) == set(early)


@settings(max_examples=40, deadline=None)
@given(calendars(), st.sampled_from(CHANGES), drawn)
def test_attainment_counts_each_decided_promise_once(made: Calendar, day: datetime, given_: Drawn) -> None:
    terms = sla(made)
    marks = lines(day.timestamp(), given_)
    end = marks[-1].at + 1
    promises = tuple(one for one in rounds(marks, terms, end) if one.owner == "p")
    found = figures([Case("SEC-1", "S2", promises)], 0.0, end)
    decided = [one for one in promises if one.result in {"kept", "missed"}]
    assert (found.total.n, found.total.kept) == (len(decided), sum(one.result == "kept" for one in decided))
    halves = [
        figures([Case("SEC-1", "S2", promises)], *part) for part in ((0.0, marks[0].at + 600), (marks[0].at + 600, end))
    ]
    assert sum(half.total.n for half in halves) == found.total.n
    assert len(found.breaches) == found.total.n - found.total.kept
    assert all(one.used >= 0 and one.target > 0 for one in promises)


def test_taking_it_back_in_time_takes_the_promise_away_and_too_late_does_not() -> None:
    always = sla(ALWAYS)
    start = 1_900_000_000.0
    early = rounds(
        [Mark(start, "opened", "S2"), Mark(start, "handed", "p"), Mark(start + 600, "handed", "")], always, start + 9e5
    )
    late = rounds(
        [Mark(start, "opened", "S2"), Mark(start, "handed", "p"), Mark(start + 6000, "handed", "")], always, start + 9e5
    )
    theirs = [[(one.what, one.result) for one in found if one.owner == "p"] for found in (early, late)]
    assert theirs == [
        [("acknowledge", "void"), ("resolve", "void")],
        [("acknowledge", "missed"), ("resolve", "void")],
    ]


def test_never_answered_is_late_for_the_solution_too() -> None:
    always, start = sla(ALWAYS), 1_900_000_000.0
    marks = [Mark(start, "opened", "S2"), Mark(start, "handed", "p")]
    found = {one.what: one for one in rounds(marks, always, start + 86_400) if one.owner == "p"}
    assert [found[what].result for what in ("acknowledge", "resolve")] == ["missed", "missed"]


def test_a_pause_that_lasts_stops_the_clock_and_is_no_miss() -> None:
    always, start = sla(ALWAYS), 1_900_000_000.0
    marks = [
        Mark(start, "opened", "S2"),
        Mark(start, "handed", "p"),
        Mark(start + 60, "partner"),
        Mark(start + 120, "paused", "us"),
    ]
    found = {one.what: one for one in rounds(marks, always, start + 9e6) if one.owner == "p"}
    assert (found["resolve"].result, found["resolve"].due, found["resolve"].used) == ("running", STILL, 120.0)


def test_a_month_is_the_organisations_own_over_a_change_of_the_clocks() -> None:
    begin, end = span("2026-10", "Europe/London")
    assert (end - begin) / 3600 == 31 * 24 + 1
    assert datetime.fromtimestamp(begin, UTC).isoformat() == "2026-09-30T23:00:00+00:00"
    assert span("2026-12", "UTC")[1] == datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def test_months_and_quarters_are_those_of_every_other_figure() -> None:
    zone = ZoneInfo("Pacific/Auckland")
    turn = datetime(2027, 1, 1, tzinfo=zone).timestamp()
    for at, month, quarter in ((turn - 1, "2026-12", "2026-Q4"), (turn, "2027-01", "2027-Q1")):
        index = periods.month_at(at, zone)
        assert (month_of(at, zone.key), before(month)) == (month, periods.month_name(index - 1))
        assert quarter_of(date(int(month[:4]), int(month[5:]), 31)) == quarter == periods.quarter_name(index)
        assert span(month, zone.key) == (periods.span_of(index, zone).start, periods.span_of(index, zone).end)
    for wrong in ("2026-1", "2026-13", " 2026-01", "march"):
        with pytest.raises(ValueError, match=re.escape(wrong)):
            span(wrong, "UTC")


def test_without_a_promise_there_is_no_percentage() -> None:
    empty = figures([], 0.0, 1.0)
    assert (empty.total.n, empty.total.percent, empty.breaches) == (0, None, ())

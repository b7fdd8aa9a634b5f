"""Figures of how the desk does, on both databases: what counts, what is never shown, and that a month is made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapters.stores.core import SqlCoreStore
from adapters.stores.figures import SqlFigureStore
from bot.figures.service import METRICS, TOTAL, ServiceFigures
from bot.periods import chosen
from bot.ports import Db
from bot.turn import Work
from tests.contract.test_nudges import Auditor

BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR = 86_400.0, 3_600.0
BY_NAME = {metric.name: metric for metric in METRICS}


def at(month: int, day: int = 10, hour: float = 9) -> float:
    return datetime(2026, month, day, tzinfo=UTC).timestamp() + hour * HOUR


@dataclass
class House:
    """Figures over a database that tests fill by hand."""

    db: Db
    count: int = 0

    def __post_init__(self) -> None:
        self.figures = ServiceFigures(
            store=SqlFigureStore(self.db), zone=lambda: BERLIN, urgent=lambda: {"clicked"},
            working=lambda start, end: (end - start) / 2, counted=lambda: {f"p{i}" for i in range(100)},
        )  # fmt: skip

    def close(self, now: float) -> int:
        def work(change: Callable[[Work], None]) -> None:
            with self.db.tx() as tx:
                change(Work(tx, now, SqlCoreStore(self.db), Auditor(), {}))

        return self.figures.close(work, now)

    def add(self, table: str, **row: object) -> None:
        self.count += 1
        with self.db.tx() as tx:
            names = ", ".join(row)
            tx.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})", **row)

    def ask(self, person: str, when: float, outcome: str = "answer", entry: str = "vpn", rating: str = "") -> None:
        self.add("question", id=f"q{self.count}", person=person, place="web", at=when, text="", outcome=outcome, entry=entry,
                 confidence=1.0, rating=rating)  # fmt: skip

    def ticket(self, person: str, when: float, severity: str = "S1", kind: str = "person", state: str = "open") -> str:
        number = f"SEC-{self.count}"
        self.add("ticket", number=number, seq=self.count, kind=kind, subject="", severity=severity, state=state, queue="desk",
                 requester=person, assignee="", place="", join_key="", created_at=when, updated_at=when, acknowledged_at=0.0,
                 resolved_at=0.0, next_due_at=0.0)  # fmt: skip
        return number

    def line(self, ticket: str, when: float, kind: str, actor: str = "analyst", visible: int = 1) -> None:
        self.add("ticket_event", id=f"e{self.count}", ticket=ticket, seq=self.count, at=when, actor=actor, kind=kind, text="",
                 visible=visible)  # fmt: skip

    def report(
        self, person: str, when: float, told: float | None, *, state: str = "decided", withdrawn: int = 0
    ) -> None:
        name = f"m{self.count}"
        self.add("mail", sha256=name, name="", size=0, body=b"", ticket="", state=state, kind="", decided_by="", verdict="",
                 facts="{}", created_at=when, decided_at=0.0)  # fmt: skip
        self.add("submission", id=f"s{name}", sha256=name, person=person, place="", at=when, withdrawn=withdrawn)
        if told is not None:
            self.add("delivery", id=f"d{name}", key=f"verdict:{name}:s{name}", channel="web", place="", card="", state="sent",
                     due_at=when, created_at=when, sent_at=told)  # fmt: skip

    def one(
        self, metric: str, cell: str = TOTAL, first: str = "2026-01", last: str = "2026-06"
    ) -> tuple[int | None, int]:
        pooled = self.figures.read(chosen(first, last, at(12), BERLIN)).pooled(BY_NAME[metric], cell)
        return pooled.n, pooled.of


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def test_a_conversation_is_contained_by_the_answer_alone(house: House) -> None:
    for i in range(12):
        house.ask(f"p{i}", at(3))  # nothing followed
    for i in range(12, 24):
        house.ask(f"p{i}", at(3))
        if i % 2:
            house.ask(f"p{i}", at(3) + 20 * HOUR)  # the same again: the first is not contained, the second is
        else:
            house.ticket(f"p{i}", at(3) + 71 * HOUR)
    house.ask("p30", at(3), rating="solved")
    house.ticket("p30", at(3) + HOUR)  # solved counts whatever follows
    house.ask("p31", at(3))
    house.ticket("p31", at(3) + 73 * HOUR)  # too late to be about it
    house.ask("p32", at(3))
    house.ticket("p32", at(3) + HOUR, kind="report")  # reporting a mail is no failing of the answer
    for person, outcome, entry in (("p33", "confirm", "vpn"), ("p34", "answer", "clicked")):
        house.ask(person, at(3), outcome, entry)  # urgent: on neither side
    house.ask("p35", at(3))
    house.ticket("p35", at(3) + HOUR, severity="S3", kind="emergency")
    house.ask("p36", at(3), "escalate", "")  # not answered
    house.ask("p37", at(3), rating="unhelpful")
    house.close(at(12))
    assert house.one("containment", "contained") == (12 + 6 + 3, 35)
    assert house.one("containment", "not_contained") == (12 + 2, 35)


def test_what_is_picked_from_the_suggestions_is_no_further_question(house: House) -> None:
    for i in range(10):
        house.ask(f"p{i}", at(3), "suggest", "vpn")  # and picked:
        house.ask(f"p{i}", at(3) + 60, "answer", "vpn")
        house.ask(f"p{i}", at(3, 20), "answer", "vpn")
    house.ask("p11", at(3), "escalate", "")
    house.close(at(12))
    assert house.one("unknown", "missed") == (11, 21)


def test_only_words_of_a_person_to_the_requester_are_a_first_answer(house: House) -> None:
    for i in range(18):
        number = house.ticket("dana", at(3), "S1" if i < 14 else "S2")
        house.line(number, at(3) + 10, "claimed")
        house.line(number, at(3) + 20, "reply", actor="secdesk")
        house.line(number, at(3) + 30, "note", visible=0)
        house.line(number, at(3) + 60 * (i + 1), "reply")
    for _ in range(2):
        house.ticket("dana", at(3))  # nobody has answered yet: longer than all others
    closed = house.ticket("dana", at(3), state="resolved")
    house.line(closed, at(3) + 5, "resolved", actor="dana")  # nobody had to
    house.close(at(12))
    read = house.figures.read(chosen("2026-03", "2026-03", at(12), BERLIN))
    whole = read.pooled(BY_NAME["first_reply"])
    assert (20, 600, 1080) == (whole.n, whole.within(0.5), whole.within(0.9))
    assert whole.within(0.95) is None
    assert read.pooled(BY_NAME["first_reply"], "S2").n is None
    assert read.pooled(BY_NAME["first_reply"], "S1").n is None  # else S2's four could be worked out


def test_a_verdict_counts_when_it_is_delivered(house: House) -> None:
    for i in range(11):
        house.report(f"p{i}", at(3), at(3) + 100 * (i + 1))
    house.report("p20", at(3), None, state="checking")
    house.report("p21", at(3), None)  # decided before it came: answered at once
    house.report("p22", at(3), at(3) + 5, withdrawn=1)
    house.close(at(12))
    read = house.figures.read(chosen("2026-03", "2026-03", at(12), BERLIN))
    clock, working = (read.pooled(BY_NAME[name]) for name in ("verdict", "verdict_working"))
    assert (12, 600, 1100) == (clock.n, clock.within(0.5), clock.within(0.9))
    assert (12, 300) == (working.n, working.within(0.5))


def test_rare_things_are_counted_by_quarter_and_dry_runs_do_not_count(house: House) -> None:
    for i in range(12):
        number = house.ticket("dana", at(1 + i % 3), "S3", "emergency")
        for dry, seconds in ((1, 10), (0, 60 * (i + 1))):
            house.add("containment", id=f"c{house.count}", ticket=number, person="dana", kind="revoke", state="done",
                      asked_by="sam", asked_at=0.0, done_at=at(1 + i % 3) + seconds, dry=dry)  # fmt: skip
        house.add("page", key=f"page{i}", ticket=number, summary="", people="", state="sent", error="", created_at=at(1),
                  sent_at=at(1), acknowledged_at=at(1) + 30 if i else 0.0)  # fmt: skip
    house.close(at(12))
    read = house.figures.read(chosen("2026-01", "2026-03", at(12), BERLIN))
    contain, heard = read.pooled(BY_NAME["contain"]), read.pooled(BY_NAME["page"])
    assert (12, 360) == (contain.n, contain.within(0.5))
    assert (12, 30, None) == (heard.n, heard.within(0.9), heard.within(1.0))
    assert house.one("contain", first="2026-02", last="2026-04") == (None, 0)  # no whole quarter


def test_tips_by_what_became_of_them_and_only_of_those_who_may_be_counted(house: House) -> None:
    for i in range(60):
        state, later = ("answered", "") if i < 25 else ("later", "2026-03-20") if i < 45 else ("sent", "")
        person = f"p{i}" if i < 59 else "elsewhere"
        house.add("nudge", id=f"n{i}", person=person, due=f"2026-03-{i}", lesson="x", version=1, language="en", kind="scheduled",
                  reason="", rules="", facts="", at=at(3), delivery="", state=state, choice="", correct=-1, later=later,
                  lessened=0, reacted_at=0.0, answered_at=0.0)  # fmt: skip
    house.close(at(12))
    assert [house.one("tips", cell)[0] for cell in ("answered", "later", "silent")] == [25, 20, 14]


def test_a_month_is_made_three_days_after_it_is_over_and_then_stays(house: House) -> None:
    for i in range(12):
        house.ask(f"p{i}", at(3), rating="solved" if i else "unhelpful")
    assert house.close(datetime(2026, 4, 3, tzinfo=BERLIN).timestamp()) == 0
    assert house.close(datetime(2026, 4, 4, tzinfo=BERLIN).timestamp()) == 2  # and the quarter that ended with it
    before = house.one("containment")
    for i in range(12, 90):
        house.ask(f"p{i}", at(3))
    assert house.close(at(4, 30)) == 0
    assert before == house.one("containment")


def test_the_first_hours_of_a_month_belong_to_it_where_the_organisation_is(house: House) -> None:
    for i in range(12):
        house.ask(f"p{i}", datetime(2026, 4, 1, 0, 30, tzinfo=BERLIN).timestamp())  # still March in UTC
    house.close(at(12))
    assert house.one("unknown", first="2026-03", last="2026-03")[0] is None
    read = house.figures.read(chosen("2026-04", "2026-04", at(12), BERLIN))
    assert read.cells["unknown", "2026-04", TOTAL].n == 12


def test_no_two_ranges_differ_by_less_than_what_may_be_shown(house: House) -> None:
    """March has four tickets: with or without it, a range says the same."""
    for month, many in ((2, 30), (3, 4), (4, 25)):
        for _ in range(many):
            house.line(house.ticket("dana", at(month)), at(month) + 60, "reply")
    house.close(at(12))
    with_march, without = (house.one("first_reply", first=first)[0] for first in ("2026-02", "2026-01"))
    assert (55, 55) == (with_march, without)
    assert (
        house.one("first_reply", first="2026-02", last="2026-03")[0]
        == house.one("first_reply", last="2026-02")[0]
        == 30
    )
    assert house.one("first_reply", first="2026-03", last="2026-03")[0] is None

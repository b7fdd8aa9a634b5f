"""Campaigns on both databases: everybody accounted for, rules asked again at the last moment, cancelled at once, sent once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from adapters.stores.core import SqlCoreStore
from adapters.stores.learning import SqlLearningStore
from adapters.stores.leases import GRACE, LASTS, RENEWED, Lease
from adapters.stores.open import open_db
from adapters.stores.waves import SqlDecisionStore, SqlWaveStore
from bot.cards import text_card
from bot.content import Faults, packaged_shelf
from bot.delivery import Pump
from bot.errors import ConfigError, NotFound, RetryLater, StoreUnavailable
from bot.learning.memory import DAY
from bot.learning.nudges import Nudges
from bot.learning.pseudonym import Codes
from bot.learning.shapes import Library
from bot.learning.waves import Audience, Order, Progress, Waves
from bot.model import Action, Kind, Person, Place, Verdict
from bot.organisation import Organisation, load_organisation
from bot.ports import Db, Tx
from bot.turn import TIP, EmergencyRaised, RecipientsWarned, Turn, VerdictGiven, Work
from tests.fakes.lessons import curriculum, lesson, library

T = TypeVar("T")
NOW = 1_795_514_400.0  # Tuesday 24 November 2026, 10:00 UTC
LONDON = ZoneInfo("Europe/London")
ROLES = ("regular", "hr_legal", "executive")
STAFF = [
    Person(f"s{n}", f"S {n}", roles=frozenset({ROLES[n % 3]}), timezone="Europe/London", entity="uk", key=f"p_{n}")
    for n in range(30)
]
GUEST = Person("guest", "Guest", known=False, key="p_guest")


def organisation() -> Organisation:
    found = load_organisation(packaged_shelf(), Faults())
    assert found is not None
    return found


ORGANISATION = organisation()


class Auditor:
    """Remembers what was audited."""

    def __init__(self) -> None:
        self.actions: list[str] = []

    def append(self, tx: Tx, at: float, actor: str, action: str, subject: str, detail: Mapping[str, str]) -> None:
        self.actions.append(action)


@dataclass
class House:
    """Campaigns with a database, a directory and a clock that tests move."""

    db: Db
    staff: list[Person] = field(default_factory=lambda: [*STAFF, GUEST])
    content: Library = field(default_factory=curriculum)
    now_: float = NOW
    places: dict[str, Place | None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core, self.auditor = SqlCoreStore(self.db), Auditor()
        self.nudges = Nudges(
            lessons=lambda: self.content,
            organisation=lambda: ORGANISATION,
            directory=self,
            store=SqlLearningStore(self.db, Codes(lambda purpose, data: f"{purpose}-{data.hex()}")),
            place_of=lambda key: self.places.get(key, Place("web", f"w-{key}")),
            decisions=SqlDecisionStore(self.db),
            holidays=lambda _region, _day: False,
        )
        self.waves = Waves(self.nudges, SqlWaveStore(self.db))

    def people(self) -> list[Person]:
        return self.staff

    def now(self) -> float:
        return self.now_

    def run(self, change: Callable[[Work], T]) -> T:
        with self.db.tx() as tx:
            return change(Work(tx, self.now_, self.core, self.auditor, {}))

    def start(self, name: str = "core-1", **more: Any) -> str:
        return self.waves.start(self.run, "p_boss", Order(name, **more), self.now_)

    def feed(self) -> int:
        return self.waves.feed(self.run, self.now_)

    def pump(self) -> int:
        """Send what waits, at once."""
        pump = Pump(self.core, self.deliver, self, rates={}, held=lambda: self.nudges.policy().switched_off)
        return pump.round(lambda work: work())

    def deliver(self, delivery: str) -> bool:
        row = self.core.claim_delivery(delivery, self.now_, 60)
        assert row is not None
        self.sent.append(row["person"])
        self.core.settle_delivery(delivery, "sent", self.now_, ref="x/1")
        return True

    def told(self, wave: str) -> Progress:
        return self.waves.progress(wave)

    def week(self, wave: str) -> Progress:
        """Go on hour by hour for a week; how far it is then."""
        for _ in range(7 * 24):
            self.now_ += 3600
            while self.feed():
                pass
            while self.pump():
                pass
        return self.told(wave)


@dataclass
class Clock:
    """A clock that tests move."""

    at: float

    def now(self) -> float:
        return self.at


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def test_a_campaign_reaches_everybody_once_within_a_week_spread_over_days(house: House) -> None:
    wave = house.start()
    assert (house.told(wave).counts, house.told(wave).reasons) == ({"queued": 30, "skipped": 1}, {"guest": 1})
    assert house.week(wave).counts == {"sent": 30, "skipped": 1}
    assert Counter(house.sent) == dict.fromkeys((person.key for person in STAFF), 1)
    days = Counter(
        datetime.fromtimestamp(row["at"], LONDON).weekday() for row in house.db.query("SELECT at FROM nudge")
    )
    assert set(days) <= {0, 1, 2, 3, 4}
    assert len(days) >= 4
    assert house.told(wave).state == "done"


def test_everybody_is_accounted_for_with_a_reason(house: House) -> None:
    house.places["p_3"] = None
    house.places["p_4"] = Place("slack", "C1", private=False)
    house.run(lambda work: house.nudges.store.stop(work.tx, "p_6", True, work.at))
    house.staff[7] = replace(house.staff[7], language="xx")
    wave = house.start(audience=Audience(frozenset({"regular"})))
    house.staff = [person for person in house.staff if person.id != "s9"]  # leaves before it comes
    told = house.week(wave)
    assert told.counts == {"sent": 7, "skipped": 1, "unreachable": 2}
    assert told.reasons == {"stopped": 1, "no_chat": 1, "left": 1}
    assert told.total == sum(told.counts.values()) == 10
    assert {row["person"] for row in house.waves.people(wave)} == {f"p_{n}" for n in range(0, 30, 3)}


def test_what_the_platform_refuses_is_told_with_its_reason(house: House) -> None:
    wave = house.start(audience=Audience(people=frozenset({"s1", "s2"})), at_once=True)
    house.feed()
    (one, two) = [row["delivery"] for row in house.core.due_tips(NOW, 10)]
    house.core.settle_delivery(one, "unreachable", NOW, error="user_disabled")
    house.core.settle_delivery(two, "failed", NOW, error="SlackFault")
    told = house.told(wave)
    assert (told.counts, told.reasons) == ({"unreachable": 1, "failed": 1}, {"user_disabled": 1, "SlackFault": 1})


def test_answers_are_counted(house: House) -> None:
    wave = house.start(at_once=True)
    house.feed()
    while house.pump():
        pass
    nudge = house.db.query("SELECT id FROM nudge WHERE person = 'p_1'")[0]["id"]
    house.run(lambda work: house.nudges.store.answer(work.tx, nudge, work.at))
    assert house.told(wave).counts == {"sent": 29, "answered": 1, "skipped": 1}


def test_cancel_works_at_once_on_what_is_planned_and_on_what_waits_for_the_platform(house: House) -> None:
    wave = house.start(at_once=True)
    house.feed()
    house.deliver(house.core.due_tips(NOW, 1)[0]["delivery"])
    assert house.run(lambda work: house.waves.cancel(work, "p_boss", wave)) == 29
    assert house.pump() == house.feed() == 0
    assert house.told(wave).counts == {"sent": 1, "cancelled": 29, "skipped": 1}
    assert house.run(lambda work: house.waves.cancel(work, "p_boss", wave)) == 0
    assert len(house.sent) == 1
    assert "learning.campaign_cancel" in house.auditor.actions


def test_a_pause_holds_everything_and_resume_lets_it_go(house: House) -> None:
    wave = house.start(at_once=True)
    house.feed()
    assert house.run(lambda work: house.waves.pause(work, "p_boss", wave))
    assert (house.pump(), house.feed(), house.told(wave).counts["queued"]) == (0, 0, 30)
    assert house.run(lambda work: house.waves.resume(work, "p_boss", wave))
    while house.pump():
        pass
    assert house.told(wave).counts["sent"] == 30


def test_the_kill_switch_and_test_mode_hold_everything(house: House) -> None:
    house.start(at_once=True)
    house.run(lambda work: house.nudges.switch_off(work, "p_boss"))
    assert house.feed() == 0
    house.run(lambda work: house.nudges.switch_off(work, "p_boss", off=False))
    house.run(lambda work: house.nudges.test(work, "p_boss"))
    assert house.feed() == 0
    house.run(lambda work: house.nudges.test(work, "p_boss", on=False))
    assert house.feed() == 30


def test_somebody_in_an_incident_does_not_get_what_was_about_to_go(house: House) -> None:
    wave = house.start(at_once=True)
    house.feed()
    house.run(lambda work: house.waves.on_emergency(work, EmergencyRaised("p_1", "mfa", "SEC-1")))
    while house.pump():
        pass
    assert (len(house.sent), "p_1" in house.sent, house.told(wave).counts["queued"]) == (29, False, 1)
    house.now_ = NOW + 2 * DAY + 1
    house.pump()
    assert house.sent[-1] == "p_1"


def test_an_incident_after_the_plan_moves_the_message(house: House) -> None:
    wave = house.start(at_once=True, audience=Audience(people=frozenset({"s1"})))
    house.run(lambda work: house.nudges.store.hold(work.tx, "p_1", NOW + 2 * DAY))
    assert (house.feed(), house.told(wave).counts) == (1, {"queued": 1})
    row = house.db.query("SELECT planned_at, rules FROM wave_person")[0]
    assert (row["planned_at"] >= NOW + 2 * DAY, row["rules"].split(",")[0]) == (True, "incident")


def test_the_cap_on_messages_out_of_turn_holds_for_campaigns_too(house: House) -> None:
    house.content = library(*(lesson(f"core-{n}", order=n) for n in range(1, 5)))
    only = Audience(people=frozenset({"s1"}))
    for n in range(1, 5):
        house.start(f"core-{n}", audience=only, at_once=True)
    days = []
    for _ in range(16):
        house.feed()
        house.pump()
        days += [round((house.now_ - NOW) / DAY)] if len(house.sent) > len(days) else []
        house.now_ += DAY
    assert days == [0, 1, 7, 8]


def test_a_test_campaign_decides_and_sends_nothing(house: House) -> None:
    wave = house.start(test=True)
    assert (house.feed(), house.told(wave).state, house.told(wave).counts["queued"]) == (0, "done", 30)
    assert house.db.query("SELECT id FROM delivery") == []
    decisions = house.waves.preview(Order("core-1"), NOW)
    assert Counter(decision.when is None for decision in decisions) == {False: 30, True: 1}
    assert house.waves.preview(Order("core-1"), NOW) == decisions  # the same each time


def test_a_lesson_that_is_not_there_or_not_published_cannot_be_sent(house: House) -> None:
    house.content = library(lesson("core-1"), lesson("core-2", status="retired"))
    with pytest.raises(NotFound):
        house.start("nothing")
    with pytest.raises(ConfigError):
        house.start("core-2")


@pytest.mark.parametrize(("change", "why"), [("retired", "paused"), ("gone", "gone")])
def test_a_lesson_retired_while_a_campaign_is_out_goes_to_nobody_more(house: House, change: str, why: str) -> None:
    wave = house.start(at_once=True)
    assert house.feed() > 0
    went = house.told(wave).counts["queued"]
    later = house.start("core-2", at_once=True)
    house.content = library(lesson("core-1"), *([lesson("core-2", status="retired")] if change == "retired" else []))
    house.now_ += 8 * DAY
    while house.feed():
        pass
    assert (house.told(later).counts.get("queued", 0), house.told(later).reasons[why]) == (0, went)
    while house.pump():
        pass
    assert house.told(wave).counts["sent"] == went  # what was on its way before is answered as it was asked


def test_nobody_gets_the_same_lesson_twice_in_its_cool_down(house: House) -> None:
    house.start(at_once=True)
    house.feed()
    assert house.told(house.start()).reasons == {"guest": 1, "recent": 30}


def test_two_processes_that_feed_at_once_make_one_message_each(house: House) -> None:
    house.start(at_once=True)
    other = House(house.db, staff=house.staff)
    assert (house.feed(), other.feed()) == (30, 0)
    assert len(house.db.query("SELECT id FROM delivery")) == 30


def test_tips_never_enter_the_job_engine(house: House) -> None:
    house.start(at_once=True)
    house.feed()
    house.run(lambda work: work.say("p_1", Place("web", "w"), text_card("a verdict"), "verdict:1", priority=1))
    assert [row["kind"] for row in house.core.due(NOW, 100)] == ["delivery.send"]
    kinds = Counter(row["kind"] for row in house.db.query("SELECT kind FROM outbox"))
    assert kinds == {TIP: 30, "delivery.send": 1}


# decisions


def test_every_decision_is_kept_with_its_reason_when_it_changes(house: House) -> None:
    house.nudges.send_now(house.run, NOW, at_once=False)
    store = SqlDecisionStore(house.db)
    first = store.of("p_1", 9)
    assert [(row["outcome"], row["reason"], row["lesson"]) for row in first] == [("planned", "core", "core-1")]
    house.now_ += 600
    house.nudges.send_now(house.run, house.now_, at_once=False)
    assert store.of("p_1", 9) == first  # nothing new
    house.run(lambda work: house.nudges.store.stop(work.tx, "p_1", True, work.at))
    house.nudges.send_now(house.run, house.now_, at_once=False)
    assert [(row["outcome"], row["reason"]) for row in store.of("p_1", 9)] == [("none", "stopped"), ("planned", "core")]


def test_the_very_first_look_is_not_done_twice(house: House) -> None:
    looked: list[int] = []
    records = house.nudges.store.records

    def counted(people: Sequence[str], since: float) -> Mapping[str, Any]:
        looked.append(len(people))
        return records(people, since)

    house.nudges.store.records = counted  # type: ignore[method-assign]
    for _ in range(2):
        house.nudges.send_now(house.run, house.now_, at_once=False, due_only=True)
        house.now_ += 60
    assert looked == [len(house.staff), 0]


def test_in_test_mode_decisions_are_kept_and_nothing_is_sent(house: House) -> None:
    house.run(lambda work: house.nudges.test(work, "p_boss"))
    done = house.nudges.send_now(house.run, NOW, at_once=True)
    assert (len(done.tested), done.sent, house.db.query("SELECT id FROM nudge")) == (30, (), [])
    assert {row["outcome"] for row in house.db.query("SELECT outcome FROM nudge_decision")} == {"test", "none"}


# the pump


def told(monkeypatch: pytest.MonkeyPatch, ticks: Iterator[float]) -> None:
    """This thread reads these times, one after the other; whoever else runs in this process reads the real ones."""
    real, mine = time.monotonic, threading.get_ident()
    monkeypatch.setattr("bot.delivery.time.monotonic", lambda: next(ticks) if threading.get_ident() == mine else real())


def test_the_pump_keeps_to_the_rate_and_makes_up_for_a_short_stall(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 0.0, 1.0, 1.0 + 60.0])
    told(monkeypatch, ticks)
    house.start(at_once=True)
    house.feed()
    pump = Pump(house.core, house.deliver, house, rates={"web": 4.0})
    begun = [pump.round(lambda work: work()) for _ in range(3)]
    assert begun == [0, 4, 8]  # a minute's stall is not saved up


def test_a_platform_that_has_had_its_share_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.0, 0.0])
    told(monkeypatch, ticks)
    monkeypatch.setattr("bot.delivery.ROWS", 5)
    house.start(at_once=True)
    house.feed()
    with house.db.tx() as tx:  # the last one to be looked at goes by another platform
        (last,) = tx.query("SELECT key FROM outbox WHERE kind = 'delivery.tip' ORDER BY due_at DESC, key DESC LIMIT 1")
        tx.execute("UPDATE outbox SET due_at = due_at + 1 WHERE key = :key", key=last["key"])
        tx.execute("UPDATE delivery SET channel = 'other' WHERE 'delivery:' || id = :key", key=last["key"])
    house.now_ += 1
    pump = Pump(house.core, house.deliver, house, rates={"web": 4.0})
    assert [pump.round(lambda work: work()) for _ in range(2)] == [1, 0]


def test_a_slow_platform_holds_up_no_other_one_of_the_same_campaign(house: House) -> None:
    house.waves.ahead = 5
    house.places = {f"p_{n}": Place("slow" if n < 20 else "fast", f"c{n}") for n in range(30)}
    house.start(at_once=True)
    assert house.feed() == 10  # five of each
    for row in house.core.due_tips(NOW, 100, ["slow"]):
        house.deliver(row["delivery"])
    assert (house.feed(), {row["channel"] for row in house.core.due_tips(NOW, 100)}) == (5, {"slow", "fast"})
    assert (len(house.sent), house.feed()) == (5, 0)  # both have what they can take


def test_what_is_held_back_takes_nobodys_place(house: House) -> None:
    house.waves.ahead = 5
    first = house.start(at_once=True)
    house.feed()
    house.run(lambda work: house.waves.pause(work, "p_boss", first))
    house.start("core-2", at_once=True)
    assert house.feed() == 5


def test_one_replica_sends_at_a_time_and_another_takes_over_when_it_is_gone(db: Db) -> None:
    clock = Clock(NOW)
    a, b = (Lease(db, clock, "tips", name, lambda: clock.now() - NOW) for name in "ab")
    assert (a.mine(), b.mine()) == (True, False)
    clock.at += 10
    assert (a.mine(), b.mine()) == (True, False)
    clock.at += LASTS + GRACE - 1  # a has died
    assert b.mine() is False
    clock.at += RENEWED + 1
    assert b.mine()
    assert (a.mine(), b.mine()) == (False, True)
    b.release()
    clock.at += RENEWED
    assert a.mine()


def test_a_holder_that_cannot_reach_the_database_stops_before_another_begins(db: Db) -> None:
    class Down:
        def tx(self) -> Any:
            raise StoreUnavailable("down")

    clock = Clock(NOW)
    lease = Lease(db, clock, "tips", "a", lambda: clock.now() - NOW)
    assert lease.mine()
    lease._db = Down()  # type: ignore[assignment]
    clock.at += LASTS - 1
    assert lease.mine()
    clock.at += 1
    assert not lease.mine()


def test_a_replica_whose_turn_it_is_not_sends_nothing(house: House) -> None:
    house.start(at_once=True)
    house.feed()
    assert Pump(house.core, house.deliver, house, rates={}, mine=lambda: False).round(lambda work: work()) == 0


def test_a_tip_that_has_to_wait_is_put_off(house: House) -> None:
    def busy(_delivery: str) -> bool:
        raise RetryLater("busy", 30.0)

    house.start(at_once=True, audience=Audience(people=frozenset({"s1"})))
    house.feed()
    pump = Pump(house.core, busy, house, rates={})
    assert (pump.round(lambda work: work()), pump.round(lambda work: work())) == (1, 0)
    house.now_ += 30
    assert pump.round(lambda work: work()) == 1


# just in time


def enrolled(house: House) -> dict[str, tuple[str, str]]:
    rows = house.db.query("SELECT person, lesson, reason FROM enrolment")
    return {row["person"]: (row["lesson"], row["reason"]) for row in rows}


def test_other_work_and_a_new_person_bring_the_lesson_that_goes_with_it(house: House) -> None:
    house.nudges.send_now(house.run, NOW, at_once=False)
    assert enrolled(house) == {}  # the first look takes everybody as they are
    house.staff[0] = replace(house.staff[0], roles=frozenset({"executive"}))
    house.staff.append(replace(STAFF[1], id="new", key="p_new"))
    house.nudges.send_now(house.run, NOW, at_once=False)
    assert enrolled(house) == {"p_0": ("executive-1", "new_work"), "p_new": ("core-1", "new_here")}
    house.nudges.send_now(house.run, NOW, at_once=False)
    assert len(enrolled(house)) == 2


def test_a_warning_a_practice_mail_and_a_verdict_bring_the_lessons_that_name_them(house: House) -> None:
    named = {"campaign": {}, "verdict": {"kind": "practice"}}
    made = [
        lesson(f"l-{event}", order=n, triggers=[{"event": event, **more}])
        for n, (event, more) in enumerate(named.items(), 1)
    ]
    house.content = library(*made)
    house.run(lambda work: house.nudges.on_warned(work, RecipientsWarned("c1", ("p_1", "p_2"))))
    house.run(lambda work: house.nudges.on_warned(work, RecipientsWarned("c2", ("p_1",))))  # once in 30 days
    practice = Verdict(Kind.PRACTICE, 1.0)
    house.run(lambda work: house.nudges.on_verdict(work, VerdictGiven("ab", "SEC-1", practice, ("p_3",))))
    assert enrolled(house) == {
        "p_1": ("l-campaign", "warned"), "p_2": ("l-campaign", "warned"), "p_3": ("l-verdict", "practice"),
    }  # fmt: skip
    assert len(house.db.query("SELECT id FROM enrolment")) == 3


# required lessons


def test_a_required_lesson_that_nobody_answers_goes_to_its_owner_as_a_list(house: House) -> None:
    must: Any = {
        "obligation": "mandatory",
        "due_days": 14,
        "legal_basis": "Art. 32",
        "evidence": "answer",
        "owner": "dpo",
    }
    house.content, house.staff = library(lesson("duty", **must)), [STAFF[0], STAFF[3]]
    house.nudges.send_now(house.run, NOW, at_once=True)
    nudge = house.db.query("SELECT id FROM nudge WHERE person = 'p_0'")[0]["id"]
    house.run(lambda work: house.nudges.store.answer(work.tx, nudge, work.at))
    due = date(2026, 12, 8)
    assert house.nudges.overdue(NOW + 15 * DAY) == []  # a day of grace: the last reminder goes first
    assert house.nudges.overdue(NOW + 16 * DAY) == [(house.content.lessons["duty"], STAFF[3], due)]


@pytest.mark.parametrize(("due_days", "expected"), [(3, "2026-11-27"), (14, "2026-12-01")])
def test_a_required_lesson_is_put_off_to_its_due_day_at_the_latest(house: House, due_days: int, expected: str) -> None:
    must: Any = {"obligation": "mandatory", "due_days": due_days, "legal_basis": "Art. 32", "evidence": "answer"}
    house.content, house.staff = library(lesson("duty", **must)), [STAFF[0]]
    house.nudges.send_now(house.run, NOW, at_once=True)
    nudge = house.db.query("SELECT id FROM nudge")[0]["id"]
    press = Action("learning.later", f"{nudge}:week")
    effect = house.nudges.respond(Turn("e1", STAFF[0], Place("web", "w"), "", "en", NOW, {}, press))
    assert effect is not None
    house.run(effect)
    assert house.db.query("SELECT later FROM nudge") == [{"later": expected}]


def test_looking_for_tips_finds_their_messages_by_the_key(tmp_path: Path) -> None:
    """The pump looks several times a second: among a million messages it must not read each of them."""
    db = open_db("", tmp_path)
    seen: list[str] = []

    class Explained:
        dialect = db.dialect

        def query(self, sql: str, **params: object) -> list[Any]:
            seen.extend(str(row["detail"]) for row in db.query(f"EXPLAIN QUERY PLAN {sql}", **params))
            return [{"n": 0}]

    SqlCoreStore(Explained()).due_tips(NOW, 10, ["slow"])  # type: ignore[arg-type]
    SqlWaveStore(Explained())._waiting("web", 600)  # type: ignore[arg-type]
    assert seen
    assert {step.split()[1] for step in seen if step.startswith("SCAN")} & {"o", "d", "outbox", "delivery"} == set()
    db.close()


def test_settling_one_person_reads_nobody_else(tmp_path: Path) -> None:
    """Each of 100,000 is settled: reading all who are queued each time would take hours."""
    db, seen = open_db("", tmp_path), list[str]()

    class Explained:
        def execute(self, sql: str, **params: object) -> int:
            seen.extend(str(row["detail"]) for row in db.query(f"EXPLAIN QUERY PLAN {sql}", **params))
            return 0

    row = dict.fromkeys(("state", "reason", "rules", "nudge", "delivery", "channel"), "")
    SqlWaveStore(db).settle(Explained(), "w1", "p_1", {**row, "planned_at": 0.0})  # type: ignore[arg-type]
    assert len(seen) == 1
    assert "(wave=? AND person=? AND step=?)" in seen[0]
    db.close()

"""Figures of finished periods on both databases: what counts, whom, from when, and what is never shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from adapters.stores.core import SqlCoreStore
from adapters.stores.learning import SqlLearningStore
from adapters.stores.measurement import SqlMeasureStore
from adapters.vault import KeyVault
from bot.errors import Conflict
from bot.learning.experiments import Experiment, claim, difference, needed, wilson
from bot.learning.finished import HIDDEN, UNKNOWN, Figure, last_month, last_quarter
from bot.learning.measurement import Measures
from bot.learning.pseudonym import Codes
from bot.learning.record import Answer
from bot.learning.shapes import Library
from bot.learning.suppression import Shown
from bot.model import Person
from bot.ports import Db
from bot.turn import Work
from tests.contract.test_nudges import Auditor
from tests.fakes.lessons import PAGES

DAY = 86_400.0
CODES = Codes(KeyVault({1: b"k" * 32}).digest)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
NOVEMBER = datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp()
JANUARY = datetime(2027, 1, 1, 4, tzinfo=UTC).timestamp()
TRIAL = Experiment(
    title={"en": "Trial"}, expected=(0.2, 0.4), percent=50, start=date(2026, 11, 2), stop=date(2026, 12, 30)
)
AGREED = {"works_agreement": "BV 7"}


def staff(count: int = 60, entity: str = "uk") -> list[Person]:
    roles = ["regular", "executive"]
    return [
        Person(f"u{i}", f"U {i}", roles=frozenset({roles[i % 2]}), entity=entity, key=f"p_{entity}{i}")
        for i in range(count)
    ]


@dataclass
class House:
    """Measurement over a database that tests fill by hand."""

    db: Db
    people: list[Person] = field(default_factory=staff)
    agreed: dict[str, Mapping[str, str]] = field(default_factory=lambda: {"uk": AGREED})
    now: float = OCTOBER - DAY
    trial: Experiment = TRIAL

    def __post_init__(self) -> None:
        self.learning, self.store, self.auditor = SqlLearningStore(self.db, CODES), SqlMeasureStore(self.db), Auditor()
        self.measures = Measures(
            store=self.store, learning=self.learning, people=lambda: self.people, codes=CODES,
            library=lambda: Library(privacy=PAGES, experiments={"trial": self.trial}),
            values=lambda entity: self.agreed.get(entity, {}),
        )  # fmt: skip

    def run(self, change: Callable[[Work], object]) -> object:
        with self.db.tx() as tx:
            return change(Work(tx, self.now, SqlCoreStore(self.db), self.auditor, {}))

    def close(self, at: float) -> int:
        self.now = at
        return int(str(self.run(self.measures.close)))

    def report(self, person: str, at: float, kind: str = "likely_phishing", withdrawn: int = 0) -> None:
        name = f"{person}/{at}/{kind}"
        with self.db.tx() as tx:
            tx.execute(
                """INSERT INTO mail (sha256, name, size, body, ticket, state, kind, decided_by, verdict, facts, created_at,
                   decided_at) VALUES (:s, '', 0, :b, '', 'decided', :kind, '', '', '{}', :at, :at)""",
                s=name, b=b"", kind=kind, at=at,
            )  # fmt: skip
            tx.execute(
                """INSERT INTO submission (id, sha256, person, place, at, withdrawn)
                   VALUES (:s, :s, :person, '', :at, :gone)""",
                s=name, person=person, at=at, gone=withdrawn,
            )  # fmt: skip

    def case(self, name: str, minutes: float, kind: str = "likely_phishing") -> None:
        with self.db.tx() as tx:
            tx.execute(
                """INSERT INTO campaign (id, ticket, kind, delivered_at, reported_at, last_at)
                   VALUES (:id, '', :kind, :start, :end, :end)""",
                id=name, kind=kind, start=OCTOBER + DAY, end=OCTOBER + DAY + 60 * minutes,
            )  # fmt: skip

    def told(self, person: str, at: float, soon: bool) -> None:
        with self.db.tx() as tx:
            tx.execute(
                """INSERT INTO ticket (number, seq, kind, subject, severity, state, queue, requester, assignee, place, join_key,
                   created_at, updated_at, acknowledged_at, resolved_at, next_due_at, cause)
                   VALUES (:n, :seq, 'emergency', '', 'S3', 'new', 'desk', :who, '', '', '', :at, :at, 0, 0, 0, 'mail')""",
                n=f"SEC-{person}", seq=int(person[4:]), who=person, at=at,
            )  # fmt: skip
            detail = '{"option":"now","question":"when"}' if soon else '{"option":"today","question":"when"}'
            tx.execute(
                """INSERT INTO audit (seq, at, actor, action, subject, detail, prev, hash)
                   VALUES (:seq, :at, '', 'emergency.answer', :n, :detail, '', '')""",
                seq=int(person[4:]) + 1000, at=at, n=f"SEC-{person}", detail=detail,
            )  # fmt: skip

    def figure(self, metric: str, cell: str = "total", period: str = "") -> Figure:
        found = [item for item in self.store.figures() if (item.metric, item.cell) == (metric, cell)]
        (one,) = [item for item in found if period in ("", item.period)]
        return one


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def test_periods_are_months_and_quarters_that_are_over() -> None:
    assert [last_month(at).name for at in (NOVEMBER, JANUARY)] == ["2026-10", "2026-12"]
    assert [last_quarter(at).name for at in (NOVEMBER, JANUARY)] == ["2026-Q3", "2026-Q4"]
    assert last_quarter(JANUARY).months() == ["2026-10", "2026-11", "2026-12"]


def test_real_reports_for_a_hundred_people(house: House) -> None:
    house.close(house.now)  # the agreement is there from before October on
    for i in range(0, 48):
        house.report(f"p_uk{i}", OCTOBER + DAY)
    house.report("p_uk0", OCTOBER + 2 * DAY, "practice")
    for i, (kind, gone) in enumerate([("spam", 0), ("nothing_found", 0), ("likely_phishing", 1)]):
        house.report(f"p_uk{50 + i}", OCTOBER + DAY, kind, gone)
    house.report("p_stranger", OCTOBER + DAY)
    house.report("p_uk51", NOVEMBER)
    house.close(NOVEMBER)
    total = house.figure("reports", period="2026-10")
    assert (total.n, total.hits, round(total.value, 1)) == (60, 48, 81.7)  # 49 reports, 60 people
    assert {house.figure("reports", track, "2026-10").n for track in ("executive", "regular")} == {
        HIDDEN
    }  # 6 of each did not


def test_a_period_is_closed_once_so_nobody_can_be_taken_from_the_difference(house: House) -> None:
    house.close(house.now)
    for i in range(20):
        house.report(f"p_uk{i}", OCTOBER + DAY)
    assert house.close(NOVEMBER) > 0
    before = house.store.figures()
    house.report("p_uk30", OCTOBER + DAY)
    assert (house.close(NOVEMBER + DAY), house.store.figures()) == (0, before)


def test_nothing_is_measured_without_an_agreement_or_from_before_it(house: House) -> None:
    house.agreed = {}
    house.close(house.now)
    assert (house.close(NOVEMBER), house.store.figures()) == (0, [])
    house.agreed = {"uk": AGREED}
    house.close(NOVEMBER + DAY)
    assert [item for item in house.store.figures() if item.period <= "2026-10"] == []
    house.close(datetime(2027, 1, 1, 5, tzinfo=UTC).timestamp())
    assert house.figure("reports").period == "2026-12"  # November began before the agreement


def test_only_people_of_an_entity_with_an_agreement_are_counted(house: House) -> None:
    house.people = [*staff(40), *staff(40, "de")]
    house.close(house.now)
    for person in house.people[:20] + house.people[40:60]:
        house.report(person.key, OCTOBER + DAY)
    house.close(NOVEMBER)
    assert (house.figure("reports", period="2026-10").n, house.figure("reports", period="2026-10").hits) == (40, 20)


def test_minutes_to_the_first_report_are_a_median_of_ten_cases(house: House) -> None:
    house.close(house.now)
    for i in range(9):
        house.case(f"c{i}", 10.0 + i)
    house.case("spam", 1.0, "spam")
    house.close(NOVEMBER)
    assert house.figure("first_report", period="2026-10").n == HIDDEN
    other = House(house.db)
    other.case("c9", 19.0)
    with other.db.tx() as tx:
        tx.execute("DELETE FROM measure")
    other.close(NOVEMBER)
    figure = other.figure("first_report", period="2026-10")
    assert (figure.n, figure.value) == (10, 14.5)


def test_who_tells_us_is_compared_with_all_clicks_that_are_known(house: House) -> None:
    house.close(house.now)
    for i in range(30):
        house.told(f"p_uk{i}", OCTOBER + DAY, soon=i < 24)
    house.close(JANUARY)
    assert house.figure("tell_us", period="2026-Q4").n == UNKNOWN  # nobody has noted what gateways saw
    with house.db.tx() as tx:
        tx.execute("DELETE FROM measure")
        house.store.note_clicks(tx, "SEC-1", 5, "p_uk1", OCTOBER + DAY)
        house.store.note_clicks(tx, "SEC-1", 10, "p_uk1", OCTOBER + DAY)
    house.close(JANUARY)
    figure = house.figure("tell_us", period="2026-Q4")
    assert (figure.n, figure.hits) == (40, 24)


def test_retention_counts_each_person_once_a_quarter(house: House) -> None:
    house.close(house.now)
    with house.db.tx() as tx:
        for i in range(40):
            for n, age in enumerate((0, 0, 31, 130)):
                right = i < 25 if age > 29 else i < 15
                answer = Answer(f"l{n}", 1, "a", right, age, "regular" if i % 2 else "executive")
                house.learning.keep_answer(tx, f"{i}/{n}", f"p_uk{i}", answer, OCTOBER + 40 * DAY)
    house.close(JANUARY)
    shown = [house.figure(metric, period="2026-Q4") for metric in ("first_try", "after_30", "after_120")]
    assert [(item.n, item.hits) for item in shown] == [(40, 15), (40, 25), (40, 25)]
    assert house.figure("after_30", "regular", "2026-Q4").n == HIDDEN


def test_guardrails_are_said_only_where_the_limit_is_ten_people(house: House) -> None:
    house.people = staff(400)
    house.close(house.now)
    tip(house, 400, stopped=13)
    house.run(lambda work: house.learning.switch(work.tx, "experiment.trial", "on", work.at))
    house.close(JANUARY)
    stops, snoozes = house.figure("stops", period="2026-Q4"), house.figure("snoozes", period="2026-Q4")
    assert [(stops.n, stops.value), (snoozes.n, snoozes.value)] == [(400, 1.0), (400, 0.0)]
    assert house.measures.standing("trial", JANUARY) == "paused"  # the broken guardrail ended it
    assert house.auditor.actions == ["learning.comparison"]
    few = House(house.db, people=staff(300))
    with few.db.tx() as tx:
        tx.execute("DELETE FROM measure")
    few.close(JANUARY)
    assert few.figure("stops", period="2026-Q4").n == HIDDEN


def test_too_many_who_call_tips_not_useful_end_a_comparison(house: House) -> None:
    house.people = staff(80)
    house.close(house.now)
    tip(house, 80, stopped=0)
    house.run(lambda work: house.learning.switch(work.tx, "experiment.trial", "on", work.at))
    for i in range(13):
        house.run(lambda work, i=i: house.learning.useless(work.tx, f"n{i}", work.at))
    house.close(JANUARY)
    assert (house.figure("useless", period="2026-Q4").n, house.figure("useless", period="2026-Q4").value) == (80, 1.0)
    assert house.figure("unwanted", "l", "2026-Q4").hits == 13
    assert house.figure("stops", period="2026-Q4").n == HIDDEN  # three in a hundred would be two people
    assert house.measures.standing("trial", JANUARY) == "paused"


def test_a_tip_that_fewer_than_ten_call_not_useful_is_not_named(house: House) -> None:
    house.close(house.now)
    tip(house, 60, stopped=0)
    for i in range(9):
        house.run(lambda work, i=i: house.learning.useless(work.tx, f"n{i}", work.at))
    house.close(JANUARY)
    assert [item for item in house.store.figures() if item.metric == "unwanted"] == []
    assert house.figure("useless", period="2026-Q4").n == HIDDEN  # fifteen in a hundred of 60 are nine


def reported(house: House, attacks: int, spam: int, harmless: int) -> None:
    kinds = ["likely_phishing", "practice"] * attacks, ["spam"] * spam, ["nothing_found", "ours"] * harmless
    for sort in (kinds[0][:attacks], kinds[1], kinds[2][:harmless]):
        for i, kind in enumerate(sort):
            house.report(f"p_uk{i}", OCTOBER + DAY, kind)


def test_how_many_reports_were_real_with_spam_beside_it(house: House) -> None:
    house.close(house.now)
    reported(house, 24, 12, 20)
    house.report("p_uk1", OCTOBER + 2 * DAY)
    house.report("p_uk2", OCTOBER + DAY, "suspicious")  # waits for a person
    house.report("p_uk30", OCTOBER + DAY, "spam", withdrawn=1)
    house.report("p_stranger", OCTOBER + DAY)
    house.close(JANUARY)
    found = [house.figure(name, period="2026-Q4") for name in ("precision", "spam", "harmless")]
    assert [(item.n, item.hits, item.value) for item in found] == [(57, 25, 0.0), (57, 12, 0.0), (HIDDEN, 0, 0.0)]


@pytest.mark.parametrize("counts", [(24, 9, 20), (9, 12, 20), (24, 12, 9)])
def test_a_sort_of_reports_from_fewer_than_ten_people_hides_all_of_them(
    house: House, counts: tuple[int, int, int]
) -> None:
    house.close(house.now)
    reported(house, *counts)
    for _ in range(3):  # many reports of few people are still few people
        house.report("p_uk1", OCTOBER + (2 + _) * DAY, "spam")
    house.close(JANUARY)
    assert [house.figure(name, period="2026-Q4").n for name in ("precision", "spam")] == [HIDDEN, HIDDEN]


@pytest.mark.parametrize(("harmless", "over"), [(26, 0.0), (40, 1.0)])
def test_more_than_four_harmless_reports_in_ten_are_over_the_limit(house: House, harmless: int, over: float) -> None:
    house.close(house.now)
    reported(house, 24, 15, harmless)
    house.close(JANUARY)
    assert (house.figure("harmless", period="2026-Q4").n, house.figure("harmless", period="2026-Q4").value) == (
        39 + harmless,
        over,
    )


def tip(house: House, count: int, stopped: int) -> None:
    with house.db.tx() as tx:
        for i in range(count):
            row = {
                "id": f"n{i}", "person": f"p_uk{i}", "due": "2026-11-24", "lesson": "l", "version": 1, "language": "en",
                "kind": "scheduled", "reason": "core", "rules": "", "facts": "{}", "at": OCTOBER + 30 * DAY, "must": 0,
            }  # fmt: skip
            house.learning.add_nudge(tx, row)
            if i < stopped:
                house.learning.stop(tx, f"p_uk{i}", True, OCTOBER + 31 * DAY)


# comparison groups


def test_sample_sizes_are_those_that_were_worked_out_beforehand() -> None:
    pairs = [(0.05, 0.10), (0.10, 0.15), (0.20, 0.25), (0.20, 0.30), (0.70, 0.80)]
    assert [needed(*pair) for pair in pairs] == [434, 686, 1094, 293, 293]


def test_intervals_are_those_of_the_papers() -> None:
    assert [round(x, 4) for x in wilson(81, 263)] == [0.2553, 0.3662]  # Newcombe 1998
    assert [round(x, 4) for x in difference(48, 80, 56, 70)] == [0.0524, 0.3339]  # method 10 of the same, example a


@pytest.mark.parametrize(
    ("held", "treated", "kind"),
    [
        ((433, 20), (900, 90), "few"), ((None, None), (900, 90), "few"), ((434, 22), (4000, 400), "more"),
        ((434, 43), (4000, 400), "open"), ((434, 80), (4000, 400), "less"),
    ],
)  # fmt: skip
def test_nothing_is_claimed_from_too_few_people_or_an_interval_that_holds_nought(
    held: tuple[int | None, int | None], treated: tuple[int | None, int | None], kind: str
) -> None:
    assert claim(Shown("held", *held), Shown("treated", *treated), 434).kind == kind


def test_comparisons_are_off_until_switched_on_and_need_enough_people(house: House) -> None:
    assert house.measures.standing("trial", NOVEMBER) == "off"
    assert not any(house.measures.held_out(person.key, AGREED, NOVEMBER + 2 * DAY) for person in house.people)
    with pytest.raises(Conflict, match="few"):
        house.run(lambda work: house.measures.switch(work, "p_a", "trial", True))
    house.people = staff(600)
    house.run(lambda work: house.measures.switch(work, "p_a", "trial", True))
    assert [house.measures.standing("trial", NOVEMBER + day * DAY) for day in (0, 2, 90)] == ["waits", "on", "over"]
    at = NOVEMBER + 2 * DAY
    held = {person.key for person in house.people if house.measures.held_out(person.key, AGREED, at)}
    assert 250 < len(held) < 350
    assert held == {person.key for person in house.people if CODES.arm(person.key, "trial") < 50}
    assert not any(house.measures.held_out(key, {}, at) for key in held)  # no agreement, no group
    assert not any(house.measures.held_out(key, AGREED, NOVEMBER + 90 * DAY) for key in held)


def test_a_comparison_is_worked_out_once_after_its_last_day(house: House) -> None:
    house.people = staff(600)
    house.close(house.now)
    house.run(lambda work: house.measures.switch(work, "p_a", "trial", True))
    for i, person in enumerate(house.people):
        if i % (4 if CODES.arm(person.key, "trial") < 50 else 2) == 0:
            house.report(person.key, NOVEMBER + 10 * DAY)
    house.close(NOVEMBER + 20 * DAY)
    assert house.measures.claim("trial").kind == "few"
    house.close(JANUARY)
    found = house.measures.claim("trial")
    assert found.kind == "more"
    assert 0 < (found.low or 0) < 0.25
    cells = [item for item in house.store.figures() if item.metric == "experiment.trial"]
    assert sorted(item.cell for item in cells) == ["held", "treated"]
    house.trial = replace_percent(house.trial)
    assert house.close(JANUARY + 60) == 0


def replace_percent(trial: Experiment) -> Experiment:
    return trial.model_copy(update={"percent": 40})


def test_people_are_replaced_by_codes_in_what_is_compared(house: House) -> None:
    assert CODES.arm("p_1", "a") != CODES.arm("p_1", "b") or CODES.arm("p_2", "a") != CODES.arm("p_2", "b")
    assert {replace(CODES, digest=KeyVault({1: bytes([i]) * 32}).digest).arm("p_1", "a") for i in range(8)} != {
        CODES.arm("p_1", "a")
    }

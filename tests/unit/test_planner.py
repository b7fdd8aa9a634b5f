"""The planner: one test a rule, the order of lessons, and no plan that breaks a cap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.learning.memory import DAY, Fsrs, Leitner, Memory, review
from bot.learning.planner import Decision, Planner
from bot.learning.record import Enrolment, Learner, Record, Sent
from bot.learning.shapes import Library
from bot.learning.timing import Policy
from bot.learning.workdays import Hours, PublicHolidays
from tests.fakes.lessons import curriculum, lesson, library

LIBRARY = curriculum()
PERSON = Learner("p_1", timezone="Europe/London", values=frozenset({"helpdesk_phone"}))
FULL = Policy()
PLAIN = Policy(hours=Hours(monday_start=time(9, 30), friday_end=time(16, 30)))
TUESDAY = date(2026, 11, 24)


def no_holidays(_region: str, _day: date) -> bool:
    return False


def at(day: date, hour: int = 10, minute: int = 0, zone: str = "Europe/London") -> float:
    return datetime.combine(day, time(hour, minute), ZoneInfo(zone)).timestamp()


def local(decision: Decision) -> datetime:
    assert decision.when is not None, decision
    return datetime.fromtimestamp(decision.when, ZoneInfo(decision.timezone))


def decide(
    record: Record | None = None,
    now: float | None = None,
    *,
    policy: Policy = FULL,
    learner: Learner = PERSON,
    lessons: Library = LIBRARY,
    holidays: Callable[[str, date], bool] = no_holidays,
) -> Decision:
    start = at(TUESDAY, 8) if now is None else now
    return Planner(lessons, policy, holidays).decide(learner, record or Record(), start)


def sent(day: date, name: str = "core-1", **more: Any) -> Sent:
    return Sent(name, **{"kind": "scheduled", "at": at(day), "reacted": True, "state": "answered", **more})


def known(name: str, day: date, *, due: date, **more: Any) -> Memory:
    return Memory(name, 1, at(due, 0), reviews=1, rights=1, first_at=at(day), reviewed_at=at(day), **more)


# rule 1: an incident


def test_an_incident_holds_everything() -> None:
    decision = decide(Record(hold_until=at(TUESDAY + timedelta(days=2), 11)), at(TUESDAY, 10, 30))
    assert decision.when is not None
    assert decision.when >= at(TUESDAY + timedelta(days=2), 11)
    assert decision.rules[0] == "incident"


def test_an_incident_holds_what_was_asked_for_and_what_was_triggered() -> None:
    until = at(TUESDAY + timedelta(days=2), 11)
    later = sent(TUESDAY - timedelta(days=1), state="later", until=TUESDAY)
    enrolled = Enrolment("e1", "core-2", "prompts", "topic")
    for record in (Record((later,), hold_until=until), Record(enrolments=(enrolled,), hold_until=until)):
        decision = decide(record, at(TUESDAY))
        assert decision.when == until


# rule 2: when they are there


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(TUESDAY, 6), at(TUESDAY, 9, 30)),
        (at(TUESDAY, 17), at(TUESDAY + timedelta(days=1), 9, 30)),
        (at(date(2026, 11, 28)), at(date(2026, 11, 30), 10, 30)),  # Saturday to Monday
        (at(date(2026, 11, 27), 15), at(date(2026, 11, 30), 10, 30)),  # Friday afternoon to Monday
        (at(date(2026, 11, 27), 14, 59), at(date(2026, 11, 27), 14, 59)),
        (at(TUESDAY, 16, 29), at(TUESDAY, 16, 29)),
    ],
)
def test_messages_come_in_office_hours(now: float, expected: float) -> None:
    record = Record(enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),))
    assert decide(record, now).when == expected


def test_a_public_holiday_waits() -> None:
    christmas = date(2026, 12, 25)
    record = Record(enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),))
    german = replace(PERSON, timezone="Europe/Berlin", region="de")
    decision = decide(record, at(christmas, 8, zone="Europe/Berlin"), learner=german, holidays=PublicHolidays())
    assert (local(decision).date(), "holiday" in decision.rules) == (date(2026, 12, 28), True)


def test_holidays_are_those_of_the_region() -> None:
    holidays = PublicHolidays()
    epiphany = date(2027, 1, 6)
    assert [holidays("DE-BY", epiphany), holidays("DE-BE", epiphany), holidays("xx", epiphany)] == [True, False, False]
    assert holidays("uk", date(2026, 12, 28))  # Boxing Day, moved


def test_leave_waits_until_after_it() -> None:
    learner = replace(PERSON, leave=((TUESDAY, TUESDAY + timedelta(days=13)),))
    decision = decide(learner=learner)
    assert local(decision).date() > TUESDAY + timedelta(days=13)
    assert decision.rules[0] == "leave"


def test_part_time_people_get_it_on_their_days() -> None:
    learner = replace(PERSON, hours=Hours(days=frozenset({2, 3})))
    plan = run(learner, weeks=6)
    assert {local(decision).weekday() for decision in plan} <= {2, 3}
    assert len(plan) >= 5


def test_a_night_shift_has_its_own_hours() -> None:
    learner = replace(PERSON, hours=Hours(start=time(22), end=time(6)))
    record = Record(enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),))
    assert decide(record, at(TUESDAY, 12), learner=learner).when == at(TUESDAY, 22)
    assert decide(record, at(TUESDAY, 2), learner=learner).when == at(TUESDAY, 2)


def test_an_unknown_time_zone_is_the_organisations_and_is_noted() -> None:
    learner = replace(PERSON, timezone="Mars/Olympus")
    decision = Planner(LIBRARY, FULL, no_holidays, timezone="Asia/Tokyo").decide(learner, Record(), at(TUESDAY))
    assert (decision.timezone, decision.notes) == ("Asia/Tokyo", ("timezone",))


@pytest.mark.parametrize("day", [date(2026, 10, 26), date(2027, 3, 29)])  # the Mondays after a clock change
def test_a_clock_change_moves_nothing(day: date) -> None:
    record = Record(enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),))
    decision = decide(record, at(day - timedelta(days=2)))
    assert (local(decision).date(), local(decision).time()) == (day, time(10, 30))


# rule 3: gap and caps


def test_seven_days_lie_between_two_messages() -> None:
    decision = decide(Record((sent(TUESDAY),)), at(TUESDAY, 12))
    assert local(decision).date() == TUESDAY + timedelta(days=7)
    assert "week_cap" in decision.rules


def test_three_working_days_lie_between_even_over_holidays() -> None:
    eve = date(2026, 12, 22)
    closed = {eve + timedelta(days=n) for n in range(1, 13)}
    decision = decide(Record((sent(eve),)), at(eve, 12), holidays=lambda _r, day: day in closed, policy=PLAIN)
    assert local(decision).date() == date(2027, 1, 6)  # 4, 5 and 6 January are the three
    assert "gap" in decision.rules


def test_four_messages_in_four_weeks_are_enough() -> None:
    dense = Policy(per_week=3)
    days = [TUESDAY - timedelta(days=n) for n in (20, 14, 8, 4)]
    record = Record(tuple(sent(day, f"core-{n}") for n, day in enumerate(days, 1)))
    decision = decide(record, policy=dense)
    assert local(decision).date() >= days[0] + timedelta(days=28)
    assert "four_weeks_cap" in decision.rules


def test_people_at_high_risk_get_up_to_six_in_four_weeks() -> None:
    risky = replace(PERSON, high_risk=True)
    plan = run(risky, weeks=4)
    assert len(plan) == 6
    assert len(run(PERSON, weeks=4)) == 4


# rule 4: out of turn


def test_a_triggered_message_takes_the_weeks_place() -> None:
    record = Record((sent(TUESDAY, kind="triggered"),))
    assert local(decide(record, at(TUESDAY, 12))).date() == TUESDAY + timedelta(days=7)


def test_two_triggered_messages_in_seven_days_are_enough() -> None:
    days = (TUESDAY - timedelta(days=4), TUESDAY - timedelta(days=1))
    record = Record(
        tuple(sent(day, f"core-{n}", kind="triggered") for n, day in enumerate(days, 1)),
        enrolments=(Enrolment("e1", "core-3", "prompts", "topic"),),
    )
    decision = decide(record)
    assert (decision.lesson, local(decision).date()) == ("core-3", TUESDAY + timedelta(days=3))
    assert "triggered_cap" in decision.rules


def test_a_triggered_lesson_comes_at_the_next_slot() -> None:
    record = Record((sent(TUESDAY - timedelta(days=1)),), enrolments=(Enrolment("e1", "regular-3", "qr", "topic"),))
    decision = decide(record)
    assert (decision.lesson, decision.kind, decision.reason) == ("regular-3", "triggered", "topic")
    assert decision.when == at(TUESDAY, 9, 30)


def test_the_same_lesson_is_not_triggered_twice_in_thirty_days() -> None:
    record = Record(
        (sent(TUESDAY - timedelta(days=20), "core-1"),), enrolments=(Enrolment("e1", "core-1", "prompts", "topic"),)
    )
    assert decide(record).kind == "scheduled"


def test_a_lesson_for_others_is_not_triggered() -> None:
    record = Record(enrolments=(Enrolment("e1", "hr-legal-1", "cv", "topic"),))
    assert decide(record).lesson == "core-1"


# rule 5: silence


@pytest.mark.parametrize(("silent", "days"), [(2, 7), (3, 14), (5, 14), (6, 30), (8, 30)])
def test_silence_backs_off(silent: int, days: int) -> None:
    quiet = [TUESDAY - timedelta(days=30 * n) for n in range(silent)][::-1]
    record = Record(tuple(sent(day, f"regular-{n}", state="sent", reacted=False) for n, day in enumerate(quiet)))
    decision = decide(record, at(TUESDAY, 12))
    gap = (local(decision).date() - TUESDAY).days
    assert days <= gap <= days + 6  # backing off, then the personal day
    assert ("back_off" in decision.rules, decision.ask_less) == (silent >= 3, silent >= 6)


def test_any_reaction_ends_the_silence() -> None:
    days = [TUESDAY - timedelta(days=7 * n) for n in range(4)][::-1]
    record = Record(tuple(sent(day, f"regular-{n}", state="sent", reacted=n == 3) for n, day in enumerate(days)))
    assert (record.unanswered, local(decide(record, at(TUESDAY, 12))).date()) == (0, TUESDAY + timedelta(days=7))


@pytest.mark.parametrize(("rate", "days"), [(0.5, 14), (0.25, 28)])
def test_less_often_halves_the_rate(rate: float, days: int) -> None:
    decision = decide(Record((sent(TUESDAY),), rate=rate), at(TUESDAY, 12))
    assert days <= (local(decision).date() - TUESDAY).days <= days + 6
    assert "less_often" in decision.rules


# rule 6: spreading


def test_people_are_spread_over_five_working_days() -> None:
    planner = Planner(LIBRARY, FULL, no_holidays)
    people = [(replace(PERSON, key=f"p_{n}"), Record()) for n in range(400)]
    plan = planner.plan(people, at(date(2026, 11, 23), 8))
    days = [local(decision).weekday() for decision in plan]
    assert {day: days.count(day) > 50 for day in set(days)} == dict.fromkeys(range(5), True)
    assert len({local(decision).time() for decision in plan}) > 100


def test_the_personal_day_does_not_move_while_we_wait() -> None:
    first = decide()
    again = decide(now=(first.when or 0) - 60)
    assert (again.when, again.due) == (first.when, first.due)


def test_the_seed_moves_the_spread() -> None:
    planned = {decide(policy=Policy(seed=str(n))).when for n in range(20)}
    assert len(planned) > 10


# rule 7: switches


def test_the_kill_switch_stops_everybody() -> None:
    decision = decide(policy=Policy(switched_off=True))
    assert (decision.when, decision.reason) == (None, "switched_off")


def test_a_paused_lesson_is_passed_over() -> None:
    assert decide(policy=Policy(paused=frozenset({"core-1"}))).lesson == "regular-1"


# rule 8: blackout days


def test_nothing_is_sent_on_a_blackout_day() -> None:
    record = Record(enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),))
    decision = decide(record, policy=Policy(blackout=frozenset({TUESDAY})))
    assert (local(decision).date(), "blackout" in decision.rules) == (TUESDAY + timedelta(days=1), True)


# at once


def test_at_once_leaves_out_hours_and_spreading_only() -> None:
    night = at(date(2026, 11, 28), 23)  # a Saturday
    now = Policy(at_once=True)
    assert decide(now=night, policy=now).when == night
    held = decide(Record(hold_until=night + 60), night, policy=now)
    capped = decide(Record((sent(date(2026, 11, 27)),)), night, policy=now)
    away = decide(now=night, policy=now, learner=replace(PERSON, leave=((date(2026, 11, 28), date(2026, 11, 29)),)))
    assert held.when == night + 60
    assert [local(capped).date(), local(away).date()] == [date(2026, 12, 4), date(2026, 11, 30)]


# wishes


def test_later_comes_back_on_the_day_asked_for_whatever_the_caps() -> None:
    record = Record((sent(TUESDAY, state="later", until=TUESDAY + timedelta(days=1)),))
    decision = decide(record, at(TUESDAY, 12))
    assert (decision.lesson, decision.kind, decision.reason) == ("core-1", "requested", "requested")
    assert decision.when == at(TUESDAY + timedelta(days=1), 9, 30)


def test_later_does_not_come_twice() -> None:
    wednesday = TUESDAY + timedelta(days=1)
    record = Record((sent(TUESDAY, state="later", until=wednesday), sent(wednesday, kind="requested")))
    decision = decide(record, at(wednesday, 12))
    assert (decision.kind, local(decision).date()) == ("scheduled", wednesday + timedelta(days=7))


def test_stop_ends_everything_that_is_not_required() -> None:
    record = Record(
        (sent(TUESDAY - timedelta(days=9), state="later", until=TUESDAY),),
        stopped=True,
        enrolments=(Enrolment("e1", "core-2", "prompts", "topic"),),
    )
    decision = decide(record)
    assert (decision.when, decision.reason) == (None, "stopped")


DUTY = lesson(
    "duty",
    obligation="mandatory",
    legal_basis="the payment rules",
    due_days=28,
    evidence="answer",
    works_agreement_ref="BV 1",
)


def test_a_required_lesson_comes_first_and_cannot_be_stopped() -> None:
    lessons = library(DUTY, lesson("core-1"))
    decision = decide(Record(stopped=True), lessons=lessons)
    assert (decision.lesson, decision.reason) == ("duty", "mandatory")
    assert dict(decision.facts)["basis"] == "the payment rules"


def test_a_required_lesson_is_reminded_of_three_times() -> None:
    lessons, record, now, days = library(DUTY), Record(), at(TUESDAY, 8), []
    while (decision := decide(record, now, lessons=lessons)).when is not None:
        days.append(local(decision).date())
        record = replace(record, sent=(*record.sent, Sent("duty", "scheduled", decision.when)))
        now = decision.when + 60
    deadline = days[0] + timedelta(days=28)
    assert [(day - deadline).days for day in days[1:]] == [-7, -2, 1]


# which lesson


def test_new_people_meet_core_and_own_lessons_by_turns() -> None:
    assert [d.lesson for d in run(PERSON, weeks=4)] == ["core-1", "regular-1", "core-2", "regular-2"]


def test_the_first_weeks_differ_by_role() -> None:
    tracks = ("executive", "hr_legal", "it_helpdesk", "regular")
    weeks = {
        track: [decision.lesson for decision in run(replace(PERSON, track=track, roles=frozenset({track})), weeks=4)]
        for track in tracks
    }
    own = {track: [name for name in lessons if not name.startswith("core")] for track, lessons in weeks.items()}
    assert own == {track: [f"{track.replace('_', '-')}-{n}" for n in (1, 2)] for track in tracks}


def test_reviews_come_when_memory_fades() -> None:
    begun = [sent(TUESDAY - timedelta(days=7 * n), f"core-{n}") for n in range(5, 0, -1)]
    memories = {m.lesson: known(m.lesson, TUESDAY - timedelta(days=30), due=TUESDAY) for m in begun}
    memories["core-3"] = replace(memories["core-3"], due=at(TUESDAY - timedelta(days=3)))
    decision = decide(Record(tuple(begun), memories))
    assert (decision.lesson, decision.reason, dict(decision.facts)) == ("core-3", "review", {"days": "30"})


def test_something_new_comes_once_in_a_while_before_reviews() -> None:
    begun = [sent(TUESDAY - timedelta(days=60 + n), f"core-{n}") for n in range(5, 0, -1)]
    memories = {m.lesson: known(m.lesson, TUESDAY - timedelta(days=60), due=TUESDAY) for m in begun}
    assert (decide(Record(tuple(begun), memories)).lesson) == "regular-1"


def test_a_silent_lesson_comes_back_after_four_weeks_and_silence_is_no_review() -> None:
    lessons = library(lesson("core-1"))
    record = Record((sent(TUESDAY, state="sent", reacted=False),))
    decision = decide(record, at(TUESDAY, 12), lessons=lessons)
    assert (decision.lesson, decision.reason) == ("core-1", "again")
    assert (local(decision).date() - TUESDAY).days >= 28


def test_when_nothing_is_due_the_next_review_is_planned() -> None:
    lessons = library(lesson("core-1"))
    due = TUESDAY + timedelta(days=60)
    record = Record((sent(TUESDAY),), {"core-1": known("core-1", TUESDAY, due=due)})
    decision = decide(record, at(TUESDAY, 12), lessons=lessons)
    assert (decision.reason, local(decision).date() >= due) == ("review", True)


def test_a_lesson_that_is_not_spaced_comes_once() -> None:
    lessons = library(lesson("core-1", schedule={"spaced": False}))
    record = Record((sent(TUESDAY),), {"core-1": known("core-1", TUESDAY, due=TUESDAY)})
    assert decide(record, lessons=lessons).reason == "up_to_date"


def test_days_of_a_lesson_are_kept() -> None:
    soon = lesson("core-1", schedule={"spaced": True, "not_before": "2027-01-15"})
    over = lesson("core-2", schedule={"spaced": True, "expires": "2026-11-01"})
    decision = decide(lessons=library(soon, over))
    assert (decision.lesson, local(decision).date() >= date(2027, 1, 15)) == ("core-1", True)


def test_a_new_version_keeps_the_memory_unless_it_says_otherwise() -> None:
    record = Record((), {"core-1": known("core-1", TUESDAY - timedelta(days=9), due=TUESDAY)})
    kept = decide(record, lessons=library(lesson("core-1", version=2)), policy=Policy(starter=0))
    reset = decide(record, lessons=library(lesson("core-1", version=2, reset_memory=True)), policy=Policy(starter=0))
    assert (kept.reason, reset.reason) == ("review", "core")


def test_twelve_new_lessons_a_year_are_enough() -> None:
    many = library(*(lesson(f"core-{n:02}", order=n) for n in range(1, 30)))
    fresh = {d.lesson for d in run(PERSON, weeks=50, lessons=many) if d.reason == "core"}
    assert len(fresh) == 12


def test_a_lesson_in_another_language_is_skipped_unless_required() -> None:
    french = replace(PERSON, language="fr")
    assert decide(learner=french).reason == "no_language"
    assert decide(learner=french, lessons=library(DUTY)).language == "en"


def test_the_language_falls_back_to_the_one_without_region_only() -> None:
    german = {"de": "Text mit {helpdesk_phone}"}
    both = lesson("core-1")
    translated = both.model_copy(
        update={
            "title": {**both.title, **german},
            "body": {**both.body, **german},
            "action": both.action.model_copy(update={"label": {**both.action.label, **german}}),
            "question": both.question.model_copy(
                update={
                    "prompt": {**both.question.prompt, **german},
                    "options": [
                        option.model_copy(
                            update={"text": {**option.text, **german}, "feedback": {**option.feedback, **german}}
                        )
                        for option in both.question.options
                    ],
                }
            ),
        }
    )
    austrian = replace(PERSON, language="de-AT")
    assert decide(learner=austrian, lessons=library(translated)).language == "de"


def test_a_lesson_whose_value_is_not_set_is_not_sent() -> None:
    assert decide(learner=replace(PERSON, values=frozenset())).reason == "value_missing"


def test_guests_and_people_never_met_get_nothing() -> None:
    assert decide(learner=replace(PERSON, known=False)).reason == "guest"
    assert decide(learner=replace(PERSON, key="")).reason == "not_met"


# the whole


def run(
    learner: Learner, weeks: int, *, lessons: Library = LIBRARY, start: date = date(2026, 11, 23), right: bool = True
) -> list[Decision]:
    """Weeks in the life of somebody who answers everything at once."""
    planner, scheduler = Planner(lessons, FULL, no_holidays), Leitner()
    now, end, plan = at(start, 8), at(start + timedelta(weeks=weeks), 0), list[Decision]()
    record = Record()
    while (decision := planner.decide(learner, record, now)).when is not None and decision.when < end:
        plan.append(decision)
        old = record.memories.get(decision.lesson)
        memory = review(scheduler, learner.key, decision.lesson, 1, old, right=right, at=decision.when + 60)
        message = Sent(decision.lesson, decision.kind, decision.when, "answered", True)
        record = replace(record, sent=(*record.sent, message), memories={**record.memories, decision.lesson: memory})
        now = decision.when + 600
    return plan


def test_the_same_input_gives_the_same_plan() -> None:
    people = [(replace(PERSON, key=f"p_{n}"), Record()) for n in range(20)]
    first = Planner(LIBRARY, FULL, no_holidays).plan(people, at(TUESDAY))
    second = Planner(LIBRARY, FULL, no_holidays).plan(list(reversed(people)), at(TUESDAY))
    assert first == second
    assert [decision.when for decision in first] == sorted(decision.when or 0 for decision in first)


def test_a_year_carries_the_whole_curriculum() -> None:
    plan = run(PERSON, weeks=52)
    assert {decision.lesson for decision in plan} == {item.id for item in LIBRARY.curriculum("regular")}
    assert 49 <= len(plan) <= 52


def test_three_years_ahead_nothing_changes() -> None:
    now = run(PERSON, weeks=8)
    then = run(PERSON, weeks=8, start=date(2029, 11, 19))
    assert [decision.lesson for decision in then] == [decision.lesson for decision in now]


def test_a_clock_that_jumps_back_sends_nothing_twice() -> None:
    record = Record((sent(TUESDAY),))
    assert local(decide(record, at(TUESDAY, 9, 35))).date() == TUESDAY + timedelta(days=7)


LIFE = st.lists(
    st.tuples(
        st.sampled_from(["answer", "wrong", "ignore", "later", "less", "emergency", "topic", "stop", "leave"]),
        st.integers(0, 20),
    ),
    min_size=5,
    max_size=40,
)
ZONES = st.sampled_from(["Europe/London", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Nowhere/Land"])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(life=LIFE, zone=ZONES, high_risk=st.booleans(), key=st.integers(0, 10_000), start=st.integers(0, 1500))
def test_no_life_breaks_a_rule(life: list[tuple[str, int]], zone: str, high_risk: bool, key: int, start: int) -> None:
    learner = replace(PERSON, key=f"p_{key}", timezone=zone, high_risk=high_risk)
    holidays, scheduler = PublicHolidays(), Fsrs()
    learner = replace(learner, region="de")
    planner = Planner(LIBRARY, FULL, holidays)
    now, record, plan = at(TUESDAY + timedelta(days=start), 3), Record(), list[Decision]()
    for step, (what, wait) in enumerate(life):
        decision = planner.decide(learner, record, now)
        if decision.when is None:
            break
        check(decision, record, learner, holidays, now)
        plan.append(decision)
        now = decision.when + 60 + wait * 3600
        record, learner = live(what, step, decision, record, learner, scheduler, now)
    days = [date.fromisoformat(decision.due) for decision in plan]
    assert len(days) == len(set(days))


def live(
    what: str, step: int, decision: Decision, record: Record, learner: Learner, scheduler: Fsrs, now: float
) -> tuple[Record, Learner]:
    """The record after a message and what the person did about it."""
    assert decision.when is not None
    today = datetime.fromtimestamp(now, UTC).date()
    message = Sent(decision.lesson, decision.kind, decision.when)
    spent = tuple(item for item in record.enrolments if item.lesson != decision.lesson)
    record = replace(record, enrolments=spent)
    match what:
        case "answer" | "wrong":
            message = replace(message, state="answered", reacted=True)
            old = record.memories.get(decision.lesson)
            memory = review(scheduler, learner.key, decision.lesson, 1, old, right=what == "answer", at=now)
            record = replace(record, memories={**record.memories, decision.lesson: memory})
        case "later":
            message = replace(message, state="later", reacted=True, until=today + timedelta(days=1 + step % 7))
        case "less":
            message = replace(message, reacted=True)
            record = replace(record, rate=max(record.rate / 2, 1 / 8))
        case "emergency":
            record = replace(record, hold_until=now + 2 * DAY)
        case "topic":
            enrolment = Enrolment(f"e{step}", f"regular-{step % 6 + 1}", "qr", "topic")
            record = replace(record, enrolments=(*record.enrolments, enrolment))
        case "leave":
            learner = replace(learner, leave=((today, today + timedelta(days=10)),))
        case "stop":
            record = replace(record, stopped=step > 20)
    return replace(record, sent=(*record.sent, message)), learner


def check(decision: Decision, record: Record, learner: Learner, holidays: PublicHolidays, now: float) -> None:
    """The rules of the behaviour guide, written out once more."""
    when, day = local(decision), local(decision).date()
    zone = ZoneInfo(decision.timezone)
    dates = [datetime.fromtimestamp(message.at, zone).date() for message in record.sent]
    kinds = [message.kind for message in record.sent]
    assert decision.when is not None
    assert decision.when >= max(now, record.hold_until)
    assert not record.stopped
    assert when.weekday() < 5
    assert not holidays(learner.region, day)
    assert not any(first <= day <= last for first, last in learner.leave)
    opens = time(10, 30) if when.weekday() == 0 else time(9, 30)
    closes = time(15) if when.weekday() == 4 else time(16, 30)
    assert opens <= when.time() < closes
    week = [d for d in dates if 0 <= (day - d).days < 7]
    if decision.kind == "triggered":
        last = [d for d, kind in zip(dates, kinds, strict=True) if kind == "triggered" and 0 <= (day - d).days < 7]
        assert len(last) < 2
    if decision.kind == "scheduled":
        assert len(week) < (2 if learner.high_risk else 1)
        month = [d for d, kind in zip(dates, kinds, strict=True) if kind == "scheduled" and (day - d).days < 28]
        assert len(month) < (6 if learner.high_risk else 4)
        silent = record.unanswered
        if dates and silent >= 3:
            assert (day - dates[-1]).days >= (30 if silent >= 6 else 14)
        if dates and record.rate < 1:
            assert (day - dates[-1]).days >= 28 / (6 if learner.high_risk else 4) / record.rate

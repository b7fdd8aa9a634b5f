"""The store of nudges, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from adapters.stores.learning import SqlLearningStore
from adapters.stores.retention import SqlRetentionStore
from adapters.vault import KeyVault
from bot.learning.memory import DAY, Memory
from bot.learning.pseudonym import Codes
from bot.learning.record import Answer, Enrolment, Sent
from bot.ports import Db

NOW = 1_795_514_400.0  # Tuesday 24 November 2026, 10:00 UTC
CODES = Codes(KeyVault({1: b"k" * 32}).digest)


@pytest.fixture
def nudges(db: Db) -> SqlLearningStore:
    return SqlLearningStore(db, CODES)


def row(name: str = "n1", **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "person": "p_1", "due": "2026-11-24", "lesson": "odd-prompt", "version": 1, "language": "en",
        "kind": "scheduled", "reason": "core", "rules": "", "facts": "{}", "at": NOW, "must": 0, **changes,
    }  # fmt: skip


def add(db: Db, nudges: SqlLearningStore, *rows: dict[str, Any]) -> list[bool]:
    with db.tx() as tx:
        return [nudges.add_nudge(tx, item) for item in rows]


def memory(**changes: Any) -> Memory:
    values = {
        "lesson": "odd-prompt", "version": 1, "due": NOW + 4 * DAY, "state": "{}", "reviews": 1, "rights": 1,
        "first_at": NOW, "reviewed_at": NOW, **changes,
    }  # fmt: skip
    return Memory(**values)


def test_a_person_has_one_message_a_day(db: Db, nudges: SqlLearningStore) -> None:
    tried = add(
        db, nudges, row(), row(), row("n2", lesson="other"), row("n3", due="2026-11-25"), row("n4", person="p_2")
    )
    assert tried == [True, False, False, True, True]


def test_two_runs_at_once_send_once(db: Db, nudges: SqlLearningStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _n: add(db, nudges, row())[0], range(8)))
    assert sorted(done) == [False] * 7 + [True]


def test_nothing_goes_to_somebody_held_or_stopped(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        nudges.hold(tx, "p_1", NOW + 60)
        nudges.stop(tx, "p_2", True, NOW)
    stopped, must = row("n2", person="p_2"), row("n3", person="p_2", must=1)
    assert add(db, nudges, row(), stopped, must, row("n4", due="2026-11-25", at=NOW + 61)) == [False, False, True, True]


def test_a_hold_is_never_shortened(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        nudges.hold(tx, "p_1", NOW + 100)
        nudges.hold(tx, "p_1", NOW + 50)
    assert nudges.records(["p_1"], 0)["p_1"].hold_until == NOW + 100


def test_the_record_comes_back_whole(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row("n2", due="2026-11-25", at=NOW + DAY, kind="triggered"), row())
    enrolment = {
        "id": "e1",
        "person": "p_1",
        "lesson": "qr",
        "topic": "codes",
        "reason": "topic",
        "not_before": NOW,
        "not_after": NOW + DAY,
    }
    with db.tx() as tx:
        nudges.postpone(tx, "n2", "2026-12-01", NOW + DAY)
        nudges.put_memory(tx, "p_1", memory(), 0)
        nudges.lessen(tx, "n1", NOW)
        nudges.enrol(tx, {**enrolment, "at": NOW})
        nudges.enrol(tx, {**enrolment, "at": NOW})
    found = nudges.records(["p_1", "p_9"], 0)
    record = found["p_1"]
    assert list(found) == ["p_1"]
    assert record.sent == (
        Sent("odd-prompt", "scheduled", NOW, "sent", True),
        Sent("odd-prompt", "triggered", NOW + DAY, "later", True, date(2026, 12, 1)),
    )
    assert record.memories == {"odd-prompt": memory()}
    assert (record.rate, record.stopped, record.hold_until) == (0.5, False, 0.0)
    assert record.enrolments == (Enrolment("e1", "qr", "codes", "topic", NOW, NOW + DAY),)
    assert len(nudges.records(["p_1"], NOW + 1)["p_1"].sent) == 1


def test_many_people_are_read_in_chunks(db: Db, nudges: SqlLearningStore) -> None:
    people = [f"p_{n}" for n in range(900)]
    add(db, nudges, *(row(f"n{n}", person=person) for n, person in enumerate(people)))
    assert sorted(nudges.records(people, 0)) == sorted(people)
    assert nudges.records([], 0) == {}


def test_the_first_answer_counts(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())
    with db.tx() as tx:
        assert nudges.answer(tx, "n1", NOW) is True
        assert nudges.answer(tx, "n1", NOW + 1) is False
        assert nudges.postpone(tx, "n1", "2026-12-01", NOW + 2) is False
    kept = nudges.nudge("n1") or {}
    assert [kept["state"], kept["choice"], kept["correct"], kept["answered_at"]] == ["answered", "", -1, 0]
    assert nudges.nudge("n9") is None


def test_answers_at_once_count_once(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())

    def press(_n: int) -> bool:
        with db.tx() as tx:
            return nudges.answer(tx, "n1", NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, range(8))) == 1


def test_an_answer_closes_older_messages_with_the_same_lesson(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row(), row("n2", due="2026-11-25"), row("n3", due="2026-11-26", lesson="other"))
    with db.tx() as tx:
        nudges.answer(tx, "n2", NOW)
        nudges.close_others(tx, "n2")
    states = [(nudges.nudge(name) or {})["state"] for name in ("n1", "n2", "n3")]
    assert states == ["closed", "answered", "sent"]


def test_a_memory_is_only_replaced_by_who_has_seen_it(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        first = nudges.put_memory(tx, "p_1", memory(), 0)
        second = nudges.put_memory(tx, "p_1", memory(reviews=9), 0)
        third = nudges.put_memory(tx, "p_1", memory(reviews=2, state='{"a": 1}'), 1)
        fourth = nudges.put_memory(tx, "p_1", memory(reviews=2), 1)
        assert [first, second, third, fourth] == [True, False, True, False]
        assert nudges.memory(tx, "p_1", "odd-prompt") == memory(reviews=2, state='{"a": 1}')
        assert nudges.memory(tx, "p_2", "odd-prompt") is None
    assert nudges.memories("p_1") == [memory(reviews=2, state='{"a": 1}')]


def test_less_often_counts_once_a_message(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row(), row("n2", due="2026-11-25"))
    with db.tx() as tx:
        pressed = [nudges.lessen(tx, name, NOW) for name in ("n1", "n1", "n2", "n9")]
    assert pressed == [True, False, True, False]
    assert nudges.records(["p_1"], 0)["p_1"].rate == 0.25


def test_stop_and_again(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())
    with db.tx() as tx:
        nudges.lessen(tx, "n1", NOW)
        changed = [nudges.stop(tx, "p_1", stopped, NOW) for stopped in (True, True, False, False)]
    assert changed == [True, False, True, False]
    assert (nudges.records(["p_1"], 0)["p_1"].rate, nudges.records(["p_1"], 0)["p_1"].stopped) == (1.0, False)


def test_questions_are_kept_by_version(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        for version, text in ((1, "first"), (1, "changed"), (2, "second")):
            nudges.keep_question(tx, "odd-prompt", version, text)
    assert [nudges.question("odd-prompt", version) for version in (1, 2, 3)] == ["first", "second", ""]


def test_topics_are_counted_within_their_time(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        asked = [
            nudges.ask(tx, "p_1", "mfa", NOW, NOW - 30 * DAY),
            nudges.ask(tx, "p_1", "mfa", NOW + 31 * DAY, NOW + DAY),
            nudges.ask(tx, "p_1", "qr", NOW + 31 * DAY, NOW + DAY),
            nudges.ask(tx, "p_2", "mfa", NOW + 31 * DAY, NOW + DAY),
            nudges.ask(tx, "p_1", "mfa", NOW + 32 * DAY, NOW + 2 * DAY),
        ]
    assert asked == [1, 1, 1, 1, 2]


def test_a_spent_enrolment_takes_its_topic_along(db: Db, nudges: SqlLearningStore) -> None:
    base = {"lesson": "qr", "topic": "codes", "reason": "topic", "not_before": NOW, "not_after": 0, "at": NOW}
    with db.tx() as tx:
        for name, person, topic in (
            ("e1", "p_1", "codes"),
            ("e2", "p_1", "codes"),
            ("e3", "p_1", "mfa"),
            ("e4", "p_2", "codes"),
        ):
            nudges.enrol(tx, {**base, "id": name, "person": person, "topic": topic})
        assert nudges.enrolled(tx, "p_1", "topic", NOW - 1)
        assert not nudges.enrolled(tx, "p_1", "topic", NOW)
        assert not nudges.enrolled(tx, "p_1", "verdict", NOW - 1)
        nudges.spend(tx, "e1", NOW)
    found = nudges.records(["p_1", "p_2"], 0)
    assert [[item.id for item in found[person].enrolments] for person in ("p_1", "p_2")] == [["e3"], ["e4"]]


def test_switches(db: Db, nudges: SqlLearningStore) -> None:
    with db.tx() as tx:
        for name, value in (("off", "1"), ("paused.qr", "1"), ("off", "")):
            nudges.switch(tx, name, value, NOW)
    assert nudges.switches() == {"paused.qr": "1"}


def test_erasing_leaves_only_recent_days(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row("old", due="2026-10-01", at=NOW - 40 * DAY), row(), row("n2", person="p_2"))
    with db.tx() as tx:
        nudges.put_memory(tx, "p_1", memory(), 0)
        nudges.answer(tx, "n1", NOW)
        nudges.keep_answer(tx, "n1", "p_1", Answer("odd-prompt", 1, "b", True), NOW)
        nudges.stop(tx, "p_1", True, NOW)
        nudges.erase(tx, "p_1", NOW - 28 * DAY, NOW)
    record = nudges.records(["p_1"], 0)["p_1"]
    assert record.sent == (Sent("", "scheduled", NOW, "closed", True),)
    assert (record.memories, record.stopped, nudges.answers("p_1", NOW)) == ({}, True, [])
    assert (nudges.newest("p_1"), (nudges.newest("p_2") or {})["id"]) == (None, "n2")


def test_forgetting_leaves_nothing(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row(), row("n2", person="p_2"))
    with db.tx() as tx:
        nudges.put_memory(tx, "p_1", memory(), 0)
        nudges.stop(tx, "p_1", True, NOW)
        nudges.hold(tx, "p_1", NOW)
        nudges.ask(tx, "p_1", "mfa", NOW, 0)
        nudges.touch(tx, "p_1", NOW)
        nudges.forget(tx, "p_1", NOW)
    for table in (
        "nudge",
        "memory",
        "preference",
        "nudge_hold",
        "nudge_look",
        "enrolment",
        "topic_asked",
        "attendance",
    ):
        assert db.query(f"SELECT 1 AS x FROM {table} WHERE person = 'p_1'") == []
    assert len(nudges.history("p_2")) == 1


def test_what_is_past_its_time_goes(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())
    with db.tx() as tx:
        nudges.put_memory(tx, "p_1", memory(), 0)
        nudges.hold(tx, "p_1", NOW + 1)
        nudges.ask(tx, "p_1", "mfa", NOW, 0)
        base = {
            "id": "e1",
            "person": "p_1",
            "lesson": "qr",
            "topic": "c",
            "reason": "topic",
            "not_before": NOW,
            "not_after": 0,
            "at": NOW,
        }
        nudges.enrol(tx, base)
        assert [0, 1] == [nudges.prune(tx, NOW + days * DAY) for days in (0, 1)]
    found = {
        kind: [SqlRetentionStore(db).count(kind, at) for at in (NOW, NOW + 1)]
        for kind in ("tips", "topics", "enrolments")
    }
    assert {"tips": [0, 2], "topics": [0, 1], "enrolments": [0, 1]} == found


def test_answers_and_memories_lie_under_codes_that_only_the_key_makes(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())
    with db.tx() as tx:
        nudges.put_memory(tx, "p_1", memory(), 0)
        for at in (NOW, NOW, NOW + 200 * DAY):
            item = "n1" if at == NOW else "n2"
            nudges.keep_answer(tx, item, "p_1", Answer("odd-prompt", 1, "b", True, 31, "regular"), at)
    kept = {"lesson": "odd-prompt", "version": 1, "choice": "b", "correct": 1, "age_days": 31, "track": "regular"}
    later = NOW + 201 * DAY
    assert nudges.answers("p_1", later) == [{**kept, "month": "2027-06"}, {**kept, "month": "2026-11"}]
    assert nudges.kept_answer("n1") == "b"
    stored = [str(item) for table in ("memory", "lesson_answer") for item in db.query(f"SELECT * FROM {table}")]
    assert [
        text for text in stored if "p_1" in text or "'n1'" in text or str(NOW) in text.partition("first_at")[0]
    ] == []
    codes = {item["who"] for item in db.query("SELECT who FROM lesson_answer")}
    assert len(codes) == 2  # a year has a code of its own
    other = SqlLearningStore(db, Codes(KeyVault({1: b"x" * 32}).digest))
    assert (other.answers("p_1", later), other.memories("p_1")) == ([], [])


def test_what_was_kept_under_the_pseudonym_is_put_under_codes(db: Db, nudges: SqlLearningStore) -> None:
    add(db, nudges, row())
    with db.tx() as tx:
        tx.execute("UPDATE nudge SET choice = 'b', correct = 1, answered_at = :at, state = 'answered'", at=NOW)
        nudges.put_memory(tx, "p_1", memory(), 0)
        tx.execute("UPDATE memory SET person = 'p_1'")
    assert (nudges.recode(NOW), nudges.recode(NOW)) == (2, 0)
    assert nudges.memories("p_1") == [memory()]
    assert [(item["choice"], item["month"]) for item in nudges.answers("p_1", NOW)] == [("b", "2026-11")]
    assert db.query("SELECT choice, correct, answered_at FROM nudge") == [
        {"choice": "", "correct": -1, "answered_at": 0}
    ]


def test_what_waits_for_a_far_day_is_kept_until_it_is_over(db: Db, nudges: SqlLearningStore) -> None:
    """A journey in half a year is taken in today; its lesson comes two weeks before."""
    far = NOW + 180 * DAY
    base = {"id": "e1", "person": "p_1", "lesson": "qr", "topic": "c", "reason": "travel", "not_after": 0, "at": NOW}
    with db.tx() as tx:
        nudges.enrol(tx, {**base, "not_before": far})
    found = [SqlRetentionStore(db).count("enrolments", NOW + days * DAY) for days in (1, 179, 181)]
    assert [0, 0, 1] == found

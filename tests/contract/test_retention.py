"""What is old goes in small batches and is counted in the audit log; what is on hold stays; a broken file is not followed."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from adapters.stores.retention import RULES, SqlRetentionStore
from bot import retention
from bot.content import Faults, packaged_shelf
from bot.errors import Conflict, ContentError, NotFound, Refused
from bot.ports import Db
from bot.retention import DAY, Night, load_retention
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, JONAS, NONSENSE, House

contents, home, house = fakes.contents, fakes.home, fakes.house


def run(house: House) -> dict[str, int]:
    return house.app.retention.run(house.app.work, house.clock.now())


def days(kind: str) -> int:
    return load_retention(packaged_shelf(), Faults())[kind].days


def later(house: House, days_: float) -> None:
    house.clock.forward(days_ * DAY)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_rule_is_sql_that_both_databases_take(db: Db, kind: str) -> None:
    store = SqlRetentionStore(db)
    assert (0, []) == (store.count(kind, 1e10), store.old(kind, 1e10, 10))
    with db.tx() as tx:  # one row that is not there, for each rule
        marks = [{"rule": n, "key": dict.fromkeys(rule.key, "1")} for n, rule in enumerate(RULES[kind])]
        assert 0 == store.clear(tx, kind, 1e10, marks)


def test_nothing_goes_before_its_time_and_everything_after(house: House) -> None:
    house.say(DANA, "my colleague cannot sign in")
    house.say(DANA, NONSENSE)
    house.settle()
    assert {} == run(house)
    later(house, days("questions") - 1)
    gone = run(house)
    assert {"dialogues", "events", "jobs"} >= set(gone)
    assert house.count("question") > 0
    assert house.count("utterance") > 0
    later(house, 2)
    gone = run(house)
    assert {"questions", "conversations"} <= set(gone)
    assert (0, 0) == (house.count("question"), house.count("utterance"))
    rows = house.rows("SELECT subject, detail FROM audit WHERE action = 'retention.delete' ORDER BY seq")
    told = {row["subject"]: json.loads(row["detail"]) for row in rows}
    assert str(gone["questions"]) == told["questions"]["n"]
    assert house.whole()


def ticket(house: House, who: str) -> str:
    reply = house.press(who, "tickets.person", f"Please ring me about {NONSENSE}")
    house.settle()
    number = next(t.number for t in house.tickets() if t.requester == house.key(who) and t.number in str(reply.card))
    house.act("claim", number)
    house.act("note", number, INES, "Rang them, all is well.")
    house.act("resolve", number)
    house.settle()
    return number


def test_a_resolved_ticket_keeps_number_times_and_states_and_no_words(house: House) -> None:
    number = ticket(house, DANA)
    before = [(t.number, t.severity, t.state, t.created_at, t.requester) for t in house.tickets()]
    later(house, days("tickets") + 1)
    assert 1 == run(house)["tickets"]
    assert before == [(t.number, t.severity, t.state, t.created_at, t.requester) for t in house.tickets()]
    texts = [text for kind, text in house.timeline(number) if kind not in ("severity", "verdict")]
    assert (4 <= len(texts), set(texts)) == (True, {""})
    assert NONSENSE not in house.everything()
    assert "tickets" not in run(house)  # once is enough


def test_an_open_ticket_is_never_old(house: House) -> None:
    house.press(DANA, "tickets.person", f"Please ring me about {NONSENSE}")
    house.settle()
    later(house, days("tickets") * 2)
    assert "tickets" not in run(house)
    assert any(NONSENSE in text for _, text in house.timeline(house.ticket().number))


def test_what_is_on_legal_hold_stays_until_it_is_released(house: House) -> None:
    held, free = ticket(house, DANA), ticket(house, JONAS)
    app = house.app
    app.work(lambda work: app.retention.hold(work, held, "claim of the insurer", "p_admin"))
    later(house, days("tickets") + 1)
    run(house)
    assert any(NONSENSE in text for _, text in house.timeline(held))
    assert {""} == {text for kind, text in house.timeline(free) if kind not in ("severity", "verdict")}
    talk = house.rows("SELECT ticket FROM utterance WHERE ticket IN (:a, :b)", a=held, b=free)
    assert {held} == {row["ticket"] for row in talk}
    app.work(lambda work: app.retention.release(work, held, "settled", "p_admin"))
    run(house)
    assert {""} == {text for kind, text in house.timeline(held) if kind not in ("severity", "verdict")}
    assert ["privacy.hold", "privacy.release"] == [one for one in house.audited() if one.startswith("privacy.")]
    (row,) = app.retention.holds(open_only=False)
    assert (held, "claim of the insurer", house.clock.now()) == (row["subject"], row["why"], row["released_at"])
    assert "settled" == row["released_why"]


def test_the_content_of_a_mail_on_hold_stays_too(house: House) -> None:
    house.send(DANA)
    house.settle()
    number = house.rows("SELECT ticket FROM mail")[0]["ticket"]
    house.app.work(lambda work: house.app.retention.hold(work, number, "evidence", "p_admin"))
    later(house, 400)
    assert 0 == house.app.work(house.app.prune_mail)
    house.app.work(lambda work: house.app.retention.release(work, number, "settled", "p_admin"))
    assert 1 == house.app.work(house.app.prune_mail)


def test_a_hold_that_comes_between_the_search_and_the_deletion_is_kept_to(house: House) -> None:
    number = ticket(house, DANA)
    later(house, days("tickets") + 1)
    store, before = SqlRetentionStore(house.db), house.clock.now() - days("tickets") * DAY
    marks = store.old("tickets", before, 10)
    assert 1 == len(marks)
    house.app.work(lambda work: house.app.retention.hold(work, number, "just now", "p_admin"))
    with house.db.tx() as tx:
        assert 0 == store.clear(tx, "tickets", before, marks)


def test_holds_are_for_what_there_is_and_need_a_reason(house: House) -> None:
    number = ticket(house, DANA)
    app = house.app
    with pytest.raises(NotFound):
        app.work(lambda work: app.retention.hold(work, "SEC-999999", "why", "p"))
    with pytest.raises(Refused, match="reason"):
        app.work(lambda work: app.retention.hold(work, number, "  ", "p"))
    app.work(lambda work: app.retention.hold(work, number, "why", "p"))
    with pytest.raises(Conflict, match="already"):
        app.work(lambda work: app.retention.hold(work, number, "why", "p"))
    with pytest.raises(Refused, match="reason"):
        app.work(lambda work: app.retention.release(work, number, " ", "p"))
    app.work(lambda work: app.retention.release(work, number, "settled", "p"))
    with pytest.raises(NotFound):
        app.work(lambda work: app.retention.release(work, number, "settled", "p"))


def test_it_goes_in_small_batches_each_with_its_line_in_the_audit_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(retention, "A_LOOK", 4)
    for person in list(house.app.directory.people())[:10]:
        house.say(person.id, NONSENSE)
    asked = house.count("question")
    later(house, days("questions") + 1)
    assert asked == run(house)["questions"]
    rows = house.rows("SELECT detail FROM audit WHERE action = 'retention.delete' AND subject = 'questions'")
    sizes = [int(json.loads(row["detail"])["n"]) for row in rows]
    assert (asked, True) == (sum(sizes), max(sizes) <= 3 < len(sizes) * 3)


def test_the_plan_counts_and_changes_nothing_and_the_last_night_is_remembered(house: House) -> None:
    house.say(DANA, NONSENSE)
    later(house, days("questions") + 1)
    before = house.counts()
    due = {item.name: item.due for item in house.app.retention.plan(house.clock.now()) if item.due}
    assert before == house.counts()
    gone = run(house)
    assert due == gone
    assert Night(house.clock.now(), gone) == house.app.retention.last()


def night(house: House) -> None:
    house.app.handlers()["privacy.retention"]({})


def test_the_nightly_job_is_scheduled_and_does_it(house: House) -> None:
    night(house)
    house.say(DANA, NONSENSE)
    for _ in range(days("questions") // 3):  # a night that was missed or two do no harm
        later(house, 3)
        night(house)
        assert 1 == house.count("question")
    later(house, 3)
    night(house)
    assert 0 == house.count("question")


def test_a_clock_that_is_years_ahead_deletes_nothing_the_first_night(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    night(house)
    house.say(DANA, NONSENSE)
    later(house, 1_000)
    night(house)
    assert (1, Night(house.clock.now(), {}, waited=True)) == (house.count("question"), house.app.retention.last())
    assert "nothing is deleted tonight" in caplog.text
    later(house, -1_000)  # somebody has set it right
    for _ in range(3):
        later(house, 1)
        night(house)
        assert 1 == house.count("question")
    later(house, 1_000)  # and here time has really gone by
    for expected in (1, 0):
        night(house)
        assert expected == house.count("question")
        later(house, 1)


def test_a_clock_that_stays_ahead_deletes_nothing_until_a_platform_has_said_that_it_is_right(house: House) -> None:
    night(house)
    house.say(DANA, NONSENSE, told=house.clock.now())
    asked = house.count("question")
    later(house, 1_000)
    for _ in range(40):  # the events themselves would have had their time by then
        night(house)
        later(house, 1)
    assert (asked, 1.0) == (house.count("question"), float(house.count("event")))
    last = house.app.retention.last()
    assert last is not None
    assert last.waited
    house.say(DANA, "hello", told=house.clock.now() + 1e9)  # a time that is none: no later than our own
    assert house.clock.now() == house.rows("SELECT MAX(told_at) AS at FROM event")[0]["at"]
    night(house)
    assert 0 == house.count("question")


def own(folder: Path, change: tuple[str, str]) -> Faults:
    text = (files("knowledge") / retention.FILE).read_text("utf-8")
    assert change[0] in text
    (folder / "privacy").mkdir()
    (folder / retention.FILE).write_text(text.replace(*change, 1), "utf-8")
    faults = Faults()
    load_retention(packaged_shelf(folder), faults)
    return faults


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("days: 365\n    least: 30", "days: 5\n    least: 30"), "5 days are too few"),
        (("days: 365\n    least: 30", "days: 5\n    least: 1"), "what is needed is not a choice"),
        (("  topics:", "  subjects:"), '"topics" is missing'),
        (("own: true", "days: 30"), "whether it ends by itself is not a choice"),
        (("days: 365", "days: soon"), "kinds.conversations.days"),
    ],
)
def test_a_file_of_ones_own_may_be_longer_or_shorter_but_not_wrong(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert said in str([str(fault) for fault in own(tmp_path, change).found])


def test_longer_is_taken(tmp_path: Path) -> None:
    assert [] == own(tmp_path, ("days: 365", "days: 730")).found
    assert 730 == load_retention(packaged_shelf(tmp_path), Faults())["conversations"].days


def test_the_content_of_mails_is_not_pruned_by_a_clock_that_is_years_ahead(house: House) -> None:
    night(house)
    house.send(DANA)
    house.settle()
    prune = house.app.handlers()["reporting.prune"]
    later(house, 1_000)
    prune({})
    assert [True] == [len(row["body"]) > 0 for row in house.rows("SELECT body FROM mail")]
    night(house)
    prune({})
    assert [False] == [len(row["body"]) > 0 for row in house.rows("SELECT body FROM mail")]


def test_with_a_broken_file_nothing_goes_until_it_is_mended(house: House, caplog: pytest.LogCaptureFixture) -> None:
    night(house)
    house.say(DANA, NONSENSE)
    folder = house.folder / "knowledge" / "privacy"
    folder.mkdir(parents=True)
    (folder / "retention.yaml").write_text("schema: retention/1\nkinds: {}\n", "utf-8")
    for _ in range(days("questions") + 2):
        later(house, 1)
        night(house)
    assert 1 == house.count("question")
    assert "privacy/retention.yaml" in caplog.text
    with pytest.raises(ContentError):
        house.app.retention.kinds()

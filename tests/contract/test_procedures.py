"""Runs of procedures on both databases: one step at a time, who may, what is written down, and what nobody can change after."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.app.contents import Contents
from bot.cards import as_text
from bot.errors import Conflict, NotFound, Refused
from bot.model import Action, File, Message, Person, Place
from bot.ports import Db, Tx
from bot.procedures.evidence import MOST_BYTES, Evidence
from bot.procedures.state import Run
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, NOW, SAM, TROUBLE, House, labels
from tests.fakes.procedures import DAILY, TAKEOVER, with_procedures

contents, home = fakes.contents, fakes.home


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, with_procedures(contents, home / "own", takeover=TAKEOVER, daily=DAILY))
    for who in (SAM, INES):
        made.say(who, "hello")  # they are on chat
    yield made
    made.close()


def text(words: str) -> Evidence:
    return Evidence("text", words)


class Walk:
    """A run, step by step, as the service takes it."""

    def __init__(self, house: House, procedure: str = "takeover", who: str = SAM, **more: str) -> None:
        self.house, self.runs = house, house.app.procedures.runs
        by = house.analyst(who)
        self.run: Run = house.app.work(lambda work: self.runs.start(work, procedure, by, **more))

    def do(self, verb: str, *rest: object, who: str = SAM, step: str = "", visit: int = 0) -> Run:
        """One action at the present step (or at one that is named)."""
        self.house.clock.forward(60)
        person, now = self.person(who), self.now
        at = (now.id, step or now.step, visit or now.step_seq)
        self.run = self.house.app.work(lambda work: getattr(self.runs, verb)(work, *at, person, *rest))
        return self.run

    def change(self, verb: str, *rest: object, who: str = SAM) -> Run:
        """An action of the run as a whole."""
        self.house.clock.forward(60)
        person = self.person(who)
        self.run = self.house.app.work(lambda work: getattr(self.runs, verb)(work, self.run.id, person, *rest))
        return self.run

    def person(self, who: str) -> Person:
        return self.house.analyst(who)

    @property
    def now(self) -> Run:
        return self.runs.get(self.run.id)

    def chain(self) -> list[tuple[str, str, str]]:
        return [(record.action, record.step_id, record.detail) for record in self.runs.records(self.now)]


def test_a_run_from_the_start_to_the_end_is_written_down_row_by_row(house: House) -> None:
    walk = Walk(house)
    assert (walk.run.id, walk.run.state, walk.run.step, walk.run.holder) == (
        "RUN-1",
        "running",
        "revoke",
        house.key(SAM),
    )
    walk.do("done", text("Revoked at 14:07."))
    walk.do("answer", "no")
    ended = walk.do("done", None)
    assert (ended.state, ended.step, ended.holder) == ("done", "", "")
    assert walk.chain() == [
        ("start", "revoke", "hand"), ("done", "revoke", ""), ("answer", "was-admin", "no"), ("done", "tell", ""),
        ("finish", "", ""),
    ]  # fmt: skip
    assert walk.runs.fault(walk.now) == ""
    records = walk.runs.records(walk.now)
    assert {(row.actor, row.actor_role, row.procedure, row.version) for row in records} == {
        (house.key(SAM), "it_helpdesk", "takeover", 3)
    }
    assert [row for row in house.audited() if row.startswith("procedure.")] == [
        "procedure.start", "procedure.done", "procedure.answer", "procedure.done", "procedure.finish",
    ]  # fmt: skip
    assert house.whole()


def test_the_audit_log_holds_the_hash_of_every_row(house: House) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    rows = house.rows("SELECT detail FROM audit WHERE subject = 'RUN-1' ORDER BY seq")
    assert [row.hash in detail["detail"] for row, detail in zip(walk.runs.records(walk.now), rows, strict=True)] == [
        True,
        True,
    ]


def test_who_answers_yes_needs_a_second_person_and_the_run_goes_to_them(house: House) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    run = walk.do("answer", "yes")
    assert (run.step, run.holder) == ("second", house.key(INES))
    house.settle()
    assert "This step is yours." in house.told(INES)
    with pytest.raises(Refused, match="second person"):
        walk.do("done", None)
    assert walk.do("done", None, who=INES).step == "tell"


def test_of_two_people_who_do_one_step_at_once_one_wins_and_the_other_hears_who(house: House) -> None:
    walk = Walk(house)
    step, visit = walk.run.step, walk.run.step_seq
    walk.do("done", text("Mine."), who=INES, step=step, visit=visit)
    with pytest.raises(Conflict, match="Ines Brandt did this step 1 min ago"):
        walk.do("done", text("Mine too."), step=step, visit=visit)
    assert [row for row in walk.chain() if row[0] == "done"] == [("done", "revoke", "")]


def test_a_step_taken_out_of_the_file_while_it_runs_changes_nothing(
    house: House, home: Path, contents: Contents
) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    without = TAKEOVER.replace("go: tell", "go: end").replace("version: 3", "version: 4")
    house.app.contents.procedures.current = with_procedures(contents, home / "new", takeover=without).procedures.current
    assert Walk(house).run.version == 4
    assert (walk.now.version, walk.do("answer", "no").step) == (3, "tell")
    assert walk.runs.version_text(walk.now) == TAKEOVER
    house.app.contents.procedures.current = with_procedures(contents, home / "none", daily=DAILY).procedures.current
    assert walk.do("done", None).state == "done"
    with pytest.raises(NotFound):
        Walk(house)


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (None, "What shows that it was done"),
        (text("   "), "What shows that it was done"),
        (text("x" * 4001), "Keep it under 4000 characters"),
        (Evidence("link", "https://logs.example/1"), "Write a few words"),
        (Evidence("file", file=File("a.png", b"x")), "Write a few words"),
    ],
)
def test_evidence_that_will_not_do_is_refused_and_nothing_moves(
    house: House, evidence: Evidence | None, says: str
) -> None:
    walk = Walk(house)
    with pytest.raises(Refused, match=says):
        walk.do("done", evidence)
    assert (walk.now.step, len(walk.chain())) == ("revoke", 1)


@pytest.mark.parametrize(
    ("file", "says"),
    [(File("a.bin", b"x" * (MOST_BYTES + 1)), "larger than 10 MB"), (File("a.txt", b""), "empty")],
    ids=["too large", "empty"],
)
def test_a_file_too_large_or_empty_is_refused(house: House, file: File, says: str) -> None:
    walk = Walk(house, "daily")
    with pytest.raises(Refused, match=says):
        walk.do("done", Evidence("file", file=file))
    assert house.count("procedure_file") == 0


def test_a_file_is_sealed_under_a_plain_name_and_its_hash_is_everybodys(house: House) -> None:
    walk, data = Walk(house, "daily"), b"<script>alert(1)</script>"
    walk.do("done", Evidence("file", file=File("../../<script>x</script>.html", data, "text/html")))
    (row,) = house.rows("SELECT * FROM procedure_file")
    assert (row["name"], bytes(row["body"]).find(b"script")) == ("script>.html", -1)
    assert walk.runs.opened(row["id"]) == ("script>.html", data)
    done = next(record for record in walk.runs.records(walk.now) if record.action == "done")
    assert (done.evidence, done.evidence_sha256) == ("file", hashlib.sha256(data).hexdigest())


def test_a_required_step_is_skipped_with_a_reason_that_its_owner_hears(house: House) -> None:
    walk = Walk(house)
    with pytest.raises(Refused, match="Write why"):
        walk.do("skip", " ")
    walk.do("skip", "Done by the partner an hour ago.")
    assert walk.chain()[-1] == ("skip", "revoke", "required")
    house.settle()
    assert "Sam Ortiz skipped step 1 of 5, which is required" in house.told(SAM)
    assert walk.runs.written(walk.now)[2, "note"].text == "Done by the partner an hour ago."


def test_a_question_is_answered_and_never_skipped_or_done(house: House) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    for verb, rest in (("skip", "no"), ("done", None)):
        with pytest.raises(Refused, match="is a question"):
            walk.do(verb, rest)
    with pytest.raises(NotFound):
        walk.do("answer", "maybe")


def test_what_cannot_be_done_leads_on_or_ends_the_run_or_waits_for_the_owner(house: House) -> None:
    walk = Walk(house)
    assert walk.do("cannot", "No access.").step == "partner"
    stopped = walk.do("cannot", "Nobody picks up.")
    assert (stopped.state, stopped.step) == ("stopped", "")
    assert walk.chain()[-1] == ("cannot", "partner", "stop")
    waits = Walk(house, "daily")
    assert waits.do("cannot", "The console is down.").step == "look"
    assert waits.chain()[-1] == ("cannot", "look", "escalate")
    house.settle()
    assert "RUN-2 waits for you" in house.told(INES)  # she keeps mail security


def test_nobody_does_the_step_of_others_and_outsiders_start_nothing(house: House) -> None:
    with pytest.raises(Refused, match="started by the help desk"):
        Walk(house, who=DANA)
    walk = Walk(house)
    for verb, rest in (("done", text("I did.")), ("skip", "why"), ("cannot", "why"), ("answer", "no")):
        with pytest.raises(NotFound):
            walk.do(verb, rest, who=CLARA)
    for verb, what in (("hand_over", [None]), ("follow", []), ("unfollow", []), ("note", ["x"]), ("abort", ["x"])):
        with pytest.raises(NotFound):
            walk.change(verb, *what, who=CLARA)
    assert len(walk.chain()) == 1


def test_handing_over_gives_the_card_and_only_to_who_may_do_the_step(house: House) -> None:
    walk = Walk(house)
    run = walk.change("hand_over", house.analyst(INES), "End of my shift.")
    assert run.holder == house.key(INES)
    house.settle()
    assert "Sam Ortiz has handed this over to you." in house.told(INES)
    with pytest.raises(Refused, match="Clara Moreau cannot do this step"):
        walk.change("hand_over", house.analyst(CLARA))
    assert walk.change("hand_over", None).holder == house.key(INES)  # the desk calls whoever else can


def test_who_follows_sees_each_step(house: House) -> None:
    walk = Walk(house)
    walk.change("follow", who=INES)
    walk.do("done", text("Revoked."))
    house.settle()
    assert "Sam Ortiz did step 1 of 5: Revoke the sessions. Step 2 of 5" in house.told(INES)
    walk.change("unfollow", who=INES)
    before = len(house.posts(INES))
    walk.do("answer", "no")
    house.settle()
    assert before == len(house.posts(INES))


def test_an_aborted_run_takes_nothing_more(house: House) -> None:
    walk = Walk(house)
    with pytest.raises(Refused, match="Write why"):
        walk.change("abort", "")
    assert walk.change("abort", "False alarm.").state == "aborted"
    with pytest.raises(Conflict, match="RUN-1 is over"):
        walk.do("done", text("Late."), step="revoke", visit=1)
    assert walk.runs.fault(walk.now) == ""


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE procedure_record SET detail = 'yes' WHERE seq = 3", "row 3 was edited"),
        ("UPDATE procedure_record SET at = at + 60 WHERE seq = 2", "row 2 was edited"),
        ("DELETE FROM procedure_record WHERE seq = 2", "row 2 is missing, the next one there is 3"),
        ("DELETE FROM procedure_record WHERE seq = 4", "the chain ends at row 3 and should end at row 4"),
    ],
)
def test_a_changed_or_missing_row_shows(house: House, sql: str, says: str) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    walk.do("answer", "no")
    walk.change("note", "Rang back.")
    assert walk.runs.fault(walk.now) == ""
    with house.db.tx() as tx:
        tx.execute(sql)
    assert walk.runs.fault(walk.now) == says


def test_a_run_of_a_ticket_is_on_its_timeline_and_is_started_once(house: House) -> None:
    house.say(DANA, "blorf snarg wug")
    number = house.ticket().number
    walk = Walk(house, ticket=number, how="ticket", once=f"ticket:{number}:takeover")
    assert Walk(house, who=INES, ticket=number, how="ticket", once=f"ticket:{number}:takeover").run.id == walk.run.id
    walk.do("done", text("Revoked."))
    lines = [said for kind, said in house.timeline(number) if kind == "procedure"]
    assert lines == ["RUN-1: “Account taken over” begins.", "RUN-1: Sam Ortiz did step 1 of 5: Revoke the sessions."]


def test_a_version_is_read_from_the_store_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(house)
    pinned = walk.runs.pinned(walk.now)
    monkeypatch.setattr(
        "adapters.stores.procedures.SqlProcedureStore.version", lambda *_given: pytest.fail("read again")
    )
    assert walk.runs.pinned(walk.now) is pinned


def test_forgetting_somebody_takes_what_they_wrote_and_what_names_them_and_the_chain_stays_whole(house: House) -> None:
    walk = Walk(house)
    walk.change("follow", who=INES)
    walk.do("done", text("Closed the sessions of Dana Reyes."))
    walk.change("note", "Ines said so.", who=INES)
    house.say(DANA, "hello")
    house.app.forget(DANA)
    assert [w.text for w in walk.runs.written(walk.now).values()] == ["Ines said so."]
    house.app.forget(INES)
    assert (walk.runs.written(walk.now), walk.runs.followers(walk.now)) == ({}, [])
    assert (walk.runs.fault(walk.now), house.whole()) == ("", True)
    assert walk.do("answer", "no").step == "tell"


def test_the_card_of_a_step_says_where_it_stands(house: House) -> None:
    walk = Walk(house)
    house.clock.forward(12 * 60)
    card = walk.runs.card(walk.now, house.analyst(SAM), house.clock.now())
    said = as_text(card)
    assert card.title == "RUN-1 · Account taken over"
    assert "Step 1 of 5 · 12 min · @Sam Ortiz" in said
    assert "Evidence: a few words" in said
    assert labels(card) == ["Done", "Cannot do this", "Skip", "Hand over"]
    assert labels(walk.runs.card(walk.now, house.analyst(CLARA), NOW)) == ["Follow"]


# at the same time, twice, and halfway ------------------------------------------------------------------------------


def test_four_presses_of_two_people_in_the_same_instant_are_one_step(house: House) -> None:
    walk = Walk(house)
    start = threading.Barrier(4)
    value = f"{walk.run.id}:revoke:{walk.run.step_seq}"
    messages = [
        house.message(who, action=Action("procedure.evidence", value, {"text": f"{who} {n}"}))
        for who in (SAM, INES)
        for n in (1, 2)
    ]

    def press(message: Message) -> str:
        start.wait(10)
        return as_text(house.desk.handle(message).card)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(press, messages))
    assert len([one for one in said if "did this step 0 min ago" in one]) == 3
    assert [row[:2] for row in walk.chain()] == [("start", "revoke"), ("done", "revoke")]
    assert (walk.runs.fault(walk.now), house.count("procedure_text"), house.whole()) == ("", 1, True)


def test_a_press_that_comes_twice_is_one_step_and_one_start_is_one_run(house: House) -> None:
    start = house.message(SAM, action=Action("procedure.start", "takeover"))
    first = house.desk.handle(start)
    assert house.desk.handle(start).delivery == first.delivery
    done = house.message(SAM, action=Action("procedure.evidence", "RUN-1:revoke:1", {"text": "Revoked."}))
    once = house.desk.handle(done)
    before = house.counts()
    again = house.desk.handle(done)
    assert (again.repeated, again.card, before) == (True, once.card, house.counts())
    assert (house.count("procedure_run"), house.count("procedure_record")) == (1, 2)


@pytest.mark.parametrize("store", ["add_record", "add_text", "change"])
def test_what_breaks_halfway_leaves_nothing_and_can_be_pressed_again(
    house: House, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk(house)
    before = house.counts()
    real = getattr(house.app.procedures.runs._parts.store, store)

    def dies(tx: Tx, *args: object, **more: object) -> object:
        real(tx, *args, **more)
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(house.app.procedures.runs._parts.store, store, dies)
    with pytest.raises(RuntimeError):
        walk.do("done", text("Revoked."))
    assert before == house.counts()
    monkeypatch.setattr(house.app.procedures.runs._parts.store, store, real)
    assert walk.do("done", text("Revoked.")).step == "was-admin"


def test_a_run_survives_a_restart(house: House, home: Path, contents: Contents) -> None:
    walk = Walk(house)
    walk.do("done", text("Revoked."))
    again = House(home, house.db, with_procedures(contents, home / "other", daily=DAILY), clock=house.clock)
    value = f"RUN-1:was-admin:{walk.now.step_seq}:no"
    card = again.press(SAM, "procedure.answer", value, key="after the restart").card
    assert "Step 4 of 5" in as_text(card)
    again.close()


# in the chat --------------------------------------------------------------------------------------------------------


def test_in_the_chat_a_file_or_a_link_is_evidence_and_script_stays_text(house: House) -> None:
    card = house.press(SAM, "procedure.start", "takeover").card
    card = house.press_label(SAM, card, "Done").card
    assert "Write a few words" in as_text(card)
    card = house.say(SAM, "<script>alert(1)</script> revoked at 14:07").card
    card = house.press_label(SAM, card, "No").card
    asked = house.press_label(SAM, card, "Done").card
    assert labels(asked) == ["Show the step", "Done, without evidence"]
    over = house.send(SAM, b"%PNG", "log.png")
    assert "All done" in as_text(over.card)
    found = house.app.procedures.runs.written(house.app.procedures.runs.get("RUN-1"))
    assert [(one.kind, one.text, one.name) for one in found.values()] == [
        ("text", "<script>alert(1)</script> revoked at 14:07", ""), ("file", "", "log.png"),
    ]  # fmt: skip
    assert house.tickets() == []  # neither the text nor the file was taken for something else


def test_in_the_chat_too_much_is_refused_and_can_be_sent_again(house: House) -> None:
    card = house.press(SAM, "procedure.start", "daily").card
    house.press_label(SAM, card, "Done")
    assert "larger than 10 MB" in as_text(house.send(SAM, b"x" * (MOST_BYTES + 1), "big.zip").card)
    two = house.say(SAM, "", files=(File("a.txt", b"a"), File("b.txt", b"b")))
    assert "One file a step" in as_text(two.card)
    assert "Send one file here" in as_text(house.say(SAM, "it is all in order").card)
    assert "All done" in as_text(house.send(SAM, b"a,b", "queue.csv").card)


def test_in_the_chat_what_is_written_after_somebody_else_was_first_is_not_held_against_the_next_words(
    house: House,
) -> None:
    walk = Walk(house)
    house.press(SAM, "procedure.done", "RUN-1:revoke:1")
    walk.do("done", text("Mine."), who=INES)
    late = house.say(SAM, "Revoked at 14:07.")
    assert "Ines Brandt did this step" in as_text(late.card)
    assert "Step 2 of 5" in as_text(late.card)
    assert house.say(SAM, "hello").card.title != late.card.title
    assert len(walk.chain()) == 2


def test_in_the_chat_whoever_is_in_trouble_is_helped_before_evidence_is_taken(house: House) -> None:
    card = house.press(SAM, "procedure.start", "takeover").card
    house.press_label(SAM, card, "Done")
    assert house.say(SAM, TROUBLE).card.tone == "emergency"


def test_in_the_chat_a_forged_or_old_button_does_nothing(house: House) -> None:
    house.press(SAM, "procedure.start", "takeover")
    for value in ("RUN-1", "RUN-1:revoke:x", "RUN-1:revoke:99", "RUN-9:revoke:1", "::", "RUN-1:nope:1"):
        for verb in (
            "done",
            "bare",
            "evidence",
            "answer",
            "cannot",
            "skip",
            "hand",
            "give",
            "why_skip",
            "show",
            "follow",
            "nonsense",
        ):
            said = as_text(house.press(DANA, f"procedure.{verb}", value, {"text": "x"}).card)
            assert [word for word in ("Account taken over", "Sam", "Ines", "IT and help desk") if word in said] == []
    assert [row["action"] for row in house.rows("SELECT action FROM procedure_record")] == ["start"]


def test_in_a_channel_that_others_read_the_answer_is_private(house: House) -> None:
    public = Place("web", "everybody", "", private=False)
    reply = house.say(SAM, "procedures", place=public, aside=house.place(SAM))
    assert (reply.place, reply.card.title) == (house.place(SAM), "Procedures")

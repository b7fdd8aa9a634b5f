"""Writing answers, on both databases: drafts, the second person, the file on disk, history and undo."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.answering.authoring import Stopped
from bot.answering.changes import stripped
from bot.answering.entries import Entry
from bot.content import Faults, parse, read
from bot.errors import Conflict, NotFound, Refused
from bot.ports import Db
from tests.fakes.authoring import AuthorDesk


@pytest.fixture
def desk(db: Db, tmp_path: Path) -> AuthorDesk:
    return AuthorDesk(tmp_path / "desk", db=db)


def better(desk: AuthorDesk, name: str = "usb", word: str = "Bring it to reception.") -> str:
    """The file with another answer in it."""
    return desk.text(name).replace(f"Tell reception about the {name}.", word)


def sent(desk: AuthorDesk, name: str = "usb", word: str = "Bring it to reception.") -> None:
    desk.do(desk.authoring.send(desk.sam, name, better(desk, name, word), desk.seen(name)))


def entry(desk: AuthorDesk, name: str) -> Entry:
    document = parse(name, desk.text(name).encode(), Faults())
    assert document is not None
    model = read(Entry, document, Faults())
    assert model is not None
    return model


# from a draft to a file


def test_nothing_changes_on_disk_before_a_second_person_has_said_yes(desk: AuthorDesk) -> None:
    desk.do(desk.authoring.save(desk.sam, "usb", "schema: [", desk.seen("usb")))
    draft = desk.authoring.open_change("usb")
    assert draft is not None
    assert ("draft", "schema: [", desk.sam.key) == (draft.state, draft.yaml, draft.author)
    sent(desk)
    waiting = desk.authoring.open_change("usb")
    assert waiting is not None
    assert ("waiting", 2, draft.id) == (waiting.state, waiting.rev, waiting.id)
    assert not desk.own("usb").exists()
    with pytest.raises(Refused, match="second person"):
        desk.authoring.approve(desk.sam, waiting)
    done = desk.do(desk.authoring.approve(desk.ines, waiting))
    assert ("published", desk.ines.key) == (done.state, done.approver)
    found = entry(desk, "usb")
    assert ("Bring it to reception.", 4) == (found.answer["en"].short, found.version)
    assert ("sam-ortiz", "ines-brandt", "2027-01-15", "2027-07-15") == (
        found.author, found.approved_by, str(found.reviewed), str(found.review_due),
    )  # fmt: skip
    assert "Bring it to reception." == desk.library.entries["usb"].answer["en"].short
    assert ["answer.save", "answer.send", "answer.approve"] == desk.audited()


def test_comments_and_everything_else_stay(desk: AuthorDesk) -> None:
    before = desk.text("usb")
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    assert stripped(before).replace("Tell reception about the usb.", "Bring it to reception.") == stripped(
        desk.text("usb")
    )
    assert "    # as people type it" in desk.text("usb").splitlines()


def test_the_second_person_and_the_author_are_told(desk: AuthorDesk) -> None:
    sent(desk, "keys")
    (asked,) = desk.messages(desk.ines)
    assert asked.startswith("Sam Ortiz has changed the answer “About keys”")
    assert "https://desk.example/console/knowledge/keys" in asked
    change = desk.authoring.open_change("keys")
    assert change is not None
    desk.do(desk.authoring.back(desk.ines, change, "Say where reception is. hunter2"))
    assert ["draft", "Say where reception is. [removed]"] == [
        (again := desk.authoring.change(change.id)).state, again.note]  # fmt: skip
    assert "“Say where reception is. [removed]”" in desk.messages(desk.sam)[-1]
    sent(desk, "keys", "Go to reception.")
    change = desk.authoring.open_change("keys")
    assert change is not None
    assert "" == change.note
    desk.do(desk.authoring.approve(desk.ines, change))
    assert "Ines Brandt has approved your change" in desk.messages(desk.sam)[-1]


def test_a_word_is_needed_to_give_it_back(desk: AuthorDesk) -> None:
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    with pytest.raises(Refused, match="what should change"):
        desk.authoring.back(desk.ines, change, "  ")


def test_what_is_thrown_away_is_gone_for_good(desk: AuthorDesk) -> None:
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.drop(desk.sam, change))
    assert desk.authoring.open_change("usb") is None
    with pytest.raises(Conflict):
        desk.do(desk.authoring.approve(desk.ines, change))


def test_a_single_administrator_publishes_alone(db: Db, tmp_path: Path) -> None:
    desk = AuthorDesk(tmp_path / "desk", alone=True, db=db)
    sent(desk)
    assert "Bring it to reception." == desk.library.entries["usb"].answer["en"].short
    assert () == desk.faults
    assert entry(desk, "usb").approved_by is None


# what stands against it


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("group: devices", "group: gardens", 6, 'the group "gardens" is not known'),
        ('"usb two"', '"wifi two"', 14, '"wifi two" is also a question of wifi'),
        ('"usb two"', '"hotel net"', 14, '"hotel net" is a golden question of wifi'),
        ('"usb two"', '"usb one"', 14, '"usb one" stands here twice'),
        ('"thumb drive on the floor"', '"usb one"', 19, "this golden question is also a question or the title"),
        ('"thumb drive on the floor"', '"wifi one"', 19, 'the golden question "wifi one" is a question of wifi'),
        ("id: usb", "id: bus", 3, 'the id "bus" is not the file name "usb"'),
        ("Ring {helpdesk_phone}.", "Ring us!", 23, "there is an exclamation mark"),
        ("severity: S0", "severity: S9", 8, "\"severity\": input should be 'S0', 'S1', 'S2' or 'S3'"),
        ("owner: service-desk", "owner: service-desk\nowner: x", 28, 'the key "owner" stands here twice'),
    ],
)
def test_every_fault_stands_at_its_line(desk: AuthorDesk, old: str, new: str, line: int, what: str) -> None:
    text = desk.text("usb").replace(old, new, 1)
    with pytest.raises(Stopped) as stopped:
        desk.authoring.send(desk.sam, "usb", text, desk.seen("usb"))
    assert (line, what) in [(fault.line, fault.what) for fault in stopped.value.faults]
    assert desk.authoring.open_change("usb") is None


def test_an_edit_that_breaks_its_own_golden_question_is_refused(desk: AuthorDesk) -> None:
    text = better(desk).replace('golden:\n  en: ["thumb', 'golden:\n  en: ["stick in the yard", "thumb')
    desk.trials.takes = {"stick in the yard": "keys"}
    with pytest.raises(Stopped, match='"stick in the yard" does not find this entry: "keys" comes first now'):
        desk.authoring.send(desk.sam, "usb", text, desk.seen("usb"))
    desk.trials.takes = {}
    desk.do(desk.authoring.send(desk.sam, "usb", text, desk.seen("usb")))


def test_an_edit_that_breaks_anothers_is_refused_when_it_is_approved_too(desk: AuthorDesk) -> None:
    text = better(desk).replace('"usb two"', '"network of the house"')
    desk.do(desk.authoring.send(desk.sam, "usb", text, desk.seen("usb")))
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.trials.takes = {"hotel net": "usb"}
    with pytest.raises(Stopped, match='this entry takes the golden question "hotel net" from "wifi"'):
        desk.authoring.approve(desk.ines, change)
    assert not desk.own("usb").exists()


def test_an_entry_without_a_golden_question_is_not_published(desk: AuthorDesk) -> None:
    text = better(desk).replace('golden:\n  en: ["thumb drive on the floor"]\n', "")
    with pytest.raises(Refused, match="at least one golden question"):
        desk.authoring.send(desk.sam, "usb", text, desk.seen("usb"))


def test_new_dates_alone_are_no_change(desk: AuthorDesk) -> None:
    text = desk.text("usb").replace("reviewed: 2026-11-02", "reviewed: 2026-11-03")
    with pytest.raises(Refused, match="Still right"):
        desk.authoring.send(desk.sam, "usb", text, desk.seen("usb"))


def test_a_fault_in_another_file_is_said_first(desk: AuthorDesk) -> None:
    desk.own("wifi").write_text("schema: answer/1\n")
    with pytest.raises(Refused, match=r"Another file has a fault.*wifi\.yaml, line 1"):
        desk.authoring.send(desk.sam, "usb", better(desk), desk.seen("usb"))


# two at once, and the disk


def test_two_authors_meet_instead_of_overwriting_each_other(desk: AuthorDesk) -> None:
    seen = desk.seen("usb")
    desk.do(desk.authoring.save(desk.sam, "usb", better(desk, word="Sam's words."), seen))
    with pytest.raises(Conflict, match="first"):
        desk.do(desk.authoring.save(desk.ines, "usb", better(desk, word="Ines' words."), seen))
    desk.do(desk.authoring.save(desk.ines, "usb", better(desk, word="Both."), desk.seen("usb")))
    change = desk.authoring.open_change("usb")
    assert change is not None
    assert ("Both." in change.yaml, desk.ines.key) == (True, change.author)


def test_two_who_begin_at_once_make_one_draft(desk: AuthorDesk) -> None:
    first, second = (desk.authoring.save(who, "usb", better(desk), desk.seen("usb")) for who in (desk.sam, desk.ines))
    desk.do(first)
    with pytest.raises(Conflict):
        desk.do(second)


def test_a_newer_file_on_disk_is_never_overwritten(desk: AuthorDesk) -> None:
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    by_hand = better(desk, word="By hand.")
    do = desk.authoring.approve(desk.ines, change)
    desk.own("usb").write_text(by_hand)  # after the check, before the file is written
    refused = desk.do(do)
    assert "refused" == refused.state
    assert by_hand == desk.text("usb")
    assert "changed on disk in between" in desk.messages(desk.sam)[-1]
    with pytest.raises(Conflict):
        desk.authoring.save(desk.sam, "usb", better(desk, word="Again."), (change.base, 0))
    with pytest.raises(Conflict):
        desk.authoring.send(desk.sam, "usb", by_hand.replace("By hand", "Again"), (change.base, 0))


def test_new_dates_on_disk_are_no_reason_to_begin_again(desk: AuthorDesk) -> None:
    sent(desk)
    desk.do(desk.authoring.still(desk.sam, "usb"))
    change = desk.authoring.open_change("usb")
    assert change is not None
    done = desk.do(desk.authoring.approve(desk.ines, change))
    assert "published" == done.state
    assert "Bring it to reception." == entry(desk, "usb").answer["en"].short


def test_the_file_is_written_once_however_often_the_job_runs(desk: AuthorDesk) -> None:
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    desk.own("usb").write_text("mine now")
    desk.authoring.writer.write({"change": change.id})
    assert "mine now" == desk.own("usb").read_text()


# new entries, files that wait, history


def test_a_new_entry_is_a_file_once_it_is_approved(desk: AuthorDesk) -> None:
    text = desk.text("usb").replace("usb", "badge").replace("thumb drive on the floor", "my card is gone")
    desk.do(desk.authoring.send(desk.sam, "badge", text, ("", 0)))
    change = desk.authoring.open_change("badge")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    assert ("published", 1) == ((found := desk.library.entries["badge"]).state, found.version)
    desk.do(desk.authoring.undo(desk.ines, "badge"))
    assert "draft" == desk.library.entries["badge"].state


def test_a_file_that_waits_on_disk_is_approved_by_somebody_else(desk: AuthorDesk) -> None:
    text = desk.text("usb").replace("usb", "badge").replace("thumb drive on the floor", "my card is gone")
    text = (
        text.replace("state: published", "state: review")
        .replace("kim-lee", "sam-ortiz")
        .replace("approved_by: ida-roth\n", "")
    )
    desk.own("badge").write_text(text)
    desk.reload()
    with pytest.raises(Refused, match="second person"):
        desk.authoring.adopt(desk.sam, "badge")
    desk.do(desk.authoring.adopt(desk.ines, "badge"))
    found = desk.library.entries["badge"]
    assert ("published", "sam-ortiz", "ines-brandt") == (found.state, found.author, found.approved_by)
    with pytest.raises(NotFound):
        desk.authoring.adopt(desk.ines, "badge")


def test_undo_brings_back_what_stood_before_and_undo_again_what_came_after(desk: AuthorDesk) -> None:
    ours = desk.text("usb")
    sent(desk)
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    new = desk.text("usb")
    desk.do(desk.authoring.undo(desk.sam, "usb"))
    assert (ours, False) == (desk.text("usb"), desk.own("usb").exists())  # ours again, and not a copy of it
    desk.do(desk.authoring.undo(desk.sam, "usb"))
    assert new == desk.text("usb")
    kinds = [(item.kind, item.state) for item in desk.authoring.history("usb")]
    assert [("undo", "published"), ("undo", "published"), ("edit", "published")] == kinds


def test_undo_is_refused_where_it_would_take_somebodys_edit_along(desk: AuthorDesk) -> None:
    with pytest.raises(NotFound):
        desk.authoring.undo(desk.sam, "usb")
    desk.do(desk.authoring.still(desk.sam, "usb"))
    desk.own("usb").write_text(better(desk, word="By hand."))
    with pytest.raises(Conflict):
        desk.authoring.undo(desk.sam, "usb")


def test_undo_goes_through_the_gate_as_well(desk: AuthorDesk) -> None:
    sent(desk, word="Words.")
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    text = desk.text("usb").replace('"usb two"', '"something else"')
    desk.do(desk.authoring.send(desk.sam, "usb", text, desk.seen("usb")))
    change = desk.authoring.open_change("usb")
    assert change is not None
    desk.do(desk.authoring.approve(desk.ines, change))
    desk.trials.takes = {"hotel net": "usb"}
    with pytest.raises(Stopped):
        desk.authoring.undo(desk.sam, "usb")


# what its keeper may do


def test_only_its_keeper_says_that_it_is_right_gives_it_away_or_retires_it(desk: AuthorDesk) -> None:
    for do in (desk.authoring.still, desk.authoring.retire):
        with pytest.raises(Refused, match="Service desk"):
            do(desk.ines, "usb")
    with pytest.raises(Refused, match="Service desk"):
        desk.authoring.reassign(desk.ines, "usb", "awareness")
    desk.do(desk.authoring.still(desk.sam, "usb"))
    found = desk.library.entries["usb"]
    assert ("2027-01-15", "2027-07-15", 3) == (str(found.reviewed), str(found.review_due), found.version)
    with pytest.raises(Refused, match="no such owner"):
        desk.authoring.reassign(desk.sam, "usb", "nobody")
    desk.do(desk.authoring.reassign(desk.sam, "usb", "awareness"))
    assert "awareness" == desk.library.entries["usb"].owner
    assert desk.authoring.keepers.keeps(desk.ines, "awareness")  # nobody is named: the desk keeps it
    assert not desk.authoring.keepers.keeps(desk.dana, "awareness")
    desk.do(desk.authoring.retire(desk.ines, "usb"))
    assert "retired" == desk.library.entries["usb"].state
    desk.do(desk.authoring.undo(desk.ines, "usb"))
    assert "published" == desk.library.entries["usb"].state


@pytest.mark.parametrize("name", ["nobody", "../org", "", "a/b", "USB"])
def test_names_that_are_no_entries_are_not_found(desk: AuthorDesk, name: str) -> None:
    assert desk.authoring.filed(name) is None
    with pytest.raises(NotFound):
        desk.authoring.still(desk.sam, name)


# trying it out


def test_questions_are_tried_on_the_draft(desk: AuthorDesk) -> None:
    text = desk.text("usb").replace("usb", "badge").replace("thumb drive on the floor", "my card is gone")
    ready = desk.authoring.check("badge", text).ready
    assert ready is not None
    tried = desk.authoring.trying.questions(ready, ["badge gone", "usb two", "help me", "nothing"])
    assert [
        ("badge gone", "answer", ("badge",), "escalate"),
        ("usb two", "answer", ("usb",), "answer"),
        ("help me", "emergency", (), "emergency"),
        ("nothing", "escalate", (), "escalate"),
    ] == [(item.question, item.outcome.value, item.got, item.outcome_before.value) for item in tried]
    for asked in ("badge gone", "usb two", "badge gone", "lunch"):
        desk.ask(asked)
    assert ["badge gone"] == [item.question for item in desk.authoring.replay(ready)]


def test_how_answers_do_is_counted(desk: AuthorDesk) -> None:
    for rating in ("solved", "solved", "unhelpful", ""):
        desk.ask("usb", "usb", rating)
    assert {"usb": (4, 2, 1)} == {
        name: (one.hits, one.solved, one.unhelpful) for name, one in desk.store.usage(desk.clock.now() - 1).items()
    }
    assert {} == desk.store.usage(desk.clock.now() + 1)

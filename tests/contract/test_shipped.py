"""Upgrades, on both databases: new answers wait for an approver, an edit stays, and what changed under it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.stores.shipped import SqlShippedStore
from bot.answering.shipped import LESSON, Shipped
from bot.errors import Conflict, NotFound, Refused
from bot.ports import Db
from tests.fakes.authoring import ENTRY, AuthorDesk, started, updates_of


@pytest.fixture
def desk(db: Db, tmp_path: Path) -> AuthorDesk:
    made = AuthorDesk(tmp_path / "desk", db=db)
    started(made)
    return made


def ship(desk: AuthorDesk, name: str, text: str) -> None:
    (desk.place / "ours" / "answers" / f"{name}.yaml").write_text(text, "utf-8")


def new(name: str) -> str:
    return ENTRY.format(name=name, golden=f"{name} that nobody knows", owner="service-desk")


def changed(desk: AuthorDesk, name: str) -> str:
    return desk.text(name).replace(f"Tell reception about the {name}.", "Ring the desk at once.")


def states(desk: AuthorDesk) -> dict[str, str]:
    return {name: entry.state for name, entry in desk.library.entries.items()}


def test_a_first_start_has_everything(desk: AuthorDesk) -> None:
    found = updates_of(desk)
    assert ([], []) == (found.waiting(), found.differences())
    assert {"usb": "published", "wifi": "published", "keys": "published"} == states(desk)


def test_a_new_shipped_answer_waits_until_somebody_approves_it(desk: AuthorDesk) -> None:
    ship(desk, "badge", new("badge"))
    ship(desk, "car", new("car"))
    assert ["badge", "car"] == updates_of(desk).waiting()
    found = updates_of(desk)
    assert ["badge", "car"] == found.waiting()
    assert ("review", "published") == (states(desk)["badge"], states(desk)["usb"])
    assert "badge" not in desk.library.visible({"it_helpdesk"})
    desk.work(found.use(desk.ines, ["badge"]))
    desk.work(found.leave(desk.ines, ["car"]))
    found.reload()
    assert ("published", "retired", []) == (states(desk)["badge"], states(desk)["car"], found.waiting())
    assert "badge" in desk.library.visible({"it_helpdesk"})
    assert not desk.own("badge").exists()
    assert ["answer.shipped.live", "answer.shipped.out"] == desk.audited()
    with pytest.raises(NotFound):
        found.use(desk.ines, ["badge"])
    started(desk)  # and again: nothing waits anew
    assert [] == updates_of(desk).waiting()


def test_one_of_the_same_name_of_the_organisation_is_in_use_as_before(desk: AuthorDesk) -> None:
    desk.own("badge").write_text(new("badge").replace("Tell reception", "Tell the gate"), "utf-8")
    ship(desk, "badge", new("badge"))
    found = updates_of(desk)
    assert ([], "published") == (found.waiting(), states(desk)["badge"])


def test_an_edit_stays_and_what_changed_under_it_is_shown(desk: AuthorDesk) -> None:
    mine = desk.text("usb").replace("Tell reception about the usb.", "Bring it to Sam.")
    desk.own("usb").write_text(mine, "utf-8")
    theirs = (
        (desk.place / "ours" / "answers" / "usb.yaml").read_text("utf-8").replace("Tell reception", "Tell security")
    )
    ship(desk, "usb", theirs)
    found = updates_of(desk)
    (difference,) = found.differences()
    assert ("usb", mine, theirs) == (difference.entry, difference.ours, difference.shipped)
    assert "Bring it to Sam." == desk.library.entries["usb"].answer["en"].short
    desk.work(found.keep(desk.ines, "usb"))
    assert ([], mine) == (updates_of(desk).differences(), desk.own("usb").read_text("utf-8"))
    ship(desk, "usb", theirs.replace("Tell security", "Tell everybody"))
    found = updates_of(desk)
    assert ["usb"] == [one.entry for one in found.differences()]
    desk.do(found.take(desk.ines, "usb"))
    assert ([], False) == (updates_of(desk).differences(), desk.own("usb").exists())
    assert "Tell everybody about the usb." == desk.library.entries["usb"].answer["en"].short
    assert mine == desk.authoring.history("usb")[0].before


def test_a_text_that_nobody_has_edited_comes_with_the_version(desk: AuthorDesk) -> None:
    ship(desk, "usb", changed(desk, "usb"))
    found = updates_of(desk)
    assert ([], []) == (found.waiting(), found.differences())
    assert "Ring the desk at once." == desk.library.entries["usb"].answer["en"].short
    desk.own("usb").write_text(desk.text("usb").replace("Ring the desk at once.", "Bring it to Sam."), "utf-8")
    assert [] == updates_of(desk).differences()  # the edit was made from what ships now


def test_an_older_version_beside_the_new_one_takes_nothing_back(desk: AuthorDesk) -> None:
    ship(desk, "badge", new("badge"))
    found = updates_of(desk)
    (desk.place / "ours" / "answers" / "badge.yaml").unlink()
    older = updates_of(desk)
    assert [] == older.waiting()
    ship(desk, "badge", new("badge"))
    assert ["badge"] == updates_of(desk).waiting() == found.waiting()


def test_of_two_who_decide_the_first_wins(desk: AuthorDesk) -> None:
    ship(desk, "badge", new("badge"))
    found = updates_of(desk)

    class Late(SqlShippedStore):
        def read(self) -> str:
            before = super().read()
            return stale or before

    assert desk.db is not None
    stale, late = "", Shipped(Late(desk.db), desk.shelf, desk.clock.now)
    stale = SqlShippedStore(desk.db).read()
    desk.work(found.leave(desk.sam, ["badge"]))
    with pytest.raises(Conflict):
        desk.work(lambda work: late.decide(work, desk.ines.key, ["badge"], "live"))
    found.reload()
    assert "retired" == states(desk)["badge"]


def test_a_new_shipped_lesson_is_sent_to_nobody_until_somebody_approves_it(desk: AuthorDesk) -> None:
    ours, own = (place / "lessons" for place in (desk.place / "ours", desk.folder))
    for folder in (ours, own):
        folder.mkdir()
    (ours / "old.yaml").write_text("id: old\n", "utf-8")
    assert [] == updates_of(desk).waiting()  # the first version that knows of lessons has those of the last one in use
    for name in ("calls", "keys", "mine"):
        (ours / f"{name}.yaml").write_text(f"id: {name}\n", "utf-8")
    (own / "mine.yaml").write_text("id: mine\n", "utf-8")
    found = updates_of(desk)
    assert ["lesson:calls", "lesson:keys"] == found.waiting()
    assert {"calls": "waiting", "keys": "waiting"} == found.shipped.unused(LESSON)
    assert {} == found.shipped.unused("")  # an answer may have the name of a lesson
    desk.work(found.use(desk.ines, ["lesson:calls"]))
    desk.work(found.leave(desk.ines, ["lesson:keys"]))
    found.reload()
    assert ([], {"keys": "out"}) == (found.waiting(), found.shipped.unused(LESSON))
    with pytest.raises(NotFound):
        found.use(desk.ines, ["lesson:keys"])
    (ours / "calls.yaml").write_text("id: calls\nversion: 2\n", "utf-8")
    assert {"keys": "out"} == updates_of(desk).shipped.unused(LESSON)  # what was let in stays in when its text changes
    told = replace(
        found, lesson=lambda name, lang: (f"{name} in {lang}", "Ring back.") if name == "calls" else ("", "")
    )
    assert ("calls in de", "Ring back.") == told.told("lesson:calls", "de")
    assert ("lesson:gone", "") == told.told("lesson:gone", "de")


def test_a_new_answer_that_takes_a_golden_question_away_is_not_brought_into_use(desk: AuthorDesk) -> None:
    ship(desk, "badge", new("badge"))
    found = updates_of(desk)
    desk.trials.takes["thumb drive on the floor"] = "badge"
    with pytest.raises(Refused, match="thumb drive"):
        found.use(desk.ines, ["badge"])


def test_an_edit_that_came_too_late_is_shown_and_used_or_dropped(desk: AuthorDesk) -> None:
    shared = desk.authoring.writer.shared
    found = updates_of(desk)
    mine = desk.text("usb").replace("Tell reception about the usb.", "Bring it to Sam.")
    shared.put("answers/usb.yaml", mine.encode(), shared.digest("answers/usb.yaml"), desk.sam.key)
    assert shared.store is not None
    for word in ("late", "later"):
        shared.store.set_aside("answers/usb.yaml", mine.replace("Bring", word).encode(), 0, "by hand, b", 1.0)
    late, later = found.asides()
    assert (mine, mine.replace("Bring", "late"), "by hand, b") == (late.ours, late.theirs, late.about.who)
    desk.work(found.drop(desk.ines, late.about.version))
    desk.work(found.put(desk.ines, later.about.version))
    assert ["content.aside.dropped", "content.aside.used"] == desk.audited()[-2:]
    found.reload()
    assert ([], "later it to Sam.") == (found.asides(), desk.library.entries["usb"].answer["en"].short)
    with pytest.raises(NotFound):
        found.put(desk.ines, late.about.version)
    assert not shared.proven("answers/usb.yaml")

"""The gate of golden questions: what an edit breaks, whose fault it is, and what is only the noise of fitting again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.answering.entries import Entry, Library
from bot.answering.golden import Broken, broken, changed, faults_of
from bot.answering.languages import Languages
from bot.answering.search import Index
from bot.app.candidates import Candidates
from bot.app.contents import Contents, load_contents
from bot.content import Shelf
from bot.errors import Fault
from tests.fakes import desk as fakes
from tests.unit.test_search import letters

ROWS: dict[str, Any] = {
    "schema": "answer/1", "version": 1, "state": "published", "group": "devices", "roles": ["all"], "severity": "S0",
    "answer": {"en": {"short": "Tell us."}}, "owner": "desk", "author": "a1", "approved_by": "b1",
    "reviewed": date(2026, 11, 1), "review_due": date(2027, 5, 1),
}  # fmt: skip


def entry(name: str, *golden: str, state: str = "published", asked: tuple[str, ...] = (), roles: str = "all") -> Entry:
    """An entry of this id with these golden questions."""
    row = {**ROWS, "id": name, "title": {"en": name}, "questions": {"en": [f"about {name}", *asked]}, "state": state}
    return Entry.model_validate({**row, "golden": {"en": list(golden)}, "roles": [roles]})


def library(*entries: Entry) -> Library:
    return Library({item.id: item for item in entries}, {item.id: f"answers/{item.id}.yaml" for item in entries})


@dataclass(frozen=True)
class Said:
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Knows:
    """A search that knows the order of entries for each question; what is not allowed is left out."""

    orders: Mapping[str, str]

    def judge_all(self, asked: Sequence[tuple[str, Collection[str]]]) -> list[Said]:
        orders = ((self.orders.get(question, "").split(), allowed) for question, allowed in asked)
        return [Said(tuple(name for name in order if name in allowed)) for order, allowed in orders]


def never() -> Knows:
    raise AssertionError("nothing has to be fitted again")


OLD = library(entry("usb", "found a stick"), entry("wifi", "hotel net"), entry("bus", "which line"))


def found(
    new: Library, before: Mapping[str, str], after: Mapping[str, str], refit: Callable[[], Knows]
) -> list[Broken]:
    return broken((OLD, Knows(before)), (new, Knows(after)), refit)


GOOD = {"found a stick": "usb wifi bus", "hotel net": "wifi usb bus", "which line": "bus usb wifi"}


def test_an_edit_that_changes_nothing_asks_nothing() -> None:
    same = library(*(item.model_copy(update={"reviewed": date(2027, 1, 1)}) for item in OLD.entries.values()))
    assert frozenset() == changed(OLD, same)
    assert [] == found(same, {}, {}, never)


def test_a_new_golden_question_must_find_its_entry_first() -> None:
    new = library(entry("usb", "found a stick", "thumb drive on the floor"), *list(OLD.entries.values())[1:])
    after = {**GOOD, "thumb drive on the floor": "wifi usb bus"}
    (item,) = found(new, GOOD, after, never)
    assert ("thumb drive on the floor", "wifi", "usb", True) == (item.golden.question, item.first, item.by, item.new)
    assert [] == found(new, GOOD, {**after, "thumb drive on the floor": "usb wifi"}, never)


def test_an_edit_answers_for_its_own_questions() -> None:
    new = library(entry("usb", "found a stick", asked=("other words",)), *list(OLD.entries.values())[1:])
    (item,) = found(new, GOOD, {**GOOD, "found a stick": "bus usb wifi"}, lambda: Knows(GOOD))
    assert ("found a stick", "bus", True, False) == (item.golden.question, item.first, item.own, item.new)


def test_an_edit_answers_for_what_it_takes_from_others() -> None:
    new = library(*list(OLD.entries.values())[:2], entry("bus", "which line", asked=("hotel net of the bus",)))
    (item,) = found(new, GOOD, {**GOOD, "hotel net": "bus wifi usb"}, lambda: Knows(GOOD))
    assert ("wifi", "bus", "bus", False) == (item.golden.entry, item.first, item.by, item.own)


def test_falling_out_of_the_three_that_are_offered_counts_too() -> None:
    more = library(*OLD.entries.values(), entry("d1", "one"), entry("e1", "two"))
    before = {**GOOD, "hotel net": "usb bus wifi", "one": "d1", "two": "e1"}
    edited = library(*OLD.entries.values(), entry("d1", "one", asked=("x",)), entry("e1", "two"))
    after = {**before, "hotel net": "usb d1 bus wifi"}
    got = broken((more, Knows(before)), (edited, Knows(after)), lambda: Knows(before))
    assert [("hotel net", "d1")] == [(item.golden.question, item.by) for item in got]


def test_what_two_others_do_to_each_other_is_noise() -> None:
    new = library(entry("usb", "found a stick", asked=("x",)), *list(OLD.entries.values())[1:])
    assert [] == found(new, GOOD, {**GOOD, "hotel net": "bus wifi usb"}, never)


def test_what_a_fit_without_the_edit_does_too_is_noise() -> None:
    new = library(entry("usb", "found a stick", asked=("x",)), *list(OLD.entries.values())[1:])
    drifted = {**GOOD, "found a stick": "bus usb wifi"}
    assert [] == found(new, GOOD, drifted, lambda: Knows(drifted))


def test_what_was_not_found_before_is_not_held_against_an_edit() -> None:
    before = {**GOOD, "found a stick": "wifi bus usb"}
    new = library(entry("usb", "found a stick", asked=("x",)), *list(OLD.entries.values())[1:])
    assert [] == found(new, before, before, never)


def test_drafts_are_not_asked_and_publishing_one_makes_its_questions_new() -> None:
    draft = library(*OLD.entries.values(), entry("new", "never seen", state="draft"))
    assert [] == found(draft, GOOD, GOOD, never)
    live = library(*OLD.entries.values(), entry("new", "never seen"))
    (item,) = broken((draft, Knows(GOOD)), (live, Knows({**GOOD, "never seen": "usb new"})), never)
    assert ("new", True) == (item.by, item.new)


def test_a_retired_entry_may_come_back_as_it_was() -> None:
    gone = library(entry("usb", "found a stick", state="retired"), *list(OLD.entries.values())[1:])
    assert [] == broken((gone, Knows(GOOD)), (OLD, Knows({**GOOD, "found a stick": "wifi usb bus"})), never)


def test_only_what_the_entrys_readers_may_see_counts() -> None:
    hidden = library(*OLD.entries.values(), entry("runbook", "a", roles="it_helpdesk"))
    shown = library(*OLD.entries.values(), entry("runbook", "a", asked=("hotel net",), roles="it_helpdesk"))
    after = {**GOOD, "hotel net": "runbook wifi", "a": "runbook"}
    assert [] == broken((hidden, Knows({**GOOD, "a": "runbook"})), (shown, Knows(after)), never)


def test_the_fault_stands_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "usb.yaml").write_text("id: usb\nquestions:\n  en: []\ngolden:\n  en:\n    - x\n    - y\n")
    new = library(entry("usb", "found a stick", "thumb drive"), *list(OLD.entries.values())[1:])
    got = found(new, GOOD, {**GOOD, "thumb drive": "wifi"}, never)
    what = 'the golden question "thumb drive" does not find this entry: "wifi" comes first now'
    fault = Fault("answers/usb.yaml", 7, 7, what, "give the entry questions with such words")
    assert [fault] == faults_of(got, new, Shelf(tmp_path))
    taken = [replace(got[0], by="wifi", new=False)]
    assert "takes the golden question" in faults_of(taken, new, Shelf(tmp_path))[0].what


# searches kept ready


def test_candidates_are_fitted_once_and_dropped_when_one_is_in_use() -> None:
    fits: list[Library] = []

    def fit(entries: Library, _generic: object, _languages: object, previous: Index) -> Index:
        fits.append(entries)
        return previous

    ready = Candidates(fit)
    languages, index = Languages({}), Index.fit(library(), light=True, encoders=fakes.Encoders("words", ()))
    ready.use(OLD, index, (), languages)
    assert index is ready.index(OLD, (), languages)
    assert [] == fits
    new = library(*OLD.entries.values(), entry("more"))
    for _ in range(2):
        assert index is ready.search(new).index
    assert [new] == fits
    ready.use(new, index, (), languages)
    assert [] == ready.breaks(OLD)  # it was in use before
    ready.search(OLD)
    assert [new, OLD] == fits


def test_a_trial_encodes_only_the_golden_questions_that_an_edit_brings(tmp_path: Path) -> None:
    encoders, toy = letters()
    ready = Candidates(
        lambda entries, generic, languages, previous: Index.fit(
            entries, generic=generic, previous=previous, languages=languages
        ),
        tmp_path,
    )
    index = Index.fit(OLD, encoders=encoders, languages=Languages({}))
    ready.use(OLD, index, (), Languages({}))
    new = library(*OLD.entries.values(), entry("more", "some more about more"))
    ready.index(new, (), Languages({}))
    toy.asked.clear()
    assert [] == ready.breaks(new)
    assert ["some more about more"] == toy.asked


# the whole of it, on files


@pytest.fixture
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Contents:
    """The packaged content under an empty folder of one's own, searched by words alone."""
    cache = fakes.cache_folder(request.config)
    (tmp_path / "answers").mkdir()
    with fakes.alone(cache):
        return load_contents(tmp_path, cache, lambda: date(2030, 3, 17), "words")


def test_an_edit_on_disk_that_takes_anothers_golden_question_is_not_taken(live: Contents, tmp_path: Path) -> None:
    library = live.knowledge.current.library
    owner = next(
        item
        for item in library.published()
        if item.public
        and (asked := item.golden.get("en"))
        and (item.id,) == live.knowledge.current.search.judge(asked[0], library.visible(())).ids[:1]
    )
    wanted = owner.golden["en"][0]
    thief = next(item for item in library.published() if item.public and item.id != owner.id and item.severity == "S0")
    shipped = Path(library.files[thief.id]).name
    text = (Path(fakes.__file__).parents[2] / "knowledge" / "answers" / shipped).read_text("utf-8")
    text = text.replace("questions:\n  en:\n", f'questions:\n  en:\n    - "please, {wanted}"\n', 1)
    (tmp_path / "answers" / shipped).write_text(text, "utf-8")
    assert live.knowledge.poll() is False
    assert thief == live.knowledge.current.library.entries[thief.id]
    said = [fault.what for fault in live.knowledge.faults]
    assert f'this entry takes the golden question "{wanted}" from "{owner.id}"' in said
    (tmp_path / "answers" / shipped).unlink()
    assert live.knowledge.poll() is True
    assert () == live.knowledge.faults

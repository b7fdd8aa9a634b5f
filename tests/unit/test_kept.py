"""What is kept between starts: never stale, never with faults, never in the way; and what time does to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.app.contents import load_contents
from bot.content import Shelf
from bot.kept import content, kept, names
from tests.warm import warm_cache


class Made(list[int]):
    """Something that is slow to make."""


def made(cache: Path | None, *made_of: bytes, whole: bool = True) -> tuple[Made, bool]:
    """(what `kept` gives, whether it was made now)."""
    now: list[int] = []

    def make() -> Made:
        now.append(1)
        return Made([len(made_of)])

    return kept(cache, "thing", made_of, Made, make, lambda _made: whole), bool(now)


def test_it_is_made_once_for_the_same_bytes(tmp_path: Path) -> None:
    assert [made(tmp_path, *parts) for parts in ((b"a", b"b"), (b"a", b"b"), (b"ab",), (b"a", b"b"))] == [
        (Made([2]), True), (Made([2]), False), (Made([1]), True), (Made([2]), True),
    ]  # fmt: skip
    assert len(list(tmp_path.glob("thing-*.bin"))) == 1


def test_without_a_folder_or_with_faults_nothing_is_kept(tmp_path: Path) -> None:
    assert [made(None)[1], made(None)[1]] == [True, True]
    assert [made(tmp_path, whole=False)[1], made(tmp_path)[1]] == [True, True]


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:-1] + b"x", lambda data: b"\0" * 40])
def test_a_damaged_file_is_made_again(tmp_path: Path, spoil: object) -> None:
    made(tmp_path)
    (path,) = tmp_path.glob("thing-*.bin")
    assert callable(spoil)
    path.write_bytes(spoil(path.read_bytes()))
    assert [made(tmp_path), made(tmp_path)] == [(Made([0]), True), (Made([0]), False)]


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert made(tmp_path / "file" / "cache") == (Made([0]), True)


def test_ours_counts_where_the_organisation_has_its_own(tmp_path: Path) -> None:
    ours, own = tmp_path / "ours", tmp_path / "own"
    for folder in (ours, own):
        (folder / "copy").mkdir(parents=True)
    (ours / "copy" / "en.yaml").write_text("a: one")
    (own / "copy" / "en.yaml").write_text("a: two")
    before = list(content(Shelf(ours, own), "copy", "missing.yaml"))
    (ours / "copy" / "en.yaml").write_text("a: new")
    assert (len(before), list(content(Shelf(ours, own), "copy")) == before) == (2, False)


def test_names_have_no_order_and_none_is_not_empty() -> None:
    assert names({"b", "a"}, None, True) == names(["a", "b"], None, True)
    assert len({names(None), names([]), names(True), names("")}) == 4


def test_what_was_kept_on_another_day_is_as_old_as_it_is(request: pytest.FixtureRequest) -> None:
    cache = warm_cache(request.config)

    def overdue(day: date) -> tuple[int, int]:
        found = load_contents(None, cache, lambda: day, "words")
        notes = (found.knowledge.current.library.notes, found.lessons.current.notes)
        return sum(note.kind == "overdue" for note in notes[0]), sum(note.kind == "overdue" for note in notes[1])

    early, late = overdue(date(2020, 1, 1)), overdue(date(2099, 1, 1))
    assert early == (0, 0)
    assert late == (105, len(load_contents(None, cache, lambda: date(2099, 1, 1), "words").lessons.current.lessons))

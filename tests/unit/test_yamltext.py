"""Editing a YAML file in place: comments, order and quotes stay; only what was asked for changes."""

from __future__ import annotations

import difflib
from datetime import date
from importlib.resources import files

import pytest

from bot.answering.entries import Entry
from bot.answering.yamltext import Path, Value, edited, written
from bot.content import Faults, parse

ORDER = tuple(Entry.model_fields)
TEXT = """\
# Kept by the desk. Ask Kim before changing it.
schema: answer/1
id: keys   # as on the poster
title: {en: "Lost keys"}
questions:
  en:
    # how people say it
    - "keys gone"
    - 'where r my keys'   # typing mistakes are meant
    - "no key"
answer:
  en:
    short: "Tell reception."
    # only if reception is closed
    ring: "Ring {helpdesk_phone}."
# who keeps it
owner: service-desk
reviewed: 2026-11-20
"""


def change(path: Path, value: Value, text: str = TEXT) -> list[str]:
    """The lines that go and come."""
    lines = difflib.unified_diff(text.splitlines(), edited(text, {path: value}, ORDER).splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (("title", "en"), "Lost keys", []),
        (("title", "en"), 'My "keys"', ['-title: {en: "Lost keys"}', '+title: {en: "My \\"keys\\""}']),
        (("id",), "badge", ["-id: keys   # as on the poster", '+id: "badge" # as on the poster']),
        (("questions", "en"), ["keys gone", "where r my keys", "no key"], []),
        (("questions", "en"), ["keys gone", "new", "no key"], [
            "-    - 'where r my keys'   # typing mistakes are meant", '+    - "new"']),
        (("questions", "en"), ["first", "keys gone", "where r my keys", "no key"], ['+    - "first"']),
        (("questions", "de"), ["schlüssel weg"], ["+  de:", '+    - "schlüssel weg"']),
        (("golden", "en"), ["key ring vanished"], ["+golden:", "+  en:", '+    - "key ring vanished"']),
        (("answer", "en", "ring"), None, ['-    ring: "Ring {helpdesk_phone}."']),
        (("answer", "de", "ring"), None, []),
        (("reviewed",), date(2027, 1, 2), ["-reviewed: 2026-11-20", "+reviewed: 2027-01-02"]),
        (("roles",), ["all"], ['+roles: ["all"]']),
    ],
)  # fmt: skip
def test_only_what_was_asked_for_changes(path: Path, value: Value, lines: list[str]) -> None:
    assert lines == change(path, value)


def test_every_comment_line_is_still_there_whatever_goes() -> None:
    comments = [line for line in TEXT.splitlines() if line.lstrip().startswith("#")]
    for path in [("answer", "en", "ring"), ("answer",), ("questions",), ("questions", "en"), ("owner",), ("title",)]:
        made = edited(TEXT, {path: None}, ORDER)
        assert comments == [line for line in made.splitlines() if line.lstrip().startswith("#")], path
        assert parse("x", made.encode(), Faults()) is not None


def test_a_new_key_goes_where_it_belongs() -> None:
    lines = edited(TEXT, {("golden", "en"): ["a b"], ("expires",): date(2027, 1, 1)}, ORDER).splitlines()
    assert lines.index("questions:") < lines.index("golden:") < lines.index("answer:")
    assert lines.index("expires: 2027-01-01") < lines.index("owner: service-desk")


def test_one_value_in_two_places_is_written_twice() -> None:
    day = date(2027, 8, 1)
    made = edited(TEXT, {("reviewed",): day, ("expires",): day})
    assert ["reviewed: 2027-08-01", "expires: 2027-08-01"] == made.splitlines()[-2:]


def test_items_at_the_level_of_their_key_stay_there() -> None:
    text = 'questions:\n  en:\n  - "a"\n  - "b"\n'
    assert text + '  - "c"\n' == edited(text, {("questions", "en"): ["a", "b", "c"]})


@pytest.mark.parametrize("item", sorted(p.name for p in (files("knowledge") / "answers").iterdir())[::12])
def test_a_file_of_ours_comes_back_as_it_was(item: str) -> None:
    text = (files("knowledge") / "answers" / item).read_text("utf-8")
    assert text == edited(text, {}, ORDER)
    assert [f"-{text.splitlines()[3]}", "+version: 9999"] == change(("version",), 9999, text)


def test_a_new_file_is_readable() -> None:
    text = written({"schema": "answer/1", "title": {"en": "Was: that ours?"}, "roles": ["all"], "day": date(2027, 1, 2),
                    "questions": {"en": ["yes", "16:30"]}})  # fmt: skip
    document = parse("x", text.encode(), Faults())
    assert document is not None
    assert {"en": ["yes", "16:30"]} == document.value["questions"]
    assert 'roles: ["all"]' in text.splitlines()

"""The strict YAML reader: every fault at its place, all of them at once, and no file that can take the process down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, StringConstraints

from bot.content import MAX_BYTES, MAX_DEPTH, Faults, Shape, Shelf, parse, read
from bot.errors import ContentError, Fault


class Inner(Shape):
    name: str
    weight: int = 1


class Outer(Shape):
    schema_: str = Field(alias="schema", pattern="^outer/1$")
    title: str
    parts: list[Inner] = []
    texts: dict[str, str] = {}


def value(text: str) -> Any:
    faults = Faults()
    document = parse("x.yaml", text.encode(), faults)
    faults.check()
    assert document is not None
    return document.value


def faults_of(data: str | bytes, model: type[Shape] | None = None) -> list[str]:
    faults = Faults()
    document = parse("x.yaml", data.encode() if isinstance(data, str) else data, faults)
    if document and model:
        read(model, document, faults)
    return [str(fault) for fault in faults.found]


# scalars


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),  # YAML 1.1 makes these booleans
        ("16:30", "16:30"), ("1_000", "1_000"), ("0x1F", "0x1F"), ("0o7", "0o7"), ("2026-01-05", "2026-01-05"),
        ("007", "007"), ("0044 20", "0044 20"), ("1e999", "1e999"), ("9" * 30, "9" * 30), (".inf", ".inf"),
        ("true", True), ("True", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("12", 12), ("-3", -3), ("+4", 4), ("0", 0), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0),
        ("'12'", "12"), ('"true"', "true"), ("'yes'", "yes"), ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, expected: object) -> None:
    found = value(f"a: {text}")["a"]
    assert (type(found), found) == (type(expected), expected)


def test_keys_are_always_text() -> None:
    assert value("yes: 1\n2: two\ntrue: three\nnull: four\n") == {"yes": 1, "2": "two", "true": "three", "null": "four"}


# faults and their places


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\nb: 3", "x.yaml:2:2: this is not valid YAML ("),
        ("a: 1\n\tb: 2", "x.yaml:2:1: this is not valid YAML ("),
        ("a: 1\nb: 2\na: 3", 'x.yaml:3:1: the key "a" stands here twice, keep one of them'),
        ("a: &x 1\nb: *x", "x.yaml:2:1: this is an alias (*name), write the value out"),
        ("a: &x {b: 1}\nc:\n  - *x", "x.yaml:1:4: this is an alias (*name), write the value out"),
        ("a: !!python/name:os.system x", "x.yaml:1:4: the tag tag:yaml.org,2002:python/name:os.system is not allowed"),
        ("a: !env SECRET", "x.yaml:1:4: the tag !env is not allowed, remove it"),
        ("? [1, 2]\n: 3", "x.yaml:1:3: a key must be a word, write key: value"),
        ("", "x.yaml:1:1: the file is empty, fill it or delete it"),
        ("# only a comment", "x.yaml:1:1: the file is empty, fill it or delete it"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: this is not valid YAML ("),
        ("a: \x07", "x.yaml:0:0: this is not valid YAML (ReaderError), check for control characters"),
    ],
)
def test_a_fault_is_named_with_its_line_column_and_mend(text: str, expected: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(expected)


def test_bytes_that_are_no_text_are_named_by_line() -> None:
    assert faults_of(b"a: 1\nb: \xff\n") == ["x.yaml:2:1: this line is not UTF-8 text, save the file as UTF-8"]
    assert faults_of("a: 1".encode("utf-16")) == ["x.yaml:1:1: this line is not UTF-8 text, save the file as UTF-8"]
    assert faults_of(b"\xef\xbb\xbfa: 1") == []  # a byte order mark is no fault


def test_a_file_that_is_too_large_is_not_read() -> None:
    assert faults_of(b"a" * (MAX_BYTES + 1)) == [
        "x.yaml:0:0: the file has 1,048,577 bytes, keep it under 1,048,576: split it"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 100_000,
        "[" * 500_000 + "]" * 500_000,
        "{a: " * 100_000,
        "- " * 400_000 + "x",
        "? " * 400_000,
        "\n".join(" " * i + "a:" for i in range(1_400)),
    ],
    ids=["just over", "open", "closed", "maps", "dashes", "keys", "indented"],
)
def test_a_file_that_is_nested_too_deep_is_refused_and_the_process_lives(text: str) -> None:
    faults = faults_of(text)
    assert [fault.partition(": ")[2] for fault in faults][:1] == ["nested deeper than 40 levels, flatten it"]


def test_forty_levels_are_read() -> None:
    found = value("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH):
        (found,) = found
    assert found == 1


def test_all_faults_of_a_file_are_found_at_once() -> None:
    text = "schema: outer/2\ntitle: 5\ntilte: x\nparts:\n  - {weight: heavy}\n  - {name: a, colour: red}\ntexts: [a]\n"
    assert faults_of(text, Outer) == [
        'x.yaml:1:1: "schema" is not outer/1, write schema: outer/1',
        'x.yaml:2:1: "title": input should be a valid string, write text, in quotes',
        'x.yaml:5:5: "parts.0.name" is missing, add it',
        'x.yaml:5:6: "parts.0.weight": input should be a valid integer, unable to parse string as an integer, correct it',
        'x.yaml:6:15: "parts.1.colour" is not a key that is known here, remove it, or check its spelling',
        'x.yaml:7:1: "texts": input should be a valid dictionary, correct it',
        'x.yaml:3:1: "tilte" is not a key that is known here, remove it, or check its spelling',
    ]


class Sized(Shape):
    name: Annotated[str, StringConstraints(min_length=2, max_length=5)]
    parts: Annotated[list[str], Field(max_length=1)] = []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name: " "', '"name" is empty, write it, or take the line out'),
        ("name: x", '"name" has fewer than 2 characters, write it out'),
        ("name: twelve", '"name" has more than 5 characters, shorten it'),
        ("name: abc\nparts: [a, b]", '"parts" has more than 1 items, take some out'),
    ],
)
def test_sizes_are_said_in_plain_words(text: str, said: str) -> None:
    assert [fault.partition(": ")[2] for fault in faults_of(text, Sized)] == [said]


def test_all_structural_faults_of_a_file_are_found_at_once() -> None:
    assert [fault.split(": ")[0] for fault in faults_of("a: 1\na: 2\nb: !x 3\nc: {d: 1, d: 2}\n")] == [
        "x.yaml:2:1",
        "x.yaml:3:4",
        "x.yaml:4:11",
    ]


def test_faults_are_sorted_by_place_and_shown_one_a_line() -> None:
    error = ContentError([Fault("b", 1, 1, "w", "m"), Fault("a", 2, 1, "w", "m"), Fault("a", 1, 9, "w", "m")])
    assert str(error) == "a:1:9: w, m\na:2:1: w, m\nb:1:1: w, m"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    faults = Faults()
    document = parse("x.yaml", data, faults)
    assert (document is None) == bool(faults.found)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\" \n?,%@`"), max_size=60))
def test_no_punctuation_breaks_the_reader(text: str) -> None:
    faults = Faults()
    document = parse("x.yaml", text.encode(), faults)
    assert (document is None) == bool(faults.found)
    for fault in faults.found:
        assert (fault.file, bool(fault.what), bool(fault.mend)) == ("x.yaml", True, True)


# the shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    packaged, overlay = tmp_path / "packaged", tmp_path / "overlay"
    for root, names in ((packaged, ("a", "b")), (overlay, ("b", "c"))):
        (root / "answers").mkdir(parents=True)
        for name in names:
            (root / "answers" / f"{name}.yaml").write_text(f"from: {root.name}")
        (root / "answers" / "notes.txt").write_text("no content")
    (packaged / "org.yaml").write_text("from: packaged")
    return Shelf(packaged, overlay)


def test_an_overlay_file_replaces_the_packaged_one_of_its_name(shelf: Shelf, tmp_path: Path) -> None:
    assert [(Path(label).name, data, own) for label, data, own in shelf.folder("answers")] == [
        ("a.yaml", b"from: packaged", False),
        ("b.yaml", b"from: overlay", True),
        ("c.yaml", b"from: overlay", True),
    ]
    assert shelf.file("org.yaml") == ("knowledge/org.yaml", b"from: packaged", False)
    (tmp_path / "overlay" / "org.yaml").write_text("from: overlay")
    assert shelf.file("org.yaml") == (str(tmp_path / "overlay" / "org.yaml"), b"from: overlay", True)
    assert shelf.file("nothing.yaml") is None
    assert list(shelf.folder("nothing")) == []


def test_the_stamp_changes_with_every_edit(shelf: Shelf, tmp_path: Path) -> None:
    seen = [shelf.stamp("answers", "org.yaml")]
    overlay = tmp_path / "overlay"
    for change in (
        lambda: (overlay / "answers" / "d.yaml").write_text("x"),
        lambda: (overlay / "answers" / "d.yaml").write_text("longer"),
        (overlay / "answers" / "d.yaml").unlink,
        lambda: (overlay / "org.yaml").write_text("x"),
        lambda: (tmp_path / "packaged" / "org.yaml").write_text("longer"),
    ):
        change()
        assert shelf.stamp("answers", "org.yaml") != seen[-1]
        seen.append(shelf.stamp("answers", "org.yaml"))
    (overlay / "answers" / "notes.txt").write_text("something else")
    assert shelf.stamp("answers", "org.yaml") == seen[-1]

"""A table of people: what is read, which row is bad and why, and what of it comes into the directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest

from adapters.directories.file import FileDirectory
from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.app.roster_import import ImportedPeople, import_people
from bot.directory import CSV, Said
from bot.directory_csv import Names, read_table
from bot.errors import ConfigError
from tests.fakes import desk as fakes
from tests.fakes.desk import House

contents, home = fakes.contents, fakes.home
NAMES = Names({"regular", "executive", "high_risk"}, {"de", "northwind de"})
HEAD = "id,email,name,roles,entity,timezone,end,kind\n"


def test_a_full_row() -> None:
    text = (
        "E-Mail;Display name;Roles;Groups;Entity;Language;Time zone;Job title;Working days;Working hours;Holiday region;Leave;"
        "First day;Last day;Employment;Active;Mailboxes;Shoe size\n"
        "Ida@X.example;Ída Roth;executive|high_risk;Board;Northwind DE;de-DE;Europe/Berlin;CFO;mon-thu;08:00-16:00;de-by;"
        "2030-05-01/2030-05-09;01.01.2029;31.12.2030;External;ja;ceo@x.example;41\n"
    )
    table = read_table(text.encode("cp1252"), NAMES)
    assert (table.bad, table.unknown, table.rows) == ((), ("Shoe size",), 1)
    assert table.entries == (
        Said(
            CSV, "csv:ida@x.example", "", ("ida@x.example",), "Ída Roth", frozenset({"executive", "high_risk"}),
            "Northwind DE", "de", "Europe/Berlin", "", "CFO", "", "DE-BY", frozenset(range(4)), (time(8), time(16)),
            ((date(2030, 5, 1), date(2030, 5, 9)),), date(2029, 1, 1), date(2030, 12, 31), True, "contractor",
            frozenset({"Board"}), frozenset({"ceo@x.example"}),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",,,,,,,", []),
        (",,Nobody,,,,,", ["line 2, email: there is neither an id nor an address"]),
        ("a,no address,,,,,,", ['line 2, email: "no address" is no address']),
        ("a,,,boss,,,,", ['line 2, roles: "boss" is not in roles.yaml']),
        ("a,,,,fr,,,", ['line 2, entity: "fr" is not an entity of org.yaml']),
        ("a,,,,,Mars/X,,", ['line 2, timezone: "Mars/X" is no time zone; write one like Europe/Berlin']),
        ("a,,,,,,31/12/30,", ['line 2, end: "31/12/30" is no day; write it as 2026-12-31']),
        ("a,,,,,,,boss", ['line 2, kind: "boss" is none of employee, contractor, guest']),
    ],
)
def test_bad_rows_are_named_with_their_line(row: str, said: list[str]) -> None:
    assert [str(bad) for bad in read_table((HEAD + row + "\n").encode(), NAMES).bad] == said


def test_lines_are_those_of_the_file() -> None:
    text = HEAD + 'a,a@x.example,"Two\nlines",,,,,\n\nb,A@x.example,,,,,,\n'
    assert [str(bad) for bad in read_table(text.encode("utf-16"), NAMES).bad] == [
        "line 5, email: a@x.example stands in line 3 too"
    ]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00\x00", b"name,shoes\nA,41\n"])
def test_what_is_no_such_table(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_table(data, NAMES)


@pytest.fixture
def house(tmp_path: Path, home: Path, contents: Contents) -> Iterator[House]:
    directory = FileDirectory(None)
    directory.replace(list(contents.directory.people()))
    made = House(home, open_db("", tmp_path), replace(contents, directory=directory))
    yield made
    made.close()
    made.db.close()


def take(house: House, text: str, *, write: bool = True, whole: bool = False, skip: bool = False) -> ImportedPeople:
    path = house.folder / "people.csv"
    path.write_text(text)
    return import_people(house.app, path, write=write, whole=whole, skip=skip, sure=False)


def numbers(done: ImportedPeople) -> tuple[int, int, int, int]:
    return done.new, done.changed, done.same, done.left


def test_a_table_comes_in_changes_and_leaves(house: House) -> None:
    first = "email,name,title\nnew@northwind.example,New,Clerk\nDana.Reyes@northwind.example,Dana R.,Buyer\n"
    assert numbers(take(house, first, write=False)) == (2, 0, 0, 0)
    assert house.app.directory.find("new@northwind.example") is None
    assert numbers(take(house, first)) == (2, 0, 0, 0)
    dana = house.app.directory.profile("dana.reyes")
    assert dana is not None
    assert (dana.person.id, dana.person.name, dana.title) == ("dana.reyes", "Dana Reyes", "Buyer")
    assert numbers(take(house, first.replace("Clerk", "Chief"))) == (0, 1, 1, 0)
    second = "email,name,title\nDana.Reyes@northwind.example,Dana R.,Buyer\n"
    assert numbers(take(house, second)) == (0, 0, 1, 0)
    assert house.app.directory.find("new@northwind.example") is not None
    assert numbers(take(house, second, whole=True)) == (0, 0, 1, 1)
    assert house.app.directory.find("new@northwind.example") is None
    assert numbers(take(house, first)) == (0, 1, 1, 0)
    assert house.app.directory.find("new@northwind.example") is not None
    assert house.whole()


def test_nothing_is_half_written(house: House) -> None:
    text = "email,name,timezone\na@x.example,A,Europe/Paris\nb@x.example,B,Mars/X\n"
    done = take(house, text)
    assert (done.written, [str(bad) for bad in done.bad]) == (
        False, ['line 3, timezone: "Mars/X" is no time zone; write one like Europe/Berlin'],
    )  # fmt: skip
    assert house.count("roster") == 0
    assert take(house, text, skip=True).written
    assert [house.app.directory.find(f"{who}@x.example") is None for who in "ab"] == [False, True]
    with pytest.raises(ConfigError, match="nobody can be said to have left"):
        take(house, text, whole=True)


def test_half_a_file_makes_nobody_leave(house: House) -> None:
    take(house, "email\n" + "".join(f"p{i}@x.example\n" for i in range(20)))
    with pytest.raises(ConfigError, match="19 of 20 people would have left"):
        take(house, "email\np1@x.example\n", whole=True)
    assert house.app.directory.find("p7@x.example") is not None


def test_forgetting_takes_them_out_of_the_roster(house: House) -> None:
    take(house, "email,name\nnew@northwind.example,Newcomer\n")
    assert house.app.forget("new@northwind.example").by_hand == ""
    assert (house.count("roster"), house.app.directory.profile("new@northwind.example")) == (0, None)


def test_the_command(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse
    from contextlib import contextmanager

    from bot.cli import people
    from bot.cli.people import arguments, run

    @contextmanager
    def opened(_settings: object) -> Iterator[object]:
        yield house.app

    path = house.folder / "table.csv"
    path.write_text("email,name,shoes\na@x.example,A,41\nb,B,42\n")
    parser = argparse.ArgumentParser()
    arguments(parser)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "opened", opened)
        code = run(parser.parse_args(["import", str(path)]), lambda: house.app.settings)
        said = capsys.readouterr()
        assert (code, said.err.splitlines()) == (1, [
            'table.csv: line 3, email: "b" is no address',
            "Nothing was written: correct these rows, or say --skip-bad",
        ])  # fmt: skip
        assert said.out.splitlines() == [
            "table.csv: nothing is taken from: shoes", "would be 1 new, 0 changed, 0 as before, 0 left",
        ]  # fmt: skip
        code = run(parser.parse_args(["import", str(path), "--skip-bad", "--json"]), lambda: house.app.settings)
        assert (code, json.loads(capsys.readouterr().out)["new"]) == (1, 1)

"""The data map names every column that there is, on both databases: a migration that adds one has to say what it holds."""

from __future__ import annotations

import pytest

from adapters.stores.export import SEALED, SECRET
from adapters.stores.reseal import BOXES, SHORT_LIVED
from adapters.stores.retention import RULES
from bot.content import Faults, packaged_shelf
from bot.data_map import DataMap, load_data_map
from bot.ports import Db
from bot.retention import load_retention
from tests.fakes.desk import tables

LANGUAGES = {"en", "de", "fr", "es"}


@pytest.fixture(scope="module")
def declared() -> DataMap:
    return load_data_map()


def columns(db: Db, table: str) -> dict[str, bool]:
    """Each column of a table, and whether it holds bytes."""
    if db.dialect == "sqlite":
        return {str(row["name"]): row["type"] == "BLOB" for row in db.query(f"PRAGMA table_info({table})")}
    sql = """SELECT column_name, data_type FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = :t"""
    return {str(row["column_name"]): row["data_type"] == "bytea" for row in db.query(sql, t=table)}


def missing(db: Db, declared: DataMap) -> list[str]:
    """What there is and is not declared, or is declared and is not there, or is declared as what it is not."""
    found = {(table, name, sealed) for table in tables(db) for name, sealed in columns(db, table).items()}
    said = {(table, name, sealed) for table, entry in declared.tables.items() for name, _, sealed in entry.columns()}
    return sorted(f"{table}.{name}" for table, name, _ in found ^ said)


def test_every_column_of_every_table_is_declared(db: Db, declared: DataMap) -> None:
    assert [] == missing(db, declared)
    assert 100 < len(declared.tables)


def test_a_new_column_and_a_new_table_are_noticed(db: Db, declared: DataMap) -> None:
    with db.tx() as tx:
        tx.execute("CREATE TABLE undeclared (note TEXT)")
        tx.execute("ALTER TABLE lease ADD COLUMN shoe_size TEXT")
    try:
        assert ["lease.shoe_size", "undeclared.note"] == missing(db, declared)
    finally:
        with db.tx() as tx:
            tx.execute("DROP TABLE undeclared")
            tx.execute("ALTER TABLE lease DROP COLUMN shoe_size")


def test_no_column_is_declared_twice(declared: DataMap) -> None:
    for table, entry in declared.tables.items():
        names = [name for name, _, _ in entry.columns()]
        assert (table, sorted(set(names))) == (table, sorted(names))


def test_every_code_is_explained_in_every_language_and_used(declared: DataMap) -> None:
    used = [held for entry in declared.tables.values() for _, held, _ in entry.columns()]
    assert set(declared.holds) == set(used)
    assert set(declared.purposes) == {entry.purpose for entry in declared.tables.values()}
    assert set(declared.viewers) == {viewer for entry in declared.tables.values() for viewer in entry.seen}
    texts = [*declared.purposes.values(), *declared.viewers.values(), *(held.says for held in declared.holds.values())]
    assert [] == [text for text in texts if LANGUAGES != set(text)]


def test_every_kind_of_retention_is_one_of_the_file_and_is_done_where_it_has_a_time(declared: DataMap) -> None:
    kinds = load_retention(packaged_shelf(), Faults())
    assert [] == [table for table, entry in declared.tables.items() if entry.kept not in kinds]
    assert {name for name, kind in kinds.items() if not kind.own} == set(RULES)
    wrong = [
        (name, rule.table)
        for name, rules in RULES.items()
        for rule in rules
        if declared.tables[rule.table].kept not in (name, "conversations")
    ]
    assert [] == wrong
    promised = {table for table, entry in declared.tables.items() if entry.kept in RULES}
    done = {rule.table for rules in RULES.values() for rule in rules}
    with_their_ticket = {table for table, entry in declared.tables.items() if entry.kept == "tickets"}
    with_their_mail = {"mail_word"}
    assert set() == promised - done - with_their_ticket - with_their_mail


def test_what_is_sealed_can_be_resealed_and_is_opened_for_its_person(declared: DataMap) -> None:
    sealed = {(table, name) for table, entry in declared.tables.items() for name, _, box in entry.columns() if box}
    assert sealed == set(BOXES) | SHORT_LIVED
    opened = {(table, entry[1]) for table, entry in SEALED.items()}
    files = {
        ("content_file", "sealed"),
        ("content_version", "sealed"),
    }  # the organisation's: its people come by their profile
    assert {("console_session", "hint"), ("slack_install", "sealed"), *files} == sealed - opened
    assert {"console_session", "slack_install"} <= SECRET


def test_a_place_outside_names_tables_that_there_are_and_itself_in_every_language(declared: DataMap) -> None:
    assert [] == [table for place in declared.elsewhere.values() for table in place.of if table not in declared.tables]
    texts = [text for place in declared.elsewhere.values() for text in (place.name, place.says)]
    assert [] == [text for text in texts if LANGUAGES != set(text)]
    assert ["chat", "mail_server"] == [
        name for name, place in declared.elsewhere.items() if place in declared.goes("delivery")
    ]

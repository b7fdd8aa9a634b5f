"""Forgetting by the data map: in whatever column somebody's name can stand, in a row of anybody's, it is gone afterwards.

Nothing here knows which tables there are: a migration that adds a column for words is tested the moment it is declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from adapters.stores.reseal import BOXES, SHORT_LIVED
from bot.data_map import load_data_map
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, NONSENSE, House

contents, home, house = fakes.contents, fakes.home, fakes.house

MAP = load_data_map()
WORDS = frozenset({"words", "message", "name", "file_name", "facts_of_a_mail", "facts_of_a_person", "content"})
# Where a name stays, and why.
STAYS = {
    "lesson_question.question": "what authors wrote for everybody, as it was asked",
    "procedure_version.text": "what a run was started on: its record holds the hash",
    "content_file.sealed": "a file of the organisation's: people.yaml loses them, and the command says which others name them",
    "content_version.sealed": "as above; files that hold people keep no versions",
    "letter_seen.mailbox": "an address of the organisation's",
    "mailbox.name": "an address of the organisation's",
    "slack_install.name": "a workspace",
    "teams_conversation.service_url": "an address of the platform's",
    "caller_code.code": "digits",
    "slack_install.sealed": "the tokens of a workspace",
    "console_session.hint": "the provider's token of a session that ends within hours",
    "attachment.body": "a file that somebody else sent: it goes with its ticket",
    "procedure_file.body": "a file that somebody else sent: it goes with its run",
    "mail.body": "a mail that somebody else reported: it goes after mail.keep_days",
}
_CHECK = re.compile(r"(\w+) TEXT NOT NULL(?: DEFAULT '\w*')? CHECK \(\1 IN \('(\w+)'")


def allowed() -> dict[str, dict[str, str]]:
    """A value that the CHECK of a column takes, by table and column."""
    found: dict[str, dict[str, str]] = {}
    for item in (files("adapters.stores") / "sql").iterdir():
        for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", item.read_text("utf-8"), re.DOTALL):
            found[table] = dict(_CHECK.findall(body))
    return found


def types(house: House, table: str) -> dict[str, str]:
    if house.db.dialect == "sqlite":
        return {row["name"]: row["type"] for row in house.rows(f"PRAGMA table_info({table})")}
    sql = """SELECT column_name AS name, data_type AS type FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = :t"""
    return {row["name"]: row["type"] for row in house.rows(sql, t=table)}


def plant(house: House, table: str, said: str) -> None:
    """A row of nobody's, with a name in every column that can hold one."""
    row: dict[str, object] = {}
    taken = allowed().get(table, {})
    held = {column: what for column, what, _ in MAP.tables[table].columns()}
    for column, type_ in types(house, table).items():
        kind = type_.upper()
        if (table, column) in BOXES:
            value = {"salt": "", "text": said} if table == "procedure_text" else [said]
            row[column] = house.app.vault.seal(BOXES[(table, column)][1], json.dumps(value).encode())
        elif kind in ("BLOB", "BYTEA"):
            row[column] = said.encode()
        elif "INT" in kind or "DOUBLE" in kind:
            row[column] = 4_711
        elif column in taken:
            row[column] = taken[column]
        else:
            row[column] = said if held[column] in WORDS else "somebody-else"
    if table == "ticket_event":
        row["kind"] = "note"
    if table in ("ticket_word", "mail_word"):
        row["word"] = "reyes"
    names = ", ".join(row)
    with house.db.tx() as tx:
        tx.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})", **row)


def named(house: House, table: str, name: str) -> Iterator[str]:
    """Columns in which the name stands, sealed ones opened."""
    for row in house.rows(f"SELECT * FROM {table}"):
        for column, value in row.items():
            text = str(value)
            if isinstance(value, bytes | memoryview):
                data = bytes(value)
                box = BOXES.get((table, column))
                text = (house.app.vault.unseal(box[1], data) if box and data else data).decode("utf-8", "replace")
            if name.casefold() in text.casefold():
                yield f"{table}.{column}"


TABLES = sorted(table for table, entry in MAP.tables.items() if any(w in WORDS or s for _, w, s in entry.columns()))
PEOPLE = frozenset(
    {"identity", "slack_user", "teams_user", "roster"}
)  # profiles: each is one person's, and goes as a row


@pytest.mark.parametrize("table", [table for table in TABLES if table not in PEOPLE])
def test_a_name_is_gone_from_every_column_that_can_hold_it(house: House, table: str) -> None:
    house.say(DANA, f"hello {NONSENSE}")
    plant(house, table, "asked Dana Reyes, DANA.REYES@northwind.example, twice")
    before = set(named(house, table, "Reyes"))
    can = {
        f"{table}.{column}"
        for column, what, sealed in MAP.tables[table].columns()
        if (what in WORDS or sealed) and column not in allowed().get(table, {}) and (table, column) not in SHORT_LIVED
    }
    assert can <= before
    house.app.forget(DANA)
    left = set(named(house, table, "reyes"))
    assert [] == sorted(left - STAYS.keys())
    assert house.whole()


def test_what_stays_is_there_and_no_more() -> None:
    columns = {f"{table}.{column}" for table, entry in MAP.tables.items() for column, _, _ in entry.columns()}
    assert [] == sorted(STAYS.keys() - columns)

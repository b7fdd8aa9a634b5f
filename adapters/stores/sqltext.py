"""What both stores do to SQL text and to values, so that one text and one value mean the same on each.

The shared subset: `:name` parameters, `ON CONFLICT … DO NOTHING | DO UPDATE`, `RETURNING`, text ids, UTC epoch seconds
as doubles, JSON as text, 0 and 1 for booleans. A parameter whose type nothing gives away needs a cast on PostgreSQL
(`CAST(:x AS TEXT) IS NULL`).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache

from bot.ports import Tx

# What must be left alone comes first: strings, quoted names, comments, dollar quotes and `::` casts.
_TOKEN = re.compile(
    r"""
      (?P<keep> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | :: )
    | (?P<end> ; )
    | (?<![\w:]) : (?P<name> [A-Za-z_]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@lru_cache(maxsize=1024)
def pyformat(sql: str) -> str:
    """`:name` as psycopg's `%(name)s`; a literal `%` is doubled wherever it stands."""
    parts: list[str] = []
    at = 0
    for token in _TOKEN.finditer(sql):
        parts.append(sql[at : token.start()].replace("%", "%%"))
        name = token["name"]
        parts.append(f"%({name})s" if name else token[0].replace("%", "%%"))
        at = token.end()
    parts.append(sql[at:].replace("%", "%%"))
    return "".join(parts)


def statements(script: str) -> Iterator[str]:
    """The statements of a script, without their semicolons. A SQLite trigger's inner ones don't end it."""
    start = 0
    for token in _TOKEN.finditer(script):
        piece = script[start : token.end()]
        if token["end"] and sqlite3.complete_statement(piece):
            start = token.end()
            yield from _unless_empty(piece[:-1])
    yield from _unless_empty(script[start:])


def _unless_empty(piece: str) -> Iterator[str]:
    if _COMMENT.sub("", piece).strip():
        yield piece.strip()


def next_number(tx: Tx, counter: str) -> int:
    """The next number of a counter; whoever else wants one waits until this transaction has ended."""
    return int(tx.query("UPDATE counter SET n = n + 1 WHERE name = :counter RETURNING n", counter=counter)[0]["n"])


def insert(table: str, columns: str) -> str:
    """`INSERT INTO table (a, b) VALUES (:a, :b)` for columns written `a, b`. Both are names of our own."""
    values = ", ".join(f":{name.strip()}" for name in columns.split(","))
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608


def plain(params: Mapping[str, object]) -> dict[str, object]:
    """Parameters as both databases can hold them. Raises `TypeError` for any other type of value."""
    return {name: _plain(name, value) for name, value in params.items()}


def _plain(name: str, value: object) -> object:
    if isinstance(value, Enum):  # psycopg would store an enum's name, SQLite its value
        value = value.value
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | bytes):
        return value
    raise TypeError(f"parameter {name!r} is a {type(value).__name__}: pass text, a number, bytes or None")


def _text(value: str) -> str:
    """Text that PostgreSQL and UTF-8 refuse (NUL, lone surrogates: hostile mail has both) with U+FFFD in its place."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value

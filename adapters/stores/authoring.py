"""SQL of changes to answers and of review reminders: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from adapters.stores.sqltext import next_number
from bot.answering.changes import Change, Usage
from bot.ports import Db, Row, Tx

_COLUMNS = tuple(field.name for field in fields(Change))
_ALL = f"SELECT {', '.join(_COLUMNS)} FROM answer_change"  # noqa: S608 (constants)


class SqlAuthoringStore:
    """Implements `bot.answering.changes.ChangeStore` and `bot.answering.reviews.AskStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # changes

    def next_number(self, tx: Tx) -> int:
        return next_number(tx, "answer_change")

    def add(self, tx: Tx, change: Change) -> bool:
        names = ", ".join(f":{name}" for name in _COLUMNS)
        sql = f"""INSERT INTO answer_change ({", ".join(_COLUMNS)}) VALUES ({names})
                  ON CONFLICT DO NOTHING RETURNING id"""  # noqa: S608 (constants)
        return bool(tx.query(sql, **asdict(change)))

    def save(self, tx: Tx, change: Change, seen: int) -> bool:
        sql = """UPDATE answer_change SET yaml = :yaml, state = :state, base = :base, before = :before, author = :author,
                     note = :note, rev = rev + 1, updated_at = :updated_at
                 WHERE id = :id AND rev = :seen AND state IN ('draft', 'waiting')"""
        names = ("yaml", "state", "base", "before", "author", "note", "updated_at", "id")
        row = asdict(change)
        return tx.execute(sql, seen=seen, **{name: row[name] for name in names}) == 1

    def decide(self, tx: Tx, change: str, before: str, after: str, approver: str, note: str, at: float) -> bool:
        sql = """UPDATE answer_change SET state = :after, note = :note, updated_at = :at, decided_at = :at, rev = rev + 1,
                     approver = CASE WHEN :approver = '' THEN approver ELSE :approver END
                 WHERE id = :id AND state = :before"""
        return tx.execute(sql, id=change, before=before, after=after, approver=approver, note=note, at=at) == 1

    def finish(self, tx: Tx, change: Change) -> bool:
        sql = """UPDATE answer_change SET state = 'approved', yaml = :yaml, base = :base, before = :before,
                     approver = :approver, updated_at = :decided_at, decided_at = :decided_at
                 WHERE id = :id AND state = 'waiting' AND rev = :rev"""
        row = asdict(change)
        names = ("yaml", "base", "before", "approver", "decided_at", "id", "rev")
        return tx.execute(sql, **{name: row[name] for name in names}) == 1

    def change(self, change: str) -> Row | None:
        return _first(self._db.query(f"{_ALL} WHERE id = :id", id=change))

    def open_change(self, entry: str) -> Row | None:
        return _first(self._db.query(f"{_ALL} WHERE entry = :entry AND state IN ('draft', 'waiting')", entry=entry))

    def all_open(self) -> list[Row]:
        return self._db.query(f"{_ALL} WHERE state IN ('draft', 'waiting') ORDER BY seq")

    def history(self, entry: str, limit: int) -> list[Row]:
        sql = f"{_ALL} WHERE entry = :entry AND state NOT IN ('draft', 'waiting') ORDER BY seq DESC LIMIT :limit"
        return self._db.query(sql, entry=entry, limit=limit)

    def unwritten(self) -> list[Row]:
        return self._db.query(f"{_ALL} WHERE state = 'approved' ORDER BY seq")

    def take_over(self, tx: Tx, old: str, new: str) -> int:
        """What one pseudonym has not finished is another's now; how many changes."""
        sql = "UPDATE answer_change SET author = :new WHERE author = :old AND state IN ('draft', 'waiting')"
        return tx.execute(sql, old=old, new=new)

    # how answers do

    def usage(self, since: float) -> Mapping[str, Usage]:
        sql = """SELECT entry, COUNT(*) AS hits, SUM(CASE WHEN rating = 'solved' THEN 1 ELSE 0 END) AS solved,
                     SUM(CASE WHEN rating = 'unhelpful' THEN 1 ELSE 0 END) AS unhelpful
                 FROM question WHERE entry <> '' AND at >= :since GROUP BY entry"""
        return {
            str(row["entry"]): Usage(int(row["hits"]), int(row["solved"]), int(row["unhelpful"]))
            for row in self._db.query(sql, since=since)
        }

    def recent_questions(self, limit: int) -> list[str]:
        sql = "SELECT text FROM question WHERE text <> '' ORDER BY at DESC LIMIT :limit"
        return [str(row["text"]) for row in self._db.query(sql, limit=limit)]

    # reminders

    def add_ask(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False if this person was asked at this stage before."""
        sql = """INSERT INTO review_ask (entry, due, stage, person, at) VALUES (:entry, :due, :stage, :person, :at)
                 ON CONFLICT (entry, due, stage, person) DO NOTHING RETURNING entry"""
        return bool(tx.query(sql, **row))

    def asks(self, since: float) -> list[Row]:
        """Who was asked what since a moment."""
        return self._db.query("SELECT entry, due, stage, person, at FROM review_ask WHERE at >= :since", since=since)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

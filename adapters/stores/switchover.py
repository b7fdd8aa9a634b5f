"""SQL of waves of a migration: rows of `wave` and `wave_person` like those of campaigns, one a person and step."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx


class SqlSwitchStore:
    """Implements `bot.learning.switchover.SwitchStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def put(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO wave (id, kind, lesson, title, audience, day, state, test, at_once, actor, at, ended_at)
               VALUES (:id, 'migration', '', :title, :audience, :day, 'running', 0, 0, :actor, :at, 0)
               ON CONFLICT (id) DO UPDATE SET title = excluded.title, audience = excluded.audience, day = excluded.day,
               state = 'running', ended_at = 0""",
            **row,
        )

    def active(self) -> list[Row]:
        return self._db.query("SELECT * FROM wave WHERE kind = 'migration' AND state = 'running' ORDER BY day, id")

    def of_file(self) -> list[Row]:
        """Those that are over too: a file that has not changed must not start them again."""
        return self._db.query("SELECT * FROM wave WHERE kind = 'migration' AND id LIKE 'file-%'")

    def told(self, wave: str, step: str) -> frozenset[str]:
        sql = "SELECT person FROM wave_person WHERE wave = :wave AND step = :step"
        return frozenset(row["person"] for row in self._db.query(sql, wave=wave, step=step))

    def settle(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO wave_person (wave, person, step, state, planned_at, reason, rules, nudge, delivery, channel)
                 VALUES (:wave, :person, :step, :state, :at, :reason, '', '', '', '')
                 ON CONFLICT (wave, person, step) DO NOTHING RETURNING person"""
        return bool(tx.query(sql, **row))

    def delivered(self, tx: Tx, wave: str, person: str, step: str, delivery: str) -> None:
        sql = "UPDATE wave_person SET delivery = :delivery WHERE wave = :wave AND person = :person AND step = :step"
        tx.execute(sql, wave=wave, person=person, step=step, delivery=delivery)

    def end(self, tx: Tx, wave: str, at: float, state: str) -> None:
        sql = """UPDATE wave SET state = :state, ended_at = :at
                 WHERE id = :wave AND state NOT IN ('done', 'cancelled')"""
        tx.execute(sql, wave=wave, at=at, state=state)

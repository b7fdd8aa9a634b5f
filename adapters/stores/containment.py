"""SQL of what was done about accounts in an emergency. One text, both databases."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_STEP = "id, ticket, person, kind, state, asked_by, asked_at, decided_by, decided_at, done_at, result, dry"


class SqlContainmentStore:
    """Implements `bot.helpdesk.containment.ContainmentStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False while the same step for the same account waits for a second person, or is being done."""
        sql = """INSERT INTO containment (id, ticket, person, kind, state, asked_by, asked_at, decided_by, decided_at)
                 SELECT CAST(:id AS TEXT), CAST(:ticket AS TEXT), CAST(:person AS TEXT), CAST(:kind AS TEXT),
                        CAST(:state AS TEXT), CAST(:by AS TEXT), CAST(:at AS DOUBLE PRECISION), CAST(:decided_by AS TEXT),
                        CAST(:at AS DOUBLE PRECISION)
                 WHERE NOT EXISTS (SELECT 1 FROM containment WHERE person = :person AND kind = :kind
                                   AND state IN ('asked', 'approved')) RETURNING id"""
        return bool(tx.query(sql, **row))

    def decide(self, tx: Tx, step: str, by: str, state: str, at: float) -> Row | None:
        """The step, if it was still waiting. To approve takes somebody else than who asked; to refuse it does not."""
        other = "AND asked_by <> :by AND person <> :by" if state == "approved" else ""
        sql = f"""UPDATE containment SET state = :state, decided_by = :by, decided_at = :at
                  WHERE id = :id AND state = 'asked' {other} RETURNING {_STEP}"""  # noqa: S608
        return _first(tx.query(sql, id=step, by=by, state=state, at=at))

    def settle(self, tx: Tx, step: str, state: str, result: str, at: float, *, dry: bool) -> bool:
        sql = """UPDATE containment SET state = :state, result = :result, done_at = :at, dry = :dry
                 WHERE id = :id AND state = 'approved'"""
        return tx.execute(sql, id=step, state=state, result=result, at=at, dry=int(dry)) == 1

    def step(self, step: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_STEP} FROM containment WHERE id = :id", id=step))  # noqa: S608

    def steps(self, ticket: str) -> list[Row]:
        sql = f"SELECT {_STEP} FROM containment WHERE ticket = :ticket ORDER BY asked_at, id"  # noqa: S608
        return self._db.query(sql, ticket=ticket)

    def last(self, person: str, kinds: tuple[str, str]) -> str:
        """Which of two opposite steps was really done last for an account; "" if none was."""
        sql = """SELECT kind FROM containment WHERE person = :person AND state = 'done' AND dry = 0
                 AND kind IN (:one, :other) ORDER BY done_at DESC LIMIT 1"""
        row = _first(self._db.query(sql, person=person, one=kinds[0], other=kinds[1]))
        return str(row["kind"]) if row else ""


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

"""SQL of tickets and pages: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_COLUMNS = (
    "number, seq, kind, subject, severity, state, queue, requester, assignee, place, join_key, created_at, updated_at, "
    "acknowledged_at, resolved_at, next_due_at"
)
_CHANGEABLE = {"severity", "state", "queue", "assignee", "acknowledged_at", "resolved_at", "next_due_at", "subject"}
_STATES = {
    "unresolved": "state <> 'resolved'",
    "open": "state = 'open'",
    "claimed": "state = 'claimed'",
    "resolved": "state = 'resolved'",
    "all": "1 = 1",
}


class SqlTicketStore:
    """Implements `bot.helpdesk.tickets.TicketStore` and `bot.helpdesk.oncall.PageStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def next_number(self, tx: Tx) -> int:
        return int(tx.query("UPDATE counter SET n = n + 1 WHERE name = 'ticket' RETURNING n")[0]["n"])

    def joinable(self, tx: Tx, join_key: str, after: float) -> Row | None:
        sql = """SELECT number FROM ticket WHERE join_key = :join_key AND state <> 'resolved' AND updated_at >= :after
                 ORDER BY created_at DESC LIMIT 1"""
        return _first(tx.query(sql, join_key=join_key, after=after))

    def add_ticket(self, tx: Tx, row: Mapping[str, object]) -> None:
        names = [name.strip() for name in _COLUMNS.split(",")]
        values = ", ".join(f":{name}" for name in names)
        tx.execute(f"INSERT INTO ticket ({_COLUMNS}) VALUES ({values})", **row)  # noqa: S608 (names are ours)

    def lock(self, tx: Tx, number: str, at: float) -> Row | None:
        sql = f"UPDATE ticket SET updated_at = :at WHERE number = :number RETURNING {_COLUMNS}"  # noqa: S608
        return _first(tx.query(sql, number=number, at=at))

    def change(self, tx: Tx, number: str, changes: Mapping[str, object]) -> None:
        assert set(changes) <= _CHANGEABLE  # noqa: S101
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        tx.execute(f"UPDATE ticket SET {sets} WHERE number = :number", number=number, **changes)  # noqa: S608

    def add_event(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO ticket_event (id, ticket, seq, at, actor, kind, text, visible)
               SELECT :id, :ticket, COALESCE(MAX(seq), 0) + 1, CAST(:at AS DOUBLE PRECISION), :actor, :kind, :text,
                      CAST(:visible AS BIGINT)
               FROM ticket_event WHERE ticket = :ticket""",
            **row,
        )

    def ticket(self, number: str) -> Row | None:
        sql = f"SELECT {_COLUMNS} FROM ticket WHERE number = :number"  # noqa: S608
        return _first(self._db.query(sql, number=number))

    def events(self, number: str, *, visible_only: bool) -> list[Row]:
        sql = """SELECT seq, at, actor, kind, text, visible FROM ticket_event
                 WHERE ticket = :number AND visible >= :least ORDER BY seq"""
        return self._db.query(sql, number=number, least=int(visible_only))

    def tickets(self, *, state: str, assignee: str, limit: int) -> list[Row]:
        where = _STATES[state] + (" AND assignee = :assignee" if assignee else "")
        trouble = "CASE WHEN severity = 'S3' AND state <> 'resolved' THEN 0 ELSE 1 END"  # somebody is in it now
        order = "updated_at DESC" if state == "resolved" else f"{trouble}, next_due_at, seq"
        sql = f"SELECT {_COLUMNS} FROM ticket WHERE {where} ORDER BY {order} LIMIT :limit"  # noqa: S608
        return self._db.query(sql, limit=limit, **({"assignee": assignee} if assignee else {}))

    def of_person(self, requester: str, limit: int) -> list[Row]:
        sql = f"SELECT {_COLUMNS} FROM ticket WHERE requester = :requester ORDER BY seq DESC LIMIT :limit"  # noqa: S608
        return self._db.query(sql, requester=requester, limit=limit)

    def counts(self) -> dict[str, int]:
        """Unresolved tickets by severity."""
        rows = self._db.query("SELECT severity, COUNT(*) AS n FROM ticket WHERE state <> 'resolved' GROUP BY severity")
        return {row["severity"]: row["n"] for row in rows}

    # attachments

    def add_attachment(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO attachment (id, ticket, event, person, name, type, size, body, at)
               VALUES (:id, :ticket, :event, :person, :name, :type, :size, :body, :at)""",
            **row,
        )

    def attachments(self, ticket: str) -> list[Row]:
        """Without their bytes, by the number of the line that they came with."""
        sql = """SELECT attachment.id, attachment.name, attachment.size, ticket_event.seq FROM attachment
                 JOIN ticket_event ON ticket_event.id = attachment.event WHERE attachment.ticket = :ticket ORDER BY seq"""
        return self._db.query(sql, ticket=ticket)

    def attachment(self, name: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM attachment WHERE id = :id", id=name))

    # pages

    def add_page(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None:
        tx.execute(
            """INSERT INTO page (key, ticket, summary, people, state, error, created_at, sent_at, acknowledged_at)
               VALUES (:key, :ticket, :summary, '', 'queued', '', :at, 0, 0) ON CONFLICT (key) DO NOTHING""",
            key=key, ticket=ticket, summary=summary, at=at,
        )  # fmt: skip

    def page(self, key: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM page WHERE key = :key", key=key))

    def settle_page(self, key: str, people: str, state: str, error: str, at: float) -> None:
        with self._db.tx() as tx:
            tx.execute(
                "UPDATE page SET people = :people, state = :state, error = :error, sent_at = :at WHERE key = :key",
                key=key, people=people, state=state, error=error, at=at,
            )  # fmt: skip

    def acknowledge_page(self, tx: Tx, key: str, at: float) -> bool:
        sql = "UPDATE page SET acknowledged_at = :at WHERE key = :key AND acknowledged_at = 0"
        return tx.execute(sql, key=key, at=at) == 1

    def pages(self, limit: int) -> list[Row]:
        return self._db.query("SELECT * FROM page ORDER BY acknowledged_at, created_at DESC LIMIT :limit", limit=limit)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

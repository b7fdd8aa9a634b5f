"""What the console lists: read-only SQL over the pillars' tables, one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ports import Db, Row, Tx

_MAIL = "sha256, name, size, ticket, state, kind, decided_by, verdict, created_at, decided_at"
_REPORTERS = "(SELECT COUNT(*) FROM submission WHERE submission.sha256 = mail.sha256) AS reporters"
_PAGE = "key, ticket, summary, people, state, error, created_at, sent_at, acknowledged_at"


class SqlConsoleStore:
    """Implements `adapters.web.services.ConsoleStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def ticket_counts(self) -> dict[str, int]:
        """Unresolved tickets by severity."""
        return self._counts(
            "SELECT severity AS name, COUNT(*) AS n FROM ticket WHERE state <> 'resolved' GROUP BY severity"
        )

    # pages

    def open_pages(self) -> int:
        """Calls that nobody has acknowledged."""
        return int(self._db.query("SELECT COUNT(*) AS n FROM page WHERE acknowledged_at = 0")[0]["n"])

    def pages(self, limit: int) -> list[Row]:
        """Unacknowledged ones first, newest first."""
        sql = f"""SELECT {_PAGE} FROM page
                  ORDER BY CASE WHEN acknowledged_at = 0 THEN 0 ELSE 1 END, created_at DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, limit=limit)

    def page(self, key: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_PAGE} FROM page WHERE key = :key", key=key))  # noqa: S608

    def acknowledge_page(self, tx: Tx, key: str, at: float) -> bool:
        """True for the one who was first."""
        sql = "UPDATE page SET acknowledged_at = :at WHERE key = :key AND acknowledged_at = 0"
        return tx.execute(sql, key=key, at=at) == 1

    # reported mail

    def mails(self, state: str, limit: int) -> list[Row]:
        """Newest first. `state`: checking, decided, or "" for all."""
        where = "WHERE state = :state" if state else ""
        sql = f"SELECT {_MAIL}, {_REPORTERS} FROM mail {where} ORDER BY created_at DESC LIMIT :limit"  # noqa: S608
        return self._db.query(sql, limit=limit, **({"state": state} if state else {}))

    def mail_of_ticket(self, number: str) -> Row | None:
        """With `facts`: what the desk may see of it, as JSON text."""
        sql = f"SELECT {_MAIL}, facts, {_REPORTERS} FROM mail WHERE ticket = :number ORDER BY created_at LIMIT 1"  # noqa: S608
        return _first(self._db.query(sql, number=number))

    def reports(self, numbers: Sequence[str]) -> dict[str, int]:
        given = {f"n{place}": number for place, number in enumerate(numbers)}
        if not given:
            return {}
        names = ", ".join(f":{name}" for name in given)
        sql = f"SELECT ticket, reports FROM campaign WHERE reports > 1 AND ticket IN ({names})"  # noqa: S608 (names of ours)
        return {str(row["ticket"]): int(row["reports"]) for row in self._db.query(sql, **given)}

    def mail_counts(self) -> dict[str, int]:
        """Mails by verdict ("" while checking)."""
        return self._counts("SELECT kind AS name, COUNT(*) AS n FROM mail GROUP BY kind")

    # the rest

    def told(self, number: str) -> list[Row]:
        """Cards about a ticket that went to the person, oldest first."""
        sql = """SELECT id, card, at FROM utterance
                 WHERE ticket = :number AND direction = 'out' AND card <> '' ORDER BY at"""
        return self._db.query(sql, number=number)

    def audit_tail(self, limit: int, before: int = 0) -> list[Row]:
        """The newest rows of the chain first; with `before` only older ones."""
        older = "WHERE seq < :before" if before else ""
        sql = f"SELECT seq, at, actor, action, subject, detail FROM audit {older} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
        return self._db.query(sql, limit=limit, **({"before": before} if before else {}))

    def deliveries(self) -> dict[str, int]:
        return self._counts("SELECT state AS name, COUNT(*) AS n FROM delivery GROUP BY state")

    def outbox(self) -> dict[str, int]:
        return self._counts("SELECT state AS name, COUNT(*) AS n FROM outbox GROUP BY state")

    def failures(self, limit: int) -> list[Row]:
        sql = """SELECT kind, key, error, attempts, created_at FROM outbox WHERE state = 'failed'
                 ORDER BY created_at DESC LIMIT :limit"""
        return self._db.query(sql, limit=limit)

    def events(self) -> int:
        return int(self._db.query("SELECT COUNT(*) AS n FROM event")[0]["n"])

    def _counts(self, sql: str) -> dict[str, int]:
        return {str(row["name"]): int(row["n"]) for row in self._db.query(sql)}


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

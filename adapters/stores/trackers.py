"""SQL of tickets in another ticket system: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx

_BEHIND = "(changes > settled OR looks > looked)"
_CHANGEABLE = {
    "remote", "done_seq", "trying_seq", "settled", "looked", "status", "owner", "severity", "void_status", "void_owner",
    "void_severity", "restate", "attempts", "next_at", "error", "failing_since",
}  # fmt: skip
_CURSOR = {"cursor", "asked_at", "error", "failing_since"}


class SqlTrackedStore:
    """Implements `bot.helpdesk.trackers.TrackedStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def touch(self, tx: Tx, tracker: str, ticket: str, at: float) -> None:
        tx.execute(
            """INSERT INTO tracked (tracker, ticket, changes, at) VALUES (:tracker, :ticket, 1, :at)
               ON CONFLICT (tracker, ticket) DO UPDATE SET changes = tracked.changes + 1""",
            tracker=tracker, ticket=ticket, at=at,
        )  # fmt: skip

    def claim(self, tracker: str, ticket: str, token: str, at: float, until: float) -> Row | None:
        sql = f"""UPDATE tracked SET lease = :token, lease_until = :until WHERE tracker = :tracker AND ticket = :ticket
                  AND {_BEHIND} AND next_at <= :at AND lease_until <= :at RETURNING *"""  # noqa: S608 (a constant)
        with self._db.tx() as tx:
            return _first(tx.query(sql, tracker=tracker, ticket=ticket, token=token, at=at, until=until))

    def keep(self, tracker: str, ticket: str, token: str, until: float, changes: Mapping[str, object]) -> bool:
        return self._held(tracker, ticket, token, {**changes, "lease_until": until})

    def release(self, tracker: str, ticket: str, token: str, changes: Mapping[str, object]) -> bool:
        return self._held(tracker, ticket, token, {**changes, "lease": "", "lease_until": 0.0})

    def _held(self, tracker: str, ticket: str, token: str, changes: Mapping[str, object]) -> bool:
        sets = _sets(changes, _CHANGEABLE | {"lease", "lease_until"})
        sql = f"UPDATE tracked SET {sets} WHERE tracker = :tracker AND ticket = :ticket AND lease = :token"  # noqa: S608
        with self._db.tx() as tx:
            return tx.execute(sql, tracker=tracker, ticket=ticket, token=token, **changes) == 1

    def keep_in(self, tx: Tx, tracker: str, ticket: str, changes: Mapping[str, object]) -> None:
        sql = f"UPDATE tracked SET {_sets(changes, _CHANGEABLE)} WHERE tracker = :tracker AND ticket = :ticket"  # noqa: S608
        tx.execute(sql, tracker=tracker, ticket=ticket, **changes)

    def row(self, tracker: str, ticket: str) -> Row | None:
        sql = "SELECT * FROM tracked WHERE tracker = :tracker AND ticket = :ticket"
        return _first(self._db.query(sql, tracker=tracker, ticket=ticket))

    def behind(self, tracker: str, at: float, limit: int) -> list[str]:
        sql = f"""SELECT ticket FROM tracked WHERE tracker = :tracker AND {_BEHIND} AND next_at <= :at AND lease_until <= :at
                  ORDER BY next_at, at LIMIT :limit"""  # noqa: S608 (a constant)
        return [str(row["ticket"]) for row in self._db.query(sql, tracker=tracker, at=at, limit=limit)]

    def events(self, tracker: str, ticket: str, after: int, limit: int) -> list[Row]:
        sql = """SELECT e.seq, e.at, e.actor, e.kind, e.text, e.visible, e.detail,
                        CASE WHEN l.seq IS NULL THEN 0 ELSE 1 END AS theirs
                 FROM ticket_event e LEFT JOIN tracked_line l ON l.tracker = :tracker AND l.ticket = e.ticket AND l.seq = e.seq
                 WHERE e.ticket = :ticket AND e.seq > :after ORDER BY e.seq LIMIT :limit"""
        return self._db.query(sql, tracker=tracker, ticket=ticket, after=after, limit=limit)

    def lock(self, tx: Tx, ticket: str) -> int:
        tx.execute("UPDATE ticket SET updated_at = updated_at WHERE number = :ticket", ticket=ticket)
        sql = "SELECT COALESCE(MAX(seq), 0) AS last FROM ticket_event WHERE ticket = :ticket"
        return int(tx.query(sql, ticket=ticket)[0]["last"])

    def came(self, tx: Tx, tracker: str, ticket: str, after: int) -> None:
        tx.execute(
            """INSERT INTO tracked_line (tracker, ticket, seq)
               SELECT CAST(:tracker AS TEXT), ticket, seq FROM ticket_event WHERE ticket = :ticket AND seq > :after
               ON CONFLICT DO NOTHING""",
            tracker=tracker, ticket=ticket, after=after,
        )  # fmt: skip

    def link(self, tx: Tx, tracker: str, ticket: str, remote: str, at: float) -> None:
        """A ticket that is there already: everything up to now is known on both sides."""
        tx.execute(
            """INSERT INTO tracked (tracker, ticket, remote, at, done_seq)
               SELECT CAST(:tracker AS TEXT), CAST(:ticket AS TEXT), CAST(:remote AS TEXT), CAST(:at AS DOUBLE PRECISION),
                      COALESCE(MAX(seq), 0) FROM ticket_event WHERE ticket = :ticket
               ON CONFLICT (tracker, ticket) DO UPDATE SET remote = excluded.remote, done_seq = excluded.done_seq,
               settled = tracked.changes""",
            tracker=tracker, ticket=ticket, remote=remote, at=at,
        )  # fmt: skip

    # asking for news

    def take_cursor(self, tracker: str, token: str, at: float, until: float) -> Row | None:
        with self._db.tx() as tx:
            tx.execute("INSERT INTO tracker_cursor (tracker) VALUES (:tracker) ON CONFLICT DO NOTHING", tracker=tracker)
            sql = """UPDATE tracker_cursor SET lease = :token, lease_until = :until WHERE tracker = :tracker
                     AND lease_until <= :at RETURNING *"""
            return _first(tx.query(sql, tracker=tracker, token=token, at=at, until=until))

    def put_cursor(self, tracker: str, token: str, changes: Mapping[str, object], remotes: Sequence[str]) -> None:
        """Remember how far we are, together with what has to be looked at: neither without the other."""
        sets = _sets({**changes, "lease": "", "lease_until": 0.0}, _CURSOR | {"lease", "lease_until"})
        with self._db.tx() as tx:
            sql = f"UPDATE tracker_cursor SET {sets} WHERE tracker = :tracker AND lease = :token"  # noqa: S608
            given = {**changes, "lease": "", "lease_until": 0.0}
            if tx.execute(sql, tracker=tracker, token=token, **given):
                for remote in sorted(set(remotes)):
                    look = "UPDATE tracked SET looks = looks + 1 WHERE tracker = :tracker AND remote = :remote"
                    tx.execute(look, tracker=tracker, remote=remote)

    def cursor(self, tracker: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM tracker_cursor WHERE tracker = :tracker", tracker=tracker))

    # what the desk sees

    def undelivered(self, tracker: str, limit: int) -> list[Row]:
        sql = """SELECT t.ticket, t.remote, t.error, t.failing_since, t.next_at, t.attempts, ticket.subject, ticket.severity,
                        (SELECT COUNT(*) FROM ticket_event e WHERE e.ticket = t.ticket AND e.seq > t.done_seq) AS lines
                 FROM tracked t JOIN ticket ON ticket.number = t.ticket
                 WHERE t.tracker = :tracker AND t.error <> '' ORDER BY t.failing_since, t.ticket LIMIT :limit"""
        return self._db.query(sql, tracker=tracker, limit=limit)

    def counts(self, tracker: str) -> dict[str, int]:
        """Tickets that wait, that fail, and all."""
        sql = f"""SELECT COUNT(*) AS every, COALESCE(SUM(CASE WHEN {_BEHIND} THEN 1 ELSE 0 END), 0) AS waiting,
                         COALESCE(SUM(CASE WHEN error <> '' THEN 1 ELSE 0 END), 0) AS failing
                  FROM tracked WHERE tracker = :tracker"""  # noqa: S608 (a constant)
        return {name: int(value) for name, value in self._db.query(sql, tracker=tracker)[0].items()}

    def retry(self, tx: Tx, tracker: str, ticket: str) -> bool:
        sql = f"UPDATE tracked SET next_at = 0 WHERE tracker = :tracker AND ticket = :ticket AND {_BEHIND}"  # noqa: S608
        return tx.execute(sql, tracker=tracker, ticket=ticket) == 1

    # imports

    def imported(self, tx: Tx, source: str, external: str) -> Row | None:
        sql = "SELECT ticket, digest FROM ticket_import WHERE source = :source AND external = :external"
        return _first(tx.query(sql, source=source, external=external))

    def keep_import(self, tx: Tx, source: str, external: str, ticket: str, digest: str, at: float) -> None:
        tx.execute(
            """INSERT INTO ticket_import (source, external, ticket, digest, at) VALUES (:source, :external, :ticket, :digest, :at)
               ON CONFLICT (source, external) DO UPDATE SET digest = excluded.digest, at = excluded.at""",
            source=source, external=external, ticket=ticket, digest=digest, at=at,
        )  # fmt: skip


def _sets(changes: Mapping[str, object], known: set[str]) -> str:
    assert set(changes) <= known  # noqa: S101
    return ", ".join(f"{name} = :{name}" for name in changes)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

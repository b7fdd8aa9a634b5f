"""SQL of the reporting mailbox: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx


class SqlLetterStore:
    """Implements `bot.reporting.postbox.LetterStore` and `bot.reporting.watching.WatchStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # letters

    def add_letter(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO letter (id, person, sealed, way, why, at) VALUES (:id, :person, :sealed, :way, :why, :at)
                 ON CONFLICT (id) DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def thread(self, letter: str) -> bytes:
        """What an answer to a letter needs, sealed; nothing if there is none."""
        row = _first(self._db.query("SELECT sealed FROM letter WHERE id = :id", id=letter))
        return bytes(row["sealed"]) if row else b""

    def letters(self, person: str, way: str, since: float) -> int:
        """How many letters of one person went this way since then."""
        sql = "SELECT COUNT(*) AS n FROM letter WHERE person = :person AND way = :way AND at >= :since"
        return int(self._db.query(sql, person=person, way=way, since=since)[0]["n"])

    # our answers

    def delivery(self, delivery: str) -> Row | None:
        sql = "SELECT id, person, place, card FROM delivery WHERE id = :id AND channel = 'mail'"
        return _first(self._db.query(sql, id=delivery))

    def delivery_of(self, key: str) -> str:
        row = _first(self._db.query("SELECT id FROM delivery WHERE key = :key", key=key))
        return str(row["id"]) if row else ""

    def mailed(self, person: str, since: float) -> int:
        """How many mails went to one person since then."""
        sql = """SELECT COUNT(*) AS n FROM delivery
                 WHERE person = :person AND channel = 'mail' AND state = 'sent' AND sent_at >= :since"""
        return int(self._db.query(sql, person=person, since=since)[0]["n"])

    # the mailbox

    def lease(self, tx: Tx, mailbox: str, holder: str, at: float, until: float) -> bool:
        """Whether this replica may watch it now."""
        sql = """INSERT INTO mailbox (name, holder, lease_until) VALUES (:name, :holder, :until)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
                 WHERE mailbox.holder = excluded.holder OR mailbox.lease_until < :at RETURNING name"""
        return bool(tx.query(sql, name=mailbox, holder=holder, at=at, until=until))

    def looked(self, tx: Tx, mailbox: str, at: float, waiting: int, error: str) -> None:
        """How a look went: a failed one leaves the time of the last good one."""
        sql = """UPDATE mailbox SET waiting = :waiting, error = :error,
                 looked_at = CASE WHEN :error = '' THEN CAST(:at AS DOUBLE PRECISION) ELSE looked_at END
                 WHERE name = :name"""
        tx.execute(sql, name=mailbox, at=at, waiting=waiting, error=error[:200])

    def mailbox(self, name: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM mailbox WHERE name = :name", name=name))

    def seen(self, mailbox: str, validity: str, uids: Sequence[int]) -> dict[int, Row]:
        """What is known of some of its mails."""
        found: dict[int, Row] = {}
        for start in range(0, len(uids), 200):
            some = {f"u{place}": uid for place, uid in enumerate(uids[start : start + 200])}
            sql = f"""SELECT uid, folder, attempts FROM letter_seen
                      WHERE mailbox = :mailbox AND validity = :validity
                      AND uid IN ({", ".join(f":{name}" for name in some)})"""  # noqa: S608 (names are ours)
            found |= {int(row["uid"]): row for row in self._db.query(sql, mailbox=mailbox, validity=validity, **some)}
        return found

    def attempt(self, tx: Tx, mailbox: str, validity: str, uid: int, at: float) -> int:
        """One more try at a mail; how many there were with it."""
        sql = """INSERT INTO letter_seen (mailbox, validity, uid, attempts, at) VALUES (:mailbox, :validity, :uid, 1, :at)
                 ON CONFLICT (mailbox, validity, uid) DO UPDATE SET attempts = letter_seen.attempts + 1
                 RETURNING attempts"""
        return int(tx.query(sql, mailbox=mailbox, validity=validity, uid=uid, at=at)[0]["attempts"])

    def taken(self, tx: Tx, mailbox: str, validity: str, uid: int, folder: str, at: float) -> None:
        """A mail has had its effect, and belongs into a folder now."""
        sql = """INSERT INTO letter_seen (mailbox, validity, uid, folder, attempts, at)
                 VALUES (:mailbox, :validity, :uid, :folder, 1, :at)
                 ON CONFLICT (mailbox, validity, uid) DO UPDATE SET folder = excluded.folder"""
        tx.execute(sql, mailbox=mailbox, validity=validity, uid=uid, folder=folder, at=at)

    def tidy(self, tx: Tx, before: float) -> int:
        """Forget where mails lay; they have long been moved."""
        return tx.execute("DELETE FROM letter_seen WHERE at < :before AND folder <> ''", before=before)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

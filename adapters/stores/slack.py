"""SQL of what Slack needs to remember: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx


class SqlSlackStore:
    """Implements `adapters.channels.slack_state.SlackStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # installations

    def install(self, name: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM slack_install WHERE id = :id", id=name))

    def installs(self) -> list[Row]:
        return self._db.query("SELECT * FROM slack_install ORDER BY id")

    def keep_install(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO slack_install (id, team, enterprise, name, scopes, sealed, updated_at)
               VALUES (:id, :team, :enterprise, :name, :scopes, :sealed, :at)
               ON CONFLICT (id) DO UPDATE SET team = excluded.team, enterprise = excluded.enterprise, name = excluded.name,
               scopes = excluded.scopes, sealed = excluded.sealed, updated_at = excluded.updated_at""",
            **row,
        )

    def drop_install(self, tx: Tx, name: str) -> None:
        tx.execute("DELETE FROM slack_install WHERE id = :id", id=name)

    def add_state(self, tx: Tx, state: str, until: float) -> None:
        tx.execute("INSERT INTO slack_state (state, expires_at) VALUES (:state, :until)", state=state, until=until)

    def take_state(self, tx: Tx, state: str, at: float) -> bool:
        """Use up a state; False if it is unknown, used, or too old. Old ones go as well."""
        found = tx.execute("DELETE FROM slack_state WHERE state = :state AND expires_at >= :at", state=state, at=at)
        tx.execute("DELETE FROM slack_state WHERE expires_at < :at", at=at)
        return found == 1

    # people

    def user(self, digest: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM slack_user WHERE digest = :digest", digest=digest))

    def user_of(self, person: str) -> Row | None:
        """The newest row of a pseudonym."""
        sql = "SELECT * FROM slack_user WHERE person = :person ORDER BY checked_at DESC LIMIT 1"
        return _first(self._db.query(sql, person=person))

    def keep_user(self, tx: Tx, row: Mapping[str, object]) -> None:
        """Insert, or take the newer profile; an empty pseudonym keeps the one that is there."""
        tx.execute(
            """INSERT INTO slack_user (digest, person, sealed, checked_at) VALUES (:digest, :person, :sealed, :at)
               ON CONFLICT (digest) DO UPDATE SET sealed = excluded.sealed, checked_at = excluded.checked_at,
               person = CASE WHEN excluded.person = '' THEN slack_user.person ELSE excluded.person END""",
            **row,
        )

    # messages

    def parts(self, key: str) -> list[Row]:
        return self._db.query(
            "SELECT part, conversation, message FROM slack_part WHERE key = :key ORDER BY part", key=key
        )

    def keep_part(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO slack_part (key, part, conversation, message, sent_at)
               VALUES (:key, :part, :conversation, :message, :at) ON CONFLICT (key, part) DO NOTHING""",
            **row,
        )

    def sent_as(self, key: str) -> str:
        """Where the message of a delivery key is (`conversation/id`), "" if it was not sent."""
        row = _first(self._db.query("SELECT ref FROM delivery WHERE key = :key AND state = 'sent'", key=key))
        return str(row["ref"]) if row else ""

    def place_of_sent(self, ref: str) -> str:
        """The stored place of the delivery that became a message (`conversation/id`), "" if none did."""
        sql = "SELECT place FROM delivery WHERE ref = :ref AND channel = 'slack' AND state = 'sent'"
        row = _first(self._db.query(sql, ref=ref))
        return str(row["place"]) if row else ""

    def heard_at(self) -> float:
        """When the newest event of the platform was stored, 0 if there is none."""
        row = _first(self._db.query("SELECT MAX(at) AS at FROM event WHERE key >= 'slack:' AND key < 'slack;'"))
        return float(row["at"]) if row and row["at"] is not None else 0.0

    # pace

    def lanes(self, tx: Tx, names: Sequence[str], at: float) -> dict[str, Row]:
        """The lanes' rows. They stay locked until the commit, so replicas take turns; always in the same order."""
        sql = """INSERT INTO slack_pace (name, due, paused_until, turn, updated_at) VALUES (:name, 0, 0, 1, :at)
                 ON CONFLICT (name) DO UPDATE SET turn = slack_pace.turn + 1, updated_at = excluded.updated_at
                 RETURNING due, paused_until"""
        return {name: tx.query(sql, name=name, at=at)[0] for name in sorted(names)}

    def set_due(self, tx: Tx, name: str, due: float) -> None:
        tx.execute("UPDATE slack_pace SET due = :due WHERE name = :name", name=name, due=due)

    def pause(self, tx: Tx, name: str, until: float, at: float) -> None:
        """Nobody calls before `until`. A shorter pause never ends a longer one."""
        tx.execute(
            """INSERT INTO slack_pace (name, due, paused_until, turn, updated_at) VALUES (:name, 0, :until, 1, :at)
               ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at,
               paused_until = CASE WHEN slack_pace.paused_until > excluded.paused_until THEN slack_pace.paused_until
                                   ELSE excluded.paused_until END""",
            name=name, until=until, at=at,
        )  # fmt: skip

    def prune(self, tx: Tx, *, parts_before: float, pace_before: float) -> None:
        """Drop what nobody will ask for again."""
        tx.execute("DELETE FROM slack_part WHERE sent_at < :before", before=parts_before)
        tx.execute("DELETE FROM slack_pace WHERE updated_at < :before AND paused_until < :before", before=pace_before)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

"""SQL of what Teams needs to remember: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx


class SqlTeamsStore:
    """Implements `adapters.channels.teams_state.TeamsStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # conversations

    def conversation(self, conversation: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM teams_conversation WHERE id = :id", id=conversation))

    def keep_conversation(self, tx: Tx, row: Mapping[str, object]) -> None:
        """Insert, or follow the platform to another address."""
        tx.execute(
            """INSERT INTO teams_conversation (id, service_url, tenant, bot, scope, team, updated_at)
               VALUES (:id, :service_url, :tenant, :bot, :scope, :team, :at)
               ON CONFLICT (id) DO UPDATE SET service_url = excluded.service_url, tenant = excluded.tenant,
               bot = excluded.bot, scope = excluded.scope, updated_at = excluded.updated_at,
               team = CASE WHEN excluded.team = '' THEN teams_conversation.team ELSE excluded.team END""",
            **row,
        )

    def drop_conversation(self, tx: Tx, conversation: str) -> None:
        """The app was taken out there."""
        tx.execute("DELETE FROM teams_conversation WHERE id = :id", id=conversation)
        tx.execute("UPDATE teams_user SET conversation = '' WHERE conversation = :id", id=conversation)

    # people

    def user(self, digest: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM teams_user WHERE digest = :digest", digest=digest))

    def user_of(self, person: str) -> Row | None:
        """The row of a pseudonym, the one with a chat first."""
        sql = "SELECT * FROM teams_user WHERE person = :person ORDER BY conversation DESC LIMIT 1"
        return _first(self._db.query(sql, person=person))

    def keep_user(self, tx: Tx, row: Mapping[str, object]) -> None:
        """Insert, or take the newer profile; whoever is heard from can be reached."""
        tx.execute(
            """INSERT INTO teams_user (digest, person, conversation, sealed, state, reason, checked_at)
               VALUES (:digest, :person, :conversation, :sealed, 'ok', '', :at)
               ON CONFLICT (digest) DO UPDATE SET sealed = excluded.sealed, state = 'ok', reason = '',
               checked_at = excluded.checked_at,
               person = CASE WHEN excluded.person = '' THEN teams_user.person ELSE excluded.person END,
               conversation = CASE WHEN excluded.conversation = '' THEN teams_user.conversation
                                   ELSE excluded.conversation END""",
            **row,
        )

    def mark_unreachable(self, tx: Tx, conversation: str, reason: str) -> int:
        """The platform says that messages to this chat are not let through."""
        sql = "UPDATE teams_user SET state = 'unreachable', reason = :reason WHERE conversation = :conversation"
        return tx.execute(sql, conversation=conversation, reason=reason[:200])

    def unreachable(self, limit: int = 50) -> list[Row]:
        """Who cannot be reached, and why."""
        sql = "SELECT person, reason FROM teams_user WHERE state = 'unreachable' ORDER BY person LIMIT :limit"
        return self._db.query(sql, limit=limit)

    # cards

    def add_card(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO teams_card (conversation, activity, key, part, sent_at)
               VALUES (:conversation, :activity, :key, :part, :at)
               ON CONFLICT (conversation, activity) DO UPDATE SET key = excluded.key, part = excluded.part""",
            **row,
        )

    def sent_parts(self, key: str) -> dict[int, str]:
        """The messages of a long card that have gone out: part → message id."""
        rows = self._db.query("SELECT part, activity FROM teams_card WHERE key = :key", key=key)
        return {int(row["part"]): str(row["activity"]) for row in rows}

    def card(self, refs: Sequence[str]) -> Row | None:
        """What was sent as this message (`address/id`, as `bot.delivery` keeps it): `card` as stored, and whose it is."""
        for ref in refs:
            if rows := self._db.query("SELECT card, person FROM delivery WHERE ref = :ref", ref=ref):
                return rows[0]
        return None

    def ref_of(self, key: str) -> str:
        """The message that a delivery became, as `card` takes it."""
        row = _first(self._db.query("SELECT ref FROM delivery WHERE key = :key", key=key))
        return str(row["ref"] or "") if row else ""

    def replaced_by(self, conversation: str, activity: str) -> str:
        """The key of the delivery that took the place of a message, "" if none did."""
        sql = "SELECT key FROM teams_card WHERE conversation = :conversation AND activity = :activity AND part = -1"
        row = _first(self._db.query(sql, conversation=conversation, activity=activity))
        return str(row["key"]) if row else ""

    # pace

    def pace(self, tx: Tx, name: str, at: float) -> str:
        """The state of one lane. Its row stays locked until the commit, so replicas take turns."""
        sql = """INSERT INTO teams_pace (name, turn, sent, updated_at) VALUES (:name, 1, '', :at)
                 ON CONFLICT (name) DO UPDATE SET turn = teams_pace.turn + 1, updated_at = excluded.updated_at
                 RETURNING sent"""
        return str(tx.query(sql, name=name, at=at)[0]["sent"])

    def set_pace(self, tx: Tx, name: str, sent: str) -> None:
        tx.execute("UPDATE teams_pace SET sent = :sent WHERE name = :name", name=name, sent=sent)

    def prune(self, tx: Tx, *, cards_before: float, pace_before: float) -> None:
        """Drop what nobody will ask for again."""
        tx.execute("DELETE FROM teams_card WHERE sent_at < :before", before=cards_before)
        tx.execute("DELETE FROM teams_pace WHERE updated_at < :before", before=pace_before)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

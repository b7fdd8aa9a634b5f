"""SQL of events, outbox, deliveries, conversation, dialogues and identities: one text for SQLite and PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx
from bot.turn import BULK, SENDING, TIP


class SqlCoreStore:
    """Implements `bot.turn.CoreStore`, `bot.delivery.DeliveryStore` and `bot.delivery.OutboxStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # events

    def first_time(self, tx: Tx, key: str, at: float, told: float = 0.0) -> bool:
        sql = """INSERT INTO event (key, at, delivery, told_at) VALUES (:key, :at, '', :told)
                 ON CONFLICT (key) DO NOTHING RETURNING key"""
        return bool(tx.query(sql, key=key, at=at, told=min(told, at)))

    def bind_reply(self, tx: Tx, key: str, delivery: str) -> None:
        tx.execute("UPDATE event SET delivery = :delivery WHERE key = :key", key=key, delivery=delivery)

    def earlier_reply(self, key: str) -> Row | None:
        sql = """SELECT delivery.id, delivery.card, delivery.place FROM event
                 JOIN delivery ON delivery.id = event.delivery WHERE event.key = :key"""
        return _first(self._db.query(sql, key=key))

    # outbox

    def enqueue(self, tx: Tx, kind: str, key: str, payload: str, due_at: float, at: float) -> None:
        tx.execute(
            """INSERT INTO outbox (id, kind, key, payload, state, due_at, attempts, created_at, error)
               VALUES (:id, :kind, :key, :payload, 'queued', :due_at, 0, :at, '') ON CONFLICT (key) DO NOTHING""",
            id=uuid.uuid4().hex, kind=kind, key=key, payload=payload, due_at=due_at, at=at,
        )  # fmt: skip

    def due(self, at: float, limit: int) -> list[Row]:
        """What the job engine is to have now. Tips are not among it: they have a way of their own, behind (`due_tips`)."""
        sql = """SELECT kind, key, payload FROM outbox WHERE state = 'queued' AND due_at <= :at AND kind <> :tip
                 ORDER BY due_at LIMIT :limit"""
        return self._db.query(sql, at=at, limit=limit, tip=TIP)

    def due_tips(self, at: float, limit: int, without: Sequence[str] = ()) -> list[Row]:
        names = {f"channel{number}": name for number, name in enumerate(without)}
        others = f"AND delivery.channel NOT IN ({', '.join(f':{name}' for name in names)})" if names else ""
        sql = f"""SELECT outbox.key, delivery.id AS delivery, delivery.channel FROM outbox
                  JOIN delivery ON delivery.id = substr(outbox.key, {len(SENDING) + 1})
                  WHERE outbox.kind = :tip AND outbox.state = 'queued' AND outbox.due_at <= :at {others}
                  ORDER BY outbox.due_at LIMIT :limit"""  # noqa: S608 (names of our own)
        return self._db.query(sql, at=at, limit=limit, tip=TIP, **names)

    def put_off(self, key: str, due_at: float) -> None:
        with self._db.tx() as tx:
            tx.execute(
                "UPDATE outbox SET due_at = :due_at WHERE key = :key AND state = 'queued' AND due_at < :due_at",
                key=key, due_at=due_at,
            )  # fmt: skip

    def handed(self, keys: list[str]) -> None:
        with self._db.tx() as tx:
            for key in keys:
                tx.execute("UPDATE outbox SET state = 'handed' WHERE key = :key AND state = 'queued'", key=key)

    def done(self, key: str) -> None:
        with self._db.tx() as tx:
            tx.execute("UPDATE outbox SET state = 'done', error = '' WHERE key = :key", key=key)

    def failed(self, key: str, error: str) -> None:
        with self._db.tx() as tx:
            tx.execute(
                "UPDATE outbox SET state = 'failed', error = :error, attempts = attempts + 1 WHERE key = :key",
                key=key, error=error[:300],
            )  # fmt: skip

    def requeue_lost(self, before: float, at: float) -> int:
        """Jobs handed over before `before` that never came back (the engine lost its file): queue them again."""
        sql = "UPDATE outbox SET state = 'queued', due_at = :at WHERE state = 'handed' AND due_at < :before"
        with self._db.tx() as tx:
            return tx.execute(sql, at=at, before=before)

    def outbox_counts(self) -> dict[str, int]:
        rows = self._db.query("SELECT state, COUNT(*) AS n FROM outbox GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def failures(self, limit: int = 50) -> list[Row]:
        sql = "SELECT kind, key, error, created_at FROM outbox WHERE state = 'failed' ORDER BY created_at DESC LIMIT :limit"
        return self._db.query(sql, limit=limit)

    # deliveries

    def add_delivery(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO delivery (id, key, channel, place, person, card, state, attempts, due_at, lease_until,
                                       ref, error, priority, created_at, sent_at)
                 VALUES (:id, :key, :channel, :place, :person, :card, 'queued', 0, :at, 0, '', '', :priority, :at, 0)
                 ON CONFLICT (key) DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def claim_delivery(self, delivery: str, at: float, lease: float) -> Row | None:
        """Take a delivery for sending; None if it is sent, given up, or somebody else is at it.

        `again` in the row: whoever had it before never said what became of it, so the platform may have it already.
        """
        take = "UPDATE delivery SET state = 'sending', lease_until = :until, attempts = attempts + 1 WHERE id = :id AND"
        with self._db.tx() as tx:
            fresh = tx.query(f"{take} state = 'queued' RETURNING *", id=delivery, until=at + lease)
            if fresh:
                return {**fresh[0], "again": False}
            sql = f"{take} state = 'sending' AND lease_until < :at RETURNING *"
            left = tx.query(sql, id=delivery, at=at, until=at + lease)
            return {**left[0], "again": True} if left else None

    def refuse(self, delivery: str, error: str) -> None:
        sql = """UPDATE delivery SET state = 'queued', error = :error, lease_until = 0, refusals = refusals + 1
                 WHERE id = :id"""
        with self._db.tx() as tx:
            tx.execute(sql, id=delivery, error=error[:300])

    def untaken(self, channel: str, refusals: int, limit: int) -> list[str]:
        sql = """SELECT id FROM delivery WHERE channel = :channel AND state = 'queued' AND attempts > 0
                 AND refusals < :refusals AND priority < :bulk ORDER BY created_at LIMIT :limit"""
        rows = self._db.query(sql, channel=channel, refusals=refusals, bulk=BULK, limit=limit)
        return [str(row["id"]) for row in rows]

    def delivery_state(self, delivery: str) -> str:
        row = _first(self._db.query("SELECT state FROM delivery WHERE id = :id", id=delivery))
        return row["state"] if row else ""

    def ticket_of(self, delivery: str) -> str:
        """The ticket that a message is about, "" if it is about none."""
        sql = """SELECT ticket FROM utterance WHERE delivery = :delivery
                 AND person = (SELECT person FROM delivery WHERE id = :delivery)"""
        row = _first(self._db.query(sql, delivery=delivery))
        return str(row["ticket"] or "") if row else ""

    def settle_delivery(self, delivery: str, state: str, at: float, *, ref: str = "", error: str = "") -> None:
        """What became of a sending. `sent` and the end of its outbox row are one transaction."""
        with self._db.tx() as tx:
            tx.execute(
                """UPDATE delivery SET state = :state, ref = :ref, error = :error, lease_until = 0,
                   sent_at = CASE WHEN :state = 'sent' THEN CAST(:at AS DOUBLE PRECISION) ELSE sent_at END
                   WHERE id = :id""",
                id=delivery, state=state, ref=ref, error=error[:300], at=at,
            )  # fmt: skip
            if state != "queued":
                outbox = "done" if state == "sent" else "failed"
                tx.execute(
                    "UPDATE outbox SET state = :state, error = :error WHERE key = :key",
                    key=SENDING + delivery, state=outbox, error=error[:300],
                )  # fmt: skip

    # conversation

    def add_utterance(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO utterance (id, person, place, direction, text, card, delivery, ticket, at)
               VALUES (:id, :person, :place, :direction, :text, :card, :delivery, :ticket, :at)""",
            **row,
        )

    def conversation(self, person: str, place: str, limit: int) -> list[Row]:
        sql = """SELECT direction, text, card, at, delivery, ticket FROM utterance
                 WHERE person = :person AND place = :place ORDER BY at DESC LIMIT :limit"""
        return list(reversed(self._db.query(sql, person=person, place=place, limit=limit)))

    def last_card(self, person: str, place: str) -> str:
        sql = """SELECT card FROM utterance WHERE person = :person AND place = :place AND direction = 'out'
                 ORDER BY at DESC LIMIT 1"""
        row = _first(self._db.query(sql, person=person, place=place))
        return row["card"] if row else ""

    # dialogues

    def dialogue(self, person: str, place: str) -> Row | None:
        sql = "SELECT kind, state, updated_at FROM dialogue WHERE person = :person AND place = :place"
        return _first(self._db.query(sql, person=person, place=place))

    def set_dialogue(self, tx: Tx, person: str, place: str, kind: str, state: str, at: float) -> None:
        tx.execute(
            """INSERT INTO dialogue (person, place, kind, state, updated_at) VALUES (:person, :place, :kind, :state, :at)
               ON CONFLICT (person, place) DO UPDATE SET kind = excluded.kind, state = excluded.state,
               updated_at = excluded.updated_at""",
            person=person, place=place, kind=kind, state=state, at=at,
        )  # fmt: skip

    def end_dialogue(self, tx: Tx, person: str, place: str) -> None:
        tx.execute("DELETE FROM dialogue WHERE person = :person AND place = :place", person=person, place=place)

    def last_place(self, person: str) -> str:
        """Where this person last wrote from in a chat, as stored; "" if never. A mail is no place to be written to unasked."""
        sql = """SELECT place FROM utterance WHERE person = :person AND direction = 'in' AND place NOT LIKE '["mail"%'
                 ORDER BY at DESC LIMIT 1"""
        row = _first(self._db.query(sql, person=person))
        return row["place"] if row else ""


class SqlIdentityStore:
    """Implements `bot.people.IdentityStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def by_digest(self, digest: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM identity WHERE digest = :digest", digest=digest))

    def by_pseudonym(self, pseudonym: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM identity WHERE pseudonym = :pseudonym", pseudonym=pseudonym))

    def add(self, tx: Tx, pseudonym: str, digest: str, sealed: bytes, at: float) -> str:
        tx.execute(
            """INSERT INTO identity (pseudonym, digest, sealed, created_at) VALUES (:pseudonym, :digest, :sealed, :at)
               ON CONFLICT (digest) DO NOTHING""",
            pseudonym=pseudonym, digest=digest, sealed=sealed, at=at,
        )  # fmt: skip
        return str(tx.query("SELECT pseudonym FROM identity WHERE digest = :digest", digest=digest)[0]["pseudonym"])

    def pseudonyms(self) -> dict[str, str]:
        rows = self._db.query("SELECT digest, pseudonym FROM identity")
        return {str(row["digest"]): str(row["pseudonym"]) for row in rows}

    def remove(self, tx: Tx, pseudonym: str) -> None:
        tx.execute("DELETE FROM identity WHERE pseudonym = :pseudonym", pseudonym=pseudonym)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

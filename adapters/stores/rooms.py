"""SQL of the cards in the desk's channels: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from bot.model import Place
from bot.ports import Db, Row, SentRef, Tx

_OF = "ticket = :ticket AND channel = :channel AND conversation = :conversation"


class SqlRoomStore:
    """Implements `bot.helpdesk.room.RoomStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def lease(self, tx: Tx, ticket: str, place: Place, at: float, until: float) -> Row | None:
        """Take a card (made if need be); None while somebody else has it."""
        names = {"ticket": ticket, "channel": place.channel, "conversation": place.conversation}
        tx.execute(
            """INSERT INTO desk_card (ticket, channel, conversation) VALUES (:ticket, :channel, :conversation)
               ON CONFLICT (ticket, channel, conversation) DO NOTHING""",
            **names,
        )
        sql = f"UPDATE desk_card SET lease_until = :until WHERE {_OF} AND lease_until <= :at RETURNING *"  # noqa: S608
        rows = tx.query(sql, at=at, until=until, **names)
        return rows[0] if rows else None

    def posted(self, tx: Tx, ticket: str, place: Place, ref: SentRef, shown: str, relayed: int) -> None:
        names = {"ticket": ticket, "channel": place.channel, "conversation": place.conversation, "message": ref.id}
        tx.execute(
            f"""UPDATE desk_card SET address = :address, message = :message, shown = :shown, relayed = :relayed
                WHERE {_OF}""",  # noqa: S608 (a constant)
            address=ref.conversation, shown=shown, relayed=relayed, **names,
        )  # fmt: skip
        tx.execute(
            """INSERT INTO desk_thread (channel, conversation, message, ticket)
               VALUES (:channel, :conversation, :message, :ticket) ON CONFLICT DO NOTHING""",
            **names,
        )

    def relayed(self, tx: Tx, ticket: str, place: Place, seq: int) -> None:
        sql = f"UPDATE desk_card SET relayed = :seq WHERE {_OF}"  # noqa: S608
        tx.execute(sql, ticket=ticket, channel=place.channel, conversation=place.conversation, seq=seq)

    def lines(self, ticket: str, place: Place) -> list[Row]:
        """Lines of a ticket that stand in its thread: `seq`, where each is, and what it shows."""
        sql = f"SELECT seq, address, message, shown FROM desk_line WHERE {_OF} ORDER BY seq"  # noqa: S608
        return self._db.query(sql, ticket=ticket, channel=place.channel, conversation=place.conversation)

    def keep_line(self, tx: Tx, ticket: str, place: Place, seq: int, ref: SentRef, shown: str) -> None:
        tx.execute(
            """INSERT INTO desk_line (ticket, channel, conversation, seq, address, message, shown)
               VALUES (:ticket, :channel, :conversation, :seq, :address, :message, :shown)
               ON CONFLICT (ticket, channel, conversation, seq) DO UPDATE SET address = excluded.address,
               message = excluded.message, shown = excluded.shown""",
            ticket=ticket, channel=place.channel, conversation=place.conversation, seq=seq, address=ref.conversation,
            message=ref.id, shown=shown,
        )  # fmt: skip

    def release(self, tx: Tx, ticket: str, place: Place) -> None:
        sql = f"UPDATE desk_card SET lease_until = 0 WHERE {_OF}"  # noqa: S608
        tx.execute(sql, ticket=ticket, channel=place.channel, conversation=place.conversation)

    def ticket_at(self, channel: str, conversation: str, thread: str) -> str:
        """The ticket whose card started this thread, "" if none did."""
        sql = """SELECT ticket FROM desk_thread
                 WHERE channel = :channel AND conversation = :conversation AND message = :thread"""
        rows = self._db.query(sql, channel=channel, conversation=conversation, thread=thread)
        return str(rows[0]["ticket"]) if rows else ""

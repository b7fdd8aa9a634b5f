"""SQL of the web chat's posts: one text for SQLite and PostgreSQL."""

from __future__ import annotations

import uuid

from bot.ports import Db, Row, Tx


class SqlWebStore:
    """Implements `adapters.web.services.WebStore` and `adapters.channels.web.Posts`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # posts

    def add_post(self, conversation: str, key: str, card: str, at: float) -> str:
        """Insert a card and return its id; the same `key` is one post."""
        with self._db.tx() as tx:
            known = tx.query("SELECT id FROM web_post WHERE key = :key", key=key)
            if known:
                return str(known[0]["id"])
            seq = self._next(tx, conversation)
            sql = """INSERT INTO web_post (id, key, conversation, seq, stamp, card, chosen, at)
                     VALUES (:id, :key, :conversation, :seq, :seq, :card, '', :at) ON CONFLICT (key) DO NOTHING"""
            tx.execute(sql, id=uuid.uuid4().hex, key=key, conversation=conversation, seq=seq, card=card, at=at)
            return str(tx.query("SELECT id FROM web_post WHERE key = :key", key=key)[0]["id"])

    def replace_post(self, conversation: str, post: str, card: str) -> bool:
        """Put another card in a post's place; what was chosen on the old one is forgotten. False if it is not there."""
        return self._change(conversation, post, "card = :value, chosen = ''", card)

    def choose(self, conversation: str, post: str, label: str) -> bool:
        """Mark what the person pressed on a post. False if it is not there."""
        return self._change(conversation, post, "chosen = :value", label)

    def posts(self, conversation: str, limit: int) -> list[Row]:
        """The last posts, oldest first."""
        sql = """SELECT id, seq, stamp, card, chosen, at FROM web_post WHERE conversation = :conversation
                 ORDER BY seq DESC LIMIT :limit"""
        return list(reversed(self._db.query(sql, conversation=conversation, limit=limit)))

    def stamp(self, conversation: str) -> int:
        """A number that grows whenever a post is added or changed; 0 before the first."""
        row = _first(self._db.query("SELECT stamp FROM web_conversation WHERE id = :id", id=conversation))
        return int(row["stamp"]) if row else 0

    def forget_conversation(self, tx: Tx, conversation: str) -> None:
        """Delete a conversation and everything in it."""
        tx.execute("DELETE FROM web_post WHERE conversation = :id", id=conversation)
        tx.execute("DELETE FROM web_conversation WHERE id = :id", id=conversation)

    # inside

    def _next(self, tx: Tx, conversation: str) -> int:
        """The conversation's next number. Its row stays locked until the commit, so numbers become visible in order."""
        sql = """INSERT INTO web_conversation (id, stamp) VALUES (:id, 1)
                 ON CONFLICT (id) DO UPDATE SET stamp = web_conversation.stamp + 1 RETURNING stamp"""
        return int(tx.query(sql, id=conversation)[0]["stamp"])

    def _change(self, conversation: str, post: str, change: str, value: str) -> bool:
        with self._db.tx() as tx:
            stamp = self._next(tx, conversation)
            sql = f"UPDATE web_post SET {change}, stamp = :stamp WHERE id = :id AND conversation = :conversation"  # noqa: S608
            return tx.execute(sql, id=post, value=value, stamp=stamp, conversation=conversation) == 1


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None

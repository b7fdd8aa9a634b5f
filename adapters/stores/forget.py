"""SQL of forgetting one person, over every table that can hold something of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.forget import REMOVED
from bot.ports import Tx

# Rows that are the person's own: gone. `{table}.{column}` holds the pseudonym.
_OWN = (
    ("utterance", "person"),
    ("delivery", "person"),
    ("dialogue", "person"),
    ("question", "person"),
    ("nudge", "person"),
    ("memory", "person"),
    ("preference", "person"),
    ("nudge_hold", "person"),
    ("enrolment", "person"),
    ("topic_asked", "person"),
    ("console_link", "person"),
    ("console_session", "person"),
)
# Free text that may name the person: the name comes out.
_TEXTS = (
    ("utterance", "text"),
    ("utterance", "card"),
    ("delivery", "card"),
    ("question", "text"),
    ("ticket", "subject"),
    ("ticket_event", "text"),
    ("page", "summary"),
    ("mail", "name"),
    ("mail", "facts"),
    ("mail", "verdict"),
    ("web_post", "card"),
    ("outbox", "error"),
    ("delivery", "error"),
)


class SqlForgetStore:
    """Implements `bot.forget.ForgetStore`."""

    def forget(self, tx: Tx, pseudonym: str, names: Sequence[str], conversation: str) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        own = "ticket IN (SELECT number FROM ticket WHERE requester = :p)"
        counts["mail"] = tx.execute(
            """DELETE FROM mail WHERE sha256 IN (SELECT sha256 FROM submission WHERE person = :p)
               AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.sha256 = mail.sha256 AND o.person <> :p)""",
            p=pseudonym,
        )
        counts["submission"] = tx.execute("DELETE FROM submission WHERE person = :p", p=pseudonym)
        counts["ticket_event"] = tx.execute(
            f"UPDATE ticket_event SET text = '' WHERE actor = :p OR {own}",  # noqa: S608 (a constant)
            p=pseudonym,
        )
        counts["page"] = tx.execute(f"UPDATE page SET summary = '' WHERE {own}", p=pseudonym)  # noqa: S608
        counts["ticket"] = tx.execute("UPDATE ticket SET subject = '', place = '' WHERE requester = :p", p=pseudonym)
        tx.execute(
            "UPDATE event SET delivery = '' WHERE delivery IN (SELECT id FROM delivery WHERE person = :p)", p=pseudonym
        )
        counts["web_post"] = tx.execute("DELETE FROM web_post WHERE conversation = :c", c=conversation)
        tx.execute("DELETE FROM web_conversation WHERE id = :c", c=conversation)
        for table, column in _OWN:
            counts[table] = tx.execute(f"DELETE FROM {table} WHERE {column} = :p", p=pseudonym)  # noqa: S608
        for table, column in _TEXTS:
            for name in names:
                tx.execute(
                    f"UPDATE {table} SET {column} = REPLACE({column}, :name, :removed) WHERE {column} LIKE :like",  # noqa: S608
                    name=name, removed=REMOVED, like=f"%{name}%",
                )  # fmt: skip
        return counts

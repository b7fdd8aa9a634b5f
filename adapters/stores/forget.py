"""SQL of forgetting one person, over every table that can hold something of theirs."""

from __future__ import annotations

import re
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
    ("teams_user", "person"),
    ("slack_user", "person"),
    ("attachment", "person"),
    ("proposal", "author"),
)
# Free text that may name the person: table, key, columns. The name comes out.
_TEXTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("utterance", ("id",), ("text", "card")),
    ("delivery", ("id",), ("card", "error", "ref")),
    ("dialogue", ("person", "place"), ("state",)),
    ("question", ("id",), ("text",)),
    ("ticket", ("number",), ("subject",)),
    ("ticket_event", ("id",), ("text",)),
    ("page", ("key",), ("summary", "people", "error")),
    ("mail", ("sha256",), ("name", "facts", "verdict")),
    ("web_post", ("id",), ("card", "chosen")),
    ("outbox", ("id",), ("error",)),
    ("nudge", ("id",), ("facts",)),
)


class SqlForgetStore:
    """Implements `bot.forget.ForgetStore`."""

    def forget(self, tx: Tx, pseudonym: str, names: Sequence[str], conversation: str) -> Mapping[str, int]:
        counts = {**_mail(tx, pseudonym), **_tickets(tx, pseudonym)}
        sent = "SELECT id FROM delivery WHERE person = :p"
        tx.execute(f"UPDATE event SET delivery = '' WHERE delivery IN ({sent})", p=pseudonym)  # noqa: S608 (constants)
        waiting = "SELECT 'delivery:' || id FROM delivery WHERE person = :p"
        counts["outbox"] = tx.execute(f"DELETE FROM outbox WHERE key IN ({waiting})", p=pseudonym)  # noqa: S608
        counts["web_post"] = tx.execute("DELETE FROM web_post WHERE conversation = :c", c=conversation)
        tx.execute("DELETE FROM web_conversation WHERE id = :c", c=conversation)
        chats = "SELECT conversation FROM teams_user WHERE person = :p"
        tx.execute(f"DELETE FROM teams_card WHERE conversation IN ({chats})", p=pseudonym)  # noqa: S608
        tx.execute(f"DELETE FROM teams_conversation WHERE id IN ({chats})", p=pseudonym)  # noqa: S608
        for table, column in _OWN:
            counts[table] = tx.execute(f"DELETE FROM {table} WHERE {column} = :p", p=pseudonym)  # noqa: S608
        counts["named"] = sum(_unname(tx, names, *where) for where in _TEXTS) if names else 0
        return counts


def _mail(tx: Tx, pseudonym: str) -> dict[str, int]:
    """Mails that nobody else reported are gone; of the others only that this person reported them."""
    mail = tx.execute(
        """DELETE FROM mail WHERE sha256 IN (SELECT sha256 FROM submission WHERE person = :p)
           AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.sha256 = mail.sha256 AND o.person <> :p)""",
        p=pseudonym,
    )
    return {"mail": mail, "submission": tx.execute("DELETE FROM submission WHERE person = :p", p=pseudonym)}


def _tickets(tx: Tx, pseudonym: str) -> dict[str, int]:
    """Tickets keep number, times and states; the words on them are gone, and what the person wrote on those of others."""
    own = "ticket IN (SELECT number FROM ticket WHERE requester = :p)"
    for row in tx.query(f"SELECT id, text FROM ticket_event WHERE kind = 'verdict' AND {own}", p=pseudonym):  # noqa: S608
        verdict = row["text"].partition(":")[0] + ":"  # what was decided stays, what was seen in the mail goes
        tx.execute("UPDATE ticket_event SET text = :text WHERE id = :id", text=verdict, id=row["id"])
    events = tx.execute(
        f"""UPDATE ticket_event SET text = '' WHERE (actor = :p OR {own})
            AND kind NOT IN ('severity', 'verdict')""",  # noqa: S608
        p=pseudonym,
    )
    pages = tx.execute(f"UPDATE page SET summary = '' WHERE {own}", p=pseudonym)  # noqa: S608
    tickets = tx.execute("UPDATE ticket SET subject = '', place = '' WHERE requester = :p", p=pseudonym)
    return {"ticket_event": events, "page": pages, "ticket": tickets}


def _unname(tx: Tx, names: Sequence[str], table: str, key: Sequence[str], columns: Sequence[str]) -> int:
    """Take names out of free text, whatever their case: SQLite folds ASCII only, so the matching is done here."""
    found = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)
    likes = {f"like{i}": f"%{part}%" for i, part in enumerate(dict.fromkeys(_plain_part(name) for name in names))}
    where = " OR ".join(f"LOWER({column}) LIKE :{like}" for column in columns for like in likes)
    rows = tx.query(f"SELECT {', '.join([*key, *columns])} FROM {table} WHERE {where}", **likes)  # noqa: S608 (ours)
    changed = 0
    for row in rows:
        texts = {column: found.sub(REMOVED, row[column]) for column in columns}
        if any(texts[column] != row[column] for column in columns):
            sets = ", ".join(f"{column} = :{column}" for column in columns)
            same = " AND ".join(f"{column} = :{column}" for column in key)
            keys = {column: row[column] for column in key}
            changed += tx.execute(f"UPDATE {table} SET {sets} WHERE {same}", **keys, **texts)  # noqa: S608
    return changed


def _plain_part(name: str) -> str:
    """The longest part of a name that every database lowers alike and LIKE takes literally; "" looks at every row."""
    return max(re.findall(r"[a-z0-9 .@-]+", name.lower()), key=len, default="")

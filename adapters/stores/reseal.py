"""What lies sealed in the database, and putting it under the key that seals now, while Secdesk runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bot.ports import Db

# (table, sealed column) → (key column, purpose of the key). A test compares this with the columns of the tables.
BOXES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("attachment", "body"): ("id", "attachment"),
    ("caller_code", "code"): ("id", "caller-code"),
    ("content_file", "sealed"): ("path", "content"),
    ("content_version", "sealed"): ("version", "content"),
    ("identity", "sealed"): ("pseudonym", "identity"),
    ("letter", "sealed"): ("id", "letter"),
    ("mail", "body"): ("sha256", "mail"),
    ("mail_action", "target"): ("id", "mail_action"),
    ("procedure_file", "body"): ("id", "procedure.file"),
    ("procedure_text", "sealed"): ("id", "procedure.text"),
    ("roster", "sealed"): ("id", "roster"),
    ("slack_install", "sealed"): ("id", "slack.tokens"),
    ("slack_user", "sealed"): ("digest", "slack.people"),
    ("teams_user", "sealed"): ("digest", "teams"),
}
SHORT_LIVED = frozenset({("console_session", "hint")})  # gone with the session


def reseal(db: Db, resealed: Callable[[str, bytes], bytes | None]) -> dict[str, int]:
    """Put every sealed value under the newest key; how many were changed, by table.

    `resealed(purpose, data)` gives the new form, None where it has that already. One short transaction a row, and a row that
    somebody else has just changed is left to them: they seal with the newest key.
    """
    done: dict[str, int] = {}
    for (table, column), (key, purpose) in BOXES.items():
        names = [row["name"] for row in db.query(f'SELECT DISTINCT {key} AS name FROM "{table}"')]  # noqa: S608 (named above)
        for name in names:
            done[table] = done.get(table, 0) + _one(db, table, column, key, name, partial(resealed, purpose))
    return done


def _one(db: Db, table: str, column: str, key: str, name: object, resealed: Callable[[bytes], bytes | None]) -> int:
    done = 0
    rows = db.query(f'SELECT {column} AS box FROM "{table}" WHERE {key} = :name', name=name)  # noqa: S608
    for box in (bytes(row["box"]) for row in rows if row["box"]):
        new = resealed(box)
        if new is not None:
            with db.tx() as tx:
                sql = f'UPDATE "{table}" SET {column} = :new WHERE {key} = :name AND {column} = :box'  # noqa: S608
                done += tx.execute(sql, new=new, name=name, box=box)
    return done

"""What a clock that was ahead has left behind: leases, pauses and due times that would last until that day comes.

A machine whose clock is years ahead, for minutes until it is set right, writes times that nobody lives to see. Nothing
of ours looks as far ahead as these rows do then, so they are brought back. Times of people's own (a promise to answer, a
meeting) are in no such row: the timeline that they are counted from stays as it was written.
"""

from __future__ import annotations

import logging

from bot.ports import Db

log = logging.getLogger(__name__)
DIFFER = 600.0  # seconds that the clocks of two replicas may differ
HOUR = 3_600.0  # the longest that a platform may make us wait
# Table, column, and how many seconds ahead it can be in earnest.
_UNTIL = (
    ("delivery", "lease_until", DIFFER),
    ("desk_card", "lease_until", DIFFER),
    ("mailbox", "lease_until", DIFFER),
    ("lease", "until", DIFFER),
    ("tracked", "lease_until", DIFFER),
    ("tracked", "next_at", HOUR + DIFFER),
    ("tracker_cursor", "lease_until", DIFFER + DIFFER),
    ("slack_pace", "due", HOUR + DIFFER),
    ("slack_pace", "paused_until", HOUR + DIFFER),
    ("replica", "seen_at", DIFFER),
)
# Begun in a time to come: they would be good for years. Who was signed in signs in again; a pace begins anew.
_BEGUN = (("console_session", "created_at"), ("console_link", "created_at"), ("teams_pace", "updated_at"))


def mend_times(db: Db, at: float) -> int:
    """Bring back what lies impossibly far ahead of `at` (epoch seconds); the number of rows. Cheap when there is none."""
    with db.tx() as tx:
        found = 0
        for table, column, most in _UNTIL:
            sql = f"UPDATE {table} SET {column} = :at WHERE {column} > :most"  # noqa: S608 (names of our own)
            found += tx.execute(sql, at=at, most=at + most)
        for table, column in _BEGUN:
            found += tx.execute(f"DELETE FROM {table} WHERE {column} > :most", most=at + DIFFER)  # noqa: S608
        # A job keeps its distance from when it was asked for. One that the engine has is offered again: it knows the key.
        found += tx.execute(
            """UPDATE outbox SET due_at = due_at - created_at + :at, created_at = :at
               WHERE state = 'queued' AND created_at > :most""",
            at=at, most=at + DIFFER,
        )  # fmt: skip
        found += tx.execute(
            "UPDATE outbox SET state = 'queued', due_at = :at, created_at = :at WHERE state = 'handed' AND due_at > :most",
            at=at, most=at + DIFFER,
        )  # fmt: skip
    if found:
        log.warning("times were brought back that a clock ahead of ours had left", extra={"rows": found})
    return found

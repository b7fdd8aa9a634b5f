"""Records that only grow: each row holds the hash of the one before it, so that an edit, a gap or another order shows.

No key is in it: anybody can check an export with nothing but SHA-256. What people wrote is in no row, only its salted hash, so
somebody can be forgotten and the record stays whole. (The audit log has a chain of its own, under our key: `bot.audit`.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

FIRST = "0" * 64  # what the first row follows


def canonical(value: object) -> str:
    """The one way in which a value is written before it is hashed: JSON, keys sorted, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def salted(salt: str, text: str) -> str:
    """The hash of something written. The salt goes when the text goes: nobody can guess a short one from its hash."""
    return digest(salt + text)


def fault(rows: Iterable[tuple[int, str, str, str]], head: tuple[int, str]) -> str:
    """What is wrong with rows of (number, hash of the one before, hash, hash as it should be) that should end in `head`
    (number and hash of the last one); "" if nothing."""
    before, count = FIRST, 0
    for count, (seq, prev, own, right) in enumerate(rows, 1):
        if seq != count:
            return f"row {count} is missing, the next one there is {seq}"
        if own != right:
            return f"row {count} was edited"
        if prev != before:
            return f"row {count} does not follow the one before it"
        before = own
    return "" if (count, before) == head else f"the chain ends at row {count} and should end at row {head[0]}"

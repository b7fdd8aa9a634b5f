"""The codes under which answers and memories are kept: keyed hashes, so that only who holds the vault's key finds them again.

A person has one code for what they remember, and another for their answers in each calendar year. Without the key neither
leads to the person, to the other one, or to the next year's (GDPR art. 4(5): the key is the additional information held apart).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Digest = Callable[[str, bytes], str]  # `Vault.digest`: purpose, data
_LENGTH = 32  # hex digits: 128 bits


@dataclass(frozen=True)
class Codes:
    """Makes codes of pseudonyms (`Person.key`). `digest` is the vault's."""

    digest: Digest

    def memory(self, person: str) -> str:
        """What somebody's memories are kept under."""
        return "m_" + self._hash("learning.memory", person)

    def answers(self, person: str, month: str) -> str:
        """What somebody's answers of a month (`2026-11`) are kept under: another code each year."""
        return "a_" + self._hash(f"learning.answers.{month[:4]}", person)

    def kept(self, person: str, at: float) -> list[str]:
        """The codes that there may still be answers of somebody under: this year's and the two before."""
        year = int(month_of(at)[:4])
        return [self.answers(person, f"{year - back}-01") for back in range(3)]

    def item(self, what: str) -> str:
        """What an answer to this message is kept under: pressing twice is one answer, and the message does not lead to it."""
        return "i_" + self._hash("learning.item", what)

    def arm(self, person: str, experiment: str) -> int:
        """A number from 0 to 99 that stays the same for this person in this experiment."""
        return int(self._hash(f"learning.arm.{experiment}", person)[:12], 16) % 100

    def _hash(self, purpose: str, text: str) -> str:
        return self.digest(purpose, text.encode())[:_LENGTH]


def month_of(at: float) -> str:
    """The UTC month of a time: `2026-11`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m}"

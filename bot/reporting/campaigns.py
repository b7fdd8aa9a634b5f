"""Campaigns: near-duplicates of a mail are one case. What they merely have in common is shown as related, and joins nothing.

A new mail is compared with the few samples that share a band of its sketch. A campaign keeps at most `MOST_SAMPLES` of its mails,
those that differ, so that the thousandth copy costs no more than the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.ports import Row, Tx
from bot.reporting.outline import SAME, Outline, likeness
from bot.reporting.stores import CampaignStore, SampleStore

ALIKE = 0.9  # so much like a sample that a mail tells nothing new
MOST_SAMPLES = 16
RARE = 8  # cases that may share a trait which still means something
SHOWN_RELATED = 6


@dataclass(frozen=True)
class Relation:
    """Another case that shares something. `trait`: `domain:…`, `file:…` or `from:…`."""

    trait: str
    ticket: str
    kind: str


class Campaigns:
    """Which case a mail belongs to. `digest` names senders without naming them."""

    def __init__(self, store: SampleStore, digest: Callable[[str], str] = lambda text: text) -> None:
        self._store, self._digest = store, digest

    def find(self, tx: Tx, outline: Outline) -> tuple[str, float]:
        """The case of a mail like this, "" if there is none; and how alike they are. Under the store's lock."""
        best, how = "", 0.0
        for row in self._store.near(tx, outline.bands):
            alike = likeness(outline.pieces, unpacked(row["pieces"]))
            if alike >= SAME and alike > how:
                best, how = str(row["campaign"]), alike
        return best, how

    def join(self, tx: Tx, mail: str, campaign: str, outline: Outline, alike: float) -> None:
        """Let a mail stand for its case, if it tells something new. `alike`: how like the case's samples it is."""
        if outline.pieces and alike < ALIKE and self._store.samples(tx, campaign) < MOST_SAMPLES:
            self._store.keep(tx, mail, campaign, packed(outline.pieces), outline.bands)
        self._store.traits(tx, campaign, self.traits(outline))

    def traits(self, outline: Outline) -> tuple[str, ...]:
        """What other cases may share with a mail."""
        domains = [f"domain:{name}" for name in outline.domains[:10]]
        files = [f"file:{name}" for name in outline.files[:10]]
        return (*domains, *files, *([f"from:{self._digest(outline.sender)}"] if outline.sender else []))


def related(store: CampaignStore, campaign: str) -> list[Relation]:
    """Other cases with a rare trait of this one: a link's domain, an attachment, a sender."""
    once: dict[str, Row] = {}
    for row in store.related(campaign, RARE, 50):
        once.setdefault(row["ticket"], row)
    return [Relation(row["trait"], row["ticket"], row["kind"]) for row in list(once.values())[:SHOWN_RELATED]]


def packed(pieces: Sequence[int]) -> str:
    """A sketch as text."""
    return "".join(f"{piece:08x}" for piece in pieces)


def unpacked(text: str) -> tuple[int, ...]:
    """The sketch back."""
    return tuple(int(text[place : place + 8], 16) for place in range(0, len(text), 8))

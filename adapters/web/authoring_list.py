"""The rows of the list of answers: what is on disk, what is being written, and how each one does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.answering.authoring import Authoring
from bot.answering.changes import Change, Usage
from bot.answering.entries import Entry
from bot.organisation import pick

ROWS = 50  # a page
STATES = ("all", "attention", "published", "waiting", "draft", "retired")
SORTS = ("attention", "title", "review", "hits", "rating")
SOON = timedelta(days=30)
POOR = 0.2  # share of "did not help" from which an answer wants a look
ENOUGH = 5  # ratings before that share means anything


@dataclass(frozen=True)
class Row:
    """One answer. `open` is the state of a change that is not finished: draft, waiting or ""."""

    name: str
    title: str
    state: str
    owner: str
    owner_name: str
    due: str
    late: bool
    soon: bool
    usage: Usage
    open: str

    @property
    def hits(self) -> int:
        return self.usage.hits

    @property
    def rated(self) -> int:
        return self.usage.solved + self.usage.unhelpful

    @property
    def unhelpful(self) -> float:
        """Share of those who rated it and were not helped; 0 while too few have."""
        return self.usage.unhelpful / self.rated if self.rated >= ENOUGH else 0.0

    @property
    def waits(self) -> bool:
        """A second person has to look."""
        return self.open == "waiting" or self.state == "review"

    @property
    def urgency(self) -> int:
        """How much it wants a look."""
        return 4 * self.waits + 2 * self.late + (self.unhelpful > POOR) + self.soon

    def matches(self, state: str, owner: str, words: str) -> bool:
        """Whether it belongs under a filter."""
        if owner and self.owner != owner:
            return False
        text = f"{self.name} {self.title}".casefold()
        if not all(word in text for word in words.casefold().split()):
            return False
        match state:
            case "attention":
                return self.urgency > 0
            case "waiting":
                return self.waits
            case "draft":
                return self.state == "draft" or self.open == "draft"
        return state in ("all", self.state)


def listed(authoring: Authoring, usage: Mapping[str, Usage], lang: str) -> list[Row]:
    """Every answer in use or being written."""
    changes = {str(row["entry"]): Change.of(row) for row in authoring.store.all_open()}
    entries = authoring.library.entries
    owners = {owner: authoring.keepers.name(owner) for owner in {entry.owner for entry in entries.values()}}
    rows = [
        _row(authoring, entry, owners[entry.owner], usage.get(name, Usage()), changes.get(name), lang)
        for name, entry in entries.items()
    ]
    return rows + [_fresh(authoring, change, lang) for name, change in changes.items() if name not in entries]


def _row(authoring: Authoring, entry: Entry, owner: str, usage: Usage, change: Change | None, lang: str) -> Row:
    day, today = entry.due, authoring.today()
    live = entry.state == "published"
    return Row(
        entry.id, pick(entry.title, lang) if entry.title else entry.id, entry.state, entry.owner, owner, day.isoformat(),
        live and day < today, live and today <= day <= today + SOON, usage, change.state if change else "",
    )  # fmt: skip


def _fresh(authoring: Authoring, change: Change, lang: str) -> Row:
    """An answer that is on no disk yet."""
    entry = authoring.check(change.entry, change.yaml).entry
    title = pick(entry.title, lang) if entry and entry.title else change.entry
    owner = entry.owner if entry else ""
    return Row(
        change.entry, title, "new", owner, authoring.keepers.name(owner) if owner else "", "", False, False, Usage(),
        change.state,
    )  # fmt: skip

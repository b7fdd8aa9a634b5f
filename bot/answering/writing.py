"""Putting approved changes into the organisation's folder: never over a file that is not the one they started from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.answering.changes import Change, ChangeStore, Filed, sha_of
from bot.answering.checking import label_of
from bot.answering.proposals import slug
from bot.answering.telling import Telling
from bot.content import Shelf
from bot.errors import Conflict, RetryLater
from bot.ports import Payload
from bot.shared_folder import SharedFolder
from bot.turn import Work

T = TypeVar("T")
JOB = "authoring.write"


@dataclass(frozen=True)
class Writer:
    """`run` runs a change of the database in one transaction. `shared` is the organisation's own folder."""

    store: ChangeStore
    shelf: Callable[[], Shelf]
    shared: SharedFolder
    telling: Telling
    run: Callable[[Callable[[Work], None]], None]

    def filed(self, name: str) -> Filed | None:
        """The file of an entry as it lies on disk now."""
        found = self.shelf().file(label_of(name)) if slug(name) == name else None
        if found is None:
            return None
        text = found[1].decode("utf-8-sig", errors="replace")
        return Filed(name, text, sha_of(text), found[2])

    def write(self, payload: Payload) -> None:
        """Job `authoring.write`: the file of an approved change. May be repeated."""
        row = self.store.change(payload["change"])
        change = Change.of(row) if row else None
        if change is None or change.state != "approved":
            return
        self.shared.sync()
        seen = self.shared.digest(label_of(change.entry))
        filed = self.filed(change.entry)
        if (filed.sha if filed else "") not in (change.base, sha_of(change.yaml)):
            self.run(lambda work: self._refuse(work, change))
            return
        try:
            self._replace(change, seen)
        except Conflict as error:  # another replica has just written it: compare again
            raise RetryLater("somebody else has just changed this file", 1.0) from error
        self.run(lambda work: self._done(work, change))

    def _replace(self, change: Change, seen: str) -> None:
        """Write the file; where that would only repeat what ships, the organisation's own is taken away instead."""
        label = label_of(change.entry)
        shipped = Shelf(self.shelf().packaged).file(label)
        repeats = shipped and self.shared.over_what_ships and shipped[1].decode() == change.yaml
        self.shared.put(label, None if repeats else change.yaml.encode(), seen, change.approver)

    def _done(self, work: Work, change: Change) -> None:
        self.store.decide(work.tx, change.id, "approved", "published", "", "", work.at)

    def _refuse(self, work: Work, change: Change) -> None:
        if self.store.decide(work.tx, change.id, "approved", "refused", "", "newer", work.at):
            self.telling.author(work, change, "author.told.refused")

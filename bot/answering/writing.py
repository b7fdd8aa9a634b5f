"""Putting approved changes on disk: never over a file that is not the one they started from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.answering.changes import Change, ChangeStore, Filed, sha_of
from bot.answering.checking import label_of
from bot.answering.proposals import slug
from bot.answering.telling import Telling
from bot.content import Shelf
from bot.kept import replace_file
from bot.ports import Payload
from bot.turn import Work

T = TypeVar("T")
JOB = "authoring.write"


@dataclass(frozen=True)
class Writer:
    """`run` runs a change of the database in one transaction. `folder` is the organisation's own."""

    store: ChangeStore
    shelf: Callable[[], Shelf]
    folder: Path
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
        filed = self.filed(change.entry)
        if (filed.sha if filed else "") not in (change.base, sha_of(change.yaml)):
            self.run(lambda work: self._refuse(work, change))
            return
        self._replace(change)
        self.run(lambda work: self._done(work, change))

    def _replace(self, change: Change) -> None:
        """Write the file; where that would only repeat what ships, the organisation's own is taken away instead."""
        path = self.folder / label_of(change.entry)
        shipped = Shelf(self.shelf().packaged).file(label_of(change.entry))
        ours = Path(str(self.shelf().packaged)).resolve() == self.folder.resolve()  # nothing is laid over anything
        if shipped and not ours and shipped[1].decode() == change.yaml:
            path.unlink(missing_ok=True)
        else:
            replace_file(path, lambda out: out.write(change.yaml.encode()))

    def _done(self, work: Work, change: Change) -> None:
        self.store.decide(work.tx, change.id, "approved", "published", "", "", work.at)

    def _refuse(self, work: Work, change: Change) -> None:
        if self.store.decide(work.tx, change.id, "approved", "refused", "", "newer", work.at):
            self.telling.author(work, change, "author.told.refused")

"""A table of people into the roster: what is new, what has changed, who has left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.app import App
from bot.directory import CSV, Said
from bot.directory_csv import Bad, Names, read_table
from bot.directory_roster import USER
from bot.errors import ConfigError
from bot.turn import Work

BATCH = 1000  # rows in one transaction: live work goes on in between
SHARE = 0.2  # of the people of earlier imports: more leavers than that are taken for half a file


@dataclass(frozen=True)
class ImportedPeople:
    """What was done, or would be: numbers of people, the bad rows, and columns that nothing is taken from."""

    new: int
    changed: int
    same: int
    left: int
    bad: tuple[Bad, ...]
    unknown: tuple[str, ...]
    written: bool


def import_people(app: App, path: Path, *, write: bool, whole: bool, skip: bool, sure: bool) -> ImportedPeople:
    """Read a file and write what it changes, all of it or, with bad rows, nothing.

    `whole`: who is in earlier imports and not in this file has left. `skip`: leave bad rows out. `sure`: however many leave.
    Raises `ConfigError` for what is no table, `OSError`, `StoreUnavailable`.
    """
    org = app.organisation()
    entities = {name.casefold() for key, entity in org.file.entities.items() for name in (key, entity.name)}
    table = read_table(path.read_bytes(), Names(org.roles, entities))
    if whole and table.bad:
        raise ConfigError(f"{path.name}: {len(table.bad)} bad row(s), so nobody can be said to have left; correct them")
    before = {row["id"]: row for row in app.roster.store.everybody(CSV, USER)}
    held = {row_id: app.roster.said(row) for row_id, row in before.items()}
    new = [said for said in table.entries if said.id not in held]
    changed = [said for said in table.entries if said.id in held and not _same(said, held[said.id])]
    there = {said.id for said in table.entries}
    left = (
        [said for row_id, said in held.items() if row_id not in there and not before[row_id]["gone"]] if whole else []
    )
    if len(left) > max(5, SHARE * len(held)) and not sure:
        what = f"{len(left)} of {len(held)} people would have left: is this the whole file?"
        raise ConfigError(f"{path.name}: {what} Say --force if it is")
    done = write and (skip or not table.bad)
    if done:
        _write(app, [*new, *changed], left)
    same = len(table.entries) - len(new) - len(changed)
    return ImportedPeople(len(new), len(changed), same, len(left), table.bad, table.unknown, done)


def _same(said: Said, held: Said) -> bool:
    """Whether a row says what it said before, apart from the id that the directory gave."""
    return replace(said, person="") == replace(held, person="")


def _write(app: App, entries: Sequence[Said], left: Sequence[Said]) -> None:
    moves = [(said, False) for said in entries] + [(replace(said, active=False), True) for said in left]
    for start in range(0, len(moves), BATCH):
        batch = moves[start : start + BATCH]

        def change(work: Work, seq: int, batch: Sequence[tuple[Said, bool]] = batch) -> None:
            for said, gone in batch:
                app.sources.put(work, seq, said, CSV, gone=gone)
            work.audit("secdesk", "people.import", CSV, rows=str(len(batch)))

        app.sources.change(change)

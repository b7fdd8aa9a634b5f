"""Everything one person owns goes to another: answers, lessons and whatever else names them, the rota, tickets, drafts, and
duty that they have taken over.

Files are changed in place, comments kept, and only if all of them are in order afterwards: nothing is half handed over.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.stores.tickets import SqlTicketStore
from bot.answering.proposals import slug
from bot.answering.yamltext import Path as At
from bot.answering.yamltext import Value, edited
from bot.app.contents import lint
from bot.content import Faults, Shelf, packaged_shelf, parse
from bot.errors import ConfigError, ContentError, NotFound
from bot.kept import replace_file
from bot.model import Person
from bot.shared_folder import SharedFolder
from bot.turn import Work

if TYPE_CHECKING:
    from bot.app import App


@dataclass(frozen=True)
class HandedOver:
    """What went from one to the other. `files`: each with what it holds of theirs."""

    files: Mapping[str, str]
    tickets: tuple[str, ...]
    changes: int


def hand_over(app: App, old: str, new: str, *, write: bool = True) -> HandedOver:
    """Move it. `old` may have left the directory. Raises `NotFound`, `ConfigError`, `ContentError`."""
    receiver = app.identities.find(new)
    if receiver is None:
        raise NotFound(f"{new} is not in people.yaml; see secdesk people list")
    giver = app.identities.find(old) or Person(old, old, known=False)
    giver_key = giver.key or app.identities.known_key(giver)
    if giver.id == receiver.id:
        raise ConfigError("name two people")
    files = dict(_edits(packaged_shelf(app.settings.knowledge), giver.id, receiver.id))
    held = [ticket.number for ticket in app.tickets.queue(assignee=giver_key, limit=10_000)] if giver_key else []
    open_ = [row for row in app.authoring.store.all_open() if row["author"] == giver_key] if giver_key else []
    if not files and not held and not open_ and giver_key == "" and not giver.known:
        raise NotFound(f"{old} owns nothing here; see secdesk people list")
    if held and not receiver.roles & app.organisation().desk_roles():
        said = f"{receiver.name} has no desk role, and {giver.name} holds {len(held)} ticket(s)"
        raise ConfigError(f"{said}: give them to the desk first")
    if write:
        _write(app.shared, {name: text for name, (text, _) in files.items()}, alone=not app.settings.approval)
        app.work(lambda work: _records(app, work, giver, giver_key, receiver, held))
    return HandedOver({name: what for name, (_, what) in files.items()}, tuple(held), len(open_))


def _records(app: App, work: Work, giver: Person, giver_key: str, receiver: Person, held: list[str]) -> None:
    known = app.identities.meet(work.tx, receiver, work.at)
    for number in held:
        app.tickets.release(work, number, _as(giver, giver_key))
        app.tickets.claim(work, number, known)
    if giver_key:
        app.authoring.store.take_over(work.tx, giver_key, known.key)
        _duty(app, work, giver_key, known.key)
    work.audit("secdesk", "people.hand_over", giver_key or "unknown", to=known.key)


def _duty(app: App, work: Work, old: str, new: str) -> None:
    """Duty that one has taken over and not ended: the other has it from now on."""
    store = SqlTicketStore(app.db)
    for stint in store.stints(work.at):
        if stint["who"] == old:
            row = {"id": uuid.uuid4().hex, "who": new, "by": old, "start": max(work.at, stint["start_at"])}
            store.add_stint(work.tx, {**row, "end": stint["end_at"], "at": work.at})


def _as(person: Person, key: str) -> Person:
    return Person(person.id, person.name, key=key)


def _edits(shelf: Shelf, old: str, new: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """`(file, (its new text, what changed))` of every file that names the old person as who keeps it or is called."""
    for name in _names(shelf):
        found = shelf.file(name)
        if found is None or (old.encode() not in found[1] and slug(old).encode() not in found[1]):
            continue
        document = parse(found[0], found[1], Faults())
        if document is None or not isinstance(document.value, dict):
            continue
        changes = dict(_changes(document.value, old, new))
        if changes:
            what = ", ".join(sorted({str(path[0]) for path in changes}))
            yield name, (edited(found[1].decode("utf-8-sig"), changes), what)


def _names(shelf: Shelf) -> Iterator[str]:
    """Every YAML file, in whatever folder, ours and the organisation's."""
    yield from ("org.yaml", "oncall.yaml", "register.yaml")
    roots = [Path(str(shelf.packaged))] + ([shelf.overlay] if shelf.overlay and shelf.overlay.is_dir() else [])
    folders = {path.name for root in roots for path in root.iterdir() if path.is_dir() and path.name != "copy"}
    for folder in sorted(folders):
        yield from sorted({f"{folder}/{path.name}" for root in roots for path in (root / folder).glob("*.yaml")})


def _changes(value: Mapping[str, Any], old: str, new: str) -> Iterator[tuple[At, Value]]:
    """Where a file names them: `owner` of anything, however deep; `keepers` of org.yaml, everybody of oncall.yaml."""
    yield from _owners(value, {old: new, slug(old): slug(new)}, ())
    keepers = value.get("keepers")
    for owner, people in keepers.items() if isinstance(keepers, dict) else ():
        if isinstance(people, list) and old in people:
            yield ("keepers", str(owner)), list(dict.fromkeys(new if one == old else one for one in people))
    if value.get("schema") == "oncall/1":
        yield from _rota(value, old, new)


def _owners(value: Mapping[str, Any], forms: Mapping[str, str], path: At) -> Iterator[tuple[At, Value]]:
    for name, item in value.items():
        if name == "owner" and isinstance(item, str) and item in forms:
            yield (*path, name), forms[item]
        elif isinstance(item, dict):
            yield from _owners(item, forms, (*path, name))
        elif isinstance(item, list) and (moved := _listed(item, forms)) != item:
            yield (*path, name), moved


def _listed(items: list[Any], forms: Mapping[str, str]) -> list[Any]:
    """A list whose items may have an owner each."""
    return [
        {**one, "owner": forms[one["owner"]]} if isinstance(one, dict) and one.get("owner") in forms else one
        for one in items
    ]


def _rota(value: Mapping[str, Any], old: str, new: str) -> Iterator[tuple[At, Value]]:
    for name in ("weekly", "second"):
        people = value.get(name)
        if isinstance(people, list) and old in people:
            yield (name,), [new if one == old else one for one in people]
    if value.get("manager") == old:
        yield ("manager",), new
    overrides = value.get("overrides")
    if isinstance(overrides, list) and any(isinstance(one, dict) and one.get("who") == old for one in overrides):
        yield ("overrides",), [{**one, "who": new} if one.get("who") == old else one for one in overrides]


def _write(shared: SharedFolder, texts: Mapping[str, str], *, alone: bool) -> None:
    """All files or none: they are checked together first. Raises `ContentError` with what would be wrong then."""
    if not texts:
        return
    folder = shared.folder
    seen = {name: shared.digest(name) for name in texts}
    before = {(fault.what, fault.line) for fault in lint(folder if folder.is_dir() else None, alone=alone)[0]}
    with tempfile.TemporaryDirectory(prefix="secdesk-") as place:
        tried = Path(place) / "knowledge"
        if folder.is_dir():
            shutil.copytree(folder, tried)
        for name, text in texts.items():
            _put(tried / name, text)
        faults = [fault for fault in lint(tried, alone=alone)[0] if (fault.what, fault.line) not in before]
    if faults:
        raise ContentError(faults)
    for name, text in texts.items():
        shared.put(name, text.encode(), seen[name], "secdesk")


def _put(path: Path, text: str) -> None:
    replace_file(path, lambda out: out.write(text.encode()))

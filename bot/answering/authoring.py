"""Writing answers: drafts, the second person, history and undo, over the same YAML files that anybody may edit by hand.

A change is kept in the database until it is published; then a job writes its file, and whoever published it does so at once.
A file is only ever replaced if it is still the one the change started from, and only if no golden question breaks. What
changes something computes first and returns what is left to do in one short transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from bot.answering.changes import (
    Change,
    ChangeStore,
    Filed,
    Kind,
    State,
    approved,
    confirmed,
    drafted,
    handed_in,
    owned,
    retired,
    sha_of,
    stripped,
)
from bot.answering.checking import Checked, Known, check, label_of
from bot.answering.entries import Entry, Library, Vocabulary
from bot.answering.keepers import Keepers
from bot.answering.proposals import slug
from bot.answering.rules import DEFAULT_LANGUAGE, load_banned
from bot.answering.trying import Tried, Trying
from bot.answering.writing import JOB, Writer
from bot.content import Faults, Shelf
from bot.errors import Conflict, Fault, NotFound, Refused
from bot.model import Person
from bot.organisation import Organisation
from bot.ports import Clock
from bot.turn import Work

RECENT = 200  # questions that a draft is tried on
Do = Callable[[Work], Change]
Seen = tuple[str, int]  # digest of the file and revision of the draft that an author has before them


@dataclass(frozen=True)
class Parts:
    """`reload` looks at the disk now and gives what is wrong with the answers there. `alone`: nobody else has to approve."""

    store: ChangeStore
    shelf: Callable[[], Shelf]
    vocabulary: Callable[[], Vocabulary]
    organisation: Callable[[], Organisation]
    library: Callable[[], Library]
    reload: Callable[[], Sequence[Fault]]
    trying: Trying
    keepers: Keepers
    writer: Writer
    redact: Callable[[str], str]
    clock: Clock
    alone: bool = False


class Stopped(Refused):
    """Something in the text stands against publishing it. `faults` say what, and at which line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{fault.line}: {fault.what}, {fault.mend}" for fault in faults))


class Authoring:
    """The author's side of the knowledge base. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.store, self.keepers = parts, parts.store, parts.keepers
        self.trying, self.writer, self.alone = parts.trying, parts.writer, parts.alone
        self._known: Known | None = None

    # reading

    @property
    def library(self) -> Library:
        """The entries in use."""
        return self.parts.library()

    def today(self) -> date:
        return datetime.fromtimestamp(self.parts.clock.now(), UTC).date()

    def filed(self, name: str) -> Filed | None:
        """The file of an entry as it lies on disk now."""
        return self.writer.filed(name)

    def change(self, change: str) -> Change:
        """Raises `NotFound`."""
        row = self.store.change(change)
        if row is None:
            raise NotFound(change)
        return Change.of(row)

    def open_change(self, name: str) -> Change | None:
        """What is being written or waits for a second person."""
        row = self.store.open_change(name)
        return Change.of(row) if row else None

    def history(self, name: str, limit: int = 30) -> list[Change]:
        """What was done to an entry, newest first."""
        return [Change.of(row) for row in self.store.history(name, limit)]

    def check(self, name: str, text: str) -> Checked:
        """A text under all rules, beside all other entries."""
        library = self.library
        if self._known is None or self._known.library is not library:
            self._known = Known.of(library)
        banned = load_banned(self.parts.shelf(), Faults())
        base = library.entries.get(name)
        return check(name, text, self._known, self.parts.vocabulary(), banned, self.today(), base)

    def replay(self, entry: Entry) -> list[Tried]:
        """Those of the last questions that would go elsewhere with this draft."""
        return self.trying.moved(entry, dict.fromkeys(self.store.recent_questions(RECENT)))

    # writing

    def save(self, person: Person, name: str, text: str, seen: Seen) -> Do:
        """Keep what somebody has written so far, faults and all. Raises `Conflict` when it is not what they saw."""
        return self._keep(person, name, text, seen, "draft")

    def send(self, person: Person, name: str, text: str, seen: Seen) -> Do:
        """Hand it in: to a second person, or out at once where one is enough.

        Raises `Refused` with what stands against it, `Conflict` when file or draft are not what they saw.
        """
        entry = self._ready(name, text)
        start = self._start(name, seen[0])
        self._unbroken(entry, text)
        base = self.library.entries.get(name)
        done = handed_in(text, entry, slug(person.id), base.version + 1 if base else 1)
        if base and base.state == "published" and stripped(start.text) == stripped(done):
            raise Refused(self._say("author.nothing"))
        keep = self._keep(person, name, done, (start.sha, seen[1]), "waiting")
        return (lambda work: self._publish(work, keep(work), person)) if self.alone else keep

    def approve(self, person: Person, change: Change) -> Do:
        """The second person's word. Raises `Refused` for the author's own, and with what stands against it by now."""
        if person.key == change.author and not self.alone:
            raise Refused(self._say("author.own"))
        start = self._start(change.entry, change.base)
        self._unbroken(self._ready(change.entry, change.yaml), change.yaml)
        return lambda work: self._publish(work, replace(change, base=start.sha, before=start.text), person)

    def adopt(self, person: Person, name: str) -> Do:
        """Approve what waits in a file on disk (`state: review`), as proposals from a chat do."""
        filed, entry = self.filed(name), self.library.entries.get(name)
        if filed is None or entry is None or entry.state != "review":
            raise NotFound(name)
        if entry.author == slug(person.id) and not self.alone:
            raise Refused(self._say("author.own"))
        ready = self._ready(name, filed.text)
        self._unbroken(ready, filed.text)
        text = handed_in(filed.text, ready, entry.author, entry.version)
        by = next((one.key for one in self.keepers.staff.people() if slug(one.id) == entry.author), "")
        change = replace(self._new(person, name, filed, text, "edit", "waiting"), author=by)
        return lambda work: self._publish(work, self._add(work, change), person)

    def back(self, person: Person, change: Change, note: str) -> Do:
        """Give a waiting change back to its author, with a word why. Raises `Refused` without one."""
        why = self.parts.redact(note.strip())[:1000]
        if not why:
            raise Refused(self._say("author.why"))

        def run(work: Work) -> Change:
            self._decide(work, change, "draft", person.key, why)
            self.writer.telling.author(work, change, "author.told.back", person.name, why)
            return change

        return run

    def drop(self, person: Person, change: Change) -> Do:
        """Throw a change away before it is published."""

        def run(work: Work) -> Change:
            self._decide(work, change, "dropped", person.key, "")
            return change

        return run

    def undo(self, person: Person, name: str) -> Do:
        """Take the last published change back; what stood before was approved then. Raises `Conflict`, `Refused`."""
        last = next((item for item in self.history(name) if item.state == "published"), None)
        filed = self.filed(name)
        if last is None or filed is None:
            raise NotFound(name)
        if filed.sha != sha_of(last.yaml):
            raise Conflict(self._say("author.newer"))
        text = last.before or drafted(last.yaml)
        checked = self.check(name, text)
        if checked.entry and checked.document and checked.document.value.get("state") == "published":
            self._unbroken(checked.entry, text)
        return lambda work: self._at_once(work, person, filed, text, "undo")

    def take_shipped(self, person: Person, name: str, also: Callable[[Work], None]) -> Do:
        """What ships takes the place of the organisation's own text. Raises `NotFound`, `Stopped`."""
        filed, shipped = self.filed(name), Shelf(self.parts.shelf().packaged).file(label_of(name))
        if filed is None or shipped is None or not filed.own:
            raise NotFound(name)
        text = shipped[1].decode("utf-8-sig")
        self._unbroken(self._ready(name, text), text)

        def run(work: Work) -> Change:
            also(work)
            return self._at_once(work, person, filed, text, "undo")

        return run

    def still(self, person: Person, name: str) -> Do:
        """Its keeper, or who steps in, says that it is right as it is."""
        filed, entry = self._kept(person, name, stepping_in=True)
        return lambda work: self._at_once(work, person, filed, confirmed(filed.text, entry, self.today()), "still")

    def reassign(self, person: Person, name: str, owner: str) -> Do:
        """Its keeper, or who steps in, gives it to another owner."""
        filed, _ = self._kept(person, name, stepping_in=True)
        if owner not in self.keepers.choices():
            raise Refused(self._say("author.no_owner"))
        return lambda work: self._at_once(work, person, filed, owned(filed.text, owner), "owner")

    def retire(self, person: Person, name: str) -> Do:
        """Its keeper takes it out of use; nobody else does."""
        filed, _ = self._kept(person, name)
        return lambda work: self._at_once(work, person, filed, retired(filed.text), "retire")

    # what is checked before

    def _ready(self, name: str, text: str) -> Entry:
        """The entry of a text with nothing against it, while no other file keeps edits from going live."""
        others = [fault for fault in self.parts.reload() if Path(fault.file).stem != name]
        if others:
            raise Refused(self._say("author.others", file=others[0].file, line=others[0].line, what=others[0].what))
        checked = self.check(name, text)
        if checked.ready is None:
            raise Stopped(checked.faults)
        if not checked.ready.golden.get(DEFAULT_LANGUAGE):
            raise Refused(self._say("author.golden"))
        return checked.ready

    def _unbroken(self, entry: Entry, text: str) -> None:
        if faults := self.trying.broken(entry, text):
            raise Stopped(faults)

    def _start(self, name: str, base: str) -> Filed:
        """The file a change starts from, if it is still there; new dates and names in it are no reason to begin again."""
        filed = self.filed(name) or Filed(name, "", "", False)
        if filed.sha != base:
            change = self.open_change(name)
            same = change and change.before and filed.text and stripped(change.before) == stripped(filed.text)
            if not same or (change and change.base != base):
                raise Conflict(self._say("author.newer"))
        return filed

    def _kept(self, person: Person, name: str, *, stepping_in: bool = False) -> tuple[Filed, Entry]:
        filed, entry = self.filed(name), self.library.entries.get(name)
        if filed is None or entry is None:
            raise NotFound(name)
        instead = stepping_in and self.keepers.steps_in(person, entry.due, self.today())
        if not instead and not self.keepers.keeps(person, entry.owner):
            raise Refused(self._say("author.not_yours", owner=self.keepers.name(entry.owner)))
        return filed, entry

    # what is written then

    def _new(self, person: Person, name: str, start: Filed, text: str, kind: Kind, state: State) -> Change:
        now = self.parts.clock.now()
        return Change(
            uuid.uuid4().hex, 0, name, kind, state, start.sha, start.text, text, 1, person.key, "", "", now, now, 0.0
        )

    def _keep(self, person: Person, name: str, text: str, seen: Seen, state: State) -> Do:
        before, filed = self.open_change(name), self.filed(name)
        if before is None:
            change = self._new(person, name, self._start(name, seen[0]), text, "edit", state)
        else:
            change = replace(before, yaml=text, state=state, rev=before.rev + 1, author=person.key)
            if filed and filed.sha == seen[0]:
                change = replace(change, base=filed.sha, before=filed.text)
            change = replace(change, note="" if state == "waiting" else change.note)

        def run(work: Work) -> Change:
            if before is None:
                kept = self._add(work, change)
            elif self.store.save(work.tx, replace(change, updated_at=work.at), seen[1]):
                kept = change
            else:
                raise Conflict(self._say("author.beaten"))
            work.audit(person.key, "answer.send" if state == "waiting" else "answer.save", name)
            if state == "waiting" and not self.alone:
                self.writer.telling.waits(work, person, kept)
            return kept

        return run

    def _add(self, work: Work, change: Change) -> Change:
        numbered = replace(change, seq=self.store.next_number(work.tx))
        if not self.store.add(work.tx, numbered):
            raise Conflict(self._say("author.beaten"))
        return numbered

    def _publish(self, work: Work, change: Change, person: Person) -> Change:
        text = change.yaml if self.alone else approved(change.yaml, slug(person.id))
        done = replace(change, yaml=text, state="approved", approver=person.key, decided_at=work.at)
        if not self.store.finish(work.tx, done):
            raise Conflict(self._say("author.beaten"))
        work.audit(person.key, "answer.approve", change.entry)
        work.job(JOB, f"answer:{change.id}", {"change": change.id})
        if change.author != person.key:
            self.writer.telling.author(work, change, "author.told.approved", person.name)
        return done

    def _at_once(self, work: Work, person: Person, filed: Filed, text: str, kind: Kind) -> Change:
        """A change that needs nobody else: it goes straight to being written."""
        if text == filed.text:
            raise Conflict(self._say("author.already"))
        change = self._new(person, filed.name, filed, text, kind, "approved")
        kept = self._add(work, replace(change, approver=person.key, decided_at=work.at))
        work.audit(person.key, f"answer.{kind}", filed.name)
        work.job(JOB, f"answer:{kept.id}", {"change": kept.id})
        return kept

    def _decide(self, work: Work, change: Change, state: State, approver: str, note: str) -> None:
        if not self.store.decide(work.tx, change.id, change.state, state, approver, note, work.at):
            raise Conflict(self._say("author.beaten"))
        work.audit(approver, f"answer.{state}", change.entry)

    def _say(self, key: str, **params: object) -> str:
        org = self.parts.organisation()
        return org.words.say(org.file.language, key, **params)

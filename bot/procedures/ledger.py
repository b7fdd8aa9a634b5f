"""The ledger of runs: a run locked in a transaction, one more link of its chain, and everything that can be read of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from bot.errors import Conflict, NotFound
from bot.model import Person
from bot.procedures import chain
from bot.procedures.chain import Record
from bot.procedures.crew import Crew
from bot.procedures.evidence import FILE_PURPOSE, Evidence, Sealed, Written, plain_name, seal, written
from bot.procedures.library import unpinned
from bot.procedures.shapes import Procedure, Step
from bot.procedures.state import Run, record_of
from bot.procedures.stepcards import StepCards
from bot.procedures.store import Parts
from bot.turn import Work

US = "secdesk"


@dataclass
class Open:
    """A run inside a transaction: its locked row, its pinned version, and what this transaction changes."""

    run: Run
    procedure: Procedure
    was: int  # the last row before this transaction
    changes: dict[str, object] = field(default_factory=dict)

    def change(self, **changes: object) -> None:
        self.changes.update(changes)
        self.run = replace(self.run, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Entry:
    """What one row says beside who and when."""

    action: str
    step: str = ""
    detail: str = ""
    evidence: Sealed | None = None
    note: str = ""


class Ledger:
    """Reads runs, and writes down what happens in them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # versions are read often and never change: their hash is their name
        self._versions = lru_cache(maxsize=64)(lambda sha256: unpinned(parts.store.version(sha256)))
        self.crew = Crew(parts.identities, parts.organisation, parts.on_duty, parts.place_of)
        self.cards = StepCards(parts.organisation, self.crew, parts.link)

    # reading

    def get(self, name: str) -> Run:
        """A run by its id (`RUN-7`, in any case). Raises `NotFound`."""
        row = self._parts.store.run(name.strip().upper())
        if row is None:
            raise NotFound(name)
        return Run(**row)

    def listed(
        self,
        *,
        state: str = "",
        procedure: str = "",
        ticket: str = "",
        since: float = 0.0,
        limit: int = 200,
        before: int = 0,
    ) -> list[Run]:
        """Runs, the latest first. "" for any."""
        found = self._parts.store.runs(
            state=state, procedure=procedure, ticket=ticket, since=since, limit=limit, before=before
        )
        return [Run(**row) for row in found]

    def pinned(self, run: Run) -> Procedure:
        """The version a run was started on."""
        return self._versions(run.sha256)

    def version_text(self, run: Run) -> str:
        """The file of that version, as it was."""
        return self._parts.store.version(run.sha256)

    def records(self, run: Run) -> list[Record]:
        """The chain of a run."""
        return [record_of(run, row) for row in self._parts.store.records(run.id)]

    def written(self, run: Run) -> dict[tuple[int, str], Written]:
        """What was written and sent, by row and part; what was deleted since is not there."""
        found = {
            (int(row["seq"]), str(row["part"])): written(self._parts.vault, row)
            for row in self._parts.store.texts(run.id)
        }
        for row in self._parts.store.files(run.id):
            file = Written(
                int(row["seq"]), "evidence", "file", row["person"], row["id"], name=row["name"], type=row["type"],
                size=int(row["size"]),
            )  # fmt: skip
            found[file.seq, "evidence"] = file
        return found

    def opened(self, file: str) -> tuple[str, bytes]:
        """Name and bytes of a file of a run. Raises `NotFound`."""
        row = self._parts.store.file(file)
        if row is None:
            raise NotFound(file)
        return str(row["name"]), self._parts.vault.unseal(FILE_PURPOSE, bytes(row["body"]))

    def followers(self, run: Run) -> list[str]:
        return self._parts.store.followers(run.id)

    def fault(self, run: Run, records: Sequence[Record] | None = None) -> str:
        """What is wrong with a run's chain; "" if it is whole. `records`: its chain, if it was read already."""
        return chain.fault(self.records(run) if records is None else records, (run.seq, run.head))

    def may(self, run: Run, person: Person) -> bool:
        """Whether somebody may do the step a run is at."""
        return run.running and not self.bar(run, self.pinned(run).step(run.step), person)

    def bar(self, run: Run, step: Step, person: Person) -> str:
        """Why somebody may not do a step: role, four_eyes; "" if they may."""
        if not self.crew.role(person, step.who):
            return "role"
        return "four_eyes" if person.key and person.key in self.barred(run, step) else ""

    def barred(self, run: Run, step: Step) -> set[str]:
        """Who may not do a step because they did the one it is a second pair of eyes for."""
        return self._parts.store.doers(run.id, step.four_eyes) if step.four_eyes else set()

    def sees(self, run: Run, person: Person) -> bool:
        """Whether somebody may look at a run: the desk, its owner, who has it, could do its step, or had a part in it."""
        if self.crew.desk(person) or (person.key and person.key == run.holder):
            return True
        procedure = self.pinned(run)
        if self.crew.keeps(person, procedure.owner):
            return True
        if run.running and self.crew.role(person, procedure.step(run.step).who):
            return True
        return bool(person.key) and any(row.actor == person.key for row in self.records(run))

    # writing, inside a transaction

    def locked(self, work: Work, run: str, by: Person | None) -> Open:
        """A run whose row is taken. For somebody: raises `NotFound` if they may not see it, `Conflict` if it is over."""
        row = self._parts.store.lock(work.tx, run.strip().upper())
        if row is None:
            raise NotFound(run)
        found = Run(**row)
        if by and not self.sees(found, by):
            raise NotFound(run)
        if by and not found.running:
            raise Conflict(self.say(by, "procedure.ended", run=found.id))
        return Open(found, self.pinned(found), found.seq)

    def record(self, work: Work, book: Open, by: Person | None, row: Entry) -> None:
        """One more link of the chain, what was written with it, and an audit row with its hash."""
        run, note = book.run, row.note.strip()
        kept = seal(self._parts.vault, Evidence("text", note), self._parts.redact) if note else None
        role = US
        if by:
            step = book.procedure.step(row.step) if row.step else None
            role = (self.crew.role(by, step.who) if step else "") or self.crew.role(by, None) or "owner"
        record = chain.hashed(Record(
            run.id, run.seq + 1, chain.moment(work.at), by.key if by else US, role, run.procedure_id, run.version, run.sha256,
            row.step, row.action, row.detail, row.evidence.kind if row.evidence else "none",
            row.evidence.sha256 if row.evidence else "", kept.sha256 if kept else "", run.head,
        ))  # fmt: skip
        self._parts.store.add_record(work.tx, {
            "run": run.id, "seq": record.seq, "at": work.at, "actor": record.actor, "actor_role": role, "step": row.step,
            "action": row.action, "detail": row.detail, "evidence": record.evidence,
            "evidence_sha256": record.evidence_sha256, "note_sha256": record.note_sha256, "prev_hash": record.prev_hash,
            "hash": record.hash,
        })  # fmt: skip
        for part, sealed in (("evidence", row.evidence), ("note", kept)):
            if sealed:
                self._keep(work, run, record, part, sealed)
        book.change(seq=record.seq, head=record.hash)
        work.audit(
            record.actor, f"procedure.{row.action}", run.id, seq=str(record.seq), step=row.step, hash=record.hash
        )

    def _keep(self, work: Work, run: Run, record: Record, part: str, sealed: Sealed) -> None:
        row = {"id": uuid.uuid4().hex, "run": run.id, "seq": record.seq, "person": record.actor, "at": work.at}
        if sealed.file:
            file = sealed.file
            more = {"name": plain_name(file.name), "type": file.type[:100], "size": len(file.data), "body": sealed.body}
            self._parts.store.add_file(work.tx, {**row, **more})
        else:
            self._parts.store.add_text(work.tx, {**row, "part": part, "kind": sealed.kind, "sealed": sealed.body})

    def save(self, work: Work, book: Open) -> None:
        if book.changes and not self._parts.store.change(work.tx, book.run.id, book.was, book.changes):
            raise Conflict(
                self.our("procedure.moved_on", run=book.run.id)
            )  # the lock makes this impossible; never trust one

    def say(self, person: Person, key: str, **params: object) -> str:
        """Words of ours in somebody's language."""
        return self.cards.say(person.language, key, **params)

    def our(self, key: str, **params: object) -> str:
        """Words of ours in the organisation's language."""
        return self.cards.say(self._parts.organisation().file.language, key, **params)

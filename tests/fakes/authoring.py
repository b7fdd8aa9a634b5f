"""The author's side over three small entries, a real database and real files; the search is one that tests command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from adapters.channels.web import web_place
from adapters.directories.file import FileDirectory, load_people
from adapters.stores.audit import SqlAuditStore
from adapters.stores.authoring import SqlAuthoringStore
from adapters.stores.content import SqlContentStore
from adapters.stores.core import SqlCoreStore, SqlIdentityStore
from adapters.stores.open import open_db
from adapters.stores.shipped import SqlShippedStore
from adapters.vault import KeyVault
from bot.answering.answers import Judgement, Knowledge
from bot.answering.authoring import Authoring, Do, Parts
from bot.answering.changes import Change
from bot.answering.entries import Library, Vocabulary
from bot.answering.golden import Broken, broken
from bot.answering.keepers import Keepers
from bot.answering.knowledge import read_answers
from bot.answering.shipped import Shipped
from bot.answering.smalltalk import Smalltalk
from bot.answering.telling import Telling
from bot.answering.trying import Trying
from bot.answering.updates import Updates
from bot.answering.writing import Writer
from bot.audit import AuditLog
from bot.content import Faults, Shelf, packaged_shelf
from bot.errors import Fault
from bot.model import Outcome, Person
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Db
from bot.shared_folder import SharedFolder
from bot.turn import Work
from tests.fakes.web import FakeClock, sample_organisation

T = TypeVar("T")
NOW = 1_800_000_000.0  # 2027-01-15
GOLDEN = {"usb": "thumb drive on the floor", "wifi": "hotel net", "keys": "my ring has vanished"}

ENTRY = """\
# Kept by {owner}. Ask before changing it.
schema: answer/1
id: {name}
version: 3
state: published
group: devices
roles: ["all"]
severity: S0
title: {{en: "About {name}"}}
questions:
  en:
    # as people type it
    - "{name} one"
    - "{name} two"
    - "{name} three"
    - "{name} four"
    - "{name} five"
golden:
  en: ["{golden}"]
answer:
  en:
    short: "Tell reception about the {name}."
    steps: ["Ring {{helpdesk_phone}}."]
placeholders: ["helpdesk_phone"]
sources:
  - {{code: "OWN", title: "Rules", publisher: "Northwind", checked: 2026-11-02}}
owner: {owner}
author: kim-lee
approved_by: ida-roth
reviewed: 2026-11-02
review_due: 2027-05-02
"""


@dataclass
class Search:
    """Finds the entry that a question begins with or that owns it as a golden question; `takes` says otherwise."""

    library: Library
    takes: dict[str, str]

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        owners = [e.id for e in self.library.published() for texts in e.golden.values() if question in texts]
        named = [entry.id for entry in self.library.published() if question.startswith(entry.id)]
        wanted = [self.takes[question]] if question in self.takes else [*named, *owners]
        ids = tuple(dict.fromkeys([*(w for w in wanted if w in allowed), *sorted(allowed)]))
        outcome = Outcome.ANSWER if wanted and ids else Outcome.ESCALATE
        return Judgement(outcome, ids, 0.9 if wanted else 0.1)

    def judge_all(self, asked: Sequence[tuple[str, Collection[str]]]) -> list[Judgement]:
        return [self.judge(question, allowed) for question, allowed in asked]


@dataclass
class Trials:
    """`takes`: what questions find once a draft is in."""

    desk: AuthorDesk
    takes: dict[str, str] = field(default_factory=dict)

    def search(self, library: Library) -> Search:
        return Search(library, self.takes)

    def breaks(self, library: Library) -> list[Broken]:
        now = self.desk.library
        return broken((now, Search(now, {})), (library, self.search(library)), lambda: Search(now, {}))


@dataclass
class AuthorDesk:
    """Everything under one folder. `sam` and `ines` work at the desk; sam keeps what `service-desk` owns."""

    place: Path
    alone: bool = False
    db: Db | None = None
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    over: Callable[[Library], Library] = field(default=lambda library: library)

    def __post_init__(self) -> None:
        self.folder, ours = self.place / "knowledge", self.place / "ours"
        for folder in (self.folder, ours):
            (folder / "answers").mkdir(parents=True)
        for name, golden in GOLDEN.items():
            owner = "awareness" if name == "keys" else "service-desk"
            text = ENTRY.format(name=name, golden=golden, owner=owner)
            (ours / "answers" / f"{name}.yaml").write_text(text, "utf-8")
        self.shelf = Shelf(ours, self.folder)
        self.vault = KeyVault({1: b"k" * 32})
        self.db = self.db or open_db("", self.place)
        self.org: Organisation = sample_organisation()
        owners = {"service-desk": "Service desk", "awareness": "Security awareness"}
        file = self.org.file.model_copy(update={"owners": owners, "keepers": {"service-desk": ["sam.ortiz"]}})
        self.org = replace(self.org, file=file)
        self.directory = FileDirectory(None)
        self.directory.replace(
            load_people(packaged_shelf(), self.org.roles, self.org.file.entities, "en", "Europe/London")
        )
        self.core, self.store = SqlCoreStore(self.db), SqlAuthoringStore(self.db)
        self.identities = Identities(self.db, SqlIdentityStore(self.db), self.vault, self.directory)
        self.audit = AuditLog(self.vault, SqlAuditStore())
        self.faults: tuple[Fault, ...] = ()
        self.library = Library()
        self.reload()
        self.trials = Trials(self)
        self.sam, self.ines, self.dana = (self.person(name) for name in ("sam.ortiz", "ines.brandt", "dana.reyes"))
        self.authoring = self._authoring()

    def _authoring(self) -> Authoring:
        keepers = Keepers(lambda: self.org, self.identities, lambda: "ines.brandt")
        telling = Telling(
            keepers, lambda: self.org, lambda: self.library,
            lambda key: web_place(self.vault, who.id) if (who := self.identities.who(key)) else None,
            lambda name: f"https://desk.example/console/knowledge/{name}",
        )  # fmt: skip
        trying = Trying(
            self.knowledge, self.trials, lambda: self.shelf, lambda text: "fire" if "help" in text else "none"
        )
        assert self.db is not None
        shared = SharedFolder(SqlContentStore(self.db, self.vault), self.folder, self.place, self.clock)
        writer = Writer(self.store, lambda: self.shelf, shared, telling, self.work)
        return Authoring(
            Parts(
                store=self.store, shelf=lambda: self.shelf, vocabulary=self.vocabulary, organisation=lambda: self.org,
                library=lambda: self.library, reload=self.reload, trying=trying, keepers=keepers, writer=writer,
                redact=lambda text: text.replace("hunter2", "[removed]"), clock=self.clock, alone=self.alone,
            )
        )  # fmt: skip

    def vocabulary(self) -> Vocabulary:
        return Vocabulary({"all", "it_helpdesk"}, {"helpdesk_phone"}, {"device"}, {"devices"}, alone=self.alone)

    def knowledge(self) -> Knowledge:
        return Knowledge(self.library, Search(self.library, {}), Smalltalk({}))

    def reload(self) -> tuple[Fault, ...]:
        """Look at the disk: the last good library stays."""
        faults = Faults()
        library = read_answers(self.shelf, self.vocabulary(), faults)
        if not faults.found:
            self.library = self.over(library)
        self.faults = tuple(faults.found)
        return self.faults

    def person(self, who: str) -> Person:
        found = self.identities.find(who)
        assert found is not None
        return found if found.key else self.work(lambda work: self.identities.meet(work.tx, found, work.at))

    def work(self, change: Callable[[Work], T]) -> T:
        assert self.db is not None
        with self.db.tx() as tx:
            return change(Work(tx, self.clock.now(), self.core, self.audit, {}))

    def do(self, do: Do) -> Change:
        """Commit, write the file if there is one to write, and look at the disk."""
        change = self.work(do)
        self.authoring.writer.write({"change": change.id})
        self.reload()
        return self.authoring.change(change.id)

    def text(self, name: str) -> str:
        filed = self.authoring.filed(name)
        assert filed is not None
        return filed.text

    def seen(self, name: str) -> tuple[str, int]:
        """What somebody who opens the editor now has before them."""
        filed, change = self.authoring.filed(name), self.authoring.open_change(name)
        return (filed.sha if filed else ""), (change.rev if change else 0)

    def own(self, name: str) -> Path:
        return self.folder / "answers" / f"{name}.yaml"

    def messages(self, who: Person) -> list[str]:
        """What somebody was written."""
        assert self.db is not None
        sql = "SELECT text FROM utterance WHERE person = :p AND direction = 'out' ORDER BY at"
        return [str(row["text"]) for row in self.db.query(sql, p=who.key)]

    def audited(self) -> list[str]:
        assert self.db is not None
        return [str(row["action"]) for row in self.db.query("SELECT action FROM audit ORDER BY seq")]

    def ask(self, text: str, entry: str = "", rating: str = "") -> None:
        """Somebody has asked something."""
        row: dict[str, Any] = {"id": uuid4().hex, "at": self.clock.now(), "text": text}
        sql = """INSERT INTO question (id, person, at, text, outcome, entry, confidence, rating)
                 VALUES (:id, 'p', :at, :text, 'answer', :entry, 1, :rating)"""
        self.work(lambda work: work.tx.execute(sql, entry=entry, rating=rating, **row))

    def close(self) -> None:
        assert self.db is not None
        self.db.close()


def started(desk: AuthorDesk) -> Shipped:
    """The program starts: as the first one, or as a new version of it."""
    assert desk.db is not None
    shipped = Shipped(SqlShippedStore(desk.db), desk.shelf, desk.clock.now)
    shipped.register()
    return shipped


def updates_of(desk: AuthorDesk) -> Updates:
    """What there is to decide after a start."""
    shipped = started(desk)
    desk.over = shipped.over
    desk.reload()

    def reload() -> None:
        shipped.refresh()
        desk.reload()

    return Updates(shipped, desk.authoring.writer.shared, desk.authoring, reload)

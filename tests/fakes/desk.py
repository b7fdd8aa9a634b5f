"""Secdesk as `bot.app.build` makes it, on a temporary folder: a clock to move, a pager that keeps pages, jobs run inline.

Loading the packaged content takes a second, so all tests of a process share one copy; `with_content` puts other pieces in.
"""

from __future__ import annotations

import base64
import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.web import web_place
from bot.answering.answers import Knowledge
from bot.answering.encoder import Encoders
from bot.answering.entries import Library
from bot.answering.search import Index
from bot.app import App, build
from bot.app.contents import Contents, IndexSearch, load_contents
from bot.cards import Card, as_text, load, pressables
from bot.delivery import Sweeper
from bot.errors import ChannelError, RetryLater, StoreUnavailable
from bot.helpdesk.oncall import Rota, RotaFile
from bot.helpdesk.tickets import Ticket
from bot.model import Action, File, Finding, Kind, Message, Person, Place, Reply, Verdict
from bot.organisation import Organisation
from bot.ports import Db, Page, Payload, SentRef, Tx
from bot.reload import Watched
from bot.reporting.context import Context
from bot.reporting.examine import Examination, examine
from bot.reporting.mail_model import Email
from bot.reporting.outline import Outline, outline
from bot.reporting.screenshots import Picture, look
from bot.reporting.unpack import Letter, unpack
from bot.settings import Settings

NOW = 1_900_000_000.0  # 17 March 2030, a Sunday
YEARS = 3 * 365 * 86_400.0
DANA, JONAS, SAM, INES, CLARA = "dana.reyes", "jonas.keller", "sam.ortiz", "ines.brandt", "clara.moreau"
TROUBLE = "I clicked the link in a phishing mail and typed my password"
NONSENSE = "blorf snarg wug"
MAIL = (
    b"From: Parcel <info@parcel-fee.example>\r\nTo: you@northwind.example\r\nSubject: Your parcel\r\n"
    b"Message-ID: <1@parcel-fee.example>\r\nDate: Sun, 17 Mar 2030 10:00:00 +0000\r\n\r\n"
    b"Pay the fee within the hour: http://parcel-fee.example/pay\r\n"
)


@dataclass
class FakeClock:
    """Stands still until it is moved."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class FakePager:
    """Keeps pages; `broken` is raised instead."""

    name: str = "fake"
    rings: bool = True
    pages: list[Page] = field(default_factory=list)
    broken: Exception | None = None

    def page(self, page: Page) -> None:
        if self.broken:
            raise self.broken
        self.pages.append(page)


class InProcess:
    """`Examiner` without the sandbox: the mails of tests are harmless."""

    def examine(self, data: bytes, name: str, context: Context) -> Examination:
        return examine(data, name, context)

    def unpack(self, data: bytes, authserv_id: str) -> Letter:
        return unpack(data, authserv_id)

    def outline(self, data: bytes, name: str) -> Outline:
        return outline(data, name)

    def look(self, data: bytes, name: str) -> Picture:
        return look(data, name)


SIGN = Finding("links", "The link leads to hxxp://parcel-fee[.]example.", 3.0)


class Says(InProcess):
    """`Examiner` that says what it is told to."""

    def __init__(self) -> None:
        self.verdict = Verdict(Kind.LIKELY_PHISHING, 0.97, (SIGN,), (), 6.0)
        self.calls = 0

    def examine(self, data: bytes, name: str, context: Context) -> Examination:
        self.calls += 1
        return Examination(Email("0" * 64, subject="Your parcel", text="Pay the fee", size=len(data)), self.verdict)


@dataclass
class InlineJobs:
    """`Jobs` that run when told to. Like the engine: a key is one job, and what raises comes again."""

    app: App
    waiting: list[tuple[str, str, Payload]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None:
        if f"{kind}:{key}" not in self.known:
            self.known.add(f"{kind}:{key}")
            self.waiting.append((kind, key, payload))

    def run(self) -> int:
        """Run everything once; what asks to come again stays for the next time. The number done."""
        jobs, self.waiting = self.waiting, []
        done = 0
        for kind, key, payload in jobs:
            try:
                self.app.handlers()[kind](payload)
                done += 1
            except (RetryLater, StoreUnavailable):
                self.waiting.append((kind, key, payload))
            except ChannelError as error:
                self.failed.append((key, str(error)))
        return done


class House:
    """The desk with its people, driven the way an edge drives it."""

    def __init__(
        self,
        folder: Path,
        db: Db,
        contents: Contents,
        *,
        clock: FakeClock | None = None,
        settings: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> None:
        self.folder, self.db, self.clock, self.pager = folder, db, clock or FakeClock(), FakePager()
        chosen = {"data": folder, "knowledge": folder / "knowledge", "search": "words", **(settings or {})}
        given = {"pagers": [self.pager], "examiner": InProcess(), **given}
        self.app = build(Settings(folder=folder, **chosen), clock=self.clock, db=db, contents=contents, **given)
        self.counted: list[str] = []
        self.app.count = self.counted.append
        self.app.deliverer.aside = lambda work: work()  # what is caught up after an outage is out when `settle` returns
        self.desk, self.jobs = self.app.desk, InlineJobs(self.app)
        self.sweeper = Sweeper(self.app.core, self.jobs, self.clock)
        self._events = 0

    # talking

    def person(self, who: str) -> Person:
        """As an edge knows them: from the directory alone."""
        return self.app.directory.find(who) or Person(who, who, f"{who}@elsewhere.example", known=False)

    def key(self, who: str) -> str:
        """The pseudonym, "" if never met."""
        return self.app.identities.known_key(self.person(who))

    def place(self, who: str) -> Place:
        return web_place(self.app.vault, who)

    def message(self, who: str, text: str = "", *, key: str = "", **more: Any) -> Message:
        """An event with a key of its own, now."""
        self._events += 1
        self.clock.forward(0.01)  # no two messages of a person come at the same instant
        place = more.pop("place", None) or self.place(who)
        return Message(key or f"event-{self._events}", self.person(who), place, text, at=self.clock.now(), **more)

    def say(self, who: str, text: str = "", **more: Any) -> Reply:
        """Send a message and, as an edge does, send the reply at once."""
        reply = self.desk.handle(self.message(who, text, **more))
        if reply.delivery:
            self.app.deliver(reply.delivery)
        return reply

    def send(self, who: str, data: bytes = MAIL, name: str = "parcel.eml", text: str = "", **more: Any) -> Reply:
        return self.say(who, text, files=(File(name, data),), **more)

    def press(
        self, who: str, action: str, value: str = "", form: Mapping[str, str] | None = None, **more: Any
    ) -> Reply:
        return self.say(who, action=Action(action, value, form or {}), **more)

    def press_label(self, who: str, card: Card, label: str, **more: Any) -> Reply:
        """Press a button of a card by its label."""
        found = [button for button in pressables(card) if button.label == label]
        assert len(found) == 1, (label, labels(card))
        return self.press(who, found[0].action, found[0].value, **more)

    # the desk's side

    def analyst(self, who: str = SAM) -> Person:
        """Somebody of the help desk, met."""
        person = replace(self.person(who), key=self.key(who))
        return person if person.key else self.app.work(lambda work: self.app.identities.meet(work.tx, person, work.at))

    def act(self, verb: str, number: str, who: str = SAM, *texts: str) -> None:
        """`claim`, `reply` … as an analyst, in a transaction of its own."""
        self.clock.forward(0.01)
        analyst = self.analyst(who)
        self.app.work(lambda work: getattr(self.app.tickets, verb)(work, number, analyst, *texts))

    def tickets(self, state: str = "all") -> list[Ticket]:
        return self.app.tickets.queue(state)

    def ticket(self) -> Ticket:
        """The only one."""
        (ticket,) = self.tickets()
        return ticket

    def timeline(self, number: str, *, visible_only: bool = False) -> list[tuple[str, str]]:
        return [(event.kind, event.text) for event in self.app.tickets.timeline(number, visible_only=visible_only)]

    # what follows

    def settle(self) -> None:
        """Sweep and run jobs until nothing is left, with the clock moved on enough for what waits."""
        for _ in range(8):
            self.clock.forward(6)
            if not self.sweeper.sweep() and not self.jobs.waiting:
                return
            self.jobs.run()
        raise AssertionError(self.jobs.waiting)

    def posts(self, who: str) -> list[Card]:
        """What stands in somebody's web chat."""
        return [load(row["card"]) for row in self.app.web.posts(self.place(who).conversation, 100)]

    def told(self, who: str) -> str:
        return "\n\n".join(as_text(card) for card in self.posts(who))

    def rows(self, sql: str, **params: object) -> list[dict[str, Any]]:
        return self.db.query(sql, **params)

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        return {table: self.count(table) for table in tables(self.db)}

    def audited(self) -> list[str]:
        return [row["action"] for row in self.rows("SELECT action FROM audit ORDER BY seq")]

    def whole(self) -> bool:
        return self.app.verify_audit().ok

    def everything(self) -> str:
        """Every row of every table as text: sealed bytes opened, JSON read, so that nothing hides behind an escape."""
        return "\n".join(
            f"{table}.{name}: {self._open(value)}"
            for table in tables(self.db)
            for row in self.rows(f"SELECT * FROM {table}")
            for name, value in row.items()
        )

    def _open(self, value: object) -> str:
        if isinstance(value, bytes | memoryview):
            data = bytes(value)
            for purpose in ("identity", "mail", "spool"):
                try:
                    return self.app.vault.unseal(purpose, data).decode("utf-8", "replace")
                except Exception:
                    continue
            return data.decode("utf-8", "replace")
        text = str(value)
        if text[:1] in "{[":
            try:
                return text + " " + str(json.loads(text))
            except ValueError:
                return text
        return text

    def close(self) -> None:
        """As `App.close`, with the database left to whoever made it."""
        self.app.sandbox.close()
        self.app.bridge.close()


def tables(db: Db) -> list[str]:
    """The names of all tables."""
    if db.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    else:
        sql = "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()"
    return sorted(row["name"] for row in db.query(sql))


def labels(card: Card) -> list[str]:
    return [button.label for button in pressables(card)]


# content ------------------------------------------------------------------------------------------------------------


@cache
def shared(fitted: Path) -> Contents:
    """The packaged content, loaded once a process."""
    with alone(fitted):
        return load_contents(None, fitted, date.today, "words")


@contextmanager
def alone(fitted: Path) -> Iterator[None]:
    """Fitting the search takes long: one process does it, the others wait and find it done."""
    with (fitted / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fixed(name: str, value: Any) -> Watched[Any]:
    """Content that never changes."""
    return Watched(name, lambda: value, lambda: 0)


def with_values(contents: Contents, *, unset: Sequence[str] = (), **values: str) -> Contents:
    """The same content with other values of the group."""
    org: Organisation = contents.organisation.current
    left = {name: value for name, value in org.file.values.items() if name not in unset}
    file = org.file.model_copy(update={"values": {**left, **values}})
    return replace(contents, organisation=fixed("organisation", replace(org, file=file)))


def with_nobody_on_call(contents: Contents) -> Contents:
    file = RotaFile.model_validate({"schema": "oncall/1", "start": "2026-01-05"})
    return replace(contents, rota=fixed("on call", Rota(file)))


def with_no_answers(contents: Contents, fitted: Path) -> Contents:
    """An empty knowledge base."""
    index = Index.fit(Library(), encoders=Encoders("words", ()), cache=fitted / "empty")
    small = contents.knowledge.current.smalltalk
    return replace(contents, knowledge=fixed("answers", Knowledge(Library(), IndexSearch(index), small)))


# fixtures: a test module takes them over by name (`house = desk.house`) ------------------------------------------------


def cache_folder(config: pytest.Config) -> Path:
    """Where what was fitted is kept between runs (`tests.warm` uses the same)."""
    return Path(config.cache.mkdir("secdesk"))


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents:
    """The packaged content."""
    return shared(cache_folder(request.config))


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The data folder of a test."""
    return data_folder(tmp_path / "data", cache_folder(request.config))


@pytest.fixture
def says() -> Says:
    return Says()


@pytest.fixture
def judging(db: Db, home: Path, contents: Contents, says: Says) -> Iterator[House]:
    """Secdesk on each database, whose examiner says what `says` is told to."""
    made = House(home, db, contents, examiner=says)
    yield made
    made.close()


def data_folder(folder: Path, fitted: Path) -> Path:
    """A data folder with a fixed key and a filled cache."""
    folder.mkdir(mode=0o700)
    (folder / "cache").symlink_to(fitted)
    key = folder / "secdesk.key"
    key.touch(0o600)
    key.write_text("v1:" + base64.b64encode(b"k" * 32).decode())
    return folder


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    """Secdesk on each database."""
    made = House(home, db, contents)
    yield made
    made.close()


# trouble ------------------------------------------------------------------------------------------------------------


class FailingDb:
    """A database that can be taken away. `down` refuses everything, `read_only` refuses transactions."""

    def __init__(self, db: Db) -> None:
        self.db, self.dialect = db, db.dialect
        self.down = self.read_only = False

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        if self.down or self.read_only:
            raise StoreUnavailable("the database is away")
        with self.db.tx() as tx:
            yield tx

    def query(self, sql: str, **params: object) -> list[dict[str, Any]]:
        if self.down:
            raise StoreUnavailable("the database is away")
        return self.db.query(sql, **params)

    def close(self) -> None:
        self.db.close()


# a platform ---------------------------------------------------------------------------------------------------------


class FakeChannel:
    """A platform outside of us: each message that it took is a line of a file. It does not know our keys."""

    name = "web"
    real = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: list[Exception] = []

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        if self.trouble:
            raise self.trouble.pop(0)
        with self.path.open("a") as file:
            file.write(json.dumps([key, place.conversation, card.title, as_text(card)]) + "\n")
        return SentRef(self.name, place.conversation, key)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        return ref

    def keys(self) -> list[str]:
        return [json.loads(line)[0] for line in self.path.read_text().splitlines()] if self.path.exists() else []

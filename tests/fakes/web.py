"""The web application over a real SQLite database and the real help desk, with a small desk that knows a few sentences.

`python -m tests.fakes.web PORT FOLDER` serves it, with tickets, mails and pages in it, and prints a sign-in link; with
`link` behind that it only prints another one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from starlette.testclient import TestClient

from adapters.actions.dry_accounts import DryAccounts
from adapters.channels.web import WebChannel, web_place
from adapters.directories.file import FileDirectory, load_people
from adapters.stores.api import SqlTokenStore
from adapters.stores.audit import SqlAuditStore
from adapters.stores.caller_codes import SqlCodeStore
from adapters.stores.console import SqlConsoleStore
from adapters.stores.containment import SqlContainmentStore
from adapters.stores.core import SqlCoreStore, SqlIdentityStore
from adapters.stores.figures import SqlFigureStore
from adapters.stores.learning import SqlLearningStore
from adapters.stores.measurement import SqlMeasureStore
from adapters.stores.open import open_db
from adapters.stores.sessions import SqlSessionStore
from adapters.stores.tickets import SqlTicketStore
from adapters.stores.triage import SqlTriageStore
from adapters.stores.webchat import SqlWebStore
from adapters.vault import KeyVault
from adapters.web.api.parts import ApiParts
from adapters.web.app import create_web
from adapters.web.services import KnowledgeState, Loaded, Planned, Remark, WebServices
from adapters.web.signin import new_link
from bot.app.undoing import make_undo
from bot.audit import AuditLog
from bot.cards import Button, Buttons, Card, Choices, Facts, Input, Steps, Text, load
from bot.content import Faults, packaged_shelf
from bot.directory import Rules
from bot.errors import Fault, StoreUnavailable
from bot.figures.service import METRICS, Cell, ServiceFigures
from bot.health import Check, Health
from bot.helpdesk.codes import CallerCodes
from bot.helpdesk.codes import Parts as CodeParts
from bot.helpdesk.containment import Containment
from bot.helpdesk.containment import Parts as ContainmentParts
from bot.helpdesk.duty import Duty
from bot.helpdesk.duty import Parts as DutyParts
from bot.helpdesk.oncall import OnCall, Rota, RotaFile
from bot.helpdesk.paging import Paging
from bot.helpdesk.relay import Relay
from bot.helpdesk.sla import load_sla
from bot.helpdesk.tickets import Tickets
from bot.helpdesk.triage import Triage, at_the_desk
from bot.learning.experiments import read_experiments
from bot.learning.finished import Figure
from bot.learning.measurement import Measures
from bot.learning.privacy import read_privacy
from bot.learning.pseudonym import Codes
from bot.learning.shapes import Library
from bot.model import Message, Person, Place, Reply, Severity
from bot.organisation import Organisation, OrgFile, RolesFile, Words
from bot.people import Identities
from bot.periods import last_finished, month_name
from bot.ports import Page
from bot.settings import Settings
from bot.tokens import Tokens
from bot.turn import Dialogue, TicketRequest, Turn, Work, place_from
from bot.undo import JOB
from tests.fakes import mail_desk
from tests.fakes.web_procedures import procedures

T = TypeVar("T")
NOW = 1_900_000_000.0
PHONE = "+44 20 7946 0999"


@dataclass
class FakeClock:
    """A clock that stands still until it is moved; `None` follows the machine's."""

    at: float | None = NOW

    def now(self) -> float:
        return time.time() if self.at is None else self.at


class SilentPager:
    """Takes every page."""

    name = "silent"

    def page(self, page: Page) -> None:
        return


@cache
def sample_words() -> Words:
    """The English words that ship."""
    english = sorted(item.name for item in (files("knowledge") / "copy").iterdir() if item.name.endswith("en.yaml"))
    return Words({"en": {key: text for name in english for key, text in _packaged(f"copy/{name}").items()}})


@cache
def _packaged(name: str) -> dict[str, Any]:
    """Read once: the loader that is written in Python took two thirds of the time of these tests."""
    loaded: dict[str, Any] = yaml.load((files("knowledge") / name).read_text("utf-8"), yaml.CSafeLoader)
    return loaded


def sample_organisation() -> Organisation:
    """A small organisation with three entities."""
    roles = RolesFile.model_validate(_packaged("roles.yaml"))
    entities = {name: {"name": f"Northwind {name.upper()}"} for name in ("uk", "de", "fr", "es")}
    org = OrgFile.model_validate(
        {
            "schema": "org/1", "sample": True, "name": "Northwind", "timezone": "Europe/London", "entities": entities,
            "values": {"helpdesk_phone": PHONE, "reset_url": "https://reset.northwind.example/start"},
        }
    )  # fmt: skip
    return Organisation(org, roles.roles, roles.groups, {}, sample_words())


@dataclass
class Fixture:
    """The application and everything under it. `down` makes the desk and the stores unreachable for writing."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    settings: Settings = field(default_factory=lambda: Settings(folder=Path()))
    down: bool = False
    control: mail_desk.FakeControl = field(default_factory=mail_desk.FakeControl)

    def __post_init__(self) -> None:
        self.db = open_db("", self.folder)
        self.vault = KeyVault({1: b"k" * 32})
        self.org = sample_organisation()
        faults = Faults()
        people = load_people(packaged_shelf(), self.org.roles, self.org.file.entities, "en", "Europe/London")
        self.directory = FileDirectory(None)
        self.directory.replace(people, Rules(entities={name: name for name in self.org.file.entities}))
        self.sessions = SqlSessionStore(self.db)
        self.identities = Identities(self.db, SqlIdentityStore(self.db), self.vault, self.directory)
        self.core, self.web, self.console = SqlCoreStore(self.db), SqlWebStore(self.db), SqlConsoleStore(self.db)
        self.audit = AuditLog(self.vault, SqlAuditStore())
        targets = load_sla(packaged_shelf(), faults)
        assert targets is not None
        rota = Rota(RotaFile.model_validate(
            {"schema": "oncall/1", "start": date(2026, 1, 5), "weekly": ["sam.ortiz"], "second": ["ines.brandt"],
             "manager": "ruth.adeyemi"}
        ))  # fmt: skip
        tickets_sql = SqlTicketStore(self.db)
        oncall = OnCall(
            tickets_sql, [SilentPager()], lambda: rota, self.clock, lambda number: number,
            lambda key: person.id if (person := self.identities.who(key)) else "",
        )  # fmt: skip
        self.tickets = Tickets(
            tickets_sql,
            self.identities,
            oncall,
            lambda: self.org.words,
            lambda: targets,
            "SEC",
            settle=lambda work, number: self.undo.settle(work, number),  # noqa: PLW0108 (made below)
        )
        self.oncall, self.channel = oncall, WebChannel(self.web, self.clock)
        duty_parts = DutyParts(
            tickets_sql, oncall, self.tickets, self.identities, lambda: self.org, self.chat_of, self.work, self.clock
        )
        duty = Duty(duty_parts)
        containment = Containment(ContainmentParts(
            SqlContainmentStore(self.db), DryAccounts(), self.tickets, self.identities, lambda: self.org, self.work, self.clock
        ))  # fmt: skip
        caller_codes = CallerCodes(CodeParts(
            SqlCodeStore(self.db), self.vault, self.tickets, self.identities, lambda: self.org, self.chat_of,
            lambda _key: False,
        ))  # fmt: skip
        self.pool = ThreadPoolExecutor(4)
        self.knowledge = KnowledgeState((Loaded("answers", 84), Loaded("lessons", 34), Loaded("emergencies", 11)))
        self.health = Health((Check("database", "ok", "SQLite, up to date"), Check("jobs", "ok", "0 waiting"),
                              Check("knowledge", "ok", "84 answers")), ready=True)  # fmt: skip
        self.plan: Sequence[Planned] = ()
        self.handled: list[Message] = []
        reports = mail_desk.reports(self)
        self.undo = make_undo(
            self.db,
            self.identities,
            self.tickets,
            reports.outcome,
            lambda: self.org.words,
            self.work,
            self.settings.undo_seconds,
        )
        self.services = WebServices(
            settings=self.settings, clock=self.clock, vault=self.vault, identities=self.identities,
            directory=self.directory, core=self.core, web=self.web, console=self.console, tickets=self.tickets, undo=self.undo,
            words=lambda: self.org.words, org=lambda: self.org, handle=self.handle, deliver=self.deliver,
            sessions=self.sessions, work=self.work, run=self.run, health=lambda: self.health, knowledge=lambda: self.knowledge,
            nudge_plan=lambda: self.plan, verify_audit=lambda: self.audit.verify(self.db),
            mail_desk=mail_desk.make(self, reports, self.control),
            duty=duty, paging=Paging(duty_parts, duty, containment), containment=containment, codes=caller_codes,
            triage=Triage(SqlTriageStore(self.db), self.tickets, lambda who: at_the_desk(who, self.org), lambda: self.org.words),
        )  # fmt: skip
        self.measures = measures(self)
        self.figures = ServiceFigures(
            store=SqlFigureStore(self.db),
            zone=lambda: UTC,
            urgent=tuple,
            working=lambda start, end: end - start,
            counted=tuple,
        )
        self.services = replace(self.services, measures=self.measures, figures=self.figures, api=self._api())
        self.services = replace(self.services, procedures=procedures(self))
        self.services = replace(self.services, provider=self._provider())
        self.app = create_web(self.services)

    def _api(self) -> ApiParts:
        def ask(text: str, person: Person) -> tuple[str, str, tuple[str, ...], float, str]:
            return "answer", "real-or-phishing", (), 0.9, "Send it to me and I will check it."

        return ApiParts(Tokens(SqlTokenStore(self.db), self.vault, lambda: self.org, self.chat_of), self.chat_of, ask)

    def client(self, **headers: str) -> TestClient:
        """A browser at the loopback address, on our own pages."""
        url = "http://127.0.0.1:8765"
        sent = {"origin": url, "sec-fetch-site": "same-origin", **headers}
        return TestClient(self.app, base_url=url, headers=sent, follow_redirects=False, client=("127.0.0.1", 50000))

    def chat_of(self, key: str) -> Place | None:
        person = self.identities.who(key)
        return web_place(self.vault, person.id) if person else None

    def person(self, who: str) -> Person:
        found = self.identities.find(who)
        assert found is not None
        return found if found.key else self.work(lambda work: self.identities.meet(work.tx, found, work.at))

    def work(self, change: Callable[[Work], T]) -> T:
        self._refuse()
        with self.db.tx() as tx:
            work = Work(tx, self.clock.now(), self.core, self.audit, {})
            result = change(work)
        for delivery in work.deliveries:
            self.deliver(delivery)
        return result

    def wait(self, seconds: float = 10.0) -> None:
        """Let time go by, and what can no longer be taken back go out."""
        if self.clock.at is not None:
            self.clock.at += seconds
        for row in self.core.due(self.clock.now() + seconds, 100):
            if row["kind"] == JOB:
                self.undo.over(json.loads(row["payload"]))
                self.core.done(row["key"])

    def _provider(self) -> Any:
        if not self.settings.issuer:
            return None
        from adapters.web.oidc import Provider  # (its libraries only where it is on)

        return Provider(self.settings, self.clock.now)

    def link(self, who: str = "sam.ortiz", *, admin: bool = False) -> str:
        """A path to sign in by."""
        person = self.person(who)
        return self.work(lambda work: new_link(work, self.sessions, self.vault, self.identities, person, admin=admin))

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    async def handle(self, message: Message) -> Reply:
        return await self.run(lambda: self._handle(message))

    def deliver(self, delivery: str) -> bool:
        row = self.core.claim_delivery(delivery, self.clock.now(), 60)
        if row is None:
            return self.core.delivery_state(delivery) == "sent"
        place, card = place_from(row["place"]), load(row["card"])
        if place.channel == "web":
            ref = asyncio.run(self.channel.send(place, card, row["key"]))
            self.core.settle_delivery(delivery, "sent", self.clock.now(), ref=ref.id)
        return True

    def close(self) -> None:
        self.pool.shutdown()
        self.db.close()

    # a desk that knows a few sentences

    def _handle(self, message: Message) -> Reply:
        self.handled.append(message)
        if self.down:
            return Reply(emergency_card(), message.place)
        if row := self.core.earlier_reply(message.key):
            return Reply(load(row["card"]), place_from(row["place"]), row["id"], repeated=True)
        with self.db.tx() as tx:
            work = Work(tx, self.clock.now(), self.core, self.audit, {})
            person = self.identities.meet(tx, message.person, work.at)
            form = message.action.form if message.action else {}
            said = message.text or form.get("typed") or form.get("text") or ", ".join(f.name for f in message.files)
            if said:
                work.heard(person.key, message.place, said)
            self.core.first_time(tx, message.key, work.at)
            card = self._card(work, person, message)
            delivery = work.say(person.key, message.place, card, f"reply:{message.key}", live=True)
            self.core.bind_reply(tx, message.key, delivery)
        return Reply(card, message.place, delivery)

    def _card(self, work: Work, person: Person, message: Message) -> Card:
        values = {"helpdesk_phone": PHONE}
        turn = Turn(
            message.key, person, message.place, message.text, "en", work.at, values, message.action, message.files
        )
        dialogue = work.tx.query("SELECT kind, state FROM dialogue WHERE person = :person", person=person.key)
        if dialogue:
            turn = replace(turn, dialogue=Dialogue(dialogue[0]["kind"], json.loads(dialogue[0]["state"]), work.at))
        effect = Relay(self.tickets, _Quiet(), lambda: self.org.words).respond(turn)
        if effect and (message.action is None or message.action.id.startswith("tickets.")):
            return effect(work)
        if message.files:
            request = TicketRequest(person.key, message.place, "report", "Reported mail", message.files[0].name, "S1")
            number = self.tickets.open(work, request).number
            return Card("", (Text(f"Got it: {number}. We are checking it now."),), "done")
        words = message.text.casefold()
        if "click" in words:
            return emergency_card("SEC-101")
        return guess_card() if "?" not in words and not message.action else text_answer()

    def _refuse(self) -> None:
        if self.down:
            raise StoreUnavailable("down")


class _Quiet(SqlCoreStore):
    """No earlier conversation to attach."""

    def __init__(self) -> None:
        pass

    def conversation(self, person: str, place: str, limit: int) -> list[dict[str, object]]:
        return []


def emergency_card(number: str = "") -> Card:
    """A fixed first card."""
    steps = ("Close the page and type nothing more.", "Leave the computer on.", f"Ring {PHONE} and say what you typed.")
    options = (Button("Yes, I typed it", "emergency.answer", "yes"), Button("No", "emergency.answer", "no"),
               Button("Not sure", "emergency.answer", "unsure"))  # fmt: skip
    blocks = (Steps(steps), Text(f"A person is on it ({number})." if number else "Ring us now."),
              Choices("Did you type a password?", options))  # fmt: skip
    return Card("You did right to tell us. Do this now.", blocks, "emergency")


def text_answer() -> Card:
    """An ordinary answer."""
    buttons = Buttons(
        (Button("Solved", "answering.solved", "x", "primary"), Button("Talk to a person", "tickets.person"))
    )
    steps = Steps(
        ("Look at the address behind the name.", "Do not click, reply or pay.", "Send me the mail as a file.")
    )
    note = Text(
        "From our entry “Is this email real?”, last reviewed on 20 November; the next review is due on 20 May.", "muted"
    )
    return Card("Send it to me and I will check it.", (steps, buttons, note), "answer")


def guess_card() -> Card:
    """Two guesses."""
    first = Button("Is this email real or phishing?", "answering.pick", "a")
    options = (first, Button("My mail is missing", "answering.pick", "b"), Button("None of these", "answering.none"))
    return Card("I am not sure. Did you mean one of these?", (Choices("", options),), "question")


def every_block() -> Card:
    """One of each, for the renderer."""
    return Card(
        "All blocks",
        (
            Text("Plain <b>text</b>"), Text("Small", "muted"), Text("Quoted", "quote"), Facts((("Ticket", "SEC-1"),)),
            Steps(("One", "Two"), "Do"), Steps(("Dot",), ordered=False), Buttons((Button("Press", "a.b", "v"),)),
            Choices("Which?", (Button("This", "a.c", "1"), Button("That", "a.c", "2"))),
            Input("text", "Say more", "tickets.say", "Add", "SEC-1"), Input("n", "Short", "a.d", "Go", multiline=False),
        ),
    )  # fmt: skip


def measures(fixture: Fixture) -> Measures:
    """Measurement over the fixture's people, with the pages and the comparison that ship."""
    shelf, codes = packaged_shelf(), Codes(fixture.vault.digest)
    library = Library(privacy=read_privacy(shelf, Faults()), experiments=read_experiments(shelf, Faults()))
    return Measures(
        store=SqlMeasureStore(fixture.db), learning=SqlLearningStore(fixture.db, codes), people=fixture.identities.people,
        library=lambda: library, values=lambda entity: fixture.org.values(entity), codes=codes,  # noqa: PLW0108 (tests replace it)
    )  # fmt: skip


FIGURES = (
    *(Figure(f"2029-{9 + i:02}", "reports", "total", 640, 41 + 4 * i, 6.4 + i) for i in range(4)),
    Figure("2030-01", "reports", "total", -1),
    Figure("2030-02", "reports", "total", 655, 71, 11.8),
    Figure("2030-02", "reports", "executive", -1),
    Figure("2030-02", "reports", "hr_legal", 44, 12),
    Figure("2030-02", "reports", "it_helpdesk", -1),
    Figure("2030-02", "reports", "regular", 560, 41),
    Figure("2030-01", "first_report", "total", -1),
    Figure("2030-02", "first_report", "total", 12, 0, 7.5),
    Figure("2029-Q4", "tell_us", "total", -2),
    Figure("2029-Q4", "first_try", "total", 510, 350),
    Figure("2029-Q4", "after_30", "total", 402, 330),
    Figure("2029-Q4", "after_120", "total", 120, 88),
    Figure("2029-Q4", "stops", "total", 655, 0, 0.0),
    Figure("2029-Q4", "snoozes", "total", -1),
    Figure("2029-Q4", "useless", "total", 655, 0, 1.0),
    Figure("2029-Q4", "unwanted", "qr-code-in-a-mail", 31, 31),
    Figure("2029-Q3", "unwanted", "shared-file-lures", 12, 12),
    Figure("2029-Q3", "precision", "total", -1),
    Figure("2029-Q3", "spam", "total", -1),
    Figure("2029-Q4", "precision", "total", 480, 312),
    Figure("2029-Q4", "spam", "total", 480, 61),
    Figure("2029-Q4", "harmless", "total", 480, 0, 0.0),
)


def figures(now: float, months: int = 12) -> list[Cell]:
    """A year of figures, the newest month before `now`; one month with too few cases."""
    made, newest = [], last_finished(now, UTC)
    for back in range(months):
        index = newest - back
        for metric in METRICS:
            month = month_name(index) if metric.months == 1 else f"{index // 12}-Q{index % 12 // 3 + 1}"
            if metric.months == 3 and index % 3:
                continue
            n = -1 if back == 4 else 420 + 17 * back
            made.append(Cell(month, metric.name, "total", n, _spread(n) if metric.shape == "time" else {}))
            for place, cell in enumerate(metric.cells):
                part = -1 if n < 0 or (metric.shape == "time" and place in (0, 3)) else n // (2 + place)
                made.append(Cell(month, metric.name, cell, part, _spread(part) if metric.shape == "time" else {}))
    return made


def _spread(n: int) -> dict[int, int]:
    return {60 * (i + 1): n // 8 for i in range(9)} if n > 0 else {}


def fill(fixture: Fixture) -> None:
    """Tickets of every kind and severity, one reported mail with a verdict, one call nobody has answered."""
    sam, ines = fixture.person("sam.ortiz"), fixture.person("ines.brandt")
    fixture.work(lambda work: fixture.measures.store.put(work.tx, FIGURES, work.at))
    now = time.time()
    fixture.work(lambda work: fixture.figures.store.put(work.tx, figures(now), work.at))
    for who, kind, severity, subject, text, age in _TICKETS:
        fixture.clock.at = now - age
        person = fixture.person(who)
        place = web_place(fixture.vault, person.id)
        page = "Password typed into a false page. Reported by Dana Reyes." if severity == "S3" else ""
        request = TicketRequest(person.key, place, kind, subject, text, severity, page=page)
        fixture.work(partial(_open, fixture, request))
    fixture.clock.at = now - 600
    fixture.work(lambda work: fixture.tickets.claim(work, "SEC-102", ines))
    fixture.work(lambda work: fixture.tickets.note(work, "SEC-101", sam, "Same sender as SEC-103. Sessions revoked."))
    words = "I have signed you out everywhere. Please choose a new password now, and ring me when it is done."
    fixture.work(lambda work: fixture.tickets.reply(work, "SEC-101", sam, words))
    fixture.work(lambda work: fixture.tickets.resolve(work, "SEC-106", ines, "The supplier is on the list now."))
    _mail(fixture, "dana.reyes", "SEC-103")
    fixture.plan = tuple(
        Planned(
            person.name,
            "A sign-in prompt you did not start",
            now + 86_400 * n,
            "First lesson of the year for everybody",
        )
        for n, person in enumerate(fixture.directory.people(), 1)
    )
    fault = Fault(
        "knowledge/answers/public-wifi.yaml", 12, 3, 'the key "titel" is not known here', "check its spelling"
    )
    remark = Remark("overdue", "qr-code", "knowledge/answers/qr-code.yaml", "the review was due on 2026-11-01",
                    "awareness: say that it is still right, or edit it")  # fmt: skip
    loaded = (Loaded("answers", 84, (fault,)), Loaded("lessons", 34), Loaded("emergencies", 11))
    fixture.knowledge = KnowledgeState(loaded, (remark,))
    paging = Check(
        "paging", "note", "calls go to: log, and the console", "no phone rings: somebody must watch the console"
    )
    fixture.health = replace(fixture.health, checks=(*fixture.health.checks, paging))
    fixture.clock.at = None


def _open(fixture: Fixture, request: TicketRequest, work: Work) -> None:
    fixture.tickets.open(work, request)


def _mail(fixture: Fixture, who: str, ticket: str) -> None:
    mail_desk.add_mail(fixture, [who, "tom.whitaker"], ticket, FACTS)


FACTS = {
    "from": "IT Service <it@nοrthwind-help[.]example>", "reply_to": ["box@other[.]example"], "subject": "Your mailbox is full",
    "links": [{"shown": "northwind.example", "goes_to": "hxxps://nοrthwind-login[.]example/a", "kind": "a"}],
    "attachments": [{"name": "invoice‹U+202E›fdp.exe", "type": "program", "size": 70_000, "traits": ["disguised"]}],
    "forwarded_by": "",
}  # fmt: skip
_LONG = "A very long subject line that goes on and on, because somebody pasted half of their mail into it"
_TICKETS: Iterable[tuple[str, str, Severity, str, str, float]] = (
    ("dana.reyes", "emergency", "S3", "Typed a password into a false page", "i typed my password on a page", 1_200),
    ("tom.whitaker", "person", "S1", "Who may receive the payroll file?", "can i send it to the auditor", 9_000),
    ("dana.reyes", "report", "S2", "Reported mail: Your mailbox is full", "Your mailbox is full.eml", 1_500),
    ("ama.mensah", "person", "S1", _LONG, "text", 40_000),
    ("lucia.romero", "question", "S0", "Is the new banner on outside mail ours?", "the yellow banner", 3_000),
    ("clara.moreau", "person", "S1", "Supplier's mails are blocked", "mails of our supplier do not arrive", 90_000),
)


def main() -> None:
    """Serve the fixture, or print another link for the one that is served."""
    import uvicorn

    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    fixture = Fixture(folder, FakeClock(None), Settings(folder=folder, port=port))
    served = "link" not in sys.argv[3:]
    if served:
        fill(fixture)
    print(f"http://127.0.0.1:{port}{fixture.link()}", flush=True)
    if served:
        uvicorn.run(fixture.app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()

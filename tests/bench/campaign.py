"""A campaign to 100,000 people, and its sending at the set rate beside live replies.

Planned and queued: the real planner, texts, store and a directory of 100,000 invented people on SQLite. Made: what the pump asks
for bit by bit, while a platform takes at once what waits for it (the taking is not counted). Cancelled: a second campaign eight
days on, everybody with a history by then, as many messages waiting as the service lets wait. Real time, and CPU time of the one
process beside it. Sent: the pump, the real deliverer and the real channel against a
local server that behaves as the platform does, in real time for a minute, while somebody gets a live reply each second. Rates
by default: Slack 229 a minute, Microsoft Teams 25 a second.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adapters.stores.audit import SqlAuditStore
from adapters.stores.core import SqlCoreStore
from adapters.stores.learning import SqlLearningStore
from adapters.stores.open import open_db
from adapters.stores.waves import SqlDecisionStore, SqlWaveStore
from adapters.vault import open_vault
from bot.app import App, build
from bot.app.tips import make_pump
from bot.audit import AuditLog
from bot.cards import text_card
from bot.content import Faults, packaged_shelf
from bot.learning.lessons import read_lessons
from bot.learning.nudges import Nudges
from bot.learning.pseudonym import Codes
from bot.learning.shapes import Vocabulary
from bot.learning.waves import AHEAD, Order, Waves
from bot.model import Person, Place
from bot.organisation import load_organisation
from bot.turn import TIP, Work

T = TypeVar("T")
PEOPLE, MINUTE = 100_000, 60.0
RATES = {"slack": 229 / 60, "teams": 25.0}
LESSON, OTHER = "report-button-and-what-next", "mfa-unexpected-prompt"


def measure() -> Iterator[tuple[str, float]]:
    """Seconds of planning, making and cancelling; what was sent is printed."""
    with tempfile.TemporaryDirectory() as folder:
        yield from planned(Path(folder))
    for name, app in (("slack", slack), ("teams", teams)):
        with tempfile.TemporaryDirectory() as folder:
            app(Path(folder), name)


# planned and queued


class House:
    """What campaigns need, around a database: 100,000 people in ten places."""

    def __init__(self, folder: Path) -> None:
        faults = Faults()
        organisation = load_organisation(packaged_shelf(), faults)
        assert organisation is not None
        org, self.db, vault = organisation, open_db("", folder), open_vault("", folder)
        words = Vocabulary(roles=org.roles, placeholders=org.values().keys())
        self.library = read_lessons(packaged_shelf(), words, faults)
        self.audit, self.core = AuditLog(vault, SqlAuditStore()), SqlCoreStore(self.db)
        zones = ("Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo")
        roles = ("regular", "regular", "regular", "hr_legal", "executive", "it_helpdesk")
        self.staff = [
            Person(f"b{n}", f"B {n}", roles=frozenset({roles[n % 6]}), entity=("uk", "de", "fr", "es")[n % 4],
                   language=("en", "de", "fr", "es")[n % 4], timezone=zones[n % 5], key=f"p_{n:06}")
            for n in range(PEOPLE)
        ]  # fmt: skip
        self.nudges = Nudges(
            lessons=lambda: self.library,
            organisation=lambda: org,
            directory=self,
            store=SqlLearningStore(self.db, Codes(vault.digest)),
            place_of=lambda key: Place("slack", f"U{key}"),
            decisions=SqlDecisionStore(self.db),
        )
        self.waves = Waves(self.nudges, SqlWaveStore(self.db))
        self.at = time.time()

    def people(self) -> list[Person]:
        return self.staff

    def run(self, change: Callable[[Work], T]) -> T:
        with self.db.tx() as tx:
            return change(Work(tx, self.at, self.core, self.audit, {}))

    def start(self, lesson: str) -> str:
        return self.waves.start(self.run, "p_bench", Order(lesson, at_once=True), self.at, counted)

    def take(self) -> None:
        """A platform takes every message that waits for it."""
        with self.db.tx() as tx:
            tx.execute("UPDATE delivery SET state = 'sent', sent_at = :at WHERE state = 'queued'", at=self.at)
            tx.execute("UPDATE outbox SET state = 'done' WHERE state = 'queued' AND kind = :tip", tip=TIP)


@dataclass
class Watch:
    """Real and CPU seconds, summed over all times it ran."""

    real: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        real, cpu = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self.real, self.cpu = self.real + time.monotonic() - real, self.cpu + time.process_time() - cpu

    def read(self, what: str) -> Iterator[tuple[str, float]]:
        yield f"{what}, real time", self.real
        yield f"{what}, CPU time", self.cpu


def planned(folder: Path) -> Iterator[tuple[str, float]]:
    house, watch = House(folder), Watch()
    with watch.running():
        wave = house.start(LESSON)
    yield from watch.read(f"{PEOPLE} planned and queued")
    making = Watch()
    made = 0
    while fed := feed(house, making):
        made += fed
        counted(made, PEOPLE)
        house.take()
    yield from making.read(f"{PEOPLE} made into messages")
    looking = Watch()
    with looking.running():
        told = house.waves.progress(wave)
    yield from looking.read("progress of all of them")
    print(f"  accounted for: {dict(told.counts)} {dict(told.reasons)}, {told.total} in all", flush=True)
    yield from cancelled(house)
    house.db.close()


def cancelled(house: House) -> Iterator[tuple[str, float]]:
    house.at += 8 * 86_400.0
    again, ending = Watch(), Watch()
    with again.running():
        wave = house.start(OTHER)
    yield from again.read(f"{PEOPLE} planned and queued, with a history")
    while feed(house, Watch()):
        pass
    with ending.running():
        gone = house.run(lambda work: house.waves.cancel(work, "p_bench", wave))
    yield from ending.read(f"{gone} cancelled, {AHEAD} of them waiting for the platform")


def feed(house: House, watch: Watch) -> int:
    """One step of the pump."""
    with watch.running():
        return house.waves.feed(house.run, house.at)


_LAST = [0.0]


def counted(done: int, total: int) -> None:
    """Every ten seconds a sign of life."""
    if time.monotonic() - _LAST[0] > 10:
        _LAST[0] = time.monotonic()
        print(f"  … {done} of {total}", flush=True)


# sent


def slack(folder: Path, name: str) -> None:
    from tests.fakes import slack as fake
    from tests.fakes import slack_app

    with fake.running() as platform:
        app = build(slack_app.settings(folder, platform))
        sending(app, name, lambda: [message["text"] for message in list(platform.messages)])


def teams(folder: Path, name: str) -> None:
    from tests.fakes import teams as fake
    from tests.fakes import teams_app

    with fake.running() as platform:
        app = build(teams_app.settings(folder, platform))
        sending(
            app, name, lambda: [str(call.body) for call in list(platform.calls) if call.path.endswith("/activities")]
        )


def sending(app: App, name: str, posted: Callable[[], list[str]]) -> None:
    """A minute of tips at full rate, with a live reply each second."""
    rate = RATES[name]
    with app.db.tx() as tx:
        work = Work(tx, time.time() - 1, app.core, app.audit, {})
        for n in range(int(rate * MINUTE * 1.5) + 60):
            work.say(f"p_{n}", Place(name, f"D{n:06}"), text_card(f"tip number {n}"), f"nudge:{n}", priority=10)
    loop, pump, took = asyncio.new_event_loop(), make_pump(app), list[float]()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    app.bridge.use(loop)
    pump.start()
    while not any("tip number" in text for text in posted()):
        time.sleep(0.01)
    began = time.monotonic()
    while (n := len(took)) < MINUTE:
        time.sleep(max(0.0, began + n - time.monotonic()))
        asked = time.monotonic()
        place = Place(name, f"D9{n % 20:05}")
        delivery = app.work(
            lambda work, n=n, place=place: work.say(f"l_{n}", place, text_card("live"), f"reply:{n}", live=True)
        )
        assert app.deliver(delivery)
        took.append(time.monotonic() - asked)
    time.sleep(max(0.0, began + MINUTE - time.monotonic()))
    tips = sum("tip number" in text for text in posted())
    pump.stop()
    took.sort()
    print(
        f"  {name}: {tips} tips in a minute, {tips / rate / MINUTE:.1%} of {rate * 60:.0f}; live replies: "
        f"median {took[len(took) // 2] * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms",
        flush=True,
    )
    app.close()
    loop.call_soon_threadsafe(loop.stop)

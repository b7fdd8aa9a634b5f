"""How each main operation grows with people, tickets and reports: 1,000, 10,000 and 100,000 of each.

Processor time, the median of some rounds (and the database server's share, on PostgreSQL); then the slope of a line through the
logarithms: 0 is "costs the same whatever the size", 1 is "costs in proportion". Nothing may be worse than n log n; what
somebody waits for has to grow much more slowly than that (`ONE`), unless it takes less than `NOTHING` at the largest size.
"""

from __future__ import annotations

import hashlib
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from adapters.stores.open import open_db
from bot.app import App
from bot.app.analysts import mail_desk
from bot.helpdesk.triage import Filter
from bot.learning.nudges import Nudges
from bot.model import Person, Place
from bot.ports import Db
from bot.turn import TicketRequest, place_key
from tests.bench.tickets import fill, insert, on_both
from tests.bench.traffic import ROOT, slope
from tests.fakes.desk import DANA, MAIL, NOW, SAM, FakeClock, House, data_folder, shared

SIZES = tuple(int(size) for size in os.environ.get("SOAK_SIZES", "1000,10000,100000").split(","))
BOTH = os.environ.get("SOAK_DB", "sqlite") == "both"
ROUNDS = 30
N_LOG_N = 1.2  # the slope of n log n between 1,000 and 100,000 is 1.11; the rest is noise
ONE, NOTHING = 0.5, 0.005
Cost = dict[str, float]


def faults() -> Iterator[str]:
    for name, costs in measured():
        print(f"  {name:<28}{''.join(f'{size:>12,}' for size in SIZES)}{'slope':>10}")
        for what in costs[SIZES[0]]:
            points = [(math.log(size), math.log(max(costs[size][what], 1e-6))) for size in SIZES]
            found, most = slope(points), N_LOG_N if what.startswith("all: ") else ONE
            print(
                f"  {what:<28}{''.join(f'{1000 * costs[size][what]:>9.2f} ms' for size in SIZES)}{found:>10.2f}",
                flush=True,
            )
            if found > most and costs[SIZES[-1]][what] > NOTHING:
                yield f"{name}: {what} grows with slope {found:.2f}, at most {most}"


def measured() -> Iterator[tuple[str, dict[int, Cost]]]:
    if not BOTH:
        costs = {}
        for size in SIZES:
            with tempfile.TemporaryDirectory(prefix="secdesk-soak-") as folder:
                costs[size] = cost(Path(folder), "", size, lambda: 0.0)
        yield "SQLite", costs
        return
    found: dict[str, dict[int, Cost]] = {}

    def once(size: int) -> Callable[..., Iterator[tuple[str, float]]]:
        def run(name: str, folder: Path, url: str, servers: Callable[[], float]) -> Iterator[tuple[str, float]]:
            found.setdefault(name, {})[size] = cost(folder, url, size, servers)
            yield name, 0.0

        return run

    for size in SIZES:
        list(on_both(once(size)))
    yield from found.items()


def cost(folder: Path, url: str, size: int, servers: Callable[[], float]) -> Cost:
    """CPU seconds of each operation, once."""
    cache = ROOT / "build" / "soak-cache"
    cache.mkdir(parents=True, exist_ok=True)
    contents, database = shared(cache), open_db(url, folder)
    house = House(data_folder(folder / "data", cache), database, contents, clock=FakeClock(NOW))
    begun = time.monotonic()
    people = filled(house, size)
    with database.tx() as tx:
        tx.execute("ANALYZE")
    print(f"    {size:,} of each, {time.monotonic() - begun:.0f} s to fill", flush=True)
    found: Cost = {}
    for what, (times, work) in operations(house, people).items():
        work(-1)
        theirs, own = servers(), []
        for number in range(times):
            started = time.process_time()
            work(number)
            own.append(time.process_time() - started)
        found[what] = statistics.median(own) + (servers() - theirs) / times
    house.close()
    database.close()
    return found


def operations(house: House, people: list[Person]) -> dict[str, tuple[int, Callable[[int], object]]]:
    """How many rounds, and one round. What "all: " begins goes over everything there is."""
    app, sam, dana = house.app, house.analyst(SAM), house.analyst(DANA)
    free = [
        row["number"] for row in house.rows("SELECT number FROM ticket WHERE state = 'open' ORDER BY seq DESC LIMIT 90")
    ]
    desk = mail_desk(app)
    text = "The invoice from Contoso says that the account has changed. Is that right? " * 5

    def opened(number: int) -> None:
        request = TicketRequest(dana.key, Place("web", f"c{number}"), "person", "Changed account", text, "S1")
        app.work(lambda work: app.tickets.open(work, request))

    def ask(number: int) -> None:
        house.clock.forward(60)
        house.say(DANA, f"How do I report a suspicious mail? {number}")

    def report(number: int) -> None:
        house.clock.forward(60)
        house.send(DANA, MAIL.replace(b"parcel", f"odd{number}".encode()), f"{number}.eml")
        house.settle()

    def plan(_number: int) -> None:
        planner(app, people).plan(house.clock.now())

    return {
        "ask": (ROUNDS, ask),
        "report": (ROUNDS // 3, report),
        "open a ticket": (ROUNDS, opened),
        "claim": (6, lambda n: house.act("claim", free[n % len(free)])),
        "answer": (ROUNDS, lambda n: house.act("reply", free[n % len(free)], SAM, "We are on it.")),
        "queue page": (ROUNDS, lambda _n: app.triage.find(sam, Filter("unresolved"), "", 200)),
        "search": (ROUNDS, lambda n: app.triage.find(sam, Filter("all"), f"rare{n % 5000}", 200)),
        "page of reports": (ROUNDS, lambda _n: desk.cases("all", 200)),
        "one person": (ROUNDS, lambda n: app.identities.who(people[n % len(people)].key)),
        "sweep the outbox": (ROUNDS, lambda _n: house.sweeper.sweep()),
        "all: plan tips": (1, plan),
        "all: counts for health": (3, lambda _n: app.core.outbox_counts()),
        "all: verify the audit chain": (1, lambda _n: app.verify_audit()),
    }


def planner(app: App, people: list[Person]) -> Nudges:
    """The planner with all these people for a directory."""

    class Directory:
        def people(self) -> list[Person]:
            return people

    return Nudges(
        lessons=lambda: app.contents.lessons.current, organisation=app.organisation, directory=Directory(),
        store=app.nudges.store, place_of=lambda key: Place("web", key), decisions=app.nudges.decisions,
    )  # fmt: skip


# filling


def filled(house: House, size: int) -> list[Person]:
    """So many people who have talked to us, tickets, reported mails, and rows of the audit chain."""
    zones = ("Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo")
    staff = [Person(f"g{n}", f"G {n}", f"g{n}@northwind.example", roles=frozenset({"regular"}),
                    entity=("uk", "de", "fr", "es")[n % 4], timezone=zones[n % 5]) for n in range(size)]  # fmt: skip
    people = [
        one
        for start in range(0, size, 5_000)
        for one in house.app.identities.meet_all(staff[start : start + 5_000], NOW)
    ]
    for start in range(0, size, 5_000):
        with house.db.tx() as tx:
            insert(tx, "utterance", [line for one in people[start : start + 5_000] for line in talk(one)])
            insert(tx, "outbox", [done(one) for one in people[start : start + 5_000]])
            for one in people[start : start + 5_000]:
                house.app.audit.append(tx, NOW, one.key, "bench.filled", one.key, {})
    fill(house.db, people, size)
    house.send(DANA)  # one real report, of which the others are copies
    house.settle()
    copies(house.db, people, size)
    return people


def talk(one: Person) -> Iterator[dict[str, Any]]:
    place = place_key(Place("web", one.id))
    for direction in ("in", "out"):
        yield {"id": f"{one.key}{direction}", "person": one.key, "place": place, "direction": direction, "text": "hello",
               "card": "", "delivery": "", "ticket": "", "at": NOW}  # fmt: skip


def done(one: Person) -> dict[str, Any]:
    return {"id": one.key, "kind": "delivery.send", "key": f"done:{one.key}", "payload": "{}", "state": "done", "due_at": NOW,
            "attempts": 0, "created_at": NOW, "error": ""}  # fmt: skip


def copies(database: Db, people: list[Person], size: int) -> None:
    """The rows of the one report again and again, under names of their own."""
    tables = ("mail", "submission", "campaign", "campaign_sample", "campaign_band", "campaign_trait", "mail_word")
    rows = {table: database.query(f"SELECT * FROM {table}") for table in tables}
    (mail,) = rows["mail"]
    for start in range(0, size, 2_000):
        with database.tx() as tx:
            for table, some in rows.items():
                insert(
                    tx,
                    table,
                    [copied(row, mail, n, people) for n in range(start, min(start + 2_000, size)) for row in some],
                )


def copied(row: dict[str, Any], mail: dict[str, Any], number: int, people: list[Person]) -> dict[str, Any]:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    new = {mail["sha256"]: sha256, mail["campaign"]: sha256, mail["ticket"]: f"SEC-{number + 1}"}
    changed = {name: new.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
    for name in ("id", "band", "trait"):
        if name in row and changed[name] == row[name]:
            changed[name] = f"{row[name]}-{number}"
    if "seq" in row:
        changed["seq"] = number + 1_000_000
    if "person" in row:
        changed["person"] = people[number % len(people)].key
    return changed

"""One night of retention over 100,000 tickets and 50,000 reported mails that are all old, on both databases.

What counts is how long others wait: the longest transaction, with the commit. On SQLite it holds the write lock; on PostgreSQL
it holds the head of the audit chain at its end. `measure` raises when one takes more than a fifth of a second of the processor
here (wall time, which is reported too, is that of whatever else the machine does).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar

from adapters.stores.open import open_db
from bot.app import build
from bot.app.contents import load_contents
from bot.retention import DAY
from bot.settings import Settings
from bot.turn import Work
from tests.bench.pages import fill_mail
from tests.bench.tickets import NOW, TICKETS, Clock, fill, on_both

T = TypeVar("T")
LIMIT = 0.200
LATER = 2_000  # days after which everything of this has had its time


def measure() -> Iterator[tuple[str, float]]:
    """`(what, seconds)`. Raises `AssertionError` over the limit."""
    yield from on_both(_measured)


def _measured(name: str, folder: Path, url: str, _servers: Callable[[], float]) -> Iterator[tuple[str, float]]:
    database = open_db(url, folder)
    contents = load_contents(None, folder / "cache", date.today, "words")
    clock = Clock()
    app = build(Settings(folder, data=folder, search="words"), clock=clock, db=database, contents=contents, channels={})
    try:
        people = app.identities.meet_all(list(app.directory.people()), NOW)
        fill(database, people, TICKETS)
        fill_mail(database, people)
        took: list[float] = []
        spent: list[float] = []

        def timed(change: Callable[[Work], T]) -> T:
            started, own = time.monotonic(), time.thread_time()
            try:
                return app.work(change)
            finally:
                took.append(time.monotonic() - started)
                spent.append(time.thread_time() - own)

        started, total = time.monotonic(), 0
        later, nights = NOW + LATER * DAY, 0
        clock.at = later
        while gone := app.retention.run(timed, later):
            nights, total = nights + 1, total + sum(gone.values())
        whole, typical, longest = time.monotonic() - started, statistics.median(took), max(spent)
        started = time.monotonic()
        pruned = app.work(app.prune_mail)
        yield f"{name}: contents of {pruned:,} mails, in one transaction", time.monotonic() - started
        yield f"{name}: {total:,} rows, {nights} night(s), {len(took):,} transactions, all", whole
        yield f"{name}: a transaction, {1000 * typical:.1f} ms at the median, at most", max(took)
        yield f"{name}: the longest transaction, {1000 * longest:.0f} ms of the processor", longest
        assert longest <= LIMIT, f"{name}: a transaction takes {1000 * longest:.0f} ms"
    finally:
        app.close()

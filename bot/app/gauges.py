"""What is watched from outside, put together: the database's figures, the engine, the content, the spool."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.stores.gauges import Gauges, SqlGaugeStore

if TYPE_CHECKING:
    from adapters.engine import DbosJobs
    from bot.app import App


def read(app: App, jobs: DbosJobs) -> Gauges:
    """Every figure by its name. Raises `StoreUnavailable`."""
    today = datetime.fromtimestamp(app.clock.now(), UTC).date()
    library = app.contents.knowledge.current.library
    reviewed = [entry.reviewed for entry in library.published()]
    overdue = Counter[str](note.kind for note in library.notes)
    return {
        **SqlGaugeStore(app.db).read(app.clock.now()),
        "engine_running": float(jobs.state()[0] == "running"),
        "content_faults": float(len(app.contents.faults())),
        "content_overdue": {kind: float(n) for kind, n in overdue.items()},
        "content_oldest_review_days": float(max(((today - day).days for day in reviewed), default=0)),
        "spool_waiting": float(len(app.spool.waiting())),
    }

"""Figures of how the help desk does, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.stores.figures import SqlFigureStore
from bot.directory import zone_of
from bot.figures.counting import URGENT
from bot.figures.service import ServiceFigures
from bot.learning.privacy import allowed
from bot.model import Severity

if TYPE_CHECKING:
    from bot.app import App

SCHEDULES = {"figures": ("20 * * * *", "figures.close")}
WORKING: Severity = "S1"  # reports of ordinary mail are owed an answer in the hours of this severity


def make_figures(app: App) -> ServiceFigures:
    """The figures of an application."""

    def counted() -> set[str]:
        privacy = app.contents.lessons.current.privacy
        return {
            person.key
            for person in app.identities.people()
            if allowed(privacy, "answers", app.organisation().values(person.entity))
        }

    def urgent() -> set[str]:
        entries = app.contents.knowledge.current.library.entries
        return {name for name, entry in entries.items() if entry.severity in URGENT}

    def working(start: float, end: float) -> float:
        sla = app.contents.sla.current
        return sla.calendar(sla[WORKING]).between(start, end)

    return ServiceFigures(
        store=SqlFigureStore(app.db), zone=lambda: zone_of(app.organisation().file.timezone), urgent=urgent,
        working=working, counted=counted,
    )  # fmt: skip


def close_figures(app: App) -> None:
    """Job: make the figures of months and quarters that are over."""
    make_figures(app).close(app.work, app.clock.now())

"""The console's page of what could not be exchanged with the other ticket system: which ticket, why, since when, and Retry."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.helpdesk.trackers import Tracking
from bot.turn import Work

SHOWN = 200
ADDRESS = f"{HOME}/trackers"


class TrackerPages:
    """Routes of that page."""

    def __init__(self, frame: Frame, tracking: Tracking) -> None:
        self._frame, self._services, self._tracking = frame, frame.services, tracking

    def routes(self) -> list[Route]:
        return [
            self._frame.view("/trackers", self.undelivered, "see"),
            self._frame.change("/trackers/retry", self.retry, "work"),
        ]

    def undelivered(self, look: Look) -> Response:
        """The oldest trouble first."""
        counts, cursor = self._tracking.state()
        rows = self._tracking.undelivered(SHOWN)
        return self._frame.page(
            look, "trackers.html", rows=rows, counts=counts, cursor=cursor, label=self._tracking.tracker.label,
            full=len(rows) == SHOWN,
        )  # fmt: skip

    def retry(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Try one ticket again now, or all of them."""
        number = fields.get("number", "")[:40]

        def run(work: Work) -> int:
            numbers = [number] if number else [row["ticket"] for row in self._tracking.undelivered(SHOWN)]
            again = [one for one in numbers if self._tracking.retry(work, one)]
            for one in again:
                work.audit(look.person.key, "tracker.retry", one)
            return len(again)

        done = self._services.work(run)
        word = "console.done.tracker_retry" if done else "console.done.tracker_nothing"
        return Done(ADDRESS, word, {"n": str(done)})

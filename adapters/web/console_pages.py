"""The console's other pages: pages to people on call, knowledge, nudges, audit, health."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.errors import NotFound
from bot.turn import Work

SHOWN = 200
CHECKED = 5_000  # rows of the audit chain that are verified whenever the page is opened


class OtherPages:
    """Routes of everything that is not a ticket."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/pages", self.pages, "see"),
            frame.change("/pages/acknowledge", self.acknowledge, "work"),
            frame.view("/knowledge", self.knowledge, "see"),
            frame.view("/nudges", self.nudges, "see"),
            frame.view("/audit", self.audit, "see"),
            frame.view("/health", self.health, "see"),
        ]

    def pages(self, look: Look) -> Response:
        """Calls to the people on duty; those nobody has answered stand first."""
        pages = self._services.console.pages(SHOWN)
        return self._frame.page(look, "pages.html", pages=pages, event=secrets.token_hex(12))

    def acknowledge(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Say that somebody has heard a call."""
        key = fields.get("key", "")
        row = self._services.console.page(key)
        if row is None:
            raise NotFound(key)

        def run(work: Work) -> bool:
            if self._services.paging:
                return self._services.paging.acknowledge(work, key, look.person)
            first = self._services.console.acknowledge_page(work.tx, key, work.at)
            if first:
                self._services.tickets.log(work, row["ticket"], look.person.key, "acknowledged", "")
                work.audit(look.person.key, "page.acknowledge", row["ticket"] or "page")
            return first

        done = self._services.work(run)
        word = "console.done.acknowledge" if done else "console.done.acknowledged_before"
        return Done(f"{HOME}/pages", word, {"number": row["ticket"]})

    def knowledge(self, look: Look) -> Response:
        """What is loaded, what is wrong with the files, what is overdue."""
        return self._frame.page(look, "knowledge.html", state=self._services.knowledge())

    def nudges(self, look: Look) -> Response:
        """Who would get what, when and why."""
        rows = self._services.nudge_plan()
        return self._frame.page(look, "nudges.html", rows=rows[:SHOWN], total=len(rows),
                                campaigns=self._services.campaigns is not None)  # fmt: skip

    def audit(self, look: Look) -> Response:
        """The last rows of the chain; it is verified now if it is short, or if somebody asks for that."""
        rows = self._services.console.audit_tail(100)
        for row in rows:
            row["detail"] = ", ".join(f"{name}: {value}" for name, value in json.loads(row["detail"] or "{}").items())
        asked = look.request.query_params.get("check") == "1"
        report = self._services.verify_audit() if asked or not rows or rows[0]["seq"] <= CHECKED else None
        return self._frame.page(look, "audit.html", report=report, rows=rows)

    def health(self, look: Look) -> Response:
        """What works, what waits, what failed."""
        console = self._services.console
        return self._frame.page(
            look, "health.html", health=self._services.health(), outbox=console.outbox(),
            deliveries=console.deliveries(), failures=console.failures(50),
        )  # fmt: skip

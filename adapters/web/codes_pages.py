"""The page "On the phone": people who ask whether we are calling them, and callers whom we ask for a code."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.helpdesk.codes import CallerCodes

_BACK = f"{HOME}/codes"


class CodePages:
    """Routes of caller codes. A code is shown on the page that asks for it and nowhere else."""

    def __init__(self, frame: Frame, codes: CallerCodes) -> None:
        self._frame, self._services, self._codes = frame, frame.services, codes

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/codes", self.codes, "work"),
            frame.change("/codes/show", self.show, "work"),
            frame.change("/codes/check", self.check, "work"),
            frame.change("/codes/read", self.read, "work"),
        ]

    def codes(self, look: Look) -> Response:
        """Who waits."""
        return self._page(look)

    def show(self, look: Look, fields: Mapping[str, str]) -> Response:
        """The code of somebody whom this analyst rings. The person is told who looked."""
        step = fields.get("step", "")[:64]
        code = self._services.work(lambda work: self._codes.show(work, step, look.person))
        return self._page(look, step, code)

    def check(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Send a code to the chat of whom the caller says to be."""
        who, number = fields.get("who", "").strip()[:120], fields.get("ticket", "")[:40]
        ticket = self._services.tickets.get(number).number if number else ""
        self._frame.once(look, fields, lambda work: _none(self._codes.check(work, who, look.person, ticket)))
        return Done(_BACK, "console.done.code_sent", {})

    def read(self, look: Look, fields: Mapping[str, str]) -> Done:
        """What the caller read out. (Each try counts: the same form twice is two.)"""
        step, said = fields.get("step", "")[:64], fields.get("text", "")[:60]
        row = next(
            (one for one in self._codes.checks(look.person, self._services.clock.now()) if one["id"] == step), None
        )
        result = self._services.work(lambda work: self._codes.read(work, step, look.person, said))
        text = self._codes.told(row["person"] if row else "", result, look.person.language)
        return Done(_BACK, "console.done.code_read", {"text": text}, bad=result != "right")

    def _page(self, look: Look, step: str = "", code: str = "") -> Response:
        now = self._services.clock.now()
        people = {row["person"]: self._services.identities.who(row["person"]) for row in self._codes.waiting(now)}
        response = self._frame.page(
            look, "codes.html", waiting=self._codes.waiting(now), checks=self._codes.checks(look.person, now), people=people,
            step=step, code=code, event=secrets.token_hex(12),
        )  # fmt: skip
        response.headers["Cache-Control"] = "no-store"
        return response


def _none(_result: object) -> None:
    """Changes return nothing."""

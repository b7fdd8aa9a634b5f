"""The page "On call": who is called now and next, the coming weeks, duty that changes hands, and the calls themselves."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.errors import NotFound, Refused
from bot.helpdesk.duty import Duty
from bot.helpdesk.paging import Paging
from bot.ports import Row

SHOWN = 50
_BACK = f"{HOME}/oncall"


class OnCallPages:
    """Routes of duty. Each verb is one button; what closes a ticket takes a second one."""

    def __init__(self, frame: Frame, duty: Duty, paging: Paging) -> None:
        self._frame, self._services, self._duty, self._paging = frame, frame.services, duty, paging

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/oncall", self.oncall, "see"),
            frame.change("/oncall/take", self.take, "work"),
            frame.change("/oncall/hand", self.hand, "work"),
            frame.change("/oncall/call/{verb}", self.call, "work"),
        ]

    def oncall(self, look: Look) -> Response:
        """As things stand now."""
        calls = [row for row in self._services.console.pages(SHOWN) if not row["acknowledged_at"]]
        overview = self._duty.overview()
        first = overview.order[0] if overview.order else None
        return self._frame.page(
            look, "oncall.html", duty=overview, calls=calls, mine=first is not None and first.id == look.person.id,
            event=secrets.token_hex(12),
        )  # fmt: skip

    def take(self, look: Look, fields: Mapping[str, str]) -> Done:
        """I am on call from now."""
        self._frame.once(look, fields, lambda work: self._duty.take(work, look.person))
        return Done(_BACK, "console.done.duty_taken", {})

    def hand(self, look: Look, fields: Mapping[str, str]) -> Done:
        """To somebody else, by whoever is on duty."""
        to = fields.get("to", "")[:80]
        self._frame.once(look, fields, lambda work: _none(self._duty.hand(work, look.person, to)))
        person = self._services.identities.find(to)
        return Done(_BACK, "console.done.duty_handed", {"name": person.name if person else to})

    def call(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Have it, pass it on, or close it as a false alarm."""
        verb, row = look.request.path_params["verb"], self._row(fields.get("key", ""))
        said: list[str] = []
        changes = {
            "ack": lambda work: _none(self._paging.acknowledge(work, row["key"], look.person)),
            "pass": lambda work: said.append(self._paging.pass_on(work, row, look.person)),
            "false": lambda work: self._paging.nothing(work, row, look.person),
        }
        if verb not in changes:
            raise NotFound(verb)
        self._frame.once(look, fields, changes[verb])
        if said == [""]:
            raise Refused(self._frame.say(look, "oncall.no_other"))
        return Done(_BACK, f"console.done.call_{verb}", {"number": row["ticket"], "name": "".join(said)})

    def _row(self, key: str) -> Row:
        row = self._paging.row(key)
        if row is None:
            raise NotFound(key)
        return row


def _none(_result: object) -> None:
    """Changes return nothing."""

"""At the ticket of an emergency: what can be done about an account, and what a second person has to approve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.errors import NotFound
from bot.helpdesk.containment import STEPS
from bot.helpdesk.tickets import Ticket


class AccountPages:
    """Routes of containment, and what the ticket's page shows of it."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services

    def routes(self) -> list[Route]:
        if self._services.containment is None:
            return []
        return [
            self._frame.change("/tickets/{number}/account/ask", self.ask, "work"),
            self._frame.change("/tickets/{number}/account/decide", self.decide, "approve"),
        ]

    def of(self, ticket: Ticket) -> dict[str, Any]:
        """What a ticket's page needs."""
        containment = self._services.containment
        if containment is None or not containment.offered(ticket):
            return {"contain": False}
        return {
            "contain": True, "contain_steps": containment.steps(ticket.number), "contain_kinds": STEPS,
            "contain_own": [button.action.partition(".")[2] for button in containment.buttons(ticket, "en")],
            "contain_control": containment.control,
        }  # fmt: skip

    def ask(self, look: Look, fields: Mapping[str, str]) -> Done:
        """A step about the account of whose ticket it is, or of somebody else (`who`)."""
        containment, number = self._services.containment, self._number(look)
        kind, who, state = fields.get("kind", ""), fields.get("who", "").strip()[:120], ["asked"]

        if containment is None or (fields.get("other") == "1" and not who):
            raise NotFound(kind)
        self._frame.once(look, fields, lambda work: state.append(containment.ask(work, number, kind, look.person, who)))
        return Done(f"{HOME}/tickets/{number}", f"console.done.contain_{state[-1]}", {"number": number})

    def decide(self, look: Look, fields: Mapping[str, str]) -> Done:
        """The second person."""
        containment, number, step = self._services.containment, self._number(look), fields.get("step", "")
        approve = fields.get("do") == "approve"
        if containment is None or step not in {row["id"] for row in containment.steps(number)}:
            raise NotFound(step)

        def run(work: Any) -> None:
            containment.decide(work, step, look.person, approve=approve)

        self._frame.once(look, fields, run)
        return Done(
            f"{HOME}/tickets/{number}",
            f"console.done.contain_{'approved' if approve else 'refused'}",
            {"number": number},
        )

    def _number(self, look: Look) -> str:
        return self._services.tickets.get(look.request.path_params["number"]).number

"""The console's page of privacy: what is kept how long and why, what the last night deleted, legal holds, and the data map.

Everybody may see it, as they may see who looked at what. Holds are placed and lifted by administrators, each with a reason.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.data_map import DataMap, Table, load_data_map
from bot.errors import Conflict, ContentError, NotFound, Refused
from bot.organisation import pick
from bot.retention import Due, Retention
from bot.turn import Work

PAGE = f"{HOME}/privacy"
LIFTED = 50  # holds that no longer hold, the newest first


class PrivacyPages:
    """Routes of privacy."""

    def __init__(self, frame: Frame, retention: Retention) -> None:
        self._frame, self._services, self._retention = frame, frame.services, retention

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/privacy", self.show, "see"),
            frame.change("/privacy/hold", self.hold, "manage"),
            frame.change("/privacy/lift", self.lift, "manage"),
        ]

    def show(self, look: Look) -> Response:
        """All of it, on one page."""
        kinds: Sequence[Due] = ()
        broken = ""
        try:
            kinds = self._retention.plan(self._services.clock.now(), count=False)
        except ContentError as error:
            broken = str(error)
        holds, declared = self._retention.holds(open_only=False), load_data_map()
        return self._frame.page(
            look, "privacy.html", night=self._retention.last(), kinds=kinds, broken=broken,
            holds=[row for row in holds if not row["released_at"]],
            lifted=[row for row in holds if row["released_at"]][:LIFTED], purposes=_by_purpose(declared), declared=declared,
            kept={one.name: one for one in kinds}, event=secrets.token_hex(12), leads=self._leads(look),
            said=lambda texts: pick(texts, look.person.language),
            opening=lambda texts: _capital(pick(texts, look.person.language)),
        )  # fmt: skip

    def hold(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Place one."""
        return self._decide(look, fields, "console.privacy.done.hold", self._retention.hold)

    def lift(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Lift one."""
        return self._decide(look, fields, "console.privacy.done.lift", self._retention.release)

    def _decide(
        self, look: Look, fields: Mapping[str, str], done: str, change: Callable[[Work, str, str, str], None]
    ) -> Done:
        subject, why = fields.get("subject", "").strip()[:120].upper(), fields.get("why", "").strip()[:2000]
        if not why:
            raise Refused(self._frame.say(look, "console.privacy.no_why"))
        try:
            self._frame.once(look, fields, lambda work: change(work, subject, why, look.person.key))
        except NotFound:
            raise Refused(self._frame.say(look, "console.privacy.no_such", subject=subject)) from None
        except Conflict:
            raise Refused(self._frame.say(look, "console.privacy.already", subject=subject)) from None
        return Done(PAGE, done, {"subject": subject})

    def _leads(self, look: Look) -> Callable[[str], str]:
        """The page of a ticket or run, "" where this person has none."""

        def leads(subject: str) -> str:
            run = self._services.procedures is not None and subject.startswith("RUN-")
            path = "/runs" if run else "/tickets"
            there = self._frame.sees(look, "/runs/{run}" if run else "/tickets/{number}")
            return f"{HOME}{path}/{subject}" if there else ""

        return leads


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _by_purpose(declared: DataMap) -> list[tuple[str, Mapping[str, Any], list[tuple[str, Table]]]]:
    """(code, words, tables by name) of each purpose."""
    return [
        (code, says, [(name, table) for name, table in sorted(declared.tables.items()) if table.purpose == code])
        for code, says in declared.purposes.items()
    ]

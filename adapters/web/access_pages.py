"""The console's page of access: where one is signed in, who has come in, and who has looked at whose data.

Everybody sees who looked at what (a works council asks for that). Sessions of others are for administrators. An address of a
machine is not kept; browser and system are.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.sessions import HOME, idle_seconds
from bot.errors import NotFound
from bot.permissions import ROLES
from bot.ports import Row
from bot.turn import Work

ROWS: Final = 100
PAGE: Final = f"{HOME}/access"
EVERYBODY: Final = "everybody"
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (),
    "in": (
        "console.signin",
        "console.signout",
        "console.refused",
        "console.subject",
        "console.stranger",
        "console.released",
        "console.link",
        "console.ended",
    ),
    "looked": (
        "ticket.read",
        "report.opened",
        "report.read",
        "people.opened",
        "people.searched",
        "code.shown",
        "run.export",
        "export.all",
    ),
}
_EVERY: Final = tuple(action for actions in KINDS.values() for action in actions)


@dataclass(frozen=True)
class Line:
    """One line of the log. `whose` is a name, `where` a ticket number or "", `how` what else is known of it."""

    seq: int
    at: float
    who: str
    did: str
    whose: str
    where: str
    roles: tuple[str, ...]
    how: str


class AccessPages:
    """Routes of sessions and of the log."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/access", self.show, "see"),
            frame.change("/access/end", self.end, "own"),
            frame.change("/access/end-of", self.end_of, "manage"),
            frame.change("/access/release", self.release, "manage"),
        ]

    def show(self, look: Look) -> Response:
        """One's own sessions, everybody's for administrators, and the log."""
        params, kind = look.request.query_params, look.asked("state", tuple(KINDS))
        before, actor = params.get("before", ""), params.get("who", "")[:40]
        start = int(before) if before.isdecimal() and len(before) < 12 else 0
        rows = self._services.sessions.accesses(KINDS[kind] or _EVERY, actor, start, ROWS + 1)
        now, idle = self._services.clock.now(), idle_seconds(self._services.settings)
        own = self._services.sessions.listed(now, idle, look.person.key)
        others = self._services.sessions.listed(now, idle) if look.may("manage") else []
        accounts = self._services.sessions.subjects() if look.may("manage") else []
        return self._frame.page(
            look, "access.html", lines=[self._line(row) for row in rows[:ROWS]], kind=kind, kinds=tuple(KINDS), actor=actor,
            more=rows[ROWS - 1]["seq"] if len(rows) > ROWS else 0, own=own, others=self._by_person(others, look),
            accounts=accounts, this=look.visit.id, event=secrets.token_hex(12), session_roles=_roles_of,
        )  # fmt: skip

    def end(self, look: Look, fields: Mapping[str, str]) -> Done:
        """End one of one's own sessions, or all of them with this one."""
        wanted = fields.get("session", "")
        if not wanted:
            self._frame.once(look, fields, lambda work: self._everywhere(work, look, look.person.key))
            return Done(f"{HOME}/sign-in", "console.access.done.everywhere", {})
        now, idle = self._services.clock.now(), idle_seconds(self._services.settings)
        found = [row for row in self._services.sessions.listed(now, idle, look.person.key) if row["id"] == wanted]
        if not found:
            raise NotFound(wanted)

        def one(work: Work) -> None:
            self._services.sessions.end(work.tx, found[0]["digest"])
            work.audit(look.person.key, "console.ended", look.person.key, sessions="1")

        self._frame.once(look, fields, one)
        return Done(PAGE, "console.access.done.one", {})

    def end_of(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Sign somebody else out everywhere."""
        key = fields.get("person", "")[:40]
        person = self._services.identities.who(key)
        if person is None:
            raise NotFound(key)
        self._frame.once(look, fields, lambda work: self._everywhere(work, look, key))
        return Done(PAGE, "console.access.done.of", {"name": person.name})

    def release(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Forget with which account of the provider somebody came, or everybody did (another provider has other accounts)."""
        key = fields.get("person", "")[:40]
        person = self._services.identities.who(key) if key != EVERYBODY else None
        if person is None and key != EVERYBODY:
            raise NotFound(key)

        def release(work: Work) -> None:
            if gone := self._services.sessions.release(work.tx, key if person else ""):
                work.audit(look.person.key, "console.released", key if person else "secdesk", accounts=str(gone))

        self._frame.once(look, fields, release)
        if person is None:
            return Done(PAGE, "console.access.done.released_all", {})
        return Done(PAGE, "console.access.done.released", {"name": person.name})

    # inside

    def _everywhere(self, work: Work, look: Look, person: str) -> None:
        count = self._services.sessions.end_everywhere(work.tx, person)
        work.audit(look.person.key, "console.ended", person, sessions=str(count))

    def _by_person(self, rows: list[Row], look: Look) -> list[dict[str, Any]]:
        """Sessions of others, put together: (person, how many, last seen, devices, roles)."""
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["person"] == look.person.key:
                continue
            one = found.setdefault(
                row["person"], {"person": row["person"], "n": 0, "seen": row["seen_at"], "devices": set()}
            )
            one["n"] += 1
            one["devices"].add(row["device"])
        return list(found.values())

    def _line(self, row: Row) -> Line:
        detail: dict[str, str] = json.loads(row["detail"] or "{}")
        subject = str(row["subject"])
        person = subject.startswith("p_")
        whose = "" if subject == row["actor"] or not person else subject
        ticket = "" if person or "-" not in subject else subject
        if ticket:
            whose = str(row["requester"])
        roles = tuple(role for role in ROLES if role in detail.get("roles", "").split("."))
        how = " ".join(filter(None, (detail.get("device", "").replace("-", " "),)))
        return Line(row["seq"], row["at"], row["actor"], row["action"], whose, ticket, roles, how)


def _roles_of(row: Row) -> list[str]:
    """Console roles that a session was given at sign-in; none where the directory says them."""
    return [role for role in ROLES if role in (row["roles"] or "")]

"""The console's page of API tokens: make one (it is shown once), see when each was used, end one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.api.endpoint import BASE
from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.errors import NotFound, Refused
from bot.tokens import SCOPES, Token, Tokens
from bot.turn import Work

PAGE = f"{HOME}/tokens"
DAYS = (30, 90, 180, 365)


class TokenPages:
    """Routes of tokens: for administrators."""

    def __init__(self, frame: Frame, tokens: Tokens) -> None:
        self._frame, self._services, self._tokens = frame, frame.services, tokens

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/tokens", self.show, "manage"),
            frame.change("/tokens/create", self.create, "manage"),
            frame.change("/tokens/revoke", self.revoke, "manage"),
        ]

    def show(self, look: Look) -> Response:
        """All of them."""
        return self._page(look)

    def create(self, look: Look, fields: Mapping[str, str]) -> Response:
        """Make one and show it, once: on this answer, and never again."""
        who, scopes = (
            fields.get("who", "").strip()[:120],
            [name for name in SCOPES if fields.get(f"scope-{name}") == "1"],
        )
        person, days = self._services.identities.find(who), fields.get("days", "")
        if person is None:
            raise Refused(self._frame.say(look, "console.tokens.nobody"))
        if not scopes or not fields.get("name", "").strip() or days not in map(str, DAYS):
            raise Refused(self._frame.say(look, "console.tokens.incomplete"))
        made: list[str] = []

        def create(work: Work) -> None:
            owner = self._services.identities.meet(work.tx, person, work.at)
            name = self._services.redact(fields["name"])
            made.append(self._tokens.create(work, name, owner, scopes, int(days), look.person.key)[1])

        self._frame.once(look, fields, create)  # a form that is sent again makes none, and shows none
        return self._page(look, "".join(made))

    def revoke(self, look: Look, fields: Mapping[str, str]) -> Done:
        """End one now."""
        token = next((one for one in self._tokens.all() if one.id == fields.get("token", "")), None)
        if token is None:
            raise NotFound(fields.get("token", ""))
        if not token.revoked_at:
            self._frame.once(look, fields, lambda work: self._tokens.revoke(work, token.id, look.person.key))
        return Done(PAGE, "console.tokens.revoked", {"name": token.name})

    def _page(self, look: Look, fresh: str = "") -> Response:
        now, org = self._services.clock.now(), self._services.org()
        people = sorted(
            (one for one in self._services.identities.people() if org.console_roles(one.roles)),
            key=lambda one: one.name,
        )
        rows: list[tuple[Token, str]] = [(token, token.state(now)) for token in self._tokens.all()]
        return self._frame.page(
            look, "tokens.html", tokens=rows, people=people, scopes=SCOPES, days=DAYS, fresh=fresh, docs=f"{BASE}/docs",
            event=secrets.token_hex(12),
        )  # fmt: skip

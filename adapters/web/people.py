"""Who you are in the local web chat: chosen from the directory, kept in a signed cookie. No password: loopback only."""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.pages import Pages
from adapters.web.security import Signer, secure
from adapters.web.services import WebServices
from bot.model import Person

COOKIE = "secdesk_who"
SHOWN = 60  # people on the page; the search finds the others
_GUEST = re.compile(r"guest-[0-9a-f]{16}\Z")


class Chosen:
    """The page where one chooses, and the cookie that remembers."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self._signer = Signer(services.vault, "who")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.show),
            Route("/who", self.choose, methods=["POST"]),
            Route("/leave", self.leave, methods=["POST"]),
        ]

    def person(self, request: Request) -> Person | None:
        """Whom the cookie names. Read from the directory alone, so that it works while the database does not."""
        who = self._signer.open(request.cookies.get(COOKIE, ""))
        if not isinstance(who, str):
            return None
        if _GUEST.match(who):
            return self._guest(who)
        return self._services.directory.find(who)

    async def show(self, request: Request) -> Response:
        """The people of the directory."""
        if self.person(request) is not None:
            return RedirectResponse("/chat", 303)
        query = request.query_params.get("q", "").strip()
        everybody = sorted(self._services.directory.people(), key=lambda person: person.name.casefold())
        found = [person for person in everybody if query.casefold() in f"{person.name} {person.email}".casefold()]
        return self._pages.page(
            "who.html",
            None,
            asks=request,
            people=found[:SHOWN],
            query=query,
            many=len(everybody) > 16,
            initials=initials,
        )

    async def choose(self, request: Request) -> Response:
        """Become somebody: a person of the directory, or a guest ("" as the id)."""
        async with request.form(max_files=0, max_fields=5) as form:
            who = str(form.get("person", ""))
        known = self._services.directory.find(who) if who else self._guest(f"guest-{secrets.token_hex(8)}")
        if known is None:
            return self._pages.problem(404, "web.problem.nobody")
        response = RedirectResponse("/chat", 303)
        response.set_cookie(
            COOKIE,
            self._signer.seal(known.id),
            httponly=True,
            samesite="strict",
            secure=secure(self._services.settings),
        )
        return response

    async def leave(self, _request: Request) -> Response:
        """Be nobody again."""
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response

    def _guest(self, who: str) -> Person:
        org = self._services.org().file
        name = self._services.words().say(org.language, "web.guest")
        return Person(who, name, language=org.language, timezone=org.timezone, known=False)


def initials(name: str) -> str:
    """`Dana Reyes` → `DR`."""
    parts = [part for part in name.split() if part[:1].isalnum()]
    return "".join(part[0] for part in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)).upper()

"""Signing in to the console with a one-time link, and the session that follows.

`secdesk console-link` makes a link. Its page shows a button, and only pressing it uses the link up, since mail and chat
scanners open links. The token is stored as a keyed digest, lives 15 minutes and works once. The browser gets a random
session token in a cookie that scripts cannot read and other sites cannot send; its row is on our side, so that signing
out ends it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.pages import Pages
from adapters.web.security import secure
from adapters.web.services import WebServices, WebStore
from bot.errors import Refused
from bot.model import Person
from bot.people import Identities
from bot.ports import Vault
from bot.turn import Work

LINK_SECONDS = 15 * 60.0
SESSION_SECONDS = 8 * 3600.0
COOKIE = "secdesk_console"
HOME = "/console"


def new_link(work: Work, store: WebStore, vault: Vault, identities: Identities, person: Person) -> str:
    """A path with a fresh one-time token for a desk person, to be put behind the public address."""
    known = identities.meet(work.tx, person, work.at)
    token = secrets.token_urlsafe(32)
    store.add_link(work.tx, _digest(vault, "link", token), known.key, work.at, work.at + LINK_SECONDS)
    work.audit(known.key, "console.link", known.key)
    return f"{HOME}/sign-in?token={token}"


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in. `csrf` goes into every form; `session` is the digest of the cookie."""

    person: Person
    session: str
    csrf: str


class SignIn:
    """Routes of signing in and out, and `visit` for every other page."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services, self._pages = services, pages

    def routes(self) -> list[Route]:
        return [
            Route(f"{HOME}/sign-in", self.show),
            Route(f"{HOME}/sign-in", self.use, methods=["POST"]),
            Route(f"{HOME}/sign-out", self.leave, methods=["POST"]),
        ]

    def visit(self, request: Request) -> Visit | None:
        """Who asks, with a desk role now; reads the database. Raises `Refused` without the role."""
        token = request.cookies.get(COOKIE, "")
        if not token:
            return None
        digest = self._mac("session", token)
        row = self._services.web.session(digest, self._services.clock.now())
        if row is None:
            return None
        person = self._services.desk_person(row["person"])
        if person is None:
            raise Refused("no desk role")
        return Visit(person, digest, self._mac("csrf", token)[:43])

    def trusted_form(self, visit: Visit, sent: str) -> bool:
        """Whether a form carries this session's token."""
        return compare_digest(visit.csrf.encode(), sent.encode())

    async def show(self, request: Request) -> Response:
        """The page behind the link: a button. Nothing is used up by looking."""
        token = request.query_params.get("token", "")
        if not token and self._came_from_elsewhere(request):
            return self._pages.page("console/opening.html", None, target=str(request.url.path) + _query(request))
        left = "out" if request.query_params.get("state") == "out" else "none"
        return await self._services.run(lambda: self._look(token, request.query_params.get("next", HOME), left))

    async def use(self, request: Request) -> Response:
        """Use the link: a session begins."""
        async with request.form(max_files=0, max_fields=5) as form:
            token, target = str(form.get("token", "")), _inside(str(form.get("next", HOME)))
        return await self._services.run(lambda: self._enter(token, target))

    async def leave(self, request: Request) -> Response:
        """End the session."""
        async with request.form(max_files=0, max_fields=5) as form:
            sent = str(form.get("csrf", ""))

        def out() -> None:
            try:
                visit = self.visit(request)
            except Refused:
                visit = None
            if visit and self.trusted_form(visit, sent):
                self._services.work(lambda work: self._end(work, visit))

        await self._services.run(out)
        response = RedirectResponse(f"{HOME}/sign-in?state=out", 303)
        response.delete_cookie(COOKIE, path=HOME)
        return response

    def ask(self, request: Request) -> Response:
        """Send somebody without a session to where they get one, and back afterwards."""
        target = request.url.path if request.method == "GET" else HOME
        if self._came_from_elsewhere(request):
            # A strict cookie stays at home when a link in a chat is followed; from our own page it comes along.
            return self._pages.page("console/opening.html", None, target=target + _query(request))
        return RedirectResponse(f"{HOME}/sign-in?next={quote(target + _query(request))}", 303)

    # inside

    def _look(self, token: str, target: str, without: str = "none") -> Response:
        row = self._services.web.link(self._mac("link", token)) if token else None
        now = self._services.clock.now()
        state = "unknown" if token else without
        if row is not None:
            state = "used" if row["used_at"] else "old" if row["expires_at"] <= now else "good"
        person = self._services.desk_person(row["person"]) if row and state == "good" else None
        if state == "good" and person is None:
            state = "role"
        status = 200 if state in {"good", "none", "out"} else 410
        return self._pages.page(
            "console/sign_in.html", person, status=status, state=state, token=token, target=_inside(target)
        )

    def _enter(self, token: str, target: str) -> Response:
        fresh = secrets.token_urlsafe(32)

        def enter(work: Work) -> str:
            key = self._services.web.use_link(work.tx, self._mac("link", token), work.at)
            if key:
                self._services.web.add_session(
                    work.tx, self._mac("session", fresh), key, work.at, work.at + SESSION_SECONDS
                )
                work.audit(key, "console.signin", key)
            return key

        if not token or not self._services.work(enter):
            return self._look(token, target)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            COOKIE, fresh, max_age=int(SESSION_SECONDS), path=HOME, httponly=True, samesite="strict",
            secure=secure(self._services.settings),
        )  # fmt: skip
        return response

    def _end(self, work: Work, visit: Visit) -> None:
        self._services.web.end_session(work.tx, visit.session)
        work.audit(visit.person.key, "console.signout", visit.person.key)

    def _mac(self, use: str, token: str) -> str:
        return _digest(self._services.vault, use, token)

    @staticmethod
    def _came_from_elsewhere(request: Request) -> bool:
        return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"} and COOKIE not in request.cookies


def _digest(vault: Vault, use: str, token: str) -> str:
    return vault.digest(f"console.{use}", token.encode())


def _inside(target: str) -> str:
    """A path of the console, nothing else: no other site, no other page."""
    good = target == HOME or target.startswith((f"{HOME}/", f"{HOME}?"))
    return target if good and "\\" not in target and target.isprintable() else HOME


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""

"""Signing in to the console with a one-time link, and the way to the provider where there is one.

`secdesk console-link` makes a link. Its page shows a button, and only pressing it uses the link up, since mail and chat
scanners open links. The token is stored as a keyed digest, lives 15 minutes and works once. With a provider
(`adapters/web/signin_oidc.py`) a link is for when that is out of order: who is an administrator is told of each one.
"""

from __future__ import annotations

from secrets import token_urlsafe
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.stores.sessions import SqlSessionStore
from adapters.web.limits import Limit
from adapters.web.pages import Pages
from adapters.web.security import secure
from adapters.web.services import WebServices
from adapters.web.sessions import COOKIE, HOME, Came, Sessions, Visit, digest_of, inside
from adapters.web.signin_oidc import ProviderSignIn
from bot.errors import Refused
from bot.model import Person
from bot.people import Identities
from bot.ports import Vault
from bot.turn import Work

LINK_SECONDS = 15 * 60.0
WANTED = "secdesk_wanted"  # cookie: the page that somebody came for, until they have a link
A_MINUTE = 60  # attempts to sign in, from one address
POSTS_A_MINUTE = 240  # forms, in one session
__all__ = ["COOKIE", "HOME", "LINK_SECONDS", "SignIn", "Visit", "new_link"]


def new_link(
    work: Work, store: SqlSessionStore, vault: Vault, identities: Identities, person: Person, *, admin: bool = False
) -> str:
    """A path with a fresh one-time token for somebody, to be put behind the public address. `admin`: with every right."""
    known = identities.meet(work.tx, person, work.at)
    token = token_urlsafe(32)
    store.add_link(work.tx, digest_of(vault, "link", token), known.key, work.at, work.at + LINK_SECONDS, admin=admin)
    work.audit(known.key, "console.link", known.key, admin=str(int(admin)))
    return f"{HOME}/sign-in?token={token}"


class SignIn:
    """Routes of signing in and out, and `visit` for every other page."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self.sessions = Sessions(services)
        self._attempts, self._posts = Limit(A_MINUTE), Limit(POSTS_A_MINUTE)
        provider = services.provider
        self._oidc = ProviderSignIn(services, pages, self.sessions, provider, self.slow) if provider else None

    def routes(self) -> list[Route]:
        return [
            Route(f"{HOME}/sign-in", self.show),
            Route(f"{HOME}/sign-in", self.use, methods=["POST"]),
            Route(f"{HOME}/sign-in/out", self.out),
            Route(f"{HOME}/sign-out", self.leave, methods=["POST"]),
            *(self._oidc.routes() if self._oidc else ()),
        ]

    def visit(self, request: Request) -> Visit | None:
        """Who asks; reads the database. Raises `Refused` for somebody who has no role in the console now."""
        return self.sessions.visit(request)

    def trusted_form(self, visit: Visit, sent: str) -> bool:
        """Whether a form carries this session's token."""
        return self.sessions.trusted_form(visit, sent)

    def slow(self, request: Request, visit: Visit | None = None) -> Response | None:
        """The page for somebody who is too quick, None for everybody else. Counts."""
        host = request.client.host if request.client else ""
        seconds = self._posts.wait(visit.session) if visit else self._attempts.wait(host)
        if not seconds:
            return None
        page = self._pages.problem(
            429, "console.problem.slow", visit.person if visit else None, back=HOME, asks=request
        )
        page.headers["Retry-After"] = str(seconds)
        return page

    async def show(self, request: Request) -> Response:
        """The page behind the link: a button. Nothing is used up by looking."""
        token = request.query_params.get("token", "")
        if not token and self._came_from_elsewhere(request):
            return self._pages.page(
                "console/opening.html", None, asks=request, target=str(request.url.path) + _query(request)
            )
        left = "out" if request.query_params.get("state") == "out" else "none"
        asked = request.query_params.get("next", "")
        target = inside(asked or unquote(request.cookies.get(WANTED, "")) or HOME)
        response = await self._services.run(lambda: self._look(request, token, target, left))
        if asked and not token and not self._oidc:  # a link is fetched elsewhere, and knows of no page
            response.set_cookie(
                WANTED, quote(target), max_age=int(LINK_SECONDS), path=f"{HOME}/sign-in", httponly=True, samesite="lax",
                secure=secure(self._services.settings),
            )  # fmt: skip
        return response

    async def out(self, request: Request) -> Response:
        """Where a provider leads back to after signing out there: an address without a query, as it was registered."""
        return await self._services.run(lambda: self._look(request, "", HOME, "out"))

    async def use(self, request: Request) -> Response:
        """Use the link: a session begins."""
        if slow := self.slow(request):
            return slow
        async with request.form(max_files=0, max_fields=5) as form:
            token, target = str(form.get("token", "")), inside(str(form.get("next", HOME)))
        return await self._services.run(lambda: self._enter(request, token, target))

    async def leave(self, request: Request) -> Response:
        """End the session, and the provider's if it has a page for that."""
        async with request.form(max_files=0, max_fields=5) as form:
            sent = str(form.get("csrf", ""))

        def out() -> str:
            try:
                visit = self.visit(request)
            except Refused:
                visit = None
            if visit is None or not self.trusted_form(visit, sent):
                return ""
            further = self._oidc.leaving(visit) if self._oidc else ""
            self._services.work(lambda work: self._end(work, visit))
            return further

        further = await self._services.run(out)
        response: Response = RedirectResponse(f"{HOME}/sign-in?state=out", 303)
        if further:  # a form may not lead to another site (form-action), a page of ours may
            response = self._pages.page("console/opening.html", None, asks=request, target=further)
        response.delete_cookie(COOKIE, path=HOME)
        return response

    def ask(self, request: Request) -> Response:
        """Send somebody without a session to where they get one, and back afterwards."""
        target = request.url.path if request.method == "GET" else HOME
        if self._came_from_elsewhere(request):
            # A strict cookie stays at home when a link in a chat is followed; from our own page it comes along.
            return self._pages.page("console/opening.html", None, asks=request, target=target + _query(request))
        return RedirectResponse(f"{HOME}/sign-in?next={quote(target + _query(request))}", 303)

    # inside

    def _look(self, request: Request, token: str, target: str, without: str = "none") -> Response:
        row = self._services.sessions.link(self.sessions.mac("link", token)) if token else None
        now = self._services.clock.now()
        state = "unknown" if token else without
        if row is not None:
            state = "used" if row["used_at"] else "old" if row["expires_at"] <= now else "good"
        person = self._services.desk_person(row["person"]) if row and state == "good" else None
        if state == "good" and person is None:
            state = "role"
        status = 200 if state in {"good", "none", "out"} else 410
        settings = self._services.settings
        return self._pages.page(
            "console/sign_in.html", person, status=status, asks=request, state=state, token=token, target=inside(target),
            provider=self._services.provider.name if self._services.provider else "", hours=settings.signin_hours,
        )  # fmt: skip

    def _enter(self, request: Request, token: str, target: str) -> Response:
        def enter(work: Work) -> str:
            row = self._services.sessions.use_link(work.tx, self.sessions.mac("link", token), work.at)
            if row is None:
                return ""
            return self.sessions.begin(work, str(row["person"]), Came(admin=bool(row["admin"])), request)

        fresh = self._services.work(enter) if token else ""
        if not fresh:
            return self._look(request, token, target)
        response = self.sessions.give(RedirectResponse(target, 303), fresh)
        response.delete_cookie(WANTED, path=f"{HOME}/sign-in")
        return response

    def _end(self, work: Work, visit: Visit) -> None:
        self._services.sessions.end(work.tx, visit.session)
        work.audit(visit.person.key, "console.signout", visit.person.key)

    @staticmethod
    def _came_from_elsewhere(request: Request) -> bool:
        return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"} and COOKIE not in request.cookies


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""

"""Signing in to the console through an OpenID provider: there and back, who it is, and being signed out from there.

What we remember while the browser is away (state, nonce, PKCE verifier, where to go) is sealed in a cookie of that browser, so
that an answer that was asked for in another one is worth nothing here. Groups say the roles; they are read anew at each sign-in.

Whose subject it is we keep as a keyed digest. At the first sign-in it is whoever has that address in the directory, if the
provider has checked it and nobody else came with it before (an administrator can release a subject); who is in no directory gets
an identity that works in the console and nowhere else.
"""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.limits import Limit
from adapters.web.pages import Pages
from adapters.web.security import ENDED, secure
from adapters.web.services import WebServices
from adapters.web.sessions import ELSEWHERE, HOME, Came, Sessions, Visit, inside
from bot.errors import ConfigError
from bot.model import Person
from bot.permissions import ROLES, ConsoleRole
from bot.turn import Work

if TYPE_CHECKING:
    from adapters.web.oidc import Asked, Provider

log = logging.getLogger(__name__)
FLOW = "secdesk_signin"
FLOW_SECONDS = 600
A_MINUTE = 60  # logout tokens that do not hold, from one address
_WHY = {
    "nobody": "nothing gives this person a role in the console",
    "other": "this person has come with another account before; an administrator can release that one (Access)",
}
START, BACK = f"{HOME}/sign-in/start", f"{HOME}/sign-in/back"


class ProviderSignIn:
    """Routes of the way to the provider and back."""

    def __init__(
        self, services: WebServices, pages: Pages, sessions: Sessions, provider: Provider,
        slow: Callable[[Request], Response | None],
    ) -> None:  # fmt: skip
        self._services, self._pages, self._sessions = services, pages, sessions
        self._provider, self._slow = provider, slow
        self._refused = Limit(A_MINUTE)

    def routes(self) -> list[Route]:
        return [Route(START, self.start), Route(BACK, self.back), Route(ENDED, self.ended, methods=["POST"])]

    async def start(self, request: Request) -> Response:
        """Off to the provider."""
        if slow := self._slow(request):
            return slow
        return await self._services.run(lambda: self._start(request))

    async def back(self, request: Request) -> Response:
        """Back from the provider."""
        if slow := self._slow(request):
            return slow
        return await self._services.run(lambda: self._back(request))

    async def ended(self, request: Request) -> Response:
        """The provider says that somebody has signed out (back-channel logout). It may say so of many at once; only what does
        not hold is counted."""
        host = request.client.host if request.client else ""
        if not self._refused.left(host)[0]:
            return Response(status_code=429, headers={"Retry-After": str(self._refused.left(host)[1])})
        async with request.form(max_files=0, max_fields=5) as form:
            token = str(form.get("logout_token", ""))
        answer = await self._services.run(lambda: self._ended(token))
        if answer.status_code == 400:
            self._refused.wait(host)
        return answer

    def leaving(self, visit: Visit) -> str:
        """Where the browser goes to sign out at the provider too, "" if nowhere."""
        if visit.via != "oidc":
            return ""
        return self._provider.leaving(self._sessions.hint(visit), f"{self._services.settings.url}{HOME}/sign-in/out")

    # inside

    @property
    def _redirect(self) -> str:
        return self._services.settings.url + BACK

    def _start(self, request: Request) -> Response:
        from adapters.web.oidc import OidcError  # noqa: PLC0415 (only where sign-in is on)

        try:
            url, asked = self._provider.ask(self._redirect, inside(request.query_params.get("next", HOME)))
        except OidcError as error:
            return self._failed(request, error)
        response = RedirectResponse(url, 303)
        sealed = self._services.vault.seal("console/flow", json.dumps(astuple(asked)).encode())
        response.set_cookie(
            FLOW, urlsafe_b64encode(sealed).decode(), max_age=FLOW_SECONDS, path=f"{HOME}/sign-in", httponly=True,
            samesite="lax", secure=secure(self._services.settings),
        )  # fmt: skip
        return response

    def _back(self, request: Request) -> Response:
        from adapters.web.oidc import OidcError  # noqa: PLC0415

        try:
            asked = self._asked(request)
            claims, token = self._provider.answered(request.query_params, asked, self._redirect)
            fresh, why = self._services.work(lambda work: self._enter(work, request, claims, token))
            if not fresh:
                raise OidcError(why, _WHY[why])
        except OidcError as error:
            return self._failed(request, error)
        # The strict cookie goes along only from a page of ours: the way here began at another site.
        response = self._pages.page("console/opening.html", None, asks=request, target=inside(asked.target))
        response.delete_cookie(FLOW, path=f"{HOME}/sign-in")
        return self._sessions.give(response, fresh)

    def _asked(self, request: Request) -> Asked:
        from adapters.web.oidc import Asked, OidcError  # noqa: PLC0415

        try:
            sealed = urlsafe_b64decode(request.cookies.get(FLOW, ""))
            asked = Asked(*json.loads(self._services.vault.unseal("console/flow", sealed)))
        except (ConfigError, ValueError, TypeError) as error:
            raise OidcError("old", "this browser has begun no sign-in") from error
        if self._services.clock.now() > asked.at + FLOW_SECONDS:
            raise OidcError("old", "the sign-in was begun too long ago")
        return asked

    def _enter(self, work: Work, request: Request, claims: Mapping[str, Any], token: str) -> tuple[str, str]:
        """Begin the session: (cookie, ""), or ("", why not), which the audit log holds too."""
        subject = self._sessions.mac("subject", f"{self._provider.issuer}|{claims['sub']}")
        person = self._person(work, subject, claims)
        roles = self._roles(claims)
        by_groups = bool(self._services.settings.group_roles)
        if self._other(work, subject, person):
            work.audit(person.key, "console.stranger", person.key, new=subject[:16])
            return "", "other"
        allowed = roles if by_groups else person.known and self._services.org().console_roles(person.roles)
        if not allowed or not (person.known or person.id.startswith(ELSEWHERE)):
            work.audit(person.key or "secdesk", "console.refused", person.key or "secdesk", via="oidc")
            return "", "nobody"
        person = self._services.identities.meet(work.tx, person, work.at)
        if self._services.sessions.subject(work.tx, subject) != person.key:
            self._services.sessions.bind(work.tx, subject, person.key, work.at)
        sid = self._sessions.mac("sid", f"{self._provider.issuer}|{claims['sid']}") if claims.get("sid") else ""
        came = Came("oidc", roles if by_groups else None, subject=subject, sid=sid, hint=token)
        return self._sessions.begin(work, person.key, came, request), ""

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[ConsoleRole]:
        from adapters.web.oidc import groups_of  # noqa: PLC0415

        settings = self._services.settings
        groups, known = groups_of(claims, settings.signin_groups), settings.group_roles
        given = {role for group in groups for role in known.get(group, ())}
        return frozenset(role for role in ROLES if role in given)

    def _person(self, work: Work, subject: str, claims: Mapping[str, Any]) -> Person:
        """Whose subject it is; at the first time, or after they came into the directory, by their address."""
        identities = self._services.identities
        key = self._services.sessions.subject(work.tx, subject)
        known = identities.who(key) if key else None
        if known is not None and not known.id.startswith(ELSEWHERE):
            return known  # in the directory, or has left it
        checked = claims.get("email_verified", bool(self._services.settings.signin_unverified))
        email = claims.get("email") if checked is True else ""
        found = identities.find(email) if isinstance(email, str) and email else None
        if found is not None:
            return found
        if known is not None:
            return known
        named = next((claims[name] for name in ("name", "preferred_username", "email") if claims.get(name)), "")
        name = " ".join(str(named).split())[:120] or "?"
        return Person(ELSEWHERE + subject[:32], name, str(email or "")[:250], known=False)

    def _other(self, work: Work, subject: str, person: Person) -> bool:
        """Whether this person is somebody else's subject already: an address that the provider has given away again, say."""
        held = self._services.sessions.subjects_of(work.tx, person.key) if person.key else []
        return bool(held) and subject not in held

    def _ended(self, token: str) -> Response:
        from adapters.web.oidc import FRESH, OidcError  # noqa: PLC0415

        try:
            claims = self._provider.ended(token)
        except OidcError as error:
            log.warning("a logout token was refused", extra={"why": str(error)})
            return Response(status_code=400)
        issuer = self._provider.issuer
        subject, sid = (
            self._sessions.mac(name, f"{issuer}|{claims[claim]}") if claims.get(claim) else ""
            for name, claim in (("subject", "sub"), ("sid", "sid"))
        )

        def end(work: Work) -> None:
            jti = self._sessions.mac("jti", f"{issuer}|{claims['jti']}")
            if self._services.sessions.first_logout(work.tx, jti, work.at, work.at + FRESH):
                for person in self._services.sessions.end_at_provider(work.tx, subject, sid):
                    work.audit(person, "console.signout", person, via="provider")

        self._services.work(end)
        return Response(status_code=200)

    def _failed(self, request: Request, error: Any) -> Response:
        """The page that says why it did not work, kindly; the log has the detail."""
        log.warning("sign-in through the provider did not work", extra={"why": f"{error.why}: {error}"})
        response = self._pages.page(  # nosec B106 (no link to use)
            "console/sign_in.html", None, status=503 if error.why == "provider" else 403, state="failed",
            asks=request, why=error.why, token="", target=HOME, provider=self._provider.name,
            hours=self._services.settings.signin_hours,
        )  # fmt: skip
        response.delete_cookie(FLOW, path=f"{HOME}/sign-in")
        return response

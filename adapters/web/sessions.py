"""Console sessions: the cookie that the browser holds, the row on our side, and whom that row stands for on each request.

The browser has a random token in a cookie that scripts cannot read and other sites cannot send; we keep its keyed digest. A
session ends by time, when nobody used it for a while, by signing out here or everywhere, and when its provider says so.

Roles: of somebody who came by link, the directory says them on each request (a link made with `--admin` adds one); of somebody
who came through a provider with groups, what the groups said at sign-in holds until the next.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from adapters.stores.sessions import SEEN_EVERY, NewSession
from adapters.web.security import secure
from adapters.web.services import WebServices
from bot.errors import Refused, StoreUnavailable
from bot.model import Person
from bot.permissions import ROLES, ConsoleRole
from bot.ports import Row, Vault
from bot.settings import Settings
from bot.turn import Work

log = logging.getLogger(__name__)
COOKIE = "secdesk_console"
HOME = "/console"
ELSEWHERE = "oidc."  # how the id of somebody begins who is in no directory, only at the provider
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Mac OS X", "macOS"),
            ("Linux", "Linux"))  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in. `csrf` goes into every form; `session` is the digest of the cookie, `id` its
    name in lists; `roles` are console roles; `via` is link or oidc."""

    person: Person
    session: str
    csrf: str
    roles: frozenset[ConsoleRole]
    id: str = ""
    via: str = "link"


@dataclass(frozen=True)
class Came:
    """How somebody signed in. `roles` None: the directory says them; `admin` adds that role."""

    via: str = "link"
    roles: frozenset[ConsoleRole] | None = None
    admin: bool = False
    subject: str = ""
    sid: str = ""
    hint: str = ""  # the provider's token, shown to it again at sign-out


class Sessions:
    """Begins, recognises and ends sessions."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    @property
    def idle(self) -> float:
        return idle_seconds(self._services.settings)

    def visit(self, request: Request) -> Visit | None:
        """Who asks; reads the database. Raises `Refused` for somebody who has no role in the console now."""
        token = request.cookies.get(COOKIE, "")
        if not token:
            return None
        digest, now = self.mac("session", token), self._services.clock.now()
        row = self._services.sessions.session(digest, now, self.idle)
        if row is None:
            return None
        person = self._services.identities.who(row["person"])
        roles = self._roles(row, person)
        if person is None or not roles:
            raise Refused("no role in the console")
        if row["seen_at"] < now - SEEN_EVERY and _by_hand(request):
            self._note(digest, now)
        return Visit(self._services.dressed(person), digest, self.mac("csrf", token)[:43], roles, row["id"], row["via"])

    def begin(self, work: Work, person: str, came: Came, request: Request) -> str:
        """A session of somebody (their pseudonym); what this browser had before ends. Returns the cookie's token."""
        if old := request.cookies.get(COOKIE, ""):
            self._services.sessions.end(work.tx, self.mac("session", old))
        fresh, machine = secrets.token_urlsafe(32), device(request.headers.get("user-agent", ""))
        given = sorted(came.roles) if came.roles is not None else ["+admin"] if came.admin else []
        hint = self._services.vault.seal("console/hint", came.hint.encode()) if came.hint else None
        until = work.at + self._services.settings.signin_hours * 3600.0
        self._services.sessions.begin(work.tx, NewSession(
            self.mac("session", fresh), secrets.token_hex(8), person, work.at, until,
            came.via, json.dumps(given) if given else "", machine, came.subject, came.sid, hint,
        ))  # fmt: skip
        roles = "directory" if came.roles is None else ".".join(given)
        work.audit(
            person, "console.signin", person, via=came.via, roles=roles + (".admin" if came.admin else ""),
            device=machine.replace(" ", "-"),
        )  # fmt: skip
        return fresh

    def give(self, response: Response, token: str) -> Response:
        """Put the cookie into a response."""
        hours = self._services.settings.signin_hours
        response.set_cookie(
            COOKIE, token, max_age=int(hours * 3600), path=HOME, httponly=True, samesite="strict",
            secure=secure(self._services.settings),
        )  # fmt: skip
        return response

    def hint(self, visit: Visit) -> str:
        """What the provider gave at sign-in, "" if there is none."""
        sealed = self._services.sessions.hint(visit.session)
        return self._services.vault.unseal("console/hint", sealed).decode() if sealed else ""

    def trusted_form(self, visit: Visit, sent: str) -> bool:
        """Whether a form carries this session's token."""
        return compare_digest(visit.csrf.encode(), sent.encode())

    def mac(self, use: str, token: str) -> str:
        return digest_of(self._services.vault, use, token)

    # inside

    def _roles(self, row: Row, person: Person | None) -> frozenset[ConsoleRole]:
        if person is None:
            return frozenset()
        given: list[str] = json.loads(row["roles"] or "[]")
        if row["via"] == "oidc" and given:
            here = person.known or person.id.startswith(ELSEWHERE)
            return frozenset(role for role in ROLES if role in given) if here else frozenset()
        if not person.known:
            return frozenset()
        roles = self._services.org().console_roles(person.roles)
        return roles | {"admin"} if roles and "+admin" in given else roles

    def _note(self, digest: str, now: float) -> None:
        try:
            self._services.work(lambda work: self._services.sessions.seen(work.tx, digest, now))
        except StoreUnavailable:
            log.info("nothing can be written: that a session is in use is not noted")


def idle_seconds(settings: Settings) -> float:
    """After how long without use a session ends."""
    return settings.signin_idle * 60.0


def digest_of(vault: Vault, use: str, token: str) -> str:
    """The name under which a token of a browser is kept."""
    return vault.digest(f"console.{use}", token.encode())


def device(agent: str) -> str:
    """Browser and system in two words ("Firefox Linux"), as far as they are known. Nothing else of it is kept."""
    found = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return " ".join(filter(None, found))


def _by_hand(request: Request) -> bool:
    """Whether a person did this: a page that looks for news by itself keeps no session alive."""
    return request.method != "GET" or request.headers.get("sec-fetch-dest") != "empty"


def inside(target: str) -> str:
    """A path of the console, nothing else: no other site, no other page."""
    good = target == HOME or target.startswith((f"{HOME}/", f"{HOME}?"))
    bad = re.search(r"[\\\s]|%(?:0|1|5c|7f)", target, re.IGNORECASE) or not target.isprintable()
    return target if good and not bad else HOME

"""The console's frame: who may see a page, forms that only we could have made, and messages that survive a redirect.

A page is a synchronous function of a `Look`; it runs on the executor. Actions redirect (post, redirect, get), and each
form has an event id, so pressing twice does it once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.pages import Pages
from adapters.web.security import Signer, secure
from adapters.web.services import WebServices
from adapters.web.signin import HOME, SignIn, Visit
from bot.errors import Conflict, NotFound, Refused, StoreUnavailable
from bot.model import File, Person
from bot.organisation import pick
from bot.permissions import PERMISSIONS, Permission, allowed
from bot.turn import Work
from bot.undo import Sent

FLASH = "secdesk_flash"
FLASH_SECONDS = 60
_NAVIGATION = (  # (path, icon, key of the words), in reading order
    ("/queue", "queue", "console.nav.queue"),
    ("/mail", "mail", "console.nav.mail"),
    ("/pages", "bell", "console.nav.pages"),
    ("/trackers", "out", "console.nav.trackers"),
    ("/oncall", "phone", "console.nav.oncall"),
    ("/codes", "lock", "console.nav.codes"),
    ("/procedures", "check", "console.nav.procedures"),
    ("/partners", "shield", "console.nav.partners"),
    ("/knowledge", "book", "console.nav.knowledge"),
    ("/unanswered", "search", "console.nav.unanswered"),
    ("/people", "person", "console.nav.people"),
    ("/nudges", "leaf", "console.nav.nudges"),
    ("/metrics", "chart", "console.nav.metrics"),
    ("/measurement", "chart", "console.nav.measurement"),
    ("/access", "person", "console.nav.access"),
    ("/audit", "list", "console.nav.audit"),
    ("/privacy", "clock", "console.nav.privacy"),
    ("/tokens", "lock", "console.nav.tokens"),
    ("/health", "pulse", "console.nav.health"),
)


@dataclass(frozen=True)
class Look:
    """One request for a page by somebody with a desk role."""

    request: Request
    visit: Visit
    files: tuple[File, ...] = ()

    @property
    def person(self) -> Person:
        return self.visit.person

    def may(self, permission: Permission) -> bool:
        """Whether this person has a permission: what they have not is not offered either."""
        return allowed(self.visit.roles, permission)

    def asked(self, name: str, among: tuple[str, ...]) -> str:
        """A query parameter that may hold one of a few values; the first one else."""
        value = self.request.query_params.get(name, "")
        return value if value in among else among[0]


@dataclass(frozen=True)
class Undo:
    """The form that takes an action back: where it is sent below the console, its fields, and for how long (0: not bounded)."""

    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    seconds: int = 0


@dataclass(frozen=True)
class Done:
    """What an action did: where to go, what to say, and how to take it back where that is possible."""

    target: str
    key: str
    params: Mapping[str, str]
    bad: bool = False
    undo: Undo | None = None


class Unwritten(StoreUnavailable):
    """Nothing can be written, so what has to be written down first is not shown."""


@contextmanager
def noted() -> Iterator[None]:
    """Around what writes down that something is opened: a store that does not take it is `Unwritten`."""
    try:
        yield
    except StoreUnavailable as error:
        raise Unwritten(str(error)) from error


Needs = Permission | Mapping[str, Permission]  # a mapping goes by the `{verb}` of the path; other verbs are not there
View = Callable[[Look], Response]
Change = Callable[[Look, Mapping[str, str]], Done | Response]  # a response: the form again, with what was typed


class Guarded(Route):
    """A route that says which permission it needs; `needed` tells for one request, "" where there is no such verb."""

    def __init__(self, path: str, endpoint: Callable[..., Any], needs: Needs, *, method: str, name: str) -> None:
        super().__init__(path, endpoint, methods=[method], name=name)
        self.needs = needs
        for permission in [needs] if isinstance(needs, str) else needs.values():
            PERMISSIONS[permission]  # a route with an unknown one does not come into being


def needed(needs: Needs, params: Mapping[str, Any]) -> str:
    """The permission that a request needs, "" if its verb is unknown."""
    return needs if isinstance(needs, str) else needs.get(str(params.get("verb", "")), "")


class Frame:
    """Builds guarded routes and the pages around their content."""

    def __init__(self, services: WebServices, pages: Pages, sign_in: SignIn) -> None:
        self.services, self._pages, self._sign_in = services, pages, sign_in
        self._signer = Signer(services.vault, "flash")
        self._views: dict[str, Permission] = {}  # every page that is there, with what its route asks for

    def view(self, path: str, show: View, needs: Permission) -> Guarded:
        """A page that is looked at."""

        async def endpoint(request: Request) -> Response:
            return await self.services.run(lambda: self._guarded(request, needs, show))

        self._views.setdefault(path, needs)  # of two routes with one path the first answers
        return Guarded(HOME + path, endpoint, needs, method="GET", name=f"console{path}")

    def change(self, path: str, change: Change, needs: Needs, most: int = 20, files: int = 0) -> Guarded:
        """A form of at most so many fields (and files) that changes something."""

        async def endpoint(request: Request) -> Response:
            async with request.form(max_files=files, max_fields=most) as form:
                fields = {name: value for name, value in form.items() if isinstance(value, str)}
                uploads = [item for _, item in form.multi_items() if isinstance(item, UploadFile) and item.filename]
                sent = tuple(
                    [File(item.filename or "", await item.read(), item.content_type or "") for item in uploads]
                )
            return await self.services.run(
                lambda: self._guarded(
                    request, needs, lambda look: self._changed(replace(look, files=sent), fields, change)
                )
            )

        return Guarded(HOME + path, endpoint, needs, method="POST", name=f"console{path}:post")

    def page(self, look: Look, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page in the console's frame, with the flash message that was waiting for it."""
        flash = self._signer.open(look.request.cookies.get(FLASH, ""))
        response = self._pages.page(
            f"console/{template}", look.person, status=status, flash=flash, flash_event=secrets.token_hex(12),
            csrf=look.visit.csrf, here=template,
            navigation=self._navigation(look), home=HOME, open_pages=self.services.console.open_pages(),
            names=Names(self.services, look.person.language), may=look.may, **context,
        )  # fmt: skip
        if flash is not None:
            response.delete_cookie(FLASH, path=HOME)
        return response

    def fragment(self, look: Look, template: str, **context: Any) -> str:
        """A part of a page."""
        return self._pages.html(
            f"console/{template}", look.person, csrf=look.visit.csrf, names=Names(self.services, look.person.language),
            home=HOME, may=look.may,
            **context,
        )  # fmt: skip

    def sees(self, look: Look, path: str) -> bool:
        """Whether a page is there and this person may open it, by the path that its route was made with."""
        return path in self._views and look.may(self._views[path])

    @property
    def env(self) -> Any:
        """The template environment, for cards."""
        return self._pages.env

    def say(self, look: Look, key: str, **params: object) -> str:
        return self.services.words().say(look.person.language, key, **params)

    def once(self, look: Look, fields: Mapping[str, str], change: Callable[[Work], None]) -> None:
        """Run a change in one transaction, once for each event id of a form."""
        event = fields.get("event", "")[:64]
        key = f"console:{look.person.key}:{look.request.url.path}:{event}"

        def run(work: Work) -> None:
            if not event or work.store.first_time(work.tx, key, work.at):
                change(work)

        self.services.work(run)

    def sent(self, target: str, kind: str, number: str, sent: Sequence[Sent | None]) -> Done:
        """What to say of a reply or a verdict: that it waits and can be taken back, or that it is on its way."""
        params = {"number": number, "n": str(self.services.undo.seconds)}
        if sent and sent[0]:
            return Done(
                target,
                f"console.done.{kind}_waits",
                params,
                undo=Undo("/undo", {"id": sent[0].id, "ticket": number}, self.services.undo.seconds),
            )
        return Done(target, f"console.done.{kind}", params)

    def opened(self, look: Look, action: str, subject: str, **detail: str) -> None:
        """Write down that somebody opens what only who is written down may see. Raises `Unwritten`, and then it stays shut."""
        with noted():
            self.services.work(lambda work: work.audit(look.person.key, action, subject, **detail))

    # inside

    def _navigation(self, look: Look) -> list[tuple[str, str, str]]:
        """Pages that are there, for this person: its own route says what each needs."""
        return [item for item in _NAVIGATION if self.sees(look, item[0])]

    def _guarded(self, request: Request, needs: Needs, show: View) -> Response:
        try:
            visit = self._sign_in.visit(request)
        except Refused:
            return self._pages.problem(403, "console.problem.role", back=HOME, asks=request)
        if visit is None:
            return self._sign_in.ask(request)
        permission = needed(needs, request.path_params)
        if not permission:
            return self._pages.problem(404, "console.problem.missing", visit.person, back=HOME)
        if not allowed(visit.roles, permission):
            return self._pages.problem(403, "console.problem.permission", visit.person, back=HOME)
        try:
            return show(Look(request, visit))
        except NotFound:
            return self._pages.problem(404, "console.problem.missing", visit.person, back=HOME)
        except Unwritten:
            return self._pages.problem(503, "console.problem.unwritten", visit.person, back=HOME)

    def _changed(self, look: Look, fields: Mapping[str, str], change: Change) -> Response:
        if slow := self._sign_in.slow(look.request, look.visit):
            return slow
        if not self._sign_in.trusted_form(look.visit, fields.get("csrf", "")):
            return self._pages.problem(403, "console.problem.form", look.person, back=HOME)
        try:
            done = change(look, fields)
            if isinstance(done, Response):
                return done
            flash: dict[str, Any] = {"text": self.say(look, done.key, **done.params), "bad": done.bad}
            flash["undo"] = asdict(done.undo) if done.undo else None
            target = done.target
        except (Conflict, Refused) as refused:
            flash, target = {"text": str(refused), "bad": True, "undo": None}, self._back(look)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            FLASH, self._signer.seal(flash), max_age=FLASH_SECONDS, path=HOME, httponly=True, samesite="strict",
            secure=secure(self.services.settings),
        )  # fmt: skip
        return response

    @staticmethod
    def _back(look: Look) -> str:
        """The page that a refused action belongs to: its path without the verb."""
        return look.request.url.path.rpartition("/")[0]


class Names:
    """Names for pseudonyms, each looked up once a page. `language`: of whoever reads them."""

    def __init__(self, services: WebServices, language: str = "en") -> None:
        self._services, self._language = services, language
        self._known: dict[str, str] = {}
        self._listed: dict[str, str] = {}

    def __call__(self, key: str) -> str:
        if key in {"", "secdesk"}:
            return "Secdesk" if key else ""
        if key not in self._known:
            self._known[key] = self._services.identities.name(key)
        return self._known[key]

    def listed(self, key: str) -> str:
        """The name as a list of tickets shows it: of somebody with a discreet role only the role."""
        if key not in self._listed:
            person, roles = self._services.identities.who(key) if key else None, self._services.org().roles
            held = sorted(person.roles) if person else ()
            discreet = next((roles[role] for role in held if role in roles and roles[role].discreet), None)
            self._listed[key] = pick(discreet.name, self._language) if discreet else self(key)
        return self._listed[key]

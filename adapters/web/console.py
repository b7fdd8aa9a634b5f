"""The console's frame: who may see a page, forms that only we could have made, and messages that survive a redirect.

A page is a synchronous function of a `Look`; it runs on the executor. Actions redirect (post, redirect, get), and each
form has an event id, so pressing twice does it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.pages import Pages
from adapters.web.security import Signer, secure
from adapters.web.services import WebServices
from adapters.web.signin import HOME, SignIn, Visit
from bot.errors import Conflict, NotFound, Refused
from bot.model import Person
from bot.organisation import Organisation
from bot.turn import Work

FLASH = "secdesk_flash"
FLASH_SECONDS = 60
_NAVIGATION = (  # (path, icon, key of the words), in reading order
    ("/queue", "queue", "console.nav.queue"),
    ("/mail", "mail", "console.nav.mail"),
    ("/pages", "bell", "console.nav.pages"),
    ("/knowledge", "book", "console.nav.knowledge"),
    ("/nudges", "leaf", "console.nav.nudges"),
    ("/audit", "list", "console.nav.audit"),
    ("/health", "pulse", "console.nav.health"),
)


@dataclass(frozen=True)
class Look:
    """One request for a page by somebody with a desk role."""

    request: Request
    visit: Visit

    @property
    def person(self) -> Person:
        return self.visit.person

    def asked(self, name: str, among: tuple[str, ...]) -> str:
        """A query parameter that may hold one of a few values; the first one else."""
        value = self.request.query_params.get(name, "")
        return value if value in among else among[0]


@dataclass(frozen=True)
class Done:
    """What an action did: where to go, what to say."""

    target: str
    key: str
    params: Mapping[str, str]
    bad: bool = False


View = Callable[[Look], Response]
Change = Callable[[Look, Mapping[str, str]], Done]


def may(person: Person, org: Organisation, needs: str) -> bool:
    """Whether a person may do what a route `needs` (`read` or `work`). The one place where permissions are decided."""
    return needs in {"read", "work"} and person.known and bool(person.roles & org.desk_roles())


class Frame:
    """Builds guarded routes and the pages around their content."""

    def __init__(self, services: WebServices, pages: Pages, sign_in: SignIn) -> None:
        self.services, self._pages, self._sign_in = services, pages, sign_in
        self._signer = Signer(services.vault, "flash")

    def view(self, path: str, show: View, needs: str = "read") -> Route:
        """A page that is looked at."""

        async def endpoint(request: Request) -> Response:
            return await self.services.run(lambda: self._guarded(request, needs, show))

        return Route(HOME + path, endpoint, name=f"console{path}")

    def change(self, path: str, change: Change, needs: str = "work") -> Route:
        """A form that changes something."""

        async def endpoint(request: Request) -> Response:
            async with request.form(max_files=0, max_fields=20) as form:
                fields = {name: value for name, value in form.items() if isinstance(value, str)}
            return await self.services.run(
                lambda: self._guarded(request, needs, lambda look: self._changed(look, fields, change))
            )

        return Route(HOME + path, endpoint, methods=["POST"], name=f"console{path}:post")

    def page(self, look: Look, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page in the console's frame, with the flash message that was waiting for it."""
        flash = self._signer.open(look.request.cookies.get(FLASH, ""))
        response = self._pages.page(
            f"console/{template}", look.person, status=status, flash=flash, csrf=look.visit.csrf, here=template,
            navigation=_NAVIGATION, home=HOME, open_pages=self.services.console.open_pages(),
            names=Names(self.services), **context,
        )  # fmt: skip
        if flash is not None:
            response.delete_cookie(FLASH, path=HOME)
        return response

    def fragment(self, look: Look, template: str, **context: Any) -> str:
        """A part of a page."""
        return self._pages.html(
            f"console/{template}", look.person, csrf=look.visit.csrf, names=Names(self.services), home=HOME, **context
        )

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

    # inside

    def _guarded(self, request: Request, needs: str, show: View) -> Response:
        try:
            visit = self._sign_in.visit(request)
        except Refused:
            return self._pages.problem(403, "console.problem.role", back=HOME)
        if visit is None:
            return self._sign_in.ask(request)
        if not may(visit.person, self.services.org(), needs):
            return self._pages.problem(403, "console.problem.role", visit.person, back=HOME)
        try:
            return show(Look(request, visit))
        except NotFound:
            return self._pages.problem(404, "console.problem.missing", visit.person, back=HOME)

    def _changed(self, look: Look, fields: Mapping[str, str], change: Change) -> Response:
        if not self._sign_in.trusted_form(look.visit, fields.get("csrf", "")):
            return self._pages.problem(403, "console.problem.form", look.person, back=HOME)
        try:
            done = change(look, fields)
            flash = {"text": self.say(look, done.key, **done.params), "bad": done.bad}
            target = done.target
        except (Conflict, Refused) as refused:
            flash, target = {"text": str(refused), "bad": True}, self._back(look)
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
    """Names for pseudonyms, each looked up once a page."""

    def __init__(self, services: WebServices) -> None:
        self._services = services
        self._known: dict[str, str] = {}

    def __call__(self, key: str) -> str:
        if key in {"", "secdesk"}:
            return "Secdesk" if key else ""
        if key not in self._known:
            self._known[key] = self._services.identities.name(key)
        return self._known[key]

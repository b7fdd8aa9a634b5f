"""The web application: a guard around the local web chat (where it is on), the console, and what machines ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan, Scope

from adapters.web.access_pages import AccessPages
from adapters.web.api.routes import Api
from adapters.web.authoring import KnowledgePages
from adapters.web.campaigns import CampaignPages
from adapters.web.chat import Chat
from adapters.web.codes_pages import CodePages
from adapters.web.console import Frame
from adapters.web.console_pages import OtherPages
from adapters.web.console_queue import QueuePages
from adapters.web.figures import FigurePages
from adapters.web.find_pages import FindPages
from adapters.web.mail_pages import MailPages
from adapters.web.measurement import MeasurementPages
from adapters.web.oncall_pages import OnCallPages
from adapters.web.ops import Ops
from adapters.web.pages import Pages
from adapters.web.partner_pages import PartnerPages
from adapters.web.people import Chosen
from adapters.web.people_pages import PeoplePages
from adapters.web.privacy_pages import PrivacyPages
from adapters.web.procedure_pages import ProcedurePages
from adapters.web.run_pages import RunPages
from adapters.web.security import UPLOAD_BYTES, Guard
from adapters.web.services import WebServices
from adapters.web.signin import HOME, SignIn
from adapters.web.token_pages import TokenPages
from adapters.web.tracker_pages import TrackerPages
from adapters.web.unanswered import UnansweredPages
from bot.errors import StoreUnavailable, TooLarge


def create_web(services: WebServices, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application. `lifespan` is the composition root's: what starts and stops with the server."""
    pages, settings = Pages(services), services.settings
    sign_in = SignIn(services, pages)
    frame = Frame(services, pages, sign_in)
    routes: list[BaseRoute] = [*Ops(services).routes(), *sign_in.routes()]
    routes += _there(services, frame)
    if services.sources and services.settings.scim_token:
        from adapters.web.scim import Scim  # noqa: PLC0415 (its library only where it is on)

        scim = Scim(services.sources, services.clock, services.run, lambda: settings.scim_tokens, settings.url)
        routes += scim.routes()
    if services.api:
        routes += [*TokenPages(frame, services.api.tokens).routes(), *Api(services, services.api, pages).routes()]
    routes += [*QueuePages(frame).routes(), *OtherPages(frame).routes(), *AccessPages(frame).routes(),
               *FindPages(frame).routes()]  # fmt: skip
    if services.settings.local_chat:
        chosen = Chosen(services, pages)
        routes += [*chosen.routes(), *Chat(services, pages, chosen).routes()]
    else:
        routes.append(Route("/", lambda _request: RedirectResponse(HOME, 303)))
    routes.append(Mount("/static", _Static(packages=[("adapters.web", "static")])))
    guard = Middleware(
        Guard, settings=services.settings, words=services.words, fault=lambda: pages.problem(500, "web.problem.fault")
    )
    return Starlette(routes=routes, middleware=[guard], exception_handlers=_Problems(services, pages).handlers(),
                     lifespan=lifespan)  # fmt: skip


def _there(services: WebServices, frame: Frame) -> Iterator[BaseRoute]:
    """Routes of the pages whose part is there; those for writing knowledge stand before the page that only shows it."""
    parts: tuple[tuple[Callable[[Frame, Any], Any], object], ...] = (
        (MailPages, services.mail_desk), (KnowledgePages, services.authors), (TrackerPages, services.tracking),
        (MeasurementPages, services.measures), (FigurePages, services.figures), (CampaignPages, services.campaigns),
        (UnansweredPages, services.unanswered), (CodePages, services.codes), (ProcedurePages, services.procedures),
        (RunPages, services.procedures), (PartnerPages, services.partners), (PrivacyPages, services.retention),
    )  # fmt: skip
    for pages, part in parts:
        if part is not None:
            yield from pages(frame, part).routes()
    if services.duty and services.paging:
        yield from OnCallPages(frame, services.duty, services.paging).routes()
    if services.targets and services.about:
        yield from PeoplePages(frame, services.targets, services.about).routes()


class _Static(StaticFiles):
    """Files whose address changes with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Scripts and styles only: a folder has no page."""
        if not path or path == ".":
            raise HTTPException(404)
        return await super().get_response(path, scope)


class _Problems:
    """Errors as pages that say what to do, or as JSON for our own script."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services, self._pages = services, pages

    def handlers(self) -> dict[Any, Any]:
        return {HTTPException: self.http, StoreUnavailable: self.store, TooLarge: self.large}

    async def http(self, request: Request, error: HTTPException) -> Response:
        known = {404: "web.problem.missing", 405: "web.problem.missing"}
        return self._answer(request, error.status_code, known.get(error.status_code, "web.problem.request"))

    async def store(self, request: Request, _error: StoreUnavailable) -> Response:
        return self._answer(request, 503, "web.problem.store")

    async def large(self, request: Request, _error: TooLarge) -> Response:
        return self._answer(request, 413, "web.problem.large")

    def _answer(self, request: Request, status: int, key: str) -> Response:
        back = HOME if request.url.path.startswith(HOME) else "/"
        if "application/json" in request.headers.get("accept", ""):
            words = self._services.words()
            phone = self._services.org().values().get("helpdesk_phone", "")
            text = words.say(self._pages.language(None, request), key, mb=UPLOAD_BYTES >> 20, phone=phone)
            return JSONResponse({"problem": text}, status)
        return self._pages.problem(status, key, back=back, asks=request)

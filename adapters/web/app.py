"""The web application: a guard around the local web chat (where it is on), the console, and what machines ask."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan, Scope

from adapters.web.chat import Chat
from adapters.web.console import Frame
from adapters.web.console_pages import OtherPages
from adapters.web.console_queue import QueuePages
from adapters.web.ops import Ops
from adapters.web.pages import Pages
from adapters.web.people import Chosen
from adapters.web.security import UPLOAD_BYTES, Guard
from adapters.web.services import WebServices
from adapters.web.signin import HOME, SignIn
from bot.errors import StoreUnavailable, TooLarge


def create_web(services: WebServices, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application. `lifespan` is the composition root's: what starts and stops with the server."""
    pages = Pages(services)
    sign_in = SignIn(services, pages)
    frame = Frame(services, pages, sign_in)
    routes: list[BaseRoute] = [*Ops(services).routes(), *sign_in.routes()]
    routes += [*QueuePages(frame).routes(), *OtherPages(frame).routes()]
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
            words, org = self._services.words(), self._services.org()
            phone = org.values().get("helpdesk_phone", "")
            text = words.say(org.file.language, key, mb=UPLOAD_BYTES >> 20, phone=phone)
            return JSONResponse({"problem": text}, status)
        return self._pages.problem(status, key, back=back)

"""The API put together: its routes, its description, and a page that a person can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.web.api import others, procedures, reports, tickets, updates
from adapters.web.api.endpoint import BASE, Endpoint
from adapters.web.api.openapi import describe
from adapters.web.api.parts import ApiParts
from adapters.web.api.wall import Wall, problem
from adapters.web.pages import Pages
from adapters.web.services import WebServices

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


class ApiRoute(Route):
    """A route that says which permission it needs."""

    def __init__(self, path: str, endpoint: Callable[..., Any], methods: Sequence[str], needs: str) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.needs = needs


class Api:
    """Routes of `/api/v1`."""

    def __init__(self, services: WebServices, parts: ApiParts, pages: Pages) -> None:
        self._services, self._parts, self._pages = services, parts, pages
        self._wall = Wall(services, parts.tokens)

    @cached_property
    def endpoints(self) -> list[Endpoint]:
        """What there is, given what is on."""
        services, parts = self._services, self._parts
        found = [*others.tokens(parts.tokens)]
        if services.triage:
            found += tickets.endpoints(parts.place_of)
        if services.mail_desk:
            found += reports.endpoints(services.mail_desk)
        if services.authors:
            found += others.knowledge(services.authors.authoring, parts.ask)
            found += updates.endpoints(services.authors.updates)
        if services.procedures:
            found += procedures.endpoints(services.procedures)
        if services.partners:
            found += others.partners(services.partners)
        if services.retention:
            found += others.privacy(services.retention)
        if services.campaigns:
            found += others.campaigns(services.campaigns)
        if services.figures:
            found += others.metrics(services.figures)
        if services.duty and services.paging:
            found += others.oncall(services.duty, services.paging)
        return [*found, *others.rest()]

    @cached_property
    def described(self) -> dict[str, Any]:
        """The OpenAPI description."""
        return describe(self.endpoints, self._services.settings.url)

    def routes(self) -> list[BaseRoute]:
        """The description and its page are open: they say nothing that the source does not."""
        found: list[BaseRoute] = [
            Route(f"{BASE}/openapi.json", self.description, methods=["GET"]),
            Route(f"{BASE}/docs", self.page, methods=["GET"]),
        ]
        found += [ApiRoute(BASE + one.path, self._runs(one), [one.method], one.needs) for one in self.endpoints]
        by_path: dict[str, list[str]] = {}
        for one in self.endpoints:
            by_path.setdefault(one.path, []).append(one.method)
        # A fixed path before one with a name in it, which would answer for it: /knowledge/ask before /knowledge/{entry}.
        fixed_first = sorted(by_path.items(), key=lambda item: item[0].count("{"))
        found += [Route(BASE + path, _not_that_way(known), methods=METHODS) for path, known in fixed_first]
        return [*found, Route(BASE + "{rest:path}", _missing, methods=METHODS)]

    async def description(self, _request: Request) -> Response:
        """Of this server: parts that are off are not in it."""
        return JSONResponse(self.described)

    async def page(self, request: Request) -> Response:
        """The same for people."""
        by_tag: dict[str, list[Any]] = {}
        for path, methods in self.described["paths"].items():
            for method, operation in methods.items():
                by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
        schemas = self.described["components"]["schemas"]
        return self._pages.page("api.html", None, asks=request, about=self.described["info"], by_tag=by_tag, base=BASE,
                                url=self._services.settings.url, schemas=schemas,
                                pretty=lambda value: json.dumps(value, indent=1, ensure_ascii=False))  # fmt: skip

    def _runs(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def run(request: Request) -> Response:
            return await self._wall.run(request, endpoint)

        return run


def _not_that_way(known: Sequence[str]) -> Callable[[Request], Any]:
    allow = ", ".join(known)

    async def refuse(_request: Request) -> Response:
        return problem(405, f"use {allow}", headers={"Allow": allow})

    return refuse


async def _missing(_request: Request) -> Response:
    return problem(404, f"there is nothing here; see {BASE}/docs")

"""For machines: `/healthz` (the process is there), `/readyz` (it can work), `/metrics` (Prometheus)."""

from __future__ import annotations

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.web.metrics import CONTENT_TYPE
from adapters.web.services import WebServices
from bot.errors import StoreUnavailable

_LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Ops:
    """The three routes."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.alive), Route("/readyz", self.ready), Route("/metrics", self.metrics)]

    async def alive(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """200 or 503, and the level of each check. Its words may name hosts and files, so they stay in the console."""
        health = await self._services.run(self._services.health)
        body = {"ready": health.ready, "checks": {check.name: check.level for check in health.checks}}
        return JSONResponse(body, 200 if health.ready else 503)

    async def metrics(self, request: Request) -> Response:
        if not self._may_read(request):
            return PlainTextResponse("Metrics are for loopback, or with the token.\n", 403)
        try:
            text = await self._services.run(self._read)
        except StoreUnavailable:
            self._services.metrics.watch(None)
            text = self._services.metrics.text()
        return Response(text, media_type=CONTENT_TYPE)

    def _read(self) -> bytes:
        console, metrics = self._services.console, self._services.metrics
        by_state = {
            "deliveries": console.deliveries(),
            "outbox": console.outbox(),
            "tickets": console.ticket_counts(),
            "reports": console.mail_counts(),
        }
        if self._services.watched:
            metrics.watch(self._services.watched())
        metrics.refresh(by_state=by_state, events=console.events(), pages=console.open_pages())
        return metrics.text()

    def _may_read(self, request: Request) -> bool:
        """A bearer token, or somebody on this machine; behind a proxy everybody looks as if they were."""
        token = self._services.metrics_token
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and compare_digest(token.encode(), given.encode()):
            return True
        proxied = any(name in request.headers for name in _FORWARDED)
        return not proxied and request.client is not None and request.client.host in _LOOPBACK

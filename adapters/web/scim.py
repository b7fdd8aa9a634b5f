"""`/scim/v2` (RFC 7644): an identity provider pushes users and groups here. Off until a token is set.

Every call needs the bearer token, compared in constant time; two tokens hold at once, so that one can be replaced. Bodies,
results, operations and calls a minute are capped; every change is audited. It never says whether a token was nearly right.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    InvalidSyntaxException,
    InvalidValueException,
    ListResponse,
    NotFoundException,
    Resource,
    ResponseParameters,
    SCIMException,
)  # fmt: skip
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.web.scim_models import MOST_RESULTS, config, resource_types, schemas
from adapters.web.scim_records import GROUPS, USERS, Kind, Records
from adapters.web.services import Runner
from bot.directory_sources import Sources
from bot.errors import StoreUnavailable, TooLarge
from bot.ports import Clock

log = logging.getLogger(__name__)
PATH: Final = "/scim/v2"
MEDIA: Final = "application/scim+json"
CALLS_A_MINUTE: Final = 6_000
FAILURES_A_MINUTE: Final = 20  # of one address, before it has to wait
REMEMBERED: Final = 4_096  # addresses
EVERYTHING: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NOT_HERE = ("Bulk", "Me", ".search", "Users/.search", "Groups/.search")


@dataclass
class Limit:
    """So many calls a minute for each name, in a window that starts with the first of them."""

    clock: Clock
    most: int
    _seen: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def wait(self, name: str) -> float:
        """Count a call; seconds to wait, 0 if it may go on."""
        now = self.clock.now()
        since, calls = self._seen.pop(name, (now, 0))
        if not 0 <= now - since < 60:  # over, or the clock was set back
            since, calls = now, 0
        self._seen[name] = (since, calls + 1)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return 60 - (now - since) if calls >= self.most else 0.0


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Scim:
    """The routes. `tokens` are those that hold now; without one nobody gets in."""

    def __init__(
        self, sources: Sources, clock: Clock, run: Runner, tokens: Callable[[], tuple[str, ...]], url: str
    ) -> None:
        self._records, self._run, self._tokens = Records(sources, url + PATH), run, tokens
        self._calls, self._failures = Limit(clock, CALLS_A_MINUTE), Limit(clock, FAILURES_A_MINUTE)
        self._base = url + PATH

    def routes(self) -> list[BaseRoute]:
        found: list[BaseRoute] = []
        for kind in (USERS, GROUPS):
            found += [
                Route(f"{PATH}/{kind.endpoint}", self._endpoint(kind, one=False), methods=EVERYTHING),
                Route(f"{PATH}/{kind.endpoint}/{{id}}", self._endpoint(kind, one=True), methods=EVERYTHING),
            ]  # fmt: skip
        described = {
            "ServiceProviderConfig": lambda _id: self._described(config(), "ServiceProviderConfig", ""),
            "Schemas": lambda one: self._several(schemas(), "Schemas", one),
            "ResourceTypes": lambda one: self._several(resource_types(), "ResourceTypes", one),
        }
        for name, show in described.items():
            found.append(Route(f"{PATH}/{name}", self._shown(show), methods=EVERYTHING))
            if name != "ServiceProviderConfig":
                found.append(Route(f"{PATH}/{name}/{{id}}", self._shown(show), methods=EVERYTHING))
        return [Route(f"{PATH}/{name}", self._missing, methods=EVERYTHING) for name in _NOT_HERE] + [
            *found,
            Route(PATH + "/{rest:path}", self._missing, methods=EVERYTHING),
            Route(PATH, self._missing, methods=EVERYTHING),
        ]

    # endpoints

    def _endpoint(self, kind: Kind, *, one: bool) -> Callable[[Request], Any]:
        allowed = ("GET", "PUT", "PATCH", "DELETE") if one else ("GET", "POST")

        async def endpoint(request: Request) -> Response:
            return await self._guarded(request, lambda body: self._resource(request, kind, body, one=one), allowed)

        return endpoint

    def _shown(self, show: Callable[[str], Answer]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.query_params.get("filter"):  # RFC 7644, section 4
                return await self._guarded(
                    request, lambda _body: _problem(403, "what the service is cannot be filtered"), ("GET",)
                )
            return await self._guarded(request, lambda _body: show(request.path_params.get("id", "")), ("GET",))

        return endpoint

    async def _missing(self, request: Request) -> Response:
        status = 501 if request.path_params.get("rest") is None and request.url.path != PATH else 404
        return await self._guarded(request, lambda _body: _problem(status, "there is nothing here"), EVERYTHING)

    def _resource(self, request: Request, kind: Kind, body: Any, *, one: bool) -> Answer:
        records, params = self._records, request.query_params
        match = request.headers.get("if-match", "")
        shown = _shown(params)
        members = "members" not in [str(name).casefold() for name in shown.excluded_attributes or ()]
        if not one:
            if request.method in ("GET", "HEAD"):
                start, count = _number(params.get("startIndex"), 1), _number(params.get("count"), 100)
                found = records.search(kind, params.get("filter", "")[:2000], start, min(count, MOST_RESULTS), members)
                return Answer(200, _listing(found, shown))
            return self._one(201, records.create(kind, _object(body)), Context.RESOURCE_CREATION_RESPONSE, shown)
        row_id = request.path_params["id"]
        if request.method == "DELETE":
            records.delete(kind, row_id, match)
            return Answer(204)
        if request.method == "PUT":
            found_one = records.replace(kind, row_id, _object(body), match)
            return self._one(200, found_one, Context.RESOURCE_REPLACEMENT_RESPONSE, shown)
        if request.method == "PATCH":
            found_one = records.patch(kind, row_id, _object(body), match)
            return self._one(200, found_one, Context.RESOURCE_PATCH_RESPONSE, shown)
        found_one = records.get(kind, row_id, members)
        tag = found_one.meta.version if found_one.meta else None
        if tag and tag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
            return Answer(304, headers={"ETag": tag})
        return self._one(200, found_one, Context.RESOURCE_QUERY_RESPONSE, shown)

    def _one(self, status: int, found: Resource[Any], context: Context, shown: ResponseParameters[Any]) -> Answer:
        body = found.model_dump(scim_ctx=context, response_parameters=shown)
        headers = {}
        if found.meta and found.meta.version:
            headers["ETag"] = found.meta.version
        if status == 201 and found.meta and found.meta.location:
            headers["Location"] = str(found.meta.location)
        return Answer(status, body, headers)

    def _several(self, items: tuple[Resource[Any], ...], name: str, one: str) -> Answer:
        if not one:
            return Answer(200, {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": len(items),
                "startIndex": 1, "itemsPerPage": len(items),
                "Resources": [self._described(item, name, str(item.id)).body for item in items],
            })  # fmt: skip
        found = next((item for item in items if str(item.id) == one), None)
        if found is None:
            raise NotFoundException(detail=f"there is no {one[:80]}")
        return self._described(found, name, one)

    def _described(self, item: Resource[Any], name: str, one: str) -> Answer:
        body = item.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
        kind = name.removesuffix("s") if one else name
        place = f"{self._base}/{name}" + (f"/{one}" if one else "")
        return Answer(200, {**body, "meta": {"resourceType": kind, "location": place}})

    # the wall around them

    async def _guarded(self, request: Request, work: Callable[[Any], Answer], allowed: Sequence[str]) -> Response:
        """Who calls, how often, how much; then the work, with its errors as SCIM has them."""
        if refused := self._refused(request):
            return _response(refused)
        if request.method not in (*allowed, "HEAD"):
            return _response(_problem(405, f"use {', '.join(allowed)}", {"Allow": ", ".join(allowed)}))
        try:
            body = _parsed(await request.body()) if request.method in ("POST", "PUT", "PATCH") else None
            return _response(await self._run(lambda: work(body)))
        except SCIMException as error:
            return _response(Answer(error.status, _dumped(error.to_error())))
        except ValidationError as error:
            return _response(Answer(400, _dumped(Error.from_validation_errors(error.errors())[0])))
        except TooLarge:
            return _response(_problem(413, "that is more than is read at once"))
        except StoreUnavailable:
            return _response(_problem(503, "the database does not answer; try again", {"Retry-After": "10"}))
        except ClientDisconnect:
            return Response(status_code=400)

    def _refused(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        good = [
            compare_digest(token.strip().encode(), known.encode()) for known in self._tokens()
        ]  # all of them, always
        host = request.client.host if request.client else ""
        if scheme.casefold() != "bearer" or not any(good):
            wait = self._failures.wait(host)
            if wait:
                return _problem(429, "too many calls without a good token", {"Retry-After": str(int(wait) + 1)})
            log.warning("SCIM: a call without a good token", extra={"address": host})
            return _problem(401, "give the bearer token", {"WWW-Authenticate": 'Bearer realm="secdesk"'})
        wait = self._calls.wait("all")
        if wait:
            return _problem(429, "too many calls", {"Retry-After": str(int(wait) + 1)})
        return None


def _listing(found: ListResponse[Any], shown: ResponseParameters[Any]) -> dict[str, Any]:
    dumped: dict[str, Any] = found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=shown)
    return {"Resources": [], **dumped}


def _shown(params: Mapping[str, str]) -> ResponseParameters[Any]:
    """Which attributes are wanted."""
    given = {name: params[name][:2000] for name in ("attributes", "excludedAttributes") if params.get(name)}
    found: ResponseParameters[Any] = ResponseParameters.model_validate(given)
    return found


def _number(text: str | None, default: int) -> int:
    if text is None or text == "":
        return default
    try:
        return max(-1, min(int(text), 10_000_000))
    except ValueError:
        raise InvalidValueException(detail=f"{text[:20]} is no number") from None


def _parsed(data: bytes) -> Any:
    try:
        found = json.loads(data)
        json.dumps(found, ensure_ascii=False).encode()  # half a character (a lone surrogate) is no text
        return found
    except (ValueError, RecursionError):
        raise InvalidSyntaxException(detail="that is no JSON") from None


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="give a JSON object")
    return body


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, _dumped(Error(status=status, detail=detail)), headers or {})


def _dumped(error: Error) -> dict[str, Any]:
    return dict(error.model_dump())


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    data = json.dumps(answer.body, ensure_ascii=False).encode()
    return Response(data, answer.status, dict(answer.headers), media_type=MEDIA)

"""What stands before every endpoint of the API: the token, how often, how much, what was sent; and errors as RFC 9457 has them.

Who calls is a bearer token and nothing else: no cookie counts here, so no page can misuse one. A call needs the endpoint's
permission among the token's scopes and among the roles that its person has now.

A change with an `Idempotency-Key` has its effect once: key, effect and answer are one transaction. The same key with the same
request gets the same answer again, with another one it is refused (422). Each row that it leaves in the audit log says which
token it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from adapters.web.api.endpoint import BASE, KEY, MATCH, PATH_PART, Call, Change, Endpoint, Wanted
from adapters.web.api.shapes import Changed, Problem, Wrong
from adapters.web.limits import Limit
from adapters.web.services import WebServices
from bot.answering.authoring import Stopped
from bot.errors import Conflict, NotFound, Refused, StoreUnavailable, TooLarge
from bot.permissions import allowed
from bot.ports import Tx
from bot.tokens import Token, Tokens
from bot.turn import Auditor, Work

log = logging.getLogger(__name__)
PROBLEM = "application/problem+json"
TITLES = {
    400: "This is no JSON", 401: "No good token", 403: "Not allowed", 404: "Not found", 405: "Not that way",
    409: "Somebody else was first", 412: "It has changed", 413: "Too much at once", 415: "Not that type",
    422: "The request is wrong", 429: "Too often", 500: "Something broke", 503: "Not just now",
}  # fmt: skip


class Wall:
    """Runs endpoints."""

    def __init__(self, services: WebServices, tokens: Tokens) -> None:
        self._services, self._tokens = services, tokens
        self._most = services.settings.api_per_minute
        self._calls, self._failures = (
            Limit(self._most),
            Limit(self._most),
        )  # of a token; of an address without a good one

    async def run(self, request: Request, endpoint: Endpoint) -> Response:
        """One request, answered."""
        try:
            data = await request.body() if endpoint.method != "GET" else b""
            return await self._services.run(lambda: self._answered(request, endpoint, data))
        except TooLarge:
            return problem(413, "a request may have one megabyte")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("the API could not answer")
            return problem(500, "something broke on our side; it is in the log")

    def _answered(self, request: Request, endpoint: Endpoint, data: bytes) -> Response:
        try:
            token = self._token(request)
        except Wanted as error:
            return _refused(error)
        seconds = self._calls.wait(token.id)
        try:
            response = (
                problem(429, "too many calls of this token") if seconds else self._asked(request, endpoint, data, token)
            )
        except Wanted as error:
            response = _refused(error)
        except NotFound:
            response = problem(404, "there is no such thing, or not for this token")
        except Stopped as stopped:
            wrong = [
                (f"{fault.file}:{fault.line}:{fault.column}", f"{fault.what}, {fault.mend}") for fault in stopped.faults
            ]
            response = problem(409, "this text has faults, or would break answers that are in use; see errors", wrong)
        except Refused as error:
            response = problem(403, str(error))
        except Conflict as error:
            response = problem(409, str(error))
        except StoreUnavailable:
            response = problem(503, "the database does not answer; try again", headers={"Retry-After": "10"})
        left, more = self._calls.left(token.id)
        response.headers.update({"RateLimit-Limit": str(self._most), "RateLimit-Remaining": str(left),
                                 "RateLimit-Reset": str(more)})  # fmt: skip
        if seconds:
            response.headers["Retry-After"] = str(seconds)
        return response

    # who

    def _token(self, request: Request) -> Token:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            token = (
                self._tokens.find(secret.strip(), self._services.clock.now()) if scheme.casefold() == "bearer" else None
            )
        except StoreUnavailable:
            raise Wanted(503, "the database does not answer; try again") from None
        if token is None:
            if self._failures.wait(request.client.host if request.client else ""):
                raise Wanted(429, "too many calls without a good token")
            raise Wanted(401, "give a token: Authorization: Bearer secdesk_…")
        return token

    def _may(self, endpoint: Endpoint, token: Token) -> tuple[Any, frozenset[str]]:
        person = self._services.desk_person(token.person)
        roles = self._services.org().console_roles(person.roles) if person else frozenset()
        if person is None:
            raise Wanted(403, "whoever this token acts as has no role in the console any more")
        if endpoint.needs not in token.scopes:
            raise Wanted(403, f"this needs the scope {endpoint.needs}, which the token has not")
        if not allowed(roles, endpoint.needs):
            raise Wanted(403, f"this needs the permission {endpoint.needs}, which the token's person has not")
        return self._services.dressed(person), roles

    # what

    def _asked(self, request: Request, endpoint: Endpoint, data: bytes, token: Token) -> Response:
        person, roles = self._may(endpoint, token)
        path = {name: str(request.path_params[name]) for name in endpoint.params}
        if not all(re.fullmatch(PATH_PART, part) for part in path.values()):
            raise NotFound(request.url.path)
        call = Call(
            self._services, token, person, roles, path, _query(request, endpoint), _body(request, endpoint, data),
            _header(request, "If-Match", MATCH) if endpoint.versioned else "",
        )  # fmt: skip
        if endpoint.read:
            return _shown(endpoint.read(call), endpoint.status)
        key = _header(request, "Idempotency-Key", KEY)
        asked = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode() + data).hexdigest()
        change = endpoint.change
        after: Callable[[], object] = _nothing
        if endpoint.prepare and not (key and self._tokens.store.answered(token.id, key)):
            change, after = endpoint.prepare(call)
        response = self._services.work(lambda work: self._once(work, call, endpoint, change, key, asked))
        after()
        return response

    def _once(
        self, work: Work, call: Call, endpoint: Endpoint, change: Change | None, key: str, asked: str
    ) -> Response:
        """The effect and its answer in one transaction, or the answer that was given before."""
        store = self._tokens.store
        before = store.begin(work.tx, call.token.id, key, asked, work.at) if key else None
        if before is not None:
            if before["digest"] != asked:
                raise Wanted(
                    422, "this Idempotency-Key came with another request", (("header.Idempotency-Key", "used"),)
                )
            return _changed(endpoint.answer.model_validate_json(before["body"]), int(before["status"]), again=True)
        assert change is not None  # noqa: S101 (it reads, or there was an answer before)
        work.auditor = Marked(work.auditor, call.token.id)
        found = change(call, work)
        work.audit(call.person.key, "api.change", call.token.id, what=endpoint.id)
        changed = found if isinstance(found, Changed) else Changed(id=found[0], href=BASE + found[1])
        if key:
            store.finish(work.tx, call.token.id, key, endpoint.status, changed.model_dump_json())
        return _changed(changed, endpoint.status)


def _nothing() -> None:
    """Comes after a change that needs nothing more."""


@dataclass(frozen=True)
class Marked:
    """An audit log in which every row says which token did it: what a program does as somebody is not what they did."""

    log: Auditor
    token: str

    def append(
        self, tx: Tx, at: float, actor: str, action: str, subject: str, detail: Mapping[str, str] | None = None
    ) -> None:
        """Implements `bot.turn.Auditor`."""
        self.log.append(tx, at, actor, action, subject, {**(detail or {}), "token": self.token})


def problem(status: int, detail: str, errors: Any = (), headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as `application/problem+json`."""
    wrong = [Wrong(where=where, what=what) for where, what in errors]
    body = Problem(title=TITLES.get(status, "Error"), status=status, detail=detail, errors=wrong)
    return JSONResponse(body.model_dump(), status, dict(headers or {}), PROBLEM)


def _refused(error: Wanted) -> JSONResponse:
    headers = {
        401: {"WWW-Authenticate": 'Bearer realm="secdesk"'},
        429: {"Retry-After": "60"},
        503: {"Retry-After": "10"},
    }
    return problem(error.status, str(error), error.errors, headers.get(error.status))


def _shown(found: BaseModel, status: int) -> Response:
    data = found.model_dump_json(by_alias=True)
    headers = {"ETag": found.etag} if hasattr(found, "etag") else {}
    return Response(data, status, headers, "application/json")


def _changed(changed: BaseModel, status: int, *, again: bool = False) -> Response:
    headers = {"Location": changed.href} if status == 201 and isinstance(changed, Changed) else {}
    if again:
        headers["Idempotency-Replayed"] = "true"
    return Response(changed.model_dump_json(), status, headers, "application/json")


def _header(request: Request, name: str, pattern: str) -> str:
    """A header, "" if it is not there. Raises `Wanted` for one of another shape."""
    value = request.headers.get(name)
    if value is not None and not re.fullmatch(pattern, value):
        raise Wanted(422, f"{name} is not what it may be", ((f"header.{name}", "see the description"),))
    return value or ""


def _query(request: Request, endpoint: Endpoint) -> BaseModel:
    given = request.query_params.multi_items()
    twice = {name for name, _ in given if [other for other, _ in given].count(name) > 1}
    if twice:
        raise Wanted(422, "give each parameter once", tuple((f"query.{name[:80]}", "twice") for name in sorted(twice)))
    return _validated("query", lambda: endpoint.query.model_validate(dict(given)))


def _body(request: Request, endpoint: Endpoint, data: bytes) -> BaseModel | None:
    if endpoint.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != "application/json":
        raise Wanted(415, "send application/json")
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        raise Wanted(400, "what was sent is no JSON") from None
    shape = endpoint.body
    return _validated("body", lambda: shape.model_validate_json(data))


def _validated(part: str, read: Callable[[], BaseModel]) -> BaseModel:
    try:
        return read()
    except ValidationError as error:
        found = tuple((".".join((part, *map(_printable, item["loc"]))), item["msg"]) for item in error.errors())
        raise Wanted(422, "see errors", found[:20]) from None


def _printable(part: object) -> str:
    """A part of a path, which may be a name that the caller made up."""
    return str(part)[:80].encode("ascii", "backslashreplace").decode()

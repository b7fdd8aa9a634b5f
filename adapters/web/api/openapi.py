"""The OpenAPI 3.1 description, made of the endpoints and their models, so that it cannot say anything else than they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.web.api.endpoint import BASE, KEY, MATCH, PATH_PART, Endpoint
from adapters.web.api.shapes import Problem
from bot import __version__

SCHEMAS = "#/components/schemas/{model}"
ABOUT = (
    "What the console does, for programs. Give a token as `Authorization: Bearer …`: an administrator makes one in the console "
    "(API) or with `secdesk token create`. It never does more than the person it acts as, and of "
    "procedures not those steps that two people do between them.\n\n"
    "Lists come in pages: `next` is the `cursor` of the page that follows. Changes take an `Idempotency-Key`: the same key with "
    "the same request has its effect once and gets the same answer for a day. Changes of a ticket take `If-Match` with its "
    "`ETag`. Errors are RFC 9457 problems.\n\n"
    "A reply and a verdict wait for some seconds before anybody is told: the answer says when it goes out (`goes_out_at`) and "
    "what to `DELETE` to take it back (`undo`). In an emergency they go out at once. What closes the ticket sends what waits "
    "there first."
)


def describe(endpoints: Sequence[Endpoint], url: str) -> dict[str, Any]:
    """The whole description."""
    outs: set[type[BaseModel]] = {Problem, *(endpoint.answer for endpoint in endpoints)}
    ins: set[type[BaseModel]] = {endpoint.body for endpoint in endpoints if endpoint.body}
    models = [*((model, "serialization") for model in sorted(outs, key=lambda one: one.__name__)),
              *((model, "validation") for model in sorted(ins, key=lambda one: one.__name__))]  # fmt: skip
    names, schemas = models_json_schema(models, ref_template=SCHEMAS)  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Secdesk", "version": __version__, "description": ABOUT},
        "servers": [{"url": url + BASE}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Scopes: one per permission."}},
            "headers": {name: {"schema": {"type": "integer"}, "description": what} for name, what in _PACE.items()},
        },
    }  # fmt: skip


_PACE = {
    "RateLimit-Limit": "Calls a minute.", "RateLimit-Remaining": "Calls that are left now.",
    "RateLimit-Reset": "Seconds until there is one more.",
}  # fmt: skip


def _operation(endpoint: Endpoint, names: Any) -> dict[str, Any]:
    """One method of one path."""
    found: dict[str, Any] = {
        "operationId": endpoint.id, "tags": [endpoint.tag], "summary": endpoint.summary,
        "description": f"Scope: `{endpoint.needs}`.", "parameters": list(_parameters(endpoint)),
        "responses": _responses(endpoint, names[endpoint.answer, "serialization"]),
    }  # fmt: skip
    if endpoint.body:
        schema = names[endpoint.body, "validation"]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for name in endpoint.params:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{PATH_PART}$"}}
    shape = endpoint.query.model_json_schema(by_alias=True)
    for name, schema in shape.get("properties", {}).items():
        told = {key: value for key, value in schema.items() if key != "title"}
        yield {"name": name, "in": "query", "required": False, "schema": told}
    if endpoint.changes:
        yield {"name": "Idempotency-Key", "in": "header", "required": False,
               "schema": {"type": "string", "pattern": f"^{KEY}$"}}  # fmt: skip
    if endpoint.versioned:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{MATCH}$"},
        }


def _responses(endpoint: Endpoint, answer: Any) -> dict[str, Any]:
    headers: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name}"} for name in _PACE}
    good = {"description": "Done." if endpoint.changes else "Here it is.", "headers": headers,
            "content": {"application/json": {"schema": answer}}}  # fmt: skip
    codes = [401, 403, 422, 429, 503, *([404] if endpoint.params or endpoint.changes else ())]
    codes += [409] if endpoint.changes else []
    codes += [400, 413, 415] if endpoint.body else []
    codes += [412] if endpoint.versioned else []
    said = {"application/problem+json": {"schema": {"$ref": SCHEMAS.format(model="Problem")}}}
    bad = {str(code): {"description": _WHY[code], "content": said} for code in sorted(codes)}
    return {str(endpoint.status): good, **bad}


_WHY = {
    400: "The body is no JSON.", 401: "No good token.", 403: "The token, or whoever it acts as, may not do this.",
    404: "There is no such thing.", 409: "Somebody else was first, or it is in no state for this.",
    412: "It has changed since `If-Match`.", 413: "More than a megabyte.", 415: "Not application/json.",
    422: "The request is wrong; `errors` says where.", 429: "Too many calls; wait `Retry-After` seconds.",
    503: "The database does not answer; try again.",
}  # fmt: skip

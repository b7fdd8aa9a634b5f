"""Making pages: the one Jinja environment, and what every template may use.

Text of others passes `visible` on its way out: characters that turn reading order round, or that nobody sees, are shown
as marks, so that a subject line cannot pretend to be something else.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.shown import visible as marked
from adapters.web.languages import preferred
from adapters.web.services import WebServices
from adapters.web.times import Times, zone_of
from bot.model import Person
from bot.organisation import pick


class Pages:
    """Renders templates for somebody. `viewer` decides language and time zone; without one the browser (`asks`) the language."""

    def __init__(self, services: WebServices) -> None:
        self._services = services
        self.env = environment()

    def context(self, viewer: Person | None, asks: Request | None = None) -> dict[str, Any]:
        """What every template can use: `t` (words), `times`, `org`."""
        services, org = self._services, self._services.org()
        language, words = self.language(viewer, asks), services.words()

        def say(key: str, **params: object) -> str:
            return words.say(language, key, **params)

        zone = zone_of(viewer.timezone if viewer else org.file.timezone)
        values = org.values(viewer.entity if viewer else "", language)
        return {
            "t": say,
            "known": lambda key, other: _known(say, key, other),
            "lang": language if language in words.by_language else words.default,
            "times": Times(services.clock.now(), zone, say),
            "org": org,
            "phone": values.get("helpdesk_phone", ""),
            "roles": lambda person: ", ".join(_roles(services, person, language)),
            "viewer": viewer,
        }

    def language(self, viewer: Person | None, asks: Request | None = None) -> str:
        """The viewer's; of somebody unknown what their browser asks for, else the organisation's."""
        if viewer:
            return viewer.language
        wanted = preferred(asks, self._services.words().by_language) if asks else ""
        return wanted or self._services.org().file.language

    def html(self, template: str, viewer: Person | None, *, asks: Request | None = None, **context: Any) -> str:
        """A template as text."""
        return self.env.get_template(template).render({**self.context(viewer, asks), **context})

    def page(
        self, template: str, viewer: Person | None, *, status: int = 200, asks: Request | None = None, **context: Any
    ) -> HTMLResponse:
        """A template as a response."""
        return HTMLResponse(self.html(template, viewer, asks=asks, **context), status)

    def problem(
        self, status: int, key: str, viewer: Person | None = None, *, back: str = "/", asks: Request | None = None
    ) -> Response:
        """A page that says what went wrong and what to do: keys `KEY.title` and `KEY`."""
        return self.page("problem.html", viewer, status=status, asks=asks, key=key, back=back)


def environment() -> Environment:
    """The environment: everything is escaped, an unknown name is an error."""
    env = Environment(
        loader=PackageLoader("adapters.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    env.globals.update(static=static, icon=icon)
    return env


def visible(value: Any) -> Any:
    """Text with invisible and order-changing characters as marks like `[U+202E]`; anything else as it is."""
    return marked(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@lru_cache(maxsize=64)
def static(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it for ever."""
    data = (files("adapters.web") / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(data).hexdigest()[:12]}"


@lru_cache(maxsize=1)
def _icons() -> dict[str, str]:
    icons: dict[str, str] = json.loads((files("adapters.web") / "icons.json").read_text("utf-8"))
    return icons


@lru_cache(maxsize=128)
def icon(name: str) -> Markup:
    """A decorative icon (the words beside it carry the meaning)."""
    return Markup(  # noqa: S704 # nosec B704 (our own file)
        '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">'
        f"{_icons()[name]}</svg>"
    )


def _known(say: Any, key: str, other: str) -> str:
    """The words for a key that may not exist."""
    try:
        return str(say(key))
    except KeyError:
        return other


def _roles(services: WebServices, person: Person, language: str) -> list[str]:
    """Names of a person's roles. Tags stay out: who is on a list is nobody else's business."""
    roles = services.org().roles
    return [pick(roles[name].name, language) for name in sorted(person.roles) if name in roles and not roles[name].tag]

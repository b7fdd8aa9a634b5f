"""Which chat platforms there are, and bringing in those that are switched on (nothing is imported for the others)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from bot.errors import ConfigError
from bot.health import Check
from bot.platforms import Asgi, Foundation, Platform, Scope
from bot.ports import Db

_SUFFIX = "_setup"


def known_channels() -> tuple[str, ...]:
    """Names that `channels.use` may hold."""
    package = find_spec("adapters.channels")
    folders = list(package.submodule_search_locations or ()) if package else []
    names = (module.name for module in pkgutil.iter_modules(folders))
    return ("web", *sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def load_platforms(foundation: Foundation) -> dict[str, Platform]:
    """The platforms of `channels.use`, by name. Raises `ConfigError` for a setting that is missing or wrong."""
    return {
        name: _load(name, foundation)
        for name in foundation.settings.channels
        if name in known_channels() and name != "web"
    }


def _load(name: str, foundation: Foundation) -> Platform:
    try:
        module = importlib.import_module(f"adapters.channels.{name}{_SUFFIX}")
    except ImportError as error:
        raise ConfigError(f"channel {name}: the package {error.name} is missing; install Secdesk with it") from error
    platform: Platform = module.platform(foundation)
    return platform


def platform_store(name: str, db: Db) -> Any:
    """The one class of `adapters/stores/<name>.py` that starts with `Sql`."""
    module = importlib.import_module(f"adapters.stores.{name}")
    found = next(value for key, value in vars(module).items() if key.startswith("Sql"))
    return found(db)


def examine_platforms(platforms: Mapping[str, Platform]) -> list[Check]:
    """What each platform says of itself when asked over the network."""
    return [check for platform in platforms.values() for check in platform.doctor()]


class Front:
    """ASGI: the endpoints of platforms by exact path, everything else to the web application and its guard."""

    def __init__(
        self, rest: Asgi, endpoints: Mapping[str, Asgi], answered: Callable[[str, int], None] | None = None
    ) -> None:
        self.rest, self.endpoints, self._answered = rest, dict(endpoints), answered

    async def __call__(self, scope: Scope, receive: object, send: object) -> None:
        chosen = self.endpoints.get(scope.get("path", ""), self.rest) if scope["type"] == "http" else self.rest
        await chosen(scope, receive, self._counting(scope, send))  # type: ignore[arg-type]

    def _counting(self, scope: Scope, send: Any) -> Any:
        """What is sent, with the status of each answer told to `answered`."""
        if self._answered is None or scope["type"] != "http":
            return send
        told, path = self._answered, str(scope.get("path", ""))

        async def counting(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told(path, int(message["status"]))
            await send(message)

        return counting

"""Who asks, behind a proxy and without one: as the server is really started."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bot.app.serving import behind
from bot.settings import Settings


def client_of(settings: Settings, peer: str, said: str) -> str:
    """The address that the application sees of a connection from `peer` with this `X-Forwarded-For`."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    config = uvicorn.Config(app, log_config=None, lifespan="off", **behind(settings))
    config.load()
    scope = {"type": "http", "client": (peer, 5), "headers": [(b"x-forwarded-for", said.encode())], "scheme": "http"}
    asyncio.run(config.loaded_app(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("proxies", "peer", "said", "expected"),
    [
        ((), "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        ((), "10.0.0.7", "203.0.113.9", "10.0.0.7"),
        (("10.0.0.7",), "10.0.0.7", "203.0.113.9", "203.0.113.9"),
        (("10.0.0.0/24",), "10.0.0.7", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what the client made up is left
        (("10.0.0.7",), "10.0.0.8", "203.0.113.9", "10.0.0.8"),
        (("10.0.0.7",), "127.0.0.1", "203.0.113.9", "127.0.0.1"),
    ],
)
def test_who_asks_is_whom_our_proxies_say_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, proxies: tuple[str, ...], peer: str, said: str, expected: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # not ours
    assert client_of(Settings(Path(), proxies=proxies), peer, said) == expected

"""What tests of the Slack channel share: the fake platform on a port, one load of the content, a fresh Secdesk for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.app.contents import Contents
from tests.fakes.slack import FakeSlack, running
from tests.fakes.slack_app import make, shared_contents
from tests.warm import warm_cache

_loaded: list[Contents] = []


@pytest.fixture(scope="module")
def server() -> Iterator[FakeSlack]:
    with running() as fake:
        yield fake


@pytest.fixture
def slack(server: FakeSlack) -> FakeSlack:
    server.reset()
    return server


@pytest.fixture(scope="module")
def contents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """Loaded once a process: several modules use it."""
    if not _loaded:
        _loaded.append(shared_contents(tmp_path_factory.mktemp("contents"), warm_cache(request.config)))
    return _loaded[0]


@pytest.fixture
def app(slack: FakeSlack, tmp_path: Path, contents: Contents) -> Iterator[App]:
    made = make(tmp_path, slack, contents)
    yield made
    made.close()

"""Fixtures of the tests that drive the whole of Secdesk through Teams. A test module takes them by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.app.contents import Contents
from tests.fakes.teams import FakeTeams, running
from tests.fakes.teams_app import make, shared_contents
from tests.fakes.teams_cards import faults
from tests.warm import warm_cache


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTeams]:
    """The platform, which looks at every card."""
    with running(FakeTeams(examine=faults)) as fake:
        yield fake


@pytest.fixture
def teams(server: FakeTeams) -> Iterator[FakeTeams]:
    """The same, as if new."""
    server.clear()
    yield server
    assert [] == server.wrong, "every card that is sent is valid"


@pytest.fixture(scope="module")
def contents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return shared_contents(tmp_path_factory.mktemp("contents"), warm_cache(request.config))


@pytest.fixture
def app(teams: FakeTeams, tmp_path: Path, contents: Contents) -> Iterator[App]:
    made = make(tmp_path, teams, contents)
    yield made
    made.close()

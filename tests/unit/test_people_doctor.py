"""What doctor says of where people come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.open import open_db
from bot.app.staff import examine
from bot.directory import CSV, Said
from bot.errors import ConfigError
from bot.settings import Settings, load_settings
from tests.fakes.scim import NOW, ScimHouse

TOKEN = "a-token-that-is-long-enough-for-this"


@dataclass
class Holder:
    """The part of the content that is looked at."""

    directory: Any


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ScimHouse]:
    db = open_db("", tmp_path)
    yield ScimHouse(db)
    db.close()


def said(house: ScimHouse, **given: Any) -> list[tuple[str, str, str]]:
    settings = Settings(folder=Path(), **given)
    found = examine(settings, Holder(house.directory), house.roster, NOW + 86_400 * 3)  # type: ignore[arg-type]
    return [(check.name, check.level, check.says) for check in found]


def test_off_is_silent(house: ScimHouse) -> None:
    assert said(house) == []


def test_scim_on(house: ScimHouse) -> None:
    public = {"scim_token": TOKEN, "public_url": "https://desk.x.example"}
    assert said(house, scim_token=TOKEN) == [("SCIM", "note", "on at http://127.0.0.1:8765/scim/v2, without TLS")]
    assert said(house, **public) == [("SCIM", "note", "on at https://desk.x.example/scim/v2; nothing has come yet")]
    house.user("a@x.example")
    assert said(house, **public) == [("SCIM", "ok", "1 people, the last change 2 days ago")]


def test_what_cannot_be_used_and_slack_without_its_channel(house: ScimHouse) -> None:
    entry = Said(CSV, "csv:a", addresses=("a@x.example",), timezone="Mars/Olympus")
    house.sources.change(lambda work, seq: house.sources.put(work, seq, entry, "csv"))
    assert said(house, slack_directory=1) == [
        ("people from Slack", "note", "slack.directory is set, but not the channel"),
        ("people", "note", "1 entries cannot be used as they are, the first: a@x.example, timezone Mars/Olympus"),
    ]


@pytest.mark.parametrize("token", ["short", f"{TOKEN} short", f"{TOKEN} {TOKEN} {TOKEN}"])
def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigError, match="24 characters"):
        load_settings(tmp_path, {"SECDESK_SCIM_TOKEN": token})


def test_two_tokens_hold_while_one_is_replaced(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"SECDESK_SCIM_TOKEN": f"{TOKEN} {TOKEN}2"})
    assert settings.scim_tokens == (TOKEN, TOKEN + "2")
    assert TOKEN not in repr(settings)

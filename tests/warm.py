"""A data folder whose search is already fitted: fitting takes seconds, so all tests of a machine share one."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.app.contents import NOTHING, Beside, Contents, load_contents
from bot.settings import load_settings

WORDS = {"SECDESK_SEARCH": "words"}  # no language model: quick, and the same on every machine


def warm_cache(config: pytest.Config) -> Path:
    """The shared cache of the packaged content, filled. It is kept between runs, under the hash of the content."""
    folder = Path(config.cache.mkdir("secdesk"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist: one worker fits, the others wait
        settings = replace(load_settings(folder, {}), search="words")
        load_contents(None, folder, lambda: datetime.now(UTC).date(), settings.search)
    return folder


def data_folder(config: pytest.Config, place: Path) -> Path:
    """A fresh data folder with a warm cache."""
    data = place / "data"
    data.mkdir(parents=True, mode=0o700)
    (data / "cache").symlink_to(warm_cache(config))
    return data


_SHIPPED: dict[tuple[object, ...], Contents] = {}


def loaded_once(
    overlay: Path | None,
    cache: Path | None,
    today: Callable[[], date],
    search: str,
    *,
    alone: bool = False,
    beside: Beside = NOTHING,
) -> Contents:
    """`load_contents`, once a process for those who read only what ships: each command would read it all anew."""
    if cache is None or (overlay and any(overlay.rglob("*.yaml"))):
        return load_contents(overlay, cache, today, search, alone=alone, beside=beside)
    key = (cache.resolve(), today(), search, alone)
    if key not in _SHIPPED:
        _SHIPPED[key] = load_contents(None, cache, today, search, alone=alone)
    return _SHIPPED[key]

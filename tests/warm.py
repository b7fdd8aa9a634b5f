"""A data folder whose search is already fitted: fitting takes seconds, so all tests of a machine share one."""

from __future__ import annotations

import fcntl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app.contents import load_contents
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

"""The master keys of an installation: which there are, a new one, and putting everything under it."""

from __future__ import annotations

import re

from adapters.stores.reseal import reseal
from adapters.vault import FILE, new_line, open_vault, read_keys, rewrite
from bot.errors import ConfigError
from bot.ports import Db
from bot.settings import Settings


def held(settings: Settings) -> tuple[dict[int, bytes], int]:
    """(keys by version, the version that seals). Raises `ConfigError`."""
    if settings.key.strip():
        return read_keys(settings.key, "SECDESK_KEY")
    open_vault("", settings.data)  # makes the file where there is none, and says what is wrong with one
    return read_keys((settings.data / FILE).read_text("ascii"), FILE)


def add(settings: Settings) -> tuple[int, str]:
    """(version, line) of a new key that is held. The line is "" when the key file has it now; else it has to be put into
    SECDESK_KEY. Raises `ConfigError`."""
    keys, seals = held(settings)
    newest = max(keys)
    if newest > seals:
        raise ConfigError(f"v{newest} is held already and does not seal yet: secdesk keys use")
    line = new_line(keys)
    if settings.key.strip():
        return newest + 1, line
    rewrite(settings.data, lambda text: f"{line}\n{text}")
    return newest + 1, ""


def use(settings: Settings) -> int:
    """Let the newest key seal from the next start on; its version. Raises `ConfigError`."""
    keys, seals = held(settings)
    if max(keys) == seals:
        raise ConfigError(f"v{seals} seals already: secdesk keys add makes a new one")
    if settings.key.strip():
        raise ConfigError("the key is in SECDESK_KEY: take the + from its first line there")
    rewrite(settings.data, lambda text: re.sub(r"(?m)^\+", "", text))
    return max(keys)


def put_under(settings: Settings, db: Db) -> tuple[int, dict[str, int]]:
    """(the version that seals, rows by table that were put under it)."""
    vault = open_vault(settings.key, settings.data)
    return vault.seals, reseal(db, vault.resealed)

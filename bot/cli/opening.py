"""Opening Secdesk for one command."""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from bot.errors import ConfigError
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App

PATIENCE = 3.0  # seconds until we say why it takes so long
SLOW = "Preparing the search: a minute or two the first time, less after an edit of the answers ..."


@contextmanager
def opened(settings: Settings, *, search: bool = False) -> Iterator[App]:
    """The app of one command, closed at the end. Without `search` no language model is loaded."""
    quiet(settings)
    app = build_app(settings if search else replace(settings, search="words"))
    try:
        if faults := len(app.contents.faults()):
            print(f"secdesk: {faults} fault(s) in content, older content is used; see secdesk lint", file=sys.stderr)
        yield app
    finally:
        app.close()


def build_app(settings: Settings, *, said: TextIO | None = None) -> App:
    """`bot.app.build`, saying so when it takes long (the first time, and after an edit of the answers).

    A data folder that cannot be used is said before that. Raises `ConfigError`.
    """
    _check_data(settings)
    slow = threading.Timer(PATIENCE, print, (SLOW,), {"file": said or sys.stderr, "flush": True})
    slow.daemon = True
    slow.start()
    gc.disable()  # what is loaded now stays: looking through it for garbage would take a fifth of the time
    try:
        from bot.app import build  # noqa: PLC0415

        return build(settings)
    finally:
        slow.cancel()
        gc.freeze()
        gc.enable()


def quiet(settings: Settings) -> None:
    """Warnings only. What makes a command fail, or that content has faults, the command says itself, in one line."""
    from bot.app.logs import set_up_logs  # noqa: PLC0415 (waits, as `bot.app` does, for a command that needs it)

    set_up_logs("debug" if settings.log_level == "debug" else "warning", json=False)
    for name in ("bot.reload", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _check_data(settings: Settings) -> None:
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data) as probe:
            probe.write(b"secdesk")
    except OSError as error:
        why = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        raise ConfigError(
            f"the data folder {settings.data} cannot be used ({why}): mend it, or set SECDESK_DATA"
        ) from error

"""Retention, legal holds, the data map and the file of one person, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.stores.retention import SqlHoldStore, SqlRetentionStore
from bot.answering.redaction import redact
from bot.content import Faults, packaged_shelf
from bot.retention import Kind, Retention, load_retention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.app import App
    from bot.ports import Payload

SCHEDULES = {"retention": ("10 2 * * *", "privacy.retention")}


def make_retention(app: App) -> Retention:
    """The retention of an application. The file is read when it is asked for: once a night, and for a page."""

    def kinds() -> Mapping[str, Kind]:
        faults = Faults()
        found = load_retention(packaged_shelf(app.settings.knowledge), faults)
        return load_retention(packaged_shelf(), Faults()) if faults.found else found  # a broken file deletes by ours

    return Retention(SqlRetentionStore(app.db), kinds, app.settings.mail_days, SqlHoldStore(app.db),
                     lambda text: redact(text).text)  # fmt: skip


def handlers(app: App) -> dict[str, Callable[[Payload], None]]:
    """The nightly job."""

    def clear(_payload: Payload) -> None:
        app.retention.run(app.work, app.clock.now())

    return {"privacy.retention": clear}

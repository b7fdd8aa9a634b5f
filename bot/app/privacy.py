"""Retention, legal holds, the data map and the file of one person, put together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from adapters.stores.retention import SqlHoldStore, SqlRetentionStore
from bot.answering.redaction import redact
from bot.content import Faults, packaged_shelf
from bot.errors import ContentError
from bot.retention import Kind, Retention, load_retention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.app import App
    from bot.ports import Payload

log = logging.getLogger(__name__)
SCHEDULES = {"retention": ("10 2 * * *", "privacy.retention")}


def make_retention(app: App) -> Retention:
    """The retention of an application. The file is read when it is asked for: once a night, and for a page."""

    def kinds() -> Mapping[str, Kind]:
        faults = Faults()
        found = load_retention(packaged_shelf(app.settings.knowledge), faults)
        if faults.found:  # the shipped one may be shorter: what should have been kept would go
            raise ContentError(faults.found)
        return found

    return Retention(SqlRetentionStore(app.db), kinds, app.settings.mail_days, SqlHoldStore(app.db),
                     lambda text: redact(text).text)  # fmt: skip


def handlers(app: App) -> dict[str, Callable[[Payload], None]]:
    """The nightly job."""

    def clear(_payload: Payload) -> None:
        try:
            app.retention.nightly(app.work, app.clock.now())
        except ContentError as error:
            log.error("nothing is deleted until this is mended: %s", error)

    return {"privacy.retention": clear}

"""The pager that is always there: the log. The console shows the same page as long as nobody has acknowledged it."""

from __future__ import annotations

import logging

from bot.ports import Page

log = logging.getLogger("secdesk.page")


class LogPager:
    """Writes a page as a warning with ids only."""

    name = "log"
    rings = reaches = False

    def page(self, page: Page) -> None:
        log.warning("PAGE on call", extra={"page": page.key, "to": page.to, "ticket": page.ticket, "url": page.url})

"""The console's one search box: a number leads straight there, anything else to what was found, by kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.console import Frame, Look
from adapters.web.finding import Finding, Group
from adapters.web.signin import HOME
from bot.errors import NotFound

FEW: Final = 6  # of each kind, where all kinds are shown
MANY: Final = 50  # on a page of one kind
LONGEST: Final = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FindPages:
    """The route of the search."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services, self._finding = frame, frame.services, Finding(frame)

    def routes(self) -> list[Route]:
        return [self._frame.view("/find", self.find, "see")]

    def find(self, look: Look) -> Response:
        """What the words find: a few of each kind, or a page of one."""
        query = look.request.query_params
        text = " ".join(query.get("q", "").split())[:LONGEST]
        kinds = self._finding.kinds(look)
        kind = query.get("kind", "")
        if kind and kind not in kinds:
            raise NotFound(kind)
        if not kind and (target := self._exactly(look, text)):
            return RedirectResponse(HOME + target, 303)
        groups: list[Group] = []
        if text:
            after = query.get("after", "")
            start = int(after) if kind and after.isascii() and after.isdecimal() and len(after) < 16 else 0
            most = MANY if kind else FEW
            groups = [self._finding.find(look, one, text, start, most) for one in ([kind] if kind else kinds)]
        return self._frame.page(
            look, "find.html", searched=text, kind=kind, groups=[one for one in groups if one.hits or one.shut], kinds=kinds,
            prefix=self._services.settings.ticket_prefix, more=lambda group: f"{HOME}/find?" + urlencode(
                {"q": text, "kind": group.kind, **({"after": group.after} if kind else {})}),
        )  # fmt: skip

    def _exactly(self, look: Look, text: str) -> str:
        """The page of what is named by its number, "" if there is none that this person may open."""
        services, named = self._services, text.lstrip("#").strip()
        upper = named.upper()
        number = f"{services.settings.ticket_prefix}-{upper}" if upper.isascii() and upper.isdecimal() else upper
        known: tuple[tuple[str, bool, Callable[[], str]], ...] = (
            ("/tickets/{number}", "-" in number, lambda: services.tickets.get(number).number),
            ("/runs/{run}", "-" in upper, lambda: services.procedures.runs.get(upper).id if services.procedures else ""),
            ("/disputes/{id}", "-" in upper,
             lambda: str(services.partners.partners.disputes.get(upper).row["id"]) if services.partners else ""),
            ("/mail/{sha256}", bool(_SHA256.fullmatch(named.lower())),
             lambda: str(services.mail_desk.dossier(named.lower()).row["sha256"]) if services.mail_desk else ""),
        )  # fmt: skip
        for page, may_be, found in known:
            if may_be and " " not in named and self._frame.sees(look, page):
                try:
                    return page.partition("{")[0] + quote(found(), safe="")
                except NotFound:
                    continue
        return ""

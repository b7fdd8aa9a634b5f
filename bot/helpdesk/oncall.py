"""Who is on duty, and calling them.

A page that nobody could be told of is shown on the console and said to the person: never silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.errors import ChannelError
from bot.ports import Clock, Page, Pager, Payload, Row, Tx

log = logging.getLogger(__name__)


class Override(Shape):
    """Somebody else from `start` to `end`, both included."""

    start: date
    end: date
    who: str


class RotaFile(Shape):
    """`oncall.yaml`: ids of people in the directory."""

    schema_: str = Field(alias="schema", pattern="^oncall/1$")
    sample: bool = False
    start: date
    weekly: list[str] = []
    second: list[str] = []
    manager: str = ""
    overrides: list[Override] = []


@dataclass(frozen=True)
class Rota:
    """The loaded rota. `works_here` says who can be called at all: people leave before rotas are edited."""

    file: RotaFile
    works_here: Callable[[str], bool] = lambda _who: True

    def on_duty(self, at: float) -> list[str]:
        """Who to call, first to last, without repeats. Empty when the rota is."""
        today = datetime.fromtimestamp(at, UTC).date()
        week = (today - self.file.start).days // 7
        order = [item.who for item in self.file.overrides if item.start <= today <= item.end]
        order += [people[week % len(people)] for people in (self.file.weekly, self.file.second) if people]
        order += [self.file.manager] if self.file.manager else []
        return [who for who in dict.fromkeys(order) if self.works_here(who)]


def load_rota(shelf: Shelf, faults: Faults, known: Sequence[str]) -> Rota | None:
    """Read oncall.yaml. An empty rota or an unknown person is a fault; the last good rota stays in use."""
    found = shelf.file("oncall.yaml")
    if found is None:
        faults.add("oncall.yaml", (0, 0), "the file is missing", "name who is on call")
        return None
    document = parse(found[0], found[1], faults)
    rota = read(RotaFile, document, faults) if document else None
    if rota is None or document is None:
        return None
    if not rota.weekly and not rota.manager:
        place = document.place("weekly")
        faults.add(document.file, place, "nobody is on call", "put at least one person under weekly")
    for key, people in (("weekly", rota.weekly), ("second", rota.second), ("manager", [rota.manager])):
        for who in people:
            if who and who not in known:
                faults.add(document.file, document.place(key), f'"{who}" is not in people.yaml', "correct the id")
    return Rota(rota)


class PageStore(Protocol):
    """SQL of pages."""

    def add_page(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None: ...

    def page(self, key: str) -> Row | None: ...

    def settle_page(self, key: str, people: str, state: str, error: str, at: float) -> None: ...

    def pages(self, limit: int) -> list[Row]: ...


class OnCall:
    """Calls the person on duty through every pager until one takes it."""

    def __init__(
        self,
        store: PageStore,
        pagers: Sequence[Pager],
        rota: Callable[[], Rota | None],
        clock: Clock,
        link: Callable[[str], str],
    ) -> None:
        self.pagers = pagers
        self._store, self._rota, self._clock, self._link = store, rota, clock, link

    def request(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None:
        """Remember that a page must go out (the caller submits job `oncall.page` in the same transaction)."""
        self._store.add_page(tx, key, ticket, summary, at)

    def run(self, payload: Payload) -> None:
        """Job `oncall.page`: call for the stored page `payload["page"]`."""
        row = self._store.page(payload["page"])
        if row is None or row["state"] == "sent":
            return
        who, error = self.call(row["key"], row["summary"], row["ticket"])
        state = "sent" if who else "failed"
        self._store.settle_page(row["key"], who, state, error, self._clock.now())
        if not who:
            raise ChannelError(error)

    def call(self, key: str, summary: str, ticket: str = "") -> tuple[str, str]:
        """Ring now, with no database: (who was called, "") or ("", why nobody could be)."""
        rota = self._rota()
        duty = rota.on_duty(self._clock.now()) if rota else []
        if not duty:
            log.error("page not sent: nobody is on call", extra={"ticket": ticket})
            return "", "nobody is on call: fill oncall.yaml"
        errors = []
        for who in duty:
            for pager in self.pagers:
                try:
                    pager.page(Page(key, who, summary, ticket, self._link(ticket)))
                    return who, ""
                except ChannelError as error:
                    errors.append(f"{pager.name}: {error}")
                except Exception as error:  # a fault in one way to call must not close the others
                    log.exception("a pager failed", extra={"pager": pager.name})
                    errors.append(f"{pager.name}: {type(error).__name__}")
        return "", "; ".join(errors)[:300]

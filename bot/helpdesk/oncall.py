"""Calling the people on duty, over every route there is.

A call goes out over all routes of a person at once, so that one that fails is made up for by the others. If none that rings a
phone took it, the next person is called as well. Who was tried, how, and what came of it is kept. A call that reached nobody
is shown on the console and said to the person: never silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.errors import ChannelError, StoreUnavailable
from bot.helpdesk.rota import Override, Rota, RotaFile, Stint, load_rota
from bot.ports import Clock, Page, Pager, Payload, Row, Tx

__all__ = ["OnCall", "Override", "PageStore", "Rota", "RotaFile", "Stint", "Tried", "load_rota"]
log = logging.getLogger(__name__)
STEPS = {"second": 300.0, "manager": 600.0, "status": 900.0}  # seconds after the call, unless somebody has taken it
NOBODY = "nobody is on call: fill oncall.yaml"


@dataclass(frozen=True)
class Tried:
    """One route to one person. `error` is "" if it took the call."""

    who: str
    pager: str
    error: str
    rings: bool


class PageStore(Protocol):
    """SQL of pages and of duty that was handed over."""

    def add_page(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None: ...

    def page(self, key: str) -> Row | None: ...

    def settle_page(self, key: str, people: str, state: str, error: str, at: float) -> None: ...

    def pages(self, limit: int) -> list[Row]: ...

    def tried(self, key: str, tries: Sequence[Tried], at: float) -> None: ...

    def stints(self, at: float) -> list[Row]:
        """Duty that was handed over and has not ended: `who` (a pseudonym), `start_at`, `end_at`, oldest first."""
        ...


class OnCall:
    """Calls the person on duty. `who_is` turns a pseudonym into a directory id ("" if nobody has it any more)."""

    def __init__(
        self,
        store: PageStore,
        pagers: Sequence[Pager],
        rota: Callable[[], Rota | None],
        clock: Clock,
        link: Callable[[str], str],
        who_is: Callable[[str], str] = lambda _key: "",
    ) -> None:
        self.pagers = list(pagers)
        self._store, self._rota, self._clock, self._link, self._who_is = store, rota, clock, link, who_is

    @property
    def rota(self) -> Rota | None:
        return self._rota()

    def ringing(self) -> list[str]:
        """Routes that make a phone ring."""
        return [pager.name for pager in self.pagers if rings(pager)]

    def on_duty(self, at: float) -> list[str]:
        """Who is called now, first to last. Without a database: as the file says."""
        rota = self._rota()
        return rota.on_duty(at, self._stints(at)) if rota else []

    def turns(self, at: float, until: float) -> list[Stint]:
        """Who is called first from `at` to `until`."""
        rota = self._rota()
        return rota.turns(at, until, self._stints(at)) if rota else []

    def _stints(self, at: float) -> list[Stint]:
        """What was handed over, of people who are still here."""
        try:
            rows = self._store.stints(at)
            found = [Stint(self._who_is(row["who"]), row["start_at"], row["end_at"]) for row in rows]
        except StoreUnavailable:
            return []
        return [stint for stint in found if stint.who]

    def second(self, at: float) -> str:
        """Who is called when the first does not answer, "" if there is nobody."""
        return next(iter(self.on_duty(at)[1:]), "")

    def request(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None:
        """Remember that a page must go out (the caller submits job `oncall.page` in the same transaction)."""
        self._store.add_page(tx, key, ticket, summary, at)

    def run(self, payload: Payload) -> None:
        """Job `oncall.page`: call for the stored page `payload["page"]`."""
        row = self._store.page(payload["page"])
        if row is None or row["state"] == "sent" or row["acknowledged_at"]:
            return
        self.send(row, self.on_duty(self._clock.now()), row["key"])

    def send(self, row: Row, people: Sequence[str], key: str) -> str:
        """Call these people, first to last, for a stored page; who was reached. Raises `ChannelError` if nobody was."""
        page = Page(key, "", row["summary"], row["ticket"], self._link(row["ticket"]), row["key"])
        who, tries = self.ring(page, people)
        now = self._clock.now()
        self._store.tried(row["key"], tries, now)
        error = told(tries) if people else NOBODY
        called = ", ".join(dict.fromkeys([*filter(None, row["people"].split(", ")), *_reached(tries)]))
        self._store.settle_page(row["key"], called, "sent" if called else "failed", "" if who else error, now)
        if not who:
            raise ChannelError(error)
        return who

    def call(self, key: str, summary: str, ticket: str = "") -> tuple[str, str]:
        """Ring now, with no database: (who was called, "") or ("", why nobody could be)."""
        duty = self.on_duty(self._clock.now())
        if not duty:
            log.error("page not sent: nobody is on call", extra={"ticket": ticket})
            return "", NOBODY
        who, tries = self.ring(Page(key, "", summary, ticket, self._link(ticket), key), duty)
        return who, "" if who else told(tries)

    def ring(self, page: Page, people: Sequence[str]) -> tuple[str, list[Tried]]:
        """Over every route to the first; on to the next as long as no phone could be made to ring. Who took it, and all tries."""
        tries: list[Tried] = []
        counting = {pager.name for pager in self.pagers if reaches(pager)} or {pager.name for pager in self.pagers}
        for who in people:
            mine = [_try(pager, replace(page, to=who)) for pager in sorted(self.pagers, key=rings, reverse=True)]
            tries += mine
            took = [one for one in mine if not one.error and one.pager in counting]
            if took and (any(one.rings for one in took) or not self.ringing()):
                break
        tries = [one for one in tries if one.pager in counting]
        return next(iter(_reached(tries)), ""), tries

    def settle(self, key: str, how: str) -> None:
        """Tell the routes that keep calls open that this one is over. `how`: acknowledge or resolve. Raises `ChannelError`."""
        for pager in self.pagers:
            if callable(tell := getattr(pager, "settle", None)):
                tell(key, how)


def rings(pager: Pager) -> bool:
    """Whether this route makes a phone ring."""
    return bool(getattr(pager, "rings", False))


def reaches(pager: Pager) -> bool:
    """Whether a call over this route reaches somebody. (What is written to a log does not, unless there is nothing else.)"""
    return bool(getattr(pager, "reaches", True))


def told(tries: Sequence[Tried]) -> str:
    """What went wrong, in one line."""
    return "; ".join(dict.fromkeys(f"{one.pager}: {one.error}" for one in tries if one.error))[:300]


def _reached(tries: Sequence[Tried]) -> list[str]:
    return list(dict.fromkeys(one.who for one in tries if not one.error))


def _try(pager: Pager, page: Page) -> Tried:
    try:
        pager.page(page)
    except ChannelError as error:
        return Tried(page.to, pager.name, str(error)[:200] or type(error).__name__, rings(pager))
    except Exception as error:  # a fault in one way to call must not close the others
        log.exception("a pager failed", extra={"pager": pager.name})
        return Tried(page.to, pager.name, type(error).__name__, rings(pager))
    return Tried(page.to, pager.name, "", rings(pager))

"""Who hears of what happens in a run: whoever has it now, those who follow it, its owner, and the ticket it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cards import Card
from bot.model import Person, Place
from bot.organisation import pick
from bot.procedures.ledger import Ledger, Open
from bot.procedures.store import Parts
from bot.turn import TicketRequest, Work

PRIORITY = 1


class Telling:
    """Leaves messages in the outbox, keyed by the row that they are about: a repeat says nothing twice."""

    def __init__(self, parts: Parts, ledger: Ledger) -> None:
        self._parts, self._ledger = parts, ledger

    def give(self, work: Work, book: Open, person: Person, said: str) -> None:
        """The card of the present step, to whoever has it now."""
        card = self._ledger.cards.step(book.run, book.procedure, person, work.at, acts=True, said=said)
        self.send(work, person, card, f"{_mark(book)}:step:{person.key}")

    def followers(self, work: Work, book: Open, by: Person, action: str, left: str) -> None:
        """A line for each who follows. Who may see it is asked again: they may have left the desk."""
        for key in self._parts.store.followers(book.run.id):
            reader = self._parts.identities.who(key)
            if reader is None or key in (by.key, book.run.holder) or not self._ledger.sees(book.run, reader):
                continue
            lang = reader.language
            said = self._line(book, lang, f"procedure.log.{action}", by, left)
            cards = self._ledger.cards
            more = (
                cards.header(book.run, book.procedure, lang, work.at)
                if book.run.running
                else cards.say(lang, "procedure.log.finish")
            )
            card = cards.told(book.run, book.procedure, reader, f"{said} {more}")
            self.send(work, reader, card, f"{_mark(book)}:told:{key}")

    def owner(
        self,
        work: Work,
        book: Open,
        key: str,
        by: Person | None,
        step: str,
        *,
        mark: str = "",
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Those behind the procedure hear of it. Where none of them can be reached it is a ticket, so that somebody does."""
        reached = False
        for person in self._ledger.crew.keepers(work, book.procedure.owner):
            said = self._line(book, person.language, key, by, step, params)
            card = self._ledger.cards.told(book.run, book.procedure, person, said)
            reached |= self.send(work, person, card, f"{mark or _mark(book)}:{key}:{person.key}")
        if reached:
            return
        lang = self._parts.organisation().file.language
        text = self._line(book, lang, key, by, step, params)
        subject = f"{book.run.id} · {pick(book.procedure.title, lang)}"
        request = TicketRequest("", Place("", ""), "question", subject, text, "S1", join=f"procedure:{book.run.id}")
        self._parts.escalation.open(work, request)

    def log(self, work: Work, book: Open, by: Person | None, key: str, step: str = "", **params: object) -> None:
        """A line on the timeline of the run's ticket, which the desk sees."""
        if book.run.ticket:
            text = self._line(book, self._parts.organisation().file.language, key, by, step, params)
            self._parts.escalation.log(
                work, book.run.ticket, by.key if by else "secdesk", "procedure", f"{book.run.id}: {text}"
            )

    def send(self, work: Work, person: Person, card: Card, key: str) -> bool:
        """To somebody on chat; whether they are."""
        place = self._parts.place_of(person.key)
        if place is None:
            return False
        work.say(person.key, place, card, key, priority=PRIORITY)
        return True

    def _line(
        self, book: Open, lang: str, key: str, by: Person | None, step: str, params: Mapping[str, object] | None = None
    ) -> str:
        """What happened, in one sentence. `{name}` is who did it, `{n}` of `{of}` the step, `{task}` what it says."""
        procedure, cards = book.procedure, self._ledger.cards
        known = bool(step) and procedure.has(step)
        task = pick(procedure.step(step).texts, lang) if known else ""
        return cards.say(
            lang, key, **{
                "name": by.name if by else "Secdesk", "n": procedure.number(step) if known else 0, "of": len(procedure.steps),
                "task": task if len(task) <= 120 else task[:119] + "…", "title": pick(procedure.title, lang),
                "run": book.run.id, **(params or {}),
            },
        )  # fmt: skip


def _mark(book: Open) -> str:
    return f"procedure:{book.run.id}:{book.run.seq}"

"""What happens to runs when nobody presses: calendars, emergencies and tickets start them, time boxes end, holders leave."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bot.cards import Block, Button, Buttons, Text
from bot.model import Place
from bot.organisation import pick
from bot.ports import Payload
from bot.procedures.calendar import occurrences, zone_of
from bot.procedures.ledger import Entry, Open
from bot.procedures.runs import Runs, box_key
from bot.procedures.shapes import Pinned
from bot.procedures.state import Run
from bot.procedures.store import Parts
from bot.turn import EmergencyRaised, TicketChanged, TicketRequest, Work

LOOKBACK = 40 * 86_400.0  # a start that is older than this is not made up for
DAY = 86_400.0
ON_A_CARD = 5
OFFER, OFFER_AFTER = "procedures.offer", 120.0  # seconds in which whoever is on call takes up the call itself


def offer_key(payload: Payload) -> str:
    """What the job of an offer is known by in the outbox."""
    return f"procedure:offer:{payload['ticket']}:{payload['procedure']}"


class Supervision:
    """Jobs `procedures.tick`, `procedures.box` and `procedures.offer`, and what listens to emergencies and tickets.

    `labels` gives a ticket's kind and tags, None for one that is closed. `work` runs a change in one transaction.
    """

    def __init__(
        self, parts: Parts, runs: Runs, work: Callable[[Callable[[Work], object]], object],
        labels: Callable[[str], Collection[str] | None],
    ) -> None:  # fmt: skip
        self._parts, self._runs, self._work, self._labels = parts, runs, work, labels

    # jobs

    def tick(self, _payload: Payload) -> None:
        """Start what the calendar says, open a ticket for what was missed, and give the runs of those who left to the desk."""
        self.start_due()
        now = self._parts.clock.now()
        for row in self._parts.store.unfinished(now):
            self._work(lambda work, run=row["id"]: self.missed(work, run))  # type: ignore[misc]
        for row in self._parts.store.held():
            if self._left(Run(**row)):
                self._work(lambda work, run=row["id"]: self._runs.orphaned(work, run))  # type: ignore[misc]

    def start_due(self) -> int:
        """Start every run whose time has come, each once across all replicas; how many. What is too late already is missed."""
        found = {one.procedure.id: one for one in self._parts.library().published() if one.procedure.start.schedule}
        now, store = self._parts.clock.now(), self._parts.store
        since: dict[str, float] = {}
        self._work(lambda work: since.update(store.in_force(work.tx, sorted(found), now)))
        begun = store.begun(now - LOOKBACK - 2 * DAY)
        zone, started = zone_of(self._parts.organisation().file.timezone), 0
        for name, one in found.items():
            schedule = one.procedure.start.schedule
            assert schedule is not None  # noqa: S101 (those alone were taken)
            for day, start in occurrences(schedule, zone, max(since.get(name, now), now - LOOKBACK), now):
                once, due = f"calendar:{name}:{day.isoformat()}", start + schedule.seconds
                if once not in begun:
                    self._work(lambda work, args=(name, once, start, due): self._start(work, *args))  # type: ignore[misc]
                    started += 1
        return started

    def _start(self, work: Work, name: str, once: str, start: float, due: float) -> None:
        self._runs.start(work, name, None, how="calendar", once=once, at=start, due_at=due, lost=due < work.at)

    def missed(self, work: Work, name: str) -> str:
        """A run of the calendar was not finished in time: a ticket, once. Its number, "" if that was done already."""
        runs, book = self._runs, self._runs.locked(work, name, None)
        if book.run.missed_at or book.run.state not in ("running", "missed"):
            return ""
        runs.record(work, book, None, Entry("missed", book.run.step))
        title = pick(book.procedure.title, self._parts.organisation().file.language)
        subject = runs.our("procedure.missed", title=title, run=book.run.id)
        text = runs.our(
            "procedure.missed_text" if book.run.running else "procedure.missed_never", title=title, run=book.run.id
        )
        request = TicketRequest("", Place("", ""), "question", subject, text, "S1", join=f"missed:{book.run.id}")
        number = self._parts.escalation.open(work, request).number
        book.change(missed_at=work.at, missed_ticket=number)
        runs.telling.owner(work, book, "procedure.told.missed", None, book.run.step, params={"number": number})
        runs.save(work, book)
        return number

    def boxed(self, payload: Payload) -> None:
        """A time box is over: whoever has the step is reminded, later the owner is told. Nothing, if the run has moved on."""
        self._work(lambda work: self._box(work, payload["run"], int(payload["visit"]), payload["stage"]))

    def _box(self, work: Work, name: str, visit: int, stage: str) -> None:
        runs, run = self._runs, self._runs.get(name)
        if not run.running or (stage != "whole" and run.step_seq != visit):
            return
        book, mark = Open(run, runs.pinned(run), run.seq), box_key({"run": run.id, "visit": str(visit), "stage": stage})
        holder = self._parts.identities.who(run.holder)
        minutes = book.procedure.minutes if stage == "whole" else book.procedure.step(run.step).minutes
        if stage == "holder" and holder and holder.known:
            card = runs.card(run, holder, work.at, said=runs.say(holder, "procedure.box_over", minutes=minutes))
            runs.telling.send(work, holder, card, f"{mark}:{holder.key}")
        else:
            told = "procedure.told.whole" if stage == "whole" else "procedure.told.late"
            runs.telling.owner(work, book, told, None, run.step, mark=mark, params={"minutes": minutes})

    def _left(self, run: Run) -> bool:
        holder = self._parts.identities.who(run.holder)
        return holder is None or not self._runs.may(run, holder)

    # emergencies and tickets

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        """A run for the emergency's ticket, or the offer of one: who is on call gets it if it still waits after a while."""
        for one in self._parts.library().published():
            if event.kind in one.procedure.start.emergencies:
                if one.procedure.start.automatic:
                    self._begin(work, one, event.ticket, "emergency")
                else:
                    self._parts.store.offer(work.tx, event.ticket, one.procedure.id, work.at)
                    offered = {"ticket": event.ticket, "procedure": one.procedure.id}
                    work.job(OFFER, offer_key(offered), offered, delay=OFFER_AFTER)

    def on_ticket(self, work: Work, event: TicketChanged) -> None:
        """A ticket of a kind or with a tag that starts a procedure by itself."""
        found = [
            one
            for one in self._parts.library().published()
            if one.procedure.start.automatic and one.procedure.start.tickets
        ]
        labels = set(self._labels(event.ticket) or ()) if found else set()
        for one in found:
            if labels.intersection(one.procedure.start.tickets):
                self._begin(work, one, event.ticket, "ticket")

    def _begin(self, work: Work, one: Pinned, ticket: str, how: str) -> None:
        once = f"ticket:{ticket}:{one.procedure.id}"
        self._runs.start(
            work, one.procedure.id, None, ticket=ticket, how="emergency" if how == "emergency" else "ticket", once=once
        )

    def offered(self, payload: Payload) -> None:
        """Job `procedures.offer`: the first person on call who may start it gets it as a card, if it still waits for somebody."""
        ticket, name = payload["ticket"], payload["procedure"]
        if one := next((one for one in self.offers(ticket) if one.procedure.id == name), None):
            self._work(lambda work: self._offer(work, one, ticket))

    def _offer(self, work: Work, one: Pinned, ticket: str) -> None:
        for name in self._parts.on_duty(work.at):
            person = self._parts.identities.find(name)
            if person and self._runs.crew.desk(person):
                person = self._parts.identities.meet(work.tx, person, work.at)
                card = self._runs.cards.offer(one.procedure, person, ticket, work.at)
                self._runs.telling.send(work, person, card, f"procedure:offer:{ticket}:{one.procedure.id}:{person.key}")
                return

    def offers(self, ticket: str) -> list[Pinned]:
        """What fits a ticket that is not closed, and has not been started for it."""
        labels = self._labels(ticket)
        if labels is None:
            return []
        offered = self._parts.store.offers(ticket)
        running = {run.procedure_id for run in self._runs.listed(ticket=ticket)}
        return [
            one
            for one in self._parts.library().published()
            if one.procedure.id not in running
            and (one.procedure.id in offered or set(labels).intersection(one.procedure.start.tickets))
        ]

    def blocks(self, ticket: str, lang: str) -> list[Block]:
        """For a ticket's card at the desk: its runs, and what could be started."""
        runs, found = self._runs, list[Block]()
        buttons: list[Button] = []
        for run in runs.listed(ticket=ticket, limit=ON_A_CARD):
            procedure = runs.pinned(run)
            how = runs.cards.header(run, procedure, lang, self._parts.clock.now()) if run.running else runs.cards.say(
                lang, f"procedure.state.{run.state}"
            )  # fmt: skip
            found.append(Text(f"{runs.cards.title(run, procedure, lang)}: {how}", "muted"))
            if run.running:
                buttons.append(
                    Button(runs.cards.say(lang, "procedure.button.show_run", run=run.id), "procedure.show", run.id)
                )
        for one in self.offers(ticket)[:ON_A_CARD]:
            label = runs.cards.say(lang, "procedure.button.start_one", title=pick(one.procedure.title, lang))
            buttons.append(Button(label[:75], "procedure.start", f"{one.procedure.id}:{ticket}"))
        return [*found, *([Buttons(tuple(buttons))] if buttons else [])]

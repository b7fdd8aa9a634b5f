"""Asking those who keep an answer whether it is still right, 30 days before its review, and doing what they press.

One question at a time: a keeper gets one message a working day, and the next answer as soon as they have pressed a button.
An answer is asked about again a week before its day and once when it has passed. Thirty days later whoever leads the desk is
asked too, who may say that it is right, have it changed or find it another owner; nobody but its keepers can retire it. What
is pressed is authorised again, and counts only for the review it was asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from bot.answering.authoring import Authoring, Do
from bot.answering.changes import Change
from bot.answering.entries import Entry
from bot.answering.keepers import LEAD_AFTER
from bot.cards import Block, Button, Buttons, Card, Choices, Input, Link, Text
from bot.errors import Conflict, NotFound, Refused
from bot.model import Person, Place
from bot.organisation import Organisation, fill, pick
from bot.ports import Row, Tx
from bot.turn import Effect, Escalation, TicketRequest, Turn, Work

STAGES = (0, 7, 30)  # days before the review at which its keepers are asked
OVERDUE = -LEAD_AFTER  # the stage at which the lead is
DAY = 86_400.0
REST = 20 * 3600.0  # seconds between two messages to one person
HOURS = range(9, 16)  # of their working day
OWNERS = 12  # that a card offers; there are more in the console

T = TypeVar("T")


class AskStore(Protocol):
    """SQL of who was asked what."""

    def add_ask(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def asks(self, since: float) -> list[Row]: ...


class Run(Protocol):
    """Runs a change in one transaction."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


@dataclass(frozen=True)
class Due:
    """An answer that wants a look: its entry, the day, and the stage it has reached."""

    entry: Entry
    day: date
    stage: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.entry.id, self.day.isoformat(), self.stage


def due_of(entry: Entry, today: date) -> Due | None:
    """Whether an entry is due within the first stage."""
    left = (entry.due - today).days
    stage = next((stage for stage in STAGES if left <= stage), None) if entry.state == "published" else None
    return None if stage is None else Due(entry, entry.due, stage)


class Reviews:
    """Responder of `authoring.*` buttons, and the sender of the questions."""

    prefix = "authoring"

    def __init__(
        self, authoring: Authoring, store: AskStore, organisation: Callable[[], Organisation], escalation: Escalation,
        place_of: Callable[[str], Place | None], link: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._authoring, self._store, self._organisation = authoring, store, organisation
        self._escalation, self._place_of, self._link = escalation, place_of, link

    # asking

    def send(self, run: Run, now: float) -> int:
        """Write to every keeper who has something due and may be written to at `now`; how many."""
        asked = self._store.asks(now - 400 * DAY)
        lately = {row["person"] for row in asked if row["at"] > now - REST}
        seen = {(row["entry"], row["due"], int(row["stage"]), row["person"]) for row in asked}
        sent = 0
        for person in self._keepers():
            place = self._place_of(person.key) if person.key not in lately and self._working(person, now) else None
            waiting = [item for item in self.due(person, now) if (*item.key, person.key) not in seen]
            if place and waiting:
                sent += run(self._ask(person, place, waiting))
        return sent

    def due(self, person: Person, now: float) -> list[Due]:
        """What a person keeps, or steps in for, and should look at, the most urgent first."""
        today, keepers = datetime.fromtimestamp(now, UTC).date(), self._authoring.keepers
        mine: list[Due] = []
        for item in filter(None, (due_of(entry, today) for entry in self._authoring.library.published())):
            if self._is_asked(person, item.entry.owner):
                mine.append(item)
            elif keepers.steps_in(person, item.day, today):
                mine.append(replace(item, stage=OVERDUE))
        return sorted(mine, key=lambda item: (item.day, item.entry.id))

    def _keepers(self) -> Iterator[Person]:
        """Everybody who keeps something, and the lead of the desk, if they have been met."""
        keepers = self._authoring.keepers
        owners = {entry.owner for entry in self._authoring.library.published()}
        people = {one.id: one for owner in sorted(owners) for one in keepers.asked(owner)}
        people |= {one.id: one for one in keepers.lead()}
        yield from (one for one in people.values() if one.key)

    def _is_asked(self, person: Person, owner: str) -> bool:
        return person.id in {one.id for one in self._authoring.keepers.asked(owner)}

    def _working(self, person: Person, now: float) -> bool:
        """Their own clock, on a weekday."""
        try:
            local = datetime.fromtimestamp(now, ZoneInfo(person.timezone))
        except (KeyError, ValueError, OSError):
            local = datetime.fromtimestamp(now, UTC)
        return local.hour in HOURS and local.weekday() < 5

    def _ask(self, person: Person, place: Place, waiting: list[Due]) -> Callable[[Work], int]:
        def run(work: Work) -> int:
            first = waiting[0]
            if not self._mark(work, person, first):
                return 0
            card = Card(self._say(person, "review.title"), (*self._question(person, first, len(waiting) - 1),), "question",
                        lang=person.language)  # fmt: skip
            work.say(person.key, place, card, f"review:{person.key}:{'/'.join(map(str, first.key))}", priority=5)
            return 1

        return run

    def _mark(self, work: Work, person: Person, item: Due) -> bool:
        entry, due, stage = item.key
        row = {"entry": entry, "due": due, "stage": stage, "person": person.key, "at": work.at}
        return self._store.add_ask(work.tx, row)

    def _question(self, person: Person, item: Due, more: int) -> list[Block]:
        """The answer as people get it, and what its keeper can say."""
        lang, org, entry = person.language, self._organisation(), item.entry
        answer = entry.answer.get(lang) or entry.answer.get("en") or next(iter(entry.answer.values()))
        key = {0: "review.was_due", OVERDUE: "review.overdue"}.get(item.stage, "review.due")
        owner = self._authoring.keepers.name(entry.owner)
        blocks: list[Block] = [
            Text(self._say(person, key, title=pick(entry.title, lang), day=item.day.isoformat(), owner=owner)),
            Text(fill(answer.short, org.values(person.entity, lang))[0], "quote"),
        ]
        value = f"{entry.id}:{entry.review_due.isoformat()}"
        buttons = [
            Button(self._say(person, "review.button.still"), "authoring.still", value, "primary"),
            Button(self._say(person, "review.button.edit"), "authoring.edit", value),
            Button(self._say(person, "review.button.reassign"), "authoring.reassign", value),
        ]
        if item.stage != OVERDUE:
            buttons.append(Button(self._say(person, "review.button.retire"), "authoring.retire", value, "danger"))
        blocks.append(Buttons(tuple(buttons)))
        if org.console_roles(person.roles):
            blocks.append(Link(self._say(person, "link.answer"), self._link(entry.id)))
        return [*blocks, Text(self._say(person, "review.more", n=more), "muted")] if more > 0 else blocks

    # what is pressed

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for each of our buttons. Raises `Refused`, `Conflict`, `NotFound`."""
        if turn.action is None:
            return None
        name, _, rest = turn.action.value.partition(":")
        match turn.action.id.partition(".")[2]:
            case "still":
                return self._then(
                    turn, self._authoring.still(turn.person, self._same(turn, name, rest)), "review.done.still"
                )
            case "retire":
                return self._sure(turn, self._same(turn, name, rest, retiring=True), turn.action.value)
            case "retire_yes":
                return self._then(
                    turn,
                    self._authoring.retire(turn.person, self._same(turn, name, rest, retiring=True)),
                    "review.done.retire",
                )
            case "keep":
                return lambda _work: self._card(turn, Text(self._say(turn.person, "review.done.keep")))
            case "reassign":
                return self._owners(turn, self._same(turn, name, rest))
            case "give":
                return self._then(turn, self._authoring.reassign(turn.person, name, rest), "review.done.reassign")
            case "edit":
                return self._edit(turn, self._same(turn, name, rest), turn.action.value)
            case "wish":
                return self._wish(turn, self._same(turn, name, rest), turn.action.form.get("text", ""))
        return None

    def _same(self, turn: Turn, name: str, due: str, *, retiring: bool = False) -> str:
        """The entry, if this person may speak for it and its review is still the one they were asked about."""
        entry, keepers = self._authoring.library.entries.get(name), self._authoring.keepers
        if entry is None:
            raise NotFound(name)
        instead = not retiring and keepers.steps_in(turn.person, entry.due, self._authoring.today())
        if not instead and not keepers.keeps(turn.person, entry.owner):
            owner = keepers.name(entry.owner)
            raise Refused(self._say(turn.person, "author.not_yours", owner=owner))
        if entry.review_due.isoformat() != due or entry.state != "published":
            raise Conflict(self._say(turn.person, "review.settled"))
        return name

    def _then(self, turn: Turn, do: Do, key: str) -> Effect:
        """Do it, and go on with what is due next."""
        name = (turn.action.value if turn.action else "").partition(":")[0]

        def run(work: Work) -> Card:
            change = do(work)
            return self._card(turn, Text(self._done(turn, key, change)), *self._next(work, turn, name))

        return run

    def _done(self, turn: Turn, key: str, change: Change) -> str:
        entry = self._authoring.library.entries[change.entry]
        today = self._authoring.today()
        day = (today + (entry.review_due - entry.reviewed)).isoformat()
        owner = self._authoring.keepers.name((turn.action.value if turn.action else "").partition(":")[2])
        return self._say(turn.person, key, title=pick(entry.title, turn.lang), day=day, owner=owner)

    def _next(self, work: Work, turn: Turn, name: str) -> list[Block]:
        waiting = [item for item in self.due(turn.person, work.at) if item.entry.id != name]
        if not waiting:
            return []
        self._mark(work, turn.person, waiting[0])
        return [
            Text(self._say(turn.person, "review.title"), "strong"),
            *self._question(turn.person, waiting[0], len(waiting) - 1),
        ]

    def _sure(self, turn: Turn, name: str, value: str) -> Effect:
        title = pick(self._authoring.library.entries[name].title, turn.lang)
        yes = Button(self._say(turn.person, "review.button.retire_yes"), "authoring.retire_yes", value, "danger")
        no = Button(self._say(turn.person, "review.button.keep"), "authoring.keep", value)
        prompt = self._say(turn.person, "review.sure", title=title)
        return lambda _work: self._card(turn, Choices(prompt, (yes, no)))

    def _owners(self, turn: Turn, name: str) -> Effect:
        mine = self._authoring.library.entries[name].owner
        owners = [(key, label) for key, label in self._authoring.keepers.choices().items() if key != mine]
        options = tuple(Button(label[:75], "authoring.give", f"{name}:{key}") for key, label in owners[:OWNERS])
        prompt = self._say(turn.person, "review.who")
        return lambda _work: self._card(turn, Choices(prompt, options))

    def _edit(self, turn: Turn, name: str, value: str) -> Effect:
        """Those who work in the console go there; others say what should change, and the desk does it."""
        if turn.person.roles & self._organisation().desk_roles():
            page = Link(self._say(turn.person, "review.edit_there"), f"{self._link(name)}/edit")
            return lambda _work: self._card(turn, page)
        label, send = self._say(turn.person, "review.wish"), self._say(turn.person, "review.button.wish")
        form = Input("text", label, "authoring.wish", send, value)
        return lambda _work: self._card(turn, form)

    def _wish(self, turn: Turn, name: str, text: str) -> Effect:
        if not text.strip():
            raise Refused(self._say(turn.person, "author.why"))
        subject = self._say(
            turn.person, "review.wish_subject", title=pick(self._authoring.library.entries[name].title, "en")
        )
        request = TicketRequest(turn.person.key, turn.place, "question", subject, text.strip(), "S0",
                                join=f"review:{name}:{turn.person.key}")  # fmt: skip

        def run(work: Work) -> Card:
            number = self._escalation.open(work, request).number
            said = Text(self._say(turn.person, "review.done.wish", number=number))
            return self._card(turn, said, *self._next(work, turn, name))

        return run

    def _card(self, turn: Turn, *blocks: Block) -> Card:
        return Card("", blocks, lang=turn.lang)

    def _say(self, person: Person, key: str, **params: object) -> str:
        return self._organisation().words.say(person.language, key, **params)

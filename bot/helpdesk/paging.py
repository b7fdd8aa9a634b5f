"""What follows a call: nobody answers, somebody does, it was a false alarm, the weekly test.

Every wait is an outbox row with a time, written with the call itself: a restart loses none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.cards import Block, Button, Buttons, Card, Input, Link, Text
from bot.errors import ChannelError, Conflict, NotFound
from bot.helpdesk.containment import Containment
from bot.helpdesk.duty import Duty, Parts
from bot.helpdesk.relay import local_time
from bot.helpdesk.tickets import Ticket
from bot.model import Person
from bot.organisation import Words
from bot.ports import Payload, Row
from bot.turn import Effect, Turn, Work, place_from

__all__ = ["Duty", "Paging", "Parts", "page_card"]
TEST = "test:"
REVIEW = ("cause", "done", "good", "slow", "change")  # the closing review, five fields


class Paging:
    """Responder of calls (action ids `oncall.*`) and their jobs."""

    prefix = "oncall"

    def __init__(self, parts: Parts, duty: Duty, containment: Containment) -> None:
        self._parts, self._duty, self._containment = parts, duty, containment

    # jobs

    def call(self, payload: Payload) -> None:
        """Job `oncall.page`. When nobody could be reached the person hears so at once, and it is tried again."""
        try:
            self._parts.oncall.run(payload)
        except ChannelError:
            row = self._parts.store.page(payload["page"])
            if row is not None:
                self._parts.work(lambda work: self._truth(work, row))
            raise

    def chase(self, payload: Payload) -> None:
        """Job `oncall.chase`: nobody has answered the call for as long as `oncall.STEPS` says."""
        row, step = self._parts.store.page(payload["page"]), payload["step"]
        ticket = self._ticket(row["ticket"]) if row else None
        if row is None or (ticket is not None and ticket.state == "resolved"):
            return
        if step == "status":
            self._parts.work(lambda work: self._status(work, ticket))
            return
        if row["acknowledged_at"] or (ticket is not None and ticket.acknowledged_at > 0):
            return
        if ticket is not None and self._parts.tickets.incident_of(ticket.number):
            return  # its call goes on for everybody in it
        people = self._next(row, step)
        error = ""
        try:
            called = [self._parts.oncall.send(row, [who], f"{row['key']}:{step}:{who}") for who in people]
        except ChannelError as failed:
            called, error = [], str(failed)
        names = ", ".join(called) or error or "-"
        self._parts.work(lambda work: self._chased(work, row, step, names, reached=bool(called)))
        if error:
            raise ChannelError(error)

    def settle(self, payload: Payload) -> None:
        """Job `oncall.settle`: routes that keep calls open hear that this one is taken, or over."""
        self._parts.oncall.settle(payload["page"], payload["how"])

    def test(self, _payload: Payload) -> None:
        """Job `oncall.test`: the weekly call that proves the routes. Nobody is in trouble, and it says so."""
        year, week, _ = datetime.fromtimestamp(self._parts.clock.now(), UTC).isocalendar()
        key, lang = f"{TEST}{year}-{week:02}", self._lang

        def send(work: Work) -> None:
            self._parts.oncall.request(work.tx, key, "", self._words.say(lang, "oncall.test"), work.at)
            work.job("oncall.page", key, {"page": key})

        if self._parts.store.page(key) is None:
            self._parts.work(send)

    # buttons

    def respond(self, turn: Turn) -> Effect | None:
        """Who may is asked again each time: people of the desk, and whoever the rota names."""
        if turn.action is None:
            return None
        verb, value = turn.action.id.partition(".")[2], turn.action.value
        if not self._duty.may(turn.person):
            return self._says(turn, "room.not_yours")
        if verb == "shift":
            return lambda work: self._duty.hand_shift(work, turn, value)
        if verb == "review":
            return lambda work: self._reviewed(work, turn, value)
        row = self._parts.store.page(value)
        if row is None:
            return None
        match verb:
            case "ack":
                return lambda work: self._taken(work, turn, row)
            case "pass":
                return lambda work: self._passed(work, turn, row)
            case "false":
                return lambda _work: self._sure(turn, row)
            case "false_yes":
                return lambda work: self._false(work, turn, row)
        return None

    def row(self, key: str) -> Row | None:
        """A stored call."""
        return self._parts.store.page(key) if key else None

    def acknowledge(self, work: Work, key: str, person: Person, outcome: str = "acknowledged") -> bool:
        """Somebody has this call; False if somebody had it before. The clock of its ticket has been answered."""
        row = self._parts.store.page(key)
        if row is None or not self._parts.store.acknowledge_page(work.tx, key, work.at, person.key, outcome):
            return False
        if row["ticket"]:
            self._parts.tickets.log(work, row["ticket"], person.key, "acknowledged", "")
        work.audit(person.key, "page.acknowledge", row["ticket"] or "page", outcome=outcome)
        work.job("oncall.settle", f"settle:{key}", {"page": key, "how": "acknowledge"})
        return True

    def over(self, work: Work, number: str) -> None:
        """Calls about this ticket end wherever they are kept open, and whoever had it is asked five short questions."""
        self._ask_review(work, number)
        for row in self._parts.store.pages_of(work.tx, number):
            work.job("oncall.settle", f"over:{row['key']}", {"page": row["key"], "how": "resolve"})

    def _ask_review(self, work: Work, number: str) -> None:
        """After an emergency, once; not after one that was none, and not for each member of an incident."""
        ticket = self._ticket(number)
        holder = self._parts.identities.who(ticket.assignee) if ticket and ticket.assignee else None
        none = any(row["outcome"] == "false_alarm" for row in self._parts.store.pages_of(work.tx, number))
        part = bool(self._parts.tickets.incident_of(number))
        if ticket is None or holder is None or none or part or ticket.kind not in {"emergency", "incident"}:
            return
        if place := self._parts.place_of(holder.key):
            card = self._review_card(holder, ticket)
            work.say(holder.key, place, card, f"review:{number}", ticket="", priority=0)

    def _review_card(self, person: Person, ticket: Ticket) -> Card:
        say, lang = self._words.say, person.language
        send = say(lang, "lookback.send")
        fields = tuple(
            Input(name, say(lang, f"lookback.{name}"), "oncall.review", send, ticket.number, optional=True)
            for name in REVIEW
        )
        title = say(lang, "lookback.title", number=ticket.number)
        return Card(title, (Text(say(lang, "lookback.body")), *fields), "desk", lang=lang)

    def _reviewed(self, work: Work, turn: Turn, number: str) -> Card:
        ticket, form = self._parts.tickets.get(number), turn.action.form if turn.action else {}
        if not turn.person.roles & self._parts.organisation().desk_roles():
            raise NotFound(number)
        said = [
            f"{self._words.say(self._lang, f'lookback.{name}')}: {form[name].strip()}"
            for name in REVIEW
            if form.get(name)
        ]
        if not said:
            return self._done(turn, "ticket.empty")
        self._parts.tickets.log(work, ticket.number, turn.person.key, "review", "\n".join(said))
        work.audit(turn.person.key, "ticket.review", ticket.number)
        return self._done(turn, "lookback.thanks", number=ticket.number)

    def _taken(self, work: Work, turn: Turn, row: Row) -> Card:
        first = self.acknowledge(work, row["key"], turn.person)
        ticket = self._ticket(row["ticket"])
        if ticket is None:
            return self._done(turn, "oncall.test_heard")
        if turn.person.roles & self._parts.organisation().desk_roles() and ticket.state == "open":
            try:
                self._parts.tickets.claim(work, ticket.number, turn.person)
            except Conflict as taken:
                return Card("", (Text(str(taken)),), "desk", lang=turn.lang)
        card = self._done(turn, "oncall.yours" if first else "oncall.had", number=ticket.number)
        desk = turn.person.roles & self._parts.organisation().desk_roles()
        next_steps = self._containment.buttons(ticket, turn.lang) if first and desk else []
        return replace(card, blocks=(*card.blocks, Buttons(tuple(next_steps)))) if next_steps else card

    def _passed(self, work: Work, turn: Turn, row: Row) -> Card:
        name = self.pass_on(work, row, turn.person)
        return self._done(turn, "oncall.passed" if name else "oncall.no_other", name=name)

    def pass_on(self, work: Work, row: Row, person: Person) -> str:
        """On to the next person now, without waiting the five minutes: who that is, "" if there is nobody."""
        people = self._next(row, "second", but=person.id)
        if not people:
            return ""
        if row["ticket"]:
            self._parts.tickets.log(
                work, row["ticket"], person.key, "passed_on", self._parts.identities.shown(people[0])
            )
        work.audit(person.key, "page.pass", row["ticket"] or "page")
        work.job("oncall.chase", f"{row['key']}:passed:{person.key}", {"page": row["key"], "step": "second"})
        return self._parts.identities.shown(people[0])

    def _sure(self, turn: Turn, row: Row) -> Card:
        say, lang = self._words.say, turn.lang
        buttons = (
            Button(say(lang, "oncall.button.false_yes"), "oncall.false_yes", row["key"], "danger"),
            Button(say(lang, "oncall.button.ack"), "oncall.ack", row["key"]),
        )
        return Card("", (Text(say(lang, "oncall.false_sure")), Buttons(buttons)), "question", lang=lang)

    def _false(self, work: Work, turn: Turn, row: Row) -> Card:
        self.nothing(work, row, turn.person)
        return self._done(turn, "oncall.false_done", number=row["ticket"])

    def nothing(self, work: Work, row: Row, person: Person) -> None:
        """A false alarm, closed kindly: whoever rang hears that telling us was right."""
        self.acknowledge(work, row["key"], person, "false_alarm")
        ticket = self._ticket(row["ticket"])
        if ticket is not None and ticket.state != "resolved":
            for other in self._parts.store.pages_of(work.tx, ticket.number):
                self._parts.store.acknowledge_page(work.tx, other["key"], work.at, person.key, "false_alarm")
            self._parts.store.judge_pages(work.tx, ticket.number, "false_alarm")
            self._parts.tickets.false_alarm(work, ticket.number, person)

    # inside

    def _next(self, row: Row, step: str, but: str = "") -> list[str]:
        """Who is called at this step, besides whoever was called already."""
        now, called = self._parts.clock.now(), {*row["people"].split(", "), but}
        duty, rota = self._parts.oncall.on_duty(now), self._parts.oncall.rota
        if step == "manager" and rota:
            return [who for who in (rota.manager(), rota.partner()) if who]
        return [who for who in duty[1:] if who not in called][:1] or [who for who in duty[1:] if who != but][:1]

    def _chased(self, work: Work, row: Row, step: str, names: str, *, reached: bool) -> None:
        """On the ticket, and to the person: a second one was called, and the phone number all the same."""
        if not row["ticket"]:
            return
        self._parts.tickets.log(work, row["ticket"], "secdesk", f"paged_{step}", names)
        if not reached:
            self._truth(work, row)
        elif step == "second":
            self._tell(work, row["ticket"], "oncall.second_called", f"{row['key']}:second")

    def _truth(self, work: Work, row: Row) -> None:
        """Nobody could be reached, and here is the number."""
        if row["ticket"] and self._tell(work, row["ticket"], "oncall.nobody", f"{row['key']}:nobody"):
            self._parts.tickets.log(work, row["ticket"], "secdesk", "page_failed", row["error"])

    def _status(self, work: Work, ticket: Ticket | None) -> None:
        """A quarter of an hour later the person hears how it stands, even if nothing is new."""
        if ticket is None or ticket.severity != "S3":
            return
        key = "oncall.status_taken" if ticket.acknowledged_at else "oncall.status_waiting"
        name = self._parts.identities.name(ticket.assignee) if ticket.assignee else ""
        key = "oncall.status_held" if name else key
        self._tell(work, ticket.number, key, f"status:{ticket.number}:{ticket.created_at:.0f}", name=name)

    def _tell(self, work: Work, number: str, key: str, once: str, **params: object) -> bool:
        """To the person, or to everybody who is part of an incident. Whether it was news to somebody."""
        members = self._parts.tickets.members(number)
        told = [self._tell_one(work, one, key, f"{once}:{one}", **params) for one in members]
        return any([*told, self._tell_one(work, number, key, once, **params)])

    def _tell_one(self, work: Work, number: str, key: str, once: str, **params: object) -> bool:
        ticket = self._ticket(number)
        person = self._parts.identities.who(ticket.requester) if ticket and ticket.place else None
        if ticket is None or person is None:
            return False
        values = self._parts.organisation().values(person.entity, person.language)
        said = self._words.say(
            person.language, key, number=number, helpdesk_phone=values.get("helpdesk_phone", ""),
            time=local_time(work.at, person, work.at), **params,
        )  # fmt: skip
        if once.startswith("status:") and (done := self._containment.done_so_far(number, person)):
            said += " " + self._words.say(person.language, "contain.so_far", what=done)
        card = Card("", (Text(said, "strong"),), "emergency", lang=person.language)
        place = place_from(ticket.place)
        return bool(work.say(ticket.requester, place, card, f"told:{once}", priority=1, ticket=number))

    def _done(self, turn: Turn, key: str, **params: object) -> Card:
        return Card("", (Text(self._words.say(turn.lang, key, **params)),), "done", lang=turn.lang)

    def _says(self, turn: Turn, key: str) -> Effect:
        card = Card("", (Text(self._words.say(turn.lang, key)),), lang=turn.lang)
        return lambda _work: card

    def _ticket(self, number: str) -> Ticket | None:
        try:
            return self._parts.tickets.get(number) if number else None
        except NotFound:
            return None

    @property
    def _words(self) -> Words:
        return self._parts.organisation().words

    @property
    def _lang(self) -> str:
        return self._parts.organisation().file.language


def page_card(words: Words, lang: str, call: str, summary: str, ticket: str, url: str) -> Card:
    """What the person on duty sees: what happened, and three things to press, each one tap (a false alarm two)."""
    say = words.say
    buttons = [Button(say(lang, "oncall.button.ack"), "oncall.ack", call, "primary"),
               Button(say(lang, "oncall.button.pass"), "oncall.pass", call)]  # fmt: skip
    if ticket:
        buttons.append(Button(say(lang, "oncall.button.false"), "oncall.false", call))
    blocks: list[Block] = [Text(summary, "strong"), *([Buttons(tuple(buttons))] if call else [])]
    blocks += [Link(say(lang, "link.number", number=ticket), url)] if ticket else []
    return Card(say(lang, "oncall.title", number=ticket), tuple(blocks), "emergency", lang=lang)

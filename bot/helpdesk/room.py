"""The desk's own channel: one card a ticket, kept up to date for everybody, and its thread relayed both ways.

The card is made from the ticket, never the other way round: whatever changes a ticket (console, chat, job) leaves a job
`desk.show`, which posts or updates the card in every desk channel and puts what the person wrote since into its thread.
What a person of the desk writes in the thread goes to the person; a line that starts with the note mark stays inside.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Block, Button, Buttons, Card, Facts, Input, Link, Text, Tone, dump
from bot.delivery import Bridge
from bot.errors import RetryLater, StoreUnavailable
from bot.helpdesk.attachments import Sealed
from bot.helpdesk.relay import local_time
from bot.helpdesk.tickets import Ticket, TicketEvent, Tickets
from bot.model import SEVERITIES, Person, Place, Severity
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import Channel, Clock, Db, Payload, Row, SentRef, Tx
from bot.turn import Effect, TicketChanged, Turn, Work

FROM_PERSON = frozenset({"said", "again", "file", "disputed", "reported_again", "answered", "worse", "call_me"})
UNREACHED = "unreached"  # a message of ours that could not be delivered to them
SHOWN_TEXT = 600
POST_SECONDS = 25.0
MOST_PARTNERS = 3  # that a card offers; there may be more in the console
LEASE = 60.0  # seconds one job may be at a card before another may


class RoomStore(Protocol):
    """SQL of the cards in desk channels. `lease` keeps two jobs from posting one card twice."""

    def lease(self, tx: Tx, ticket: str, place: Place, at: float, until: float) -> Row | None: ...

    def posted(self, tx: Tx, ticket: str, place: Place, ref: SentRef, shown: str, relayed: int) -> None: ...

    def relayed(self, tx: Tx, ticket: str, place: Place, seq: int) -> None: ...

    def lines(self, ticket: str, place: Place) -> list[Row]: ...

    def keep_line(self, tx: Tx, ticket: str, place: Place, seq: int, ref: SentRef, shown: str) -> None: ...

    def release(self, tx: Tx, ticket: str, place: Place) -> None: ...

    def ticket_at(self, channel: str, conversation: str, thread: str) -> str: ...


@dataclass(frozen=True)
class Parts:
    """What the room is made of. `places` are the desk channels of the platforms that are on."""

    db: Db
    store: RoomStore
    tickets: Tickets
    identities: Identities
    organisation: Callable[[], Organisation]
    channels: Mapping[str, Channel]
    places: Callable[[], Sequence[Place]]
    bridge: Bridge
    clock: Clock
    more: Callable[[Ticket], Sequence[Block]] = lambda _ticket: ()  # what else a card offers
    pages: Callable[[Ticket, str], Sequence[Link]] = lambda _ticket, _lang: ()  # of the console, in a language


class DeskRoom:
    """Responder of the desk's channel (action ids `desk.*`) and its job `desk.show`."""

    prefix = "desk"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def listens(self, place: Place) -> bool:
        """Whether this is the thread of a ticket's card: what is written there is for the desk, not a question."""
        try:
            return bool(place.thread and self._parts.places() and self._ticket_at(place))
        except StoreUnavailable:
            return False

    def ticket_at(self, place: Place) -> str:
        """The ticket whose thread this is, "" if it is none."""
        return self._ticket_at(place) if place.thread else ""

    def on_change(self, work: Work, event: TicketChanged) -> None:
        """A ticket has changed: show it (one job a transaction)."""
        wanted = {"ticket": event.ticket}
        if self._parts.places() and not any(kind == "desk.show" and sent == wanted for kind, _, sent in work.submitted):
            work.job("desk.show", f"desk:{event.ticket}:{uuid.uuid4().hex[:12]}", wanted)

    # what the desk does

    def respond(self, turn: Turn) -> Effect | None:
        """Buttons of the card, and text in its thread. Who may is asked again each time."""
        number = self._ticket_at(turn.place) if turn.action is None and turn.place.thread else ""
        if turn.action is None and not number:
            return None
        if not self._may(turn.person):
            return self._says(turn, "room.not_yours")
        if turn.action:
            return self._press(
                turn, turn.action.id.partition(".")[2], turn.action.value, turn.action.form.get("text", "")
            )
        if not turn.text and not turn.files:
            return self._says(turn, "room.text_only")
        files = self._parts.tickets.sealed(turn.files, turn.lang)
        marks = self._words.every("room.note_mark")  # of any language: a note must never reach the person
        text = turn.text.casefold().replace("\u00a0", " ")  # French keyboards put one before a colon
        if mark := next((mark for mark in marks if text.startswith(mark.casefold())), ""):
            return self._write(turn, "note", number, turn.text[len(mark) :].strip(), files)
        return self._write(turn, "reply", number, turn.text, files)

    def _write(self, turn: Turn, verb: str, number: str, text: str, files: Sequence[Sealed]) -> Effect:
        """What is written in the thread: to the person, or inside."""
        write = self._parts.tickets.note if verb == "note" else self._parts.tickets.reply
        return self._does(turn, verb, number, lambda work: write(work, number, turn.person, text, files))

    def _press(self, turn: Turn, verb: str, value: str, text: str) -> Effect | None:
        tickets, person = self._parts.tickets, turn.person
        number, _, severity = value.partition(":")
        plain: dict[str, Callable[[Work, str, Person], None]]
        plain = {"claim": tickets.claim, "release": tickets.release, "reopen": tickets.reopen}
        worded: dict[str, Callable[[Work, str, Person, str], None]]
        worded = {"reply": tickets.reply, "note": tickets.note, "resolve": tickets.resolve}
        if verb in plain:
            return self._does(turn, verb, number, lambda work: plain[verb](work, number, person))
        if verb in worded:
            return self._does(turn, verb, number, lambda work: worded[verb](work, number, person, text))
        # behind the colon stands who it goes to
        if verb == "hand" and (not severity or severity in tickets.partners()):
            return self._does(turn, verb, number, lambda work: tickets.hand_over(work, number, person, severity))
        if verb == "severity" and severity in SEVERITIES:
            tickets.get(number)
            chosen: Severity = severity
            return self._does(turn, verb, number, lambda work: tickets.raise_severity(work, number, chosen, person.key))
        return None

    def _does(self, turn: Turn, what: str, number: str, change: Callable[[Work], None]) -> Effect:
        said = self._words.say(turn.lang, f"room.done.{what}", number=number, name=turn.person.name)

        def effect(work: Work) -> Card:
            change(work)
            return Card("", (Text(said, "muted"),), "done", lang=turn.lang)

        return effect

    def _says(self, turn: Turn, key: str) -> Effect:
        card = Card("", (Text(self._words.say(turn.lang, key)),), lang=turn.lang)
        return lambda _work: card

    def _may(self, person: Person) -> bool:
        return person.known and bool(person.roles & self._parts.organisation().desk_roles())

    # the card

    def show(self, payload: Payload) -> None:
        """Job `desk.show`: the card of `payload["ticket"]` in every desk channel, and what is new in its thread."""
        number = payload["ticket"]
        ticket, timeline = self._parts.tickets.get(number), self._parts.tickets.timeline(number)
        for place in self._parts.places():
            self._show_in(place, ticket, timeline)

    def _show_in(self, place: Place, ticket: Ticket, timeline: Sequence[TicketEvent]) -> None:
        parts, now = self._parts, self._parts.clock.now()
        channel = parts.channels.get(place.channel)
        if channel is None:
            return
        with parts.db.tx() as tx:
            row = parts.store.lease(tx, ticket.number, place, now, now + LEASE)
        if row is None:
            raise RetryLater("the card is being shown", 2.0)
        try:
            self._bring_up_to_date(channel, place, ticket, timeline, row)
        finally:
            with parts.db.tx() as tx:
                parts.store.release(tx, ticket.number, place)

    def _bring_up_to_date(
        self, channel: Channel, place: Place, ticket: Ticket, timeline: Sequence[TicketEvent], row: Row
    ) -> None:
        card = self.card(ticket, timeline)
        shown, last = _mark(card), timeline[-1].seq if timeline else 0
        ref = SentRef(place.channel, row["address"], row["message"])
        relayed = int(row["relayed"])
        if not ref.id:
            ref = self._run(channel.send(place, card, f"desk:{ticket.number}:{place.channel}"))
            relayed = last  # the card itself says what has happened so far
        elif shown != row["shown"]:
            ref = self._run(channel.update(ref, card))
        with self._parts.db.tx() as tx:
            self._parts.store.posted(tx, ticket.number, place, ref, shown, relayed)
        thread = Place(place.channel, place.conversation, ref.id, private=False)
        self._amend(channel, place, ticket, [event for event in timeline if event.seq <= relayed])
        for event in timeline:
            if event.seq > relayed:
                self._relay(channel, place, thread, ticket, event)

    def _relay(self, channel: Channel, place: Place, thread: Place, ticket: Ticket, event: TicketEvent) -> None:
        """One more line of the ticket: into the thread, if the person said it, or if what they were told did not reach them."""
        sent: SentRef | None = None
        card = self._said(ticket, event)
        if event.kind in {*FROM_PERSON, UNREACHED} and (event.kind != "file" or event.actor == ticket.requester):
            sent = self._run(channel.send(thread, card, f"desk:{ticket.number}:{event.seq}:{place.channel}"))
        with self._parts.db.tx() as tx:
            if sent:
                self._parts.store.keep_line(tx, ticket.number, place, event.seq, sent, _mark(card))
            self._parts.store.relayed(tx, ticket.number, place, event.seq)

    def _amend(self, channel: Channel, place: Place, ticket: Ticket, events: Sequence[TicketEvent]) -> None:
        """Lines that the person has edited or taken back say so in the thread too."""
        lines = {int(row["seq"]): row for row in self._parts.store.lines(ticket.number, place)}
        for event in events:
            row = lines.get(event.seq)
            card = self._said(ticket, event) if row else None
            if row is None or card is None or row["shown"] == _mark(card):
                continue
            ref = self._run(channel.update(SentRef(place.channel, row["address"], row["message"]), card))
            with self._parts.db.tx() as tx:
                self._parts.store.keep_line(tx, ticket.number, place, event.seq, ref, _mark(card))

    def _run(self, sending: Awaitable[SentRef]) -> SentRef:
        return self._parts.bridge(sending, POST_SECONDS)

    def card_of(self, number: str) -> Card:
        """The card of a ticket as it is now. Raises `NotFound`."""
        return self.card(self._parts.tickets.get(number), self._parts.tickets.timeline(number))

    def card(self, ticket: Ticket, timeline: Sequence[TicketEvent]) -> Card:
        """What the desk sees: who, what, how urgent, who has it, and what can be done."""
        words, lang = self._words, self._parts.organisation().file.language
        number = ticket.number
        opened = next((event.text for event in timeline if event.kind == "opened"), "")
        short = opened if len(opened) <= SHOWN_TEXT else opened[: SHOWN_TEXT - 1] + "…"
        blocks: list[Block] = [Facts(self._facts(ticket, lang)), *([Text(short, "quote")] if short else [])]
        if ticket.state != "resolved":
            blocks.append(
                Input("text", words.say(lang, "room.reply_label"), "desk.reply", words.say(lang, "room.reply"), number)
            )
        blocks.append(Buttons(tuple(self._buttons(ticket, lang))))
        blocks += self._parts.more(ticket)
        blocks += self._parts.pages(ticket, lang)
        blocks.append(Text(words.say(lang, "room.how", mark=words.say(lang, "room.note_mark")), "muted"))
        tone: Tone = "done" if ticket.state == "resolved" else "emergency" if ticket.severity == "S3" else "desk"
        title = f"{number} · {ticket.severity} · {ticket.subject}"
        return Card(title, tuple(blocks), tone, lang=lang)

    def _facts(self, ticket: Ticket, lang: str) -> tuple[tuple[str, str], ...]:
        words, who = self._words, self._parts.identities
        state = words.say(lang, f"state.{ticket.state}")
        holder = who.name(ticket.assignee) if ticket.assignee else words.say(lang, "room.nobody")
        facts = [
            (words.say(lang, "room.from"), who.name(ticket.requester)),
            (words.say(lang, "room.state"), state),
            (words.say(lang, "room.holder"), holder),
        ]
        if partners := self._parts.tickets.partners():
            with_whom = partners.get(ticket.owner, ticket.owner) or words.say(lang, "room.us")
            ended = self._parts.tickets.ended(ticket.owner, self._parts.clock.now()) if ticket.owner else None
            note = f" ({words.say(lang, 'room.contract_ended', day=ended.isoformat())})" if ended else ""
            facts.append((words.say(lang, "room.with"), with_whom + note))
        if ticket.state != "resolved":
            file = self._parts.organisation().file
            reader = Person("", "", language=file.language, timezone=file.timezone)
            still = words.say(lang, "room.still")
            due = still if ticket.still else local_time(ticket.next_due_at, reader, self._parts.clock.now(), words)
            facts.append((words.say(lang, "room.due"), due))
        return tuple(facts)

    def _buttons(self, ticket: Ticket, lang: str) -> list[Button]:
        say, number = self._words.say, ticket.number
        if ticket.state == "resolved":
            return [Button(say(lang, "room.button.reopen"), "desk.reopen", number)]
        claim = Button(say(lang, "room.button.claim"), "desk.claim", number, "primary")
        release = Button(say(lang, "room.button.release"), "desk.release", number)
        resolve = Button(say(lang, "room.button.resolve"), "desk.resolve", number)
        others = [severity for severity in reversed(SEVERITIES) if severity not in {ticket.severity, "S0"}]
        more = [
            Button(say(lang, "room.button.severity", severity=severity), "desk.severity", f"{number}:{severity}")
            for severity in others
        ]
        return [release if ticket.assignee else claim, resolve, *more, *self._hands(ticket, lang)]

    def _hands(self, ticket: Ticket, lang: str) -> list[Button]:
        """To a partner, or back to us."""
        say, number = self._words.say, ticket.number
        if ticket.owner:
            return [Button(say(lang, "room.button.take_back"), "desk.hand", f"{number}:")]
        partners = list(self._parts.tickets.partners().items())[:MOST_PARTNERS]
        return [
            Button(say(lang, "room.button.hand", name=name)[:75], "desk.hand", f"{number}:{id_}")
            for id_, name in partners
        ]

    def _said(self, ticket: Ticket, event: TicketEvent) -> Card:
        lang = self._parts.organisation().file.language
        if event.kind == UNREACHED:
            said = self._words.say(lang, "room.unreached", name=self._parts.identities.name(ticket.requester))
            return Card("", (Text(said), Text(event.text, "muted")), "warning", lang=lang)
        name = self._parts.identities.name(event.actor)
        head = Text(self._words.say(lang, "room.said", name=name), "muted")
        if event.kind == "file" and (file := self._parts.tickets.files(ticket.number).get(event.seq)):
            return Card("", (head, file), "desk", lang=lang)
        return Card("", (head, Text(event.text or event.kind, "quote")), "desk", lang=lang)

    def _ticket_at(self, place: Place) -> str:
        return self._parts.store.ticket_at(place.channel, place.conversation, place.thread)

    @property
    def _words(self) -> Words:
        return self._parts.organisation().words


def _mark(card: Card) -> str:
    """What tells one card from another."""
    return hashlib.sha256(dump(card).encode()).hexdigest()

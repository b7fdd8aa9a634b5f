"""The person's side of the help desk: asking for a person, answering in the chat, seeing one's tickets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.cards import Block, Button, Buttons, Card, Facts, Input, Text
from bot.errors import NotFound
from bot.helpdesk.attachments import Sealed
from bot.helpdesk.tickets import Ticket, Tickets
from bot.model import Action, Person, Place, Severity
from bot.organisation import Words
from bot.turn import CoreStore, Effect, TicketRequest, Turn, Work, place_key

CONVERSATION_LINES = 20
HOME_TICKETS = 10


class Relay:
    """Responder of the help desk (action ids `tickets.*`)."""

    prefix = "tickets"

    def __init__(
        self,
        tickets: Tickets,
        store: CoreStore,
        words: Callable[[], Words],
        place_of: Callable[[str], Place | None] = lambda _key: None,
    ) -> None:
        self._tickets, self._store, self._words, self._place_of = tickets, store, words, place_of

    def respond(self, turn: Turn) -> Effect | None:
        """Buttons of this pillar, and text typed while talking with the desk."""
        if turn.action is None:
            if turn.dialogue and turn.dialogue.kind == "tickets.talk" and (turn.text or turn.files):
                number, files = turn.dialogue.state["ticket"], self._tickets.sealed(turn.files, turn.lang)
                return lambda work: self._said(work, turn, number, turn.text, files)
            return None
        verb, value = turn.action.id.partition(".")[2], turn.action.value
        match verb:
            case "person":
                return lambda work: self.person(work, turn, value)
            case "say":
                text = turn.action.form.get("text", "").strip() or turn.text
                return lambda work: self._said(work, turn, value, text)
            case "leave":
                return lambda work: self._leave(work, turn)
            case "reopen":
                return lambda work: self._reopen(work, turn, value)
            case "good":
                return lambda work: self._good(work, turn, value)
            case "mine":
                mine = self._tickets.of_person(turn.person.key)
                return lambda _work: self._list(turn, mine)
        return None

    def person(self, work: Work, turn: Turn, subject: str = "") -> Card:
        """Open a ticket with the conversation so far, and listen for more. Outsiders get the phone number instead."""
        person = turn.person
        if not person.known:
            phone = self._words().say(turn.lang, "escalate.phone", helpdesk_phone=turn.values.get("helpdesk_phone", ""))
            return Card("", (Text(self._words().say(turn.lang, "small.guest")), Text(phone)), lang=turn.lang)
        talk = self._store.conversation(person.key, place_key(turn.place), CONVERSATION_LINES) if person.key else []
        typed = turn.action.form.get("typed", "") if turn.action else ""  # the button's own words are no subject
        asked = [row["text"] for row in talk if row["direction"] == "in" and row["text"] != typed]
        form = turn.action.form if turn.action else {}
        text = form.get("text", "").strip() or subject or turn.text or (asked[-1] if asked else "")
        text = text or self._words().say(turn.lang, "ticket.no_subject")
        severity: Severity = "S2" if form.get("urgency") == "urgent" else "S1"
        if behalf := form.get("behalf", "").strip():
            return self._for(
                work, turn, behalf, TicketRequest("", turn.place, "person", first_line(text), text, severity)
            )
        join = f"question:{person.key}"  # an open question of theirs is what they want a person for
        ref = self._tickets.open(
            work, TicketRequest(person.key, turn.place, "person", first_line(text), text, severity, join=join)
        )
        if ref.joined and severity == "S2":
            self._tickets.raise_severity(work, ref.number, severity, person.key)
        if form.get("reach") == "phone":
            self._tickets.log(work, ref.number, person.key, "call_me", person.phone)
        if ref.joined:  # what is in it already is not attached again
            known = max((e.at for e in self._tickets.timeline(ref.number) if e.kind == "conversation"), default=0.0)
            talk = [row for row in talk if row["at"] > known]
        if talk:
            lines = "\n".join(("> " if row["direction"] == "in" else "< ") + row["text"] for row in talk)
            self._tickets.log(work, ref.number, person.key, "conversation", lines)
        work.dialogue(person.key, turn.place, "tickets.talk", {"ticket": ref.number})
        return self._opened(turn, ref.number, severity)

    def _for(self, work: Work, turn: Turn, who: str, request: TicketRequest) -> Card:
        """For a colleague: both see it, and both hear of it where they are."""
        words, lang = self._words(), turn.lang
        other = self._tickets.colleague(work, who)
        if other is None or other.key == turn.person.key:
            return Card("", (Text(words.say(lang, "person.behalf_unknown", name=who[:80])),), lang=lang)
        place = self._place_of(other.key) or Place("", "")
        mine = replace(request, person=other.key, place=place, opener=turn.person.key, opener_place=turn.place)
        ref = self._tickets.open(work, mine)
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": ref.number})
        said = words.say(lang, "person.behalf", number=ref.number, name=other.name)
        return Card("", (Text(said), Buttons((self._leave_button(lang, ref.number),))), "done", lang=lang)

    def form(self, action: Action, person: Person) -> Card | None:
        """What to ask before somebody is brought in, where the platform can ask; all of it may stay empty."""
        if action.id != "tickets.person" or not person.known:
            return None
        say, lang = self._words().say, person.language
        send = say(lang, "person.form.send")
        urgency = tuple((key, say(lang, f"person.form.urgency.{key}")) for key in ("normal", "urgent"))
        reach = tuple((key, say(lang, f"person.form.reach.{key}")) for key in ("chat", "phone"))
        return Card(
            say(lang, "button.person"),
            (
                Text(say(lang, "person.form.body")),
                Input("text", say(lang, "person.form.text"), action.id, send, action.value, optional=True),
                Input(
                    "behalf",
                    say(lang, "person.form.behalf"),
                    action.id,
                    send,
                    action.value,
                    multiline=False,
                    optional=True,
                ),
                Input("urgency", say(lang, "person.form.urgency"), action.id, send, action.value, choose=urgency),
                Input("reach", say(lang, "person.form.reach"), action.id, send, action.value, choose=reach),
            ),
            "question",
            lang=lang,
        )

    def home(self, person: Person) -> list[Block]:
        """Somebody's own tickets, the newest first, for a page of theirs."""
        say, lang = self._words().say, person.language
        mine = self._tickets.of_person(person.key, HOME_TICKETS)
        if not mine:
            return [Text(say(lang, "ticket.mine"), "strong"), Text(say(lang, "ticket.none"))]
        facts = tuple((t.number, f"{say(lang, 'state.' + t.state)} · {t.subject}") for t in mine)
        return [Text(say(lang, "ticket.mine"), "strong"), Facts(facts)]

    def _opened(self, turn: Turn, number: str, severity: Severity) -> Card:
        words, lang = self._words(), turn.lang
        target = self._tickets.promise(severity, turn.at)
        by = local_time(target, turn.person, turn.at, words)
        return Card(
            words.say(lang, "person.title", number=number),
            (
                Text(words.say(lang, "person.body", by=by)),
                Text(words.say(lang, "person.more", helpdesk_phone=turn.values.get("helpdesk_phone", "")), "muted"),
                Buttons(
                    (self._leave_button(lang, number), Button(words.say(lang, "button.my_tickets"), "tickets.mine"))
                ),
            ),
            "done",
            lang=lang,
        )

    def _said(self, work: Work, turn: Turn, number: str, text: str, files: Sequence[Sealed] = ()) -> Card:
        words, lang = self._words(), turn.lang
        if not text and not files:
            return Card("", (Text(words.say(lang, "ticket.empty")),), lang=lang)
        self._tickets.said(work, number, turn.person, text, files)
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": number})
        buttons = Buttons((self._leave_button(lang, number),))
        return Card("", (Text(words.say(lang, "ticket.added", number=number)), buttons), "done", lang=lang)

    def _leave(self, work: Work, turn: Turn) -> Card:
        work.end_dialogue(turn.person.key, turn.place)
        return Card("", (Text(self._words().say(turn.lang, "ticket.left")),), lang=turn.lang)

    def _reopen(self, work: Work, turn: Turn, number: str) -> Card:
        if not self._tickets.sees(self._tickets.get(number).requester, number, turn.person.key):
            raise NotFound(number)
        self._tickets.reopen(work, number, turn.person)
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": number})
        words = self._words()
        return Card("", (Text(words.say(turn.lang, "ticket.reopened_by_you", number=number)),), "done", lang=turn.lang)

    def _good(self, work: Work, turn: Turn, number: str) -> Card:
        self._tickets.rate(work, number, turn.person, good=True)
        return Card("", (Text(self._words().say(turn.lang, "ticket.thanks", number=number)),), "done", lang=turn.lang)

    def _list(self, turn: Turn, mine: list[Ticket]) -> Card:
        words, lang = self._words(), turn.lang
        if not mine:
            return Card("", (Text(words.say(lang, "ticket.none")),), lang=lang)
        facts = tuple((t.number, f"{words.say(lang, 'state.' + t.state)} · {t.subject}") for t in mine)
        return Card(words.say(lang, "ticket.mine"), (Facts(facts),), lang=lang)

    def _leave_button(self, lang: str, number: str) -> Button:
        return Button(self._words().say(lang, "button.leave_ticket"), "tickets.leave", number)


def first_line(text: str) -> str:
    """What stands for a longer text."""
    return next((line.strip() for line in text.splitlines() if line.strip()), text)


def local_time(moment: float, person: Person, now: float, words: Words | None = None) -> str:
    """A time as the person reads it: `14:30`, with the date when it is not today (in their language, given `words`)."""
    try:
        zone = ZoneInfo(person.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    then, today = (
        datetime.fromtimestamp(moment, UTC).astimezone(zone),
        datetime.fromtimestamp(now, UTC).astimezone(zone),
    )
    if then.date() == today.date():
        return f"{then:%H:%M}"
    if words is None:
        return f"{then.day} {then:%b, %H:%M}"
    month = words.say(person.language, "time.months").split("|")[then.month - 1]
    return words.say(person.language, "time.day", day=then.day, month=month, time=f"{then:%H:%M}")

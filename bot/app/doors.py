"""What platforms may ask of the desk besides answering a message: forms, somebody's own page, edits, private answers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.amend import Amend
from bot.answering import proposals
from bot.answering.redaction import redact
from bot.cards import Block, Button, Buttons, Card, Text
from bot.errors import NotFound, StoreUnavailable
from bot.model import Action, Message, Person, Place
from bot.platforms import Checked
from bot.turn import place_key

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)
_PERSONAL = (
    "emergency.",
    "tickets.",
    "learning.",
    "people.",
    "procedure.",
    "partner.",
)  # what these buttons bring is nobody else's business


class FrontDesk:
    """Answers from an `App`. Synchronous; may raise `StoreUnavailable`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def form(self, action: Action, person: Person) -> Card | None:
        """What to ask before an action is sent."""
        app = self._app
        if action.id != proposals.ACTION:
            return app.relay.form(action, person)
        if not app.proposals.may(person):
            return None
        place = Place(
            action.form.get("channel", ""), action.form.get("conversation", ""), action.form.get("thread", "")
        )
        number = app.room.ticket_at(place)
        events = app.tickets.timeline(number) if number else []
        asked = next((event.text for event in events if event.kind == "opened"), action.form.get("question", ""))
        return app.proposals.form(person, proposals.asked(Action(action.id, "", {"question": redact(asked).text})))

    def check(self, action: Action, person: Person) -> Checked:
        """A filled-in form: its faults by field, or what it would make."""
        if action.id != proposals.ACTION or not self._app.proposals.may(person):
            return Checked()
        looked = self._app.proposals.look(person, action.form)
        if looked.faults or looked.entry is None:
            return Checked(looked.faults)
        return Checked(preview=self._app.proposals.preview(person, looked.entry, action.form))

    def home(self, person: Person) -> Card:
        """Somebody's own page: trouble first, then their tickets, then their tips."""
        app, lang = self._app, person.language
        known = app.identities.known_key(person)
        say = app.organisation().words.say
        values = app.organisation().values(person.entity, lang)
        buttons = (
            Button(say(lang, "button.emergency"), "emergency.start", "incident", "danger"),
            Button(say(lang, "button.report"), "reporting.start"),
            Button(say(lang, "button.person"), "tickets.person"),
        )
        blocks: list[Block] = [Text(say(lang, "home.body")), Buttons(buttons)]
        if phone := values.get("helpdesk_phone"):
            blocks.append(Text(say(lang, "escalate.phone", helpdesk_phone=phone), "muted"))
        if person.known:
            me = Person(**{**vars(person), "key": known})
            blocks += [*app.relay.home(me), *app.nudges.home(me)]
        else:
            blocks.append(Text(say(lang, "small.guest"), "muted"))
        return Card(say(lang, "home.title"), tuple(blocks), lang=lang)

    def expects(self, person: str, place: Place) -> bool:
        """Whether somebody is in the middle of something in a place."""
        return self._app.core.dialogue(person, place_key(place)) is not None

    def amended(self, person: Person, key: str, text: str) -> bool:
        """A message was edited, or is gone."""
        app = self._app
        amend = Amend(
            app.amends, app.work, lambda words: redact(words).text,
            lambda words: app.contents.gate.current.look(words).level != "none",
            lambda: app.organisation().words.say(app.organisation().file.language, "ticket.taken_back"),
        )  # fmt: skip
        return amend(app.identities.known_key(person), key, text)

    def confidential(self, message: Message) -> bool:
        """Whether others should not read what this message is answered with."""
        if message.action:
            return message.action.id.startswith(_PERSONAL)
        app = self._app
        if app.contents.gate.current.look(message.text).level != "none":
            return True
        if any(known.asked(message.text) for known in (app.about, app.procedures.chat, app.partners.desk)):
            return True
        clean = redact(message.text)
        if clean.removed:
            return True
        try:
            key = app.identities.known_key(message.person)
            if key and self.expects(key, message.place):
                return False  # the conversation is already going on there
            return app.answers.confidential(clean.text, message.person, app.clock.now())
        except (StoreUnavailable, NotFound) as error:
            log.warning("nobody could say whether an answer is private: %s", type(error).__name__)
            return True

"""The emergency pillar's door: the card first, then page and ticket, then one question at a time.

Never waits for search, database or network. With the database unwritable the card comes without a number, the page goes out at
once, and what was said is spooled and becomes a ticket later.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.answering.answers import Answers
from bot.answering.emergency import Gate, Question, Sighting
from bot.cards import Block, Button, Card, Choices, Text
from bot.model import Message, Person
from bot.organisation import Organisation
from bot.spool import Spool
from bot.turn import Effect, EmergencyRaised, Escalation, TicketRequest, Turn, Work, place_key

log = logging.getLogger(__name__)
FLOW, CONFIRM = "emergency.flow", "emergency.confirm"
FLOW_SECONDS = 7200.0


@dataclass(frozen=True)
class Parts:
    """What the door is made of. `call(key, summary)` rings now: ("" or who was called, why nobody was)."""

    gate: Callable[[], Gate]
    organisation: Callable[[], Organisation]
    escalation: Escalation
    redact: Callable[[str], str]
    call: Callable[[str, str], tuple[str, str]]
    spool: Spool
    on_duty: Callable[[float], bool]


class EmergencyDoor:
    """Implements `bot.desk.Emergencies` (action ids `emergency.*`)."""

    prefix = "emergency"

    def __init__(self, parts: Parts, answers: Callable[[], Answers]) -> None:
        self._parts, self._answers = parts, answers

    def fires(self, message: Message) -> bool:
        return bool(message.text) and self._parts.gate().look(message.text).level == "fire"

    def respond(self, turn: Turn) -> Effect | None:
        """The emergency effect of a turn, or None when nobody is in trouble."""
        if turn.action:
            return self._pressed(turn, turn.action.id.partition(".")[2], turn.action.value)
        flow = self._flow(turn)
        sighting = self._parts.gate().look(turn.text) if turn.text else None
        if sighting and sighting.level == "fire":
            return lambda work: self._raise(work, turn, sighting.kind, sighting.lang)
        if flow and turn.text:
            return lambda work: self._added(work, turn, flow)
        if sighting and sighting.level == "confirm":
            return lambda work: self.confirm(work, turn, sighting.kind)
        return None

    def confirm(self, work: Work, turn: Turn, kind: str, entry: str = "") -> Card:
        """Ask whether it has just happened. `entry` is the article that "just asking" leads to."""
        work.dialogue(turn.person.key, turn.place, CONFIRM, {"kind": kind, "entry": entry, "text": turn.text[:500]})
        lang = self._spoken(turn, self._parts.gate().look(turn.text))
        return self._parts.gate().confirm_card(kind, lang, turn.values)

    def without_store(self, message: Message, values: Mapping[str, str]) -> Card:
        gate, words = self._parts.gate(), self._parts.organisation().words
        sighting = gate.look(message.text)
        kind = sighting.kind if sighting.level != "none" else self._kind_of(message)
        lang = message.person.language if message.action else self._language(message.person, sighting)
        self._parts.spool.keep(message.key, _record(message, kind, self._parts.redact(message.text)))
        called, error = self._parts.call(message.key, self._summary(message.person, kind))
        card = gate.card(kind, lang, values, "")
        if not called:
            log.error("emergency page failed: %s", error)
            truth = words.say(lang, "emergency.no_page", helpdesk_phone=values.get("helpdesk_phone", ""))
            card = replace(card, blocks=(Text(truth, "strong"), *card.blocks))
        return card

    # raising

    def _raise(self, work: Work, turn: Turn, kind: str, lang: str = "") -> Card:
        """Ticket S3, page, and the first card with the first question. A repeat within 30 minutes joins."""
        gate, person = self._parts.gate(), turn.person
        lang = lang or turn.lang
        summary = self._summary(person, kind)
        request = TicketRequest(
            person.key, turn.place, "emergency", gate.title(kind, "en"), turn.text or gate.title(kind, "en"), "S3",
            join=f"emergency:{person.key}", page=summary,
        )  # fmt: skip
        ref = self._parts.escalation.open(work, request)
        if not ref.joined:
            work.publish(EmergencyRaised(person.key, kind, ref.number))
        state = {"ticket": ref.number, "kind": kind, "lang": lang}
        work.dialogue(person.key, turn.place, FLOW, {**state, "answered": "{}"})
        card = gate.card(kind, lang, turn.values, ref.number)
        if not self._parts.on_duty(turn.at):
            truth = self._say(lang, "emergency.no_page", **turn.values)
            card = replace(card, blocks=(Text(truth, "strong"), *card.blocks))
        return self._with_question(card, kind, {}, lang)

    def _with_question(self, card: Card, kind: str, answered: Mapping[str, str], lang: str) -> Card:
        question = self._parts.gate().question(kind, answered, lang)
        return replace(card, blocks=(*card.blocks, _choices(question))) if question else card

    # the flow

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        match verb:
            case "start":
                return lambda work: self._raise(work, turn, self._known(value))
            case "yes":
                return lambda work: self._yes(work, turn, self._known(value))
            case "no":
                return self._no(turn)
            case "call" | "worse" | "answer" if flow := self._flow(turn):
                step = {"call": self._call, "worse": self._worse, "answer": self._answer}[verb]
                return lambda work: step(work, turn, flow)
        return None

    def _yes(self, work: Work, turn: Turn, kind: str) -> Card:
        text = turn.dialogue.state.get("text", "") if turn.dialogue and turn.dialogue.kind == CONFIRM else ""
        return self._raise(work, replace(turn, text=text), kind)

    def _no(self, turn: Turn) -> Effect:
        """Just asking: the article, or the ordinary answer to what was asked."""
        state = turn.dialogue.state if turn.dialogue and turn.dialogue.kind == CONFIRM else {}
        asked = replace(turn, text=state.get("text", ""), action=None, dialogue=None)
        rest = self._answers().just_asking(asked, state.get("entry", ""))

        def effect(work: Work) -> Card:
            work.end_dialogue(turn.person.key, turn.place)
            return rest(work)

        return effect

    def _answer(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        """One answer to one question: on the ticket, then the next question or the end."""
        gate, lang, kind = self._parts.gate(), flow["lang"], flow["kind"]
        answered: dict[str, str] = json.loads(flow["answered"])
        question_id, _, option_id = (turn.action.value if turn.action else "").partition(":")
        question = gate.question(kind, answered, lang)
        if question is None or question.id != question_id:
            return Card("", (Text(self._say(lang, "desk.stale")),), lang=lang)
        option = next((item for item in question.options if item.id == option_id), None)
        if option is None:
            return Card("", (Text(self._say(lang, "desk.stale")),), lang=lang)
        answered[question_id] = option_id
        number = flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "answered", f"{question.text} {option.label}")
        new_kind = option.leads_to or kind
        work.dialogue(turn.person.key, turn.place, FLOW, {**flow, "kind": new_kind, "answered": json.dumps(answered)})
        work.audit(turn.person.key, "emergency.answer", number, question=question_id, option=option_id)
        if new_kind != kind:
            self._parts.escalation.page(work, number, self._summary(turn.person, new_kind))
            card = gate.card(new_kind, lang, turn.values, number)
        else:
            card = Card("", (Text(self._say(lang, "emergency.noted", number=number)),), "emergency", lang=lang)
        more = gate.question(new_kind, answered, lang)
        if more is None:
            work.end_dialogue(turn.person.key, turn.place)
            work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": number})
            done: Block = Text(self._say(lang, "emergency.all", number=number), "strong")
            return replace(card, blocks=(*card.blocks, done, Text(self._phone(turn, lang))))
        return replace(card, blocks=(*card.blocks, _choices(more)))

    def _added(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        """Free text while a question is open: on the ticket, and the question again."""
        lang, number = flow["lang"], flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "said", turn.text)
        card = Card("", (Text(self._say(lang, "emergency.joined", number=number)),), "emergency", lang=lang)
        return self._with_question(card, flow["kind"], json.loads(flow["answered"]), lang)

    def _call(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number = flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "call_me", turn.person.phone)
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "call"))
        return self._noted(turn, flow, "emergency.call_noted")

    def _worse(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number = flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "worse", turn.text)
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "worse"))
        return self._noted(turn, flow, "emergency.worse_noted")

    def _noted(self, turn: Turn, flow: Mapping[str, str], key: str) -> Card:
        lang = flow["lang"]
        card = Card("", (Text(self._say(lang, key, **turn.values)),), "emergency", lang=lang)
        return self._with_question(card, flow["kind"], json.loads(flow["answered"]), lang)

    # inside

    @staticmethod
    def _flow(turn: Turn) -> Mapping[str, str] | None:
        dialogue = turn.dialogue
        if dialogue and dialogue.kind == FLOW and turn.at - dialogue.updated_at < FLOW_SECONDS:
            return dialogue.state
        return None

    def _known(self, kind: str) -> str:
        return kind if kind in self._parts.gate().kinds else "incident"

    def _kind_of(self, message: Message) -> str:
        return self._known(message.action.value) if message.action else "incident"

    def _spoken(self, turn: Turn, sighting: Sighting) -> str:
        return self._language(turn.person, sighting)

    @staticmethod
    def _language(person: Person, sighting: Sighting) -> str:
        return sighting.lang if sighting.level != "none" else person.language

    def _summary(self, person: Person, kind: str, more: str = "") -> str:
        what = self._parts.gate().summary(kind)
        if more:
            what = self._say("en", f"emergency.page_{more}", what=what)
        risk = self._say("en", "emergency.high_risk") if "high_risk" in person.roles else ""
        phone = person.phone or self._say("en", "emergency.no_phone")
        return self._say("en", "emergency.page", what=what, name=person.name, risk=risk, phone=phone)

    def _phone(self, turn: Turn, lang: str) -> str:
        return self._say(lang, "emergency.phone", **turn.values)

    def _say(self, lang: str, key: str, **params: Any) -> str:
        return self._parts.organisation().words.say(lang, key, **params)


def _choices(question: Question) -> Choices:
    options = tuple(Button(item.label, "emergency.answer", f"{question.id}:{item.id}") for item in question.options)
    return Choices(question.text, options)


def _record(message: Message, kind: str, text: str) -> dict[str, object]:
    """What the spool keeps: enough to open the ticket later, secrets already removed."""
    return {"key": message.key, "person": message.person.id, "name": message.person.name, "kind": kind, "text": text,
            "place": place_key(message.place), "at": message.at}  # fmt: skip

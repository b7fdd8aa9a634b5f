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
from bot.cards import Block, Button, Buttons, Card, Choices, Text
from bot.model import Message, Person
from bot.organisation import Organisation
from bot.spool import Spool
from bot.turn import Effect, EmergencyRaised, Escalation, TicketRequest, Turn, Work, place_key

log = logging.getLogger(__name__)
FLOW, CONFIRM = "emergency.flow", "emergency.confirm"
FLOW_SECONDS = 7200.0
_TROUBLE = {"start", "yes", "call", "worse", "answer"}  # buttons that only somebody in trouble presses


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
        if message.action:
            pillar, _, verb = message.action.id.partition(".")
            return pillar == self.prefix and verb in _TROUBLE
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
        gate = self._parts.gate()
        sighting = gate.look(message.text)
        kind = sighting.kind if sighting.level != "none" else self._kind_of(message)
        lang = message.person.language if message.action else self._language(message.person, sighting)
        card = gate.card(kind, lang, values, "")
        try:
            self._parts.spool.keep(message.key, _record(message, kind, self._parts.redact(message.text)))
            called, error = self._parts.call(message.key, self._summary(message.person, kind))
        except Exception as broken:  # whatever it is, the person gets the card
            log.exception("an emergency could not be passed on", extra={"event": message.key})
            called, error = "", type(broken).__name__
        if called:
            return card
        log.error("emergency page failed: %s", error)
        return self._alone(card, lang, values)

    def _alone(self, card: Card, lang: str, values: Mapping[str, str]) -> Card:
        """The card of somebody whom nobody has been called for: it says so first."""
        truth = self._parts.gate().text("nobody_reached", lang, values)
        return replace(card, blocks=(Text(truth, "strong"), *card.blocks))

    # raising

    def _raise(self, work: Work, turn: Turn, kind: str, lang: str = "") -> Card:
        """Ticket S3, page, and the first card with the first question. A repeat within 30 minutes joins."""
        gate, person = self._parts.gate(), turn.person
        lang = lang or turn.lang
        summary = self._summary(person, kind)
        request = TicketRequest(
            person.key, turn.place, "emergency", gate.summary(kind), turn.text or gate.summary(kind), "S3",
            join=f"emergency:{person.key}", page=summary,
        )  # fmt: skip
        ref = self._parts.escalation.open(work, request)
        before = self._flow(turn) or {}
        if not ref.joined:
            work.publish(EmergencyRaised(person.key, kind, ref.number))
        elif before.get("kind", kind) != kind:  # the same trouble again needs no second call, another one does
            self._parts.escalation.page(work, ref.number, summary)
        state = {"ticket": ref.number, "kind": kind, "lang": lang, "answered": "{}"}
        work.dialogue(person.key, turn.place, FLOW, state)
        card = gate.card(kind, lang, turn.values, ref.number)
        if not self._parts.on_duty(turn.at):
            card = self._alone(card, lang, turn.values)
        return self._with_question(card, state)

    def _with_question(self, card: Card, flow: Mapping[str, str]) -> Card:
        question = self._parts.gate().question(flow["kind"], json.loads(flow["answered"]), flow["lang"])
        return replace(card, blocks=(*card.blocks, _choices(question, flow["ticket"]))) if question else card

    # the flow

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        match verb:
            case "start":
                return lambda work: self._raise(work, turn, self._known(value))
            case "yes":
                return lambda work: self._yes(work, turn, self._known(value))
            case "no":
                return self._no(turn)
            case "secret_yes" if value == "code":
                return lambda work: self._raise(work, turn, "mfa")
            case "secret_yes" | "secret_no":
                return self._answers().secret(turn, real=verb == "secret_yes")
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
        gate, lang, number = self._parts.gate(), flow["lang"], flow["ticket"]
        asked_for, question_id, option_id = (*(turn.action.value if turn.action else "").split(":"), "", "")[:3]
        answered: dict[str, str] = json.loads(flow["answered"])
        question = gate.question(flow["kind"], answered, lang)
        option = gate.find_option(question_id, option_id, lang)
        due = question_id == "worse" or (question is not None and question.id == question_id)
        if asked_for != number or option is None or not due:
            return Card("", (Text(self._say(lang, "desk.stale")),), lang=lang)
        if question_id != "worse":
            answered[question_id] = option_id
        self._parts.escalation.log(work, number, turn.person.key, "answered", f"{question_id}: {option.label}")
        work.audit(turn.person.key, "emergency.answer", number, question=question_id, option=option_id)
        kind = option.leads_to or flow["kind"]
        state = {**flow, "kind": kind, "answered": json.dumps(answered)}
        work.dialogue(turn.person.key, turn.place, FLOW, state)
        if kind == flow["kind"]:
            card = Card("", (Text(self._say(lang, "emergency.noted", number=number)),), "emergency", lang=lang)
        else:
            self._parts.escalation.page(work, number, self._summary(turn.person, kind))
            card = gate.card(kind, lang, turn.values, number)
        if gate.question(kind, answered, lang):
            return self._with_question(card, state)
        return self._finished(work, turn, state, card)

    def _finished(self, work: Work, turn: Turn, flow: Mapping[str, str], card: Card) -> Card:
        """No question is left: from here what is typed goes to the ticket."""
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": flow["ticket"]})
        gate, lang = self._parts.gate(), flow["lang"]
        done: tuple[Block, ...] = (
            Text(gate.text("answers_done", lang, turn.values), "strong"),
            Text(gate.text("phone", lang, turn.values)),
        )
        return replace(card, blocks=(*card.blocks, *done))

    def _added(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        """Free text while a question is open: on the ticket, and the question again."""
        lang, number = flow["lang"], flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "said", turn.text)
        joined = self._parts.gate().text("already_open", lang, turn.values, number)
        card = self._with_question(Card("", (Text(joined),), "emergency", lang=lang), flow)
        leave = Button(self._say(lang, "button.leave_ticket"), "tickets.leave", number)
        return replace(card, blocks=(*card.blocks, Buttons((leave,))))

    def _call(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number, gate = flow["ticket"], self._parts.gate()
        self._parts.escalation.log(work, number, turn.person.key, "call_me", turn.person.phone)
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "call"))
        texts = (Text(gate.text(name, flow["lang"], turn.values)) for name in ("called", "phone"))
        return self._with_question(Card("", tuple(texts), "emergency", lang=flow["lang"]), flow)

    def _worse(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number, gate, lang = flow["ticket"], self._parts.gate(), flow["lang"]
        self._parts.escalation.log(work, number, turn.person.key, "worse", turn.text)
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "worse"))
        blocks: list[Block] = [
            Text(gate.text("called", lang, turn.values)),
            Text(gate.text("phone", lang, turn.values)),
        ]
        question = gate.worse(lang)
        blocks += [_choices(question, number)] if question else []
        return Card("", tuple(blocks), "emergency", lang=lang)

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

    def _say(self, lang: str, key: str, **params: Any) -> str:
        return self._parts.organisation().words.say(lang, key, **params)


def _choices(question: Question, number: str) -> Choices:
    value = f"{number}:{question.id}"
    options = tuple(Button(item.label, "emergency.answer", f"{value}:{item.id}") for item in question.options)
    return Choices(question.prompt, options)


def _record(message: Message, kind: str, text: str) -> dict[str, object]:
    """What the spool keeps: enough to open the ticket later, secrets already removed."""
    return {"key": message.key, "person": message.person.id, "name": message.person.name, "kind": kind, "text": text,
            "place": place_key(message.place), "at": message.at}  # fmt: skip

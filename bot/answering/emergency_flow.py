"""The emergency pillar's door: the card first, then page and ticket, then one question at a time.

Never waits for search, database or network. With the database unwritable the card comes without a number, the page goes out at
once, and what was said is spooled and becomes a ticket later.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.answering.answers import Answers
from bot.answering.emergency import Gate, Option, Question, Sighting
from bot.cards import Block, Button, Buttons, Card, Choices, Text
from bot.model import Message, Person
from bot.organisation import Organisation
from bot.spool import Spool
from bot.turn import Effect, EmergencyRaised, Escalation, TicketRequest, Turn, Work, place_key

log = logging.getLogger(__name__)
FLOW, CONFIRM, TALK = "emergency.flow", "emergency.confirm", "tickets.talk"
DONE = "done"  # in a flow: its questions are over
FLOW_SECONDS = 7200.0
DATA, DAYS_3 = "data", 72 * 3600.0
ONLY_CLICKED = ("happened", "clicked")
_SIGHTINGS = 16  # kept in memory, of as many messages that are being answered at once
# what can come to many people at once, by the card: those who were reached by one mail click, type and open
CAUSES = {**dict.fromkeys(("clicked", "credentials", "mfa", "file", "consent"), "mail"), "ransom": "ransom"}
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
    still_open: Callable[[str, str], bool] = lambda _number, _person: False  # whether an emergency of this person's is


class EmergencyDoor:
    """Implements `bot.desk.Emergencies` (action ids `emergency.*`)."""

    prefix = "emergency"

    def __init__(self, parts: Parts, answers: Callable[[], Answers]) -> None:
        self._parts, self._answers = parts, answers
        self._seen: dict[str, tuple[Gate, Sighting]] = {}

    def fires(self, message: Message) -> bool:
        if message.action:
            pillar, _, verb = message.action.id.partition(".")
            return pillar == self.prefix and verb in _TROUBLE
        return bool(message.text) and self._look(message.text).level == "fire"

    def respond(self, turn: Turn) -> Effect | None:
        """The emergency effect of a turn, or None when nobody is in trouble."""
        if turn.action:
            return self._pressed(turn, turn.action.id.partition(".")[2], turn.action.value)
        flow = self._flow(turn)
        sighting = self._look(turn.text) if turn.text else None
        if sighting and sighting.level == "fire":
            return lambda work: self._raise(work, turn, sighting.kind, sighting.lang)
        if (verb := self._typed(turn.text)) and (mine := flow or self._mine(turn)):
            return lambda work: self._again(work, turn, mine, verb)
        if flow and turn.files and not turn.text:
            return lambda work: self._attached(work, turn, flow)
        if flow and turn.text:
            return lambda work: self._added(work, turn, flow)
        if sighting and sighting.level == "confirm":
            return lambda work: self.confirm(work, turn, sighting.kind)
        return None

    def confirm(self, work: Work, turn: Turn, kind: str, entry: str = "") -> Card:
        """Ask whether it has just happened. `entry` is the article that "just asking" leads to."""
        work.dialogue(turn.person.key, turn.place, CONFIRM, {"kind": kind, "entry": entry, "text": turn.text[:500]})
        lang = self._spoken(turn, self._look(turn.text))
        return self._parts.gate().confirm_card(kind, lang, turn.values)

    def without_store(self, message: Message, values: Mapping[str, str]) -> Card:
        gate = self._parts.gate()
        sighting = self._look(message.text)
        kind = sighting.kind if sighting.level != "none" else self._kind_of(message)
        lang = message.person.language if message.action else self._language(message.person, sighting)
        card = gate.card(kind, lang, values, "")
        try:
            option = self._option(message)
            said = self._parts.redact(message.text) or (option.label if option else "")
            self._parts.spool.keep(message.key, _record(message, kind, said))
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
        summary, subject = self._summary(person, kind), gate.summary(kind, self._ours)
        request = TicketRequest(
            person.key, turn.place, "emergency", subject, turn.text or subject, "S3",
            join=f"emergency:{person.key}", page=summary, cause=CAUSES.get(kind, ""),
        )  # fmt: skip
        ref = self._parts.escalation.open(work, request)
        before = self._flow(turn) or {}
        if not ref.joined:
            work.publish(EmergencyRaised(person.key, kind, ref.number))
        elif before.get("kind", kind) != kind:  # the same trouble again needs no second call, another one does
            self._parts.escalation.page(work, ref.number, summary)
        if kind == DATA:
            self._privacy(work, turn, ref.number)
        state = {"ticket": ref.number, "kind": kind, "lang": lang, "answered": "{}"}
        work.dialogue(person.key, turn.place, FLOW, state)
        card = gate.card(kind, lang, turn.values, ref.number)
        if not self._parts.on_duty(turn.at):
            card = self._alone(card, lang, turn.values)
        return self._with_question(card, state)

    def _privacy(self, work: Work, turn: Turn, number: str) -> None:
        """Data may have gone out: whoever is in charge of privacy gets a ticket that says since when we know (GDPR Art. 33)."""
        lang = self._ours
        known, until = (
            datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") for at in (turn.at, turn.at + DAYS_3)
        )
        text = self._say(lang, "emergency.privacy", number=number, known=known, until=until)
        request = TicketRequest(
            turn.person.key, turn.place, "privacy", text, text, "S2", queue="dpo", join=f"privacy:{number}"
        )
        ref = self._parts.escalation.open(work, request)
        if not ref.joined:
            self._parts.escalation.log(work, number, "secdesk", "privacy", ref.number)

    def _with_question(self, card: Card, flow: Mapping[str, str]) -> Card:
        if DONE in flow:
            return card
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
            case "call" | "worse":
                mine = self._flow(turn) or self._mine(turn, value)
                if mine is None:  # closed long ago: somebody in trouble is never told to ask anew
                    return lambda work: self._raise(work, turn, "incident")
                return lambda work: self._again(work, turn, mine, verb)
            case "answer" if flow := self._flow(turn) or self._mine(turn, value):
                return lambda work: self._answer(work, turn, flow)
        return None

    def _again(self, work: Work, turn: Turn, flow: Mapping[str, str], verb: str) -> Card:
        return self._call(work, turn, flow) if verb == "call" else self._worse(work, turn, flow)

    def _typed(self, text: str) -> str:
        """The button that a text means: `call` or `worse`, in any language."""
        said = text.strip(" .!?").casefold()
        for verb in ("worse", "call") if said else ():
            if said in "|".join(self._parts.organisation().words.every(f"emergency.typed.{verb}")).casefold().split(
                "|"
            ):
                return verb
        return ""

    def _mine(self, turn: Turn, value: str = "") -> Mapping[str, str] | None:
        """The emergency of this person that is still open when no question is: what they talk about, or a button names."""
        talk = turn.dialogue.state if turn.dialogue and turn.dialogue.kind == TALK else {}
        number = value.partition(":")[0] or talk.get("ticket", "")
        if not number or not self._parts.still_open(number, turn.person.key):
            return None
        known = talk if talk.get("ticket") == number and "kind" in talk else {}
        return {"ticket": number, "kind": "incident", "lang": turn.lang, "answered": "{}", **known, DONE: "1"}

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
        due = question_id == "worse" or (question is not None and question.id == question_id and DONE not in flow)
        if asked_for != number or option is None or not due:
            return Card("", (Text(self._say(lang, "desk.stale")),), lang=lang)
        if question_id != "worse":
            answered[question_id] = option_id
        self._parts.escalation.log(work, number, turn.person.key, "answered", f"{question_id}: {option.label}")
        work.audit(turn.person.key, "emergency.answer", number, question=question_id, option=option_id)
        kind = option.leads_to or flow["kind"]
        state = {"ticket": number, "kind": kind, "lang": lang, "answered": json.dumps(answered)}
        work.dialogue(turn.person.key, turn.place, FLOW, state)
        if kind == flow["kind"]:
            if (question_id, option_id) == ONLY_CLICKED and kind in {"clicked", "incident"}:
                self._parts.escalation.raise_severity(work, number, "S2")  # the device is still looked at
            card = Card("", (Text(self._say(lang, "emergency.noted", number=number)),), "emergency", lang=lang)
        else:
            self._parts.escalation.raise_severity(work, number, "S3")
            self._parts.escalation.page(work, number, self._summary(turn.person, kind))
            card = gate.card(kind, lang, turn.values, number)
            if kind == DATA:
                self._privacy(work, turn, number)
        if gate.question(kind, answered, lang):
            return self._with_question(card, state)
        return self._finished(work, turn, state, card)

    def _finished(self, work: Work, turn: Turn, flow: Mapping[str, str], card: Card) -> Card:
        """No question is left: from here what is typed goes to the ticket."""
        work.dialogue(turn.person.key, turn.place, TALK, flow)
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

    def _attached(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        """A file, whichever question is open: it answers the one that wants a mail. (The report of it follows.)"""
        gate, lang, number = self._parts.gate(), flow["lang"], flow["ticket"]
        self._parts.escalation.log(work, number, turn.person.key, "said", ", ".join(file.name for file in turn.files))
        answered: dict[str, str] = json.loads(flow["answered"])
        question = gate.question(flow["kind"], answered, lang)
        if question and question.wants_file:
            answered[question.id] = "sent"
        state = {**flow, "answered": json.dumps(answered)}
        work.dialogue(turn.person.key, turn.place, FLOW, state)
        card = Card("", (Text(self._say(lang, "emergency.noted", number=number)),), "emergency", lang=lang)
        if gate.question(flow["kind"], answered, lang):
            return self._with_question(card, state)
        return self._finished(work, turn, state, card)

    def _call(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number, gate = flow["ticket"], self._parts.gate()
        self._parts.escalation.log(work, number, turn.person.key, "call_me", turn.person.phone)
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "call"))
        texts = (Text(gate.text(name, flow["lang"], turn.values)) for name in ("called", "phone"))
        return self._with_question(Card("", tuple(texts), "emergency", lang=flow["lang"]), flow)

    def _worse(self, work: Work, turn: Turn, flow: Mapping[str, str]) -> Card:
        number, gate, lang = flow["ticket"], self._parts.gate(), flow["lang"]
        self._parts.escalation.log(work, number, turn.person.key, "worse", turn.text)
        self._parts.escalation.raise_severity(work, number, "S3")
        self._parts.escalation.page(work, number, self._summary(turn.person, flow["kind"], "worse"))
        blocks: list[Block] = [
            Text(gate.text("called", lang, turn.values)),
            Text(gate.text("phone", lang, turn.values)),
        ]
        question = gate.worse(lang)
        blocks += [_choices(question, number)] if question else []
        return Card("", tuple(blocks), "emergency", lang=lang)

    # inside

    def _look(self, text: str) -> Sighting:
        """What the gate sees. A message is looked at twice on its way, so the last few sightings are kept."""
        gate = self._parts.gate()
        kept = self._seen.get(text)
        if kept and kept[0] is gate:
            return kept[1]
        sighting = gate.look(text)
        if len(self._seen) >= _SIGHTINGS:
            self._seen.clear()
        self._seen[text] = (gate, sighting)
        return sighting

    @staticmethod
    def _flow(turn: Turn) -> Mapping[str, str] | None:
        dialogue = turn.dialogue
        if dialogue and dialogue.kind == FLOW and turn.at - dialogue.updated_at < FLOW_SECONDS:
            return dialogue.state
        return None

    def _known(self, kind: str) -> str:
        return kind if kind in self._parts.gate().kinds else "incident"

    def _kind_of(self, message: Message) -> str:
        """What a button is about, when nothing can be looked up."""
        option = self._option(message)
        return (option.leads_to if option else "") or self._known(message.action.value if message.action else "")

    def _option(self, message: Message) -> Option | None:
        """The answer that a button gives."""
        if message.action is None or message.action.id != "emergency.answer":
            return None
        _, question, option = (*message.action.value.split(":"), "", "")[:3]
        return self._parts.gate().find_option(question, option, message.person.language)

    def _spoken(self, turn: Turn, sighting: Sighting) -> str:
        return self._language(turn.person, sighting)

    @staticmethod
    def _language(person: Person, sighting: Sighting) -> str:
        return sighting.lang if sighting.level != "none" else person.language

    def _summary(self, person: Person, kind: str, more: str = "") -> str:
        lang = self._ours
        what = self._parts.gate().summary(kind, lang)
        if more:
            what = self._say(lang, f"emergency.page_{more}", what=what)
        risk = self._say(lang, "emergency.high_risk") if "high_risk" in person.roles else ""
        phone = person.phone or self._say(lang, "emergency.no_phone")
        return self._say(lang, "emergency.page", what=what, name=person.name, risk=risk, phone=phone)

    @property
    def _ours(self) -> str:
        """The language of the organisation: who is called reads it, not the person in trouble."""
        return self._parts.organisation().file.language

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

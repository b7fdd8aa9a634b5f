"""Buttons of partners in a chat: the pulse, actions, the report in short. Who may is asked again with each press."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.cards import Card, Input, Text
from bot.contracts import Contract
from bot.errors import Conflict, Refused
from bot.model import Action as ButtonAction
from bot.model import Person
from bot.organisation import MadeOf, Words
from bot.partners.actions import Action, Actions
from bot.partners.cards import action_card, pulse_card
from bot.partners.figures import before, month_of
from bot.partners.parts import Parts
from bot.partners.pulse import QUESTIONS, Pulses
from bot.partners.reports import Reports
from bot.turn import Effect, Turn, Work

_TYPED = ("pulse", "actions", "report")
_VALUE = re.compile(r"([a-z0-9-]+):(\d{4}-Q[1-4]):([1-5]{0,5})")


class PartnerDesk:
    """Responder of `partner.*`."""

    prefix = "partner"

    def __init__(self, parts: Parts, pulses: Pulses, actions: Actions, reports: Reports) -> None:
        self._parts, self._pulses, self._actions, self._reports = parts, pulses, actions, reports
        self._phrases = MadeOf(lambda: parts.organisation().words, _phrases)

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for each of our buttons, and for the three things that people type."""
        if turn.action is None:
            return None
        value, text = turn.action.value, turn.action.form.get("text", "")
        match turn.action.id.partition(".")[2]:
            case "typed":
                return self._typed(turn, value)
            case "pulse":
                return self._pulse(turn, value)
            case "pulse_words":
                return self._words(turn, value, text)
            case "done":
                return self._done(turn, value, text)
            case "verify":
                return self._verify(turn, value)
            case "reject":
                return self._reject(turn, value)
            case "report":
                return self._report(turn, value)
        return None

    def asked(self, text: str) -> bool:
        """Whether a text is one of our commands: what it brings is not for a channel that others read."""
        return _said(text) in self._phrases()

    def command(self, text: str, _person: Person) -> ButtonAction | None:
        """`partner questions`, `partner actions`, `partner report`, in any of our languages, as what a button does."""
        found = self._phrases().get(_said(text))
        return ButtonAction("partner.typed", found[0], {"lang": found[1]}) if found else None

    def _typed(self, turn: Turn, what: str) -> Effect:
        typed = {"pulse": self._typed_pulse, "actions": self._typed_actions, "report": self._typed_report}
        card = typed[what](turn) if what in typed else None
        found = card or self._card(turn, "partner.not_yours")
        return lambda _work: found

    def _typed_pulse(self, turn: Turn) -> Card | None:
        """The questions, for whoever is asked them."""
        for contract in self._parts.contracts().values():
            if turn.person.id in self._pulses.asked(contract):
                return pulse_card(self._parts, turn.person, contract, self._pulses.quarter(), "")
        return None

    def _typed_actions(self, turn: Turn) -> Card | None:
        """The first action that waits for this person: theirs, or one that they can verify. None for who has to do with none."""
        ours = False
        for contract in self._parts.contracts().values():
            file = contract.file
            named = turn.person.id in {file.contract.owner, file.reviews.chair, *file.reviews.invited}
            for action in self._actions.of(contract.id):
                mine = action.state == "open" and self._actions.may_finish(action, turn.person)
                check = action.state == "done" and self._actions.may_verify(action, turn.person)
                if mine or check:
                    return action_card(self._parts, self._actions, turn.person, action)
            ours = ours or named
        return self._card(turn, "partner.report.no_action") if ours else None

    def _typed_report(self, turn: Turn) -> Card | None:
        """Last month in short, for who gets the report."""
        for contract in self._parts.contracts().values():
            file = contract.file
            if turn.person.id in {file.contract.owner, file.reviews.chair, *file.reviews.report_to}:
                month = before(month_of(turn.at, self._parts.zone))
                return self._reports.card(turn.person, contract.id, month)
        return None

    # the pulse

    def _asked(self, turn: Turn, value: str) -> tuple[Contract, str, str]:
        """(contract, quarter, marks) of a button, if this person is asked and the quarter still runs."""
        found = _VALUE.fullmatch(value)
        if found is None:
            raise Refused(self._say(turn, "partner.pulse.over"))
        contract = self._parts.contract(found[1])
        if turn.person.id not in self._pulses.asked(contract):
            raise Refused(self._say(turn, "partner.not_yours"))
        if found[2] != self._pulses.quarter():
            raise Conflict(self._say(turn, "partner.pulse.over"))
        return contract, found[2], found[3]

    def _pulse(self, turn: Turn, value: str) -> Effect:
        contract, quarter, marks = self._asked(turn, value)
        if len(marks) < QUESTIONS:
            card = pulse_card(self._parts, turn.person, contract, quarter, marks)
            return lambda _work: card

        def effect(work: Work) -> Card:
            self._pulses.answer(work, contract.id, quarter, turn.person, marks)
            form = Input("text", self._say(turn, "partner.pulse.words"), "partner.pulse_words",
                         self._say(turn, "partner.pulse.send"), f"{contract.id}:{quarter}:", optional=True)  # fmt: skip
            return Card("", (Text(self._say(turn, "partner.pulse.thanks")), form), "done", lang=turn.lang)

        return effect

    def _words(self, turn: Turn, value: str, text: str) -> Effect:
        contract, quarter, _ = self._asked(turn, value)

        def effect(work: Work) -> Card:
            self._pulses.comment(work, contract.id, quarter, turn.person, text)
            return self._card(turn, "partner.pulse.kept")

        return effect

    # actions

    def _act(self, turn: Turn, change: Callable[[Work], Action], key: str) -> Effect:
        def effect(work: Work) -> Card:
            return self._card(turn, key, id=change(work).id)

        return effect

    def _done(self, turn: Turn, value: str, text: str) -> Effect:
        return self._act(
            turn, lambda work: self._actions.done(work, value, text, turn.person), "partner.action.said_done"
        )

    def _verify(self, turn: Turn, value: str) -> Effect:
        return self._act(turn, lambda work: self._actions.verify(work, value, turn.person), "partner.action.verified")

    def _reject(self, turn: Turn, value: str) -> Effect:
        return self._act(turn, lambda work: self._actions.reject(work, value, turn.person), "partner.action.reopened")

    def _report(self, turn: Turn, value: str) -> Effect:
        partner, _, month = value.partition(":")
        file = self._parts.contract(partner).file
        if turn.person.id not in {file.contract.owner, file.reviews.chair, *file.reviews.report_to}:
            raise Refused(self._say(turn, "partner.not_yours"))
        card = self._reports.card(turn.person, partner, month)
        return lambda _work: card

    def _card(self, turn: Turn, key: str, **params: object) -> Card:
        return Card("", (Text(self._say(turn, key, **params)),), "done", lang=turn.lang)

    def _say(self, turn: Turn, key: str, **params: object) -> str:
        return self._parts.organisation().words.say(turn.lang, key, **params)


def _said(text: str) -> str:
    return " ".join(text.casefold().split())


def _phrases(words: Words) -> dict[str, tuple[str, str]]:
    """What people type, with what it asks for and its language."""
    return {
        _said(texts[key]): (name, lang)
        for lang, texts in words.by_language.items()
        for name in _TYPED
        if (key := f"partner.word.{name}") in texts
    }

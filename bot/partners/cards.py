"""Cards of partners that come again in several places."""

from __future__ import annotations

from bot.cards import Button, Buttons, Card, Choices, Input, Text
from bot.contracts import Contract
from bot.model import Person
from bot.partners.actions import Action, Actions
from bot.partners.parts import Parts
from bot.partners.pulse import MARKS, QUESTIONS


def pulse_card(parts: Parts, person: Person, contract: Contract, quarter: str, marks: str) -> Card:
    """The next question. What was said so far travels in the buttons: nothing is kept before the last one."""

    def say(key: str, **params: object) -> str:
        return parts.say(person, key, **params)

    number = len(marks) + 1
    options = tuple(
        Button(say(f"partner.pulse.mark.{mark}"), "partner.pulse", f"{contract.id}:{quarter}:{marks}{mark}")
        for mark in MARKS
    )
    lead = (Text(say("partner.pulse.lead", name=contract.name)),) if not marks else ()
    fewest = contract.file.pulse.fewest if contract.file.pulse else 0
    small = (Text(say("partner.pulse.private", n=fewest), "muted"),) if not marks else ()
    prompt = say("partner.pulse.ask", n=number, of=QUESTIONS, question=say(f"partner.pulse.q{number}"))
    return Card("", (*lead, *small, Choices(prompt, options)), "question", lang=person.language)


def action_card(parts: Parts, actions: Actions, person: Person, action: Action) -> Card:
    """An action as its owner is asked about it, or once it is done whoever can verify it."""
    say, owner = parts.say, actions.owner(action)
    if action.state == "open":
        key = "partner.action.ask" if action.owner else "partner.action.ask_for"
        head = say(person, key, id=action.id, name=owner, due=action.due)
        send = say(person, "partner.action.send")
        form = Input("text", say(person, "partner.action.evidence"), "partner.done", send, action.id)
        return Card("", (Text(head, "strong"), Text(action.what, "quote"), form), "question", lang=person.language)
    head = say(person, "partner.action.check", id=action.id, name=owner)
    buttons = (
        Button(say(person, "partner.action.verify"), "partner.verify", action.id, "primary"),
        Button(say(person, "partner.action.reject"), "partner.reject", action.id),
    )
    blocks = (Text(head, "strong"), Text(action.what, "quote"), Text(action.evidence, "quote"), Buttons(buttons))
    return Card("", blocks, "question", lang=person.language)

"""A message's own menu: a dialog reports it, another one makes an answer of it that a second person then approves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.channels.teams_activities import NAME, SEEN, Activity, Quoted
from adapters.channels.teams_answers import Answer, dialog, dialog_note
from adapters.channels.teams_behind import Behind
from adapters.channels.teams_cards import adaptive_cards
from adapters.channels.teams_people import TeamsPeople, tolerant
from bot.answering.redaction import redact
from bot.cards import Buttons, Card, Choices, Input, Text
from bot.errors import ChannelError
from bot.model import Action, File, Message, Person, Place
from bot.organisation import Words
from bot.platforms import Checked, Doors
from bot.ports import Clock

log = logging.getLogger(__name__)
REPORT_COMMAND: Final = "reportMessage"  # as in the manifest, the other one too
PROPOSE_COMMAND: Final = "proposeAnswer"
PROPOSAL: Final = "answering.propose"
QUOTED_CHARACTERS: Final = 600


@dataclass(frozen=True)
class Dialogs:
    """`send` delivers a reply, once; `quoted_mail` makes a reported chat message a mail that can be examined."""

    doors: Doors
    people: TeamsPeople
    clock: Clock
    words: Callable[[], Words]
    quoted_mail: Callable[[Quoted], File]
    behind: Behind
    send: Callable[..., Any]

    async def open(self, activity: Activity) -> Answer:
        """What a command of the menu shows first."""
        if activity.quoted is None or activity.command not in {REPORT_COMMAND, PROPOSE_COMMAND}:
            return self._unknown(activity)
        person = await self.people.person(activity)
        if activity.command == PROPOSE_COMMAND:
            return await self._proposal(activity, person, activity.quoted)
        return self._report(activity.quoted, person.language)

    async def sent(self, activity: Activity) -> Answer:
        """Take what was filled in."""
        if activity.quoted is None or activity.command not in {REPORT_COMMAND, PROPOSE_COMMAND}:
            return self._unknown(activity)
        person = await self.people.person(activity)
        if activity.command == PROPOSE_COMMAND:
            return await self._proposed(activity, person, activity.quoted)
        comment = next((text for name, text in activity.form.items() if name.startswith("comment")), "")
        mail = self.quoted_mail(activity.quoted)
        return await self._taken(activity, person, "teams.report_title", text=comment, files=(mail,))

    # a report

    def _report(self, quoted: Quoted, lang: str) -> Answer:
        """What will be reported, and room for a remark."""
        card = Card(
            "",
            (
                Text(self._say(lang, "teams.report_intro")),
                Text(_shown(quoted), "quote"),
                Input("comment", self._say(lang, "teams.report_comment"), "reporting.message",
                      self._say(lang, "teams.report_send")),
            ),
            "question",
            lang=lang,
        )  # fmt: skip
        return dialog(self._say(lang, "teams.report_title"), _submitted(card))

    # a proposed answer

    async def _proposal(self, activity: Activity, person: Person, quoted: Quoted) -> Answer:
        form = await self._form(activity, person, quoted)
        if form is None:
            return dialog_note(self._say(person.language, "propose.desk_only"))
        return dialog(form.title, _submitted(form))

    async def _proposed(self, activity: Activity, person: Person, quoted: Quoted) -> Answer:
        """What is wrong with it is said above the form; what is right is shown as it will look, and taken the second time."""
        form, action = await self._form(activity, person, quoted), activity.action
        if form is None or action is None or action.id != PROPOSAL:
            return dialog_note(self._say(person.language, "propose.desk_only"))
        checked = await tolerant(self.doors.check, action, person, otherwise=Checked())
        if checked.errors:
            return dialog(form.title, _submitted(_again(form, action, checked.errors)))
        if checked.preview and not activity.seen:
            return dialog(form.title, _submitted(checked.preview, seen=True))
        return await self._taken(activity, person, "propose.form", action=action)

    async def _form(self, activity: Activity, person: Person, quoted: Quoted) -> Card | None:
        begun = {
            "question": quoted.text,
            "channel": NAME,
            "conversation": activity.conversation,
            "thread": activity.thread,
        }
        return await tolerant(self.doors.form, Action(PROPOSAL, "", begun), person, otherwise=None)

    # both

    async def _taken(
        self,
        activity: Activity,
        person: Person,
        title: str,
        *,
        text: str = "",
        files: tuple[File, ...] = (),
        action: Action | None = None,
    ) -> Answer:
        """To the desk with it. What it says stands in the dialog and in the personal chat, where more may follow."""
        try:
            place = await self.people.personal(activity)
        except ChannelError as error:
            log.warning("no personal chat for a dialog: %s", error)
            place = Place(NAME, "")
        message = Message(activity.key, person, place, text, action, files, self.clock.now(), told=activity.at)
        reply = await self.doors.handle(message)
        if place.conversation:
            self.behind(self.send(reply, message))
            self.behind(self.people.met(activity, person))
        return dialog(self._say(person.language, title), _still(reply.card))

    def _unknown(self, activity: Activity) -> Answer:
        return dialog_note(self._say(activity.sender.language, "teams.unknown_command"))

    def _say(self, lang: str, key: str) -> str:
        return self.words().say(lang, key)


def _shown(quoted: Quoted) -> str:
    """The message that is reported, as the dialog shows it."""
    said = redact(quoted.text).text
    said = said if len(said) <= QUOTED_CHARACTERS else said[: QUOTED_CHARACTERS - 1] + "…"
    return f"{quoted.author}: {said}" if quoted.author else said


def _still(card: Card) -> dict[str, Any]:
    """The card without anything to press: a dialog is no chat."""
    blocks = tuple(block for block in card.blocks if not isinstance(block, Buttons | Choices | Input))
    return adaptive_cards(replace(card, blocks=blocks))[-1]


def _again(form: Card, action: Action, errors: Mapping[str, str]) -> Card:
    """The form with what was typed in it, and above it what is wrong, by the names that people see."""
    labels = {block.name: block.label for block in form.blocks if isinstance(block, Input)}
    wrong = [Text(f"{labels[name]}: {said}" if name in labels else said, "strong") for name, said in errors.items()]
    blocks = (
        replace(block, initial=action.form.get(block.name, "")) if isinstance(block, Input) else block
        for block in form.blocks
    )
    return replace(form, blocks=(*wrong, *blocks))


def _submitted(card: Card, *, seen: bool = False) -> dict[str, Any]:
    """A card for a dialog, which has a title of its own and knows Action.Submit only."""
    adaptive = adaptive_cards(replace(card, title=""))[-1]
    for item in adaptive["body"]:
        if item["type"] == "ActionSet":
            item["actions"] = [action["fallback"] for action in item["actions"]]
            for action in item["actions"] if seen else ():
                action["data"] = {**action["data"], SEEN: True}
    return adaptive

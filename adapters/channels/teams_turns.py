"""What to do about an activity. Knows neither HTTP nor the SDK: activities in, answers to invokes out.

An event is stored by the desk before it is acknowledged; the reply goes out behind the acknowledgement. A turn that takes
longer than the platform waits goes on behind it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from adapters.channels.teams import TeamsChannel
from adapters.channels.teams_activities import NAME, Activity
from adapters.channels.teams_cards import CONTENT_TYPE, adaptive_cards, after_press, pressed_button
from adapters.channels.teams_files import TeamsFiles
from adapters.channels.teams_people import TeamsPeople, tolerant
from adapters.channels.teams_state import TeamsState
from bot.cards import Buttons, Card, Choices, Input, Text
from bot.errors import ChannelError, StoreUnavailable
from bot.model import Action, File, Message, Person, Place, Reply
from bot.organisation import Words
from bot.ports import Clock, SentRef

log = logging.getLogger(__name__)
ACKNOWLEDGED_BY: Final = 11.0  # seconds; the platform gives up at 15
ANSWERED_BY: Final = 8.0  # seconds for an invoke, whose caller watches a spinner
TYPING_AFTER: Final = 0.6
ASIDE_SECONDS: Final = 2.5
REPORT_COMMAND: Final = "reportMessage"
MESSAGE_TYPE: Final = "application/vnd.microsoft.activity.message"


@dataclass(frozen=True)
class Answer:
    """What an invoke is answered with."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class TurnParts:
    """What turns are made of. `deliver` sends a stored reply on a thread of its own; `say` stores a message of our
    own and gives its delivery; `welcome` greets whoever installs the app (once); `form` is what to ask before an action is
    sent; `quoted_mail` makes a reported chat message a mail that can be examined; `room_card` is the
    desk channel's card that an action belongs to, as it is now; `listens` says whether what is
    written in a channel thread is for us though we are not named in it."""

    channel: TeamsChannel
    state: TeamsState
    clock: Clock
    people: TeamsPeople
    files: TeamsFiles
    handle: Callable[[Message], Awaitable[Reply]]
    deliver: Callable[[str], Awaitable[bool]]
    say: Callable[[Person, Place, Card, str], str]
    welcome: Callable[[Person, Place, str], str]
    form: Callable[[Action, Person], Card | None]
    words: Callable[[], Words]
    quoted_mail: Callable[[Any], File]
    room_card: Callable[[Action], Card | None] = lambda _action: None
    listens: Callable[[Place], bool] = lambda _place: False


class Turns:
    """One method a kind of activity. Nothing here raises for what a client sent."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._running: set[asyncio.Task[Any]] = set()

    async def take(self, activity: Activity, *, invoked: bool) -> Answer | None:
        """Do what the activity asks for; an answer if it was an invoke."""
        work = asyncio.ensure_future(self._do(activity, invoked=invoked))
        self._keep(work)
        done, _ = await asyncio.wait({work}, timeout=ANSWERED_BY if invoked else ACKNOWLEDGED_BY)
        if work in done:
            return work.result()
        log.warning("a turn goes on after its acknowledgement", extra={"kind": activity.kind})
        return Answer(_message(self._say(activity.sender.locale[:2], "teams.still_working"))) if invoked else None

    async def close(self, seconds: float = 10.0) -> None:
        """Let what is running end."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    async def _do(self, activity: Activity, *, invoked: bool) -> Answer | None:
        if activity.kind == "other":
            return Answer(status=501) if invoked else None
        if activity.kind == "removed":
            await tolerant(self._parts.state.left, activity.conversation, otherwise=None)
            return None
        if not self._parts.state.seen_before(activity):
            await tolerant(self._parts.state.seen, activity, otherwise=None)
        match activity.kind:
            case "message":
                await self._message(activity)
            case "pressed":
                return await self._pressed(activity, invoked=invoked)
            case "installed":
                await self._installed(activity)
            case "dialog":
                return await self._dialog(activity)
            case "dialog_sent":
                return await self._dialog_sent(activity)
        return None

    # messages

    async def _message(self, activity: Activity) -> None:
        if activity.scope != "personal" and not activity.mentions_us and not await self._in_room(activity):
            return
        person = await self._parts.people.person(activity)
        fetched = await self._parts.files.all(activity.files)
        message = Message(
            activity.key, person, activity.place, activity.text, files=fetched.files, at=self._parts.clock.now(),
            aside=await self._aside(activity),
        )  # fmt: skip
        if fetched.refused and not fetched.files:
            names = ", ".join(name[:80] for name in fetched.refused)
            notice = Card("", (Text(self._say(person.language, "teams.file_refused", name=names)),), "warning")
            self._later(self._parts.channel.send(activity.place, notice, f"refused:{activity.key}"))
            if not activity.text:
                return
        reply = await self._handled(activity, message)
        self._later(self._send(reply, message))
        if reply.place.private and activity.scope != "personal":
            moved = Card("", (Text(self._say(person.language, "private.moved")),))
            self._later(self._parts.channel.send(activity.place, moved, f"moved:{activity.key}"))
        self._later(self._parts.people.met(activity, person))

    async def _aside(self, activity: Activity) -> Place | None:
        """Where somebody who writes in a channel can be answered in private; None if that cannot be opened quickly."""
        if activity.scope == "personal" or not activity.mentions_us:
            return None
        try:
            return await asyncio.wait_for(self._parts.people.personal(activity), ASIDE_SECONDS)
        except (ChannelError, TimeoutError) as error:
            log.warning("no private chat: %s", error or type(error).__name__)
            return None

    async def _in_room(self, activity: Activity) -> bool:
        return activity.scope == "channel" and await tolerant(self._parts.listens, activity.place, otherwise=False)

    async def _handled(self, activity: Activity, message: Message) -> Reply:
        """The desk's reply, with the typing indicator if it takes a moment."""
        work = asyncio.ensure_future(self._parts.handle(message))
        done, _ = await asyncio.wait({work}, timeout=TYPING_AFTER)
        if not done:
            self._later(self._parts.channel.typing(activity.place))
        return await work

    async def _delivered(self, delivery: str) -> None:
        if delivery:
            await self._parts.deliver(delivery)

    async def _send(self, reply: Reply, message: Message) -> None:
        """The stored reply, once; one that could not be stored goes out all the same."""
        if reply.delivery:
            if not reply.repeated:
                await self._parts.deliver(reply.delivery)
            return
        await self._parts.channel.send(reply.place, reply.card, f"reply:{message.key}")

    # buttons

    async def _pressed(self, activity: Activity, *, invoked: bool) -> Answer | None:
        """The desk decides; the card that was pressed shows it, for everybody if others see it too."""
        assert activity.action is not None  # noqa: S101 (that is what makes it a press)
        person = await self._parts.people.person(activity)
        message = Message(activity.key, person, activity.place, "", activity.action, at=self._parts.clock.now())
        shown = await tolerant(self._parts.state.card, activity, otherwise=None)
        if not await self._asked_first(activity, person):
            reply = await self._parts.handle(message)
            self._later(self._send(reply, message))
        self._later(self._parts.people.met(activity, person))
        if card := await tolerant(self._parts.room_card, activity.action, otherwise=None):
            return (
                Answer(_card(adaptive_cards(card)[-1])) if invoked else None
            )  # for everybody else the desk updates it
        if shown is None:
            return Answer(_message(self._say(person.language, "teams.taken"))) if invoked else None
        closed = self._closed(shown, activity, person)
        if not invoked or activity.scope != "personal":
            ref = SentRef(NAME, activity.address, activity.card)
            self._later(self._parts.channel.update(ref, closed))
        return Answer(_card(adaptive_cards(closed)[-1])) if invoked else None

    async def _asked_first(self, activity: Activity, person: Person) -> bool:
        """Send the form that goes before an action, in the person's own chat; False if there is none, or it is filled in."""
        action = activity.action
        if action is None or action.form or activity.scope != "personal":
            return False
        form = await tolerant(self._parts.form, action, person, otherwise=None)
        if form is None:
            return False
        delivery = await tolerant(self._parts.say, person, activity.place, form, f"form:{activity.key}", otherwise="")
        self._later(self._delivered(delivery))
        return bool(delivery)

    def _closed(self, shown: Card, activity: Activity, person: Person) -> Card:
        action = activity.action
        assert action is not None  # noqa: S101
        button = pressed_button(shown, action.id, action.value)
        if button is None:
            return shown
        note = "" if action.form else self._say(person.language, "web.chosen", label=button.label)
        return after_press(shown, action.id, action.value, note or "✓ " + button.label)

    # installing

    async def _installed(self, activity: Activity) -> None:
        """Remember where the person is; greet them in their own chat, never a whole channel."""
        if activity.scope != "personal":
            return
        person = await self._parts.people.person(activity)
        delivery = await tolerant(self._parts.welcome, person, activity.place, activity.conversation, otherwise="")
        self._later(self._delivered(delivery))
        self._later(self._parts.people.met(activity, person))

    # the message action

    async def _dialog(self, activity: Activity) -> Answer:
        """What will be reported, and room for a remark."""
        if activity.command != REPORT_COMMAND or activity.quoted is None:
            return Answer(_task_message(self._say(activity.sender.locale[:2], "teams.unknown_command")))
        person = await self._parts.people.person(activity)
        lang, quoted = person.language, activity.quoted
        said = quoted.text if len(quoted.text) <= 600 else quoted.text[:599] + "…"
        card = Card(
            "",
            (
                Text(self._say(lang, "teams.report_intro")),
                Text(f"{quoted.author}: {said}" if quoted.author else said, "quote"),
                Input("comment", self._say(lang, "teams.report_comment"), "reporting.message",
                      self._say(lang, "teams.report_send")),
            ),
            "question",
            lang=lang,
        )  # fmt: skip
        return Answer(_task(self._say(lang, "teams.report_title"), _submitted(adaptive_cards(card)[-1])))

    async def _dialog_sent(self, activity: Activity) -> Answer:
        """Take the report; the receipt stands in the dialog, the verdict comes into the personal chat."""
        lang = activity.sender.locale[:2]
        if activity.command != REPORT_COMMAND or activity.quoted is None:
            return Answer(_task_message(self._say(lang, "teams.unknown_command")))
        person = await self._parts.people.person(activity)
        try:
            place = await self._parts.people.personal(activity)
        except ChannelError as error:
            log.warning("no personal chat for a reporter: %s", error)
            place = Place(NAME, "")
        comment = next((text for name, text in activity.form.items() if name.startswith("comment")), "")
        mail = self._parts.quoted_mail(activity.quoted)
        reply = await self._parts.handle(
            Message(activity.key, person, place, comment, files=(mail,), at=self._parts.clock.now())
        )
        if place.conversation:
            self._later(self._send(reply, Message(activity.key, person, place)))
            self._later(self._parts.people.met(activity, person))
        return Answer(_task(self._say(person.language, "teams.report_title"), _still(reply.card)))

    # inside

    def _say(self, lang: str, key: str, **params: object) -> str:
        return self._parts.words().say(lang.casefold(), key, **params)

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Behind the acknowledgement. What fails here is in the outbox, or worth a log line only."""

        async def guarded() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await work
                except (ChannelError, StoreUnavailable, TimeoutError) as error:
                    log.warning("behind the acknowledgement: %s", error)
                except Exception:
                    log.exception("behind the acknowledgement")

        self._keep(asyncio.ensure_future(guarded()))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _message(text: str) -> dict[str, Any]:
    return {"statusCode": 200, "type": MESSAGE_TYPE, "value": text}


def _card(adaptive: Mapping[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "type": CONTENT_TYPE, "value": adaptive}


def _task(title: str, adaptive: Mapping[str, Any]) -> dict[str, Any]:
    content = {"contentType": CONTENT_TYPE, "content": adaptive}
    return {
        "task": {"type": "continue", "value": {"title": title, "height": "medium", "width": "medium", "card": content}}
    }


def _task_message(text: str) -> dict[str, Any]:
    return {"task": {"type": "message", "value": text}}


def _still(card: Card) -> Mapping[str, Any]:
    """The card without anything to press: a dialog is no chat."""
    blocks = tuple(block for block in card.blocks if not isinstance(block, Buttons | Choices | Input))
    return adaptive_cards(replace(card, blocks=blocks))[-1]


def _submitted(adaptive: dict[str, Any]) -> dict[str, Any]:
    """Dialogs know Action.Submit only."""
    for item in adaptive["body"]:
        if item["type"] == "ActionSet":
            item["actions"] = [action["fallback"] for action in item["actions"]]
    return adaptive

"""What to do about an event. Knows neither HTTP nor the SDK's dispatcher: events in, answers to Slack out.

An event is stored by the desk before it is acknowledged; the reply goes out behind the acknowledgement.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.channels.slack import EDIT, SlackChannel, address, aside
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_blocks import after_press, closes, home
from adapters.channels.slack_events import PROPOSE, REPORT, Event, direct, place_of
from adapters.channels.slack_files import SlackFiles
from adapters.channels.slack_forms import FORM, Asked, Forms, action_of, errors, replaced
from adapters.channels.slack_people import SlackPeople
from adapters.channels.slack_reports import SlackReports
from adapters.channels.slack_state import SlackState
from bot.cards import Card, Text
from bot.errors import ChannelError, StoreUnavailable
from bot.model import Action, File, Message, Person, Place, Reply
from bot.organisation import Words
from bot.platforms import Doors
from bot.ports import Clock

log = logging.getLogger(__name__)
PROPOSAL: Final = "answering.propose"
STATUS_AFTER: Final = 1.0  # seconds without an answer before "is looking" is shown
Answer = Mapping[str, Any] | None


@dataclass(frozen=True)
class TurnParts:
    """What turns are made of. `desk` is the desk's own channel; `trusted` what may become a link."""

    api: SlackApi
    channel: SlackChannel
    state: SlackState
    people: SlackPeople
    files: SlackFiles
    forms: Forms
    reports: SlackReports
    clock: Clock
    doors: Doors
    words: Callable[[], Words]
    trusted: Callable[[], Mapping[str, str]]
    desk: Callable[[], Place | None]


@dataclass(frozen=True)
class Seen:
    """An event with who and where it is."""

    event: Event
    install: str
    prefix: str
    person: Person
    place: Place
    at: float


class SlackTurns:
    """One method a kind of event. Nothing here raises for what a client sent."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._running: set[asyncio.Task[Any]] = set()
        self._kinds: dict[str, Callable[[Seen], Coroutine[Any, Any, Answer]]] = {
            "said": self._said, "edited": self._edited, "deleted": self._deleted, "pressed": self._pressed,
            "submitted": self._submitted, "shortcut": self._shortcut, "command": self._command, "home": self._home,
            "opened": self._opened,
        }  # fmt: skip

    async def take(self, event: Event) -> Answer:
        """Do what the event asks for; what Slack is answered with, None for an empty acknowledgement."""
        if event.kind == "removed":
            await self._parts.api.run(lambda: self._parts.state.drop_install(event.install), None)
            return None
        kind = self._kinds.get(event.kind)
        if kind is None or not event.user:
            return None
        prefix = "" if self._parts.state.single else f"{event.install}/"
        place = place_of(event, prefix)
        if event.kind == "said" and not await self._for_us(event, prefix, place):
            return None
        person = await self._parts.people.person(event, prefix)
        return await kind(Seen(event, prefix.removesuffix("/"), prefix, person, place, self._parts.clock.now()))

    async def close(self, seconds: float = 10.0) -> None:
        """Let what is running end."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    # messages

    async def _for_us(self, event: Event, prefix: str, place: Place) -> bool:
        """In channels: what names us, what is said in a ticket's thread, and answers to what we have asked there."""
        if event.private or event.mentions_us:
            return True
        if not event.thread:
            return False
        run, doors = self._parts.api.run, self._parts.doors
        if await run(lambda: doors.in_room(place), False):
            return True
        known = await run(lambda: self._parts.state.known(prefix, event.user), None)
        person = known.person if known else ""
        return bool(person) and await run(lambda: doors.expects(person, place), False)

    async def _said(self, seen: Seen) -> Answer:
        event, place = seen.event, seen.place
        if event.files and event.private:
            place = replace(place, thread=event.thread or event.ts)  # receipt and verdict stand under the upload
        fetched = await self._parts.files.all(seen.install, event.files)
        if fetched.refused:
            names = ", ".join(name[:80] for name in fetched.refused)
            notice = Card("", (Text(self._say(seen, "slack.file_refused", name=names)),), "warning")
            self._later(self._parts.channel.send(place, notice, f"refused:{event.key}"))
            if not fetched.files and not event.text:
                return None
        await self._handle(replace(seen, place=place), text=event.text, files=fetched.files)
        return None

    async def _edited(self, seen: Seen) -> Answer:
        """What we took in follows the edit: in the records, on the desk's card, and in the answer."""
        event = seen.event
        if await self._parts.api.run(lambda: self._parts.doors.in_room(seen.place), False):
            return None  # what the person has been sent cannot be taken back
        if not await self._parts.api.run(lambda: self._parts.doors.amended(seen.person, event.of, event.text), False):
            return None
        old = await self._parts.api.run(lambda: self._parts.state.sent_as(f"reply:{event.of}"), None)
        if old:
            key = f"reply:{event.key}"
            await self._parts.api.run(lambda: self._parts.state.keep_part(key, -1, *old), None)
        assert EDIT in event.key  # noqa: S101 (that is how the channel knows)
        await self._handle(seen, text=event.text)
        return None

    async def _deleted(self, seen: Seen) -> Answer:
        await self._parts.api.run(lambda: self._parts.doors.amended(seen.person, seen.event.of, ""), False)
        return None

    async def _command(self, seen: Seen) -> Answer:
        """`/secdesk …` is answered in private, wherever it is typed; there, one line says so."""
        place = direct(seen.event.user, seen.prefix)
        await self._handle(replace(seen, place=place), text=seen.event.text or self._say(seen, "slack.command_help"))
        if seen.event.private and seen.event.channel:
            return None
        return {"response_type": "ephemeral", "text": self._say(seen, "private.moved")}

    # buttons and forms

    async def _pressed(self, seen: Seen) -> Answer:
        """The desk decides; some presses open a form first. What was pressed closes, for everybody who sees it."""
        event, action = seen.event, seen.event.action
        assert action is not None  # noqa: S101 (that is what makes it a press)
        if self._at_the_desk(seen.place) and action.action.startswith("desk."):
            seen = replace(seen, place=aside(seen.place, event.user))
        asked = Asked(action.action, action.value, seen.place)
        form = (
            Card(self._say(seen, "slack.title"), (action.field,), lang=seen.person.language) if action.field else None
        )
        form = form or await self._form(seen, Action(action.action, action.value))
        if form and await self._parts.forms.open(
            seen.install, event.trigger, seen.person.language, self._view(form, asked)
        ):
            return None
        typed = {"typed": event.label} if event.label else {}
        reply = await self._handle(seen, action=Action(action.action, action.value, typed))
        if event.channel and event.shown and not reply.repeated and closes(event.block, event.element):
            if not action.action.startswith("desk."):
                self._later(self._close(seen))
        elif not event.channel:
            self._later(self._publish(seen))
        return None

    async def _close(self, seen: Seen) -> None:
        """Take what was pressed out of its message."""
        event = seen.event
        note = self._say(seen, "web.chosen", label=event.label)
        left = after_press(event.shown, event.block, event.element, event.sent, note)
        body = {
            "channel": event.channel,
            "ts": event.ts,
            "text": event.shown_text or "…",
            "blocks": left,
            "parse": "none",
        }
        await self._parts.api.call(seen.install, "chat.update", body)

    async def _form(self, seen: Seen, action: Action) -> Card | None:
        return await self._parts.api.run(lambda: self._parts.doors.form(action, seen.person), None)

    async def _view(self, form: Card, asked: Asked) -> dict[str, Any]:
        return self._parts.forms.view(form, asked)

    async def _submitted(self, seen: Seen) -> Answer:
        """A sent form: what is wrong with it keeps it open, a preview is shown once, then the desk decides."""
        view = seen.event.view
        asked = Asked.load(view.metadata) if view and view.callback == FORM else None
        if asked is None:
            return None
        action = action_of(asked, seen.event.form)
        checked = await self._parts.api.run(lambda: self._parts.doors.check(action, seen.person), None)
        if checked and checked.errors:
            return errors(checked.errors)
        if checked and checked.preview and not asked.seen:
            return replaced(self._parts.forms.view(checked.preview, replace(asked, seen=True)))
        await self._handle(replace(seen, place=asked.place), action=action)
        return None

    async def _shortcut(self, seen: Seen) -> Answer:
        """A message's own menu: report it, or make an answer of it."""
        lang, forms = seen.person.language, self._parts.forms
        if seen.event.callback == REPORT:
            await forms.open(seen.install, seen.event.trigger, lang, self._reported(seen))
        elif seen.event.callback == PROPOSE and seen.event.quoted:
            await forms.open(seen.install, seen.event.trigger, lang, self._proposal(seen))
        return None

    async def _reported(self, seen: Seen) -> dict[str, Any]:
        """Take the report; its receipt stands in the modal and in the person's direct messages."""
        place = direct(seen.event.user, seen.prefix)
        files, thread = await self._parts.reports.of(seen.event, seen.install, seen.prefix, place, seen.person.language)
        reply = await self._handle(replace(seen, place=replace(place, thread=thread)), files=files)
        blocks = tuple(block for block in reply.card.blocks if isinstance(block, Text))
        title = reply.card.title or self._say(seen, "slack.report_title")
        return self._parts.forms.still(replace(reply.card, title=title, blocks=blocks))

    async def _proposal(self, seen: Seen) -> dict[str, Any]:
        quoted = seen.event.quoted
        asking = Action(PROPOSAL, "", {"question": quoted.text if quoted else "", "conversation": seen.place.conversation,
                                       "thread": seen.place.thread})  # fmt: skip
        form = await self._form(seen, asking)
        if form is None:
            said = self._say(seen, "propose.desk_only")
            return self._parts.forms.still(
                Card(self._say(seen, "slack.title"), (Text(said),), lang=seen.person.language)
            )
        return self._parts.forms.view(form, Asked(PROPOSAL, "", direct(seen.event.user, seen.prefix)))

    # App Home and direct messages opened

    async def _home(self, seen: Seen) -> Answer:
        self._later(self._publish(seen))
        return None

    async def _publish(self, seen: Seen) -> None:
        card = await self._parts.api.run(lambda: self._parts.doors.home(seen.person), None)
        if card:
            view = home(card, self._parts.trusted(), self._say(seen, "slack.home_more"))
            await self._parts.api.call(seen.install, "views.publish", {"user_id": seen.event.user, "view": view})

    async def _opened(self, seen: Seen) -> Answer:
        """Suggest what to ask, in the words of the person's language."""
        prompts = [
            {"title": text, "message": text} for n in range(1, 5) if (text := self._say(seen, f"slack.prompt.{n}"))
        ]
        body = {"channel_id": seen.event.channel, "title": self._say(seen, "slack.prompts"), "prompts": prompts}
        self._later(self._parts.api.call(seen.install, "assistant.threads.setSuggestedPrompts", body))
        return None

    # inside

    async def _handle(
        self, seen: Seen, *, text: str = "", action: Action | None = None, files: tuple[File, ...] = ()
    ) -> Reply:
        """The desk's reply, sent behind our acknowledgement; with a status if it takes a moment."""
        message = Message(seen.event.key, seen.person, seen.place, text, action, files, seen.at)
        work = asyncio.ensure_future(self._parts.doors.handle(message))
        done, _ = await asyncio.wait({work}, timeout=STATUS_AFTER)
        if not done and seen.event.kind == "said" and seen.event.private:
            self._later(self._status(seen))
        reply = await work
        self._later(self._send(seen, reply, message))
        self._later(self._parts.people.met(seen.event, seen.prefix, seen.person))
        return reply

    async def _send(self, seen: Seen, reply: Reply, message: Message) -> None:
        """The stored reply, once; one that could not be stored goes out all the same."""
        if reply.delivery and not reply.repeated:
            await self._parts.doors.deliver(reply.delivery)
        elif not reply.delivery:
            await self._parts.channel.send(reply.place, reply.card, f"reply:{message.key}")
        if reply.place.private and not message.place.private and not reply.repeated:
            pointer = Card("", (Text(self._say(seen, "private.moved")),), lang=seen.person.language)
            await self._parts.channel.send(aside(message.place, seen.event.user), pointer, f"aside:{message.key}")

    async def _status(self, seen: Seen) -> None:
        body = {"channel_id": seen.event.channel, "thread_ts": seen.event.thread or seen.event.ts,
                "status": self._say(seen, "slack.looking")}  # fmt: skip
        await self._parts.api.call(seen.install, "assistant.threads.setStatus", body, patience=0.5)

    def _at_the_desk(self, place: Place) -> bool:
        desk = self._parts.desk()
        return desk is not None and address(desk.conversation).id == address(place.conversation).id

    def _say(self, seen: Seen, key: str, **params: object) -> str:
        return self._parts.words().say(seen.person.language, key, **params)

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

        task = asyncio.ensure_future(guarded())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

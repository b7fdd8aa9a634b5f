"""What to do about an event. Knows neither HTTP nor the SDK's dispatcher: events in, answers to Slack out.

An event is stored by the desk before it is acknowledged; the reply goes out behind the acknowledgement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.channels.slack import EDIT, address, aside
from adapters.channels.slack_blocks import after_press, closes, home
from adapters.channels.slack_events import PROPOSE, REPORT, Event, direct, place_of
from adapters.channels.slack_forms import FORM, Asked, action_of, errors, replaced
from adapters.channels.slack_replies import Replies, Seen, TurnParts
from adapters.channels.slack_text import escape
from bot.cards import Card, Text
from bot.model import Action, Place

log = logging.getLogger(__name__)
PROPOSAL: Final = "answering.propose"
_OUT_BY_NOW: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between looks; Slack waits three in all
Answer = Mapping[str, Any] | None


class SlackTurns:
    """One method a kind of event. Nothing here raises for what a client sent."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts, self._replies = parts, Replies(parts)
        self._taking: dict[tuple[str, bool], asyncio.Task[Answer]] = {}
        self._kinds: dict[str, Callable[[Seen], Coroutine[Any, Any, Answer]]] = {
            "said": self._said, "edited": self._edited, "deleted": self._deleted, "pressed": self._pressed,
            "submitted": self._submitted, "shortcut": self._shortcut, "command": self._command, "home": self._home,
            "opened": self._opened,
        }  # fmt: skip

    async def take(self, event: Event) -> Answer:
        """Do what the event asks for; what Slack is answered with, None for an empty acknowledgement.

        Slack sends an event again that it has no answer to after three seconds: then both wait for the one that runs.
        """
        if not event.key:
            return None
        name = (event.key, event.mentions_us)
        task = self._taking.get(name)
        if task is None:
            task = self._taking[name] = asyncio.ensure_future(self._take(event))
            task.add_done_callback(lambda _done: self._taking.pop(name, None))
            self._replies.keep(task)
        return await asyncio.shield(task)

    async def close(self, seconds: float = 10.0) -> None:
        """Let what is running end."""
        await self._replies.close(seconds)

    async def _take(self, event: Event) -> Answer:
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
        at = self._parts.clock.now()
        return await kind(Seen(event, prefix.removesuffix("/"), prefix, person, place, event.thread, at))

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
        event = seen.event
        place = await self._talk(seen) if event.private else seen.place
        if place is not seen.place:
            seen = replace(seen, place=place)
        fetched = await self._parts.files.all(seen.install, event.files)
        if fetched.refused:
            names = ", ".join(name[:80] for name in fetched.refused)
            text = self._replies.say(seen, "slack.file_refused", name=names)
            self._replies.later(self._replies.notice(seen, seen.place, text, f"refused:{event.key}"))
            if not fetched.files and not event.text:
                return None
        await self._replies.handle(seen, text=event.text, files=fetched.files)
        return None

    async def _talk(self, seen: Seen) -> Place:
        """Where a direct message belongs.

        Under something that we had sent outside of threads: to that conversation. A file that is part of no conversation
        begins one of its own, so that receipt and verdict stand under it.
        """
        event, run = seen.event, self._parts.api.run
        where = f"{seen.prefix}{event.channel}"
        if bool(event.thread) and await run(lambda: self._parts.state.sent_outside_threads(where, event.thread), False):
            return replace(seen.place, thread="")
        if event.thread or not event.files:
            return seen.place
        known = await run(lambda: self._parts.state.known(seen.prefix, event.user), None)
        person = seen.person.key or (known.person if known else "")
        if bool(person) and await run(lambda: self._parts.doors.expects(person, seen.place), False):
            return seen.place
        return replace(seen.place, thread=event.ts)

    async def _edited(self, seen: Seen) -> Answer:
        """What we took in follows the edit: in the records, on the desk's card, and in the answer."""
        event, run = seen.event, self._parts.api.run
        if await run(lambda: self._parts.doors.in_room(seen.place), False):
            return None  # what the person has been sent cannot be taken back
        if not await run(lambda: self._parts.doors.amended(seen.person, event.of, event.text), False):
            return None
        old = await self._answer_to(event.of)
        if old:
            key = f"reply:{event.key}"
            await run(lambda: self._parts.state.keep_part(key, -1, *old), None)
        assert EDIT in event.key  # noqa: S101 (that is how the channel knows)
        await self._replies.handle(seen, text=event.text)
        return None

    async def _answer_to(self, of: str) -> tuple[str, str] | None:
        """Where the answer to a message stands, once it is out: who edits at once is quicker than our note that it was sent."""
        for seconds in _OUT_BY_NOW:
            await asyncio.sleep(seconds)
            if old := await self._parts.api.run(lambda: self._parts.state.sent_as(f"reply:{of}"), None):
                return old
        return None

    async def _deleted(self, seen: Seen) -> Answer:
        await self._parts.api.run(lambda: self._parts.doors.amended(seen.person, seen.event.of, ""), False)
        return None

    async def _command(self, seen: Seen) -> Answer:
        """`/secdesk …` is answered in private, wherever it is typed; there, one line says so."""
        place = direct(seen.event.user, seen.prefix)
        text = seen.event.text or self._replies.say(seen, "slack.command_help")
        await self._replies.handle(replace(seen, place=place), text=text)
        if seen.event.private and seen.event.channel:
            return None
        return {"response_type": "ephemeral", "text": escape(self._replies.say(seen, "private.moved"))}

    # buttons and forms

    async def _pressed(self, seen: Seen) -> Answer:
        """The desk decides; some presses open a form first. What was pressed closes, for everybody who sees it."""
        event, action = seen.event, seen.event.action
        assert action is not None  # noqa: S101 (that is what makes it a press)
        at_the_desk = action.action.startswith("desk.")
        if at_the_desk and self._at_the_desk(seen.place):
            seen = replace(seen, place=aside(seen.place, event.user, seen.thread))
        form = self._one_field(seen, action.field) if action.field else None
        form = form or await self._form(seen, Action(action.action, action.value))
        if form and await self._open(seen, form, Asked(action.action, action.value, seen.place)):
            return None
        typed = {"typed": event.label} if event.label else {}
        reply = await self._replies.handle(seen, action=Action(action.action, action.value, typed))
        if event.channel and event.shown and not reply.repeated and closes(event.block, event.element):
            if not at_the_desk:
                self._replies.later(self._close(seen))
        elif not event.channel:
            self._replies.later(self._publish(seen))
        return None

    def _one_field(self, seen: Seen, field: Any) -> Card:
        return Card(self._replies.say(seen, "slack.title"), (field,), lang=seen.person.language)

    async def _open(self, seen: Seen, form: Card, asked: Asked) -> bool:
        async def view() -> dict[str, Any]:
            return self._parts.forms.view(form, asked)

        return await self._parts.forms.open(seen.install, seen.event.trigger, seen.person.language, view())

    async def _close(self, seen: Seen) -> None:
        """Take what was pressed out of its message."""
        event = seen.event
        note = self._replies.say(seen, "web.chosen", label=event.label)
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

    async def _submitted(self, seen: Seen) -> Answer:
        """A sent form: what is wrong with it keeps it open, a preview is shown once, then the desk decides."""
        view = seen.event.view
        asked = Asked.load(view.metadata) if view and view.callback == FORM else None
        if asked is None:
            return None
        seen = replace(seen, place=asked.place, thread=asked.place.thread)
        action = action_of(asked, seen.event.form)
        checked = await self._parts.api.run(lambda: self._parts.doors.check(action, seen.person), None)
        if checked and checked.errors:
            return errors(checked.errors, list(seen.event.form))
        if checked and checked.preview and not asked.seen:
            return replaced(self._parts.forms.view(checked.preview, replace(asked, seen=True)))
        await self._replies.handle(seen, action=action)
        if asked.place.private:  # it may have been opened from App Home, which shows what came of it
            self._replies.later(self._publish(seen))
        return None

    # a message's own menu

    async def _shortcut(self, seen: Seen) -> Answer:
        """Report it, or make an answer of it."""
        making = {REPORT: self._reported, PROPOSE: self._proposal}.get(seen.event.callback)
        if making and seen.event.quoted:
            opening = self._parts.forms.open(seen.install, seen.event.trigger, seen.person.language, making(seen))
            await self._replies.soon(opening)
        return None

    async def _reported(self, seen: Seen) -> dict[str, Any]:
        """Take the report; its receipt stands in the modal and in the person's direct messages."""
        place = direct(seen.event.user, seen.prefix)
        found = await self._parts.reports.of(seen.event, seen.install, seen.prefix, place, seen.person.language)
        seen = replace(seen, place=replace(place, thread=found.thread), thread=found.thread)
        reply = await self._replies.handle(seen, text=found.link, files=found.files)
        blocks = tuple(block for block in reply.card.blocks if isinstance(block, Text))
        title = reply.card.title or self._replies.say(seen, "slack.report_title")
        return self._parts.forms.still(replace(reply.card, title=title, blocks=blocks))

    async def _proposal(self, seen: Seen) -> dict[str, Any]:
        quoted = seen.event.quoted
        asking = Action(PROPOSAL, "", {"question": quoted.text if quoted else "", "channel": seen.place.channel,
                                       "conversation": seen.place.conversation, "thread": seen.place.thread})  # fmt: skip
        form = await self._form(seen, asking)
        if form is None:
            said = Text(self._replies.say(seen, "propose.desk_only"))
            title = self._replies.say(seen, "slack.title")
            return self._parts.forms.still(Card(title, (said,), lang=seen.person.language))
        return self._parts.forms.view(form, Asked(PROPOSAL, "", direct(seen.event.user, seen.prefix)))

    # App Home and direct messages opened

    async def _home(self, seen: Seen) -> Answer:
        self._replies.later(self._publish(seen))
        return None

    async def _publish(self, seen: Seen) -> None:
        card = await self._parts.api.run(lambda: self._parts.doors.home(seen.person), None)
        if card:
            view = home(card, self._parts.trusted(), self._replies.say(seen, "slack.home_more"))
            await self._parts.api.call(seen.install, "views.publish", {"user_id": seen.event.user, "view": view})

    async def _opened(self, seen: Seen) -> Answer:
        """Suggest what to ask, in the words of the person's language."""
        texts = [self._replies.say(seen, f"slack.prompt.{n}") for n in range(1, 5)]
        prompts = [{"title": text, "message": text} for text in texts if text]
        title = self._replies.say(seen, "slack.prompts")
        body = {"channel_id": seen.event.channel, "title": title, "prompts": prompts}
        self._replies.later(self._parts.api.call(seen.install, "assistant.threads.setSuggestedPrompts", body))
        return None

    # inside

    def _at_the_desk(self, place: Place) -> bool:
        desk = self._parts.desk()
        return desk is not None and address(desk.conversation).id == address(place.conversation).id

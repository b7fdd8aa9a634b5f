"""From the desk back to Slack: replies, the pointer to a private one, "is looking", and what runs behind an acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.channels.slack import SlackChannel, aside
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_events import Event, direct, stamp
from adapters.channels.slack_files import SlackFiles
from adapters.channels.slack_forms import Forms
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
STATUS_AFTER: Final = 1.0  # seconds without an answer before "is looking" is shown
ACKNOWLEDGED_BY: Final = 2.0  # seconds that somebody's modal may take before Slack is answered; it goes on behind that


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
    """An event with who and where it is. `thread` is the thread that it stands in, "" for none (`place` has the one that
    an answer opens)."""

    event: Event
    install: str
    prefix: str
    person: Person
    place: Place
    thread: str
    at: float


class Replies:
    """Asks the desk and sends what it says."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts = parts
        self._running: set[asyncio.Task[Any]] = set()

    async def handle(
        self, seen: Seen, *, text: str = "", action: Action | None = None, files: tuple[File, ...] = ()
    ) -> Reply:
        """The desk's reply, sent behind our acknowledgement; with a status if it takes a moment."""
        message = Message(
            seen.event.key, seen.person, seen.place, text, action, files, seen.at, aside=self._private(seen),
            told=stamp(seen.event.ts),
        )  # fmt: skip
        looks: list[bool] = []
        timer = asyncio.get_running_loop().call_later(STATUS_AFTER, self._look, seen, looks)
        try:
            reply = await self._parts.doors.handle(message)
        finally:
            timer.cancel()
        self.later(self._after(seen, reply, message, looking=bool(looks)))
        return reply

    async def notice(self, seen: Seen, place: Place, text: str, key: str) -> None:
        """A line of our own that the desk knows nothing of, once for each key."""
        nothing: dict[int, tuple[str, str]] = {}
        if await self._parts.api.run(lambda: self._parts.state.parts(key), nothing):
            return
        card = Card("", (Text(text),), "warning", lang=seen.person.language)
        sent = await self._parts.channel.send(place, card, key)
        await self._parts.api.run(lambda: self._parts.state.keep_part(key, 0, sent.conversation, sent.id), None)

    def say(self, seen: Seen, key: str, **params: object) -> str:
        """Words in the person's language."""
        return self._parts.words().say(seen.person.language, key, **params)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Behind the acknowledgement. What fails here is in the outbox, or worth a log line only."""

        async def guarded() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await work
                except (ChannelError, StoreUnavailable, TimeoutError) as error:
                    log.warning("behind the acknowledgement: %s", error)
                except Exception:
                    log.exception("behind the acknowledgement")

        self.keep(asyncio.ensure_future(guarded()))

    async def soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """Until it is done, or Slack has to be answered."""

        task = asyncio.ensure_future(work)
        self.keep(task)
        done, _ = await asyncio.wait({task}, timeout=ACKNOWLEDGED_BY)
        if done:
            task.result()
        else:
            task.add_done_callback(_note)

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Something that has to end before we stop."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self, seconds: float) -> None:
        """Let what is running end, and what follows from it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._running and loop.time() < until:
            await asyncio.wait(set(self._running), timeout=until - loop.time())

    # inside

    def _private(self, seen: Seen) -> Place | None:
        """Where this person alone reads an answer, if others read where they asked."""
        return None if seen.place.private or "!" in seen.place.conversation else direct(seen.event.user, seen.prefix)

    def _look(self, seen: Seen, looks: list[bool]) -> None:
        """It takes a moment: say so to whoever waits."""
        if seen.event.kind == "said" and seen.event.private:
            looks.append(True)
            self.later(self._status(seen, self.say(seen, "slack.looking")))

    async def _after(self, seen: Seen, reply: Reply, message: Message, *, looking: bool) -> None:
        try:
            await self._send(seen, reply, message, looking=looking)
        finally:
            await self._parts.people.met(seen.event, seen.prefix, seen.person)

    async def _send(self, seen: Seen, reply: Reply, message: Message, *, looking: bool) -> None:
        """The stored reply, once; one that could not be stored goes out all the same."""
        if reply.delivery and not reply.repeated:
            await self._parts.doors.deliver(reply.delivery)
        elif not reply.delivery:
            await self._parts.channel.send(reply.place, reply.card, f"reply:{message.key}")
        if looking and not reply.place.thread:  # an answer inside the thread would have ended it
            await self._status(seen, "")
        if reply.place.private and not message.place.private and not reply.repeated:
            there = aside(message.place, seen.event.user, seen.thread)
            await self.notice(seen, there, self.say(seen, "private.moved"), f"aside:{message.key}")

    async def _status(self, seen: Seen, status: str) -> None:
        body = {"channel_id": seen.event.channel, "thread_ts": seen.event.thread or seen.event.ts, "status": status}
        await self._parts.api.call(seen.install, "assistant.threads.setStatus", body, patience=0.5)


def _note(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception():
        log.error("behind the acknowledgement", exc_info=task.exception())

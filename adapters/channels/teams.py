"""Microsoft Teams as a channel: cards out, at the pace that the platform allows, to the address where a conversation is."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from adapters.channels.teams_activities import EDIT, NAME, address, apart
from adapters.channels.teams_cards import activity_of, adaptive_cards
from adapters.channels.teams_connector import Connector, Gone
from adapters.channels.teams_pace import TENANT, TENANT_WAITING, THREAD
from adapters.channels.teams_people import tolerant
from adapters.channels.teams_sharing import Sharing, files_of
from adapters.channels.teams_state import Lanes, TeamsState, Where
from bot.cards import Attached, Card
from bot.errors import RetryLater, Unreachable
from bot.health import Check
from bot.model import Place
from bot.ports import SentRef

log = logging.getLogger(__name__)
PATIENCE: Final = 5.0  # seconds a sending waits for its turn before it comes again later
REPLACES: Final = -1  # as the part of a card: the message whose place it takes
NAMED: Final = 8  # people named in a line of the health page
_WAITING = "nudge:"  # deliveries whose key starts so give way to people who are waiting


class TeamsChannel:
    """`Channel` over the connector. `elsewhere` is where a conversation is taken to be that we were never told of; `names`
    gives the name of a pseudonym."""

    name = NAME

    def __init__(
        self,
        state: TeamsState,
        connector: Connector,
        *,
        elsewhere: Where,
        sharing: Sharing,
        real: bool = True,
        names: Callable[[str], str] = lambda person: person,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.real = real
        self._state, self._connector, self._elsewhere, self._pause = state, connector, elsewhere, pause
        self._places, self._names, self._sharing = Places(state), names, sharing
        self._closed: dict[str, str] = {}  # channels that take no messages from us, and what the platform said

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        """Post the card, a long one in several messages, and in a personal chat offer its files. The ref is that of the card's
        last message. Parts that went out stay out."""
        where = await self._where(place.conversation)
        to = address(place.conversation, place.thread)
        card = card if place.private else self._sharing.with_buttons(card)
        parts = [activity_of(adaptive, card) for adaptive in adaptive_cards(card)]
        last = len(parts) - 1
        parts += self._offers(place, card)
        done = await self._done(key) if len(parts) > 1 or EDIT in key else {}
        if REPLACES in done:  # an edited question: its new answer stands where the old one did
            return await self.update(SentRef(NAME, to, done[REPLACES]), card)
        for part, activity in enumerate(parts):
            if part not in done:
                done[part] = await self._post(where, place, to, activity, key)
                if len(parts) > 1:
                    await tolerant(self._state.sent, place.conversation, done[part], key, part, otherwise=None)
        return SentRef(NAME, to, done[last])

    async def _done(self, key: str) -> dict[int, str]:
        return await tolerant(self._state.sent_parts, key, otherwise={})

    def _offers(self, place: Place, card: Card) -> list[dict[str, Any]]:
        """A file in a channel cannot be sent; there a button stands for it."""
        files = files_of(card) if place.private else []
        return [self._sharing.offer(place.conversation, file, card.lang) for file in files]

    async def offer(self, place: Place, file: Attached, lang: str) -> None:
        """Offer one file in somebody's personal chat."""
        where = await self._where(place.conversation)
        await self._post(where, place, place.conversation, self._sharing.offer(place.conversation, file, lang), "")

    async def replace(self, place: Place, message: str, activity: dict[str, Any]) -> None:
        """Put something else where a message of ours was; behind it if that is gone."""
        where = await self._where(place.conversation)
        await self._turn(place, where, "")
        try:
            await self._connector.put(where.service_url, place.conversation, message, {**activity, "id": message})
        except (Gone, Unreachable):
            await self._post(where, place, place.conversation, activity, "")

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        """Replace the card for everybody. A message that is gone (404) is posted again."""
        conversation, thread = apart(ref.conversation)
        where = await self._where(conversation)
        place = Place(NAME, conversation, thread, where.scope == "personal")
        card = card if place.private else self._sharing.with_buttons(card)
        *before, adaptive = adaptive_cards(card)
        for more in before:
            await self._post(where, place, ref.conversation, activity_of(more, card), ref.id)
        body = {**activity_of(adaptive, card), "id": ref.id}
        await self._turn(place, where, ref.id)
        try:
            await self._connector.put(where.service_url, ref.conversation, ref.id, body)
        except Gone:
            log.warning("a card was gone and is posted again")
            to = conversation if thread == ref.id else ref.conversation  # the thread's first message is gone with it
            return SentRef(NAME, to, await self._post(where, place, to, activity_of(adaptive, card), ref.id))
        except Unreachable as error:
            await self._shut(place, where, str(error))
            raise
        self._closed.pop(conversation, None)
        return ref

    async def typing(self, place: Place) -> None:
        """Show that somebody is at it; not worth waiting for."""
        where = await self._where(place.conversation)
        if await self._reserve(place, where, "") <= 0:
            await self._connector.post(where.service_url, address(place.conversation, place.thread), {"type": "typing"})

    def health(self) -> Iterator[Check]:
        """Who and what cannot be reached, for the console's health page. Reads the database."""
        for conversation, reason in list(self._closed.items()):
            mend = "add the app to the team again, and look whether somebody removed or blocked it"
            yield Check("teams channels", "bad", f"{conversation}: {reason}", mend)
        if rows := self._state.cannot_be_reached():
            named = [f"{self._names(row['person']) or '?'} ({row['reason']})" for row in rows[:NAMED]]
            more = [f"{len(rows) - NAMED} more"] if len(rows) > NAMED else []
            says = f"{len(rows)} cannot be reached: {', '.join([*named, *more])}"
            yield Check("teams people", "note", says, "they blocked the app or took it out; ring them or write a mail")

    # inside

    async def _where(self, conversation: str) -> Where:
        if not conversation:
            raise Unreachable("no chat is known")
        found = self._state.there(conversation) or await tolerant(self._state.where, conversation, otherwise=None)
        return found or self._elsewhere

    async def _post(self, where: Where, place: Place, to: str, activity: Mapping[str, Any], key: str) -> str:
        await self._turn(place, where, key)
        try:
            posted = await self._connector.post(where.service_url, to, activity)
        except Unreachable as error:
            await self._shut(place, where, str(error))
            raise
        self._closed.pop(place.conversation, None)
        return posted

    async def _shut(self, place: Place, where: Where, reason: str) -> None:
        """Remember who, or which channel, takes no messages."""
        if where.scope != "personal" and not place.private:
            self._closed[place.conversation] = reason
        else:
            await tolerant(self._state.unreachable, place.conversation, reason, otherwise=None)

    async def _turn(self, place: Place, where: Where, key: str) -> None:
        """Wait for a place in the lanes of the thread and of the tenant. Raises `RetryLater` if that takes long."""
        spent = 0.0
        while (seconds := await self._reserve(place, where, key)) > 0:
            seconds += random.uniform(0.0, 0.2)  # noqa: S311 (so that those who wait do not all come back at once)
            spent += seconds
            if spent > PATIENCE:
                raise RetryLater("sending waits for its turn", seconds)
            await self._pause(seconds)

    async def _reserve(self, place: Place, where: Where, key: str) -> float:
        tenant = TENANT_WAITING if key.startswith(_WAITING) else TENANT
        lanes = (
            (f"tenant:{where.tenant}", tenant),
            (f"thread:{place.conversation}", THREAD),
        )  # a channel is one thread
        return await self._places(lanes)


class Places:
    """Asks for places in the lanes: whoever asks while a transaction runs shares the next one."""

    def __init__(self, state: TeamsState) -> None:
        self._state = state
        self._waiting: list[tuple[Lanes, asyncio.Future[float]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, lanes: Lanes) -> float:
        """Seconds to wait; 0 when the places are taken, or when nobody can say since the database is away."""
        mine: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((lanes, mine))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return await mine

    async def _ask(self) -> None:
        """A task of its own: whoever asked first may be cancelled, the others still want to know."""
        while self._waiting:
            taken, self._waiting = self._waiting, []
            wanted = [lanes for lanes, _ in taken]
            try:
                waits = await tolerant(self._state.reserve_all, wanted, otherwise=[0.0] * len(taken))
            except Exception:
                log.exception("nobody can say how fast we are sending")
                waits = [0.0] * len(taken)
            for (_, future), seconds in zip(taken, waits, strict=True):
                if not future.done():
                    future.set_result(seconds)

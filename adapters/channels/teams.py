"""Microsoft Teams as a channel: cards out, at the pace that the platform allows, to the address where a conversation is."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from adapters.channels.teams_activities import NAME, address, apart
from adapters.channels.teams_cards import activity_of, adaptive_cards
from adapters.channels.teams_connector import Connector, Gone
from adapters.channels.teams_pace import TENANT, TENANT_WAITING, THREAD
from adapters.channels.teams_people import tolerant
from adapters.channels.teams_state import Lanes, TeamsState, Where
from bot.cards import Card
from bot.errors import RetryLater, Unreachable
from bot.health import Check
from bot.model import Place
from bot.ports import SentRef

log = logging.getLogger(__name__)
PATIENCE: Final = 5.0  # seconds a sending waits for its turn before it comes again later
_WAITING = "nudge:"  # deliveries whose key starts so give way to people who are waiting


class TeamsChannel:
    """`Channel` over the connector. `elsewhere` is where a conversation is taken to be that we were never told of."""

    name = NAME

    def __init__(
        self,
        state: TeamsState,
        connector: Connector,
        *,
        elsewhere: Where,
        real: bool = True,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.real = real
        self._state, self._connector, self._elsewhere, self._pause = state, connector, elsewhere, pause
        self._places = Places(state)

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        """Post the card; a long one in several messages, the ref is the last one's. Parts that went out stay out."""
        where = await self._where(place.conversation)
        to = address(place.conversation, place.thread)
        parts = adaptive_cards(card)
        done = await tolerant(self._state.sent_parts, key, otherwise={}) if len(parts) > 1 else {}
        posted = ""
        for part, adaptive in enumerate(parts):
            posted = done.get(part, "") or await self._post(where, place, to, activity_of(adaptive, card), key)
            if part not in done and len(parts) > 1:
                await tolerant(self._state.sent, place.conversation, posted, key, part, otherwise=None)
        return SentRef(NAME, to, posted)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        """Replace the card for everybody. A message that is gone (404) is posted again."""
        conversation, thread = apart(ref.conversation)
        where = await self._where(conversation)
        *before, adaptive = adaptive_cards(card)
        place = Place(NAME, conversation, thread, private=False)
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
        return ref

    async def typing(self, place: Place) -> None:
        """Show that somebody is at it; not worth waiting for."""
        where = await self._where(place.conversation)
        if await self._reserve(place, where, "") <= 0:
            await self._connector.post(where.service_url, address(place.conversation, place.thread), {"type": "typing"})

    def health(self) -> Iterator[Check]:
        """Who cannot be reached, for the console's health page."""
        if rows := self._state.cannot_be_reached():
            reasons = ", ".join(sorted({str(row["reason"]) for row in rows}))
            says = f"{len(rows)} cannot be reached: {reasons}"
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
            return await self._connector.post(where.service_url, to, activity)
        except Unreachable as error:
            await tolerant(self._state.unreachable, place.conversation, str(error), otherwise=None)
            raise

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

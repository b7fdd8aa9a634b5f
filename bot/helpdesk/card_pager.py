"""Calling by a card: in chat, or by mail where mail is a channel. With buttons, so that one tap answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.cards import Card
from bot.delivery import Bridge
from bot.errors import ChannelError, RetryLater, StoreUnavailable
from bot.helpdesk.paging import page_card
from bot.model import Person, Place
from bot.organisation import Words
from bot.people import Identities
from bot.ports import Channel, Page

SECONDS = 15.0


class CardPager:
    """`Pager` over a channel. `place_of` says where a person is reached on it, None if they are not.

    `stored` sends a card as a stored delivery, which an answer can name (a mail's buttons do), and says whether it went; it
    raises `RetryLater` when the outbox will try again. Without a database the card goes out all the same.
    """

    rings = False

    def __init__(
        self,
        name: str,
        place_of: Callable[[Person], Place | None],
        channels: Mapping[str, Channel],
        bridge: Bridge,
        identities: Identities,
        words: Callable[[], Words],
        stored: Callable[[Person, Place, Card, str], bool] | None = None,
    ) -> None:
        self.name = name
        self._place_of, self._channels, self._bridge = place_of, channels, bridge
        self._identities, self._words, self._stored = identities, words, stored

    def page(self, page: Page) -> None:
        person = self._identities.find(page.to)
        place = self._place_of(person) if person else None
        channel = self._channels.get(place.channel) if place else None
        if person is None or place is None or channel is None:
            raise ChannelError("has no place there yet")
        card = page_card(self._words(), person.language, page.call, page.summary, page.ticket, page.url)
        person = person if person.key else self._identities.find(page.to) or person  # met just now, maybe
        key = f"page:{page.key}:{page.to}:{self.name}"
        try:
            if self._stored is None or not self._kept(person, place, card, key):
                self._bridge(channel.send(place, card, key), SECONDS)
        except TimeoutError as error:
            raise ChannelError("did not answer in time") from error

    def _kept(self, person: Person, place: Place, card: Card, key: str) -> bool:
        """Sent as a delivery; False if nothing can be stored now. Raises `ChannelError` when it did not get there."""
        assert self._stored is not None  # noqa: S101
        try:
            if self._stored(person, place, card, key):
                return True
        except StoreUnavailable:
            return False
        except RetryLater as error:
            raise ChannelError("did not take it; it is tried again") from error
        raise ChannelError("cannot be reached there")

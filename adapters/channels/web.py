"""The local web chat as a channel: "sending" is a row that the browser's next look finds."""

from __future__ import annotations

import asyncio
from typing import Protocol

from bot.cards import Card, dump
from bot.errors import RetryLater, StoreUnavailable, Unreachable
from bot.model import Place
from bot.ports import Clock, SentRef, Vault

NAME = "web"


class Posts(Protocol):
    """SQL of the posts. Both are short transactions of their own."""

    def add_post(self, conversation: str, key: str, card: str, at: float) -> str: ...

    def replace_post(self, conversation: str, post: str, card: str) -> bool: ...


class WebChannel:
    """`Channel` over the web chat's own table. Not `real`: it runs on sample organisation values."""

    name = NAME
    real = False

    def __init__(self, posts: Posts, clock: Clock) -> None:
        self._posts, self._clock = posts, clock

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        """Post once by `key`. The insert runs in a thread of the default pool: never the one that waits for us."""
        at = self._clock.now()
        try:
            post = await asyncio.to_thread(self._posts.add_post, place.conversation, key, dump(card), at)
        except StoreUnavailable as error:
            raise RetryLater("the web chat's table cannot be written", 2.0) from error
        return SentRef(NAME, place.conversation, post)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        try:
            found = await asyncio.to_thread(self._posts.replace_post, ref.conversation, ref.id, dump(card))
        except StoreUnavailable as error:
            raise RetryLater("the web chat's table cannot be written", 2.0) from error
        if not found:
            raise Unreachable("the post is no longer there")
        return ref


def web_place(vault: Vault, person_id: str) -> Place:
    """Where a person's web chat is."""
    return Place(NAME, vault.digest(NAME, person_id.encode())[:20])

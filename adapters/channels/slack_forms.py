"""Modals: opening them while their three seconds last, and what travels in them. The desk makes the forms, we show them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_blocks import modal
from adapters.channels.slack_events import NAME
from bot.cards import Card, Text
from bot.errors import ChannelError
from bot.model import Action, Place
from bot.organisation import Words

log = logging.getLogger(__name__)
FORM: Final = "form"  # callback ids of our modals
SHOWN: Final = "shown"
AT_ONCE: Final = 0.3  # seconds a form may take before "loading" is shown in its place
OPENED_WITHIN: Final = 2.2  # seconds; a trigger lives for three
METADATA: Final = 3_000


@dataclass(frozen=True)
class Asked:
    """What a form is for: the action that its sending becomes, and where that is answered. `seen`: a preview was shown."""

    action: str
    value: str
    place: Place
    seen: bool = False

    def dump(self) -> str:
        """As private_metadata. A value too long for that is cut: it is somebody's words, never one of our ids."""
        place = [self.place.conversation, self.place.thread, self.place.private]
        text = json.dumps([self.action, self.value, place, self.seen], ensure_ascii=False, separators=(",", ":"))
        if len(text) <= METADATA or not self.value:
            return text
        return replace(self, value=self.value[: max(0, len(self.value) - (len(text) - METADATA))]).dump()

    @staticmethod
    def load(text: str) -> Asked | None:
        """Back from `dump`; None for anything else."""
        try:
            action, value, (conversation, thread, private), seen = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            return None
        if not all(isinstance(item, str) for item in (action, value, conversation, thread)):
            return None
        return Asked(action, value, Place(NAME, conversation, thread, bool(private)), bool(seen))


class Forms:
    """Shows forms and cards in modals."""

    def __init__(self, api: SlackApi, words: Callable[[], Words], trusted: Callable[[], Mapping[str, str]]) -> None:
        self._api, self._words, self._trusted = api, words, trusted

    def view(self, form: Card, asked: Asked) -> dict[str, Any]:
        """A form as a modal."""
        submit = self._say(form.lang, "slack.send_seen" if asked.seen else "slack.send")
        return modal(form, callback=FORM, metadata=asked.dump(), submit=submit,
                     close=self._say(form.lang, "slack.cancel"), trusted=self._trusted())  # fmt: skip

    def still(self, card: Card) -> dict[str, Any]:
        """A card that is only read."""
        close = self._say(card.lang, "slack.close")
        return modal(card, callback=SHOWN, metadata="", submit="", close=close, trusted=self._trusted())

    async def open(self, install: str, trigger: str, lang: str, making: Awaitable[dict[str, Any]]) -> bool:
        """Open a view; one that takes a moment to make replaces a "loading" one. False if it could not be opened in time."""
        work = asyncio.ensure_future(making)
        done, _ = await asyncio.wait({work}, timeout=AT_ONCE)
        try:
            if done:
                await self._open(install, trigger, work.result())
                return True
            loading = Card(self._say(lang, "slack.title"), (Text(self._say(lang, "slack.loading")),), lang=lang)
            opened = await self._open(install, trigger, self.still(loading))
            await self._api.call(install, "views.update", {"view_id": opened, "view": await work})
        except (ChannelError, TimeoutError) as error:
            log.warning("a form could not be opened: %s", error or "no answer in time")
            await work
            return False
        return True

    async def _open(self, install: str, trigger: str, view: Mapping[str, Any]) -> str:
        opening = self._api.call(install, "views.open", {"trigger_id": trigger, "view": view}, patience=1.0)
        opened = await asyncio.wait_for(opening, OPENED_WITHIN)
        return str((opened.get("view") or {}).get("id", ""))

    def _say(self, lang: str, key: str) -> str:
        return self._words().say(lang, key)


def errors(found: Mapping[str, str], fields: Sequence[str]) -> dict[str, Any]:
    """What is wrong with a sent form, by field, as the answer that keeps it open. What is about none of its `fields` stands
    at the first: Slack shows errors of fields that it knows only."""
    said: dict[str, str] = {}
    for name, text in found.items():
        field = f"field.{name if name in fields or not fields else fields[0]}"
        said[field] = f"{said[field]} {text}" if field in said else text
    return {"response_action": "errors", "errors": said}


def replaced(view: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that shows another view in a sent form's place."""
    return {"response_action": "update", "view": view}


def action_of(asked: Asked, form: Mapping[str, str]) -> Action:
    """What a sent form asks the desk to do."""
    return Action(asked.action, asked.value, dict(form))

"""A chat message reported from its own menu: the message, its author, its files and where it is, as a mail to examine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import SMTP
from typing import Final

from adapters.channels.slack import SlackChannel
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_events import Event, Quoted, stamp
from adapters.channels.slack_files import SlackFiles
from adapters.channels.slack_people import SlackPeople
from bot.answering.redaction import redact
from bot.cards import Block, Card, Facts, Text
from bot.errors import ChannelError
from bot.model import File, Place
from bot.organisation import Words

log = logging.getLogger(__name__)
ASKING: Final = 1.2  # seconds for what is nice to know: Slack waits three for the whole
SHOWN_TEXT: Final = 600
ATTACHED_BYTES: Final = 10 * 1024 * 1024  # of a message's files, examined with it; the rest goes by name
_MAIL_ENDINGS: Final = (".eml", ".msg")


@dataclass(frozen=True)
class Gathered:
    """What to examine, the thread under which receipt and verdict stand ("" if it could not be begun), and where the message
    is ("" if Slack does not tell)."""

    files: tuple[File, ...]
    thread: str
    link: str


class SlackReports:
    """Gathers what is reported."""

    def __init__(
        self, api: SlackApi, channel: SlackChannel, people: SlackPeople, files: SlackFiles, words: Callable[[], Words]
    ) -> None:
        self._api, self._channel, self._people, self._files, self._words = api, channel, people, files, words

    async def of(self, event: Event, install: str, prefix: str, place: Place, lang: str) -> Gathered:
        """What is reported, with a thread in `place` begun for it."""
        quoted = event.quoted or Quoted("", "")
        fetching = self._files.all(install, quoted.files)
        author, link, fetched = await asyncio.gather(self._author(prefix, quoted), self._link(install, event), fetching)
        mails = tuple(file for file in fetched.files if file.name.casefold().endswith(_MAIL_ENDINGS))
        head = await self._head(quoted, author, link, place, lang, event.key)
        return Gathered(mails or (_as_mail(quoted, author, link, fetched.files),), head, link)

    # inside

    async def _head(self, quoted: Quoted, author: str, link: str, place: Place, lang: str, key: str) -> str:
        """Begin a thread in the person's direct messages that says which message this is about."""
        say = self._words().say
        said = redact(quoted.text).text
        short = said if len(said) <= SHOWN_TEXT else said[: SHOWN_TEXT - 1] + "…"
        facts = tuple((label, text) for label, text in ((say(lang, "slack.report_author"), author),
                      (say(lang, "slack.report_link"), link)) if text)  # fmt: skip
        blocks: list[Block] = [Text(say(lang, "slack.report_head"))]
        blocks += [Text(short, "quote")] if short else []
        blocks += [Facts(facts)] if facts else []
        try:
            sent = await asyncio.wait_for(
                self._channel.send(place, Card("", tuple(blocks), lang=lang), f"head:{key}"), ASKING
            )
        except (ChannelError, TimeoutError) as error:
            log.warning("no thread for a report: %s", type(error).__name__)
            return ""
        return sent.id

    async def _author(self, prefix: str, quoted: Quoted) -> str:
        try:
            return await asyncio.wait_for(self._people.name(prefix, quoted.author), ASKING) or quoted.author
        except TimeoutError:
            return quoted.author

    async def _link(self, install: str, event: Event) -> str:
        if not event.channel or not event.ts:
            return ""
        asked = {"channel": event.channel, "message_ts": event.ts}
        try:
            answer = await asyncio.wait_for(self._api.call(install, "chat.getPermalink", asked, patience=0.5), ASKING)
        except (ChannelError, TimeoutError) as error:
            log.warning("no permalink of a reported message: %s", type(error).__name__)
            return ""
        return str(answer.get("permalink") or "")


def _as_mail(quoted: Quoted, author: str, link: str, files: Sequence[File]) -> File:
    """The message as a mail that can be examined, its files attached as far as they fit."""
    from bot.reporting.chat_message import ChatMessage, as_mail  # noqa: PLC0415 (with the pillar, when it is used)

    at = stamp(quoted.ts)
    names = tuple(remote.name for remote in quoted.files)
    made = as_mail(ChatMessage("Slack", author, quoted.text, link, at, files=names))
    mail, room = message_from_bytes(made.data, policy=SMTP), ATTACHED_BYTES
    for file in files:
        room -= len(file.data)
        if room >= 0:
            name = "".join(char if char.isprintable() else " " for char in file.name)
            mail.add_attachment(file.data, maintype="application", subtype="octet-stream", filename=name)
    return replace(made, data=mail.as_bytes())

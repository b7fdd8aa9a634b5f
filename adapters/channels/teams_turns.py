"""What to do about an activity. Knows neither HTTP nor the SDK: activities in, answers to invokes out.

An event is stored by the desk before it is acknowledged; the reply goes out behind the acknowledgement. A turn that takes
longer than the platform waits goes on behind it as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.channels.teams import REPLACES, TeamsChannel
from adapters.channels.teams_activities import NAME, Activity, Quoted
from adapters.channels.teams_answers import Answer, dialog_note, in_place, note
from adapters.channels.teams_behind import Behind
from adapters.channels.teams_cards import adaptive_cards, after_press, pressed_button
from adapters.channels.teams_dialogs import Dialogs
from adapters.channels.teams_files import Fetched, TeamsFiles
from adapters.channels.teams_people import TeamsPeople, tolerant
from adapters.channels.teams_sharing import GET, Sharing, asked_for, files_of
from adapters.channels.teams_state import TeamsState
from bot.cards import Card, Text
from bot.errors import ChannelError, NotFound, Refused
from bot.model import File, Message, Person, Place, Reply
from bot.organisation import Organisation
from bot.platforms import Doors
from bot.ports import Clock, SentRef

log = logging.getLogger(__name__)
_OUT_BY_NOW: Final = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between looks
ACKNOWLEDGED_BY: Final = 11.0  # seconds; the platform gives up at 15
ANSWERED_BY: Final = 8.0  # seconds for an invoke, whose caller watches a spinner
TYPING_AFTER: Final = 0.6
ASIDE_SECONDS: Final = 2.5
_DIALOGS: Final = {"dialog", "dialog_sent"}


@dataclass(frozen=True)
class TurnParts:
    """What turns are made of. `say` stores a message of our own and gives its delivery; `welcome` greets whoever installs the
    app (once); `quoted_mail` makes a reported chat message a mail that can be examined."""

    channel: TeamsChannel
    state: TeamsState
    clock: Clock
    people: TeamsPeople
    files: TeamsFiles
    sharing: Sharing
    doors: Doors
    organisation: Callable[[], Organisation]
    say: Callable[[Person, Place, Card, str], str]
    welcome: Callable[[Person, Place, str], str]
    quoted_mail: Callable[[Quoted], File]


class Turns:
    """One method a kind of activity. Nothing here raises for what a client sent."""

    def __init__(self, parts: TurnParts) -> None:
        self._parts, self._behind = parts, Behind()
        words = lambda: parts.organisation().words  # noqa: E731
        self._dialogs = Dialogs(
            parts.doors, parts.people, parts.clock, words, parts.quoted_mail, self._behind, self._send
        )

    async def take(self, activity: Activity, *, invoked: bool) -> Answer | None:
        """Do what the activity asks for; an answer if it was an invoke."""
        work = asyncio.ensure_future(self._do(activity, invoked=invoked))
        self._behind.keep(work)
        done, _ = await asyncio.wait({work}, timeout=ANSWERED_BY if invoked else ACKNOWLEDGED_BY)
        if work in done:
            return work.result()
        log.warning("a turn goes on after its acknowledgement", extra={"kind": activity.kind})
        later = self._say(activity.sender.language, "teams.still_working")
        if not invoked:
            return None
        return dialog_note(later) if activity.kind in _DIALOGS else note(later)

    async def close(self, seconds: float = 10.0) -> None:
        """Let what is running end."""
        await self._behind.close(seconds)

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
            case "edited":
                await self._edited(activity)
            case "deleted":
                await self._deleted(activity)
            case "pressed":
                return await self._pressed(activity, invoked=invoked)
            case "installed":
                await self._installed(activity)
            case "dialog":
                return await self._dialogs.open(activity)
            case "dialog_sent":
                return await self._dialogs.sent(activity)
            case "file_taken":
                self._behind(self._hand_over(activity))
                return Answer()
        return None

    # messages

    async def _message(self, activity: Activity) -> None:
        if not await self._for_us(activity):
            return
        person = await self._parts.people.person(activity)
        fetched = await self._parts.files.all(activity.files, activity.service_url)
        if trouble := self._trouble(activity, fetched, person):
            self._behind(self._parts.channel.send(activity.place, trouble, f"refused:{activity.key}"))
            if not activity.text and not fetched.files:
                return
        await self._taken(activity, person, fetched.files)

    async def _taken(self, activity: Activity, person: Person, files: tuple[File, ...] = ()) -> None:
        """To the desk with it, and its reply to the person."""
        message = Message(
            activity.key, person, activity.place, activity.text, files=files, at=self._parts.clock.now(),
            aside=await self._aside(activity), told=activity.at,
        )  # fmt: skip
        reply = await self._handled(activity, message)
        self._behind(self._send(reply, message))
        if reply.place.private and activity.scope != "personal" and not reply.repeated:
            moved = Card("", (Text(self._say(person.language, "private.moved")),), lang=person.language)
            self._behind(self._parts.channel.send(activity.place, moved, f"moved:{activity.key}"))
        self._behind(self._parts.people.met(activity, person))

    async def _for_us(self, activity: Activity) -> bool:
        """In channels: what names us, what is said in a ticket's thread, and answers to what we have asked there."""
        if activity.scope == "personal" or activity.mentions_us:
            return True
        if activity.scope != "channel" or not activity.thread:
            return False
        if await tolerant(self._parts.doors.in_room, activity.place, otherwise=False):
            return True
        known = await self._parts.people.known(activity)
        key = known.person if known else ""
        return bool(key) and await tolerant(self._parts.doors.expects, key, activity.place, otherwise=False)

    def _trouble(self, activity: Activity, fetched: Fetched, person: Person) -> Card | None:
        """What to say about what came along and cannot be had."""
        lang = person.language
        if fetched.refused:
            names = ", ".join(name[:80] for name in fetched.refused)
            said = self._say(lang, "teams.file_refused", name=names)
        elif activity.unreadable and activity.scope == "channel":
            said = self._say(lang, "teams.file_in_channel")
        elif activity.unreadable and not activity.text and not fetched.files:
            said = self._say(lang, "teams.unreadable")
        else:
            return None
        return Card("", (Text(said),), "warning", lang=lang)

    async def _aside(self, activity: Activity) -> Place | None:
        """Where somebody who writes in a channel can be answered in private; None if that cannot be opened quickly."""
        if activity.scope == "personal" or not activity.mentions_us:
            return None
        try:
            return await asyncio.wait_for(self._parts.people.personal(activity), ASIDE_SECONDS)
        except (ChannelError, TimeoutError) as error:
            log.warning("no private chat: %s", error or type(error).__name__)
            return None

    async def _handled(self, activity: Activity, message: Message) -> Reply:
        """The desk's reply, with the typing indicator if it takes a moment."""
        work = asyncio.ensure_future(self._parts.doors.handle(message))
        done, _ = await asyncio.wait({work}, timeout=TYPING_AFTER)
        if not done:
            self._behind(self._parts.channel.typing(activity.place))
        return await work

    async def _delivered(self, delivery: str) -> None:
        if delivery:
            await self._parts.doors.deliver(delivery)

    async def _send(self, reply: Reply, message: Message) -> None:
        """The stored reply, once; one that could not be stored goes out all the same."""
        if reply.delivery:
            if not reply.repeated:
                await self._parts.doors.deliver(reply.delivery)
            return
        await self._parts.channel.send(reply.place, reply.card, f"reply:{message.key}")

    # messages that read otherwise now

    async def _edited(self, activity: Activity) -> None:
        """What we took in follows the edit: in the records, on the desk's card, and in the answer."""
        parts = self._parts
        if not await self._met(activity) or await tolerant(parts.doors.in_room, activity.place, otherwise=False):
            return  # what the desk wrote in a ticket's thread has reached the person and cannot be taken back
        message, event = await tolerant(parts.state.reply_to, activity, otherwise=("", activity.of))
        person = await parts.people.person(activity)
        if not await tolerant(parts.doors.amended, person, event, activity.text, otherwise=False):
            return
        if message := message or await self._answer_to(activity):
            takes = activity.conversation, message, f"reply:{activity.key}", REPLACES
            await tolerant(parts.state.sent, *takes, otherwise=None)
        await self._taken(activity, person)

    async def _answer_to(self, activity: Activity) -> str:
        """The message that answers it, once that is out: who edits at once is quicker than our note that it was sent."""
        for seconds in _OUT_BY_NOW:
            await asyncio.sleep(seconds)
            if message := (await tolerant(self._parts.state.reply_to, activity, otherwise=("", "")))[0]:
                return message
        return ""

    async def _met(self, activity: Activity) -> bool:
        """Whether there can be anything of theirs: in channels we hear of everybody's edits, and ask about nobody."""
        known = await self._parts.people.known(activity)
        return known is not None and bool(known.person)

    async def _deleted(self, activity: Activity) -> None:
        if not await self._met(activity):
            return
        _, event = await tolerant(self._parts.state.reply_to, activity, otherwise=("", activity.of))
        person = await self._parts.people.person(activity)
        await tolerant(self._parts.doors.amended, person, event, "", otherwise=False)

    # buttons

    async def _pressed(self, activity: Activity, *, invoked: bool) -> Answer | None:
        """The desk decides; the card that was pressed shows it, for everybody if others see it too."""
        assert activity.action is not None  # noqa: S101 (that is what makes it a press)
        person = await self._parts.people.person(activity)
        if activity.action.id == GET:
            answer = await self._offered(activity, person)
            return answer if invoked else None
        message = Message(
            activity.key, person, activity.place, "", activity.action, at=self._parts.clock.now(), told=activity.at
        )
        shown = await tolerant(self._parts.state.card, activity, otherwise=None)
        if not await self._asked_first(activity, person):
            reply = await self._parts.doors.handle(message)
            self._behind(self._send(reply, message))
        self._behind(self._parts.people.met(activity, person))
        if card := await tolerant(self._parts.doors.room_card, activity.action, otherwise=None):
            return in_place(adaptive_cards(card)[-1]) if invoked else None  # for everybody else the desk updates it
        if shown is None:
            return note(self._say(person.language, "teams.taken")) if invoked else None
        closed = self._closed(shown, activity, person)
        if not invoked or activity.scope != "personal":
            ref = SentRef(NAME, activity.address, activity.card)
            self._behind(self._parts.channel.update(ref, closed))
        return in_place(adaptive_cards(closed)[-1]) if invoked else None

    async def _asked_first(self, activity: Activity, person: Person) -> bool:
        """Send the form that goes before an action, in the person's own chat; False if there is none, or it is filled in."""
        action = activity.action
        if action is None or action.form or activity.scope != "personal":
            return False
        form = await tolerant(self._parts.doors.form, action, person, otherwise=None)
        if form is None:
            return False
        delivery = await tolerant(self._parts.say, person, activity.place, form, f"form:{activity.key}", otherwise="")
        self._behind(self._delivered(delivery))
        return bool(delivery)

    def _closed(self, shown: Card, activity: Activity, person: Person) -> Card:
        action = activity.action
        assert action is not None  # noqa: S101
        button = pressed_button(shown, action.id, action.value)
        if button is None:
            return shown
        mark = "" if action.form else self._say(person.language, "web.chosen", label=button.label)
        return after_press(shown, action.id, action.value, mark or "✓ " + button.label)

    # files that people are sent

    async def _offered(self, activity: Activity, person: Person) -> Answer:
        """Somebody wants a ticket's file: it is offered in their own chat. Who may is asked again each time."""
        assert activity.action is not None  # noqa: S101
        file = asked_for(activity.action.value)
        if not await self._may_have(activity, person, file.id):
            return note(self._say(person.language, "room.not_yours"))
        try:
            place = await self._parts.people.personal(activity)
            await self._parts.channel.offer(place, file, person.language)
        except ChannelError as error:
            log.warning("a file could not be offered: %s", error)
            return note(self._say(person.language, "teams.file_failed", name=file.name))
        self._behind(self._parts.people.met(activity, person))
        return note(self._say(person.language, "teams.file_offered", name=file.name))

    async def _may_have(self, activity: Activity, person: Person, file: str) -> bool:
        """People of the desk, and whoever was sent the card that the file came with."""
        if person.known and person.roles & self._parts.organisation().desk_roles():
            return True
        card, receiver = await tolerant(self._parts.state.card_for, activity, otherwise=(None, ""))
        known = await self._parts.people.known(activity)
        if card is None or known is None or not receiver or receiver != known.person:
            return False
        return any(block.id == file for block in files_of(card))

    async def _hand_over(self, activity: Activity) -> None:
        """Somebody agreed to have a file, or declined it."""
        assert activity.taken is not None  # noqa: S101 (that is what the kind says)
        person = await self._parts.people.person(activity)
        try:
            link = await self._parts.sharing.hand_over(activity.conversation, activity.taken)
        except (Refused, NotFound) as error:
            log.warning("a file was not handed over: %s", type(error).__name__)
            trouble = self._say(person.language, "teams.file_gone")
        except ChannelError as error:
            log.warning("a file was not handed over: %s", error)
            trouble = self._say(person.language, "teams.file_failed", name=activity.taken.name)
        else:
            if link:
                await self._parts.channel.replace(activity.place, activity.card, link)
            return
        card = Card("", (Text(trouble),), "warning", lang=person.language)
        await self._parts.channel.send(activity.place, card, f"file:{activity.key}")

    # installing

    async def _installed(self, activity: Activity) -> None:
        """Remember where the person is; greet them in their own chat, never a whole channel."""
        if activity.scope != "personal":
            return
        person = await self._parts.people.person(activity)
        delivery = await tolerant(self._parts.welcome, person, activity.place, activity.conversation, otherwise="")
        self._behind(self._delivered(delivery))
        self._behind(self._parts.people.met(activity, person))

    def _say(self, lang: str, key: str, **params: object) -> str:
        return self._parts.organisation().words.say(lang, key, **params)

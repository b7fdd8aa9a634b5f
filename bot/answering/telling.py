"""Telling authors and keepers, in chat, what became of a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.answering.changes import Change
from bot.answering.entries import Library
from bot.answering.keepers import Keepers
from bot.cards import Card, Link, Text
from bot.model import Person, Place
from bot.organisation import Organisation, pick
from bot.turn import Work


@dataclass(frozen=True)
class Telling:
    """`place_of`: somebody's private chat by their pseudonym. `link`: the page of an entry."""

    keepers: Keepers
    organisation: Callable[[], Organisation]
    library: Callable[[], Library]
    place_of: Callable[[str], Place | None]
    link: Callable[[str], str]

    def waits(self, work: Work, author: Person, change: Change) -> None:
        """Ask one other person to look at a change: who keeps the entry, else somebody at the desk."""
        entry = self.library().entries.get(change.entry)
        roles = self.organisation().desk_roles()
        desk = [one for one in self.keepers.staff.people() if one.roles & roles]
        keeping = [one for one in self.keepers.asked(entry.owner if entry else "") if one.roles & roles]
        second = next((one for one in [*keeping, *desk] if one.id != author.id), None)
        if second:
            self._tell(work, second, "author.told.waiting", change, author.name)

    def author(self, work: Work, change: Change, key: str, name: str = "", note: str = "") -> None:
        """Tell the author of a change something (`author.told.*`)."""
        who = next((one for one in self.keepers.staff.people() if one.key and one.key == change.author), None)
        if who:
            self._tell(work, who, key, change, name, note)

    def _tell(self, work: Work, who: Person, key: str, change: Change, name: str, note: str = "") -> None:
        place = self.place_of(who.key) if who.key else None
        if place is None:
            return
        entry, words = self.library().entries.get(change.entry), self.organisation().words
        title = pick(entry.title, who.language) if entry else change.entry
        said = words.say(who.language, key, title=title, name=name, note=note)
        page = Link(words.say(who.language, "link.answer"), self.link(change.entry))
        work.say(
            who.key, place, Card("", (Text(said), page), "desk", lang=who.language), f"{key}:{change.id}:{change.rev}"
        )

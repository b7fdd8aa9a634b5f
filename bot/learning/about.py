"""What the directory says of somebody, for that person: every field with its source, and why they count as a likely target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Block, Button, Buttons, Card, Facts, Steps, Text
from bot.directory import DESK, HIGH_RISK, Profile
from bot.directory_forms import DAYS
from bot.learning.targets import Marked, Reason
from bot.model import Person
from bot.organisation import Organisation, Words, pick
from bot.turn import Effect, Turn

ACTION = "people.about"


class Records(Protocol):
    """The directory."""

    def profile(self, who: str) -> Profile | None: ...


@dataclass(frozen=True)
class Line:
    """One field: the key of its label, its value, and the source ("": the organisation's default)."""

    name: str
    value: str
    source: str = ""


def record_of(profile: Profile) -> list[Line]:
    """Everything that is known of a person, in reading order. Nothing that is not known is listed."""
    person, origin = profile.person, profile.origin
    found = [
        Line("name", person.name, origin.get("name", "")), Line("email", person.email, origin.get("email", "")),
        *_roles(profile), Line("entity", person.entity, origin.get("entity", "")),
        Line("title", profile.title, origin.get("title", "")),
        Line("department", profile.department, origin.get("department", "")),
        Line("language", person.language, origin.get("language", "")),
        Line("timezone", person.timezone, origin.get("timezone", "")),
        Line("phone", person.phone, origin.get("phone", "")), Line("region", profile.region, origin.get("region", "")),
        Line("days", ", ".join(DAYS[day] for day in sorted(profile.days or ())), origin.get("days", "")),
        Line("hours", "–".join(f"{at:%H:%M}" for at in profile.hours or ()), origin.get("hours", "")),
        Line("leave", ", ".join(f"{first}/{last}" for first, last in profile.leave)),
        Line("kind", profile.kind, origin.get("kind", "")), Line("start", str(profile.start or ""), origin.get("start", "")),
        Line("end", str(profile.end or "")), Line("groups", ", ".join(sorted(name for _, name in profile.groups))),
        Line("mailboxes", ", ".join(sorted(profile.mailboxes))),
    ]  # fmt: skip
    return [line for line in found if line.value]


def _roles(profile: Profile) -> Iterator[Line]:
    for role in sorted(profile.person.roles):
        why = profile.why.get(role, ())
        yield Line("role", role, why[0].source if why else "")


@dataclass
class AboutMe:
    """The responder: "what do you know about me", typed or pressed."""

    directory: Records
    about: Callable[[Person], Marked]
    name: Callable[[str], str]  # what the person with this directory id is called
    organisation: Callable[[], Organisation]
    prefix: str = "people"

    def respond(self, turn: Turn) -> Effect | None:
        if not (turn.action.id == ACTION if turn.action else self.asked(turn.text)):
            return None
        if not turn.place.private:
            say = self._words.say
            told = Card(
                say(turn.lang, "people.about.title"), (Text(say(turn.lang, "people.about.private")),), lang=turn.lang
            )
            return lambda _work: told
        card = self.card(turn.person, turn.lang)
        return lambda _work: card

    def card(self, person: Person, lang: str) -> Card:
        """All of it. Somebody from outside is told that there is nothing."""
        say = self._words.say
        profile = self.directory.profile(person.id) if person.known else None
        if profile is None:
            return Card(
                say(lang, "people.about.title"), (Text(say(lang, "people.about.nothing")),), lang=lang, private=True
            )
        facts = tuple((self._label(line, lang), self._value(line, lang)) for line in record_of(profile))
        blocks: list[Block] = [
            Text(say(lang, "people.about.lead")),
            Facts(facts),
            *self._marked(self.about(person), lang),
        ]
        blocks.append(Text(say(lang, "people.about.wrong"), "muted"))
        blocks.append(Buttons((Button(say(lang, "home.my_data"), "learning.mydata"),)))
        return Card(say(lang, "people.about.title"), tuple(blocks), lang=lang, private=True)

    def asked(self, text: str) -> bool:
        """Whether a message is the question for it."""
        said = " ".join(text.casefold().strip(" .!?¿").split())
        return 0 < len(said) <= 80 and said in "|".join(self._words.every("people.typed.about")).casefold().split("|")

    def reason(self, reason: Reason, lang: str) -> str:
        """A reason in words."""
        detail = self.name(reason.detail) if reason.code == "mailbox" else reason.detail
        return self._words.say(lang, f"people.reason.{reason.code}", detail=detail)

    # inside

    def _marked(self, marked: Marked, lang: str) -> Iterator[Block]:
        """Why they are on the list, or may come onto it. A proposal that was declined is told, too."""
        say, proposal = self._words.say, marked.proposal
        if marked.on:
            yield Text(say(lang, "people.target.on"))
            named = [
                say(lang, "people.target.by_group", group=why.group, source=say(lang, f"people.source.{why.source}"))
                if why.group else say(lang, "people.target.by_source", source=say(lang, f"people.source.{why.source}"))
                for why in marked.why if why.source != DESK
            ]  # fmt: skip
            if named:
                yield Steps(tuple(named), ordered=False)
        if proposal:
            state = "accepted" if marked.on and proposal.state == "accepted" else proposal.state
            reasons = tuple(self.reason(reason, lang) for reason in proposal.reasons)
            yield Text(say(lang, f"people.target.state.{state}"))
            yield Steps(reasons, ordered=False)

    def _label(self, line: Line, lang: str) -> str:
        return self._words.say(lang, f"people.field.{line.name}")

    def _value(self, line: Line, lang: str) -> str:
        value = line.value
        if line.name == "role" and (role := self.organisation().roles.get(value)):
            value = pick(role.name, lang)
        source = self._words.say(lang, f"people.source.{line.source}") if line.source else ""
        return f"{value} ({source})" if source else value

    @property
    def _words(self) -> Words:
        return self.organisation().words


def is_target(profile: Profile) -> bool:
    """Whether somebody is on the list of likely targets."""
    return HIGH_RISK in profile.person.roles

"""What several sources say of people, merged to one person each.

A source (people.yaml, an imported table, an identity provider, Slack) says what it knows; what it does not know it leaves empty.
Entries that share a verified address, or the id of a person, are one person over all platforms. For each field the source that is
believed most and says anything wins. Leaving is different: whoever says that somebody has left is believed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from bot.model import Person

Source = str  # "file", "csv", "scim", "slack"; "desk" is what the security team has decided here
FILE, CSV, SCIM, SLACK, DESK = "file", "csv", "scim", "slack", "desk"
SOURCES: tuple[Source, ...] = (FILE, CSV, SCIM, SLACK)
State = Literal["here", "left", "coming", "guest"]
HIGH_RISK = "high_risk"
DEFAULT_ROLE = "regular"
Span = tuple[date, date]
Key = tuple[Source, str]

# One value a field, of the first source that has one.
FIELDS = (
    "name", "entity", "language", "timezone", "phone", "title", "department", "region", "days", "hours", "kind", "start",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says of one person. Empty: it does not say. Dates are days, the last one included.

    `addresses`: verified ones only, lower case, the main one first. `person`: the directory id, if this source or an earlier
    merge has named one. `days`: 0 is Monday. `hours`: local times; an end before the start is a night shift. `kind`: employee,
    contractor or guest. `mailboxes`: addresses of others whose mail this person may open. `also`: other ids this person
    is found by (an object id of the tenant).
    """

    source: Source
    id: str
    person: str = ""
    addresses: tuple[str, ...] = ()
    name: str = ""
    roles: frozenset[str] = frozenset()
    entity: str = ""
    language: str = ""
    timezone: str = ""
    phone: str = ""
    title: str = ""
    department: str = ""
    region: str = ""
    days: frozenset[int] | None = None
    hours: tuple[time, time] | None = None
    leave: tuple[Span, ...] = ()
    start: date | None = None
    end: date | None = None
    active: bool | None = None
    kind: str = ""
    groups: frozenset[str] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return (self.source, self.id)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything this person may be known by, lower case."""
        return tuple(dict.fromkeys(name.casefold() for name in (self.person, *self.addresses, *self.also) if name))


@dataclass(frozen=True)
class GroupRule:
    """Members of a group of a source ("": any) get roles."""

    group: str
    roles: frozenset[str]
    source: Source = ""


@dataclass(frozen=True)
class Rules:
    """How sources are merged. `precedence`: sources by field, the most believed first; `default` for the others.

    `roles`: roles that a source may give (a Slack user group can be edited by its members, so it never opens the console).
    """

    precedence: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    groups: tuple[GroupRule, ...] = ()
    language: str = "en"
    timezone: str = "UTC"
    entities: Mapping[str, str] = field(default_factory=dict)  # lower-case id or name → id
    barred: Mapping[Source, frozenset[str]] = field(default_factory=dict)

    def order(self, name: str) -> tuple[Source, ...]:
        return self.precedence.get(name) or self.precedence.get("default") or SOURCES


@dataclass(frozen=True)
class Why:
    """Why somebody has a role: the source, and the group that brought it ("": the source names the role itself)."""

    source: Source
    group: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One person over all sources. `origin`: which source a field is from. `notes`: what could not be used, as (code, detail)."""

    person: Person
    said: tuple[Said, ...]
    origin: Mapping[str, Source] = field(default_factory=dict)
    why: Mapping[str, tuple[Why, ...]] = field(default_factory=dict)
    title: str = ""
    department: str = ""
    region: str = ""
    days: frozenset[int] | None = None
    hours: tuple[time, time] | None = None
    leave: tuple[Span, ...] = ()
    start: date | None = None
    end: date | None = None
    kind: str = ""
    gone: Source = ""  # the source that says they have left
    groups: frozenset[tuple[Source, str]] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        found = [self.person.id, self.person.email]
        for said in self.said:
            found += [said.person, *said.addresses, *said.also]
        return tuple(dict.fromkeys(name.casefold() for name in found if name))

    @property
    def dated(self) -> bool:
        """Whether time alone changes their state."""
        return self.start is not None or self.end is not None

    def state(self, at: float) -> State:
        """Whether they are here at an instant (0: whatever the day), by the day it is where they are."""
        if self.gone:
            return "left"
        if self.dated and at:
            today = datetime.fromtimestamp(at, zone_of(self.person.timezone)).date()
            if self.end is not None and today > self.end:
                return "left"
            if self.start is not None and today < self.start:
                return "coming"
        return "guest" if self.kind == "guest" else "here"


class Roll:
    """All entries, and the people they make. An entry that changes touches only the people it belongs to. Not thread-safe."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._said: dict[Key, Said] = {}
        self._by_name: dict[str, dict[Key, None]] = {}
        self._profile_of: dict[Key, Profile] = {}

    def replace(self, source: Source, entries: Iterable[Said], rules: Rules | None = None) -> None:
        """Everything a source says, anew."""
        for key in [key for key in self._said if key[0] == source]:
            self._drop(key)
        for said in entries:
            self._add(said)
        self.rules = rules or self.rules
        self._profile_of = {}
        done: set[Key] = set()
        for key in self._said:
            if key not in done:
                done |= self._merge(self._component([key]))

    def put(self, entries: Iterable[Said], gone: Iterable[Key] = ()) -> None:
        """Entries that are new or changed, and keys of those that are no more."""
        entries, gone = list(entries), list(gone)
        touched: set[Key] = set()
        for key in (*gone, *(said.key for said in entries)):
            if key in self._said:
                touched |= self._component([key])
                self._drop(key)
        for said in entries:
            self._add(said)
        touched |= {said.key for said in entries}
        for key in touched:
            self._profile_of.pop(key, None)
        done: set[Key] = set()
        for key in touched:
            if key in self._said and key not in done:
                done |= self._merge(self._component([key]))

    def profiles(self) -> list[Profile]:
        """Everybody, once, in the order in which they were first heard of."""
        return list({id(profile): profile for key in self._said if (profile := self._profile_of.get(key))}.values())

    def called(self, name: str) -> Profile | None:
        """The person of an id, an address, or another id of theirs; those who left come last."""
        found = [profile for key in self._by_name.get(name, ()) if (profile := self._profile_of.get(key))]
        return next((profile for profile in found if not profile.gone), found[0] if found else None)

    def said(self, source: Source) -> list[Said]:
        """What a source says of everybody."""
        return [said for key, said in self._said.items() if key[0] == source]

    # inside

    def _add(self, said: Said) -> None:
        self._said[said.key] = said
        for name in said.names:
            self._by_name.setdefault(name, {})[said.key] = None

    def _drop(self, key: Key) -> None:
        for name in self._said.pop(key).names:
            keys = self._by_name.get(name, {})
            keys.pop(key, None)
            if not keys:
                self._by_name.pop(name, None)

    def _component(self, keys: Iterable[Key]) -> set[Key]:
        """Entries that hang together by names."""
        found, waiting = set[Key](), list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found and key in self._said:
                found.add(key)
                waiting += [other for name in self._said[key].names for other in self._by_name.get(name, ())]
        return found

    def _merge(self, keys: set[Key]) -> set[Key]:
        """Make the people of a component. Two entries of one source are two people, whatever address they share."""
        order = self.rules.order("default")
        entries = sorted((self._said[key] for key in keys), key=lambda said: (_rank(said.source, order), said.id))
        people: list[list[Said]] = []
        shared: dict[Key, str] = {}
        for said in entries:
            if len(entries) == 1:
                people.append([said])
                break
            names = set(said.names)
            mine = [group for group in people if names & {name for one in group for name in one.names}]
            home = next((group for group in mine if all(one.source != said.source for one in group)), None)
            if home is None:
                if mine:
                    shared[said.key] = sorted(names & {name for one in mine[0] for name in one.names})[0]
                people.append([said])
            else:
                home.append(said)
        for group in people:
            if all(said.source == DESK for said in group):
                continue  # nobody has them any more
            profile = merged(group, self.rules)
            notes = tuple(("shared", shared[said.key]) for said in group if said.key in shared)
            if notes:
                profile = replace(profile, notes=profile.notes + notes)
            for said in group:
                self._profile_of[said.key] = profile
        return keys


def merged(said: Sequence[Said], rules: Rules) -> Profile:
    """One person of what is said of them. `said` is not empty."""
    values, origin, notes = dict[str, Any](), dict[str, Source](), list[tuple[str, str]]()
    single = len(said) == 1  # most people of most organisations: a hundred thousand of them are read at every start
    for name in FIELDS:
        for one in said if single else _ordered(said, rules.order(name)):
            value = getattr(one, name)
            if name == "entity" and value:
                value = rules.entities.get(value.casefold(), "")
            if name == "timezone" and value and not known_zone(value):
                notes.append(("timezone", value[:60]))
                continue
            if value not in ("", None):
                values[name], origin[name] = value, one.source
                break
    roles, why = _roles(said, rules)
    main = said if single else _ordered(said, rules.order("default"))
    named = next((one.person for one in main if one.person), "")
    addresses = list(dict.fromkeys(address for one in main for address in one.addresses))
    if addresses:
        origin["email"] = next(one.source for one in main if one.addresses)
    person = Person(
        id=named or (addresses[0] if addresses else f"{main[0].source}:{main[0].id}"),
        name=values.get("name") or (addresses[0] if addresses else main[0].id),
        email=_main_address(main), roles=roles, entity=values.get("entity", ""),
        language=values.get("language") or rules.language, timezone=values.get("timezone") or rules.timezone,
        phone=values.get("phone", ""),
    )  # fmt: skip
    ends = [one.end for one in said if one.end]
    return Profile(
        person, tuple(main), origin, why, values.get("title", ""), values.get("department", ""), values.get("region", ""),
        values.get("days"), values.get("hours"), tuple(sorted({span for one in said for span in one.leave})),
        values.get("start"), min(ends) if ends else None, values.get("kind", ""), _gone(said),
        frozenset((one.source, group) for one in said for group in one.groups),
        frozenset(box for one in said for box in one.mailboxes), tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _main_address(said: Sequence[Said]) -> str:
    return next((one.addresses[0] for one in said if one.addresses), "")


def _gone(said: Sequence[Said]) -> Source:
    """Who says that they have left. Chat alone does not: a closed account there is no leaver while another source has them."""
    firm = [one for one in said if one.source != SLACK]
    return next((one.source for one in (firm or said) if one.active is False), "")


def _roles(said: Sequence[Said], rules: Rules) -> tuple[frozenset[str], Mapping[str, tuple[Why, ...]]]:
    """Roles that a source names, and those that groups bring; whoever has none is staff."""
    why: dict[str, list[Why]] = {}
    for one in said:
        barred = rules.barred.get(one.source, frozenset())
        for role in sorted(one.roles - barred):
            why.setdefault(role, []).append(Why(one.source))
        mine = {group.casefold(): group for group in one.groups}
        for rule in rules.groups:
            if rule.source in ("", one.source) and (group := mine.get(rule.group.casefold())):
                for role in sorted(rule.roles - barred):
                    why.setdefault(role, []).append(Why(one.source, group))
    if not any(role != HIGH_RISK for role in why):
        why[DEFAULT_ROLE] = []
    return frozenset(why), {role: tuple(dict.fromkeys(reasons)) for role, reasons in why.items()}


def _ordered(said: Sequence[Said], order: Sequence[Source]) -> list[Said]:
    return sorted(said, key=lambda one: _rank(one.source, order)) if len(said) > 1 else list(said)


def _rank(source: Source, order: Sequence[Source]) -> int:
    return order.index(source) if source in order else len(order)


def said_by_file(person: Person) -> Said:
    """A person of people.yaml as an entry."""
    return Said(
        FILE, person.id, person.id, (person.email.casefold(),) if person.email else (), person.name, person.roles,
        person.entity, person.language, person.timezone, person.phone,
    )  # fmt: skip


def known_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return _zone(name) is not None


def _checked(name: str) -> str:
    if not known_zone(name):
        raise ValueError(f'"{name}" is not a time zone, write one like Europe/Berlin')
    return name


Zone = Annotated[str, AfterValidator(_checked)]  # of a file: the name of a time zone that there is


def zone_of(name: str) -> tzinfo:
    """The time zone of this name, UTC if there is none."""
    return _zone(name) or UTC


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

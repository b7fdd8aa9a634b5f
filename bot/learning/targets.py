"""Likely targets: proposed to the security team with the reason, from access, title, mailboxes and attacks reported.

A person decides, never this module. Whoever is on the list, or proposed for it, sees that and why in the chat; nobody else but
the security team does. It runs only where the module `targets` may (a works agreement).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, Protocol

from bot.directory import HIGH_RISK, Profile, Why
from bot.directory_rules import TargetLines
from bot.directory_sources import Sources
from bot.errors import Conflict, NotFound
from bot.model import Person
from bot.people import Identities
from bot.ports import Row, Tx
from bot.turn import Work

MODULE = "targets"
DAY = 86_400.0
State = Literal["open", "accepted", "declined"]
NOTE = 500  # characters


class TargetStore(Protocol):
    """SQL of proposals. `person` is a pseudonym."""

    def all(self) -> list[Row]: ...

    def get(self, person: str, tx: Tx | None = None) -> Row | None: ...

    def propose(self, tx: Tx, person: str, reasons: str, at: float) -> bool: ...

    def drop_open(self, tx: Tx, person: str) -> None: ...

    def decide(self, tx: Tx, person: str, state: str, seen: str, by: str, note: str, at: float) -> bool: ...

    def reported(self, since: float) -> dict[str, int]: ...


@dataclass(frozen=True)
class Reason:
    """What speaks for it: `code` is title, access, mailbox or reports; `detail` goes into its words."""

    code: str
    detail: str


@dataclass(frozen=True)
class Proposal:
    """One person who is proposed, or was decided on. `at`, `decided_at`: UTC epoch seconds."""

    person: Person
    state: State
    reasons: tuple[Reason, ...]
    at: float
    decided_by: str = ""
    decided_at: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Marked:
    """What the person concerned sees: whether they are on the list, where that comes from, and a proposal, if there is one."""

    on: bool
    why: tuple[Why, ...] = ()
    proposal: Proposal | None = None


class Known(Protocol):
    """The directory."""

    def profile(self, who: str) -> Profile | None: ...

    def profiles(self) -> list[Profile]: ...


@dataclass(frozen=True)
class Targets:
    """Looks for likely targets, and keeps what was decided. `allowed` says whether the module may run for a pseudonym."""

    directory: Known
    identities: Identities
    store: TargetStore
    sources: Sources
    rules: Callable[[], TargetLines]
    allowed: Callable[[str], bool]

    def review(self, now: float) -> int:
        """Propose whom the rules name, and drop open proposals that no reason is left for; how many are new or changed."""
        rules = self.rules()
        counts = self._reported(now, rules)
        owners = {name: profile for profile in self.directory.profiles() for name in profile.names}
        found: dict[str, tuple[Reason, ...]] = {}
        for profile in self.directory.profiles():
            new = profile.state(now) == "here" and HIGH_RISK not in profile.person.roles
            if new and (reasons := reasons_for(profile, rules, owners, counts.get(profile.person.id, 0))):
                found[profile.person.id] = reasons
        met = self.identities.meet_all([owners[name.casefold()].person for name in found], now)
        keys = {person.key: found[person.id] for person in met if self.allowed(person.key)}
        stale = [row["person"] for row in self.store.all() if row["state"] == "open" and row["person"] not in keys]

        def change(work: Work) -> int:
            for key in stale:
                self.store.drop_open(work.tx, key)
            new = [key for key, reasons in keys.items() if self.store.propose(work.tx, key, _dump(reasons), work.at)]
            for key in new:
                work.audit("secdesk", "people.target.propose", key)
            return len(new)

        return self.sources.run(change)

    def proposals(self) -> list[Proposal]:
        """Everybody who is proposed or was decided on: open ones first, the newest first."""
        found = [proposal for row in self.store.all() if (proposal := self._proposal(row))]
        return sorted(found, key=lambda item: (item.state != "open", -max(item.at, item.decided_at)))

    def decide(self, work: Work, seq: int, key: str, state: State, seen: str, by: Person, note: str) -> Person:
        """Accept or decline, or think better of it. Raises `NotFound`, `Conflict` if somebody else was faster."""
        person = self.identities.who(key)
        if person is None or self.store.get(key, work.tx) is None or state not in ("accepted", "declined"):
            raise NotFound(key)
        if not self.store.decide(work.tx, key, state, seen, by.key, note[:NOTE], work.at):
            raise Conflict("somebody else has decided this in the meantime")
        self.sources.mark(work, seq, person.id, state == "accepted")
        work.audit(by.key, f"people.target.{state}", key)
        return person

    def about(self, person: Person) -> Marked:
        """What somebody may know of themselves."""
        profile = self.directory.profile(person.id)
        why = profile.why.get(HIGH_RISK, ()) if profile else ()
        row = self.store.get(person.key) if person.key else None
        return Marked(HIGH_RISK in person.roles, tuple(why), self._proposal(row) if row else None)

    # inside

    def _reported(self, now: float, rules: TargetLines) -> Mapping[str, int]:
        """By directory id, of those who have reported enough."""
        counts = self.store.reported(now - rules.days * DAY)
        many = {key: count for key, count in counts.items() if count >= rules.reports}
        return {met.id: count for key, count in many.items() if (met := self.identities.as_met(key))}

    def _proposal(self, row: Row) -> Proposal | None:
        person = self.identities.who(row["person"])
        if person is None:
            return None
        reasons = tuple(Reason(str(one[0]), str(one[1])) for one in json.loads(row["reasons"]))
        return Proposal(
            person, row["state"], reasons, float(row["at"]), row["decided_by"], float(row["decided_at"]), row["note"]
        )


def reasons_for(
    profile: Profile, rules: TargetLines, owners: Mapping[str, Profile], reported: int
) -> tuple[Reason, ...]:
    """What speaks for somebody being a likely target. `owners`: people by every name they have."""
    return tuple(_reasons(profile, rules, owners, reported))


def _reasons(profile: Profile, rules: TargetLines, owners: Mapping[str, Profile], reported: int) -> Iterator[Reason]:
    if profile.title and _titles(tuple(rules.titles)).search(profile.title.casefold()):
        yield Reason("title", profile.title)
    doors = [pattern.casefold() for pattern in rules.access]
    for _source, group in sorted(profile.groups):
        if any(fnmatchcase(group.casefold(), pattern) for pattern in doors):
            yield Reason("access", group)
    for box in sorted(profile.mailboxes):
        owner = owners.get(box.casefold())
        if owner and owner is not profile and owner.person.roles.intersection(rules.mailboxes_of):
            yield Reason("mailbox", owner.person.id)
    if reported >= rules.reports:
        yield Reason("reports", str(reported))


@lru_cache(maxsize=4)
def _titles(patterns: Sequence[str]) -> re.Pattern[str]:
    """Whole words in a row; `*` is any ending."""
    found = [
        "\\s+".join(re.escape(word).replace(r"\*", r"\w*") for word in text.casefold().split()) for text in patterns
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(found)})(?!\w)" if found else r"(?!)")


def _dump(reasons: Sequence[Reason]) -> str:
    return json.dumps([[reason.code, reason.detail] for reason in reasons], ensure_ascii=False)

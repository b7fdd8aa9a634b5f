"""Sorting the queue: filters, search, saved views, teams, tags, priority, merging and linking, many tickets at once with undo."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol

from bot.errors import Conflict, NotFound, Refused
from bot.helpdesk.tickets import Ticket, Tickets, words_of
from bot.model import SEVERITIES, Person
from bot.organisation import Organisation, Words
from bot.ports import Row, Tx
from bot.turn import Work

MOST_AT_ONCE, UNDO_SECONDS, MOST_VIEWS = 200, 600.0, 50
LINKS = ("related", "duplicate", "incident")
PRIORITIES = (-1, 0, 1)
_TAG = re.compile(r"[\w][\w.-]{0,39}")
_TEAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
BULK = ("claim", "assign", "release", "resolve", "severity", "priority", "team", "tag", "untag")


@dataclass(frozen=True)
class Filter:
    """What a view shows. `assignee`: a pseudonym, or "-" for nobody. `words` are folded by `words_of`."""

    state: str = "unresolved"
    severity: str = ""
    queue: str = ""
    entity: str = ""
    kind: str = ""
    owner: str = ""
    requester: str = ""
    assignee: str = ""
    waiting: str = ""
    tag: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What a bulk change did: its id for undo, the tickets that changed, and those that could not, with the reason."""

    id: str
    changed: tuple[str, ...]
    refused: Mapping[str, str]


class TriageStore(Protocol):
    """SQL of the queue."""

    def find(self, wanted: Filter, limit: int) -> list[Row]: ...

    def page(self, wanted: Filter, before: int, limit: int) -> list[Row]:
        """By `seq`, the newest first; with `before` only older ones."""
        ...

    def tag(self, tx: Tx, number: str, tag: str) -> bool: ...

    def untag(self, tx: Tx, number: str, tag: str) -> bool: ...

    def tags(self, numbers: Sequence[str]) -> dict[str, list[str]]: ...

    def link(self, tx: Tx, a: str, b: str, kind: str, at: float) -> bool: ...

    def links(self, number: str) -> list[Row]: ...

    def save_view(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def drop_view(self, tx: Tx, id_: str, person: str) -> bool: ...

    def views(self, person: str) -> list[Row]: ...

    def keep_bulk(
        self, tx: Tx, id_: str, person: str, what: str, before: Sequence[Mapping[str, object]], at: float
    ) -> None: ...

    def take_bulk(self, tx: Tx, id_: str, person: str, after: float, at: float) -> Row | None: ...


class Triage:
    """Everything here is for people of the desk: `may` is asked each time, and `Refused` is raised."""

    def __init__(
        self, store: TriageStore, tickets: Tickets, may: Callable[[Person], bool], words: Callable[[], Words]
    ) -> None:
        self._store, self._tickets, self._may, self._words = store, tickets, may, words

    # looking

    def find(self, analyst: Person, wanted: Filter, text: str = "", limit: int = 200) -> list[Ticket]:
        """What fits, emergencies first, then by what is due; a search gives the newest first. A number finds its ticket."""
        self._check(analyst)
        if wanted.state not in {"unresolved", "open", "claimed", "resolved", "all"}:
            raise NotFound(wanted.state)
        try:
            return [self._tickets.get(text)] if "-" in text and text.strip() else self.found(wanted, text, limit)
        except NotFound:
            return self.found(wanted, text, limit)

    def found(self, wanted: Filter, text: str, limit: int) -> list[Ticket]:
        """What fits, for whoever may read everything (the command line)."""
        words = tuple(words_of(text))[:8]
        if text.strip() and not words:
            return []
        return [Ticket(**row) for row in self._store.find(replace(wanted, words=words), limit)]

    def page(self, wanted: Filter, text: str, before: int, limit: int) -> list[Ticket]:
        """What fits, by number, the newest first and older than `before` (0: from the newest on), for whoever may read all."""
        words = tuple(words_of(text))[:8]
        if text.strip() and not words:
            return []
        return [Ticket(**row) for row in self._store.page(replace(wanted, words=words), before, limit)]

    def tags(self, numbers: Sequence[str]) -> dict[str, list[str]]:
        return self._store.tags(numbers)

    def links(self, number: str) -> list[Row]:
        """`other`, `kind`, `mine`."""
        return self._store.links(number)

    # one ticket

    def team(self, work: Work, number: str, analyst: Person, team: str) -> None:
        """To another team's queue."""
        self._check(analyst)
        if not _TEAM.fullmatch(team):
            raise Refused(self._say(analyst, "triage.bad_team"))
        self._tickets.sort(work, number, analyst, "queue", team, "team")

    def priority(self, work: Work, number: str, analyst: Person, priority: int) -> None:
        """1 pulls it up, -1 puts it back, within the queue."""
        self._check(analyst)
        if priority not in PRIORITIES:
            raise NotFound(str(priority))
        self._tickets.sort(work, number, analyst, "priority", priority, "priority")

    def tag(self, work: Work, number: str, analyst: Person, tag: str, *, take: bool = False) -> None:
        self._check(analyst)
        tag = tag.strip().casefold()
        if not _TAG.fullmatch(tag):
            raise Refused(self._say(analyst, "triage.bad_tag"))
        self._tickets.get(number)
        if (self._store.untag if take else self._store.tag)(work.tx, number, tag):
            self._tickets.log(work, number, analyst.key, "untagged" if take else "tagged", tag)
            work.audit(analyst.key, "ticket.untag" if take else "ticket.tag", number)

    def link(self, work: Work, a: str, b: str, analyst: Person, kind: str = "related") -> None:
        """`a` belongs with `b` (for an incident: `b` is part of `a`)."""
        self._check(analyst)
        first, second = self._tickets.get(a).number, self._tickets.get(b).number
        if first == second or kind not in LINKS:
            raise Refused(self._say(analyst, "triage.bad_link"))
        if self._store.link(work.tx, first, second, kind, work.at):
            for number, other in ((first, second), (second, first)):
                self._tickets.log(work, number, analyst.key, "linked", f"{kind}: {other}")
            work.audit(analyst.key, "ticket.link", first, to=second)

    def merge(self, work: Work, number: str, analyst: Person, into: str) -> None:
        """`number` goes into `into`: whoever sees it sees the other one from now on, and hears of it there."""
        self._check(analyst)
        target = self._tickets.get(into)
        if target.number == number or target.merged_into:
            raise Refused(self._say(analyst, "triage.bad_link"))
        self._tickets.merge(work, number, analyst, target.number)
        self._store.link(work.tx, target.number, number, "duplicate", work.at)

    # many tickets

    def bulk(self, work: Work, numbers: Sequence[str], analyst: Person, what: str, value: Any = "") -> Done:
        """The same for many, all in one transaction; what cannot be done for one is said and stops no other."""
        self._check(analyst)
        if what not in BULK or not 0 < len(numbers) <= MOST_AT_ONCE:
            raise Refused(self._say(analyst, "triage.too_many", n=MOST_AT_ONCE))
        before, refused = list[dict[str, Any]](), dict[str, str]()
        for number in sorted(set(numbers)):  # in one order, so that two at once queue up and never lock each other out
            try:
                was = self._tickets.get(number)
                tags = self._store.tags([number]).get(number, [])
                self._one(work, number, analyst, what, value)
                before.append({"number": number, "tags": tags, **{name: getattr(was, name) for name in _KEPT}})
            except (Conflict, NotFound) as error:
                refused[number] = str(error)
        id_ = uuid.uuid4().hex
        self._store.keep_bulk(work.tx, id_, analyst.key, what, before, work.at)
        return Done(id_, tuple(row["number"] for row in before), refused)

    def undo(self, work: Work, id_: str, analyst: Person) -> tuple[str, ...]:
        """Take a bulk change back, within ten minutes and once; the tickets. What has moved on since then stays."""
        self._check(analyst)
        row = self._store.take_bulk(work.tx, id_, analyst.key, work.at - UNDO_SECONDS, work.at)
        if row is None:
            raise Conflict(self._say(analyst, "triage.no_undo"))
        back = []
        for was in json.loads(row["before"]):
            if self._back(work, was, row["what"], analyst):
                back.append(was["number"])
        return tuple(back)

    def _one(self, work: Work, number: str, analyst: Person, what: str, value: Any) -> None:
        tickets = self._tickets
        match what:
            case "claim":
                tickets.claim(work, number, analyst)
            case "release":
                tickets.release(work, number, analyst)
            case "resolve":
                tickets.resolve(work, number, analyst)
            case "assign":
                if not isinstance(value, Person) or not self._may(value):
                    raise NotFound(str(value))
                tickets.assign(work, number, analyst, value)
            case "severity":
                if value not in SEVERITIES:
                    raise NotFound(str(value))
                tickets.raise_severity(work, number, value, analyst.key)
            case "priority":
                self.priority(work, number, analyst, int(value))
            case "team":
                self.team(work, number, analyst, str(value))
            case _:
                self.tag(work, number, analyst, str(value), take=what == "untag")

    def _back(self, work: Work, was: Mapping[str, Any], what: str, analyst: Person) -> bool:
        number, now = was["number"], self._tickets.get(was["number"])
        if what in {"tag", "untag"}:
            tags = self._store.tags([number]).get(number, [])
            for tag in {*tags, *was["tags"]}:
                if (tag in tags) != (tag in was["tags"]):
                    self.tag(work, number, analyst, tag, take=tag in tags)
            return True
        if what == "resolve" and now.state == "resolved":
            self._tickets.reopen(work, number, analyst)
        elif what in {"claim", "assign", "release"} and now.state != "resolved":
            self._tickets.put_back(work, number, analyst, was["assignee"])
        elif what == "severity":
            self._tickets.raise_severity(work, number, was["severity"], analyst.key)
        elif what in {"priority", "team"}:
            name = "queue" if what == "team" else what
            self._tickets.sort(work, number, analyst, name, was[name], what)
        else:
            return False
        return True

    # views

    def save_view(self, work: Work, analyst: Person, name: str, wanted: Filter, *, shared: bool = False) -> str:
        """Its id. One's own, or for everybody at the desk."""
        self._check(analyst)
        name = self._tickets.clean(" ".join(name.split()))[:60]
        if not name or len(self._store.views(analyst.key)) >= MOST_VIEWS:
            raise Refused(self._say(analyst, "triage.bad_view"))
        row = {"id": uuid.uuid4().hex, "person": "" if shared else analyst.key, "name": name, "at": work.at,
               "filter": json.dumps(asdict(wanted))}  # fmt: skip
        self._store.save_view(work.tx, row)
        return str(row["id"])

    def drop_view(self, work: Work, analyst: Person, id_: str) -> None:
        self._check(analyst)
        if not self._store.drop_view(work.tx, id_, analyst.key):
            raise NotFound(id_)

    def views(self, analyst: Person) -> list[tuple[str, str, Filter]]:
        """(id, name, filter) of one's own and of everybody's."""
        return [(row["id"], row["name"], filter_from(json.loads(row["filter"]))) for row in self.kept_views(analyst)]

    def kept_views(self, analyst: Person) -> list[Row]:
        """The same as they are kept (`id`, `person` or "" for everybody, `name`, `filter` as JSON)."""
        self._check(analyst)
        return self._store.views(analyst.key)

    # inside

    def _check(self, analyst: Person) -> None:
        if not self._may(analyst):
            raise Refused(self._say(analyst, "room.not_yours"))

    def _say(self, person: Person, key: str, **params: object) -> str:
        return self._words().say(person.language, key, **params)


def at_the_desk(person: Person, org: Organisation) -> bool:
    """Whether somebody works tickets."""
    return person.known and bool(person.roles & org.desk_roles())


_KEPT = ("assignee", "state", "severity", "priority", "queue")


def filter_from(raw: Mapping[str, Any]) -> Filter:
    """A filter from what was stored or asked for; what is not known is left out."""
    known = {item.name for item in fields(Filter)} - {"words"}
    chosen: dict[str, Any] = {name: str(value) for name, value in raw.items() if name in known and value}
    return Filter(**chosen)

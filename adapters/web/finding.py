"""What the console's search looks through: tickets, reported mail, knowledge, procedures and runs, partners, people.

Each kind is a function of the search and of where the last page ended. A kind is there for whoever may open its pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlencode

from adapters.web.console import Frame, Look, Names
from adapters.web.signin import HOME
from bot.cards import bare
from bot.helpdesk.tickets import Ticket
from bot.helpdesk.triage import Filter
from bot.model import Person
from bot.organisation import pick
from bot.ports import Row

NAMED: Final = 3  # people whose own tickets a search shows


@dataclass(frozen=True)
class Hit:
    """One line: where it leads, what it is called, and what else to tell it by. Everything is text of others."""

    link: str
    title: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """What was found of one kind. `after`: where the next page begins, 0 for none. `shut`: it may not be shown now."""

    kind: str
    hits: tuple[Hit, ...]
    after: int = 0
    shut: bool = False


Kind = Callable[[Look, str, int, int], Group]  # (who, text, after, most)


class Finding:
    """The kinds in the order in which they are shown; each with the page whose permission it needs."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services
        self._kinds: dict[str, tuple[str, Kind]] = {
            "tickets": ("/tickets/{number}", self._tickets),
            "asked": ("/people/one", self._asked),
            "mail": ("/mail/{sha256}", self._mail),
            "answers": ("/knowledge/{name}", self._answers),
            "lessons": ("/nudges/campaigns", self._lessons),
            "procedures": ("/procedures/{name}", self._procedures),
            "runs": ("/runs/{run}", self._runs),
            "partners": ("/partners/{partner}", self._partners),
            "people": ("/people/one", self._people),
        }

    def kinds(self, look: Look) -> list[str]:
        """What this person may search."""
        return [kind for kind, (page, _) in self._kinds.items() if self._frame.sees(look, page)]

    def find(self, look: Look, kind: str, text: str, after: int, most: int) -> Group:
        """At most so many of one kind."""
        return self._kinds[kind][1](look, text, after, most)

    # what the database holds: the newest first, `after` is the number of the last one shown

    def _tickets(self, look: Look, text: str, after: int, most: int) -> Group:
        triage = self._services.triage
        return self._newest(look, "tickets", triage.page(Filter("all"), text, after, most + 1) if triage else [], most)

    def _asked(self, look: Look, text: str, after: int, most: int) -> Group:
        """Tickets of the people that the search names. The looking is in the access log, or nothing is shown."""
        triage, log = self._services.triage, self._services.openings
        found: list[Ticket] = []
        for person in [*self._named(text)][:NAMED] if triage else ():
            key = self._services.identities.known_key(person)
            theirs = triage.page(Filter("all", requester=key), "", after, most + 1) if key and triage else []
            if theirs and not log.note(
                self._services.work, look.visit.session, (look.person.key, "people.searched", key)
            ):
                return Group("asked", (), shut=True)
            found += theirs
        return self._newest(look, "asked", sorted(found, key=lambda one: -one.seq), most)

    def _mail(self, look: Look, text: str, after: int, most: int) -> Group:
        rows = self._services.mail_search.find(text, after, most + 1) if self._services.mail_search else []
        hits = tuple(self._case(look, row) for row in rows[:most])
        return Group("mail", hits, int(rows[most - 1]["seq"]) if len(rows) > most else 0)

    def _case(self, look: Look, row: Row) -> Hit:
        facts = json.loads(row["facts"] or "{}")
        verdict = self._frame.say(look, f"console.verdict.{row['kind']}") if row["kind"] else ""
        subject = facts.get("subject") or self._frame.say(look, "console.no_subject")
        return Hit(f"{HOME}/mail/{row['sha256']}", subject, _there(row["ticket"], facts.get("from", ""), verdict))

    # what is in memory: in its own order, `after` is how many were shown

    def _answers(self, look: Look, text: str, after: int, most: int) -> Group:
        authors, lang = self._services.authors, look.person.language
        entries = authors.authoring.library.entries.values() if authors else ()
        found = (
            Hit(f"{HOME}/knowledge/{quote(one.id)}", pick(one.title, lang) if one.title else one.id, (one.id,))
            for one in entries
            if _fits(text, one.id, *_titles(one.title, lang), *one.questions.get(lang, ()))
        )
        return _cut("answers", found, after, most)

    def _lessons(self, look: Look, text: str, after: int, most: int) -> Group:
        campaigns, lang = self._services.campaigns, look.person.language
        lessons = campaigns.nudges.lessons().published() if campaigns else ()
        found = (
            Hit(f"{HOME}/nudges/campaigns?{urlencode({'lesson': one.id})}", pick(one.title, lang), (one.id,))
            for one in lessons
            if _fits(text, one.id, *_titles(one.title, lang))
        )
        return _cut("lessons", found, after, most)

    def _procedures(self, look: Look, text: str, after: int, most: int) -> Group:
        lang = look.person.language
        found = (
            Hit(f"{HOME}/procedures/{quote(name)}", pick(title, lang), (name,))
            for name, title in self._called(text, lang)
        )
        return _cut("procedures", found, after, most)

    def _runs(self, look: Look, text: str, after: int, most: int) -> Group:
        """Runs of the procedures that fit, the latest first."""
        procedures, lang = self._services.procedures, look.person.language
        runs = [
            (run, title) for name, title in self._called(text, lang)
            for run in (procedures.runs.listed(procedure=name, before=after, limit=most + 1) if procedures else ())
        ]  # fmt: skip
        runs.sort(key=lambda one: -one[0].number)
        hits = tuple(
            Hit(f"{HOME}/runs/{quote(run.id)}", f"{run.id} · {pick(title, lang)}",
                _there(self._frame.say(look, f"record.state.{run.state}"), run.ticket))
            for run, title in runs[:most]
        )  # fmt: skip
        return Group("runs", hits, runs[most - 1][0].number if len(runs) > most else 0)

    def _partners(self, look: Look, text: str, after: int, most: int) -> Group:
        del look
        contracts = self._services.partners.partners.parts.contracts().values() if self._services.partners else ()
        found = (
            Hit(f"{HOME}/partners/{quote(one.id)}", one.file.name, (one.id,))
            for one in contracts
            if _fits(text, one.id, one.file.name)
        )
        return _cut("partners", found, after, most)

    def _people(self, look: Look, text: str, after: int, most: int) -> Group:
        del look
        named = sorted(self._named(text), key=lambda one: (one.name.casefold(), one.id))
        found = (Hit(f"{HOME}/people/one?{urlencode({'who': one.id})}", one.name, _there(one.email)) for one in named)
        return _cut("people", found, after, most)

    # inside

    def _newest(self, look: Look, kind: str, found: Sequence[Ticket], most: int) -> Group:
        names = Names(self._services, look.person.language)
        hits = tuple(
            Hit(f"{HOME}/tickets/{quote(one.number)}", one.subject, _there(one.number, names.listed(one.requester)))
            for one in found[:most]
        )
        return Group(kind, hits, found[most - 1].seq if len(found) > most else 0)

    def _named(self, text: str) -> Iterator[Person]:
        """People of the directory by name, address or job title."""
        targets = self._services.targets
        for profile in targets.directory.profiles() if targets else ():
            person = profile.person
            if _fits(text, person.name, person.id, person.email, profile.title):
                yield person

    def _called(self, text: str, lang: str) -> list[tuple[str, dict[str, str]]]:
        """(id, title) of procedures."""
        library = self._services.procedures.library().procedures if self._services.procedures else {}
        all_ = [(name, dict(one.procedure.title)) for name, one in library.items()]
        return [(name, title) for name, title in all_ if _fits(text, name, *_titles(title, lang))]


def _cut(kind: str, found: Iterable[Hit], after: int, most: int) -> Group:
    every = list(found)
    return Group(kind, tuple(every[after : after + most]), after + most if len(every) > after + most else 0)


def _titles(title: Mapping[str, str], lang: str) -> Iterator[str]:
    """In the reader's language, and in the one that everything is written in."""
    yield from (title[one] for one in dict.fromkeys((lang, "en")) if one in title)


def _fits(text: str, *texts: str) -> bool:
    """Whether every word of a search begins a word of these."""
    words, where = bare(text).split(), _bare(" ".join(texts))
    return bool(words) and all(f" {word}" in where for word in words)


@lru_cache(maxsize=65_536)
def _bare(text: str) -> str:
    return f" {bare(text)}"


def _there(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)

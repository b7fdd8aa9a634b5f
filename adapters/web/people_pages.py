"""The console's page of people: everybody of every source, where each field is from, likely targets that wait for a person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look, noted
from adapters.web.signin import HOME
from bot.directory import FILE, HIGH_RISK, Profile
from bot.errors import NotFound, Refused
from bot.learning.about import AboutMe, record_of
from bot.learning.targets import Proposal, Targets
from bot.model import Person
from bot.organisation import pick
from bot.turn import Work

STATES: Final = ("here", "proposed", "high_risk", "left", "coming", "guest")
SHOWN: Final = 100
_VERDICTS = {"accept": "accepted", "decline": "declined"}


@dataclass(frozen=True)
class Row:
    """Somebody in the list. `waiting`: a proposal that nobody has decided."""

    id: str
    name: str
    email: str
    title: str
    roles: tuple[str, ...]
    sources: tuple[str, ...]
    waiting: bool


class PeoplePages:
    """Routes of the list, of one person, and of decisions on likely targets."""

    def __init__(self, frame: Frame, targets: Targets, about: AboutMe) -> None:
        self._frame, self._services, self._targets, self._about = frame, frame.services, targets, about

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/people", self.listed, "people"),
            frame.view("/people/one", self.one, "people"),
            frame.change("/people/review", self.review, "people"),
            frame.change("/people/one/decide", self.decide, "people"),
        ]

    def listed(self, look: Look) -> Response:
        """People of one state, by name; a search goes over all of them."""
        state, query = look.asked("state", STATES), look.request.query_params.get("q", "").strip()[:100]
        waiting = {item.person.id: item for item in self._targets.proposals() if item.state == "open"}
        found = [one for one in self._targets.directory.profiles() if self._fits(one, state, query, waiting)]
        found.sort(key=lambda one: (one.person.name.casefold(), one.person.id))
        rows = [self._row(look, one, one.person.id in waiting) for one in found[:SHOWN]]
        return self._frame.page(
            look, "people.html", rows=rows, total=len(found), state=state, states=STATES, query=query,
            sources=self._sources(), allowed=self._targets.allowed(look.person.key), event=secrets.token_hex(12),
        )  # fmt: skip

    def one(self, look: Look) -> Response:
        """All that is known of a person. That it was looked at is in the audit log."""
        profile = self._profile(look.request.query_params.get("who", ""))
        key = self._opened(look, profile.person)
        proposal = next((item for item in self._targets.proposals() if item.person.id == profile.person.id), None)
        reasons = [self._about.reason(reason, look.person.language) for reason in proposal.reasons] if proposal else []
        return self._frame.page(
            look, "person.html", profile=profile, lines=[self._line(look, line) for line in record_of(profile)],
            state=profile.state(self._services.clock.now()), proposal=proposal, reasons=reasons, key=key,
            own=profile.person.id == look.person.id, marked=HIGH_RISK in profile.person.roles, event=secrets.token_hex(12),
        )  # fmt: skip

    def review(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Look for likely targets now, not only once a day."""
        del fields
        count = self._targets.review(self._services.clock.now())
        return Done(f"{HOME}/people?state=proposed", "console.people.reviewed", {"n": str(count)})

    def decide(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Accept or decline a proposal, or take somebody off the list. Nobody decides about themselves."""
        key, verdict = fields.get("person", "")[:80], _VERDICTS.get(fields.get("do", ""))
        if verdict is None:
            raise NotFound("verdict")
        if key == look.person.key:
            raise Refused(self._frame.say(look, "console.people.own"))
        seen, note = fields.get("seen", ""), self._services.redact(fields.get("note", ""))
        found: list[str] = []

        def run(work: Work, seq: int) -> None:
            event = f"console:{look.person.key}:people:{fields.get('event', '')[:64]}"
            if work.store.first_time(work.tx, event, work.at):
                decided = self._targets.decide(work, seq, key, verdict, seen, look.person, note)  # type: ignore[arg-type]
                found.append(decided.name)

        self._targets.sources.change(run)
        person = self._services.identities.who(key)
        name = found[0] if found else person.name if person else key
        where = urlencode({"who": person.id if person else ""})
        return Done(f"{HOME}/people/one?{where}", f"console.people.done.{verdict}", {"name": name})

    # inside

    def _opened(self, look: Look, person: Person) -> str:
        """The person's pseudonym, made now for somebody who has never been met: a line of the log has to name them."""

        def run(work: Work) -> str:
            met = self._services.identities.meet(work.tx, person, work.at)
            work.audit(look.person.key, "people.opened", met.key)
            return met.key

        with noted():
            return self._services.work(run)

    def _profile(self, who: str) -> Profile:
        profile = self._targets.directory.profile(who[:320]) if who else None
        if profile is None:
            raise NotFound(who)
        return profile

    def _fits(self, profile: Profile, state: str, query: str, waiting: Mapping[str, Proposal]) -> bool:
        if query:
            person = profile.person
            return query.casefold() in f"{person.name} {person.id} {person.email} {profile.title}".casefold()
        if state == "proposed":
            return profile.person.id in waiting
        now = profile.state(self._services.clock.now())
        return (now == "here" and HIGH_RISK in profile.person.roles) if state == "high_risk" else now == state

    def _row(self, look: Look, profile: Profile, waiting: bool) -> Row:
        person, roles, lang = profile.person, self._services.org().roles, look.person.language
        named = tuple(pick(roles[role].name, lang) if role in roles else role for role in sorted(person.roles))
        sources = tuple(dict.fromkeys(self._source(look, said.source) for said in profile.said))
        return Row(person.id, person.name, person.email, profile.title, named, sources, waiting)

    def _line(self, look: Look, line: object) -> tuple[str, str, str]:
        name, value, source = (getattr(line, field) for field in ("name", "value", "source"))
        roles = self._services.org().roles
        if name == "role" and value in roles:
            value = pick(roles[value].name, look.person.language)
        return self._frame.say(look, f"people.field.{name}"), value, self._source(look, source) if source else ""

    def _source(self, look: Look, source: str) -> str:
        return self._frame.say(look, f"people.source.{source}")

    def _sources(self) -> list[tuple[str, int, float]]:
        """Each source with its people and its last change; people.yaml has none that we know of."""
        listed = sum(any(said.source == FILE for said in one.said) for one in self._targets.directory.profiles())
        latest = self._targets.sources.roster.store.latest()
        return [(FILE, listed, 0.0), *((name, *latest[name]) for name in sorted(latest) if name != "desk")]

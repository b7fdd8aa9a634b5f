"""Planning and sending: people, records and lessons go into the planner, its decisions become queued messages.

A message is one row, keyed by person, lesson and local day, in the same transaction as its delivery: a plan that runs
twice, or dies half-way, sends once. Who cannot be reached is reported, never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from typing import Protocol

from bot.learning.memory import DAY
from bot.learning.planner import Decision, Planner
from bot.learning.record import Learner, Record
from bot.learning.shapes import HIGH_RISK, Library, track_of
from bot.learning.store import LearningStore
from bot.learning.timing import Policy
from bot.learning.wording import INTENTS, in_words, lesson_card
from bot.learning.workdays import Holidays, PublicHolidays
from bot.model import Person, Place
from bot.organisation import Organisation, pick
from bot.turn import Work

PRIORITY = 10  # behind every live reply
BATCH = 50  # messages in one transaction
LOOK_BACK = 200 * DAY  # six unanswered messages at the slowest pace fit in
_PAUSED = "paused."

Begin = Callable[[], AbstractContextManager[Work]]
Leave = Sequence[tuple[date, date]]


class Staff(Protocol):
    """Who may get nudges: directory people with their pseudonym (`Person.key`)."""

    def people(self) -> Iterable[Person]: ...


@dataclass(frozen=True)
class Sending:
    """What became of every decision of a run."""

    sent: tuple[Decision, ...] = ()
    unreachable: tuple[Decision, ...] = ()  # no private place to write to
    skipped: tuple[Decision, ...] = ()  # had one today, stopped, or in an incident since the plan
    waiting: tuple[Decision, ...] = ()  # not yet, or nothing to send


class Nudges:
    """The service. `place_of` gives the private conversation of a pseudonym, None if there is none."""

    def __init__(
        self,
        store: LearningStore,
        library: Callable[[], Library],
        organisation: Callable[[], Organisation],
        staff: Staff,
        place_of: Callable[[str], Place | None],
        *,
        policy: Policy | None = None,
        holidays: Holidays | None = None,
        intents: Mapping[str, str] = INTENTS,
        leave_of: Callable[[str], Leave] = lambda _key: (),
    ) -> None:
        self._store, self._library, self._organisation = store, library, organisation
        self._staff, self._place_of, self._leave_of = staff, place_of, leave_of
        self._policy, self._intents = policy or Policy(), intents
        self._holidays = holidays or PublicHolidays()

    def plan(self, now: float, *, at_once: bool = False, only: Collection[str] = ()) -> list[Decision]:
        """Who would get what, when and why; sends nothing. `only`: these pseudonyms. `at_once`: see `send_now`."""
        return self._plan({person.key: person for person in self._people(only)}, now, at_once)

    def send_now(self, begin: Begin, now: float, *, at_once: bool = True, only: Collection[str] = ()) -> Sending:
        """Queue what is due at `now`. `at_once` also sends outside office hours and without spreading people over the
        week; incidents, leave, caps, back-off, wishes, pauses and blackout days hold all the same."""
        people = {person.key: person for person in self._people(only)}
        plan = self._plan(people, now, at_once)
        due = [decision for decision in plan if decision.when is not None and decision.when <= now]
        places = {decision.person: self._place(decision.person) for decision in due}
        reachable = [decision for decision in due if places[decision.person]]
        sent: list[Decision] = []
        for start in range(0, len(reachable), BATCH):
            with begin() as work:
                for decision in reachable[start : start + BATCH]:
                    place = places[decision.person]
                    if place and self._send(work, decision, people[decision.person], place):
                        sent.append(decision)
        return Sending(
            sent=tuple(sent),
            unreachable=tuple(decision for decision in due if not places[decision.person]),
            skipped=tuple(decision for decision in reachable if decision not in sent),
            waiting=tuple(decision for decision in plan if decision not in due),
        )

    # operators

    def switch_off(self, work: Work, actor: str, off: bool = True) -> None:
        """The kill switch: no nudges to anybody until it is switched on again."""
        self._store.switch(work.tx, "off", "1" if off else "", work.at)
        work.audit(actor, "learning.off" if off else "learning.on", "nudges")

    def pause(self, work: Work, actor: str, lesson: str, paused: bool = True) -> None:
        """Hold one lesson back, or let it go again."""
        self._store.switch(work.tx, _PAUSED + lesson, "1" if paused else "", work.at)
        work.audit(actor, "learning.pause" if paused else "learning.unpause", lesson)

    def policy(self) -> Policy:
        """The rules that hold now, with what operators have switched off."""
        switches = self._store.switches()
        paused = {name.removeprefix(_PAUSED) for name in switches if name.startswith(_PAUSED)}
        off = self._policy.switched_off or "off" in switches
        return replace(self._policy, switched_off=off, paused=self._policy.paused | paused)

    def prune(self, work: Work) -> int:
        """Remove what is past its retention; the number of rows."""
        return self._store.prune(work.tx, work.at)

    def forget(self, work: Work, person: str) -> None:
        """Remove everything about a pseudonym."""
        self._store.forget(work.tx, person)

    # inside

    def _people(self, only: Collection[str]) -> list[Person]:
        return [person for person in self._staff.people() if not only or person.key in only]

    def _place(self, key: str) -> Place | None:
        place = self._place_of(key)
        return place if place and place.private else None

    def _plan(self, people: Mapping[str, Person], now: float, at_once: bool) -> list[Decision]:
        organisation = self._organisation()
        records = self._store.records([key for key in people if key], now - LOOK_BACK)
        learners = [(self._learner(person, organisation), records.get(key, Record())) for key, person in people.items()]
        policy = replace(self.policy(), at_once=at_once)
        planner = Planner(
            self._library(),
            policy,
            self._holidays,
            timezone=organisation.file.timezone,
            language=organisation.file.language,
        )
        lang, roles = organisation.file.language, self._roles(organisation)
        return [
            replace(decision, words=in_words(decision, organisation.words, lang, roles))
            for decision in planner.plan(learners, now)
        ]

    def _learner(self, person: Person, organisation: Organisation) -> Learner:
        entity = organisation.file.entities.get(person.entity)
        return Learner(
            person.key,
            track_of(person.roles),
            person.roles,
            HIGH_RISK in person.roles,
            person.language,
            person.timezone,
            entity.country if entity else "",
            person.known,
            frozenset(organisation.values(person.entity)),
            leave=tuple(self._leave_of(person.key)),
        )

    @staticmethod
    def _roles(organisation: Organisation) -> dict[str, str]:
        language = organisation.file.language
        return {key: pick(role.name, language) for key, role in organisation.roles.items()}

    def _send(self, work: Work, decision: Decision, person: Person, place: Place) -> bool:
        """Queue one message. False if this person may not have it after all."""
        organisation, lesson = self._organisation(), self._library().lessons.get(decision.lesson)
        if lesson is None:
            return False
        nudge = nudge_id(decision)
        values = organisation.values(person.entity)
        card, missing = lesson_card(lesson, decision, nudge, values, organisation.words, self._intents)
        if missing or not self._store.add_nudge(
            work.tx, _row(decision, nudge, lesson.version, lesson.mandatory, work.at)
        ):
            return False
        self._store.keep_question(work.tx, lesson.id, lesson.version, lesson.question.model_dump_json())
        if enrolment := dict(decision.facts).get("enrolment"):
            self._store.spend(work.tx, enrolment, work.at)
        key = f"nudge:{decision.person}:{lesson.id}:{decision.due}"
        self._store.set_delivery(work.tx, nudge, work.say(decision.person, place, card, key, priority=PRIORITY))
        return True


def nudge_id(decision: Decision) -> str:
    """The same for the same person, lesson and local day."""
    text = f"{decision.person}/{decision.lesson}/{decision.due}"
    return "n" + blake2b(text.encode(), digest_size=12).hexdigest()


def _row(decision: Decision, nudge: str, version: int, must: bool, at: float) -> dict[str, object]:
    return {
        "id": nudge,
        "person": decision.person,
        "due": decision.due,
        "lesson": decision.lesson,
        "version": version,
        "language": decision.language,
        "kind": decision.kind,
        "reason": decision.reason,
        "rules": ",".join(decision.rules),
        "facts": json.dumps(dict(decision.facts), ensure_ascii=False),
        "at": at,
        "must": int(must),
    }

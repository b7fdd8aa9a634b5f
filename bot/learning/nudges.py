"""The learning pillar in one object: planning and sending, what people press, what other pillars' events bring.

People, records and lessons go into the planner, its decisions become queued messages.

A message is one row, keyed by person, lesson and local day, in the same transaction as its delivery: a plan that runs
twice, or dies half-way, sends once. Who cannot be reached is reported, never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from typing import Protocol, TypeVar

from bot.cards import Block
from bot.learning.memory import DAY, Fsrs, Scheduler
from bot.learning.planner import Decision, Planner
from bot.learning.record import Learner, Record
from bot.learning.responder import NudgeResponder
from bot.learning.shapes import HIGH_RISK, Library, track_of
from bot.learning.store import LearningStore
from bot.learning.timing import Policy
from bot.learning.triggers import Triggers
from bot.learning.wording import INTENTS, in_words, lesson_card
from bot.learning.workdays import Holidays, PublicHolidays
from bot.model import Person, Place
from bot.organisation import Organisation, pick
from bot.turn import Effect, EmergencyRaised, QuestionAsked, Turn, VerdictGiven, Work

PRIORITY = 10  # behind every live reply
BATCH = 50  # messages in one transaction
LOOK_BACK = 200 * DAY  # six unanswered messages at the slowest pace fit in
_PAUSED = "paused."

T = TypeVar("T")
Leave = Sequence[tuple[date, date]]


class Run(Protocol):
    """Runs a change in one transaction and returns what it returns."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


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


@dataclass(kw_only=True)
class Nudges:
    """The pillar's responder, service and subscriber.

    `place_of` gives the private conversation of a pseudonym, None if there is none. `meet` gives people who have no
    pseudonym yet one; without it they get nothing. `intents` are the action ids of other pillars' buttons. `leave_of`
    gives first and last days of somebody's leave.
    """

    lessons: Callable[[], Library]
    organisation: Callable[[], Organisation]
    directory: Staff
    store: LearningStore
    place_of: Callable[[str], Place | None]
    meet: Callable[[Sequence[Person]], Sequence[Person]] = lambda people: people
    scheduler: Scheduler = field(default_factory=Fsrs)
    rules: Policy = field(default_factory=Policy)
    holidays: Holidays = field(default_factory=PublicHolidays)
    intents: Mapping[str, str] = field(default_factory=lambda: INTENTS)
    leave_of: Callable[[str], Leave] = lambda _key: ()
    prefix: str = field(default="learning", init=False)

    def __post_init__(self) -> None:
        self._responder = NudgeResponder(self.store, self.lessons, self.organisation, self.scheduler)
        self._triggers = Triggers(self.store, self.lessons)

    def respond(self, turn: Turn) -> Effect | None:
        return self._responder.respond(turn)

    def home(self, person: Person) -> list[Block]:
        """Somebody's pace and wishes, for a page of theirs."""
        return self._responder.home(person)

    def on_question(self, work: Work, event: QuestionAsked) -> None:
        self._triggers.on_question(work, event)

    def on_verdict(self, work: Work, event: VerdictGiven) -> None:
        self._triggers.on_verdict(work, event)

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        self._triggers.on_emergency(work, event)

    def plan(self, now: float, *, at_once: bool = False, only: Collection[str] = ()) -> list[Decision]:
        """Who would get what, when and why; sends nothing. `only`: these pseudonyms. `at_once`: see `send_now`."""
        return self._plan(self._people(only), now, at_once)

    def send_now(self, run: Run, now: float, *, at_once: bool = True, only: Collection[str] = ()) -> Sending:
        """Queue what is due at `now`. `at_once` also sends outside office hours and without spreading people over the
        week; incidents, leave, caps, back-off, wishes, pauses and blackout days hold all the same."""
        staff = self._people(only)
        people, plan = {person.key: person for person in staff}, self._plan(staff, now, at_once)
        due = [decision for decision in plan if decision.when is not None and decision.when <= now]
        places = {decision.person: self._place(decision.person) for decision in due}
        reachable = [decision for decision in due if places[decision.person]]
        sent: set[str] = set()
        for start in range(0, len(reachable), BATCH):
            batch = reachable[start : start + BATCH]
            sent.update(run(self._batch(batch, people, places)))
        dues = {decision.person for decision in due}
        return Sending(
            sent=tuple(decision for decision in reachable if decision.person in sent),
            unreachable=tuple(decision for decision in due if not places[decision.person]),
            skipped=tuple(decision for decision in reachable if decision.person not in sent),
            waiting=tuple(decision for decision in plan if decision.person not in dues),
        )

    # operators

    def switch_off(self, work: Work, actor: str, off: bool = True) -> None:
        """The kill switch: no nudges to anybody until it is switched on again."""
        self.store.switch(work.tx, "off", "1" if off else "", work.at)
        work.audit(actor, "learning.off" if off else "learning.on", "nudges")

    def pause(self, work: Work, actor: str, lesson: str, paused: bool = True) -> None:
        """Hold one lesson back, or let it go again."""
        self.store.switch(work.tx, _PAUSED + lesson, "1" if paused else "", work.at)
        work.audit(actor, "learning.pause" if paused else "learning.unpause", lesson)

    def policy(self) -> Policy:
        """The rules that hold now, with what operators have switched off."""
        switches = self.store.switches()
        paused = {name.removeprefix(_PAUSED) for name in switches if name.startswith(_PAUSED)}
        off = self.rules.switched_off or "off" in switches
        return replace(self.rules, switched_off=off, paused=self.rules.paused | paused)

    def prune(self, work: Work) -> int:
        """Remove what is past its retention; the number of rows."""
        return self.store.prune(work.tx, work.at)

    def forget(self, work: Work, person: str) -> None:
        """Remove everything about a pseudonym."""
        self.store.forget(work.tx, person)

    # inside

    def _people(self, only: Collection[str]) -> list[Person]:
        """Everybody in the directory, once, met."""
        staff = list(self.directory.people())
        new = [person for person in staff if not person.key and person.known]
        met = {person.id: person for person in (self.meet(new) if new else ())}
        everybody = {person.id: met.get(person.id, person) for person in staff}
        return [person for person in everybody.values() if not only or person.key in only]

    def _place(self, key: str) -> Place | None:
        place = self.place_of(key)
        return place if place and place.private else None

    def _plan(self, people: Sequence[Person], now: float, at_once: bool) -> list[Decision]:
        organisation = self.organisation()
        records = self.store.records([person.key for person in people if person.key], now - LOOK_BACK)
        learners = [(self._learner(person, organisation), records.get(person.key, Record())) for person in people]
        policy = replace(self.policy(), at_once=at_once)
        planner = Planner(
            self.lessons(),
            policy,
            self.holidays,
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
            leave=tuple(self.leave_of(person.key)),
        )

    @staticmethod
    def _roles(organisation: Organisation) -> dict[str, str]:
        language = organisation.file.language
        return {key: pick(role.name, language) for key, role in organisation.roles.items()}

    def _batch(
        self, batch: Sequence[Decision], people: Mapping[str, Person], places: Mapping[str, Place | None]
    ) -> Callable[[Work], list[str]]:
        """A change that queues these messages and returns who got one."""
        found = [(decision, places[decision.person]) for decision in batch]
        return lambda work: [
            decision.person
            for decision, place in found
            if place and self._send(work, decision, people[decision.person], place)
        ]

    def _send(self, work: Work, decision: Decision, person: Person, place: Place) -> bool:
        """Queue one message. False if this person may not have it after all."""
        organisation, lesson = self.organisation(), self.lessons().lessons.get(decision.lesson)
        if lesson is None:
            return False
        nudge = nudge_id(decision)
        values = organisation.values(person.entity)
        card, missing = lesson_card(lesson, decision, nudge, values, organisation.words, self.intents)
        if missing or not self.store.add_nudge(
            work.tx, _row(decision, nudge, lesson.version, lesson.mandatory, work.at)
        ):
            return False
        self.store.keep_question(work.tx, lesson.id, lesson.version, lesson.question.model_dump_json())
        if enrolment := dict(decision.facts).get("enrolment"):
            self.store.spend(work.tx, enrolment, work.at)
        key = f"nudge:{decision.person}:{lesson.id}:{decision.due}"
        self.store.set_delivery(work.tx, nudge, work.say(decision.person, place, card, key, priority=PRIORITY))
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

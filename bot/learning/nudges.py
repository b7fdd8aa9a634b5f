"""The learning pillar in one object: planning and sending, what people press, what other pillars' events bring.

People, records and lessons go into the planner, its decisions become queued messages.

A message is one row, keyed by person, lesson and local day, in the same transaction as its delivery: a plan that runs
twice, or dies half-way, sends once. Who cannot be reached is reported, never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import blake2b
from typing import Protocol, TypeVar

from bot.cards import Block, Card
from bot.learning.attendance import Attended, roll
from bot.learning.footers import Footers
from bot.learning.memory import DAY, Fsrs, Scheduler
from bot.learning.mydata import HandOver, HeldOut
from bot.learning.planner import Decision, Planner
from bot.learning.record import Learner, Record
from bot.learning.responder import NudgeResponder
from bot.learning.selection import REMINDERS
from bot.learning.shapes import HIGH_RISK, Lesson, Library, track_of
from bot.learning.store import LearningStore
from bot.learning.timing import Policy, Timing
from bot.learning.triggers import HOLD, Triggers
from bot.learning.wording import INTENTS, in_words, lesson_card, names_in
from bot.learning.workdays import Habits, Holidays, PublicHolidays
from bot.model import Action, Person, Place
from bot.organisation import Organisation
from bot.ports import Row, Tx
from bot.turn import Effect, EmergencyRaised, QuestionAsked, RecipientsWarned, Turn, VerdictGiven, Work

PRIORITY = 10  # behind every live reply
BATCH = 50  # messages in one transaction
KEPT_AT_ONCE = 400  # decisions in one transaction
DECISIONS = 90 * DAY  # how long they are kept
LOOK_AGAIN = 2 * 3600.0  # seconds after which everybody is looked at again, whatever was planned
LOOK_BACK = 366 * DAY  # six unanswered messages at the slowest pace, and a long leave, fit in
_PAUSED = "paused."

T = TypeVar("T")
Leave = Sequence[tuple[date, date]]


class Run(Protocol):
    """Runs a change in one transaction and returns what it returns."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


class Staff(Protocol):
    """Who may get nudges: directory people with their pseudonym (`Person.key`)."""

    def people(self) -> Iterable[Person]: ...


class DecisionStore(Protocol):
    """SQL of decisions: what the planner said about somebody, whenever that changed."""

    def latest(self, people: Sequence[str]) -> Mapping[str, Row]:
        """The newest decision of each (lesson, kind, planned_at, reason, rules, outcome)."""
        ...

    def add(self, tx: Tx, rows: Sequence[Mapping[str, object]]) -> None: ...

    def of(self, person: str, limit: int) -> list[Row]:
        """Somebody's decisions, newest first."""
        ...

    def roles(self) -> Mapping[str, str]:
        """Everybody's roles when we last looked (JSON)."""
        ...

    def set_roles(self, tx: Tx, person: str, roles: str, at: float) -> None: ...

    def shown(self, tx: Tx, person: str, lesson: str, reason: str, since: float) -> bool:
        """Whether this lesson went to this person for this reason since then."""
        ...


@dataclass(frozen=True)
class Sending:
    """What became of every decision of a run."""

    sent: tuple[Decision, ...] = ()
    unreachable: tuple[Decision, ...] = ()  # no private place to write to
    skipped: tuple[Decision, ...] = ()  # had one today, stopped, or in an incident since the plan
    waiting: tuple[Decision, ...] = ()  # not yet, or nothing to send
    tested: tuple[Decision, ...] = ()  # would have gone, but test mode is on

    def outcomes(self) -> Iterator[tuple[Decision, str]]:
        """Every decision with what became of it."""
        yield from ((item, "sent") for item in self.sent)
        yield from ((item, "unreachable") for item in self.unreachable)
        yield from ((item, "skipped") for item in self.skipped)
        yield from ((item, "test") for item in self.tested)
        yield from ((item, "none" if item.when is None else "planned") for item in self.waiting)


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
    habits_of: Callable[[Person], Habits] = lambda _person: Habits()  # when they work, and their leave in the directory
    watch: Callable[[str, str], bool] = lambda _module, _key: False  # whether a module may run for a pseudonym
    hand_over: HandOver | None = None
    held_out: HeldOut = lambda _key, _values: False  # whether a pseudonym is in a comparison group now
    decisions: DecisionStore | None = None
    hold: float = HOLD  # seconds without tips after an emergency
    prefix: str = field(default="learning", init=False)

    def __post_init__(self) -> None:
        own = (self.hand_over, self.held_out, self.arrives)
        self._responder = NudgeResponder(self.store, self.lessons, self.organisation, self.scheduler, *own)
        self._triggers = Triggers(self.store, self.lessons)
        self._footers = Footers(self, self.decisions, self._responder.remember) if self.decisions else None
        self._responder.footers = self._footers
        self._made: tuple[Library, Policy, str, str, Planner] | None = None
        self._hashed: tuple[Library, str] | None = None

    def respond(self, turn: Turn) -> Effect | None:
        effect = self._responder.respond(turn)
        return effect and self._touching(turn.person.key, effect)

    def command(self, text: str) -> Action | None:
        """The button that a fixed phrase stands for, in any language."""
        return self._responder.command(text)

    def home(self, person: Person) -> list[Block]:
        """Somebody's pace and wishes, for a page of theirs."""
        return self._responder.home(person)

    @property
    def triggers(self) -> Triggers:
        """What brings lessons out of turn."""
        return self._triggers

    def under_answer(self, work: Work, turn: Turn, entry: str) -> list[Block]:
        """The line under the answer to a risky question."""
        return self._footers.under(work, turn, entry) if self._footers else []

    def on_question(self, work: Work, event: QuestionAsked) -> None:
        if event.person and self.watch("topics", event.person):
            self.store.touch(work.tx, event.person, work.at)
            self._triggers.on_question(work, event)

    def on_verdict(self, work: Work, event: VerdictGiven) -> None:
        self._happened(work, event.people)
        self._triggers.on_verdict(work, event)

    def on_warned(self, work: Work, event: RecipientsWarned) -> None:
        self._happened(work, event.people)
        self._triggers.on_warned(work, event)

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        self._triggers.on_emergency(work, event)

    def _happened(self, work: Work, people: Collection[str]) -> None:
        for person in people:
            self.store.touch(work.tx, person, work.at)

    def _touching(self, person: str, effect: Effect) -> Effect:
        def touched(work: Work) -> Card:
            self.store.touch(work.tx, person, work.at)
            return effect(work)

        return touched

    def plan(self, now: float, *, at_once: bool = False, only: Collection[str] = ()) -> list[Decision]:
        """Who would get what, when and why; sends nothing. `only`: these pseudonyms. `at_once`: see `send_now`."""
        return self._plan(self._people(only), now, at_once)

    def send_now(
        self, run: Run, now: float, *, at_once: bool = True, only: Collection[str] = (), due_only: bool = False
    ) -> Sending:
        """Queue what is due at `now`. `due_only` leaves out whom an earlier look, of whatever replica, found nothing for yet.

        `at_once` also sends outside office hours and without spreading people over the week; incidents, leave, caps, back-off,
        wishes, pauses and blackout days hold all the same.
        """
        staff = self._people(only)
        self._look_at_roles(run, staff)
        staff = self._worth_a_look(staff, now) if due_only else staff
        people, plan = {person.key: person for person in staff}, self._plan(staff, now, at_once)
        due = [decision for decision in plan if decision.when is not None and decision.when <= now]
        test, dues = self.policy().test, {decision.person for decision in due}
        places = {decision.person: self.place(decision.person) for decision in due}
        reachable = [decision for decision in due if places[decision.person]]
        sent: set[str] = set()
        for start in range(0, 0 if test else len(reachable), BATCH):
            batch = reachable[start : start + BATCH]
            sent.update(run(self._batch(batch, people, places)))
        done = Sending(
            sent=tuple(decision for decision in reachable if decision.person in sent),
            unreachable=tuple(decision for decision in due if not places[decision.person]),
            skipped=() if test else tuple(decision for decision in reachable if decision.person not in sent),
            waiting=tuple(decision for decision in plan if decision.person not in dues),
            tested=tuple(reachable) if test else (),
        )
        self._keep(run, done, now)
        self._look_again(run, plan, now)
        return done

    def _worth_a_look(self, staff: Sequence[Person], now: float) -> list[Person]:
        """Whose time has come, who did or met with something since, and everybody when rules or lessons are others now.

        What leaves no trace with us (a leave in the directory, a value of org.yaml) is seen after `LOOK_AGAIN` and an hour.
        """
        waiting = self.store.waiting(now, self._made_of())
        return [person for person in staff if person.key not in waiting]

    def _look_again(self, run: Run, plan: Sequence[Decision], now: float) -> None:
        looks = [(decision.person, _again(decision, now)) for decision in plan if decision.person]
        made_of = self._made_of()
        for start in range(0, len(looks), KEPT_AT_ONCE):
            part = looks[start : start + KEPT_AT_ONCE]
            run(lambda work, part=part: self.store.put_off(work.tx, part, made_of, now))  # type: ignore[misc]

    def _made_of(self) -> str:
        """A hash of the lessons and rules that hold now, the same in every process."""
        library, policy = self.lessons(), self.policy()
        if self._hashed is None or self._hashed[0] is not library:
            self._hashed = (library, library.hash())
        return f"{self._hashed[1]}{policy.hash()}"

    def _look_at_roles(self, run: Run, staff: Sequence[Person]) -> None:
        """Who is new or does other work since the last look. The very first look takes everybody as they are."""
        if self.decisions is None:
            return
        store, known = self.decisions, self.decisions.roles()
        changed = [
            (person, roles) for person in staff
            if person.key and person.known and known.get(person.key) != (roles := json.dumps(sorted(person.roles)))
        ]  # fmt: skip

        def note(work: Work, part: Sequence[tuple[Person, str]]) -> None:
            for person, roles in part:
                before = known.get(person.key)
                store.set_roles(work.tx, person.key, roles, work.at)
                if known:
                    self.store.touch(work.tx, person.key, work.at)
                    self._triggers.on_work(work, person, json.loads(before) if before else None)

        for start in range(0, len(changed), KEPT_AT_ONCE):
            run(lambda work, part=changed[start : start + KEPT_AT_ONCE]: note(work, part))  # type: ignore[misc]

    def _keep(self, run: Run, done: Sending, now: float) -> None:
        """Store every decision that is another one than the last about this person, with its reason."""
        if self.decisions is None:
            return
        store, found = self.decisions, [(item, outcome) for item, outcome in done.outcomes() if item.person]
        for start in range(0, len(found), KEPT_AT_ONCE):
            part = found[start : start + KEPT_AT_ONCE]
            latest = store.latest([decision.person for decision, _ in part])
            rows = [_decided(decision, outcome, now) for decision, outcome in part]
            new = [row for row in rows if _changed(row, latest.get(str(row["person"])))]
            if new:
                run(lambda work, new=new: store.add(work.tx, new))  # type: ignore[misc]

    def attendance(self, now: float) -> list[Attended]:
        """Who has attended how much of which course."""
        values = self.organisation().values
        return roll(
            self.lessons(), self.directory.people(), lambda entity: values(entity).keys(), self.store.attendance(), now
        )

    def overdue(self, now: float) -> list[tuple[Lesson, Person, date]]:
        """Required lessons that were not answered a day after they were due, with the day: for their owners, nobody else."""
        staff = [person for person in self.directory.people() if person.key]
        records, found = self.records([person.key for person in staff], now), list[tuple[Lesson, Person, date]]()
        for person in staff:
            record, learner = records.get(person.key, Record()), self.learner(person)
            planner = self.planner()
            diary, _ = planner.diary(learner)
            for lesson in (item for item in planner.course(learner) if item.mandatory and item.due_days):
                sent = [message for message in record.sent if message.lesson == lesson.id]
                if not sent or lesson.id in record.memories or any(message.state == "answered" for message in sent):
                    continue
                due = diary.day(sent[0].at) + timedelta(days=lesson.due_days or 0)
                if diary.day(now) > due + timedelta(days=REMINDERS[-1]):
                    found.append((lesson, person, due))
        return sorted(found, key=lambda item: (item[0].owner, item[0].id, item[2], item[1].id))

    # operators

    def switch_off(self, work: Work, actor: str, off: bool = True) -> None:
        """The kill switch: no nudges to anybody until it is switched on again."""
        self.store.switch(work.tx, "off", "1" if off else "", work.at)
        work.audit(actor, "learning.off" if off else "learning.on", "nudges")

    def test(self, work: Work, actor: str, on: bool = True) -> None:
        """Test mode: everything is decided and kept, nothing is sent."""
        self.store.switch(work.tx, "test", "1" if on else "", work.at)
        work.audit(actor, "learning.test" if on else "learning.live", "nudges")

    def pause(self, work: Work, actor: str, lesson: str, paused: bool = True) -> None:
        """Hold one lesson back, or let it go again."""
        self.store.switch(work.tx, _PAUSED + lesson, "1" if paused else "", work.at)
        work.audit(actor, "learning.pause" if paused else "learning.unpause", lesson)

    def policy(self) -> Policy:
        """The rules that hold now, with what operators have switched off."""
        switches = self.store.switches()
        paused = {name.removeprefix(_PAUSED) for name in switches if name.startswith(_PAUSED)}
        off = self.rules.switched_off or "off" in switches
        test = self.rules.test or "test" in switches
        return replace(self.rules, switched_off=off, test=test, paused=self.rules.paused | paused)

    def prune(self, work: Work) -> int:
        """Remove what is past its retention; the number of rows."""
        return self.store.prune(work.tx, work.at) + self.tidy(work)

    def tidy(self, work: Work) -> int:
        """What we said to answers a day ago leaves the conversation; the number of lines."""
        return self.store.tidy(work.tx, work.at - DAY)

    def forget(self, work: Work, person: str) -> None:
        """Remove everything about a pseudonym."""
        self.store.forget(work.tx, person, work.at)

    # what campaigns need

    def staff(self) -> list[Person]:
        """Everybody in the directory, met."""
        return self._people(())

    def records(self, keys: Sequence[str], now: float) -> Mapping[str, Record]:
        """What is known of these people."""
        return self.store.records(keys, now - LOOK_BACK)

    def planner(self, *, at_once: bool = False) -> Planner:
        """The planner with the rules, lessons and switches of this moment."""
        file, policy, library = self.organisation().file, replace(self.policy(), at_once=at_once), self.lessons()
        if (
            self._made is None
            or self._made[0] is not library
            or self._made[1:4] != (policy, file.timezone, file.language)
        ):
            made = Planner(library, policy, self.holidays, timezone=file.timezone, language=file.language)
            self._made = (library, policy, file.timezone, file.language, made)
        return self._made[4]

    def place(self, key: str) -> Place | None:
        """Where somebody can be written to in private."""
        place = self.place_of(key)
        return place if place and place.private else None

    def arrives(self, person: Person, wanted: date, now: float) -> date:
        """The local day on which something that this person asked for on a day will come, by the rules as they stand."""
        learner, planner = self.learner(person), self.planner()
        diary, _ = planner.diary(learner)
        record = self.records([person.key], now).get(person.key, Record())
        timing = Timing(person.key, learner.high_risk, diary, record, planner.policy)
        slot = timing.earliest("requested", max(now, diary.at(wanted)))
        return diary.day(slot.at) if slot.at is not None else wanted

    # inside

    def _people(self, only: Collection[str]) -> list[Person]:
        """Everybody in the directory, once, met."""
        staff = list(self.directory.people())
        new = [person for person in staff if not person.key and person.known]
        met = {person.id: person for person in (self.meet(new) if new else ())}
        everybody = {person.id: met.get(person.id, person) for person in staff}
        return [person for person in everybody.values() if not only or person.key in only]

    def _plan(self, people: Sequence[Person], now: float, at_once: bool) -> list[Decision]:
        organisation = self.organisation()
        records = self.records([person.key for person in people if person.key], now)
        learners = [(self.learner(person), records.get(person.key, Record())) for person in people]
        planner = self.planner(at_once=at_once)
        lang = organisation.file.language
        names = names_in(lang, organisation.roles, self.lessons())
        return [
            replace(decision, words=in_words(decision, organisation.words, lang, names))
            for decision in planner.plan(learners, now)
        ]

    def learner(self, person: Person) -> Learner:
        """The person as the planner sees them."""
        organisation, habits = self.organisation(), self.habits_of(person)
        entity = organisation.file.entities.get(person.entity)
        return Learner(
            person.key,
            track_of(person.roles),
            person.roles,
            HIGH_RISK in person.roles,
            person.language,
            person.timezone,
            habits.region or (entity.country if entity else ""),
            person.known,
            frozenset(organisation.values(person.entity)),
            hours=habits.hours,
            leave=(*habits.leave, *self.leave_of(person.key)),
            groups=self.lessons().groups_of(person.id, person.roles, person.entity),
            held_out=self.held_out(person.key, organisation.values(person.entity)),
        )

    def _batch(
        self, batch: Sequence[Decision], people: Mapping[str, Person], places: Mapping[str, Place | None]
    ) -> Callable[[Work], list[str]]:
        """A change that queues these messages and returns who got one."""
        found = [(decision, places[decision.person]) for decision in batch]
        return lambda work: [
            decision.person
            for decision, place in found
            if place and self.queue(work, decision, people[decision.person], place)
        ]

    def queue(self, work: Work, decision: Decision, person: Person, place: Place) -> str:
        """Queue one message; its delivery, "" if this person may not have it after all."""
        organisation, lesson = self.organisation(), self.lessons().lessons.get(decision.lesson)
        if lesson is None:
            return ""
        nudge = nudge_id(decision)
        values = organisation.values(person.entity, person.language)
        card, missing = lesson_card(lesson, decision, nudge, values, organisation.words, self.intents)
        if missing or not self.store.add_nudge(
            work.tx, _row(decision, nudge, lesson.version, lesson.mandatory, work.at)
        ):
            return ""
        self.store.keep_question(work.tx, lesson.id, lesson.version, lesson.question.model_dump_json())
        if enrolment := dict(decision.facts).get("enrolment"):
            self.store.spend(work.tx, enrolment, work.at)
        key = f"nudge:{decision.person}:{lesson.id}:{decision.due}"
        delivery = work.say(decision.person, place, card, key, priority=PRIORITY)
        self.store.set_delivery(work.tx, nudge, delivery)
        return delivery


def _again(decision: Decision, now: float) -> float:
    """When somebody is looked at again: at the time that was found, or in a few hours, not all at once."""
    scatter = int(blake2b(decision.person.encode(), digest_size=2).hexdigest(), 16) % 3600
    latest = now + LOOK_AGAIN + scatter
    return latest if decision.when is None else min(decision.when, latest)


def nudge_id(decision: Decision) -> str:
    """The same for the same person, lesson and local day."""
    text = f"{decision.person}/{decision.lesson}/{decision.due}"
    return "n" + blake2b(text.encode(), digest_size=12).hexdigest()


def _decided(decision: Decision, outcome: str, at: float) -> dict[str, object]:
    return {
        "person": decision.person,
        "at": at,
        "lesson": decision.lesson,
        "kind": decision.kind,
        "planned_at": decision.when or 0.0,
        "reason": decision.reason,
        "rules": ",".join(decision.rules),
        "outcome": outcome,
    }


def _changed(row: Mapping[str, object], last: Row | None) -> bool:
    """Whether it says something new: another lesson, reason or outcome, or a time further off than a look is from the next."""
    if last is None or any(row[name] != last[name] for name in ("lesson", "kind", "reason", "outcome")):
        return True
    return abs(float(str(row["planned_at"])) - float(last["planned_at"])) > 3600.0


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

"""Who gets which lesson, when and why. Pure: the same input gives the same plan.

Per person there is one decision, the next message, or the reason why there is none. First what they asked to have
later, then what something brought out of turn, then the curriculum; the earliest allowed time wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.learning.record import Kind, Learner, Record
from bot.learning.selection import Course, Pick
from bot.learning.shapes import DEFAULT_LANGUAGE, Lesson, Library
from bot.learning.timing import Policy, Slot, Timing
from bot.learning.workdays import Diary, Holidays, zone

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Decision:
    """The next message to a person. `when` is None if there is none: `reason` then says why.

    `when` is UTC epoch seconds, `due` its local date, `rules` the codes that moved the time. `words` is for people.
    """

    person: str
    lesson: str = ""
    when: float | None = None
    reason: str = ""
    words: str = ""
    kind: Kind = "scheduled"
    due: str = ""
    language: str = DEFAULT_LANGUAGE
    timezone: str = "UTC"
    rules: tuple[str, ...] = ()
    facts: Facts = ()
    notes: tuple[str, ...] = ()
    first: bool = False  # the first message ever
    ask_less: bool = False  # so many unanswered that we ask whether there should be fewer

    @property
    def local(self) -> str:
        """The time as the person's clock shows it, with its zone; "" if there is none."""
        if self.when is None:
            return ""
        return f"{datetime.fromtimestamp(self.when, ZoneInfo(self.timezone)):%a %d %b %Y %H:%M} {self.timezone}"


@dataclass(frozen=True)
class _Offer:
    """A pick with its time."""

    at: float
    rank: int
    kind: Kind
    rules: tuple[str, ...]
    pick: Pick


class Planner:
    """Plans over one library and policy. `timezone` and `language` are the organisation's."""

    def __init__(
        self, library: Library, policy: Policy, holidays: Holidays, *, timezone: str = "UTC", language: str = "en"
    ) -> None:
        self._library, self._policy, self._holidays = library, policy, holidays
        self._zone = zone(timezone) or ZoneInfo("UTC")
        self._language = language
        self._languages = {lesson.id: frozenset(lesson.languages()) for lesson in library.published()}
        self._courses: dict[tuple[str, bool, frozenset[str]], list[Lesson]] = {}
        self._open: dict[tuple[object, ...], tuple[list[str], list[Lesson]]] = {}

    def plan(self, people: Iterable[tuple[Learner, Record]], now: float) -> list[Decision]:
        """One decision a person: those with a time first, in its order."""
        decisions = [self.decide(learner, record, now) for learner, record in people]
        return sorted(decisions, key=lambda item: (item.when is None, item.when or 0.0, item.person))

    def decide(self, learner: Learner, record: Record, now: float) -> Decision:
        """The next message to this person."""
        if reason := self._never(learner):
            return Decision(learner.key, reason=reason)
        return _Person(self, learner, record).decide(now)

    def place(
        self, learner: Learner, record: Record, lesson: str, now: float, *, salt: str = "", facts: Facts = ()
    ) -> Decision:
        """When this person gets a lesson that somebody sends to many (`reason` "campaign"), or why they don't.

        `salt` names the campaign: people are scattered over five working days by it. Without one it is as soon as may be.
        """
        if reason := self._never(learner):
            return Decision(learner.key, lesson, reason=reason)
        return _Person(self, learner, record).place(lesson, now, salt, facts)

    def _never(self, learner: Learner) -> str:
        if not learner.known:
            return "guest"
        if self._policy.switched_off:
            return "switched_off"
        return "" if learner.key else "not_met"

    def course(self, learner: Learner) -> list[Lesson]:
        """The live curriculum of this person."""
        key = (learner.track, learner.high_risk, learner.groups)
        if key not in self._courses:
            self._courses[key] = self._library.curriculum(
                learner.track, high_risk=learner.high_risk, groups=learner.groups
            )
        return self._courses[key]

    def open_to(self, learner: Learner, record: Record) -> tuple[list[str], list[Lesson]]:
        """Why each lesson of the curriculum can't go to them ("": it can), and those that can."""
        key = (learner.track, learner.high_risk, learner.groups, learner.language, learner.values, record.stopped)
        if key not in self._open:
            course = self.course(learner)
            barred = [self.barred(lesson, learner, record) for lesson in course]
            self._open[key] = barred, [lesson for lesson, why in zip(course, barred, strict=True) if not why]
        return self._open[key]

    def diary(self, learner: Learner) -> tuple[Diary, tuple[str, ...]]:
        """Their calendar, and a note if their time zone is unknown."""
        own = zone(learner.timezone)
        hours = learner.hours or self._policy.hours
        where = own or self._zone
        diary = Diary(where, hours, lambda day: self._holidays(learner.region, day), learner.leave)
        return diary, (() if own else ("timezone",))

    def language(self, lesson: Lesson, learner: Learner) -> str:
        """Exact, then the language without its region; the organisation's for people without one, and for duties."""
        there = self._languages.get(lesson.id, frozenset())
        wanted = learner.language or self._language
        tries = [wanted, wanted.partition("-")[0]]
        if lesson.mandatory:
            tries += [self._language, DEFAULT_LANGUAGE]
        return next((code for code in tries if code in there), "")

    def barred(self, lesson: Lesson, learner: Learner, record: Record) -> str:
        """Why a lesson can't go to this person, "" if it can."""
        if record.stopped and not lesson.mandatory:
            return "stopped"
        if lesson.status != "published" or lesson.id in self._policy.paused:
            return "paused"
        if not self.language(lesson, learner):
            return "no_language"
        return "" if learner.values.issuperset(lesson.placeholders) else "value_missing"

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def lessons(self) -> Mapping[str, Lesson]:
        return self._library.lessons


class _Person:
    """The decision about one person."""

    def __init__(self, planner: Planner, learner: Learner, record: Record) -> None:
        self._planner, self._learner, self._record = planner, learner, record
        self._diary, self._notes = planner.diary(learner)
        self._timing = Timing(learner.key, learner.high_risk, self._diary, record, planner.policy)
        self._last = {message.lesson: message for message in record.sent}
        self._barred, open_to = planner.open_to(learner, record)
        open_to = [lesson for lesson in open_to if lesson.mandatory or not learner.held_out]
        self._course = Course(open_to, learner, record, self._diary, planner.policy)

    def decide(self, now: float) -> Decision:
        offers = [*self._requested(now), *self._reminders(now), *self._triggered(now), *self._scheduled(now)]
        if not offers:
            return Decision(self._learner.key, reason=self._nothing(), notes=self._notes)
        return self._decided(min(offers, key=lambda offer: (offer.at, offer.rank)))

    def place(self, name: str, now: float, salt: str, facts: Facts) -> Decision:
        """The time of one lesson out of turn."""
        lesson = self._planner.lessons.get(name)
        why = "gone" if lesson is None else self._planner.barred(lesson, self._learner, self._record)
        if lesson is None or why:
            return Decision(self._learner.key, name, reason=why)
        start = self._timing.scattered(now, salt) if salt and not self._planner.policy.at_once else now
        slot = self._timing.earliest("triggered", start)
        if slot.at is None:
            return Decision(self._learner.key, name, reason="no_time", rules=slot.rules)
        if not self._open(name, slot.at):
            return Decision(self._learner.key, name, reason="not_theirs")
        if self._recent(name, slot.at):
            return Decision(self._learner.key, name, reason="recent")
        return self._decided(_Offer(slot.at, 1, "triggered", slot.rules, Pick(name, "campaign", facts)))

    def _decided(self, best: _Offer) -> Decision:
        lesson = self._planner.lessons[best.pick.lesson]
        return Decision(
            self._learner.key,
            lesson.id,
            best.at,
            best.pick.reason,
            kind=best.kind,
            due=self._diary.day(best.at).isoformat(),
            language=self._planner.language(lesson, self._learner),
            timezone=str(self._diary.zone),
            rules=best.rules,
            facts=best.pick.facts,
            notes=self._notes,
            first=not self._record.sent,
            ask_less=self._record.unanswered >= self._planner.policy.back_off[0][0],
        )

    def _nothing(self) -> str:
        """The one thing that keeps every lesson back, else: nothing is due."""
        if self._learner.held_out:
            return "held_out"
        reasons = {"stopped"} if self._record.stopped else set(self._barred)
        return next((why for why in ("stopped", "no_language", "value_missing") if reasons == {why}), "up_to_date")

    def _open(self, lesson_id: str, at: float) -> Lesson | None:
        """A lesson from outside the curriculum, if this person may have it on that day."""
        lesson, learner = self._planner.lessons.get(lesson_id), self._learner
        if lesson is None or not lesson.fits(learner.roles | {learner.track}, learner.high_risk, learner.groups):
            return None
        usable = lesson.sendable(self._diary.day(at)) and not self._planner.barred(lesson, learner, self._record)
        return lesson if usable else None

    def _offer(self, slot: Slot, rank: int, kind: Kind, pick: Pick) -> Iterator[_Offer]:
        if slot.at is not None and self._open(pick.lesson, slot.at):
            yield _Offer(slot.at, rank, kind, slot.rules, pick)

    def _requested(self, now: float) -> Iterator[_Offer]:
        for message in self._last.values():
            if message.state == "later" and message.until:
                slot = self._timing.earliest("requested", max(now, self._diary.at(message.until)))
                yield from self._offer(slot, 0, "requested", Pick(message.lesson, "requested"))

    def _reminders(self, now: float) -> Iterator[_Offer]:
        for pick, day in self._course.reminders():
            slot = self._timing.earliest("reminder", max(now, self._diary.at(day)))
            yield from self._offer(slot, 0, "reminder", pick)

    def _triggered(self, now: float) -> Iterator[_Offer]:
        for enrolment in self._record.enrolments:
            slot = self._timing.earliest("triggered", max(now, enrolment.not_before))
            if slot.at is None or self._recent(enrolment.lesson, slot.at) or 0 < enrolment.not_after < slot.at:
                continue
            pick = Pick(enrolment.lesson, enrolment.reason, (("topic", enrolment.topic), ("enrolment", enrolment.id)))
            yield from self._offer(slot, 1, "triggered", pick)

    def _recent(self, lesson_id: str, at: float) -> bool:
        """Sent within the cool-down of the lesson's triggers, or about to come anyway because they asked for it."""
        message, lesson = self._last.get(lesson_id), self._planner.lessons.get(lesson_id)
        if message is None or lesson is None:
            return False
        days = max((trigger.cooldown_days for trigger in lesson.triggers), default=30)
        return message.state == "later" or self._diary.day(at) - self._diary.day(message.at) < timedelta(days=days)

    def _scheduled(self, now: float) -> Iterator[_Offer]:
        start = now
        for _ in range(40):
            slot = self._timing.earliest("scheduled", start)
            if slot.at is None:
                return
            if pick := self._course.choose(slot.at):
                yield from self._offer(slot, 2, "scheduled", pick)
                return
            later = self._course.after(slot.at)
            if later is None:
                return
            start = later

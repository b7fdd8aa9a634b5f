"""What brings a lesson out of turn, or holds nudges back: subscribers to the other pillars' events.

They run in the transaction of the event. Which lessons fit is written in the lessons (`triggers`, `kb`); whether the
person may have them, and when, is the planner's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from hashlib import blake2b

from bot.learning.memory import DAY
from bot.learning.shapes import Lesson, Library, track_of
from bot.learning.store import LearningStore
from bot.model import Kind, Person
from bot.turn import EmergencyRaised, QuestionAsked, RecipientsWarned, VerdictGiven, Work

HOLD = 2 * DAY  # no nudges after an emergency; a lesson about it earliest then
COOL_DOWN = 30 * DAY
ASKED_TIMES = 2  # times that a topic comes up before its lesson is enrolled


class Triggers:
    """Register each method for its event."""

    def __init__(self, store: LearningStore, library: Callable[[], Library]) -> None:
        self._store, self._library = store, library

    def on_question(self, work: Work, event: QuestionAsked) -> None:
        """The same topic twice in 30 days enrols its lessons; one topic in 30 days."""
        if not event.person or event.outcome in ("emergency", "confirm"):
            return
        since = work.at - COOL_DOWN
        self._travels(work, event, since)
        found = [lesson for lesson in self._library().published() if about(lesson, event.entry, event.group)]
        for topic in sorted({lesson.topic for lesson in found}):
            times = self._store.ask(work.tx, event.person, topic, work.at, since)
            if times >= ASKED_TIMES and not self._store.enrolled(work.tx, event.person, "topic", since):
                self._enrol(work, event.person, [item for item in found if item.topic == topic], "topic", topic)

    def _travels(self, work: Work, event: QuestionAsked, since: float) -> None:
        """Somebody who asks what to do before a journey is about to travel: once in 30 days."""
        asked = self._library().published() if event.entry else []
        found = [lesson for lesson in asked if lesson.brought_by("travel", event.entry)]
        if found and not self._store.enrolled(work.tx, event.person, "travel", since):
            self._enrol(work, event.person, found, "travel", "asked")

    def on_journey(self, work: Work, person: str, first: date, begins: float, ends: float) -> None:
        """A journey of a list of journeys: one lesson between `begins` and `ends`, once for its first day."""
        found = [lesson for lesson in self._library().published() if lesson.brought_by("travel")]
        self._enrol(work, person, found, "travel", first.isoformat(), delay=begins - work.at, until=ends)

    def on_verdict(self, work: Work, event: VerdictGiven) -> None:
        """Lessons that name this verdict, for everybody who reported the mail; once in 30 days."""
        found = self._triggered("verdict", event.verdict.kind.value)
        reason = "practice" if event.verdict.kind is Kind.PRACTICE else "verdict"
        for person in event.people if found else ():
            if not self._store.enrolled(work.tx, person, reason, work.at - COOL_DOWN):
                self._enrol(work, person, found, reason, event.sha256[:16])

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        """No nudges for 48 hours. Then, once an incident, a lesson that names this kind."""
        if not event.person:
            return
        self._store.hold(work.tx, event.person, work.at + HOLD)
        found = self._triggered("emergency", event.kind)
        self._enrol(work, event.person, found, "incident", event.ticket, delay=HOLD)

    def on_warned(self, work: Work, event: RecipientsWarned) -> None:
        """Lessons that name campaigns, for everybody who was warned of one; once in 30 days."""
        found = self._triggered("campaign", "")
        for person in event.people if found else ():
            if not self._store.enrolled(work.tx, person, "warned", work.at - COOL_DOWN):
                self._enrol(work, person, found, "warned", event.campaign[:16])

    def on_work(self, work: Work, person: Person, before: Collection[str] | None) -> None:
        """Somebody is new here, or does other work than before: the first lesson that goes with it, at the next slot."""
        track = track_of(person.roles)
        if before is not None and track_of(before) == track:
            return
        kind, reason = ("core", "new_here") if before is None else ("role", "new_work")
        course = self._library().curriculum(track)
        first = next((lesson for lesson in course if lesson.curriculum == kind), None)
        if first:
            self._enrol(work, person.key, [first], reason, track)

    def _triggered(self, event: str, kind: str) -> list[Lesson]:
        return [
            lesson
            for lesson in self._library().published()
            if any(trigger.event == event and trigger.kind in (None, kind) for trigger in lesson.triggers)
        ]

    def _enrol(
        self,
        work: Work,
        person: str,
        lessons: Iterable[Lesson],
        reason: str,
        topic: str,
        delay: float = 0.0,
        until: float = 0.0,
    ) -> None:
        for lesson in lessons:
            name = f"{person}/{lesson.id}/{reason}/{topic}/{work.at if reason == 'topic' else ''}"
            row = {
                "id": "e" + blake2b(name.encode(), digest_size=12).hexdigest(),
                "person": person,
                "lesson": lesson.id,
                "topic": topic,
                "reason": reason,
                "not_before": work.at + delay,
                "not_after": until,
                "at": work.at,
            }
            self._store.enrol(work.tx, row)


def about(lesson: Lesson, entry: str, group: str) -> bool:
    """Whether a question that led to this entry (or to none, of this group) is about the lesson."""
    topics = {trigger.topic for trigger in lesson.triggers if trigger.event == "question.topic"}
    return bool(topics) and (entry in lesson.kb or bool(topics.intersection({entry, group} - {""})))

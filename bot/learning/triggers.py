"""What brings a lesson out of turn, or holds nudges back: subscribers to the other pillars' events.

They run in the transaction of the event. Which lessons fit is written in the lessons (`triggers`, `kb`); whether the
person may have them, and when, is the planner's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from bot.learning.memory import DAY
from bot.learning.shapes import Lesson, Library
from bot.learning.store import LearningStore
from bot.turn import EmergencyRaised, QuestionAsked, VerdictGiven, Work

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
        found = [lesson for lesson in self._library().published() if about(lesson, event.entry, event.group)]
        for topic in sorted({lesson.topic for lesson in found}):
            times = self._store.ask(work.tx, event.person, topic, work.at, since)
            if times >= ASKED_TIMES and not self._store.enrolled(work.tx, event.person, "topic", since):
                self._enrol(work, event.person, [item for item in found if item.topic == topic], "topic", topic)

    def on_verdict(self, work: Work, event: VerdictGiven) -> None:
        """Lessons that name this verdict, for everybody who reported the mail; once in 30 days."""
        found = self._triggered("verdict", event.verdict.kind.value)
        for person in event.people if found else ():
            if not self._store.enrolled(work.tx, person, "verdict", work.at - COOL_DOWN):
                self._enrol(work, person, found, "verdict", event.sha256[:16])

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        """No nudges for 48 hours. Then, once an incident, a lesson that names this kind."""
        if not event.person:
            return
        self._store.hold(work.tx, event.person, work.at + HOLD)
        found = self._triggered("emergency", event.kind)
        self._enrol(work, event.person, found, "incident", event.ticket, delay=HOLD)

    def _triggered(self, event: str, kind: str) -> list[Lesson]:
        return [
            lesson
            for lesson in self._library().published()
            if any(trigger.event == event and trigger.kind in (None, kind) for trigger in lesson.triggers)
        ]

    def _enrol(
        self, work: Work, person: str, lessons: Iterable[Lesson], reason: str, topic: str, delay: float = 0.0
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
                "at": work.at,
            }
            self._store.enrol(work.tx, row)


def about(lesson: Lesson, entry: str, group: str) -> bool:
    """Whether a question that led to this entry (or to none, of this group) is about the lesson."""
    topics = {trigger.topic for trigger in lesson.triggers if trigger.event == "question.topic"}
    return bool(topics) and (entry in lesson.kb or bool(topics.intersection({entry, group} - {""})))

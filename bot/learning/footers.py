"""One line under the answer to a risky question: the lesson that goes with it, to open there and then.

Which answers those are is written in the lessons (`triggers: event: question.risky`). The same lesson stands there once in 30
days, and never for who has stopped tips, is in an incident, or while tips are switched off (content 1.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from bot.cards import Block, Button, Buttons, Card, Choices, Text
from bot.learning.attendance import Remember, Response
from bot.learning.memory import DAY
from bot.learning.record import Record
from bot.learning.shapes import Lesson, Question
from bot.learning.wording import feedback_card, say_card
from bot.organisation import Words, fill, pick
from bot.ports import Tx
from bot.turn import Effect, Turn, Work

if TYPE_CHECKING:
    from bot.learning.nudges import Nudges

RISKY, REASON = "question.risky", "risky"
ORDER = ("role", "high_risk", "group", "core", "course")  # the closest to somebody's work first


class FooterStore(Protocol):
    """SQL of what was shown under answers: decisions like any other."""

    def add(self, tx: Tx, rows: Sequence[Mapping[str, object]]) -> None: ...

    def shown(self, tx: Tx, person: str, lesson: str, reason: str, since: float) -> bool:
        """Whether this lesson went to this person for this reason since then."""
        ...


class Footers:
    """Finds the line, and opens the lesson behind it. `remember` keeps an answer as that of any tip."""

    def __init__(self, nudges: Nudges, store: FooterStore, remember: Remember) -> None:
        self._nudges, self._store, self._remember = nudges, store, remember

    def under(self, work: Work, turn: Turn, entry: str) -> list[Block]:
        """The line under an answer; nothing most of the time."""
        policy = self._nudges.policy()
        if not turn.person.known or not turn.person.key or policy.switched_off or policy.test:
            return []
        named = [lesson for lesson in self._nudges.lessons().published() if lesson.brought_by(RISKY, entry)]
        if not named:  # as for most answers: nothing is read for them
            return []
        record = self._nudges.records([turn.person.key], work.at).get(turn.person.key, Record())
        if record.stopped or record.hold_until > work.at:
            return []
        since = work.at - 30 * DAY
        for lesson in self._fitting(turn, record, named):
            last = record.last(lesson.id)
            if (last and last.at > since) or self._store.shown(work.tx, turn.person.key, lesson.id, REASON, since):
                continue
            self._store.add(work.tx, [_decided(turn.person.key, lesson.id, work.at)])
            title = fill(pick(lesson.title, turn.lang), turn.values)[0]
            return line(lesson.id, title, self._nudges.organisation().words, turn.lang)
        return []

    def show(self, turn: Turn, name: str) -> Effect:
        """The lesson that a line named."""
        lesson = self._nudges.lessons().lessons.get(name)
        words = self._nudges.organisation().words
        if lesson is None or not self._may(turn, Record(), lesson):
            return lambda _work: say_card(words, turn.lang, "learning.closed")

        def text(texts: Mapping[str, str]) -> str:
            return fill(pick(texts, turn.lang), turn.values)[0]

        aim = f"{lesson.id}:{lesson.version}"
        options = tuple(Button(text(o.text), "learning.shown", f"{aim}:{o.id}") for o in lesson.question.options)
        blocks = (Text(text(lesson.body)), Choices(text(lesson.question.prompt), options))
        card = Card(text(lesson.title), blocks, "question", source=lesson.id, lang=turn.lang, private=True)

        def opened(work: Work) -> Card:
            self._nudges.store.keep_question(work.tx, lesson.id, lesson.version, lesson.question.model_dump_json())
            return card

        return opened

    def answer(self, turn: Turn, value: str) -> Effect | None:
        """Its question was answered: that counts once a day. None if there is no such question."""
        lesson, version, choice = [*value.split(":"), "", ""][:3]
        kept = self._nudges.store.question(lesson, int(version)) if version.isdecimal() else ""
        question = Question.model_validate_json(kept) if kept else None
        option = question.option(choice) if question else None
        if question is None or option is None:
            return None
        day = datetime.fromtimestamp(turn.at, UTC).date().isoformat()
        item = f"{turn.person.key}/shown/{lesson}/{day}"

        def answered(work: Work) -> Card:
            if self._nudges.store.kept_answer(item, work.tx):
                self._nudges.store.unhear(work.tx, turn.person.key, work.at)
            else:
                self._remember(work, turn, Response(item, lesson, int(version), choice, option.correct))
            return feedback_card(question, choice, turn.values, self._nudges.organisation().words, turn.lang)

        return answered

    # inside

    def _fitting(self, turn: Turn, record: Record, named: list[Lesson]) -> list[Lesson]:
        found = [lesson for lesson in named if self._may(turn, record, lesson)]
        return sorted(found, key=lambda lesson: (ORDER.index(lesson.curriculum), lesson.order, lesson.id))

    def _may(self, turn: Turn, record: Record, lesson: Lesson) -> bool:
        """Whether this person may have this lesson today, by the planner's rules on lessons."""
        planner, learner = self._nudges.planner(), self._nudges.learner(turn.person)
        theirs = lesson.fits(learner.roles | {learner.track}, learner.high_risk, learner.groups)
        diary, _ = planner.diary(learner)
        return theirs and lesson.sendable(diary.day(turn.at)) and not planner.barred(lesson, learner, record)


def line(lesson: str, title: str, words: Words, lang: str) -> list[Block]:
    """What the lesson is called, and a button that opens it: titles are too long for buttons on a phone."""
    button = Button(words.say(lang, "learning.footer_show"), "learning.show", lesson)
    return [Text(words.say(lang, "learning.footer", title=title), "muted"), Buttons((button,))]


def _decided(person: str, lesson: str, at: float) -> dict[str, object]:
    return {
        "person": person, "at": at, "lesson": lesson, "kind": "footer", "planned_at": at, "reason": REASON, "rules": "",
        "outcome": "sent",
    }  # fmt: skip

"""What people press or type under a nudge: answers, wishes, "why me?", and their own data.

An answer is recorded once: the database takes the first one, every later press gets the same feedback again. It counts
for the question as it was sent, even if the lesson has been edited or retired since.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.cards import Block, Button, Buttons, Card, Text
from bot.errors import Conflict, Refused
from bot.learning.memory import DAY, Scheduler, review
from bot.learning.shapes import Library, Question, track_of
from bot.learning.store import LearningStore
from bot.learning.wording import data_card, feedback_card, later_card, say_card, why
from bot.learning.workdays import zone
from bot.model import Person
from bot.organisation import Organisation, Words, pick
from bot.ports import Row
from bot.turn import Effect, Turn, Work

SNOOZES = 3  # times that a required lesson may be put off
TYPED_WITHIN = 7 * DAY  # a typed letter answers a message no older than this
KEEP_DAYS = 28 * DAY  # "erase" leaves the days of messages this recent, for the caps
DAYS = {"tomorrow": 1, "week": 7}
_COMMANDS = ("stop", "resume", "less", "why", "mydata")


class NudgeResponder:
    """The learning pillar's door."""

    prefix = "learning"

    def __init__(
        self,
        store: LearningStore,
        library: Callable[[], Library],
        organisation: Callable[[], Organisation],
        scheduler: Scheduler,
    ) -> None:
        self._store, self._library, self._organisation, self._scheduler = store, library, organisation, scheduler

    def respond(self, turn: Turn) -> Effect | None:
        if not turn.person.known or not turn.person.key:
            return None
        if turn.action is None:
            return self._typed(turn)
        prefix, _, verb = turn.action.id.partition(".")
        if prefix != self.prefix:
            return None
        return self._pressed(turn, verb, turn.action.value)

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        nudge, _, detail = value.partition(":")
        match verb:
            case "answer":
                return self._answer(turn, self._mine(turn, nudge), detail)
            case "later":
                return self._later(turn, self._mine(turn, nudge), detail)
            case "less":
                return self._less(turn, self._mine(turn, nudge) if nudge else self._store.newest(turn.person.key))
            case "why":
                return self._why(turn, self._mine(turn, nudge) if nudge else self._store.newest(turn.person.key))
            case "stop" | "resume":
                row = self._mine(turn, nudge) if nudge else None
                return lambda work: self._stop(work, turn, row, verb == "stop")
            case "mydata":
                return self._data(turn, value)
        return None

    def _typed(self, turn: Turn) -> Effect | None:
        """A letter answers the newest question; a few fixed phrases do what the buttons do."""
        text = " ".join(turn.text.casefold().strip(" .!)(").split())
        if not text or len(text) > 80:
            return None
        for verb in _COMMANDS:
            if text in self._say(turn, f"learning.typed.{verb}").casefold().split("|"):
                return self._pressed(turn, verb, "")
        row = self._store.newest(turn.person.key) if len(text) == 1 and "a" <= text <= "d" else None
        if row is None or row["state"] == "closed" or turn.at - float(row["at"]) > TYPED_WITHIN:
            return None
        if turn.dialogue and turn.dialogue.updated_at > float(row["at"]):
            return None  # the letter belongs to something else that was asked since
        question, place = self._question(row), "abcd".index(text)
        if question is None or place >= len(question.options):
            return None
        return self._answer(turn, row, question.options[place].id)

    # answers

    def _mine(self, turn: Turn, nudge: str) -> Row | None:
        """The message, None if it is gone. Raises `Refused` if it went to somebody else."""
        row = self._store.nudge(nudge)
        if row and row["person"] != turn.person.key:
            raise Refused(self._say(turn, "learning.not_yours"))
        return row if row and row["lesson"] else None

    def _question(self, row: Row) -> Question | None:
        kept = self._store.question(row["lesson"], int(row["version"]))
        return Question.model_validate_json(kept) if kept else None

    def _answer(self, turn: Turn, row: Row | None, choice: str) -> Effect:
        question = self._question(row) if row else None
        if row is None or question is None or question.option(choice) is None:
            return lambda _work: self._card(turn, "learning.closed")
        done, total = self._progress(turn, row["lesson"])
        progress = self._words().say(turn.lang, "learning.progress", done=done, total=total)
        return lambda work: self._answered(work, turn, row, question, choice, progress)

    def _answered(self, work: Work, turn: Turn, row: Row, question: Question, choice: str, progress: str) -> Card:
        option = question.option(choice)
        right = bool(option and option.correct)
        if not self._store.answer(work.tx, row["id"], choice, right, work.at):
            return self._again(work, turn, row, question)
        self._store.close_others(work.tx, row["id"])
        self._remember(work, row, right)
        return feedback_card(question, choice, turn.values, self._words(), turn.lang, [progress])

    def _again(self, work: Work, turn: Turn, row: Row, question: Question) -> Card:
        """Answered before: the feedback of the answer that counts, if it is known yet."""
        fresh = self._store.nudge(row["id"], work.tx) or row
        if fresh["state"] != "answered":
            return self._card(turn, "learning.closed")
        card = feedback_card(question, fresh["choice"], turn.values, self._words(), turn.lang)
        return Card("", (Text(self._say(turn, "learning.already")), *card.blocks), lang=turn.lang)

    def _remember(self, work: Work, row: Row, right: bool) -> None:
        person, lesson, version = row["person"], row["lesson"], int(row["version"])
        for _ in range(3):
            old = self._store.memory(work.tx, person, lesson)
            new = review(self._scheduler, person, lesson, version, old, right=right, at=work.at)
            if self._store.put_memory(work.tx, person, new, old.reviews if old else 0):
                return
        raise Conflict(self._words().say("en", "learning.closed"))

    def _progress(self, turn: Turn, lesson: str) -> tuple[int, int]:
        """Lessons of the own curriculum answered at least once (this one included), and all of them."""
        high_risk = "high_risk" in turn.person.roles
        course = {item.id for item in self._library().curriculum(track_of(turn.person.roles), high_risk=high_risk)}
        met = {memory.lesson for memory in self._store.memories(turn.person.key)} | {lesson}
        return len(course & met), len(course)

    # wishes

    def _later(self, turn: Turn, row: Row | None, when: str) -> Effect:
        if row is None or row["state"] not in ("sent", "later"):
            return lambda _work: self._card(turn, "learning.closed")
        lesson = self._library().lessons.get(row["lesson"])
        if lesson and lesson.mandatory and self._store.postponed(turn.person.key, lesson.id) >= SNOOZES:
            return lambda _work: self._card(turn, "learning.no_later")
        if when not in DAYS:
            return lambda _work: later_card(row["id"], self._words(), turn.lang)
        until = (datetime.fromtimestamp(turn.at, self._zone(turn)) + timedelta(days=DAYS[when])).date().isoformat()

        def postpone(work: Work) -> Card:
            done = self._store.postpone(work.tx, row["id"], until, work.at)
            return self._card(turn, f"learning.postponed.{when}" if done else "learning.closed")

        return postpone

    def _less(self, turn: Turn, row: Row | None) -> Effect:
        if row is None:
            return lambda _work: self._card(turn, "learning.closed")

        def less(work: Work) -> Card:
            done = self._store.lessen(work.tx, row["id"], work.at)
            if done:
                work.audit(turn.person.key, "learning.less", turn.person.key)
            return self._card(turn, "learning.lessened" if done else "learning.lessened_already", self._resume(turn))

        return less

    def _stop(self, work: Work, turn: Turn, row: Row | None, stopped: bool) -> Card:
        verb = "stop" if stopped else "resume"
        if self._store.stop(work.tx, turn.person.key, stopped, work.at):
            work.audit(turn.person.key, f"learning.{verb}", turn.person.key)
        if row:
            self._store.reacted(work.tx, row["id"], work.at)
        return (
            self._card(turn, "learning.stopped", self._resume(turn))
            if stopped
            else self._card(turn, "learning.resumed")
        )

    def _resume(self, turn: Turn) -> Button:
        return Button(self._say(turn, "learning.button.resume"), "learning.resume")

    def _why(self, turn: Turn, row: Row | None) -> Effect:
        if row is None:
            return lambda _work: self._card(turn, "learning.closed")
        organisation = self._organisation()
        roles = {key: pick(role.name, turn.lang) for key, role in organisation.roles.items()}
        reason = why(row["reason"], json.loads(row["facts"]), organisation.words, turn.lang, roles)
        said = (Text(reason), Text(self._say(turn, "learning.why_privacy"), "muted"))

        def explain(work: Work) -> Card:
            self._store.reacted(work.tx, row["id"], work.at)
            return Card("", said, lang=turn.lang)

        return explain

    # their data

    def _data(self, turn: Turn, what: str) -> Effect:
        key = turn.person.key
        if what == "erase":
            yes = Button(self._say(turn, "learning.button.erase_yes"), "learning.mydata", "erase-yes", "danger")
            return lambda _work: self._card(turn, "learning.data.sure", yes)
        if what == "erase-yes":
            return lambda work: self._erase(work, turn)
        record = self._store.records([key], 0.0).get(key)
        rate, stopped = (record.rate, record.stopped) if record else (1.0, False)
        history, zone_ = self._store.history(key), self._zone(turn)
        card = data_card(history, rate, stopped, self._library(), zone_, self._words(), turn.lang)
        return lambda _work: card

    def _erase(self, work: Work, turn: Turn) -> Card:
        self._store.erase(work.tx, turn.person.key, work.at - KEEP_DAYS)
        work.audit(turn.person.key, "learning.erase", turn.person.key)
        return self._card(turn, "learning.data.gone")

    def home(self, person: Person) -> list[Block]:
        """How often tips come, and the buttons that change it."""
        say, lang = self._words().say, person.language
        record = self._store.records([person.key], 0.0).get(person.key) if person.key else None
        rate, stopped = (record.rate, record.stopped) if record else (1.0, False)
        pace = say(lang, f"learning.pace.{'stopped' if stopped else 'full' if rate >= 1 else 'less'}")
        names = ("resume",) if stopped else ("less", "stop")
        buttons = [Button(say(lang, f"learning.button.{name}"), f"learning.{name}") for name in names]
        buttons.append(Button(say(lang, "home.my_data"), "learning.mydata"))
        return [
            Text(say(lang, "home.tips"), "strong"),
            Text(say(lang, "home.pace", pace=pace)),
            Buttons(tuple(buttons)),
        ]

    # words

    def _words(self) -> Words:
        return self._organisation().words

    def _say(self, turn: Turn, key: str) -> str:
        return self._words().say(turn.lang, key)

    def _card(self, turn: Turn, key: str, *buttons: Button) -> Card:
        return say_card(self._words(), turn.lang, key, *buttons)

    def _zone(self, turn: Turn) -> ZoneInfo:
        return zone(turn.person.timezone) or zone(self._organisation().file.timezone) or ZoneInfo("UTC")
